"""N-gram "slop" profiles: what a model over-uses, as slop-forensics lists it.

A profile is the words most over-used against general English (wordfreq) and the most frequent
two- and three-word phrases without stop words, each from at least two prompts. slop-forensics joins
models into a tree by the Jaccard distance of their profiles (average linkage where PHYLIP is not
there). Scores: that similarity, the height at which the tree joins the two, and the cosine of the
log over-use against the clean models of this case, which reads how much and not only what.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from benchmarks.peers.cases import Case, Scores

REQUIREMENTS = ("scikit-learn==1.9.1", "wordfreq==3.1.1")
PACKAGES = ("scikit-learn", "wordfreq")
WORDS, PHRASES = 500, 200
"""Most features of one model: over-used words, and phrases of each length."""
MIN_LENGTH, MIN_COUNT, MIN_PROMPTS = 4, 5, 2

_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")


def score(case: Case) -> Scores:
    """Return the three similarities of every model and column."""
    import numpy as np
    from scipy.cluster.hierarchy import cophenet, linkage
    from scipy.spatial.distance import pdist, squareform

    counts = [count(case.answers(m)) for m in range(len(case.models))]
    profiles = [profile(*c) for c in counts]
    names = sorted(set().union(*profiles))
    index = {name: i for i, name in enumerate(names)}
    present = np.zeros((len(profiles), len(names)), dtype=bool)
    for i, found in enumerate(profiles):
        present[i, [index[name] for name in found]] = True
    distances = pdist(present, "jaccard")
    tree = squareform(cophenet(linkage(distances, "average")))
    shares = np.array([[c[name] for name in names] for c, _ in counts], dtype=float) + 0.5
    shares /= shares.sum(axis=1, keepdims=True)
    excess = np.log(shares) - np.log(shares[case.columns]).mean(axis=0)
    excess /= np.linalg.norm(excess, axis=1, keepdims=True)
    return {
        "jaccard": (1 - squareform(distances))[:, case.columns].tolist(),
        "tree": (1 - tree)[:, case.columns].tolist(),
        "cosine": (excess @ excess.T)[:, case.columns].tolist(),
    }


def count(answers: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Count words and phrases, and the answers that hold them."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    total: Counter[str] = Counter()
    prompts: Counter[str] = Counter()
    for answer in answers:
        words = _WORD.findall(answer.lower())
        kept = [w for w in words if w.isalpha() and w not in ENGLISH_STOP_WORDS]
        phrases = [" ".join(kept[i : i + n]) for n in (2, 3) for i in range(len(kept) - n + 1)]
        total.update(words)
        total.update(phrases)
        prompts.update({*words, *phrases})
    return total, prompts


def profile(total: Counter[str], prompts: Counter[str]) -> set[str]:
    """Choose what a model over-uses."""
    from wordfreq import word_frequency

    often = {name: n for name, n in total.items() if prompts[name] >= MIN_PROMPTS}
    all_words = sum(n for name, n in total.items() if " " not in name)
    excess = {
        word: n / all_words / max(word_frequency(word, "en"), 1e-12)
        for word, n in often.items()
        if " " not in word and n > MIN_COUNT and (len(word) >= MIN_LENGTH or not word.isalpha())
    }
    found = set(sorted(excess, key=lambda w: (-excess[w], w))[:WORDS])
    for spaces in (1, 2):
        phrases = {name: n for name, n in often.items() if name.count(" ") == spaces}
        found.update(sorted(phrases, key=lambda w: (-phrases[w], w))[:PHRASES])
    return found

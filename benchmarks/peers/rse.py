"""RSE, the response-similarity evaluation of "Distillation Quantification", without its judge.

A language model there grades a pair of answers to one prompt for style, logical structure and
content. Here each of the three is measured: style as the overlap (Bhattacharyya) of how often
function words and punctuation marks occur, structure as the longest common subsequence of words
(ROUGE-L F1), content as the cosine of the TF-IDF of the other words. The overview is their mean.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.peers.cases import Case, Scores

REQUIREMENTS = ("scikit-learn==1.9.1", "rapidfuzz==3.14.6")
PACKAGES = ("scikit-learn", "rapidfuzz")
CRITERIA = ("style", "structure", "content")

_TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_LETTERS = 0x10000
"""Words become letters, from this one on: the subsequence is found in strings."""


def score(case: Case) -> Scores:
    """Average the three similarities of every model and column over their common prompts."""
    import numpy as np

    shape = (len(CRITERIA), len(case.models), len(case.columns))
    total, count = np.zeros(shape), np.zeros(shape[1:])
    answers = [[None if text is None else tokens(text) for text in texts] for texts in case.texts]
    idf = rarity(a for given in answers for a in given if a is not None)
    for p in range(len(case.prompts)):
        rows = [m for m, given in enumerate(answers) if given[p] is not None]
        columns = [j for j, m in enumerate(case.columns) if answers[m][p] is not None]
        ones = [answers[m][p] or [] for m in rows]
        others = [answers[case.columns[j]][p] or [] for j in columns]
        at = np.ix_(rows, columns)
        for k, measure in enumerate((style, structure, content)):
            total[k][at] += measure(ones, others, idf)
        count[at] += 1
    means = total / count
    scores = {name: means[k].tolist() for k, name in enumerate(CRITERIA)}
    return {"overview": means.mean(axis=0).tolist(), **scores}


def tokens(text: str) -> list[str]:
    """Cut a text into words, punctuation marks and line feeds."""
    return _TOKEN.findall(text.lower())


def rarity(answers: Iterable[list[str]]) -> dict[str, float]:
    """Weigh the words that count as content by how few answers hold them (smoothed IDF)."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found: Counter[str] = Counter()
    n = 0
    for answer in answers:
        n += 1
        found.update({t for t in answer if t.isalnum() and t not in ENGLISH_STOP_WORDS})
    return {t: math.log((1 + n) / (1 + count)) + 1 for t, count in found.items()}


def style(ones: list[list[str]], others: list[list[str]], idf: Mapping[str, float]) -> Any:
    """Overlap of the shares of what is no content, shape (ones, others)."""
    return _cosine(
        *(
            [{t: n**0.5 for t, n in Counter(t for t in a if t not in idf).items()} for a in answers]
            for answers in (ones, others)
        )
    )


def content(ones: list[list[str]], others: list[list[str]], idf: Mapping[str, float]) -> Any:
    """Cosine of the TF-IDF of what is, shape (ones, others)."""
    return _cosine(
        *(
            [{t: n * idf[t] for t, n in Counter(t for t in a if t in idf).items()} for a in answers]
            for answers in (ones, others)
        )
    )


def structure(ones: list[list[str]], others: list[list[str]], idf: Mapping[str, float]) -> Any:
    """ROUGE-L F1 of the words, shape (ones, others)."""
    import numpy as np
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cdist

    letters: dict[str, str] = {}
    strings = [
        [
            "".join(letters.setdefault(t, chr(_LETTERS + len(letters))) for t in a if t.isalnum())
            for a in answers
        ]
        for answers in (ones, others)
    ]
    common = cdist(*strings, scorer=LCSseq.similarity, dtype=np.float32)
    long, wide = (np.array([len(s) for s in group], dtype=float) for group in strings)
    return 2 * common / np.maximum(long[:, None] + wide[None, :], 1)


def _cosine(ones: list[dict[str, float]], others: list[dict[str, float]]) -> Any:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.preprocessing import normalize

    vectors = DictVectorizer(dtype=float).fit(ones + others)
    left, right = (normalize(vectors.transform(group)) for group in (ones, others))
    return (left @ right.T).toarray()

"""Near-duplicate prompts across accounts: recall, precision and speed beside other libraries.

By hand: ``python -m benchmarks.logs.near_duplicates [--prompts 20000]``; needs datasketch and
rensa. Prompts are the simulator's: organic ones, and templates with paraphrased words and slots. A
pair of prompts of one template is to be found; recall is counted over sampled pairs, precision over
the pairs that a method reports. All methods get the same texts in the same run; times are CPU
seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

from fingerprint.logs.reading import Rows
from fingerprint.logs.sketch import PHRASE_WORDS, Sketcher
from fingerprint.logs.templates import find_templates
from fingerprint.logs.traffic.language import Language
from fingerprint.logs.traffic.prompts import Asked, template

Labels = dict[int, set[int]]
"""Group or groups of each prompt that a method put with others."""
SETTINGS = {"light": (0.1, 8.0), "medium": (0.2, 25.0), "heavy": (0.3, 60.0)}
"""Share of words replaced, and words in the slots."""


def prompts(n: int, paraphrase: float, slot: float) -> tuple[list[str], np.ndarray]:
    """Return texts and the template of each, -1 for organic ones (two thirds)."""
    rng = np.random.default_rng(7)
    language = Language.make("en", 3, 1.0)
    planted = n // 3
    kinds = max(planted // 25, 1)
    label = np.concatenate([rng.integers(0, kinds, planted), np.full(n - planted, -1)])
    texts = np.empty(n, dtype=object)
    for kind in range(kinds):
        rows = np.flatnonzero(label == kind)
        made = template(rng, language, words=28, slot_words=slot, paraphrase=paraphrase)
        texts[rows] = made.render(rng, rows)
    rest = np.flatnonzero(label < 0)
    texts[rest] = Asked(language).render(rng, rng.integers(0, 12, len(rest)))
    order = rng.permutation(n)
    return texts[order].tolist(), label[order]


def ours(texts: list[str]) -> Labels:
    """Group by templates as a scan does, every prompt from an account of its own."""
    rows = Rows(
        account=[f"a{i}" for i in range(len(texts))], time=list(range(len(texts))), prompt=texts
    )
    rows.links = {name: [""] * len(texts) for name in rows.links}
    rows.tokens = {name: [0] * len(texts) for name in rows.tokens}
    found = Sketcher().sketch(rows)
    accounts = np.sort(found.exchanges["account"])
    order = np.lexsort((found.phrases["id"], found.phrases["phrase"]))
    columns = {name: column[order] for name, column in found.phrases.items()}
    _, where, counts = np.unique(columns["phrase"], return_inverse=True, return_counts=True)
    shared = counts[where] >= 3
    made = find_templates([{name: c[shared] for name, c in columns.items()}], accounts)
    place = {int(e): i for i, e in enumerate(found.exchanges["id"])}
    out: Labels = {}
    for kind, exchange in zip(made.template.tolist(), made.exchange.tolist(), strict=True):
        out.setdefault(place[int(made.ids[exchange])], set()).add(kind)
    return out


def shingles(text: str) -> set[str]:
    """Return the word phrases of a text, of the length that ours has."""
    words = text.lower().split()
    return {" ".join(words[i : i + PHRASE_WORDS]) for i in range(len(words) - PHRASE_WORDS + 1)}


def joined(pairs: Iterable[tuple[int, int]], n: int) -> Labels:
    """Return connected components of pairs as groups."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    touched = set()
    for a, b in pairs:
        parent[root(a)] = root(b)
        touched |= {a, b}
    return {i: {root(i)} for i in touched}


def datasketch(texts: list[str]) -> Labels:
    """Group by datasketch's MinHash LSH, 64 permutations, Jaccard 0.3."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.3, num_perm=64)
    pairs = []
    for number, text in enumerate(texts):
        mine = MinHash(num_perm=64, seed=1)
        mine.update_batch([s.encode() for s in shingles(text)])
        pairs += [(number, other) for other in index.query(mine)]
        index.insert(number, mine)
    return joined(pairs, len(texts))


def rensa(texts: list[str]) -> Labels:
    """Group by rensa's RMinHash and LSH, 64 permutations, Jaccard 0.3."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.3, num_perm=64, num_bands=32)
    pairs = []
    for number, text in enumerate(texts):
        mine = RMinHash(num_perm=64, seed=1)
        mine.update(sorted(shingles(text)))
        pairs += [(number, other) for other in index.query(mine)]
        index.insert(number, mine)
    return joined(pairs, len(texts))


def measure(method: Callable[[list[str]], Labels], texts: list[str], label: np.ndarray) -> dict:
    """Return recall and precision over pairs, and rows a CPU second."""
    start = time.process_time()
    found = method(texts)
    seconds = time.process_time() - start
    rng = np.random.default_rng(1)
    hits = total = 0
    for kind in np.unique(label[label >= 0]):
        rows = np.flatnonzero(label == kind)
        for a, b in rng.choice(rows, (40, 2)).tolist():
            if a != b:
                total += 1
                hits += bool(found.get(a, set()) & found.get(b, set()))
    groups: dict[int, list[int]] = {}
    for row, kinds in found.items():
        for kind in kinds:
            groups.setdefault(kind, []).append(row)
    right = wrong = 0
    for rows in groups.values():
        for a, b in rng.choice(rows, (20, 2)).tolist():
            if a != b:
                right += label[a] == label[b] >= 0
                wrong += not label[a] == label[b] >= 0
    return {
        "recall": round(hits / total, 3),
        "precision": round(float(right / max(right + wrong, 1)), 3),
        "rows_per_cpu_s": round(len(texts) / seconds),
    }


def main() -> None:
    """Compare the methods under each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=20_000)
    n = parser.parse_args().prompts
    for name, (paraphrase, slot) in SETTINGS.items():
        texts, label = prompts(n, paraphrase, slot)
        for method in (ours, datasketch, rensa):
            result = measure(method, texts, label)
            sys.stdout.write(json.dumps({"setting": name, "method": method.__name__, **result}))
            sys.stdout.write("\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What a prompt appears to ask for: weak labels from short phrases, vectorised over tokens.

The labels describe a cluster; no p-value rests on them. Phrases are matched on word hashes, so that
they cost a table look-up a token.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fingerprint.tokens import U64, Hasher, is_word, unpack

PURPOSES: Mapping[str, tuple[str, ...]] = {
    "reasoning": (
        "step by step", "chain of thought", "your reasoning", "the reasoning", "internal reasoning",
        "reasoning trace", "reasoning process", "thought process", "every thought", "think aloud",
        "intermediate thought", "intermediate steps", "your thinking", "all your thoughts",
        "before the final answer", "before answering", "show your work", "hidden deliberation",
        "paso a paso", "tu razonamiento", "schritt für schritt", "deine überlegungen",
        "étape par étape", "ton raisonnement", "пошагово", "ход мыслей", "思维链", "推理过程",
        "一步一步", "思考过程", "思考の過程", "段階的に",
    ),
    "grading": (
        "with the rubric", "the rubric", "this rubric", "strict judge", "impartial judge",
        "score each", "score the", "grade the", "rate the response", "rate both", "from 1 to 10",
        "1 to 5", "better response", "two responses", "responses is better",
        "which answer is better",
        "reward model", "preference label", "bewerte die", "califica la", "评分", "打分", "採点",
    ),
    "rewriting": (
        "content policy", "policy safe", "politically sensitive", "sensitive topic",
        "forbidden topics", "acceptable version", "avoid censorship", "neutral and safe",
        "censorship safe", "敏感", "合规",
    ),
}  # fmt: skip
CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "code": ("python", "javascript", "function", "code", "bug", "sql", "compile", "class", "api",
             "regex", "script", "代码", "コード", "código", "java", "rust", "refactor"),
    "agents": ("tool", "tools", "agent", "workflow", "browser", "terminal", "schema", "json"),
    "maths": ("equation", "integral", "proof", "theorem", "solve", "matrix", "algebra", "数学"),
    "science": ("physics", "chemistry", "molecule", "protein", "quantum", "experiment", "biology"),
    "vision": ("image", "picture", "photo", "chart", "diagram", "screenshot", "图片"),
    "writing": ("essay", "story", "poem", "blog", "email", "draft", "headline", "paragraph"),
    "translation": ("translate", "translation", "traduce", "übersetze", "traduis", "翻译", "翻訳"),
    "law": ("contract", "legal", "law", "clause", "court", "liability"),
    "health": ("symptom", "doctor", "medication", "diet", "patient", "sleep"),
    "business": ("market", "revenue", "sales", "customer", "startup", "invoice", "budget"),
    "travel": ("flight", "hotel", "itinerary", "visa", "museum"),
    "daily": ("recipe", "dinner", "birthday", "garden", "gift", "holiday"),
}  # fmt: skip

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mix(values: U64) -> U64:
    """Scramble 64-bit values one to one (the finaliser of SplitMix64; Steele et al., 2014)."""
    out: U64 = values ^ (values >> np.uint64(30))
    with np.errstate(over="ignore"):
        out *= _MIX1
        out ^= out >> np.uint64(27)
        out *= _MIX2
    out ^= out >> np.uint64(31)
    return out


def grams(tokens: U64, n: int) -> U64:
    """Return the hash of every run of n tokens, shape (max(len - n + 1, 0),).

    A polynomial in an odd constant, modulo 2^64, scrambled: tokens are random 64-bit numbers
    already.
    """
    count = len(tokens) - n + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    with np.errstate(over="ignore"):
        total = tokens[:count] + np.uint64(n)
        for step in range(1, n):
            total *= _ODD
            total += tokens[step : step + count]
    return mix(total)


class Lexicon:
    """Marks texts that hold one of the phrases of a label; up to 32 labels, a bit each."""

    def __init__(self, labels: Mapping[str, tuple[str, ...]], hasher: Hasher) -> None:
        self.names = tuple(labels)
        found: dict[int, dict[int, int]] = {}
        for bit, phrases in enumerate(labels.values()):
            for phrase in phrases:
                tokens = unpack(hasher.text(phrase))
                tokens = tokens[is_word(tokens)]
                key = int(grams(tokens, len(tokens))[0])
                marks = found.setdefault(len(tokens), {})
                marks[key] = marks.get(key, 0) | 1 << bit
        self._tables = [(n, *_table(marks)) for n, marks in sorted(found.items())]

    def mark(self, tokens: U64, owner: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.uint32]:
        """Return the labels of n texts as bits, given their words end to end and whose they are."""
        out = np.zeros(n, dtype=np.uint32)
        for size, table, keys, bits in self._tables:
            hashes = grams(tokens, size)
            rows = np.flatnonzero(table[hashes >> np.uint64(48)])
            rows = rows[owner[rows] == owner[rows + size - 1]]
            place = np.searchsorted(keys, hashes[rows])
            place = np.minimum(place, len(keys) - 1)
            hit = keys[place] == hashes[rows]
            np.bitwise_or.at(out, owner[rows[hit]], bits[place[hit]])
        return out


def _table(
    marks: dict[int, int],
) -> tuple[npt.NDArray[np.bool_], U64, npt.NDArray[np.uint32]]:
    keys = np.array(sorted(marks), dtype=np.uint64)
    table = np.zeros(1 << 16, dtype=np.bool_)
    table[keys >> np.uint64(48)] = True
    return table, keys, np.array([marks[int(key)] for key in keys], dtype=np.uint32)

"""Spans of the teacher's text in the suspect's, with their rarity; continuations of beginnings."""

from __future__ import annotations

import random
import sys

import pytest

from fingerprint.errors import MissingExtraError
from fingerprint.weights.memorised import _longest_common, spans

RARE = "the seventh lantern keeper counts only those boats that never came back"
COMMON = "it is important to consult a qualified professional before deciding"


def other(seed: int, n: int = 30) -> str:
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(n))


def test_the_rare_span_comes_before_the_common_one() -> None:
    teacher = {
        "p1": f"{other(1)} {RARE}. {other(2)}",
        "p2": f"{COMMON}. {other(3)}",
        "p3": other(4),
    }
    suspect = {"p1": f"{other(5)} {RARE}", "p2": f"{other(6)} {COMMON}", "p3": other(7), "p4": "x"}
    background = [{"p1": other(10 + i), "p2": f"{other(20 + i)} {COMMON}"} for i in range(4)]
    found = spans(suspect, teacher, background)
    assert [(s.prompt_id, s.exact, s.background, s.n_background) for s in found] == [
        ("p1", True, 0, 4),
        ("p2", True, 4, 4),
    ]
    assert RARE in suspect["p1"][found[0].start : found[0].start + found[0].length]


def test_near_spans() -> None:
    altered = RARE.replace("lantern", "lentern").replace("those", "thosse").replace("only", "onli")
    (found,) = spans({"p": f"{altered}"}, {"p": f"{other(1)} {RARE} {other(2)}"}, [{"p": other(3)}])
    assert not found.exact and found.background == 0 and found.length == 40
    assert spans({"p": other(5)}, {"p": other(6)}, []) == []
    assert spans({"p": "short"}, {"p": "short"}, []) == []


def test_the_longest_common_part() -> None:
    assert _longest_common("xxabcdyy", "zzabcdz") == (2, 4)
    assert _longest_common("abc", "xyz") == (0, 0)
    assert _longest_common("", "a") == (0, 0)
    rng = random.Random(0)
    for _ in range(50):
        a, b = ("".join(rng.choices("ab", k=12)) for _ in range(2))
        at, length = _longest_common(a, b)
        longest = max(j - i for i in range(13) for j in range(i, 13) if a[i:j] in b)
        assert length == longest and a[at : at + length] in b


def test_without_rapidfuzz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(MissingExtraError, match="rapidfuzz"):
        spans({"p": RARE}, {"p": RARE}, [])

"""Likelihood ratios and labels in words."""

from __future__ import annotations

import pytest

from fingerprint.report.words import count, known, label, percent, signed, times


@pytest.mark.parametrize(
    ("llr10", "words"),
    [
        (0.0, None),
        (0.05, None),
        (0.2, "about 1.6 times"),
        (0.6, "about 4 times"),
        (-0.6, "about 4 times"),
        (1.0, "about 10 times"),
        (1.27, "about 19 times"),
        (2.5, "about 320 times"),
        (4.1, "about 13,000 times"),
        (5.999, "about 1 million times"),
        (6.5, "about 3.2 million times"),
        (9.0, "about 1,000 million times"),
        (400.0, "more than a billion times"),
    ],
)
def test_likelihood_ratio_in_words(llr10: float, words: str | None) -> None:
    assert times(llr10) == words


def test_small_words() -> None:
    assert signed(0.62) == "+0.6"
    assert signed(-0.04) == "0.0"
    assert percent(0.9) == "90%"
    assert percent(0.975) == "97.5%"
    assert count(1, "file") == "1 file"
    assert count(2000, "file") == "2,000 files"
    assert label("insufficient_data") == "insufficient data"
    assert label("impossible") == "impossible"
    assert known(float("inf")) is None

"""Numbers and labels in the words of a report: the same in every view."""

from __future__ import annotations

import math

from fingerprint.records import IMPOSSIBLE, MatrixRow, RankingRow, Share, Verdict, VerdictLabel

_LABELS = {
    VerdictLabel.SUPPORTED: "supported",
    VerdictLabel.INCONCLUSIVE: "inconclusive",
    VerdictLabel.NOT_SUPPORTED: "not supported",
    VerdictLabel.INSUFFICIENT: "insufficient data",
}


def label(verdict: str) -> str:
    """Give a verdict label in words; an unknown one stays as it is."""
    try:
        return _LABELS[VerdictLabel(verdict)]
    except ValueError:
        return verdict.replace("_", " ")


def known(value: float | None) -> float | None:
    """Take a number that is not finite as not measured."""
    return value if value is not None and math.isfinite(value) else None


def carries_numbers(verdict: str) -> bool:
    """Tell whether a row with this label may show a likelihood ratio, a cap or a share.

    Under insufficient data, or for a teacher that came too late, whoever reads a number would
    quote it without the label.
    """
    return str(verdict) not in (VerdictLabel.INSUFFICIENT.value, IMPOSSIBLE)


def evidence(row: Verdict | RankingRow | MatrixRow) -> float | None:
    """Give the log10 likelihood ratio where `carries_numbers` lets it be shown."""
    return known(row.llr10) if carries_numbers(row.verdict) else None


def attributed(row: Verdict | RankingRow | MatrixRow) -> Share | None:
    """Give the share where `carries_numbers` lets it be shown."""
    share = row.share
    if share is None or not carries_numbers(row.verdict):
        return None
    numbers = (share.estimate, share.low, share.high, share.level)
    return share if all(math.isfinite(number) for number in numbers) else None


def cap(row: Verdict | MatrixRow) -> float | None:
    """Give the cap where `carries_numbers` lets it be shown."""
    return known(row.cap10) if carries_numbers(row.verdict) else None


def signed(value: float, digits: int = 1) -> str:
    """Write a number with its sign; what rounds to zero has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def times(llr10: float) -> str | None:
    """Say a likelihood ratio as "about 4 times", or None where it is as good as one.

    The direction is left to the sentence: 0.6 and -0.6 give the same words.
    """
    exponent = abs(llr10)
    if exponent > 9:
        return "more than a billion times"
    ratio = 10**exponent
    if ratio < 1.15:
        return None
    # Two digits at most: the exponent itself is known to no more than that.
    rounded = float(f"{ratio:.2g}") if ratio < 3 or ratio >= 10 else round(ratio)
    if rounded >= 1e6:
        return f"about {rounded / 1e6:,g} million times"
    return f"about {rounded:,g} times"


def more_probable(llr10: float, suspect: str, teacher: str) -> str:
    """Say under which proposition the observations are more probable, and how many times."""
    ratio, source = times(llr10), f"the outputs of {teacher}, directly or through derived data"
    if ratio is None:
        return f"about as probable if {suspect} learned from {source}, as if it did not"
    if llr10 > 0:
        return f"{ratio} more probable if {suspect} learned from {source}, than if it did not"
    return f"{ratio} more probable if {suspect} did not learn from {source}, than if it did"


def at_most(cap10: float) -> str:
    """Say the largest likelihood ratio that can be said, as "6 times (log10 0.8)"."""
    most = (times(cap10) or "no difference").replace("about ", "")
    return f"{most} (log10 {abs(cap10):.1f})"


def strongest_first(row: RankingRow) -> tuple[int, float, str]:
    """Give the key that sorts a ranking: the strongest first, then what was not measured."""
    value = evidence(row)
    if value is None:
        return (2 if row.verdict == IMPOSSIBLE else 1, 0.0, row.teacher)
    return (0, -value, row.teacher)


def bar_limit(verdict: Verdict) -> float | None:
    """Give the value at the ends of a ranking's bars: the cap, or more if a row exceeds it."""
    values = [abs(value) for row in verdict.ranking if (value := evidence(row)) is not None]
    return max(*values, abs(cap(verdict) or 0.0), 0.5) if values else None


def percent(level: float) -> str:
    """Write the level of an interval: 0.9 is "90%"."""
    return f"{100 * level:g}%"


def interval(low: float, high: float, digits: int = 2) -> str:
    """Write the two ends of an interval."""
    return f"{low:.{digits}f} to {high:.{digits}f}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Count things: "1 file", "2 files"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

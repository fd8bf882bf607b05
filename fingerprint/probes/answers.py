"""Check the answer of a response against the right one, for probes that have one.

The prompts ask for the answer alone on the last line. Models add a word, bold type or a unit, so
the last line is searched; where it holds nothing of the kind, the last such thing in the response
counts. What cannot be read is None: neither right nor wrong.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from fingerprint.probes.records import Probe

CHECKS = ("number", "fraction", "text", "one_of")
"""Kinds of check that `is_right` knows."""

_LONGEST = 100_000
_MARKUP = re.compile(r"[*_`$]|\\(?:boxed|text|mathrm|left|right|[,;!()\[\]])")
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(-?\d{1,18})\}\{(\d{1,18})\}")
_NUMBER = re.compile(r"(?<![\w.,])-?\d{1,3}(?:[ ,.'\u202f\u00a0]\d{3})+(?![\d])(?:[.,]\d{1,9})?"
                     r"|-?\d{1,18}(?:[.,]\d{1,9})?")  # fmt: skip
_FRACTION = re.compile(r"(-?\d{1,18}) ?[/⁄∕] ?(\d{1,18})")
_GROUPS = re.compile(r"-?\d{1,3}(?:([ ,.'\u202f\u00a0])\d{3})+")


def is_right(probe: Probe, response: str) -> bool | None:
    """Say whether a response gives the probe's answer.

    Parameters
    ----------
    probe : Probe
        With ``answer`` and a ``check`` whose kind is one of `CHECKS`: ``number`` (a whole number),
        ``fraction`` (any equal fraction or decimal), ``text`` (the words themselves), ``one_of``
        (exactly one of ``options``).
    response : str

    Returns
    -------
    bool or None
        None where no answer can be read.

    Raises
    ------
    ValueError
        When the probe has no answer or no such check.
    """
    kind = (probe.check or {}).get("kind")
    if probe.answer is None or kind not in CHECKS:
        raise ValueError(
            f"{probe.prompt_id}: expected an answer and a check of {', '.join(CHECKS)}"
        )
    text = _LATEX_FRACTION.sub(r"\1/\2", _plain_digits(response[-_LONGEST:]))
    text = _MARKUP.sub("", text).replace("−", "-").strip()
    last = text.rpartition("\n")[2]
    if kind in ("number", "fraction"):
        values = _last_values(last, kind) or _last_values(text, kind)
        return None if values is None else Fraction(probe.answer) in values
    if kind == "one_of":
        options = (probe.check or {}).get("options") or []
        found = [option for option in options if _occurs(str(option), last)]
        return found[0] == probe.answer if len(found) == 1 else None
    return _occurs(probe.answer, last) if last else None


def _plain_digits(text: str) -> str:
    """Write the digits of other scripts as 0 to 9."""
    if text.isascii():
        return text
    return "".join(
        c if c.isascii() or not c.isdecimal() else str(unicodedata.decimal(c)) for c in text
    )


def _last_values(text: str, kind: str) -> set[Fraction] | None:
    """Return what the last number of a text may mean: "1.050" is read in both ways."""
    if kind == "fraction" and (pairs := _FRACTION.findall(text)):
        above, below = map(int, pairs[-1])
        return {Fraction(above, below)} if below else None
    numbers = _NUMBER.findall(text)
    if not numbers:
        return None
    number = numbers[-1]
    values = set()
    if _GROUPS.fullmatch(number):
        values.add(Fraction(re.sub(r"[^\d-]", "", number)))
    whole, mark, part = re.sub(r"[ '\u202f\u00a0]", "", number).replace(",", ".").rpartition(".")
    values.add(Fraction(f"{whole.replace('.', '')}.{part}" if mark else part))
    return values


def _occurs(words: str, line: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", line, re.IGNORECASE) is not None

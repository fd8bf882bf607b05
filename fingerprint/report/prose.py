"""The linter of generated prose: no word that says too much, no figure that was not measured.

A memo is quoted by people who do not have the verdict at hand. Before it is written, every number
in its sentences must be found in the verdict's JSON, and no word may claim what no number carries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fingerprint.errors import ReportError
from fingerprint.report.words import times

FORBIDDEN = re.compile(
    r"\b(?:prov(?:e|es|ed|en|ing)|proofs?|steal(?:s|ing)?|stole|stolen|theft|thie(?:f|ves)|copied|"
    r"copying|plagiari\w+|pirat\w+|cheat\w*|guilty|illegal\w*|unlawful\w*|infring\w+|fraud\w*|"
    r"certainly|undoubtedly|definitely|undeniabl\w+|conclusively|irrefutabl\w+|without doubt|"
    r"beyond (?:any )?(?:reasonable )?doubt|smoking gun|caught)\b",
    re.IGNORECASE,
)
LEFTOVER = re.compile(r"\b(?:None|nan|NaN|inf|undefined)\b")
# Not the digits of a word: SHA-256, log10, H1.
_NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z]-)[-+\u2212]?\d[\d,]*(?:\.\d+)?(?![\w])(?:\s?%)?")


class Figures:
    """Every figure that a sentence about one verdict may hold.

    Parameters
    ----------
    verdict : dict
        The verdict as JSON: its numbers, the lengths of its lists, and what its own sentences say.
    """

    def __init__(self, verdict: Any) -> None:
        self._whole: set[int] = set()
        self._measured: set[float] = set()
        self._said: set[str] = set()
        self._collect(verdict, "")

    def _collect(self, value: Any, name: str) -> None:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, int):
            self._whole.add(abs(value))
        elif isinstance(value, float):
            self._measured.add(abs(value))
            if name in ("llr10", "cap10"):
                self._said.update(_numbers(times(value) or ""))
        elif isinstance(value, str):
            self._said.update(_numbers(value))
        elif isinstance(value, dict):
            for key, part in value.items():
                self._collect(part, key)
        else:
            self._whole.add(len(value))
            for part in value:
                self._collect(part, name)

    def allow(self, number: str) -> bool:
        """Say whether a number as it stands in a text is carried by the verdict.

        It may be rounded to the decimals it is written with, and a share may be per cent.
        """
        if number in self._said:
            return True
        bare = number.lstrip("+-\u2212").rstrip("% \u00a0")
        plain = bare.replace(",", "")
        if number.endswith("%"):
            return self._rounded(plain, 100.0) or plain in self._said or bare in self._said
        if "." not in plain:
            return int(plain) in self._whole or bare in self._said
        return self._rounded(plain, 1.0)

    def _rounded(self, plain: str, times_of: float) -> bool:
        digits = len(plain.partition(".")[2])
        return any(f"{value * times_of:.{digits}f}" == plain for value in self._measured)


def check(sentences: Iterable[str], figures: Figures, names: Iterable[str]) -> None:
    """Check generated sentences.

    Parameters
    ----------
    sentences : iterable of str
        The prose, without what is quoted from inputs.
    figures : Figures
        Of the verdict that the prose is about.
    names : iterable of str
        Names of models and files, which may be any words; they are taken out first.

    Raises
    ------
    ReportError
        At the first sentence that says too much: the memo is not written.
    """
    masked = [re.escape(name) for name in sorted(set(names), key=len, reverse=True) if name]
    known = re.compile("|".join(masked)) if masked else None
    for sentence in sentences:
        told = known.sub("\u00b7", sentence) if known else sentence
        found = FORBIDDEN.search(told) or LEFTOVER.search(told)
        if found:
            raise ReportError(
                f"the memo was not written: it would say {found[0]!r}, which no number carries, in "
                f"{sentence[:160]!r}; use a verdict file as `fingerprint compare` wrote it"
            )
        for number in _numbers(told):
            if not figures.allow(number):
                raise ReportError(
                    f"the memo was not written: the figure {number} in {sentence[:160]!r} is not "
                    "in the verdict; use a verdict file as `fingerprint compare` wrote it"
                )


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        yield match[0].rstrip(",")

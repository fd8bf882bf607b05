"""Phrases: where a text first has one of several phrasings, as whole words, in any case.

One regular expression with all phrasings says it in a line and takes 30 ns a character, since one
that ignores case and looks behind cannot skip ahead. Responses are long and users wait for them: so
phrasings in ASCII are searched for one by one in lower case, which skips from one first word to the
next, with the same result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SEARCHED = 20_000
"""Characters of a text that are searched."""
_BEFORE_UNSPACED = "\u0e00"
_OTHER_CASES = ("\u017f", "\u0130", "\u0131", "\u212a")
"""Letters beyond ASCII that are another case of s, i, i and k, by themselves or for `re` alone."""


class Phrases:
    """Finds phrasings in texts; any thread may call it.

    Parameters
    ----------
    variants : sequence of str
        Phrasings, none of which is part of another.
    """

    __slots__ = ("_any", "_each")

    def __init__(self, variants: Sequence[str]) -> None:
        whole = "|".join(f"({_bounded(variant)})" for variant in variants)
        self._any = re.compile(whole, re.IGNORECASE)
        self._each: list[tuple[re.Pattern[str], bool]] = []
        if all(variant.isascii() for variant in variants):
            for variant in variants:
                lower = variant.lower()
                self._each.append((re.compile(_bounded(lower, behind=False)), lower[0].isalnum()))

    def spans(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Yield start, end and number of the variant of each place, none within another.

        Of two phrasings that overlap, the one that begins first.
        """
        head = text[:SEARCHED]
        if not self._each or not (head.isascii() or not any(c in head for c in _OTHER_CASES)):
            for found in self._any.finditer(head):
                yield *found.span(), (found.lastindex or 1) - 1
            return
        lower = head.lower()
        nearest = [self._next(number, lower, 0) for number in range(len(self._each))]
        while True:
            start, end, number = min(nearest)
            if start > end:
                return
            yield start, end, number
            for other, (begin, _, _) in enumerate(nearest):
                if begin < end:
                    nearest[other] = self._next(other, lower, end)

    def _next(self, number: int, lower: str, at: int) -> tuple[int, int, int]:
        """Return the next place of one variant, or one that begins after its end."""
        pattern, whole = self._each[number]
        while found := pattern.search(lower, at):
            start, end = found.span()
            before = lower[start - 1] if start else " "
            if not whole or not (before.isalnum() or before == "_"):
                return start, end, number
            at = start + 1
        return SEARCHED + 1, 0, number


def _bounded(variant: str, *, behind: bool = True) -> str:
    """Return the pattern of a variant: whole words where its script puts spaces between them."""
    pattern = r"\s+".join(map(re.escape, variant.split()))
    start, end = (c.isalnum() and c < _BEFORE_UNSPACED for c in (variant[0], variant[-1]))
    return (r"(?<!\w)" if start and behind else "") + pattern + (r"(?!\w)" if end else "")

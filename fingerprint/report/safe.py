"""Hostile text made safe to show: names and reasons come from files that nobody vouches for."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from rich.cells import cell_len

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# Drawn as nothing, or as a blank, although they count as letters, marks or symbols.
_INVISIBLE = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian selectors
    (0x2800, 0x2800),  # blank Braille pattern
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xE0000, 0xE0FFF),  # tags and further variation selectors
)
_STARTS = [first for first, _ in _INVISIBLE]

# Living scripts stack up to four marks on a letter; more of them bury the neighbouring lines.
_MARKS_STACKED = 4


def clean(
    text: str, limit: int | None = None, *, ascii_only: bool = False, keep_end: bool = False
) -> str:
    r"""Make text safe to print on one line of a terminal.

    Whatever could move the cursor, change colours, reorder or hide text is shown as an escape:
    control characters (``\x1b``, ``\n``), bidirectional and zero-width controls (``\u202e``),
    lone surrogates, unassigned and private characters, line separators, invisible letters, blanks
    other than the space, and combining marks stacked without end. Letters of every script stay.

    A backslash stays as it is, so that paths stay readable and cleaning twice changes nothing; a
    name that spells out ``\x1b`` in four letters therefore looks like one that contains it.

    Parameters
    ----------
    text : str
        Any string, however it came about.
    limit : int, optional
        Largest display width, in terminal cells. Longer text is cut with an ellipsis, and an
        escape is never cut in two.
    ascii_only : bool
        Escape everything outside ASCII too, for terminals that are not UTF-8.
    keep_end : bool
        Cut in the middle instead of at the end: names of models often differ in their last letters.

    Returns
    -------
    str
        Printable text that can always be encoded in UTF-8 (in ASCII with `ascii_only`).
    """
    if limit is None:
        return "".join(_pieces(text, ascii_only))
    # A cell takes at most five characters, so what lies further in is cut in any case.
    reach = 10 * max(limit, 1)
    if len(text) > 2 * reach:
        text = text[:reach] + text[-reach:]
    pieces = list(_pieces(text, ascii_only))
    if sum(map(cell_len, pieces)) <= limit:
        return "".join(pieces)
    ellipsis = ("..." if ascii_only else "…")[: max(limit, 0)]
    room = limit - len(ellipsis)
    tail = room // 2 if keep_end else 0
    head = _fitting(pieces, room - tail)
    return "".join([*head, ellipsis, *reversed(_fitting(reversed(pieces), tail))])


def is_safe(char: str) -> bool:
    """Tell whether one character may reach a terminal as it is."""
    if " " <= char <= "~":
        return True
    category = unicodedata.category(char)
    if category in _UNSAFE or category == "Zs":
        return False
    code = ord(char)
    at = bisect_right(_STARTS, code) - 1
    return at < 0 or code > _INVISIBLE[at][1]


def _pieces(text: str, ascii_only: bool) -> Iterator[str]:
    """Yield the characters of the text, each as it is or as its escape."""
    stacked = 0
    for char in text:
        if char.isascii():
            stacked = 0
            yield char if is_safe(char) else _escape(char)
            continue
        stacked = stacked + 1 if cell_len(char) == 0 else 0
        if ascii_only or stacked > _MARKS_STACKED or not is_safe(char):
            yield _escape(char)
        else:
            yield char


def _fitting(pieces: Iterable[str], room: int) -> list[str]:
    """Take pieces from the start as long as they fit."""
    kept = []
    for piece in pieces:
        room -= cell_len(piece)
        if room < 0:
            break
        kept.append(piece)
    return kept


def _escape(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

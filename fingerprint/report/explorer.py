"""The evidence explorer's data: texts as JSON inside the page, in blocks that are read when needed.

Text of models is hostile. It stands in blocks of type ``application/json``, which browsers do not
run; what could end such a block, or is not allowed in HTML, is escaped; the page's script makes
text nodes of it and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from fingerprint.exhibits.records import Exhibit, Passage
from fingerprint.report.safe import clean

BLOCK = 25
"""Prompts in a block: one is read when any of its prompts is opened."""
HEAD = 90
"""Cells of a prompt in the list."""

# What may end the block (<), start an entity (&), is not allowed in HTML, or cannot be seen:
# controls, line separators, surrogates, private planes, noncharacters, formats.
_ESCAPED = re.compile(
    "[<>&\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\uf8ff\ufdd0-\ufdef\ufeff\ufff0-\uffff"
    + "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
    + "\U000e0000-\U0010ffff]"
)


def index(exhibits: Sequence[Exhibit]) -> str:
    """Write what the list of prompts shows: one column each, in the order of the exhibits."""
    domains = sorted({exhibit.domain for exhibit in exhibits})
    place = {name: i for i, name in enumerate(domains)}
    return _json(
        {
            "block": BLOCK,
            "domains": domains,
            "ids": [clean(exhibit.prompt_id, HEAD) for exhibit in exhibits],
            "heads": [clean(" ".join(exhibit.prompt[:400].split()), HEAD) for exhibit in exhibits],
            "domain": [place[exhibit.domain] for exhibit in exhibits],
            "weight": [round(exhibit.weight, 2) for exhibit in exhibits],
            "agreement": [round(exhibit.agreement, 3) for exhibit in exhibits],
            "chance": [round(exhibit.chance, 3) for exhibit in exhibits],
        }
    )


def blocks(exhibits: Sequence[Exhibit]) -> Iterator[str]:
    """Write the texts, `BLOCK` prompts at a time."""
    for start in range(0, len(exhibits), BLOCK):
        yield _json([_exhibit(exhibit) for exhibit in exhibits[start : start + BLOCK]])


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "prompt": exhibit.prompt,
        "units": [
            [u.kind.replace("_", " "), u.text, round(u.weight, 2), u.others, u.lineages]
            for u in exhibit.units
        ],
        "more": exhibit.units_left_out,
        "sides": [
            _passage("suspect", exhibit.suspect),
            _passage("teacher", exhibit.teacher),
            *([_passage("background", exhibit.background)] if exhibit.background else []),
        ],
    }


def _passage(role: str, passage: Passage) -> dict[str, Any]:
    return {
        "role": role,
        "model": clean(passage.model, HEAD),
        "samples": passage.samples,
        "cut": passage.left_out,
        "parts": None if passage.text is None else _parts(passage, passage.text),
    }


def _parts(passage: Passage, text: str) -> list[Any]:
    """Cut a text at its marks: plain pieces as texts, marked ones as [text, unit]."""
    parts: list[Any] = []
    at = 0
    for mark in passage.marks:
        if mark.start > at:
            parts.append(text[at : mark.start])
        parts.append([text[mark.start : mark.end], mark.unit])
        at = mark.end
    if at < len(text):
        parts.append(text[at:])
    return parts


def _json(value: Any) -> str:
    raw = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _ESCAPED.sub(_escape, raw)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 | code >> 10:04x}\\u{0xDC00 | code & 0x3FF:04x}"

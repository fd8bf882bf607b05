"""Locations: where the units of a response stand in its text.

`units` turns text into hashes and forgets the text; this finds the same units with their places, so
that a person who holds the text can be shown what two models share. The patterns and hashes are
those of `tokens` and `units`: what is marked is what was counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.tokens import Hasher, grammar_for, is_word
from fingerprint.units import (
    LINE_REPEATS,
    PHRASE_SIZES,
    U32,
    line_start_units,
    phrase_units,
    sentence_start_units,
)

Ints = npt.NDArray[np.int64]

_PIECE = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Places:
    """The units of one kind in one text, in reading order.

    ``units``: hashes, shape (n,); ``starts``, ``ends``: places in the text as it was given, in
    characters, shape (n,).
    """

    units: U32
    starts: Ints
    ends: Ints


def locate(text: str, hasher: Hasher) -> dict[str, Places]:
    """Find the line starts, sentence starts and phrases of a response.

    Parameters
    ----------
    text : str
        As the model gave it.
    hasher : Hasher
        That of the packs it is compared with.

    Returns
    -------
    dict
        Of ``line_starts``, ``sentence_starts`` and ``phrases``. All occurrences are there; only
        the first four of equal line starts differ in their units (`units.LINE_REPEATS`).
    """
    lower = text.lower()
    back = _way_back(text, lower)
    return {
        "line_starts": _line_starts(lower, hasher, back),
        "sentence_starts": _sentence_starts(lower, hasher, back),
        "phrases": _phrases(lower, hasher, back),
    }


def _way_back(text: str, lower: str) -> Ints | None:
    """Map places in the lower-case text to the text; None where they are the same.

    A few capitals become two characters (U+0130).
    """
    if len(text) == len(lower):
        return None
    widths = [len(char.lower()) for char in text]
    origin = np.repeat(np.arange(len(text)), widths)
    return np.append(origin, len(text))


def _places(units: U32, spans: list[tuple[int, int]], back: Ints | None) -> Places:
    table = np.array(spans, dtype=np.int64).reshape(-1, 2)
    if back is not None and len(table):
        # The end is that of the last character inside, wherever lower-casing has put it.
        last = np.minimum(back[np.maximum(table[:, 1] - 1, 0)] + 1, back[-1])
        table = np.stack([back[table[:, 0]], last], axis=1)
    return Places(units, table[:, 0], table[:, 1])


def _line_starts(lower: str, hasher: Hasher, back: Ints | None) -> Places:
    found = list(grammar_for(lower).line_starts.finditer("\n" + lower))
    tokens = [match[1] for match in found]
    seen: dict[str, int] = {}
    repeats = []
    for token in tokens:
        seen[token] = seen.get(token, 0) + 1
        repeats.append(min(seen[token], LINE_REPEATS))
    spans = [(match.start(1) - 1, match.end(1) - 1) for match in found]
    return _places(line_start_units(hasher.words(tokens), repeats), spans, back)


def _sentence_starts(lower: str, hasher: Hasher, back: Ints | None) -> Places:
    found = list(grammar_for(lower).sentences.finditer(". " + lower))
    spans = [(match.start(1) - 2, match.end(1) - 2) for match in found]
    return _places(sentence_start_units(hasher.words([m[1] for m in found])), spans, back)


def _phrases(lower: str, hasher: Hasher, back: Ints | None) -> Places:
    tokens: list[str] = []
    spans: list[tuple[int, int]] = []
    for piece in _PIECE.finditer(lower):  # cut as `Hasher.text` cuts
        for match in grammar_for(piece[0]).tokens.finditer(piece[0]):
            tokens.append(match[0])
            spans.append((piece.start() + match.start(), piece.start() + match.end()))
    hashes = hasher.words(tokens)
    words = is_word(hashes)
    hashes = hashes[words]
    table = np.array(spans, dtype=np.int64).reshape(-1, 2)[words]
    grams = phrase_units(hashes)
    units, starts, ends = [], [], []
    for column, size in enumerate(PHRASE_SIZES):
        n = max(len(hashes) - size + 1, 0)
        units.append(grams[:n, column])
        starts.append(table[:n, 0])
        ends.append(table[size - 1 : size - 1 + n, 1])
    order = np.lexsort((-np.concatenate(ends), np.concatenate(starts)))
    both = np.stack([np.concatenate(starts)[order], np.concatenate(ends)[order]], axis=1)
    return _places(np.concatenate(units)[order], [tuple(s) for s in both.tolist()], back)

"""Units of text: what the channels count, taken from responses.

Everything that reads the words of a response is here and in `style`: a pack and a live comparison
cannot disagree. Units leave this module as 32-bit hashes; the text does not leave.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint import style
from fingerprint.tokens import U64, Hasher, grammar_for

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

UNITS_VERSION = 1
"""Part of every pack: packs of another version cannot be compared."""

OPENING_TOKENS = 8
PHRASE_SIZES = (2, 3, 4)
PHRASES_KEPT = 128
"""Bottom-k size of the phrase sketch: all 2- to 4-grams of a text of up to about 45 words."""
LINE_REPEATS = 4
KINDS = ("line_starts", "sentence_starts", "sentence_pairs", "phrases")

_SPACE = re.compile(r"\s+")

_GOLDEN = 0x9E3779B97F4A7C15
_MIX = np.uint64(_GOLDEN)
_MASK = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of different lengths: row i is ``values[offsets[i] : offsets[i + 1]]``."""

    values: U32
    offsets: npt.NDArray[np.int64]

    def __getitem__(self, row: int) -> U32:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True)
class UnitTable:
    """The units of n responses.

    ``line_starts``: first word of every line with its repeat number up to 4 (EVIDENCE's Q1).
    ``sentence_starts``, ``sentence_pairs``: first word and first two words of every sentence,
    after markup and newlines (EVIDENCE's FL). ``phrases``: bottom-k sketch (Broder 1997) of the
    2- to 4-grams of words. Units are distinct within a row; phrases are sorted.
    ``openings``: hashes of the first 1 to 8 tokens, shape (n, 8), 0 where the text is shorter.
    ``closings``: hashes of the first two words of the last sentence and of the last three words of
    the text, shape (n, 2). ``counts``: characters, words, lines, sentences, distinct phrases before
    the cut; shape (n, 5). ``style``: shape (n, len(`style.FEATURES`)). ``language`` (index in
    `style.LANGUAGES`) and ``refusal`` (0 or 1): shape (n,).
    """

    line_starts: Ragged
    sentence_starts: Ragged
    sentence_pairs: Ragged
    phrases: Ragged
    openings: U32
    closings: U32
    counts: U32
    style: U8
    language: U8
    refusal: U8


def extract(texts: Iterable[str], hasher: Hasher) -> UnitTable:
    """Take the units from responses, one row each.

    Parameters
    ----------
    texts : iterable of str
        Responses as the models gave them; read one at a time.
    hasher : Hasher
        Keyed or not; the same for every response that is to be compared.
    """
    counter = style.StyleCounter(hasher)
    kinds: dict[str, list[U32]] = {kind: [] for kind in KINDS}
    heads: list[U64] = []
    tails: list[tuple[int, int]] = []
    counts: list[tuple[int, int, int, int, int]] = []
    styles: list[U8] = []
    flags: list[tuple[int, bool]] = []
    for text in texts:
        lower = text.lower()
        grammar = grammar_for(lower)
        tokens = hasher.words(grammar.tokens.findall(lower))
        words = tokens[(tokens & np.uint64(1)).astype(bool)]
        lines, n_lines = _line_starts(grammar.line_starts.findall(lower), hasher)
        starts = grammar.sentences.findall(". " + lower)
        first, second = _sentence_starts(starts, hasher)
        phrases, n_phrases = _phrases(words)
        kinds["line_starts"].append(lines)
        kinds["sentence_starts"].append(first)
        kinds["sentence_pairs"].append(second)
        kinds["phrases"].append(phrases)
        head = np.zeros(OPENING_TOKENS, dtype=np.uint64)
        head[: len(tokens)] = tokens[:OPENING_TOKENS]
        heads.append(head)
        tails.append(_closing(starts, words, hasher))
        counts.append((len(text), len(words), n_lines, len(starts), n_phrases))
        styles.append(counter.count(text, lower, tokens))
        flags.append((style.language(text), style.is_refusal(text)))
    return UnitTable(
        **{kind: _ragged(rows) for kind, rows in kinds.items()},
        openings=_openings(np.array(heads, dtype=np.uint64).reshape(-1, OPENING_TOKENS)),
        closings=_fold(np.array(tails, dtype=np.uint64).reshape(-1, 2)),
        counts=np.array(counts, dtype=np.uint32).reshape(-1, 5),
        style=np.array(styles, dtype=np.uint8).reshape(-1, len(style.FEATURES)),
        language=np.array([f[0] for f in flags], dtype=np.uint8),
        refusal=np.array([f[1] for f in flags], dtype=np.uint8),
    )


def prompt_key(prompt: str, prompt_id: str, key: bytes | None = None) -> int:
    """Return the 64-bit key that pairs responses: of the prompt's text, or of its id without one.

    White space and case are normalised, so that a prompt copied between files still pairs.
    """
    text = _SPACE.sub(" ", prompt).strip().lower()
    raw = f"t:{text}" if text else f"i:{prompt_id}"
    secret = hashlib.sha256(key).digest() if key is not None else b""
    digest = hashlib.blake2b(
        raw.encode("utf-8", "replace"), digest_size=8, key=secret, person=b"fp-prompt/1"
    )
    return int.from_bytes(digest.digest(), "little")


def _ragged(rows: list[U32]) -> Ragged:
    lengths = np.fromiter((len(r) for r in rows), dtype=np.int64, count=len(rows))
    values = np.concatenate(rows) if rows else np.empty(0, dtype=np.uint32)
    return Ragged(values, np.concatenate(([0], np.cumsum(lengths))))


def _fold(values: U64) -> U32:
    """Mix 64-bit hashes (splitmix64 finaliser) and keep the upper 32 bits."""
    x = values ^ (values >> np.uint64(30))
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return (x >> np.uint64(32)).astype(np.uint32)


def _distinct(values: U32) -> U32:
    ordered = np.sort(values)
    keep = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def _folded(units: set[int]) -> U32:
    return _distinct(_fold(np.fromiter(units, dtype=np.uint64, count=len(units))))


def _line_starts(starts: list[str], hasher: Hasher) -> tuple[U32, int]:
    seen: dict[str, int] = {}
    units: set[int] = set()
    for token in starts:
        repeat = min(seen.get(token, 0) + 1, LINE_REPEATS)
        seen[token] = repeat
        units.add((hasher.word(token) + repeat * _GOLDEN) & _MASK)
    return _folded(units), len(starts)


def _pair(one: int, two: int) -> int:
    return (one * 3 + two * _GOLDEN) & _MASK


def _closing(starts: list[tuple[str, str]], words: U64, hasher: Hasher) -> tuple[int, int]:
    last = _pair(hasher.word(starts[-1][0]), hasher.word(starts[-1][1] or ".")) if starts else 0
    end = 0
    for word in words[-3:].tolist():
        end = _pair(end, word)
    return last, end


def _sentence_starts(starts: list[tuple[str, str]], hasher: Hasher) -> tuple[U32, U32]:
    first = {hasher.word(one) for one, _ in starts}
    second = {_pair(hasher.word(one), hasher.word(two)) for one, two in starts if two}
    return _folded(first), _folded(second)


def _openings(heads: U64) -> U32:
    state = np.zeros(len(heads), dtype=np.uint64)
    out = np.zeros(heads.shape, dtype=np.uint32)
    for i in range(OPENING_TOKENS):
        state = (state + heads[:, i]) * _MIX
        out[:, i] = np.where(heads[:, i] == 0, 0, np.maximum(_fold(state), 1))
    return out


def _phrases(words: U64) -> tuple[U32, int]:
    grams: list[U32] = []
    state = words
    for size in range(2, max(PHRASE_SIZES) + 1):
        if len(words) < size:
            break
        mixed = state[:-1] * _MIX
        state = (mixed ^ (mixed >> np.uint64(29))) + words[size - 1 :]
        grams.append(_fold(state))
    if not grams:
        return np.empty(0, dtype=np.uint32), 0
    distinct = _distinct(np.concatenate(grams))
    return distinct[:PHRASES_KEPT], len(distinct)

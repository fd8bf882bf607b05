"""Units of text: what the channels count, taken from responses.

Everything that reads the words of a response is here and in `style`: a pack and a live comparison
cannot disagree. Units leave this module as 32-bit hashes; the text does not leave.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fingerprint import style
from fingerprint.tokens import U64, Hasher, grammar_for, is_word, unpack

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

UNITS_VERSION = 1
"""Part of every pack: packs of another version cannot be compared."""

OPENING_TOKENS = 8
PHRASE_SIZES = (2, 3, 4)
PHRASES_KEPT = 128
"""Bottom-k size of the phrase sketch: all 2- to 4-grams of a text of up to about 45 words."""
LINE_REPEATS = 4
BATCH_CHARACTERS = 1 << 18
KINDS = ("line_starts", "sentence_starts", "sentence_pairs", "phrases")

_SPACE = re.compile(r"\s+")

_MIX = np.uint64(0x9E3779B97F4A7C15)


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
        Responses as the models gave them; read a batch at a time, any text is allowed.
    hasher : Hasher
        Keyed or not; the same for every response that is to be compared.
    """
    counter = style.StyleCounter(hasher)
    tables = [_extract(batch, hasher, counter) for batch in _batches(texts)]
    return _stack(tables or [_extract([], hasher, counter)])


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


def line_start_units(first: U64, repeats: Sequence[int]) -> U32:
    """Turn the first tokens of lines, with their repeat numbers, into units of ``line_starts``."""
    return _fold(first + np.array(repeats, dtype=np.uint64) * _MIX)


def sentence_start_units(first: U64) -> U32:
    """Turn the first words of sentences into units of ``sentence_starts``."""
    return _fold(first)


def phrase_units(words: U64) -> U32:
    """Turn words in a row into the units of the phrases that start at each, shape (n, 3).

    Column j holds the phrases of ``PHRASE_SIZES[j]`` words; what does not fit at the end is 0.
    """
    grams = np.zeros((len(words), len(PHRASE_SIZES)), dtype=np.uint32)
    state = words
    for column, size in enumerate(PHRASE_SIZES):
        if len(words) < size:
            break
        mixed = state[:-1] * _MIX
        state = (mixed ^ (mixed >> np.uint64(29))) + words[size - 1 :]
        grams[: len(state), column] = _fold(state)
    return grams


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Cut into batches: numpy works on many responses at a time, and on no more than it must."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _extract(texts: list[str], hasher: Hasher, counter: style.StyleCounter) -> UnitTable:
    """Take the units of one batch."""
    lowers = [text.lower() for text in texts]
    hashes = [hasher.text(lower) for lower in lowers]
    tokens = unpack(b"".join(hashes))
    token_offsets = _offsets([len(h) // 8 for h in hashes])
    words_only = is_word(tokens)
    words = tokens[words_only]
    word_offsets = _running(words_only)[token_offsets]
    lines = [grammar_for(lower).line_starts.findall("\n" + lower) for lower in lowers]
    sentences = [grammar_for(lower).sentences.findall(". " + lower) for lower in lowers]
    line_starts = _line_starts(lines, hasher)
    sentence_starts, sentence_pairs, last_sentences = _sentence_starts(sentences, hasher)
    phrases, n_phrases = _phrases(words, word_offsets)
    closings = np.stack([last_sentences, _last_words(words, word_offsets)], axis=1)
    counts = [
        [len(text) for text in texts],
        np.diff(word_offsets),
        [len(starts) for starts in lines],
        [len(starts) for starts in sentences],
        n_phrases,
    ]
    return UnitTable(
        line_starts=line_starts,
        sentence_starts=sentence_starts,
        sentence_pairs=sentence_pairs,
        phrases=phrases,
        openings=_openings(tokens, token_offsets),
        closings=_fold(closings),
        counts=np.array(counts, dtype=np.uint32).T,
        style=counter.count(lowers, tokens, token_offsets),
        language=np.array([style.language(text) for text in texts], dtype=np.uint8),
        refusal=np.array([style.is_refusal(text) for text in texts], dtype=np.uint8),
    )


def _stack(tables: list[UnitTable]) -> UnitTable:
    """Put the rows of tables under one another."""
    stacked: dict[str, Any] = {}
    for field in fields(UnitTable):
        parts = [getattr(table, field.name) for table in tables]
        if isinstance(parts[0], Ragged):
            lengths = np.concatenate([np.diff(part.offsets) for part in parts])
            values = np.concatenate([part.values for part in parts])
            stacked[field.name] = Ragged(values, _offsets(lengths))
        else:
            stacked[field.name] = np.ascontiguousarray(np.concatenate(parts))
    return UnitTable(**stacked)


def _offsets(lengths: Sequence[int] | I64) -> I64:
    """Return where the rows of these lengths start, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _running(flags: npt.NDArray[np.bool_]) -> I64:
    """Return how many flags are set before each place, shape (n + 1,)."""
    running = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=running[1:])
    return running


def _fold(values: U64) -> U32:
    """Mix 64-bit hashes (splitmix64 finaliser, Steele et al. 2014) and keep the upper 32 bits."""
    x = values ^ (values >> np.uint64(30))
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return (x >> np.uint64(32)).astype(np.uint32)


def _pair(one: U64, two: U64) -> U64:
    return one * np.uint64(3) + two * _MIX


def _distinct(values: U32, offsets: I64, most: int | None = None) -> tuple[Ragged, I64]:
    """Sort rows in place and keep the ``most`` smallest distinct values of each.

    Returns
    -------
    rows : Ragged
    n_distinct : array of int64, shape (n_rows,)
        How many distinct values the rows had before the cut.
    """
    for start, end in pairwise(offsets.tolist()):
        values[start:end].sort()
    new = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    new[offsets[:-1][np.diff(offsets) > 0]] = True
    before = _running(new)
    first = before[offsets]
    n_distinct = np.diff(first)
    if most is not None:
        new &= before[:-1] < np.repeat(first[:-1] + most, np.diff(offsets))
    kept = n_distinct if most is None else np.minimum(n_distinct, most)
    return Ragged(values[new], _offsets(kept)), n_distinct


def _line_starts(lines: list[list[str]], hasher: Hasher) -> Ragged:
    repeats: list[int] = []
    for starts in lines:
        seen: dict[str, int] = {}
        for token in starts:
            repeat = seen[token] = seen.get(token, 0) + 1
            repeats.append(min(repeat, LINE_REPEATS))
    first = hasher.words([token for starts in lines for token in starts])
    units = line_start_units(first, repeats)
    return _distinct(units, _offsets([len(starts) for starts in lines]))[0]


def _sentence_starts(
    sentences: list[list[tuple[str, str]]], hasher: Hasher
) -> tuple[Ragged, Ragged, U64]:
    """Return first words, first pairs of words, and the pair of each row's last sentence."""
    offsets = _offsets([len(starts) for starts in sentences])
    first = hasher.words([one for starts in sentences for one, _ in starts])
    second = hasher.words([two or "." for starts in sentences for _, two in starts])
    has_second = is_word(second)
    pairs = _pair(first, second)
    last = np.append(pairs, np.uint64(0))[np.where(np.diff(offsets) > 0, offsets[1:] - 1, -1)]
    starts = _distinct(sentence_start_units(first), offsets)[0]
    pair_starts = _distinct(_fold(pairs[has_second]), _running(has_second)[offsets])[0]
    return starts, pair_starts, last


def _last_words(words: U64, offsets: I64) -> U64:
    """Chain the hashes of the last three words of each row, shape (n_rows,)."""
    end = np.zeros(len(offsets) - 1, dtype=np.uint64)
    padded = np.append(words, np.uint64(0))
    for back in (3, 2, 1):
        place = offsets[1:] - back
        there = place >= offsets[:-1]
        end = np.where(there, _pair(end, padded[np.where(there, place, -1)]), end)
    return end


def _openings(tokens: U64, offsets: I64) -> U32:
    padded = np.append(tokens, np.uint64(0))
    state = np.zeros(len(offsets) - 1, dtype=np.uint64)
    out = np.zeros((len(state), OPENING_TOKENS), dtype=np.uint32)
    for i in range(OPENING_TOKENS):
        place = offsets[:-1] + i
        there = place < offsets[1:]
        state = (state + padded[np.where(there, place, -1)]) * _MIX
        out[:, i] = np.where(there, np.maximum(_fold(state), 1), 0)
    return out


def _phrases(words: U64, offsets: I64) -> tuple[Ragged, I64]:
    """Hash the 2- to 4-grams of each row and keep the smallest `PHRASES_KEPT` distinct ones."""
    grams = phrase_units(words)
    # A phrase lies within its row: as many words are left there as it has.
    lengths = np.diff(offsets)
    left = np.repeat(offsets[1:], lengths) - np.arange(len(words))
    within = left[:, None] >= np.array(PHRASE_SIZES)
    per_row = sum(np.maximum(lengths - size + 1, 0) for size in PHRASE_SIZES)
    return _distinct(grams[within], _offsets(per_row), PHRASES_KEPT)

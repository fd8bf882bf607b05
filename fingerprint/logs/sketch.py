"""Sketches: what is kept of a log file, in place of its text.

A sketch is three tables of numbers. ``exchanges``: who asked when, the hash of what was asked, and
labels of its purpose. ``phrases``: hashes of a sample of the prompt's phrases, the same sample in
every prompt, so that prompts which share wording share hashes. ``links``: hashed addresses,
networks, user agents and cards of each account. An exchange's id is a hash of account, time and
prompt: a row that was delivered twice is the same exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fingerprint.logs.purpose import CAPABILITIES, PURPOSES, Lexicon, grams, mix
from fingerprint.logs.reading import Rows
from fingerprint.logs.schema import LINKS
from fingerprint.tokens import U64, Hasher, is_word, unpack

SKETCH_VERSION = "sketch/1"

PHRASE_WORDS = 4
"""Words of a phrase: four survive a synonym or two nearby, and are seldom met by chance."""
PHRASE_CHARACTERS = 12
"""... and characters of one in scripts without spaces, where a token is a character."""
UNSPACED_BELOW = 2.2
"""Characters a token below which a prompt counts as written without spaces."""
SAMPLED_ONE_IN = 4
PHRASES_A_PROMPT = 40
"""Most phrases kept of one prompt, those with the smallest hashes."""
PROMPT_CHARACTERS = 8000
"""Longer prompts keep their first three quarters and their last quarter of this."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
_SAMPLE_BELOW = np.uint64((1 << 64) // SAMPLED_ONE_IN)


@dataclass(frozen=True, slots=True)
class Sketch:
    """The tables of a part of a log: columns of equal length each."""

    exchanges: dict[str, npt.NDArray[np.generic]]
    phrases: dict[str, npt.NDArray[np.generic]]
    links: dict[str, npt.NDArray[np.generic]]
    names: dict[str, npt.NDArray[np.generic]]
    """Account hash and the account as the log names it."""


class _Texts(NamedTuple):
    """A batch as words: whose they are, and the hashes of prompts and exchanges."""

    accounts: U64
    times: npt.NDArray[np.int64]
    tokens: U64
    owner: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    prompts: U64
    ids: U64


class Sketcher:
    """Turns rows into sketches; remembers the hashes of words and accounts."""

    def __init__(self) -> None:
        self._hasher = Hasher()
        self._purposes = Lexicon(PURPOSES, self._hasher)
        self._capabilities = Lexicon(CAPABILITIES, self._hasher)

    def sketches(self, batches: Iterable[Rows], part_rows: int) -> Iterator[Sketch]:
        """Yield a sketch for about every ``part_rows`` rows: so memory stays bounded."""
        kept: list[Sketch] = []
        count = 0
        for rows in batches:
            kept.append(self.sketch(rows))
            count += len(rows)
            if count >= part_rows:
                yield _joined(kept)
                kept, count = [], 0
        if kept:
            yield _joined(kept)

    def ids(self, rows: Rows) -> U64:
        """Return the exchange ids of a batch, shape (rows,)."""
        return self._read(rows).ids

    def _read(self, rows: Rows) -> _Texts:
        accounts = self._hasher.words(rows.account)
        times = np.array(rows.time, dtype=np.int64)
        coded = [self._hasher.text(_cut(prompt).lower()) for prompt in rows.prompt]
        tokens = unpack(b"".join(coded))
        owner = np.repeat(np.arange(len(rows)), [len(code) >> 3 for code in coded])
        words = is_word(tokens)
        tokens, owner = tokens[words], owner[words]
        sizes = np.bincount(owner, minlength=len(rows))
        prompts = _ordered_hash(tokens, owner, sizes)
        ids = mix(accounts + mix(times.astype(np.uint64) + mix(prompts)))
        return _Texts(accounts, times, tokens, owner, sizes, prompts, ids)

    def sketch(self, rows: Rows) -> Sketch:
        """Sketch one batch."""
        n = len(rows)
        accounts, times, tokens, owner, sizes, prompts, ids = self._read(rows)
        letters = np.array([len(prompt) for prompt in rows.prompt])
        unspaced = np.minimum(letters, PROMPT_CHARACTERS) < UNSPACED_BELOW * sizes
        phrase, place = _phrases(tokens, owner, sizes, prompts, unspaced)
        marks = self._purposes.mark(tokens, owner, n)
        topics = self._capabilities.mark(tokens, owner, n)
        return Sketch(
            exchanges={
                "account": accounts,
                "id": ids,
                "time": times,
                "prompt": prompts,
                "purpose": marks.astype(np.uint8),
                "topics": topics.astype(np.uint16),
                "input_tokens": np.array(rows.tokens["input_tokens"], dtype=np.int32),
                "output_tokens": np.array(rows.tokens["output_tokens"], dtype=np.int32),
            },
            phrases={"phrase": phrase, "account": accounts[place], "id": ids[place]},
            links=self._links(rows, accounts),
            names=_distinct_names(accounts, rows.account),
        )

    def _links(self, rows: Rows, accounts: U64) -> dict[str, npt.NDArray[np.generic]]:
        """Return each link of an account once."""
        kinds, values, owners = [], [], []
        for kind, name in enumerate(LINKS):
            given = [i for i, value in enumerate(rows.links[name]) if value]
            if not given:
                continue
            values.append(self._hasher.words([rows.links[name][i] for i in given]))
            owners.append(accounts[given])
            kinds.append(np.full(len(given), kind, dtype=np.uint8))
        if not kinds:
            empty = np.zeros(0, dtype=np.uint64)
            return {"kind": empty.astype(np.uint8), "value": empty, "account": empty}
        return _distinct(
            {
                "kind": np.concatenate(kinds),
                "value": np.concatenate(values),
                "account": np.concatenate(owners),
            }
        )


def _cut(prompt: str) -> str:
    if len(prompt) <= PROMPT_CHARACTERS:
        return prompt
    tail = PROMPT_CHARACTERS // 4
    return f"{prompt[: PROMPT_CHARACTERS - tail]} {prompt[-tail:]}"


def _ordered_hash(tokens: U64, owner: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> U64:
    """Return a hash of the words of each text in their order, shape (n,)."""
    firsts = np.cumsum(sizes) - sizes
    position = (np.arange(len(tokens)) - firsts[owner]).astype(np.uint64)
    out = np.zeros(len(sizes), dtype=np.uint64)
    with np.errstate(over="ignore"):
        terms = mix(tokens + position * _STEP)
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        out = total[firsts + sizes] - total[firsts]
    return mix(out + sizes.astype(np.uint64))


def _phrases(
    tokens: U64,
    owner: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    prompts: U64,
    unspaced: npt.NDArray[np.bool_],
) -> tuple[U64, npt.NDArray[np.int64]]:
    """Return the sampled phrases and the text of each; a short text is one phrase as a whole."""
    lengths = np.where(unspaced, PHRASE_CHARACTERS, PHRASE_WORDS)
    short = np.flatnonzero((sizes > 0) & (sizes < 2 * lengths))
    found, places = [prompts[short]], [short]
    for n, rest in ((PHRASE_WORDS, ~unspaced), (PHRASE_CHARACTERS, unspaced)):
        kept = (rest & (sizes >= 2 * n))[owner]
        mine, whose = tokens[kept], owner[kept]
        hashes = grams(mine, n)
        rows = np.flatnonzero(hashes < _SAMPLE_BELOW)
        rows = rows[whose[rows] == whose[rows + n - 1]]
        found.append(hashes[rows])
        places.append(whose[rows])
    phrase, place = np.concatenate(found), np.concatenate(places)
    order = np.lexsort((phrase, place))
    phrase, place = phrase[order], place[order]
    new = np.ones(len(phrase), dtype=np.bool_)
    new[1:] = (phrase[1:] != phrase[:-1]) | (place[1:] != place[:-1])
    phrase, place = phrase[new], place[new]
    counts = np.bincount(place, minlength=len(sizes))
    rank = np.arange(len(place)) - (np.cumsum(counts) - counts)[place]
    kept = rank < PHRASES_A_PROMPT
    return phrase[kept], place[kept]


def _distinct(columns: dict[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
    """Keep one of each row, in order of the columns."""
    order = np.lexsort(tuple(columns.values())[::-1])
    new = np.zeros(len(order), dtype=np.bool_)
    new[:1] = True
    for column in columns.values():
        new[1:] |= column[order[1:]] != column[order[:-1]]
    return {name: column[order][new] for name, column in columns.items()}


def _distinct_names(accounts: U64, names: list[str]) -> dict[str, npt.NDArray[np.generic]]:
    hashes, first = np.unique(accounts, return_index=True)
    texts = np.empty(len(first), dtype=object)
    texts[:] = [names[i] for i in first.tolist()]
    return {"account": hashes, "name": texts}


def _joined(parts: list[Sketch]) -> Sketch:
    """Put sketches together, each table in the order that makes it quick to search."""

    def table(name: str) -> dict[str, npt.NDArray[np.generic]]:
        tables = [getattr(part, name) for part in parts]
        return {column: np.concatenate([t[column] for t in tables]) for column in tables[0]}

    def by(
        columns: dict[str, npt.NDArray[np.generic]], *keys: str
    ) -> dict[str, npt.NDArray[np.generic]]:
        order = np.lexsort(tuple(columns[key] for key in reversed(keys)))
        return {name: column[order] for name, column in columns.items()}

    names = table("names")
    _, first = np.unique(names["account"], return_index=True)
    return Sketch(
        exchanges=by(table("exchanges"), "account", "id"),
        phrases=by(table("phrases"), "phrase", "account", "id"),
        links=_distinct(table("links")),
        names={column: values[first] for column, values in names.items()},
    )

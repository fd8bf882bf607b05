"""Keep scores: one line a response, the first line says whose probabilities they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fingerprint.collect.providers import Secrets
from fingerprint.collect.store import Appender
from fingerprint.errors import WeightsError
from fingerprint.fields import Fields
from fingerprint.outputs.files import BadJson, parse_json, read_lines, show
from fingerprint.records import Outputs

KIND = "fingerprint scores"
VERSION = 1
SYNC_EVERY = 256
"""Scores after which the file is put on the disk itself."""


class Place(NamedTuple):
    """Whose response to what."""

    source: str
    suite: str
    prompt_id: str
    sample: int


@dataclass(frozen=True, slots=True)
class Item:
    """One response to be scored."""

    place: Place
    messages: tuple[dict[str, str], ...]
    text: str
    """The part of the response that is scored."""

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode("utf-8", "replace"))

    @property
    def digest(self) -> str:
        """Return what tells prompt and text from others, 16 hex digits."""
        whole = json.dumps([self.messages, self.text]).encode("ascii")
        return hashlib.sha256(whole).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Score:
    """What a model's probabilities say of one response."""

    bits: float | None
    """Minus log2 of the probability of the text; None where it could not be scored."""
    tokens: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """A file of scores, read: bits per byte under one model."""

    scorer: str
    settings: Mapping[str, Any]
    bits_per_byte: Mapping[Place, float]
    digests: Mapping[Place, str]
    unscored: int


def items_of(outputs: Iterable[Outputs], max_bytes: int | None) -> Iterator[Item]:
    """Yield what is to be scored, each response cut to its first bytes.

    The same bytes are scored under every model, however its tokenizer cuts them.

    Parameters
    ----------
    outputs : iterable of Outputs
    max_bytes : int or None
        Most bytes of a response; it is cut between characters. None: all of it.
    """
    for one in outputs:
        for response in one.responses:
            system = [{"role": "system", "content": response.system}] if response.system else []
            messages = (*system, {"role": "user", "content": response.prompt})
            place = Place(one.model, one.suite or "", response.prompt_id, response.sample)
            yield Item(place, messages, _cut(response.text, max_bytes))


def _cut(text: str, most: int | None) -> str:
    raw = text.encode("utf-8", "replace")
    return raw.decode("utf-8") if most is None else raw[:most].decode("utf-8", "ignore")


class ScoreFile:
    """Scores being written; an interrupted run goes on where it was.

    Parameters
    ----------
    path : Path
    scorer : str
    settings : mapping
        What the scores depend on: weights, type, bytes scored. A file made otherwise is refused.

    Raises
    ------
    WeightsError
        When the file holds the scores of something else.
    CollectError
        When it cannot be written, or another process writes to it.
    """

    def __init__(self, path: Path, scorer: str, settings: Mapping[str, Any]) -> None:
        self.path = path
        self._appender = Appender(path, Secrets())
        try:
            self._done = self._resume(scorer, dict(settings))
        except BaseException:
            self._appender.close()
            raise

    def _resume(self, scorer: str, settings: dict[str, Any]) -> dict[Place, str]:
        if self.path.stat().st_size == 0:
            head = {"kind": KIND, "version": VERSION, "scorer": scorer, "settings": settings}
            self._appender.append(head)
            return {}
        found = read_scores(self.path)
        # Through JSON, as the file's settings went.
        if (found.scorer, found.settings) != (scorer, json.loads(json.dumps(settings))):
            raise WeightsError(
                f"{show(self.path)}: holds scores of {found.scorer[:80]} with other weights or "
                "settings; give another --out"
            )
        return dict(found.digests)

    def __contains__(self, item: Item) -> bool:
        """Say whether an item is scored.

        Raises
        ------
        WeightsError
            When another text stands at its place.
        """
        known = self._done.get(item.place)
        if known is not None and known != item.digest:
            raise WeightsError(
                f"{show(self.path)}: holds a score of another text of {item.place.source[:80]} at "
                f"prompt {item.place.prompt_id[:80]}, sample {item.place.sample}; give another "
                "--out"
            )
        return known is not None

    def keep(self, item: Item, score: Score) -> None:
        """Write one score."""
        self._appender.append(
            {**item.place._asdict(), "bytes": item.size, "text": item.digest, **asdict(score)}
        )
        self._done[item.place] = item.digest
        self._appender.sync(SYNC_EVERY)

    def close(self) -> None:
        """Put everything on the disk."""
        self._appender.close()

    def __enter__(self) -> ScoreFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_scores(path: Path) -> Scores:
    """Read a file of scores.

    Raises
    ------
    WeightsError
        When it is no such file, or a line is damaged.
    """
    lines = read_lines(path)
    head = Fields(_object(next(lines, None), path), f"{show(path)}:1", WeightsError)
    if head.text_or_none("kind") != KIND:
        raise WeightsError(
            f"{show(path)}: expected scores of `fingerprint score`, found other JSON"
        )
    values: dict[Place, float] = {}
    digests: dict[Place, str] = {}
    unscored = 0
    for line in lines:
        fields = Fields(_object(line, path), f"{show(path)}:{line[0]}", WeightsError)
        place = Place(
            fields.text("source"),
            fields.text("suite"),
            fields.text("prompt_id"),
            fields.whole("sample"),
        )
        digests[place] = fields.text("text")
        size = fields.whole("bytes")
        if "bits" in fields and size > 0:
            values[place] = fields.number("bits") / size
        else:
            unscored += 1
    settings = _object(next(iter(read_lines(path)), None), path).get("settings")
    return Scores(
        head.text("scorer"),
        settings if isinstance(settings, dict) else {},
        values,
        digests,
        unscored,
    )


def _object(line: Any, path: Path) -> dict[str, Any]:
    try:
        value = None if line is None or line[2] is None else parse_json(line[2], line[1])[0]
    except BadJson:
        value = None
    if not isinstance(value, dict):
        where = "" if line is None else f":{line[0]}"
        raise WeightsError(f"{show(path)}{where}: expected a JSON object, found none")
    return value

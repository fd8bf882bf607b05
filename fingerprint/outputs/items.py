"""What an importer hands on: one `Found` per response, one `Rejected` per thing it cannot use.

An importer is a table row (`Importer`): how to recognise its files and how to turn one into items
with the field names of DESIGN.md. Checking, numbering and merging happen once, for all formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Found(NamedTuple):
    """One response as an unchecked record with the field names of DESIGN.md."""

    record: dict[str, Any]
    line: int | None = None
    """Line number from 1, None where the format has no lines."""
    where: str = ""
    """Where in a file without lines: ``item 3``, ``row 12``, a member of an archive."""
    marked: bool = False
    """The record may hold lone surrogates, which the check replaces."""


class Rejected(NamedTuple):
    """Something in the file that is no usable response, and why."""

    message: str
    line: int | None = None
    where: str = ""


class Note(NamedTuple):
    """Something worth telling that costs no response; told once a file, with how often."""

    message: str


Item = Found | Rejected | Note


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, from which its kind is recognised."""

    path: Path
    raw: bytes
    """First bytes as stored."""
    text: bytes
    """First bytes after gunzip, without byte-order mark and leading white space."""
    first: dict[str, Any] | None
    """The first line, when it is a whole JSON object."""

    @property
    def name(self) -> str:
        """File name in lower case, without ``.gz``."""
        return self.path.name.lower().removesuffix(".gz")


@dataclass(frozen=True, slots=True)
class Importer:
    """One format of outputs."""

    kind: str
    what: str
    """The format as messages call it."""
    matches: Callable[[Head], bool]
    items: Callable[[Path], Iterator[Item]]
    native: Mapping[str, str] = field(default_factory=dict)
    """The format's own names of our fields, for messages: ``{"response": "output"}``."""
    complaint: str = "record"
    """What one entry is called where counts are reported: ``line``, ``item``, ``sample``."""

"""The reference library: packs of real models that ship with the tool, found by name.

`reference_outputs/index.json` lists every pack with its names; the packs themselves are read only
when they are asked for. `tools/build_library.py` makes both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from fingerprint.errors import FingerprintError, UnknownNameError
from fingerprint.packs import Pack, read

INDEX = "index.json"
SCHEMA = "fingerprint.library/1"
REFERENCE, INDEPENDENT, STUDENT, OPEN = "reference", "independent", "student", "open"


@dataclass(frozen=True, slots=True)
class Entry:
    """One pack of the library, as the index describes it."""

    file: str
    model: str
    names: tuple[str, ...]
    """What a user may type: the model's own name, and the short name of its line."""
    vendor: str | None
    lineage: str
    released: str | None
    suite: str
    role: str
    responses: int
    prompts: int
    origin: str
    licence: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Library:
    """The entries, and where their files are."""

    folder: Path
    entries: tuple[Entry, ...]
    suites: dict[str, frozenset[int]]
    """Prompt keys of every suite, to find what a user's outputs overlap without reading packs."""
    canaries: tuple[Entry, ...] = ()
    """Packs of answers to canary probes alone: found only by their suite, as they cannot be
    compared by themselves."""

    def load(self, entry: Entry) -> Pack:
        """Read the pack of an entry; it is verified like any other."""
        return _read(self.folder / entry.file)

    def find(self, spec: str) -> tuple[Entry, ...]:
        """Find the entries that a name means: ``name``, ``name@version``, ``name:suite``.

        Raises
        ------
        UnknownNameError
            When nothing fits; the message lists close names.
        """
        name, version, suite = _parts(spec)
        shelf = self.canaries if suite in {e.suite for e in self.canaries} else self.entries
        named = tuple(e for e in shelf if name in {n.lower() for n in e.names})
        if not named:
            known = sorted({n for e in shelf for n in e.names})
            close = get_close_matches(name, [n.lower() for n in known], n=5, cutoff=0.5)
            hint = (
                f"close names: {', '.join(close)}" if close else f"names: {', '.join(known[:20])}"
            )
            raise UnknownNameError(
                f"expected a path or a name in the library, found {spec[:80]!r}; {hint}; "
                "run `fingerprint library list` for all"
            )
        fitting = tuple(
            e
            for e in named
            if (version is None or version in e.model.lower())
            and (suite is None or suite == e.suite.lower())
        )
        if not fitting:
            have = ", ".join(f"{e.model}:{e.suite}" for e in named[:12])
            raise UnknownNameError(f"{spec[:80]!r} fits none of the entries named {name}: {have}")
        return fitting

    def on_prompts(self, prompts: Iterable[int], at_least: int) -> tuple[Entry, ...]:
        """List the entries whose suite shares enough prompts with those given."""
        wanted = set(prompts)
        suites = {s for s, keys in self.suites.items() if len(keys & wanted) >= at_least}
        return tuple(e for e in self.entries if e.suite in suites)


def _parts(spec: str) -> tuple[str, str | None, str | None]:
    rest, _, suite = spec.lower().partition(":")
    name, _, version = rest.partition("@")
    return name, version or None, suite or None


@cache
def _read(path: Path) -> Pack:
    return read(path)


def library_folder() -> Path:
    """Return the folder of the library: inside the wheel, or beside the package in a checkout."""
    here = Path(__file__).parent
    for folder in (here / "_library", here.parent / "reference_outputs"):
        if (folder / INDEX).is_file():
            return folder
    raise FingerprintError(
        f"expected the reference library at {here / '_library'}, found nothing; reinstall "
        "fingerprint, or in a checkout run: python tools/build_library.py DATA"
    )


@cache
def library() -> Library:
    """Read the index of the shipped library."""
    return read_library(library_folder())


def read_library(folder: Path) -> Library:
    """Read the index of the library in a folder: the shipped one, or that of an evidence bundle."""
    value: dict[str, Any] = json.loads((folder / INDEX).read_text("utf-8"))
    if value.get("schema") != SCHEMA:
        raise FingerprintError(
            f"{folder / INDEX}: expected schema {SCHEMA}, found {value.get('schema')!r}"
        )
    return Library(
        folder=folder,
        entries=_entries(value["entries"]),
        suites={s: frozenset(int(k, 16) for k in keys) for s, keys in value["suites"].items()},
        canaries=_entries(value.get("canaries", [])),
    )


def _entries(rows: Iterable[dict[str, Any]]) -> tuple[Entry, ...]:
    return tuple(Entry(**{**row, "names": tuple(row["names"])}) for row in rows)

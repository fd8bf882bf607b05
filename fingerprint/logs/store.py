"""Where a scan keeps its sketches: one folder a log file, complete or not there at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint import __version__
from fingerprint.errors import LogsError
from fingerprint.logs.reading import Tally, read_rows
from fingerprint.logs.schema import Schema
from fingerprint.logs.sketch import SKETCH_VERSION, Sketch, Sketcher
from fingerprint.logs.tables import Limits, SketchError, connect, write_table
from fingerprint.outputs.files import show, without_surrogates

TABLES = ("exchanges", "phrases", "links", "names")
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".parquet")
PART_ROWS = 50_000
_DONE = "done.json"
_KEPT = "[!.]*/"
"""Folders of finished sketches: one with a dot is at work, or was left by a worker that died."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A log file that has been sketched."""

    key: str
    version: str
    path: str
    sha256: str
    rows: int
    used: int
    skewed: int
    bad: Mapping[str, int]
    problems: Sequence[str]
    columns: Sequence[str]
    phrases: int
    fresh: bool
    """Whether this run made the sketch."""


@dataclass(frozen=True, slots=True)
class SketchTask:
    """What it takes to sketch one file, on this machine or another that sees the same files."""

    path: str
    names: Mapping[str, str]
    """Column names, as in `Schema.names`."""
    folder: str
    limits: Limits


def log_files(paths: Sequence[str]) -> list[Path]:
    """Return the log files that paths stand for: files, folders with all below them, patterns.

    Raises
    ------
    LogsError
        When a path leads to nothing.
    """
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.name.endswith(SUFFIXES) and p.is_file())
            if not inside:
                raise LogsError(
                    f"{show(path)}: expected files ending in {', '.join(SUFFIXES)}, found none"
                )
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            matches = sorted(Path(match) for match in glob(text, recursive=True))  # noqa: PTH207
            if not matches:
                raise LogsError(f"{show(path)}: expected a log file, folder or pattern; none there")
            found.update(dict.fromkeys(log_files([str(match) for match in matches])))
    return list(found)


@contextmanager
def opened(out: Path) -> Iterator[Path]:
    """Open the folder of a scan for this process alone, and return where its sketches are.

    What a killed run left half done is removed; what it had finished stays.

    Raises
    ------
    LogsError
        When the folder cannot be made, or another scan is at work there.
    """
    sketches = out / "sketches"
    try:
        sketches.mkdir(parents=True, exist_ok=True)
        with (out / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LogsError(
                    f"--out {out}: another scan is at work there; wait, or give another folder"
                ) from None
            for left in [*sketches.glob(".*"), *out.glob(".spill*")]:
                shutil.rmtree(left, ignore_errors=True)
            yield sketches
    except OSError as error:
        raise LogsError(f"--out {out}: cannot be written: {error.strerror}") from error


def sketch_file(task: SketchTask) -> Partition:
    """Sketch one file, unless that was done before; a pure function of the file and the schema.

    Raises
    ------
    LogsError
        When the file cannot be read, or the sketch cannot be written.
    """
    path, folder = Path(task.path), Path(task.folder)
    digest = _sha256(path)
    names = json.dumps(dict(task.names), sort_keys=True)
    key = hashlib.sha256(f"{SKETCH_VERSION}\n{digest}\n{names}".encode()).hexdigest()[:24]
    final = folder / key
    if (final / _DONE).exists():
        return _partition(final, fresh=False)
    # of its own on any machine: a task whose worker died leaves its folder, and is done again
    work = folder / f".{key}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        work.mkdir()
        tally = Tally()
        phrases = 0
        with connect(task.limits) as connection:
            batches = read_rows(path, Schema.of(task.names), tally)
            for number, sketch in enumerate(_sketcher().sketches(batches, PART_ROWS)):
                phrases += len(sketch.phrases["phrase"])
                _write_part(connection, sketch, work, number)
        record = {
            "version": SKETCH_VERSION,
            "made_by": f"fingerprint {__version__}",
            "path": show(path),
            "sha256": digest,
            "rows": tally.rows,
            "used": tally.used,
            "skewed": tally.skewed,
            "bad": dict(sorted(tally.bad.items())),
            "problems": [str(problem) for problem in tally.problems],
            "columns": sorted(tally.columns),
            "phrases": phrases,
        }
        (work / _DONE).write_text(json.dumps(record, indent=1), encoding="utf-8")
        try:
            work.rename(final)
        except OSError:
            if not (final / _DONE).exists():
                raise
    except OSError as error:
        raise SketchError(
            f"{folder}: the sketch of {show(path)} cannot be written: {error.strerror}; make room "
            "and run the same command again: finished files are kept"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _partition(final, fresh=True)


@cache
def _sketcher() -> Sketcher:
    """Return the sketcher of this process: the hashes of words are worth remembering."""
    return Sketcher()


def _write_part(connection: Any, sketch: Sketch, work: Path, number: int) -> None:
    for table in TABLES:
        columns = getattr(sketch, table)
        if table == "names":  # an account may be any JSON text, Parquet holds UTF-8
            texts = [without_surrogates(text) for text in columns["name"].tolist()]
            columns = {**columns, "name": np.array(texts, dtype=object)}
        write_table(connection, columns, work / f"{table}-{number:05d}.parquet")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LogsError(f"{show(path)}: cannot be read: {error.strerror}") from error


def _partition(folder: Path, *, fresh: bool) -> Partition:
    try:
        record = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        return Partition(
            key=folder.name,
            fresh=fresh,
            **{name: record[name] for name in Partition.__slots__ if name not in ("key", "fresh")},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LogsError(
            f"{folder}: expected a sketch, found something else; remove the folder and scan again"
        ) from error


def partitions(sketches: Path) -> list[Partition]:
    """Return all sketched files of a scan's folder, of this run and of earlier ones.

    Raises
    ------
    LogsError
        When a file was sketched twice, with other columns each time, or by another version: its
        rows would count twice.
    """
    found = [_partition(done.parent, fresh=False) for done in sorted(sketches.glob(_KEPT + _DONE))]
    by_file: dict[str, Partition] = {}
    for partition in found:
        if partition.version != SKETCH_VERSION:
            raise LogsError(
                f"{show(sketches / partition.key)}: expected a sketch of version {SKETCH_VERSION}, "
                f"found {partition.version}; scan the logs again into another --out"
            )
        other = by_file.setdefault(partition.sha256, partition)
        if other is not partition:
            twice = sorted(
                (sketches / p.key for p in (other, partition)),
                key=lambda folder: (folder / _DONE).stat().st_mtime_ns,
            )
            raise LogsError(
                f"{partition.path}: expected to be sketched with one --schema, found two, so that "
                f"its rows would count twice; remove the sketch of the wrong one ({twice[0]} is "
                f"the older, {twice[1]} the newer), or give another --out"
            )
    return found


def table_paths(sketches: Path, table: str) -> list[str]:
    """Return the files of one table over all partitions, in a fixed order."""
    return [str(path) for path in sorted(sketches.glob(f"{_KEPT}{table}-*.parquet"))]

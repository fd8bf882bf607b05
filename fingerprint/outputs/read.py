"""Read outputs of any known format, from a file or a folder of files.

To add a format: write a module with an `IMPORTER` (see `items.py`) and put it in the table below.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fingerprint.errors import OutputsError
from fingerprint.outputs import alpaca_eval, helm, inspect_log, jsonl, lm_eval, parquet
from fingerprint.outputs.check import Row, Unusable, check
from fingerprint.outputs.files import (
    OTHER_ENCODING,
    excerpt,
    is_other_encoding,
    read_head,
    sha256,
    show,
)
from fingerprint.outputs.gather import FileRows, Problems, gather
from fingerprint.outputs.items import Found, Importer, Note
from fingerprint.records import Outputs, Problem, Source

IMPORTERS: tuple[Importer, ...] = (
    parquet.IMPORTER,
    inspect_log.IMPORTER,
    helm.IMPORTER,
    alpaca_eval.IMPORTER,
    lm_eval.IMPORTER,
    jsonl.IMPORTER,
)
"""All formats; the first that recognises a file reads it, so the most particular come first."""

_SHA256_OF_NOTHING = hashlib.sha256().hexdigest()


def read_outputs(path: str | Path, *, strict: bool = False) -> tuple[Outputs, ...]:
    """Read the outputs in a file, or in all files of a folder and its folders.

    In a folder, hidden files and packs are passed over, files of unknown kind are told in one
    `Problem`, and a file that cannot be read is a `Problem` too, unless ``strict``.

    Parameters
    ----------
    path
        A file of a kind that `sniff` knows, or a folder.
    strict
        Raise at the first line that cannot be used instead of recording it.

    Returns
    -------
    tuple of Outputs
        One per model and suite, in the order in which they first appear; files are read in the
        order of their names. What could not be used is in ``problems``: a problem of a known
        model with that model, any other with every model of the file.

    Raises
    ------
    OutputsError
        When nothing can be read, the file is damaged or of unknown kind, or a line is bad and
        ``strict`` is set.
    MissingExtraError
        For Parquet without pyarrow or DuckDB.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, strict)
    importer, reason = _recognise(path)
    if importer is None:
        raise OutputsError(f"{show(path)}: {reason}")
    return gather([_read_file(path, importer, strict)], (), strict)


def sniff(path: str | Path) -> str | None:
    """Tell the kind of a file from its name and first bytes.

    Returns
    -------
    str or None
        ``jsonl``, ``parquet``, ``alpaca_eval``, ``inspect``, ``helm`` or ``lm_eval``; None for
        anything else, folders and packs included.

    Raises
    ------
    OutputsError
        When there is no such file or it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return None
    importer, _ = _recognise(path)
    return None if importer is None else importer.kind


def _recognise(path: Path) -> tuple[Importer | None, str]:
    """Return the importer of a file, or None and why there is none."""
    try:
        exists, regular = path.exists(), path.is_file()
    except (OSError, ValueError) as error:
        raise OutputsError(f"{show(path)}: is no path: {excerpt(error)}") from error
    if not exists:
        raise OutputsError(f"{show(path)}: no such file or folder")
    if not regular:
        raise OutputsError(f"{show(path)}: is neither a file nor a folder")
    if path.suffix == ".pack":
        return None, "is a pack, not outputs"
    head = read_head(path)
    for importer in IMPORTERS:
        if importer.matches(head):
            return importer, ""
    if not head.raw:
        return None, "the file is empty"
    if is_other_encoding(head.text):
        return None, OTHER_ENCODING
    kinds = ", ".join(importer.what for importer in IMPORTERS)
    return None, f"not recognised as outputs; expected one of: {kinds}"


def _read_file(path: Path, importer: Importer, strict: bool) -> FileRows:
    source = Source(str(path), sha256(path))
    if source.sha256 == _SHA256_OF_NOTHING:
        raise OutputsError(f"{show(path)}: the file is empty")
    problems = Problems(str(path), strict)
    rows: list[Row] = []
    notes: Counter[str] = Counter()
    for item in importer.items(path):
        if isinstance(item, Found):
            told: list[str] = []
            try:
                rows.append(check(item, importer, told))
            except Unusable as error:
                problems.add(str(error), item.line, item.where, error.model)
            else:
                notes.update(told)
        elif isinstance(item, Note):
            notes[item.message] += 1
        else:
            problems.add(item.message, item.line, item.where)
    if not rows:
        raise OutputsError(_nothing_usable(path, importer, problems))
    for message, count in notes.items():
        problems.note(f"{count} {importer.complaint}s {message}")
    return FileRows(source, rows, problems)


def _nothing_usable(path: Path, importer: Importer, problems: Problems) -> str:
    count = problems.count()
    if not count:
        return f"{show(path)}: the file has no {importer.complaint}s: nothing to read"
    first = "; ".join(
        problem.message if problem.line is None else f"line {problem.line}: {problem.message}"
        for problem, _ in problems.listed()[:3]
    )
    more = "; ..." if count > 3 else ""
    return (
        f"{show(path)}: read as {importer.what}, none of {count} {importer.complaint}s can be "
        f"used: {first}{more}"
    )


def _read_folder(folder: Path, strict: bool) -> tuple[Outputs, ...]:
    files: list[FileRows] = []
    general: list[Problem] = []
    unknown: list[str] = []
    for path in _walk(folder):
        try:
            importer, _ = _recognise(path)
            if importer is not None:
                files.append(_read_file(path, importer, strict))
            elif path.suffix != ".pack" and not lm_eval.is_results_file(path):
                unknown.append(path.relative_to(folder).as_posix())
        except OutputsError as error:
            if strict:
                raise
            message = str(error).removeprefix(f"{show(path)}: ")
            general.append(Problem(str(path), None, f"the file was not used: {message}"))
    if unknown:
        listed = ", ".join(excerpt(name) for name in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        message = (
            f"{len(unknown)} files were passed over, not recognised as outputs: {listed}{more}"
        )
        general.append(Problem(str(folder), None, message))
    if not files:
        why = "; ".join(f"{show(p.path)}: {p.message}" for p in general[:3])
        raise OutputsError(
            f"{show(folder)}: no outputs in this folder" + (f" ({why})" if why else "")
        )
    return gather(files, general, strict)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the visible files under a folder in the order of their paths."""

    def fail(error: OSError) -> None:
        raise OutputsError(f"{show(folder)}: cannot be read: {error.strerror}") from error

    paths: list[Path] = []
    for base, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths.extend(Path(base, name) for name in names if not name.startswith("."))
    yield from sorted(paths, key=lambda path: path.relative_to(folder).parts)

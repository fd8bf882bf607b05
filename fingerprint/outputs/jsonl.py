"""Our own format: JSON lines, read and written. See "Outputs" in the docs for the fields."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fingerprint.errors import OutputsError
from fingerprint.outputs.check import REQUIRED
from fingerprint.outputs.files import (
    MAX_LINE_BYTES,
    BadJson,
    describe,
    excerpt,
    parse_json,
    read_lines,
    show,
    without_surrogates,
)
from fingerprint.outputs.items import Found, Head, Importer, Item, Rejected
from fingerprint.records import Outputs, Response
from fingerprint.wholefile import replacing

_OPTIONAL = ("domain", "language", "system", "finish_reason", "served_model")


def matches(head: Head) -> bool:
    """Tell JSON lines by the name, or by fields of ours in the first line."""
    if head.name.endswith((".jsonl", ".ndjson")):
        return True
    if head.first is not None:
        return any(name in head.first for name in REQUIRED)
    return head.text.startswith(b"{") and b'"prompt_id"' in head.text


def parsed_lines(path: Path) -> Iterator[Item]:
    """Read each non-blank line as a JSON object: `Found`, or `Rejected` with the reason."""
    for number, offset, raw in read_lines(path):
        if raw is None:
            yield Rejected(f"longer than {MAX_LINE_BYTES} bytes; not read", number)
            continue
        try:
            value, marked = parse_json(raw, offset)
        except BadJson as error:
            yield Rejected(str(error), number)
            continue
        if isinstance(value, dict):
            yield Found(value, number, marked=marked)
        else:
            yield Rejected(f"expected a JSON object, found {describe(value)}", number)


IMPORTER = Importer(
    kind="jsonl", what="JSONL of outputs", matches=matches, items=parsed_lines, complaint="line"
)


def write_jsonl(path: str | Path, outputs: Outputs | Iterable[Outputs]) -> None:
    """Write outputs as JSON lines that `read_outputs` reads back.

    The file is replaced at once or not at all; the same outputs give the same bytes.

    Parameters
    ----------
    path
        File to write; gzip where the name ends in ``.gz``.
    outputs
        One or several models' outputs, written in the order given.

    Raises
    ------
    OutputsError
        When there is no response to write, a field is no JSON, or the file cannot be written.
    """
    path = Path(path)
    several = (outputs,) if isinstance(outputs, Outputs) else tuple(outputs)
    if not any(one.responses for one in several):
        raise OutputsError(f"{show(path)}: there is no response to write")
    try:
        with replacing(path, durable=True) as plain:
            if path.name.endswith(".gz"):
                with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
                    _write(packed, several)
            else:
                _write(plain, several)
    except OSError as error:
        raise OutputsError(f"{show(path)}: cannot be written: {error.strerror}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputsError(f"{show(path)}: a field is no JSON: {excerpt(error)}") from error


def _write(file: BinaryIO | gzip.GzipFile, several: Iterable[Outputs]) -> None:
    for outputs in several:
        shared = {
            name: value
            for name in ("suite", "lineage", "vendor", "released")
            if (value := getattr(outputs, name)) is not None
        }
        if outputs.sampling:
            shared["sampling"] = dict(outputs.sampling)
        for response in outputs.responses:
            record = _record(outputs.model, response, shared)
            text = json.dumps(record, ensure_ascii=False, separators=(", ", ": "))
            file.write(without_surrogates(text).encode("utf-8") + b"\n")


def _record(model: str, response: Response, shared: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "prompt_id": response.prompt_id,
        "prompt": response.prompt,
        "response": response.text,
        "model": model,
        "sample": response.sample,
    }
    for name in _OPTIONAL:
        if (value := getattr(response, name)) is not None:
            record[name] = value
    record.update(shared)
    for name, value in response.extra.items():
        # A response's own sampling outranks what its model's responses have in common.
        if name == "sampling" or name not in record:
            record[name] = value
    return record

"""Bounded reading of hostile files: streamed lines, JSON documents, hashes, safe excerpts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fingerprint.errors import OutputsError
from fingerprint.outputs.items import Head

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is reported and passed over without being held in memory."""
MAX_TOTAL_BYTES = 16 * 2**30
"""Most that one file may unpack to: the bound on gzip and zip bombs."""
MAX_DOCUMENT_BYTES = 2**30
"""Largest JSON document (a format that is one JSON value must be held in memory whole)."""
HEAD_BYTES = 2**16

_EXCERPT = 60
_SURROGATE = re.compile("[\ud800-\udfff]")
_UTF8_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
OTHER_ENCODING = (
    "byte 0 begins a UTF-16 or UTF-32 byte-order mark; expected UTF-8: save the file as UTF-8"
)
_GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)


class BadJson(ValueError):
    """Bytes that are no JSON value; the message is safe to show."""


class Line(NamedTuple):
    """One non-blank line; ``raw`` is None where it is longer than `MAX_LINE_BYTES`."""

    number: int
    offset: int
    """Bytes before the line in the (unpacked) file."""
    raw: bytes | None


def excerpt(value: object) -> str:
    """Show at most 60 characters of hostile text, escaped and quoted."""
    text = value if isinstance(value, str) else str(value)
    shown = repr(text[:_EXCERPT])
    cut = len(text) > _EXCERPT or len(shown) > _EXCERPT + 2
    return shown[: _EXCERPT + 1] + "…" + shown[0] if cut else shown


def describe(value: object) -> str:
    """Say what a JSON value is, with an excerpt where it is text or a number."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    kind = "text" if isinstance(value, str) else type(value).__name__
    return f"{kind} {excerpt(value)}"


def show(path: Path | str) -> str:
    """Name a path in a message: as it is, or escaped where it has unprintable characters."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def sha256(path: Path) -> str:
    """Return the SHA-256 of the bytes of a file, hex.

    Raises
    ------
    OutputsError
        When the file cannot be read.
    """
    with _os_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a file for reading, unpacking gzip (recognised by its first bytes, not its name).

    Raises
    ------
    OutputsError
        When the file cannot be read, or, inside the block, its gzip data is damaged.
    """
    with _os_errors(path), path.open("rb") as plain:
        packed = plain.peek(2)[:2] == b"\x1f\x8b"
        try:
            yield gzip.GzipFile(fileobj=plain) if packed else plain
        except _GZIP_ERRORS as error:
            raise OutputsError(
                f"{show(path)}: the gzip data is truncated or damaged ({excerpt(error)}); "
                "get the file again, or unpack what is left of it and read that"
            ) from error


@contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputsError(f"{show(path)}: cannot be read: {reason}") from error


def read_lines(path: Path) -> Iterator[Line]:
    """Read the lines of a UTF-8 file one by one, skipping blank ones.

    Raises
    ------
    OutputsError
        For another encoding, damaged gzip data, or more than `MAX_TOTAL_BYTES`.
    """
    number, offset = 0, 0
    with open_bytes(path) as file:
        while True:
            try:
                raw = file.readline(MAX_LINE_BYTES + 1)
            except _GZIP_ERRORS as error:
                raise OutputsError(
                    f"{show(path)}: the gzip data is truncated or damaged after line {number} "
                    f"({offset} bytes unpacked; {excerpt(error)}); nothing of it was used: get the "
                    "file again, or unpack what is left of it and read that"
                ) from error
            if not raw:
                return
            number += 1
            start, offset = offset, offset + len(raw)
            if number == 1:
                check_encoding(path, raw)
                raw = raw.removeprefix(_UTF8_BOM)
            too_long = len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n")
            while too_long and not raw.endswith(b"\n"):
                raw = file.readline(2**20)
                offset += len(raw)
                if not raw or offset > MAX_TOTAL_BYTES:
                    break
            if offset > MAX_TOTAL_BYTES:
                raise OutputsError(
                    f"{show(path)}: unpacks to more than {MAX_TOTAL_BYTES} bytes "
                    f"(line {number}); split it into smaller files"
                )
            if too_long:
                yield Line(number, start, None)
            elif raw and not raw.isspace():
                yield Line(number, start, raw)


def is_other_encoding(raw: bytes) -> bool:
    """Tell whether ``raw`` begins with the byte-order mark of UTF-16 or UTF-32."""
    return raw.startswith(_OTHER_BOMS)


def check_encoding(path: Path, raw: bytes) -> None:
    """Raise `OutputsError` when ``raw`` begins with the byte-order mark of UTF-16 or UTF-32."""
    if is_other_encoding(raw):
        raise OutputsError(f"{show(path)}: {OTHER_ENCODING}")


class Repeated(dict[str, Any]):
    """An object in which a name occurs twice: which value counts would be a guess."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(found)


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def parse_json(raw: bytes, offset: int = 0) -> tuple[Any, bool]:
    """Parse one JSON value from UTF-8 bytes.

    Returns
    -------
    tuple
        The value, and whether it may hold lone surrogates (it has escapes that give them).

    Raises
    ------
    BadJson
        When it is no JSON in UTF-8, nests too deeply, or names a field twice at the top.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(
            f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {offset + error.start} of the file; "
            "save the file as UTF-8"
        ) from error
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        after = text[error.pos : error.pos + _EXCERPT].rstrip("\r\n")
        found = excerpt(after) if after else "the end of the text"
        hint = "; it has NUL bytes: is the file UTF-16?" if "\0" in text[:64] else ""
        row = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise BadJson(
            f"not valid JSON: {error.msg} at {row}column {error.colno}, found {found}{hint}"
        ) from error
    except RecursionError as error:
        raise BadJson("the JSON nests too deeply") from error
    except ValueError as error:
        raise BadJson(f"not usable JSON: {excerpt(error)}") from error
    if isinstance(value, Repeated):
        raise BadJson("a field occurs twice in the object; keep one of them")
    return value, "\\ud" in text or "\\uD" in text


def replace_surrogates(value: Any) -> tuple[Any, bool]:
    """Replace lone surrogates by U+FFFD wherever they stand; tell whether there were any."""
    if isinstance(value, str):
        clean = _SURROGATE.sub("\ufffd", value)
        return clean, clean != value
    if isinstance(value, list):
        parts = [replace_surrogates(part) for part in value]
        return [part for part, _ in parts], any(changed for _, changed in parts)
    if isinstance(value, dict):
        names = {name: _SURROGATE.sub("\ufffd", name) for name in value}
        fields = {name: replace_surrogates(part) for name, part in value.items()}
        changed = any(new != old for old, new in names.items())
        clean_dict = type(value)((names[name], part) for name, (part, _) in fields.items())
        return clean_dict, changed or any(change for _, change in fields.values())
    return value, False


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def load_document(path: Path) -> tuple[Any, bool]:
    """Read a file that is one JSON value, with whether it may hold lone surrogates.

    Raises
    ------
    OutputsError
        When it is unreadable, larger than `MAX_DOCUMENT_BYTES`, or no JSON.
    """
    with open_bytes(path) as file:
        raw = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise OutputsError(
            f"{show(path)}: the JSON document is larger than {MAX_DOCUMENT_BYTES} bytes; "
            "convert it to JSONL, which is read line by line"
        )
    check_encoding(path, raw)
    try:
        return parse_json(raw.removeprefix(_UTF8_BOM))
    except BadJson as error:
        raise OutputsError(f"{show(path)}: {error}") from error


def read_head(path: Path) -> Head:
    """Read the beginning of a file, enough to recognise its kind.

    Raises
    ------
    OutputsError
        When the file cannot be read.
    """
    with _os_errors(path), path.open("rb") as file:
        raw = file.read(HEAD_BYTES)
    text = raw
    if raw.startswith(b"\x1f\x8b"):
        try:
            text = zlib.decompressobj(wbits=31).decompress(raw, HEAD_BYTES)
        except zlib.error:
            text = b""
    text = text.removeprefix(_UTF8_BOM).lstrip()
    try:
        value, _ = parse_json(text.partition(b"\n")[0])
    except BadJson:
        value = None
    return Head(path, raw, text, value if isinstance(value, dict) else None)

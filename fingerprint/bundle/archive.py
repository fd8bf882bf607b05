"""The archive a bundle is kept in: a zip file of one fixed form, every byte of which is checked.

Any zip program opens it. It is read and written here because a bundle needs more: the same content
gives the same bytes, and a file that differs from that form in any byte (a date, a comment, another
order) is refused. Entries are not compressed, so nothing can unfold into more than the file
itself has; they are read in pieces.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fingerprint.errors import BundleError
from fingerprint.wholefile import PUBLIC, replacing

MAX_BYTES = (1 << 32) - (1 << 24)
"""A zip without 64-bit extensions; outputs of about a million responses."""
MAX_ENTRIES = 65_000
MAX_NAME = 240
PIECE = 1 << 20

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_DATE = 0x21  # 1 January 1980, the first that zip knows
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+%-]*(?:/[A-Za-z0-9_%+-][A-Za-z0-9._+%-]*)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in the archive: where its bytes begin, and what they must sum to."""

    name: str
    size: int
    crc: int
    offset: int
    """Of its header."""

    @property
    def begin(self) -> int:
        """Where its bytes begin."""
        return self.offset + len(_local(self))


def write(path: Path, files: Sequence[tuple[str, bytes | Path]]) -> None:
    """Write an archive atomically.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    files : sequence of (name, bytes or Path)
        In this order; names of plain characters, each once.

    Raises
    ------
    BundleError
        When the archive would be too large, a name is not plain or occurs twice, or something
        cannot be read or written.
    """
    _check_names([name for name, _ in files], str(path))
    try:
        with replacing(path, mode=PUBLIC) as out:
            entries = []
            for label, content in files:
                entries.append(_add(out, label, content, str(path)))
            out.write(_directory(entries, out.tell()))
    except OSError as error:
        raise BundleError(f"{path}: the bundle cannot be written: {error}") from error


def _add(out: BinaryIO, name: str, content: bytes | Path, path: str) -> Entry:
    """Write one file, its header after its bytes are known."""
    offset = out.tell()
    size = crc = 0
    out.write(_local(Entry(name, 0, 0, offset)))
    for piece in _pieces(content):
        out.write(piece)
        size += len(piece)
        crc = zlib.crc32(piece, crc)
        if out.tell() > MAX_BYTES:
            raise BundleError(
                f"{path}: a bundle may have {MAX_BYTES:,} bytes; leave --include-text out, or "
                "compare fewer outputs at a time"
            )
    entry = Entry(name, size, crc, offset)
    end = out.tell()
    out.seek(offset)
    out.write(_local(entry))
    out.seek(end)
    return entry


def _pieces(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def sha256(content: bytes | Path) -> tuple[str, int]:
    """Return the SHA-256 (hex) and the size of a file's bytes."""
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(content):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


class Archive:
    """An archive open for reading, its form already checked.

    Parameters
    ----------
    file : binary file
    path : str
        For messages.

    Raises
    ------
    BundleError
        When any byte outside the files' own bytes is not as `write` writes it.
    """

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._path = path
        self.entries = self._scan()
        _check_names([entry.name for entry in self.entries], path)

    def _scan(self) -> tuple[Entry, ...]:
        size = self._file.seek(0, os.SEEK_END)
        if size > MAX_BYTES + (1 << 24):
            raise BundleError(
                f"{self._path}: a bundle may have {MAX_BYTES:,} bytes, found {size:,}"
            )
        entries: list[Entry] = []
        at = 0
        while True:
            self._file.seek(at)
            head = self._file.read(30)
            if head[:4] == _CENTRAL and entries:
                break
            if len(head) < 30 or head[:4] != _LOCAL or len(entries) >= MAX_ENTRIES:
                raise self._unlike("is no zip file that fingerprint wrote", at)
            crc, length, _, name_length = struct.unpack("<IIIH", head[14:28])
            name = self._file.read(name_length)
            entry = Entry(name.decode("ascii", "replace"), length, crc, at)
            if name_length > MAX_NAME or head + name != _local(entry):
                raise self._unlike("has a header that fingerprint does not write", at)
            at = entry.begin + length
            if at > size:
                raise self._unlike("is truncated", at)
            entries.append(entry)
        self._file.seek(at)
        expected = _directory(entries, at)
        found = self._file.read(len(expected) + 1)
        if found != expected:
            raise self._unlike("has a directory that does not fit its files", at)
        return tuple(entries)

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Read the bytes of a file in pieces; its checksum is checked at the end.

        Raises
        ------
        BundleError
            When the checksum differs.
        """
        left, crc = entry.size, 0
        self._file.seek(entry.begin)
        while left:
            piece = self._file.read(min(PIECE, left))
            if not piece:
                raise self._unlike("is truncated", entry.begin)
            left -= len(piece)
            crc = zlib.crc32(piece, crc)
            yield piece
        if crc != entry.crc:
            raise BundleError(
                f"{self._path}: {entry.name} is altered or damaged: its checksum differs; get the "
                "bundle again from where it came from"
            )

    def _unlike(self, what: str, at: int) -> BundleError:
        return BundleError(
            f"{self._path}: the file {what} (byte {at:,}): altered, damaged or packed again; get "
            "the bundle again from where it came from"
        )


def _check_names(names: Sequence[str], path: str) -> None:
    for name in names:
        if len(name) > MAX_NAME or not _NAME.fullmatch(name):
            raise BundleError(
                f"{path}: expected plain names in a bundle (letters, digits, ._+%- and /, no more "
                f"than {MAX_NAME}), found {name[:80]!r}"
            )
    lower = [name.lower() for name in names]
    if len(set(lower)) < len(lower):
        twice = next(name for name in lower if lower.count(name) > 1)
        raise BundleError(
            f"{path}: expected every file once in a bundle, found {twice[:80]!r} twice"
        )


def _local(entry: Entry) -> bytes:
    name = entry.name.encode("ascii", "replace")
    fields = (20, 0, 0, 0, _DATE, entry.crc, entry.size, entry.size, len(name), 0)
    return _LOCAL + struct.pack("<5H3I2H", *fields) + name


def _directory(entries: Sequence[Entry], at: int) -> bytes:
    """Write the central directory and its end."""
    listed = []
    for entry in entries:
        name = entry.name.encode("ascii", "replace")
        fields = (0x0314, 20, 0, 0, 0, _DATE, entry.crc, entry.size, entry.size, len(name))
        rest = (0, 0, 0, 0, 0o100644 << 16, entry.offset)
        listed.append(_CENTRAL + struct.pack("<6H3I5H2I", *fields, *rest) + name)
    body = b"".join(listed)
    n = len(entries)
    return body + _END + struct.pack("<4H2IH", 0, 0, n, n, len(body), at, 0)

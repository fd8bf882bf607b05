"""The file a pack is kept in: a manifest and arrays that can be verified, and nothing that runs.

The layout is that of safetensors (8 bytes of header size, a JSON header, raw little-endian arrays),
so any safetensors library opens a pack. It is read and written here because a pack needs more:
the same content always gives the same bytes, every byte is covered by the hash, and all sizes are
checked against the file's own size before anything of that size is read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from fingerprint.errors import PackError
from fingerprint.wholefile import PUBLIC, replacing

MAX_PACK_BYTES = 1 << 29
"""About 400,000 responses."""
MAX_HEADER_BYTES = 1 << 22

_ENTRY = "fingerprint"
_ALIGNMENT = 8
_GET_AGAIN = "get it again from where it came from, or build it again"


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What an array of a pack with n responses must be like.

    ``rows``: n, one more, or any number; ``width``: columns, or None for one dimension.
    """

    dtype: Literal["<u8", "<i8", "<u4", "|u1"]
    rows: Literal["n", "n+1", "any"] = "n"
    width: int | None = None

    def shape(self, n: int, found: int) -> list[int]:
        """Return the shape in a pack of n responses, with ``found`` rows where any will do."""
        rows = {"n": n, "n+1": n + 1, "any": found}[self.rows]
        return [rows] if self.width is None else [rows, self.width]

    @property
    def code(self) -> str:
        """The type's name in a safetensors header."""
        return {"<u8": "U64", "<i8": "I64", "<u4": "U32", "|u1": "U8"}[self.dtype]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self.dtype[-1])


Specs = Mapping[str, ArraySpec]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Content:
    """A file that was read and verified."""

    manifest: dict[str, Any]
    arrays: Arrays
    sha256: str


def key_id(key: bytes | None) -> str | None:
    """Return a short digest that names a key without giving it away, or None without a key.

    Raises
    ------
    PackError
        When the key is empty.
    """
    if key is None:
        return None
    if not key:
        raise PackError("expected a secret key, found an empty one; any random bytes will do")
    return hmac.digest(key, b"fingerprint key id", "sha256").hex()[:16]


def save(
    path: str | os.PathLike[str],
    manifest: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    specs: Specs,
    key: bytes | None = None,
) -> str:
    """Write a file atomically and return its content hash, hex SHA-256.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    manifest : mapping
        JSON values; the hashes are added to it.
    arrays : mapping of str to array
        One for every spec, of the shape it asks for.
    specs : mapping of str to ArraySpec
    key : bytes, optional
        Secret to authenticate the content with (HMAC-SHA-256, RFC 2104).

    Raises
    ------
    PackError
        When the file would be larger than `load` accepts, or cannot be written.
    """
    shapes = {name: list(arrays[name].shape) for name in specs}
    body = b"".join(
        np.ascontiguousarray(arrays[name], dtype=specs[name].dtype).tobytes()
        for name in _order(specs)
    )
    full = dict(manifest)
    full["arrays_sha256"] = _arrays_hash(_layout(specs, shapes), body)
    if key is not None:
        full["content_hmac"] = _tag(key, full)
    digest = full["content_sha256"] = _sha256(full)
    header = _header(full, specs, shapes)
    size = 8 + len(header) + len(body)
    if len(header) > MAX_HEADER_BYTES or size > MAX_PACK_BYTES:
        raise PackError(
            f"{path}: a pack may have {MAX_PACK_BYTES:,} bytes and {MAX_HEADER_BYTES:,} of them in "
            f"its header, this one would have {size:,} and {len(header):,}; split the outputs"
        )
    try:
        _write(Path(path), len(header).to_bytes(8, "little") + header + body)
    except OSError as error:
        raise PackError(f"{path}: the pack cannot be written: {error.strerror}") from error
    return digest


def load(
    path: str | os.PathLike[str],
    specs: Specs,
    versions: Mapping[str, Any],
    key: bytes | None = None,
    others: Sequence[tuple[Specs, Mapping[str, Any]]] = (),
) -> Content:
    """Read and verify a file.

    Parameters
    ----------
    path : path
    specs : mapping of str to ArraySpec
        The arrays that must be there, and no others.
    versions : mapping
        Entries of the manifest and what they must be.
    key : bytes, optional
        Secret of a keyed pack; without it a keyed pack is read, but not authenticated.
    others : sequence of (specs, versions)
        Layouts that the file may have instead, told apart by the entry ``format``.

    Raises
    ------
    PackError
        When the file cannot be read, is not a pack, is truncated or altered, is of another
        version, is larger than allowed, or does not fit the key.
    """
    try:
        state = Path(path).stat()
        if not stat.S_ISREG(state.st_mode):
            raise PackError(f"{path}: expected a pack, found a folder or a device")
        with Path(path).open("rb") as file:
            layouts = [(specs, versions), *others]
            content = _read(file, state.st_size, str(path), layouts)
    except OSError as error:
        raise PackError(f"{path}: the pack cannot be read: {error.strerror}") from error
    _verify(content, str(path), key)
    return content


def _read(
    file: BinaryIO, size: int, path: str, layouts: Sequence[tuple[Specs, Mapping[str, Any]]]
) -> Content:
    """Read the parts of a file, each after its size was found to fit."""
    start = file.read(8)
    header_size = int.from_bytes(start, "little")
    if len(start) < 8 or header_size > min(MAX_HEADER_BYTES, size - 8):
        raise PackError(f"{path}: not a pack{_hint(start)}, or truncated; {_GET_AGAIN}")
    if size > MAX_PACK_BYTES:
        raise PackError(f"{path}: a pack may have {MAX_PACK_BYTES:,} bytes, this file has {size:,}")
    header = file.read(header_size)
    try:
        parsed = json.loads(header)
        manifest = json.loads(parsed["__metadata__"][_ENTRY])
        stated = manifest.get("format")
        fitting = (layout for layout in layouts if layout[1].get("format") == stated)
        specs, versions = next(fitting, layouts[0])
        _check_versions(manifest, versions, path)
        shapes = _shapes(parsed, specs, path)
        layout = _layout(specs, shapes)
        if header != _header(manifest, specs, shapes):
            raise ValueError("not the canonical form")
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise PackError(
            f"{path}: not a pack, or its header was altered ({type(error).__name__}); {_GET_AGAIN}"
        ) from error
    expected = _end(layout)
    if size - 8 - header_size != expected:
        raise PackError(
            f"{path}: truncated or altered: the header announces arrays of {expected:,} bytes, "
            f"{size - 8 - header_size:,} follow it; {_GET_AGAIN}"
        )
    body = file.read(expected)
    stated = manifest.pop("content_sha256", None)
    found = _sha256(manifest)
    if stated != found or manifest.get("arrays_sha256") != _arrays_hash(layout, body):
        raise PackError(
            f"{path}: altered or damaged: the content hash says {str(stated)[:16]!r}, the content "
            f"gives another; {_GET_AGAIN}"
        )
    arrays = {}
    for name, spec in specs.items():
        begin, end = layout[name]["data_offsets"]
        array = np.frombuffer(body, spec.dtype, (end - begin) // spec.itemsize, begin)
        native = array.dtype.newbyteorder("=")
        arrays[name] = array.astype(native, copy=False).reshape(shapes[name])
    return Content(manifest, arrays, found)


def _check_versions(manifest: Any, versions: Mapping[str, Any], path: str) -> None:
    found = {name: manifest.get(name) for name in versions}
    if found != dict(versions):
        raise PackError(
            f"{path}: expected {_brief(versions)}, found {_brief(found)}; build the pack again "
            "with this version of fingerprint, or use the version that wrote it"
        )


def _brief(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {str(value)[:40]!r}" for name, value in versions.items())


def _shapes(parsed: dict[str, Any], specs: Specs, path: str) -> dict[str, list[int]]:
    """Return the shapes the header states, checked against the specs."""
    if parsed.keys() != {"__metadata__", *specs}:
        raise PackError(f"{path}: expected the arrays {', '.join(sorted(specs))}, found others")
    n = parsed["prompts"]["shape"][0] if "prompts" in specs else 0
    shapes = {}
    for name, spec in specs.items():
        dtype, shape = parsed[name]["dtype"], parsed[name]["shape"]
        wanted = spec.shape(n, shape[0])
        whole = all(type(length) is int and 0 <= length <= MAX_PACK_BYTES for length in shape)
        if dtype != spec.code or shape != wanted or not whole:
            raise PackError(
                f"{path}: array {name} should be {spec.code} {str(wanted)[:40]}, found "
                f"{str(dtype)[:10]!r} {str(shape)[:40]}; {_GET_AGAIN}"
            )
        shapes[name] = wanted
    return shapes


def _verify(content: Content, path: str, key: bytes | None) -> None:
    """Check the HMAC when a key is given."""
    tag = content.manifest.pop("content_hmac", None)
    made_with = content.manifest.get("key_id")
    if key is not None:
        if made_with != key_id(key):
            raise PackError(
                f"{path}: expected a pack made with the key given (key id {key_id(key)}), found "
                + ("one without a key" if made_with is None else f"key id {str(made_with)[:40]!r}")
            )
        if not isinstance(tag, str) or not hmac.compare_digest(
            tag.encode("utf-8", "replace"), _tag(key, content.manifest).encode()
        ):
            raise PackError(f"{path}: the HMAC does not fit: not made by a holder of the key")
    content.manifest.pop("arrays_sha256", None)


def _hint(start: bytes) -> str:
    if start.lstrip()[:1] in (b"{", b"["):
        return " but JSON (outputs? `fingerprint pack build` makes a pack of them)"
    return " but gzip (outputs?)" if start[:2] == b"\x1f\x8b" else ""


def _order(specs: Specs) -> list[str]:
    """Wide types first, which keeps every array aligned; then by name."""
    return sorted(specs, key=lambda name: (-specs[name].itemsize, name))


def _layout(specs: Specs, shapes: Mapping[str, list[int]]) -> dict[str, dict[str, Any]]:
    layout = {}
    begin = 0
    for name in _order(specs):
        items = 1
        for length in shapes[name]:
            items *= length
        end = begin + items * specs[name].itemsize
        layout[name] = {
            "dtype": specs[name].code,
            "shape": shapes[name],
            "data_offsets": [begin, end],
        }
        begin = end
    return layout


def _end(layout: Mapping[str, Mapping[str, Any]]) -> int:
    return max((int(entry["data_offsets"][1]) for entry in layout.values()), default=0)


def _header(manifest: Mapping[str, Any], specs: Specs, shapes: Mapping[str, list[int]]) -> bytes:
    header = {"__metadata__": {_ENTRY: _canonical(manifest)}, **_layout(specs, shapes)}
    raw = json.dumps(header, separators=(",", ":")).encode()
    return raw + b" " * (-len(raw) % _ALIGNMENT)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _sha256(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(manifest).encode()).hexdigest()


def _arrays_hash(layout: Mapping[str, Any], body: bytes) -> str:
    digest = hashlib.sha256(_canonical(layout).encode())
    digest.update(body)
    return digest.hexdigest()


def _tag(key: bytes, manifest: Mapping[str, Any]) -> str:
    return hmac.digest(key, _canonical(manifest).encode(), "sha256").hex()


def _write(target: Path, data: bytes) -> None:
    with replacing(target, mode=PUBLIC) as out:
        out.write(data)

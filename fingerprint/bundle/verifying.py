"""Verifying: whether a bundle is whole, and whether it gives the same verdict again.

A bundle is hostile until it is checked, and its contents after that: names, sizes and hashes first,
then everything is read by the readers that take hostile input anyway. Nothing outside a temporary
folder is written or read.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from fingerprint import __version__, calibration, packs
from fingerprint.bundle.archive import Archive, Entry
from fingerprint.bundle.contents import (
    CALIBRATION,
    ENVIRONMENT,
    LIBRARY,
    MANIFEST,
    MANIFEST_SCHEMA,
    OUTPUTS,
    RUN,
    SIGNATURE,
    VERDICT,
    Kept,
    canonical,
    read_run,
)
from fingerprint.bundle.signatures import check, named_key
from fingerprint.comparison import answer
from fingerprint.errors import BundleError, FingerprintError
from fingerprint.fields import parse
from fingerprint.findings import Finding, read_finding
from fingerprint.library import INDEX, read_library
from fingerprint.library import Entry as LibraryEntry
from fingerprint.models import model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import Pack
from fingerprint.report.serialise import dumps, verdict_to_dict
from fingerprint.specs import Loaded, Loader

MAX_JSON_BYTES = 1 << 27
"""Of any file of the bundle that is read whole."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    ``sha256`` of the manifest names the bundle. ``difference`` is None where the verdict came out
    the same, byte for byte; otherwise it names the first thing that differs.
    """

    sha256: str
    made_by: str
    files: int
    difference: str | None
    signature: str
    text: str


def verify(path: Path, *, public_key: str | None = None, key: bytes | None = None) -> Verification:
    """Check a bundle and compute its verdict again.

    Parameters
    ----------
    path : Path
    public_key : str, optional
        Key of the maker, or its file; without it a signature is named, not checked.
    key : bytes, optional
        Secret of keyed packs: needed only to build them again from included outputs.

    Raises
    ------
    BundleError
        When the bundle is damaged, altered, or not signed with the key given.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BundleError(f"{path}: expected a bundle: {error.strerror}") from error
    with file, tempfile.TemporaryDirectory(prefix="fingerprint-") as folder:
        archive = Archive(file, str(path))
        head, signature = _manifest(archive, str(path))
        found = parse(head, f"{path}, {MANIFEST}", BundleError)
        signed = _signature(head, signature, public_key, str(path))
        stated = {f.text("path"): f.text("sha256") for f in found.each("files")}
        _extract(archive, stated, Path(folder), str(path), signature is not None)
        try:
            difference, text = _replay(Path(folder), str(path), key)
        except BundleError:
            raise
        except FingerprintError as error:
            said = str(error).replace(f"{folder}/", "")
            raise BundleError(f"{path}: its contents cannot be used: {said}") from error
    return Verification(
        sha256=hashlib.sha256(head).hexdigest(),
        made_by=found.text("made_by"),
        files=len(stated),
        difference=difference,
        signature=signed,
        text=text,
    )


def _manifest(archive: Archive, path: str) -> tuple[bytes, bytes | None]:
    """Read the manifest and the signature, if there is one."""
    entries = archive.entries
    if entries[0].name != MANIFEST:
        raise BundleError(f"{path}: expected a bundle of fingerprint, found another zip file")
    head = _whole(archive, entries[0], path)
    found = parse(head, f"{path}, {MANIFEST}", BundleError)
    if found.text_or_none("schema") != MANIFEST_SCHEMA:
        raise BundleError(
            f"{path}: expected a bundle of schema {MANIFEST_SCHEMA}, found "
            f"{str(found.text_or_none('schema'))[:60]!r}; use the version that made it"
        )
    if canonical(json.loads(head)) != head:
        raise BundleError(f"{path}: the manifest is not in the form that fingerprint writes")
    signature = None
    if len(entries) > 1 and entries[1].name == SIGNATURE:
        signature = _whole(archive, entries[1], path)
    return head, signature


def _whole(archive: Archive, entry: Entry, path: str) -> bytes:
    if entry.size > MAX_JSON_BYTES:
        raise BundleError(f"{path}: {entry.name} has {entry.size:,} bytes, more than is read")
    return b"".join(archive.pieces(entry))


def _signature(head: bytes, signature: bytes | None, public_key: str | None, path: str) -> str:
    if signature is None:
        if public_key is not None:
            raise BundleError(f"{path}: expected a signed bundle, found one without a signature")
        return "not signed"
    if public_key is None:
        return f"signed by key {named_key(signature)}, not checked: give --public-key"
    check(head, signature, public_key, path)
    return f"good signature of key {named_key(signature)}"


def _extract(
    archive: Archive, stated: Mapping[str, str], folder: Path, path: str, signed: bool
) -> None:
    """Write the files out, each checked against the manifest while it is read."""
    entries = archive.entries[2 if signed else 1 :]
    names = [entry.name for entry in entries]
    if names != list(stated):
        odd = next((n for n in (*names, *stated) if n not in stated or n not in names), names[:1])
        raise BundleError(f"{path}: the files are not those of the manifest, first {str(odd)[:80]}")
    for entry in entries:
        target = folder.joinpath(*_parts(entry.name, path))
        digest = hashlib.sha256()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for piece in archive.pieces(entry):
                    digest.update(piece)
                    out.write(piece)
        except OSError as error:
            raise BundleError(f"{path}: {entry.name} cannot be taken out: {error}") from error
        if digest.hexdigest() != stated[entry.name]:
            raise BundleError(
                f"{path}: {entry.name} is altered or damaged: its SHA-256 is not the manifest's; "
                "get the bundle again from where it came from"
            )


def _parts(name: str, path: str) -> list[str]:
    """Turn a name of the archive into a path below a folder; outputs get their own names back."""
    parts = name.split("/")
    if parts[0] == OUTPUTS:
        parts = [unquote(part, errors="surrogateescape") for part in parts]
    for part in parts:
        odd = any(char in part for char in "/\\\0") or PurePosixPath(part).name != part
        if odd or part in ("", ".", ".."):
            raise BundleError(f"{path}: the name {name[:80]!r} leads out of its folder")
    return parts


def _replay(folder: Path, path: str, key: bytes | None) -> tuple[str | None, str]:
    """Compute the verdict again; return the first difference, and what is said of the texts."""

    def finding(name: str, was: str) -> Finding:
        return read_finding(_inside(folder, name, path), was)

    question, kept = read_run(_read(folder, RUN, path), f"{path}, {RUN}", finding)
    stored = _read(folder, VERDICT, path)
    made = parse(_read(folder, ENVIRONMENT, path), f"{path}, {ENVIRONMENT}", BundleError)
    version = made.text("fingerprint")
    loader = Loader(question.stated, shelf=read_library(_checked_library(folder, path)))
    text = "no outputs included"
    for one in kept:
        found = [packs.read(_inside(folder, name, path)) for name in one.packs]
        informed = tuple(loader.informed(pack) for pack in found)
        loader.remember(Loaded(one.spec, None, informed, (), one.problems, one.sources))
        if one.outputs is not None:
            built = found[len(found) - one.built :]
            odd, text = _rebuilt(folder, one, built, question.stated, key, path)
            if odd is not None:
                return odd, text
    raw = _read(folder, CALIBRATION, path)
    try:
        used = calibration.from_json(raw.decode("utf-8"))
        verdict = answer(question, loader, used).verdict
    except FingerprintError as error:
        return f"no verdict comes out: {error}", text
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise BundleError(
            f"{path}, {CALIBRATION}: cannot be used as a calibration ({type(error).__name__}); use "
            "the version of fingerprint that made the bundle"
        ) from error
    again = dumps(verdict_to_dict(verdict)).encode()
    if again == stored:
        return None, text
    return _difference(stored, again, version), text


def _read(folder: Path, name: str, path: str) -> bytes:
    """Read a file of the bundle whole."""
    target = _inside(folder, name, path)
    if target.stat().st_size > MAX_JSON_BYTES:
        raise BundleError(f"{path}: {name} has more bytes than are read")
    return target.read_bytes()


def _inside(folder: Path, name: str, path: str) -> Path:
    target = folder.joinpath(*_parts(name, path))
    if not target.is_file():
        raise BundleError(f"{path}: expected the file {name[:80]!r}, found nothing")
    return target


def _checked_library(folder: Path, path: str) -> Path:
    """Check the index of the part of the library before it is used; return its folder."""
    where = f"{path}, {LIBRARY}/{INDEX}"
    found = parse(_read(folder, f"{LIBRARY}/{INDEX}", path), where, BundleError)
    for entry in (*found.each("entries"), *found.each("canaries")):
        if set(entry.names()) != {field.name for field in fields(LibraryEntry)}:
            raise BundleError(f"{where}: expected the entries of this version's library")
        for name in ("model", "lineage", "suite", "role", "origin", "licence", "sha256"):
            entry.text(name)
        for name in ("vendor", "released"):
            entry.text_or_none(name)
        for name in ("responses", "prompts"):
            entry.whole(name)
        entry.texts("names")
        _inside(folder / LIBRARY, entry.text("file"), path)
    for keys in found.mapping("suites").values():
        if not isinstance(keys, list) or not all(_is_key(key) for key in keys):
            raise BundleError(f"{where}: the prompts of a suite are not readable")
    return folder / LIBRARY


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and len(key) == 16 and not set(key) - set("0123456789abcdef")


def _rebuilt(
    folder: Path,
    one: Kept,
    found: list[Pack],
    stated: Mapping[str, tuple[str, str | None]],
    key: bytes | None,
    path: str,
) -> tuple[str | None, str]:
    """Build the packs again from the outputs, and compare them with those in the bundle."""
    if any(pack.key_id is not None for pack in found) and key is None:
        return None, "outputs included, not compared with their keyed packs: give --key-file"
    names = iter(one.packs[len(one.packs) - one.built :])
    assert one.outputs is not None
    place = folder.joinpath(*_parts(one.outputs, path))
    for outputs in read_outputs(place):
        info = model_info(
            outputs.model,
            lineage=outputs.lineage,
            vendor=outputs.vendor,
            released=outputs.released,
            stated=stated,
        )
        name = next(names, None)
        again = folder / "again.pack"
        packs.write(packs.build(outputs, info, key=key), again, key=key)
        if name is None or again.read_bytes() != _inside(folder, name, path).read_bytes():
            return f"{name or one.outputs}: the outputs of {outputs.model} give another pack", ""
    if next(names, None) is not None:
        return f"{one.outputs}: fewer packs come out of the outputs than are in the bundle", ""
    return None, "outputs included, and their packs are the same"


def _difference(stored: bytes, again: bytes, version: str) -> str:
    """Name the first thing that differs between two verdicts."""
    try:
        where = _first_difference(json.loads(stored), json.loads(again), "")
    except (ValueError, RecursionError):
        where = None
    said = where or "the bytes of verdict.json are not those that fingerprint writes"
    if version != __version__:
        said += (
            f" (made with fingerprint {version[:20]}, this is {__version__}: install that version "
            "to compare byte for byte)"
        )
    return said


def _first_difference(one: Any, two: Any, where: str) -> str | None:
    if type(one) is not type(two):
        return _told(one, two, where)
    if isinstance(one, dict):
        for name in (*one, *(name for name in two if name not in one)):
            inside = f"{where}.{name}" if where else name
            if name not in one or name not in two:
                return _told(one.get(name), two.get(name), inside)
            found = _first_difference(one[name], two[name], inside)
            if found:
                return found
        return None
    if isinstance(one, list):
        for i, (a, b) in enumerate(zip(one, two, strict=False)):
            found = _first_difference(a, b, f"{where}[{i}]")
            if found:
                return found
        if len(one) != len(two):
            return f"{where}: the bundle has {len(one)} entries, computed again {len(two)}"
        return None
    return None if one == two else _told(one, two, where)


def _told(one: Any, two: Any, where: str) -> str:
    first, second = (json.dumps(value)[:80] for value in (one, two))
    return f"{where}: the bundle says {first}, computed again it is {second}"

"""Making: everything that a verdict rests on, put into one file."""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path
from urllib.parse import quote

from fingerprint import __version__, packs
from fingerprint.bundle import archive
from fingerprint.bundle.contents import (
    CALIBRATION,
    ENVIRONMENT,
    HOW_TO_CHECK,
    LIBRARY,
    MANIFEST,
    OUTPUTS,
    PACKS,
    READ_ME,
    RUN,
    SIGNATURE,
    VERDICT,
    Kept,
    canonical,
    finding_name,
    manifest,
    run_record,
)
from fingerprint.bundle.signatures import Signer
from fingerprint.bundle.verifying import verify
from fingerprint.comparison import Case
from fingerprint.errors import BundleError
from fingerprint.library import INDEX, Entry
from fingerprint.library import SCHEMA as LIBRARY_SCHEMA
from fingerprint.outputs.lm_eval import is_results_file
from fingerprint.report.serialise import dumps, verdict_to_dict
from fingerprint.specs import Loaded

Files = list[tuple[str, bytes | Path]]


def make(
    case: Case,
    path: Path,
    *,
    include_text: bool = False,
    command: Sequence[str] = (),
    signer: Signer | None = None,
) -> str:
    """Write the bundle of a case, and check that it gives the same verdict again.

    Parameters
    ----------
    case : Case
        From `comparison.examine`.
    path : Path
        Replaced if it exists.
    include_text : bool
        Put the user's outputs in beside their packs; without it no text is in the bundle.
    command : sequence of str
        The command line, for the record.
    signer : Signer, optional
        Signs the manifest.

    Returns
    -------
    str
        SHA-256 of the manifest: names the bundle, and is what to publish.

    Raises
    ------
    BundleError
        When something cannot be read or written, an input has changed since it was compared, or
        the bundle does not give the same verdict.
    """
    with tempfile.TemporaryDirectory(prefix="fingerprint-") as folder:
        files = _files(case, Path(folder), include_text, command)
        digests = [(name, *archive.sha256(content)) for name, content in files]
        head = manifest(f"fingerprint {__version__}", digests)
        name = hashlib.sha256(head).hexdigest()
        first: Files = [(MANIFEST, head)]
        if signer is not None:
            said = f"manifest of a fingerprint bundle, SHA-256 {name}"
            first.append((SIGNATURE, signer.sign(head, said)))
        draft = path.with_name(f".{path.name}.draft")
        try:
            archive.write(draft, first + files)
            found = verify(draft, key=case.loader.key)
            if found.difference is not None:
                raise BundleError(
                    f"{path}: the bundle was not kept, since it does not give the same verdict "
                    f"again: {found.difference}; did an input change while it was compared?"
                )
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return name


def _files(case: Case, folder: Path, include_text: bool, command: Sequence[str]) -> Files:
    files: Files = [
        (READ_ME, HOW_TO_CHECK.encode()),
        (VERDICT, dumps(verdict_to_dict(case.verdict)).encode()),
        (ENVIRONMENT, canonical(environment())),
        (CALIBRATION, _calibration(case)),
        *_library(case),
    ]
    kept: list[Kept] = []
    question = case.question
    for spec in dict.fromkeys((question.suspect, question.teacher, *question.background)):
        loaded = case.loader.load(spec)
        if loaded.entries:
            continue
        named, added = _packs(case, loaded, folder, sum(len(one.packs) for one in kept))
        files += added
        built = len(loaded.packs) - len(loaded.pack_files)
        where = None
        if include_text and built:
            where, texts = _outputs(loaded, len(kept))
            files += texts
        kept.append(Kept(spec, tuple(named), built, loaded.sources, loaded.problems, where))
    files += [(finding_name(i), one.raw) for i, one in enumerate(question.findings)]
    return [*files, (RUN, run_record(case, kept, command))]


def environment() -> dict[str, str]:
    """Return the versions that a verdict was computed with."""
    known = (resources.files("fingerprint") / "data" / "known_models.tsv").read_bytes()
    return {
        "fingerprint": __version__,
        "known_models_sha256": hashlib.sha256(known).hexdigest(),
        "machine": platform.machine(),
        "numpy": metadata.version("numpy"),
        "python": platform.python_version(),
        "scipy": metadata.version("scipy"),
        "system": platform.system(),
    }


def _calibration(case: Case) -> bytes:
    raw = (resources.files("fingerprint") / "data" / "calibration.json").read_bytes()
    if hashlib.sha256(raw).hexdigest() != case.run.calibration.sha256:
        raise BundleError(
            "the case was computed with another calibration than the one installed; compare again"
        )
    return raw


def _library(case: Case) -> Files:
    """Take the part of the library that the case used, with an index of its own."""
    used = {source.path for source in case.verdict.inputs}
    shelf = case.loader.shelf

    def taken(entries: Sequence[Entry]) -> list[Entry]:
        return [entry for entry in entries if f"library:{entry.file}" in used]

    entries, canaries = taken(shelf.entries), taken(shelf.canaries)
    suites = {entry.suite for entry in entries}
    index = {
        "schema": LIBRARY_SCHEMA,
        "entries": [asdict(entry) for entry in entries],
        "canaries": [asdict(entry) for entry in canaries],
        "suites": {
            suite: sorted(f"{key:016x}" for key in keys)
            for suite, keys in shelf.suites.items()
            if suite in suites
        },
    }
    files: Files = [(f"{LIBRARY}/{INDEX}", canonical(index))]
    paths = dict.fromkeys(entry.file for entry in (*entries, *canaries))
    return files + [(f"{LIBRARY}/{file}", shelf.folder / file) for file in paths]


def _packs(case: Case, loaded: Loaded, folder: Path, first: int) -> tuple[list[str], Files]:
    """Take the packs of one SPEC: files as they are, the others written now."""
    named: list[str] = []
    files: Files = []
    for i, pack in enumerate(loaded.packs):
        name = f"{PACKS}/{first + i:05d}{packs.PACK_SUFFIX}"
        if i < len(loaded.pack_files):
            path = loaded.pack_files[i]
            if packs.read(path).content_sha256 != pack.content_sha256:
                raise BundleError(f"{path}: the pack has changed since it was compared")
        else:
            path = folder / f"{first + i:05d}{packs.PACK_SUFFIX}"
            packs.write(pack, path, key=case.loader.key)
        named.append(name)
        files.append((name, path))
    return named, files


def _outputs(loaded: Loaded, number: int) -> tuple[str, Files]:
    """Take the outputs that one SPEC named, under names that keep what readers look at.

    Some importers name the suite after the folder, so the folder's name stays; a results file of
    lm-evaluation-harness goes along with its samples.
    """
    spec = Path(loaded.spec).absolute()
    root = spec if spec.is_dir() else spec.parent
    digests = {s.path: s.sha256 for s in loaded.sources[len(loaded.pack_files) :]}
    paths = dict.fromkeys(Path(path) for path in digests)
    beside = [
        one for path in paths for one in sorted(path.parent.glob("results*.json"))
        if is_results_file(one)
    ]  # fmt: skip
    files: Files = []
    for path in dict.fromkeys((*paths, *beside)):
        expected = digests.get(str(path))
        if expected is not None and archive.sha256(path)[0] != expected:
            raise BundleError(f"{path}: the file has changed since it was compared")
        inside = path.absolute().relative_to(root)
        files.append(("/".join(_plain((OUTPUTS, str(number), root.name, *inside.parts))), path))
    whole = (OUTPUTS, str(number), root.name, *(() if spec.is_dir() else (spec.name,)))
    return "/".join(_plain(whole)), files


def _plain(parts: Sequence[str]) -> Iterator[str]:
    """Write the parts of a path in plain characters, so that they can be read back."""
    for part in parts:
        shown = quote(part, safe="+").replace("~", "%7E") or "_"
        yield f"%2E{shown[1:]}" if shown.startswith(".") else shown

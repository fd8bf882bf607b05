"""The dossier: the folder of a report, written from a case or again from its own verdict file.

``verdict.json`` is what `compare --format json` prints; ``exhibits.json`` what the page shows
beyond it. `render` needs only these two; `write` computes them and adds the evidence bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint import landmarks, validation
from fingerprint.bundle.making import make
from fingerprint.bundle.signatures import Signer
from fingerprint.comparison import Case
from fingerprint.errors import MissingExtraError, ReportError
from fingerprint.exhibits import storage
from fingerprint.exhibits.gather import NO_TEXT, gather
from fingerprint.exhibits.records import Exhibits
from fingerprint.records import Verdict
from fingerprint.report.deserialise import MAX_VERDICT_BYTES, read_verdict
from fingerprint.report.memo import Memo, build_memo
from fingerprint.report.memo_markdown import memo_as_markdown
from fingerprint.report.memo_pdf import memo_as_pdf
from fingerprint.report.memo_word import memo_as_docx
from fingerprint.report.serialise import dumps, verdict_to_dict
from fingerprint.report.web_page import render_page
from fingerprint.wholefile import PUBLIC, replacing

VERDICT, EXHIBITS, PAGE, BUNDLE = "verdict.json", "exhibits.json", "report.html", "bundle.zip"
MEMO = "memo"
PLOTS = "plots"
_BINARY: tuple[tuple[str, Callable[[Memo], bytes]], ...] = (
    (".docx", memo_as_docx),
    (".pdf", memo_as_pdf),
)


@dataclass(frozen=True, slots=True)
class Dossier:
    """What was written: the files, what was left out and why, and the bundle's name."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    bundle_sha256: str | None


def write(
    case: Case,
    folder: Path,
    *,
    text: bool = True,
    include_text: bool = False,
    plots: Sequence[str] = (),
    signer: Signer | None = None,
    command: Sequence[str] = (),
) -> Dossier:
    """Write the whole report on a case.

    Parameters
    ----------
    case : Case
        From `comparison.examine`.
    folder : Path
        Made if it is not there; files of an earlier report in it are replaced.
    text : bool
        Show prompts and responses in the page, where the user holds them.
    include_text : bool
        Put the user's outputs into the bundle.
    plots : sequence of str
        Formats of `report.plots`; none by default.
    signer : Signer, optional
        Signs the bundle's manifest.
    command : sequence of str
        The command line, for the bundle.

    Returns
    -------
    Dossier

    Raises
    ------
    FingerprintError
        When something cannot be written, or would say too much.
    """
    _make_folder(folder)
    raw = dumps(verdict_to_dict(case.verdict)).encode()
    exhibits = gather(case, text=text)
    _put(folder / VERDICT, raw)
    named = storage.write(exhibits, hashlib.sha256(raw).hexdigest()).encode()
    _put(folder / EXHIBITS, named)
    written = _render(raw, VERDICT, exhibits, folder, plots)
    bundle = folder / BUNDLE
    digest = make(case, bundle, include_text=include_text, command=command, signer=signer)
    files = (folder / VERDICT, folder / EXHIBITS, *written.files, bundle)
    return Dossier(files, written.left_out, digest)


def render(
    verdict: Path, folder: Path | None = None, *, text: bool = True, plots: Sequence[str] = ()
) -> Dossier:
    """Write the page, the memo and the plots again from a verdict file, computing nothing.

    Parameters
    ----------
    verdict : Path
        JSON as `compare` prints it; an ``exhibits.json`` beside it is used.
    folder : Path, optional
        Default the verdict's own.
    text, plots
        As for `write`.

    Raises
    ------
    ReportError
        When the files cannot be read as what they should be.
    """
    raw = _get(verdict, MAX_VERDICT_BYTES)
    target = folder or verdict.parent
    exhibits = None
    beside = verdict.with_name(EXHIBITS)
    if beside.is_file():
        found = _get(beside, storage.MAX_EXHIBITS_BYTES)
        exhibits = storage.read(found, str(beside), hashlib.sha256(raw).hexdigest())
        if not text:
            exhibits = storage.without_text(exhibits, NO_TEXT)
    _make_folder(target)
    return _render(raw, str(verdict), exhibits, target, plots)


def _render(
    raw: bytes, where: str, exhibits: Exhibits | None, folder: Path, plots: Sequence[str]
) -> Dossier:
    verdict = read_verdict(raw, where)
    digest = hashlib.sha256(raw).hexdigest()
    memo = build_memo(verdict, digest)
    page = render_page(
        verdict, verdict_sha256=digest, exhibits=exhibits, landmarks=landmarks.shipped()
    )
    files = [folder / PAGE, folder / f"{MEMO}.md"]
    _put(files[0], (piece.encode() for piece in page))
    _put(files[1], memo_as_markdown(memo).encode())
    left_out = []
    for suffix, set_memo in _BINARY:
        path = folder / f"{MEMO}{suffix}"
        try:
            _put(path, set_memo(memo))
        except MissingExtraError as error:
            path.unlink(missing_ok=True)  # one of an earlier report would say something else
            left_out.append(f"{path.name}: {error}")
        else:
            files.append(path)
    files += _plots(verdict, exhibits, folder, plots)
    return Dossier(tuple(files), tuple(left_out), None)


def _plots(
    verdict: Verdict, exhibits: Exhibits | None, folder: Path, formats: Sequence[str]
) -> tuple[Path, ...]:
    if not formats:
        return ()
    from fingerprint.report.plots import write_plots

    tree = exhibits.tree if exhibits else None
    return write_plots(folder / PLOTS, formats, verdict, tree, validation.shipped())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{folder}: the folder cannot be made: {error.strerror}") from error


def _put(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file atomically."""
    try:
        with replacing(path, mode=PUBLIC) as out:
            out.writelines((content,) if isinstance(content, bytes) else content)
    except OSError as error:
        raise ReportError(f"{path}: cannot be written: {error.strerror}") from error


def _get(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > most:
        raise ReportError(f"{path}: expected no more than {most:,} bytes, found more")
    return raw

"""`fingerprint pack`: build, show and verify packs, the textless fingerprints of outputs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerprint.cli.options import (
    Format,
    FormatOption,
    KeyOption,
    LineagesOption,
    StrictOption,
    note,
    read_key,
)

if TYPE_CHECKING:
    from fingerprint.packs import Pack
    from fingerprint.records import Outputs

app = typer.Typer(
    no_args_is_help=True, help="Build, show and verify packs: textless fingerprints of outputs."
)

MOST_PROBLEMS = 5
"""Bad lines that are listed; the rest are counted."""
MOST_COLUMNS = 2000
"""Longer lines are cut: a manifest may hold a megabyte of text."""

PackPath = Annotated[Path, typer.Argument(metavar="PACK", help="A pack.")]
PackPaths = Annotated[list[Path], typer.Argument(metavar="PACK...", help="Packs.")]


@app.command("build")
def build_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Outputs: files, or folders of them.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="A name ending in .pack, or a folder for several packs.")
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Pack only this model of the outputs.")
    ] = None,
    suite: Annotated[str | None, typer.Option("--suite", help="Name of the suite.")] = None,
    role: Annotated[str | None, typer.Option("--role", help="What the model is used as.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="Licence of the text.")] = None,
    origin: Annotated[
        str | None, typer.Option("--origin", help="Where the text is from: source and commit.")
    ] = None,
    lineages: LineagesOption = None,
    key_file: KeyOption = None,
    strict: StrictOption = False,
) -> None:
    """Build packs from outputs, one for each model and suite."""
    from fingerprint.models import model_info, read_lineages
    from fingerprint.packs import build, write
    from fingerprint.tokens import Hasher

    key = read_key(key_file)
    stated = read_lineages(lineages) if lineages is not None else {}
    chosen = _choose(paths, model, suite, strict)
    targets = _targets(out, [(outputs.model, suite or outputs.suite or "") for outputs in chosen])
    problems = list(dict.fromkeys(p for outputs in chosen for p in outputs.problems))
    for problem in problems[:MOST_PROBLEMS]:
        note(str(problem))
    if len(problems) > MOST_PROBLEMS:
        note(f"and {len(problems) - MOST_PROBLEMS} more; --strict stops at the first")
    hasher = Hasher(key)
    for number, (outputs, target) in enumerate(zip(chosen, targets, strict=True), 1):
        if sys.stderr.isatty():
            note(f"{number} of {len(chosen)}: {outputs.model}, {len(outputs.responses)} responses")
        info = model_info(
            outputs.model,
            lineage=outputs.lineage,
            vendor=outputs.vendor,
            released=outputs.released,
            stated=stated,
        )
        pack = build(
            outputs,
            info,
            suite=suite,
            role=role,
            licence=licence,
            origin=origin,
            key=key,
            hasher=hasher,
        )
        write(pack, target, key=key)
        asked = f", {len(pack.canaries):,} answers to canary probes" if pack.canaries else ""
        _echo(
            f"{target}: {info.name}, {pack.suite}, {len(pack):,} responses to "
            f"{pack.manifest['prompts']:,} prompts{asked}, {target.stat().st_size:,} bytes"
        )


@app.command("show")
def show_command(path: PackPath, output_format: FormatOption = Format.TEXT) -> None:
    """Show what a pack says of itself; its content hash is checked first."""
    from fingerprint.packs import read

    about = _about(read(path))
    if output_format is Format.JSON:
        import json

        typer.echo(json.dumps(about, indent=2, sort_keys=True))
        return
    width = max(map(len, about)) + 2
    for name, value in about.items():
        if value not in (None, "", [], {}):
            _echo(f"{name + ':':{width}}{_in_words(value)}")


@app.command("verify")
def verify_command(paths: PackPaths, key_file: KeyOption = None) -> None:
    """Verify the content hash of packs and, with their key, that a holder of the key made them."""
    from fingerprint.errors import PackError
    from fingerprint.packs import read

    key = read_key(key_file)
    failed = 0
    for path in paths:
        try:
            pack = read(path, key=key)
        except PackError as error:
            failed += 1
            _echo(f"FAILED  {error}")
            continue
        state = "unkeyed"
        if pack.key_id is not None:
            state = "made with the key" if key is not None else "keyed, maker not checked"
        _echo(f"ok      {path}: sha256 {pack.content_sha256}, {state}")
    if failed:
        raise PackError(f"{failed} of {len(paths)} packs failed; do not use them")


def _echo(text: str) -> None:
    from fingerprint.report.safe import clean

    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(clean(text, MOST_COLUMNS, ascii_only=ascii_only))


def _choose(
    paths: Sequence[Path], model: str | None, suite: str | None, strict: bool
) -> list[Outputs]:
    """Read the outputs and keep one model's, if one was named."""
    import difflib

    from fingerprint.errors import OutputsError, UnknownNameError
    from fingerprint.outputs import read_outputs

    found = [outputs for path in paths for outputs in read_outputs(path, strict=strict)]
    chosen = [outputs for outputs in found if model in (None, outputs.model)]
    if not chosen:
        names = sorted({outputs.model for outputs in found})
        near = difflib.get_close_matches(str(model), names, 5, 0.3) or names[:5]
        raise UnknownNameError(f"--model {model}: not in the outputs, which have {', '.join(near)}")
    seen: set[tuple[str, str]] = set()
    for outputs in chosen:
        place = (outputs.model, suite or outputs.suite or "")
        if place in seen:
            raise OutputsError(
                f"{outputs.model}: expected the responses to a suite in one PATH, found them in "
                "several or under several suites; put the files in one folder, or leave out --suite"
            )
        seen.add(place)
    return chosen


def _targets(out: Path, places: Sequence[tuple[str, str]]) -> list[Path]:
    """Name the files of packs, given model and suite of each."""
    import hashlib
    import re

    from fingerprint.errors import PackError
    from fingerprint.packs import PACK_SUFFIX

    if out.name.endswith(PACK_SUFFIX) and not out.is_dir():
        if len(places) > 1:
            raise PackError(
                f"--out {out}: expected a folder for {len(places)} packs, found the name of one; "
                "give a folder, or choose a model with --model"
            )
        return [out]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PackError(f"--out {out}: the folder cannot be made: {error.strerror}") from error
    targets = []
    for model, suite in places:
        full = "--".join(filter(None, (model, suite)))
        name = re.sub(r"[^a-z0-9.+-]+", "-", full.lower()).strip(".-")[:80] or "model"
        # What the name lost, upper case for one, must not let two models share a file.
        if name != full or "--" in model:
            mark = hashlib.sha256(repr((model, suite)).encode()).hexdigest()[:6]
            name = f"{name}-{mark}"
        targets.append(out / f"{name}{PACK_SUFFIX}")
    return targets


def _about(pack: Pack) -> dict[str, Any]:
    """Return the manifest as one flat mapping."""
    import numpy as np

    domains = np.bincount(pack.domains, minlength=len(pack.domain_names)).tolist()
    about = {
        "model": pack.info.name,
        "vendor": pack.info.vendor,
        "lineage": pack.info.lineage,
        "lineage_known": pack.info.lineage_known,
        "released": pack.info.released,
        "taught_by": list(pack.info.taught_by),
        "suite": pack.suite,
        "domains": {name: n for name, n in zip(pack.domain_names, domains, strict=True) if name},
        "sources": [{"path": source.path, "sha256": source.sha256} for source in pack.sources],
        "key_id": pack.key_id,
        "content_sha256": pack.content_sha256,
    }
    # The free part of a crafted manifest must not stand in for what is used.
    return about | {name: value for name, value in pack.manifest.items() if name not in about}


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return f"{value:,}" if isinstance(value, int) else str(value)

"""What a bundle holds: the names of its files, and the record of the run that replays it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fingerprint.comparison import Case, Question
from fingerprint.errors import BundleError
from fingerprint.fields import Fields, parse
from fingerprint.findings import Finding
from fingerprint.records import Problem, Source

MANIFEST_SCHEMA = "fingerprint.bundle/1"
RUN_SCHEMA = "fingerprint.run/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.minisig"
READ_ME = "README.txt"
VERDICT = "verdict.json"
RUN = "run.json"
ENVIRONMENT = "environment.json"
CALIBRATION = "calibration.json"
LIBRARY = "library"
PACKS = "packs"
OUTPUTS = "outputs"
FINDINGS = "findings"
MAX_DRAWS = 10_000

HOW_TO_CHECK = """\
This is the evidence behind a verdict of fingerprint.

  fingerprint verify bundle.zip

checks every byte against manifest.json, computes the verdict again from the packs in here and
says whether it is the same. With --public-key KEY it also checks who signed it; so does
  minisign -V -m manifest.json -P KEY

verdict.json      the verdict
run.json          what was asked, with what: SPECs, seed, command line
environment.json  the versions that computed it
calibration.json  the calibration used
library/, packs/  the outputs compared, as textless packs
outputs/          the outputs themselves, if they were included
findings/         what was found of weights or in logs, if that was given
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one SPEC of files stood for: its packs in the bundle, in their order.

    ``built``: how many of the last packs were built from outputs; ``outputs``: where these are in
    the bundle, None where they were left out.
    """

    spec: str
    packs: tuple[str, ...]
    built: int
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    outputs: str | None


def canonical(value: Any) -> bytes:
    """Write JSON in the one form that a bundle holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, indent=1, sort_keys=True)
    return (text + "\n").encode()


def manifest(made_by: str, files: Sequence[tuple[str, str, int]]) -> bytes:
    """Write the manifest: name, SHA-256 and size of every other file."""
    listed = [{"path": name, "sha256": digest, "size": size} for name, digest, size in files]
    return canonical({"schema": MANIFEST_SCHEMA, "made_by": made_by, "files": listed})


def run_record(case: Case, kept: Sequence[Kept], command: Sequence[str]) -> bytes:
    """Write what was asked and with what."""
    question = case.question
    return canonical(
        {
            "schema": RUN_SCHEMA,
            "command": list(command),
            "suspect": question.suspect,
            "teacher": question.teacher,
            "background": list(question.background),
            "lineages": {name: list(said) for name, said in question.stated.items()},
            "seed": question.seed,
            "draws": question.draws,
            "unpaired": question.unpaired,
            "findings": [
                {"file": finding_name(i), "path": finding.source.path}
                for i, finding in enumerate(question.findings)
            ],
            "specs": [
                {
                    "spec": one.spec,
                    "packs": list(one.packs),
                    "built": one.built,
                    "sources": [{"path": s.path, "sha256": s.sha256} for s in one.sources],
                    "problems": [
                        {"path": p.path, "line": p.line, "message": p.message} for p in one.problems
                    ],
                    "outputs": one.outputs,
                }
                for one in kept
            ],
        }
    )


def finding_name(number: int) -> str:
    """Return where a finding stands in a bundle."""
    return f"{FINDINGS}/{number}.json"


def read_run(
    raw: bytes, where: str, finding: Callable[[str, str], Finding]
) -> tuple[Question, tuple[Kept, ...]]:
    """Read what was asked and with what.

    Parameters
    ----------
    raw : bytes
    where : str
        For messages.
    finding : callable
        Reads a finding, given its file in the bundle and the path that it had.

    Raises
    ------
    BundleError
        When it is something else.
    """
    found = parse(raw, where, BundleError)
    if found.text_or_none("schema") != RUN_SCHEMA:
        raise BundleError(f"{where}: expected a run of schema {RUN_SCHEMA}")
    question = Question(
        suspect=found.text("suspect"),
        teacher=found.text("teacher"),
        background=found.texts("background"),
        stated=_stated(found, where),
        seed=found.whole("seed"),
        draws=found.whole("draws"),
        unpaired=found.truth("unpaired"),
        findings=tuple(
            finding(one.text("file"), one.text("path"))
            for one in (found.each("findings") if "findings" in found else ())
        ),
    )
    if not 0 <= question.draws <= MAX_DRAWS:
        raise BundleError(f"{where}: expected up to {MAX_DRAWS:,} draws, found {question.draws:,}")
    return question, tuple(_kept(item) for item in found.each("specs"))


def _stated(found: Fields, where: str) -> Mapping[str, tuple[str, str | None]]:
    stated = {}
    for name, said in found.mapping("lineages").items():
        fits = isinstance(said, list) and len(said) == 2 and isinstance(said[0], str)
        if not fits or not (said[1] is None or isinstance(said[1], str)):
            raise BundleError(f"{where}: the lineage of {name[:80]!r} is not readable")
        stated[name] = (said[0], said[1])
    return stated


def _kept(found: Fields) -> Kept:
    return Kept(
        spec=found.text("spec"),
        packs=found.texts("packs"),
        built=found.whole("built"),
        sources=tuple(Source(s.text("path"), s.text("sha256")) for s in found.each("sources")),
        problems=tuple(
            Problem(p.text("path"), p.whole("line") if "line" in p else None, p.text("message"))
            for p in found.each("problems")
        ),
        outputs=found.text_or_none("outputs"),
    )

"""Findings: files of what was found beside the texts, and what a verdict takes from them.

Weights and API logs are examined by commands of their own. A finding adds channels and measured
alternatives to a verdict. It can withdraw support (another teacher fits better, the two share their
weights) and never gives it: no likelihood ratio of it is calibrated on models of known lineage, so
none enters that of the verdict. Each kind of file has a reader here; to add one, add its reader.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint import __version__
from fingerprint.errors import FindingError
from fingerprint.fields import Fields, parse
from fingerprint.models import model_info
from fingerprint.outputs.files import show
from fingerprint.pvalues import llr10
from fingerprint.records import Alternative, ChannelResult, Party, Source, Status
from fingerprint.weights import distribution, likelihood, memorised, provenance, radioactivity
from fingerprint.weights.sources import Ranking, channel_result, ranking_from
from fingerprint.wholefile import replacing

SCHEMA = "fingerprint.weights/1"
BRIDGE_SCHEMA = "fingerprint.bridge/1"
BRIDGE = "bridge"
BRIDGE_CAP10 = 2.0
"""Most that a bridge may say, log10: an exact p is about chance alone, and no check can show that
served and regenerated responses differ in nothing else."""
THIRD = "sibling or third teacher"
"""The alternative that a ranking can make likely; `fingerprint.alternatives` lists it."""
MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Finding:
    """One file of findings, read."""

    kind: str
    suspect: str
    raw: bytes
    facts: Fields
    source: Source


@dataclass(frozen=True, slots=True)
class Weighed:
    """What findings add to a verdict."""

    channels: tuple[ChannelResult, ...]
    alternatives: tuple[Alternative, ...]
    """Measured: each takes the place of one of its name, where it says more (see `measured`)."""
    sources: tuple[Source, ...]


def write_finding(
    path: Path, kind: str, suspect: str, facts: Mapping[str, Any], inputs: Sequence[Source] = ()
) -> None:
    """Write a finding; a file that is there is replaced.

    Raises
    ------
    FindingError
        When it cannot be written.
    """
    value = {
        "schema": SCHEMA,
        "kind": kind,
        "suspect": suspect,
        "facts": facts,
        "inputs": [{"path": s.path, "sha256": s.sha256} for s in inputs],
        "version": __version__,
    }
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, indent=1, sort_keys=True)
    try:
        with replacing(path) as file:
            file.write(f"{text}\n".encode())
    except OSError as error:
        raise FindingError(f"{show(path)}: cannot be written: {error.strerror}") from None


def read_finding(path: Path, name: str | None = None) -> Finding:
    """Read a finding: of weights, or of a bridge from a provider's logs.

    Parameters
    ----------
    path : Path
    name : str, optional
        What the verdict calls the file, where it stands elsewhere than it did.

    Raises
    ------
    FindingError
        When the file cannot be read or is none.
    """
    where = show(name or path)
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FindingError(f"{where}: cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise FindingError(f"{where}: expected at most {MOST_BYTES:,} bytes, found more")
    body = parse(raw, where, FindingError)
    source = Source(name or str(path), hashlib.sha256(raw).hexdigest())
    schema = body.text_or_none("schema")
    if schema == BRIDGE_SCHEMA:
        return Finding(BRIDGE, body.text("suspect"), raw, body, source)
    if schema != SCHEMA:
        raise FindingError(
            f"{where}: expected {SCHEMA} as `fingerprint score --finding` writes it, or "
            f"{BRIDGE_SCHEMA} of `fingerprint logs bridge --out`, found another file"
        )
    kind = body.is_one_of("kind", tuple(_READERS))
    return Finding(kind, body.text("suspect"), raw, body.part("facts"), source)


def weigh(findings: Sequence[Finding], suspect: Party, teacher: Party) -> Weighed:
    """Return what findings say of a suspect and a teacher.

    Raises
    ------
    FindingError
        When one is about another suspect, or damaged.
    """
    channels: list[ChannelResult] = []
    alternatives: list[Alternative] = []
    for finding in findings:
        if finding.suspect not in (suspect.name, *suspect.versions):
            raise FindingError(
                f"{show(finding.source.path)}: expected a finding on {suspect.name}, found one on "
                f"{finding.suspect}; compare the model that it is about, or give it that name with "
                "--name"
            )
        rows, reasons = _READERS[finding.kind](finding.facts, teacher)
        channels += rows
        alternatives += reasons
    return Weighed(tuple(channels), tuple(alternatives), tuple(f.source for f in findings))


def measured(
    found: Sequence[Alternative], additions: Sequence[Alternative]
) -> tuple[Alternative, ...]:
    """Put measured alternatives among those from text; the more cautious status of two stays.

    Weights cannot clear what text has found likely: the outputs compared may not be theirs.
    """
    merged = {one.name: one for one in found}
    for new in additions:
        old = merged.get(new.name)
        if old is None or new.name == provenance.BASE:  # of a base text says nothing
            merged = merged | {new.name: new} if old else {new.name: new, **merged}
        elif old.status is not Status.LIKELY or new.status is Status.LIKELY:
            merged[new.name] = Alternative(
                new.name, new.status, old.llr10, f"{new.why}; by text: {old.why}"
            )
        else:
            merged[new.name] = Alternative(
                old.name, old.status, old.llr10, f"{old.why}; by weights: {new.why}"
            )
    return tuple(merged.values())


Read = tuple[list[ChannelResult], list[Alternative]]


def _of_ranking(facts: Fields, teacher: Party) -> Read:
    facts.is_one_of("kind", tuple(_READERS))
    found = ranking_from(facts)
    row = channel_result(found, (teacher.name, *teacher.versions), teacher.lineage)
    return [row], _other_source(found, teacher)


def _other_source(found: Ranking, teacher: Party) -> list[Alternative]:
    """Return that another source stands out, where one does and the teacher was measured too."""
    own = found.best_of((teacher.name, *teacher.versions), teacher.lineage)
    named = found.named
    if named is None or own is None or own is named or found.stand_in:
        return []
    if named.lineage == own.lineage:
        return []
    why = f"by {found.kind} the suspect's weights single out {named.source} and not the teacher"
    return [Alternative(THIRD, Status.LIKELY, None, why)]


def _of_provenance(facts: Fields, teacher: Party) -> Read:
    return [], provenance.alternatives_from(facts, (teacher.name, *teacher.versions))


def _of_watermark(facts: Fields, teacher: Party) -> Read:
    _check_teacher(facts.texts("teachers"), teacher)
    return [radioactivity.channel_from(facts)], []


def _of_bridge(facts: Fields, teacher: Party) -> Read:
    """Read a bridge; its likelihood ratio is computed again from the p-value."""
    _check_teacher(facts.texts("teachers"), teacher)
    reliable = facts.text("status") == Status.MEASURED
    p, effect = facts.number("p"), facts.part("effect")
    if not 0 < p <= 1:
        raise FindingError(f"expected a bridge's p above 0 and at most 1, found {p}")
    said = f"cluster {facts.text('cluster')}, exact p {p:.2g}"
    checks = facts.each("checks")
    failed = [c.text("name") for c in checks if "passed" in c and not c.truth("passed")]
    if not reliable:
        said += f"; checks failed: {', '.join(failed) or 'not named'}"
    row = ChannelResult(
        name=BRIDGE,
        status=Status.MEASURED if reliable else Status.UNRELIABLE,
        score=effect.number("estimate"),
        low=effect.number("low"),
        high=effect.number("high"),
        llr10=llr10(p, BRIDGE_CAP10) if reliable else None,
        n_prompts=facts.whole("n_prompts"),
        reason=said,
    )
    return [row], []


def _check_teacher(named: Sequence[str], teacher: Party) -> None:
    """Check that a finding is about the teacher: all of one vendor, or all among its names."""
    vendors = {model_info(name).vendor for name in named}
    known = teacher.vendor is not None and vendors == {teacher.vendor}
    if not known and not (named and set(named) <= {teacher.name, *teacher.versions}):
        raise FindingError(
            f"expected a finding on {teacher.name}, found one on {', '.join(named)[:200]}; name "
            'that teacher, or give it the same name there (--teacher, the "model" of controls)'
        )


_READERS: dict[str, Callable[[Fields, Party], Read]] = {
    likelihood.NAME: _of_ranking,
    distribution.NAME: _of_ranking,
    memorised.NAME: _of_ranking,
    memorised.CONTINUED: _of_ranking,
    provenance.NAME: _of_provenance,
    radioactivity.NAME: _of_watermark,
    BRIDGE: _of_bridge,
}
KINDS = tuple(_READERS)
"""Kinds of finding; those that are channels of a verdict have the channel's name."""

"""The file of a bridge: what was found, in words and as JSON, and as a channel of a verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fingerprint import __version__
from fingerprint.errors import LogsError
from fingerprint.fields import Fields, parse
from fingerprint.logs.bridge import Bridge
from fingerprint.models import model_info
from fingerprint.outputs.files import show
from fingerprint.pvalues import bound10, llr10
from fingerprint.records import ChannelResult, Source, Status, Verdict

SCHEMA = "fingerprint.bridge/1"
CHANNEL = "bridge"
CAP10 = 2.0
"""Most that the channel may say, log10: an exact p is about chance alone, and no check can show
that served and regenerated responses differ in nothing else."""
BESIDE = (
    "What the bridge says stands beside the answer and is in no number of it: how served and "
    "regenerated responses were made is the owner's to show, and nothing here has calibrated it."
)
SEEN = 0.01
"""Level below which the answer says that the suspect leans."""
MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class About:
    """What the test was about, for the record.

    ``rows``: of the logs; ``own``: of the cluster's accounts; ``late``: served after the suspect's
    release; ``left_out``: prompts not used because there were enough; ``bad``: rows not usable.
    """

    cluster: str
    teachers: tuple[str, ...]
    accounts: int
    rows: int
    own: int
    late: int
    left_out: int
    bad: Mapping[str, int]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class BridgeRow:
    """A bridge as a verdict shows it."""

    suspect: str
    teachers: tuple[str, ...]
    channel: ChannelResult
    source: Source


def answer(found: Bridge, about: About) -> str:
    """Return the answer in one sentence."""
    name, wins = found.suspect.name, 100 * found.wins.estimate
    said = (
        f"served responses agree more with it in {wins:.1f} % of pairs where chance gives 50, "
        f"p {found.p:.2g} over {found.n_prompts:,} prompts"
    )
    if not found.reliable:
        return (
            f"Served and regenerated responses differ in themselves, so that the test says nothing "
            f"of {name} ({said}); see the checks."
        )
    if found.p < SEEN:
        return (
            f"{name} appears to lean towards the responses served to cluster {about.cluster} "
            f"({said}): consistent with having learned from them, directly or through data that "
            "hold them."
        )
    return (
        f"{name} appears to lean no more towards the responses served to cluster {about.cluster} "
        f"than towards others that the teacher could have given ({said})."
    )


def limits(found: Bridge, about: About) -> tuple[str, ...]:
    """List what limits a bridge."""
    said = [f"Check failed: {c.name} ({c.text})." for c in found.checks if c.passed is False]
    said += [f"Not known: {c.name}: {c.text}." for c in found.checks if c.passed is None]
    if not found.background:
        said.append(
            "No background model took the suspect's place: with --background it would show whether "
            "anybody leans towards what was served."
        )
    if found.identical > 0.2:
        said.append(
            f"{100 * found.identical:.0f} % of the regenerated responses are a served one word for "
            "word (temperature 0?): they say nothing, and the test has less power."
        )
    if found.suspect.released is None:
        said.append("The suspect's release is not known: what was served after it counts as well.")
    if about.late:
        said.append(f"{about.late:,} exchanges were served after the suspect's release: left out.")
    if about.left_out:
        said.append(f"{about.left_out:,} prompts were not used: there are enough without them.")
    bad = sum(about.bad.values())
    if bad:
        listed = ", ".join(f"{kind} {n:,}" for kind, n in sorted(about.bad.items()))
        said.append(f"{bad:,} rows of the logs could not be used ({listed}).")
    said.append(
        "The p-value holds if the regenerated responses were drawn as the served ones were: same "
        "version, system prompt and sampling. A suspect that learned from public copies of the "
        "served responses leans towards them as well."
    )
    return tuple(said)


def to_dict(found: Bridge, about: About) -> dict[str, Any]:
    """Turn a bridge into plain data."""
    return {
        "schema": SCHEMA,
        "suspect": found.suspect.name,
        "teachers": list(about.teachers),
        "cluster": about.cluster,
        "answer": answer(found, about),
        "status": str(Status.MEASURED if found.reliable else Status.UNRELIABLE),
        "p": found.p,
        "groupings": [asdict(g) for g in found.groupings],
        "llr10": llr10(found.p, CAP10) if found.reliable else None,
        "llr10_bound": bound10(found.p) if found.reliable else None,
        "cap10": CAP10,
        "effect": asdict(found.effect),
        "wins": asdict(found.wins),
        "channels": [asdict(c) for c in found.channels],
        "checks": [asdict(c) for c in found.checks],
        "n_prompts": found.n_prompts,
        "n_served": found.n_served,
        "n_unserved": found.n_unserved,
        "identical": found.identical,
        "background": list(found.background),
        "accounts": about.accounts,
        "rows": {
            "read": about.rows,
            "of_cluster": about.own,
            "late": about.late,
            "bad": dict(sorted(about.bad.items())),
        },
        "prompts_left_out": about.left_out,
        "limitations": list(limits(found, about)),
        "inputs": [{"path": s.path, "sha256": s.sha256} for s in about.sources],
        "seed": found.seed,
        "draws": found.draws,
        "version": __version__,
    }


def bridge_channel(path: str | Path) -> BridgeRow:
    """Read a bridge as a channel of a verdict.

    The likelihood ratio is computed again from the p-value: a file cannot claim more than that.

    Raises
    ------
    LogsError
        When the file cannot be read or is no bridge.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LogsError(f"{show(path)}: cannot be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise LogsError(f"{show(path)}: expected at most {MOST_BYTES:,} bytes, found more")
    body = parse(raw, show(path), LogsError)
    if body.text("schema") != SCHEMA:
        raise LogsError(
            f"{show(path)}: expected {SCHEMA} as `fingerprint logs bridge --out` writes it, found "
            f"{body.text('schema')[:60]!r}"
        )
    return BridgeRow(
        suspect=body.text("suspect"),
        teachers=body.texts("teachers"),
        channel=_channel(body, show(path)),
        source=Source(str(path), hashlib.sha256(raw).hexdigest()),
    )


def with_bridge(verdict: Verdict, path: str | Path) -> Verdict:
    """Return a verdict with a bridge among its channels, and that said among its limitations.

    Nothing else in it changes.

    Raises
    ------
    LogsError
        When the file cannot be read, or is about another suspect or teacher.
    """
    row = bridge_channel(path)
    suspect, teacher = verdict.suspect, verdict.teacher
    vendors = {model_info(name).vendor for name in row.teachers}
    known = teacher.vendor is not None and vendors == {teacher.vendor}
    if row.suspect not in (suspect.name, *suspect.versions):
        raise LogsError(
            f"{show(path)}: expected a bridge to {suspect.name}, found one to {row.suspect}; "
            "compare the model that it is about"
        )
    if not known and not set(row.teachers) <= {teacher.name, *teacher.versions}:
        raise LogsError(
            f"{show(path)}: expected responses of {teacher.name}, found those of "
            f"{', '.join(row.teachers)}; name that teacher, or give the controls its name in their "
            '"model" field'
        )
    return replace(
        verdict,
        channels=(*verdict.channels, row.channel),
        limitations=(*verdict.limitations, BESIDE),
        inputs=(*verdict.inputs, row.source),
    )


def _channel(body: Fields, where: str) -> ChannelResult:
    measured = body.text("status") == Status.MEASURED
    p, n = body.number("p"), body.whole("n_prompts")
    if not 0 < p <= 1:
        raise LogsError(f"{where}: expected p above 0 and at most 1, found {p}")
    effect = body.part("effect")
    said = f"cluster {body.text('cluster')}, exact p {p:.2g}"
    checks = body.each("checks")
    failed = [c.text("name") for c in checks if "passed" in c and not c.truth("passed")]
    return ChannelResult(
        name=CHANNEL,
        status=Status.MEASURED if measured else Status.UNRELIABLE,
        score=effect.number("estimate"),
        low=effect.number("low"),
        high=effect.number("high"),
        llr10=llr10(p, CAP10) if measured else None,
        n_prompts=n,
        reason=said if measured else f"{said}; checks failed: {', '.join(failed) or 'not named'}",
    )

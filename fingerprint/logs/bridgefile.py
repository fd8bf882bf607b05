"""The file of a bridge: what was found, in words and as JSON; `fingerprint.findings` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fingerprint import __version__
from fingerprint.findings import BRIDGE_CAP10, BRIDGE_SCHEMA
from fingerprint.logs.bridge import Bridge
from fingerprint.pvalues import bound10, llr10
from fingerprint.records import Source, Status

SEEN = 0.01
"""Level below which the answer says that the suspect leans."""


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
        "schema": BRIDGE_SCHEMA,
        "suspect": found.suspect.name,
        "teachers": list(about.teachers),
        "cluster": about.cluster,
        "answer": answer(found, about),
        "status": str(Status.MEASURED if found.reliable else Status.UNRELIABLE),
        "p": found.p,
        "groupings": [asdict(g) for g in found.groupings],
        "llr10": llr10(found.p, BRIDGE_CAP10) if found.reliable else None,
        "llr10_bound": bound10(found.p) if found.reliable else None,
        "cap10": BRIDGE_CAP10,
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

"""Investigation: from logs, a cluster and a suspect to a bridge; `investigate` is public API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.errors import LogsError
from fingerprint.logs.bridge import DRAWS, Bridge, bridge
from fingerprint.logs.bridgefile import About
from fingerprint.logs.schema import DEFAULT, Schema
from fingerprint.logs.served import (
    MOST_PROMPTS,
    Progress,
    Served,
    check_record,
    match,
    read_served,
)
from fingerprint.outputs import read_outputs
from fingerprint.records import Outputs
from fingerprint.specs import Loaded
from fingerprint.units import prompt_key


@dataclass(frozen=True, slots=True)
class Investigation:
    """A bridge with what it was about and what the logs gave."""

    found: Bridge
    about: About
    served: Served


def investigate(
    cluster: str,
    accounts: Collection[str],
    logs: Sequence[Path],
    suspect: Loaded,
    controls: Sequence[Path],
    background: Sequence[Loaded] = (),
    *,
    schema: Schema = DEFAULT,
    most: int = MOST_PROMPTS,
    seed: int,
    draws: int = DRAWS,
    strict: bool = False,
    progress: Progress | None = None,
) -> Investigation:
    """Test a suspect against what a cluster was served.

    Parameters
    ----------
    cluster : str
        Its name, for the record.
    accounts : collection of str
    logs : sequence of path
        Files or folders that hold the cluster's exchanges with their responses.
    suspect : Loaded
        One model's answers to the same prompts.
    controls : sequence of path
        Outputs: responses of the same teacher to the same prompts that were served to nobody.
    background : sequence of Loaded
        Unrelated models.
    schema, most, seed, draws, strict, progress
        Columns of the logs; prompts to use; of the draw of prompts and the bootstrap; stop at bad
        lines of outputs; told how far the logs are read.

    Raises
    ------
    LogsError
        When the suspect is several models, the background holds it, or fewer than 20 prompts have
        everything the test needs.
    FingerprintError
        When a file cannot be read.
    """
    names = sorted({pack.info.name for pack in suspect.packs})
    if len(names) != 1:
        raise LogsError(
            f"expected one suspect, {suspect.spec} holds {len(names)} models: "
            f"{', '.join(names[:8])}; narrow it"
        )
    info = suspect.packs[0].info
    others = [pack for loaded in background for pack in loaded.packs]
    related = sorted({p.info.name for p in others if p.info.lineage == info.lineage})
    if related:
        raise LogsError(
            f"expected a background unrelated to {info.name}, found {', '.join(related[:8])} of "
            "its own lineage; leave it out, or state other lineages with --lineages FILE"
        )
    regenerated = [o for path in controls for o in read_outputs(path, strict=strict)]
    answered = {p for pack in suspect.packs for p in pack.prompts.tolist()}
    have = {prompt_key(r.prompt, r.prompt_id) for o in regenerated for r in o.responses}
    served = read_served(
        logs,
        accounts,
        schema=schema,
        wanted=answered & have,
        before=info.released,
        most=most,
        seed=seed,
        progress=progress,
    )
    matched = match(served, regenerated)
    found = bridge(
        suspect.packs,
        matched,
        background=others,
        checks=check_record(matched, regenerated),
        seed=seed,
        draws=draws,
    )
    read: tuple[Loaded | Outputs, ...] = (suspect, *regenerated, *background)
    about = About(
        cluster=cluster,
        teachers=tuple(sorted({o.model for o in regenerated})),
        accounts=served.accounts,
        rows=served.rows,
        own=served.own,
        late=served.late,
        left_out=served.more,
        bad=served.bad,
        sources=tuple(dict.fromkeys(source for one in read for source in one.sources)),
    )
    return Investigation(found, about, served)

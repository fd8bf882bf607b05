"""Findings: what may be said of a canary detection, in words and as JSON."""

from __future__ import annotations

from typing import Any

from fingerprint import __version__
from fingerprint.logs.detection import SCHEMA, Detection, Finding

NEAR_CHANCE = 0.05
FEW_SLOTS = 50


def answer(found: Detection) -> str:
    """Return the answer in one sentence."""
    named = found.named
    tested = len(found.findings)
    if not tested:
        return (
            f"No key was tested: the plan has no groups, and no cluster was given. The votes of "
            f"{found.n_slots} slots were read."
        )
    if not named:
        least = found.findings[0]
        return (
            f"None of {tested} keys stands out in what {found.suspect} says, at the level of "
            f"{found.alpha:g} (smallest p {least.p:.2g}, {least.p_adjusted:.2g} adjusted, for "
            f"{least.name}): these answers do not support that it learned from what any of them "
            "was served."
        )
    first = named[0]
    others = f", and of {len(named) - 1} more" if len(named) > 1 else ""
    return (
        f"{found.suspect} appears to repeat the choices made for {first.name}{others} "
        f"({first.matched:.0f} of {first.n_slots} slots where chance gives {first.expected:.0f}, "
        f"p {first.p:.2g}, {first.p_adjusted:.2g} for {tested} keys): consistent with having "
        "learned from responses served to it, directly or through data that hold them."
    )


def limits(found: Detection) -> tuple[str, ...]:
    """List what limits a detection."""
    said = []
    if found.control_p:
        near = sum(p <= NEAR_CHANCE for p in found.control_p)
        said.append(
            f"{len(found.control_p)} control arms, served to nobody: smallest p "
            f"{found.control_p[0]:.2g}, {near} at or below {NEAR_CHANCE} where "
            f"{NEAR_CHANCE * len(found.control_p):.0f} are expected."
        )
    if found.unheard:
        said.append(f"{found.unheard} slots were asked of without any of their variants in reply.")
    if found.n_slots < FEW_SLOTS:
        said.append(
            f"{found.n_slots} slots have a vote: few, so that only a strong preference could show."
        )
    if found.weighted_by:
        said.append(
            f"Variants are weighted by how rarely {len(found.weighted_by)} unrelated models use "
            "them; a model that learned from a group itself must not be among these."
        )
    if found.untested:
        said.append(f"Not tested: {'; '.join(found.untested)}.")
    said.append(
        "The p-values hold if the plan was fixed before the suspect was trained and the key stayed "
        "secret. Text served to a group may reach a model through others who hold it; and a "
        "suspect that learned from rewritten or few responses may show nothing."
    )
    return tuple(said)


def detection_to_dict(found: Detection, *, committed: bool) -> dict[str, Any]:
    """Turn a detection into plain data; ``committed`` when the plan fits what was published."""
    return {
        "schema": SCHEMA,
        "suspect": found.suspect,
        "plan_sha256": found.plan_sha256,
        "committed": committed,
        "answer": answer(found),
        "alpha": found.alpha,
        "named": [f.name for f in found.named],
        "keys": [_finding(f) for f in found.findings],
        "controls": {
            "arms": len(found.control_p),
            "smallest_p": found.control_p[0] if found.control_p else None,
            "at_most_0.05": sum(p <= NEAR_CHANCE for p in found.control_p),
        },
        "n_slots": found.n_slots,
        "n_answers": found.n_answers,
        "unheard": found.unheard,
        "weighted_by": list(found.weighted_by),
        "untested": list(found.untested),
        "limitations": list(limits(found)),
        "inputs": [{"path": s.path, "sha256": s.sha256} for s in found.sources],
        "version": __version__,
    }


def _finding(f: Finding) -> dict[str, Any]:
    absorbed = None
    if f.absorbed is not None:
        absorbed = dict(zip(("estimate", "low", "high"), f.absorbed, strict=True))
    return {
        "key_of": f.name,
        "keys": f.keys,
        "n_slots": f.n_slots,
        "matched": f.matched,
        "expected": f.expected,
        "p": f.p,
        "p_adjusted": f.p_adjusted,
        "absorbed": absorbed,
        "purity": f.purity,
    }

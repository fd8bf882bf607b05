"""Alternatives: what else would explain closeness to the teacher, and what the data say of each.

Each moves the verdict by the rule stated in docs/verdict.md: a likely one forbids "supported".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fingerprint.assessment import Assessment, closure
from fingerprint.evidence import Evidence
from fingerprint.records import MIN_PROMPTS, Alternative, Status, VerdictLabel

RIVAL_MARGIN = 0.3
"""A teacher of another vendor within this much log10 LR (uncapped) explains the data as well."""
COPY_LEVEL = 0.5
"""Phrases this far towards the teacher's self-agreement point to shared weights or a wrapper."""
PHRASE_CEILING = 0.35
"""The same as a plain similarity, where the teacher has one sample a prompt (EVIDENCE 4)."""


def alternatives(
    evidence: Evidence, found: Assessment, rivals: Mapping[str, Assessment]
) -> tuple[Alternative, ...]:
    """List the alternatives with their status.

    Parameters
    ----------
    evidence : Evidence
    found : Assessment
        Of the teacher asked about.
    rivals : mapping of name to Assessment
        Teachers of other vendors on the same prompts.
    """
    return (
        _same_weights(evidence, found),
        _third_teacher(evidence, found, rivals),
        _common_data(),
        _reverse(evidence, found),
        _contamination(),
        _length(evidence, found),
    )


def _same_weights(evidence: Evidence, found: Assessment) -> Alternative:
    name = "same weights or wrapper"
    if "phrases" not in found.scores:
        return Alternative(name, Status.OPEN, None, "phrases were not measured")
    score = found.scores["phrases"]
    part = closure(evidence, found, "phrases", least=0.01)
    if part is not None:
        likely = part >= COPY_LEVEL
        text = f"phrases reach {100 * part:.0f} % of the teacher's agreement with itself"
    else:
        likely = score.similarity >= PHRASE_CEILING
        text = (
            f"phrase similarity {score.similarity:.2f}, where copies of a model reach 0.35 or more"
        )
    if likely:
        return Alternative(
            name, Status.LIKELY, None, f"{text}: shared weights, or the teacher behind the suspect"
        )
    return Alternative(
        name,
        Status.UNLIKELY,
        None,
        f"{text}: too little for shared weights; a shared base stays open",
    )


def _third_teacher(
    evidence: Evidence, found: Assessment, rivals: Mapping[str, Assessment]
) -> Alternative:
    name = "sibling or third teacher"
    if found.raw is None:
        return Alternative(name, Status.OPEN, None, "not enough data to compare teachers")
    scored = {n: r for n, r in rivals.items() if r.raw is not None and r.impossible is None}
    closer = max(scored, key=lambda n: scored[n].raw or 0.0, default=None)
    relative = _closest_model(evidence, found)
    if closer is not None and (scored[closer].raw or 0.0) >= found.raw - RIVAL_MARGIN:
        other = scored[closer]
        if (other.raw or 0.0) > 0 or found.raw > 0:
            why = f"{closer} fits as well or better; siblings look as close as the teacher"
            return Alternative(name, Status.LIKELY, other.llr10, why)
    if relative is not None:
        return Alternative(
            name,
            Status.OPEN,
            None,
            f"the suspect is closer to {relative} than to the teacher: a student of the same "
            "teacher, or data of such a student, cannot be told from the teacher itself",
        )
    why = (
        "no other teacher measured here fits as well; teachers that are not in the panel stay open"
    )
    llr10 = scored[closer].llr10 if closer is not None else None
    return Alternative(name, Status.UNLIKELY if scored else Status.OPEN, llr10, why)


def _closest_model(evidence: Evidence, found: Assessment) -> str | None:
    """Name a member outside the background that is closer to the suspect than the teacher is."""
    panel = evidence.panel
    infos = panel.infos
    ends = (infos[found.suspect], infos[found.teacher])
    best: tuple[float, str] | None = None
    for m, info in enumerate(infos):
        related = any(info.lineage == e.lineage or info.vendor == e.vendor for e in ends)
        if related or any(m in g for g in found.groups.values()):
            continue
        if panel.shared(m, found.suspect) < MIN_PROMPTS or "line_starts" not in found.scores:
            continue
        level = evidence.similarity("line_starts", found.suspect, m)
        if level > found.scores["line_starts"].similarity and (best is None or level > best[0]):
            best = (level, info.name)
    return best[1] if best else None


def _common_data() -> Alternative:
    return Alternative(
        "common public data derived from the teacher",
        Status.OPEN,
        None,
        "text alone cannot tell direct training on the teacher's outputs from training on public "
        "data that hold them; the proposition tested covers both",
    )


def _reverse(evidence: Evidence, found: Assessment) -> Alternative:
    infos = evidence.panel.infos
    name = "reverse direction"
    suspect, teacher = infos[found.suspect], infos[found.teacher]
    if not suspect.released or not teacher.released:
        return Alternative(name, Status.OPEN, None, "release dates are not known for both")
    common = min(len(teacher.released), len(suspect.released))
    if teacher.released[:common] < suspect.released[:common]:
        why = f"the teacher was released first ({teacher.released}, suspect {suspect.released})"
        return Alternative(name, Status.UNLIKELY, None, why)
    if teacher.released[:common] == suspect.released[:common]:
        why = f"both were released at about the same time ({teacher.released[:common]})"
        return Alternative(name, Status.OPEN, None, why)
    why = (
        f"the version compared was released after the suspect ({teacher.released} against "
        f"{suspect.released}): it stands for earlier ones, and may itself have seen "
        "the suspect's text"
    )
    return Alternative(name, Status.OPEN, None, why)


def _contamination() -> Alternative:
    return Alternative(
        "web contamination",
        Status.OPEN,
        None,
        "the teacher's text on the public web reaches pretraining corpora; only likelihood on "
        "fresh prompts or canaries could separate it",
    )


def _length(evidence: Evidence, found: Assessment) -> Alternative:
    name = "length or era confound"
    words = evidence.panel.words
    sides = [words[:, [found.suspect]], *(words[:, list(g)] for g in found.groups.values())]
    if len(sides) == 1 or any(np.isnan(side).all() for side in sides):
        why = "not enough common prompts to compare lengths"
        return Alternative(name, Status.OPEN, None, why)
    mine, *levels = (float(np.nanmedian(side)) for side in sides)
    low, high = min(levels), max(levels)
    spread = (
        f"background lineages answer in {low:.0f} to {high:.0f} words, the suspect in {mine:.0f}"
    )
    if 0.8 * low <= mine <= 1.25 * high:
        return Alternative(name, Status.UNLIKELY, None, f"{spread}; length is adjusted for")
    return Alternative(
        name, Status.OPEN, None, f"{spread}: outside them, so less well adjusted for"
    )


def of_other_vendors(
    evidence: Evidence, found: Assessment, others: Mapping[str, Assessment]
) -> dict[str, Assessment]:
    """Keep the assessments of teachers of another vendor than the one asked about."""
    infos = evidence.panel.infos
    vendor = infos[found.teacher].vendor
    return {name: item for name, item in others.items() if infos[item.teacher].vendor != vendor}


def settled(found: Sequence[Alternative]) -> bool:
    """Say whether no alternative is likely."""
    return all(a.status is not Status.LIKELY for a in found)


def final_label(label: VerdictLabel, found: Sequence[Alternative]) -> VerdictLabel:
    """Return the label after the alternatives: a likely one forbids "supported"."""
    if label is VerdictLabel.SUPPORTED and not settled(found):
        return VerdictLabel.INCONCLUSIVE
    return label

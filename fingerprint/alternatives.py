"""Alternatives: what else would explain closeness to the teacher, and what the data say of each.

Each moves the verdict by the rule stated in docs/verdict.md: a likely one forbids "supported".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fingerprint.assessment import Assessment, closure
from fingerprint.background import year_of
from fingerprint.calibration import FUSED
from fingerprint.corroboration import claims_of
from fingerprint.evidence import Evidence
from fingerprint.findings import THIRD
from fingerprint.models import lookup
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS, Alternative, Status, VerdictLabel
from fingerprint.weights.provenance import BASE, WRAPPER

RIVAL_MARGIN = 0.3
"""A teacher of another vendor within this much log10 LR (uncapped) explains the data as well."""
COPY_LEVEL = 0.5
"""Phrases this far towards the teacher's self-agreement point to shared weights or a wrapper."""
PHRASE_CEILING = 0.35
"""The same as a plain similarity, where the teacher has one sample a prompt (EVIDENCE 4)."""
LENGTH_LEVEL = 0.6
"""Part of the difference that must stay against the lineages nearest in length."""
LENGTH_GAP = 0.5
"""A lineage is of the suspect's length within this much in the logarithm of the median words."""
ERA_GAP = 0.75
"""Years between the suspect and a background lineage's nearest version, at most, on average: older
backgrounds pass the manner of a year off as teaching (docs/validation.md)."""
_SAME_BASE = Alternative(
    BASE,
    Status.OPEN,
    None,
    "text cannot tell it; with both models' weights `fingerprint weights provenance` can",
)
EVEN = 1.0
"""Families of one vendor within this much z are equally close."""


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
        _SAME_BASE,
        _same_weights(evidence, found),
        _third_teacher(evidence, found, rivals),
        _common_data(evidence, found),
        _reverse(evidence, found),
        _contamination(evidence, found),
        _length(evidence, found),
    )


def _same_weights(evidence: Evidence, found: Assessment) -> Alternative:
    name = WRAPPER
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
        f"{text}: too little for shared weights",
    )


def _third_teacher(
    evidence: Evidence, found: Assessment, rivals: Mapping[str, Assessment]
) -> Alternative:
    name = THIRD
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
        related = any(
            info.lineage == e.lineage or (info.vendor is not None and info.vendor == e.vendor)
            for e in ends
        )
        if related or any(m in g for g in found.groups.values()):
            continue
        if panel.shared(m, found.suspect) < MIN_PROMPTS or "line_starts" not in found.scores:
            continue
        level = evidence.similarity("line_starts", found.suspect, m)
        if level > found.scores["line_starts"].similarity and (best is None or level > best[0]):
            best = (level, info.name)
    return best[1] if best else None


def _common_data(evidence: Evidence, found: Assessment) -> Alternative:
    """Say how evenly close the teacher's families are; the alternative stays open either way."""
    name = "common public data derived from the teacher"
    why = (
        "text alone cannot tell direct training on the teacher's outputs from training on public "
        "data that hold them; the proposition tested covers both"
    )
    closest = _closest_families(evidence, found)
    if len(closest) > 1:
        (first, top), *_, (_, least) = closest
        even = top - least < EVEN
        vendor = evidence.panel.infos[found.teacher].vendor
        why += (
            f"; {vendor}'s {len(closest)} families lie {least:.1f} to {top:.1f} above the "
            "background in units of its spread, "
            + ("too even to name one" if even else f"{first} closest")
        )
    return Alternative(name, Status.OPEN, None, why)


def _closest_families(evidence: Evidence, found: Assessment) -> list[tuple[str, float]]:
    """List the families of the teacher's vendor with the z of their closest version, best first."""
    infos = evidence.panel.infos
    vendor = infos[found.teacher].vendor
    if vendor is None or FUSED[0] not in found.scores or not found.paired:
        return []
    best: dict[str, float] = {}
    for m, info in enumerate(infos):
        known = lookup(info.name)
        if info.vendor != vendor or known is None or known.role != "reference":
            continue
        if evidence.panel.shared(m, found.suspect) < found.n_prompts / 2:
            continue
        # a version with other prompts than the teacher's may have fewer lineages on them
        groups, shared = evidence.common(found.groups, evidence.panel.both(m, found.suspect))
        if int(shared.sum()) < MIN_PROMPTS or len(groups) < MIN_LINEAGES:
            continue
        z = evidence.score(FUSED[0], found.suspect, m, groups, shared).z
        best[known.family] = max(z, best.get(known.family, -np.inf))
    return sorted(best.items(), key=lambda item: -item[1])


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


def _contamination(evidence: Evidence, found: Assessment) -> Alternative:
    why = (
        "the teacher's text on the public web reaches pretraining corpora; only likelihood on "
        "fresh prompts could separate it"
    )
    claims = claims_of(evidence, found)
    if not isinstance(claims, str) and claims.background:
        also = sum(share > 0 for share in claims.background.values())
        why = (
            f"{also} of {len(claims.background)} unrelated lineages name {claims.maker} as their "
            f"maker too, as text on the web may teach; the suspect does at a rate of "
            f"{100 * claims.share:.0f} %, answers to one question counting together"
        )
    return Alternative("web contamination", Status.OPEN, None, why)


def _length(evidence: Evidence, found: Assessment) -> Alternative:
    """Subtract the lineages nearest in length alone; say whether the difference stays."""
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
    left = _against_nearest(
        evidence, found, [abs(np.log1p(level) - np.log1p(mine)) for level in levels]
    )
    if left is not None and left < LENGTH_LEVEL:
        why = (
            f"against the {MIN_LINEAGES} lineages nearest in length {100 * left:.0f} % of the "
            f"difference stay, where {100 * LENGTH_LEVEL:.0f} % are the least; {spread}"
        )
        return Alternative(name, Status.LIKELY, None, why)
    gap = _years_off(evidence, found)
    if gap is not None and gap > ERA_GAP:
        why = (
            f"the background is {gap:.1f} years off on average, where {ERA_GAP} are the most: "
            "models of one era resemble each other"
        )
        return Alternative(name, Status.LIKELY, None, f"{why}; {spread}")
    if not 0.8 * low <= mine <= 1.25 * high:
        why = f"{spread}: outside them, so less well adjusted for"
        return Alternative(name, Status.OPEN, None, why)
    if left is not None:
        spread += f"; against the nearest in length {100 * left:.0f} % of the difference stay"
    return Alternative(name, Status.UNLIKELY, None, f"{spread}; length is adjusted for")


def _against_nearest(evidence: Evidence, found: Assessment, gaps: Sequence[float]) -> float | None:
    """Part of the difference in lines that stays against the lineages of the smallest gaps.

    None where there is no difference to explain, no lineage to leave out, or no three of the
    suspect's length.
    """
    score = found.scores.get(FUSED[0])
    if score is None or score.z < 1 or len(found.groups) <= MIN_LINEAGES:
        return None
    nearest = np.argsort(gaps, kind="stable")[:MIN_LINEAGES]
    if max(gaps[i] for i in nearest) > LENGTH_GAP:
        return None
    names = [name for i, name in enumerate(found.groups) if i in nearest]
    groups = {name: found.groups[name] for name in names}
    both = evidence.panel.both(found.suspect, found.teacher)
    _, shared = evidence.common(found.groups, both)
    against = evidence.score(FUSED[0], found.suspect, found.teacher, groups, shared)
    return against.difference / score.difference


def _years_off(evidence: Evidence, found: Assessment) -> float | None:
    """Mean over background lineages of the years between them and the suspect (or the teacher)."""
    infos = evidence.panel.infos
    own = year_of(infos[found.suspect])
    own = year_of(infos[found.teacher]) if own is None else own
    if own is None:
        return None
    gaps = []
    for members in found.groups.values():
        years = [year for m in members if (year := year_of(infos[m])) is not None]
        if years:
            gaps.append(min(abs(year - own) for year in years))
    return float(np.mean(gaps)) if gaps else None


def of_other_vendors(
    evidence: Evidence, found: Assessment, others: Mapping[str, Assessment]
) -> dict[str, Assessment]:
    """Keep the assessments of teachers of another vendor than the one asked about.

    Where no vendor is known a lineage stands for it: two unknown vendors are not one.
    """
    infos = evidence.panel.infos
    own = infos[found.teacher]
    return {
        name: item
        for name, item in others.items()
        if (info := infos[item.teacher]).vendor != own.vendor
        or (own.vendor is None and info.lineage != own.lineage)
    }


def settled(found: Sequence[Alternative]) -> bool:
    """Say whether no alternative is likely."""
    return all(a.status is not Status.LIKELY for a in found)


def final_label(label: VerdictLabel, found: Sequence[Alternative]) -> VerdictLabel:
    """Return the label after the alternatives: a likely one forbids "supported"."""
    if label is VerdictLabel.SUPPORTED and not settled(found):
        return VerdictLabel.INCONCLUSIVE
    return label

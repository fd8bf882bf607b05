"""Suspects of known dose: a student's responses to some prompts, an independent's to the others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.corpus import Pool
from benchmarks.lineage.truth import labelled_pairs
from fingerprint.calibration import FUSED
from fingerprint.evidence import Evidence
from fingerprint.records import MIN_LINEAGES

DOSES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
PARTNERS = 4
"""Independents that each student is mixed with."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Mixture:
    """One mixed suspect against the student's teacher; D and spread of the line channel."""

    pool: str
    lineage: str
    partner: str
    dose: float
    difference: float
    spread: float


@dataclass(frozen=True)
class Mix:
    """A student and an independent model with the prompts that come from the student."""

    student: int
    partner: int
    teacher: int
    groups: dict[str, list[int]]
    shared: Bools
    inside: Bools
    dose: float


def mixes(pool: Pool, evidence: Evidence, rng: np.random.Generator) -> list[Mix]:
    """Mix every student of high confidence with some independents at every dose."""
    infos = pool.panel.infos
    independents = [
        i for i in pool.clean if pool.labels[i].kind == "independent" or infos[i].vendor == "cohere"
    ]
    teachers: dict[int, list[int]] = defaultdict(list)
    for pair in labelled_pairs(infos, pool.labels):
        if pair.true and pair.high:
            teachers[pair.suspect] += pair.teachers
    found = []
    for student, versions in teachers.items():
        # the closest version, as in a verdict
        teacher = max(versions, key=lambda t: _line_z(evidence, student, t))
        count = min(PARTNERS, len(independents))
        for partner in rng.choice(independents, size=count, replace=False).tolist():
            groups = evidence.groups(student, [teacher])
            groups = {n: g for n, g in groups.items() if n != infos[partner].lineage}
            if len(groups) < MIN_LINEAGES:
                continue
            shared = evidence.panel.both(student, teacher) & evidence.panel.both(partner, teacher)
            at = np.flatnonzero(shared)
            for dose in DOSES:
                inside = np.zeros_like(shared)
                inside[rng.permutation(at)[: round(dose * len(at))]] = True
                found.append(Mix(student, partner, teacher, groups, shared, inside, dose))
    return found


def mixtures(pool: Pool, evidence: Evidence, rng: np.random.Generator) -> list[Mixture]:
    """Score the mixes.

    D is linear in the agreement at each prompt, so the D of a mixture is the weighted sum of its
    two parts, each taken on its own prompts against one background.
    """
    infos = pool.panel.infos
    found = []
    for mix in mixes(pool, evidence, rng):
        total = 0.0
        for suspect, part in (
            (mix.student, mix.inside),
            (mix.partner, mix.shared & ~mix.inside),
        ):
            if part.any():
                score = evidence.score(FUSED[0], suspect, mix.teacher, mix.groups, part)
                total += part.sum() / mix.shared.sum() * score.difference
        spread = evidence.score(FUSED[0], mix.student, mix.teacher, mix.groups, mix.shared).spread
        lineages = (infos[mix.student].lineage, infos[mix.partner].lineage)
        if np.isfinite(total):
            found.append(Mixture(pool.name, *lineages, mix.dose, total, spread))
    return found


def _line_z(evidence: Evidence, student: int, teacher: int) -> float:
    return evidence.score(FUSED[0], student, teacher, evidence.groups(student, [teacher])).z

"""Prospects: what more prompts, or more background lineages, would change.

The share's interval joins three parts: prompts drawn, background lineages drawn, and how
differently students of known dose keep their teacher's form. Only the first shrinks with prompts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerprint.assessment import Assessment
from fingerprint.calibration import FULL_BACKGROUND, FUSED
from fingerprint.comparison import Case
from fingerprint.evidence import Score
from fingerprint.exhibits.records import Prospect, SampleSize
from fingerprint.records import (
    DECIDING_LINEAGES,
    DECIDING_PROMPTS,
    MIN_LINEAGES,
    MIN_PROMPTS,
)
from fingerprint.share import share_of

FACTORS = (1, 2, 4)
"""Times the prompts, and times the background lineages, that are projected."""
SUBSETS = 12
NOTICEABLE = 0.05
"""A narrower interval by less than this part is called no help."""


def prospects(case: Case, found: Assessment) -> SampleSize | None:
    """Project the interval of the share to more prompts and more background lineages.

    The bootstrap's variance is taken as ``a + b / prompts``, where ``a`` is what the lineages
    contribute and falls with their number; ``b`` comes from halves of the prompts, drawn with the
    seed of the run.

    Parameters
    ----------
    case : Case
    found : Assessment
        Of the pair asked about.

    Returns
    -------
    SampleSize or None
        None where the verdict has no share.
    """
    if found.share is None or FUSED[0] not in found.scores:
        return None
    calibration = case.run.calibration
    score = found.scores[FUSED[0]]
    n, groups = found.n_prompts, len(found.groups)
    of_prompts = _part_of_prompts(case, found, score)

    def interval(prompts: int, lineages: int) -> tuple[float, float]:
        scale = np.sqrt((1 - of_prompts) * groups / lineages + of_prompts * n / prompts)
        drawn = score.difference + (score.draws - score.difference) * scale
        broad = prompts >= DECIDING_PROMPTS and lineages >= DECIDING_LINEAGES
        share = share_of(replace(score, draws=drawn), calibration, broad=broad)
        return share.low, share.high

    listed = []
    for times in FACTORS:
        for more in FACTORS:
            low, high = interval(n * times, groups * more)
            here = times == more == 1
            if here:
                low, high = found.share.low, found.share.high
            listed.append(Prospect(n * times, groups * more, low, high, here))
    still = replace(score, draws=np.full_like(score.draws, score.difference))
    settled = share_of(still, calibration, broad=True)
    most = max(groups, FULL_BACKGROUND + 1)
    caps = tuple((k, calibration.cap10(k)) for k in range(MIN_LINEAGES, most + 1))
    size = SampleSize(
        prospects=tuple(listed),
        floor=settled.high - settled.low,
        level=found.share.level,
        caps=caps,
        lineages=groups,
        advice=(),
    )
    return replace(size, advice=_advice(size, n))


def _part_of_prompts(case: Case, found: Assessment, score: Score) -> float:
    """Estimate which part of the bootstrap's variance comes from the draw of prompts, in [0, 1]."""
    whole = float(score.draws.var()) if len(score.draws) else 0.0
    panel = case.run.panel
    _, shared = case.run.evidence.common(found.groups, panel.both(found.suspect, found.teacher))
    at = np.flatnonzero(shared)
    half = len(at) // 2
    if whole <= 0 or half < MIN_PROMPTS // 2:
        return 1.0
    rng = np.random.default_rng([case.question.seed, len(at)])
    halves = []
    for _ in range(SUBSETS):
        mask = np.zeros_like(shared)
        mask[rng.choice(at, half, replace=False)] = True
        drawn = case.run.evidence.score(FUSED[0], found.suspect, found.teacher, found.groups, mask)
        halves.append(float(drawn.draws.var()))
    # var(n) = a + b / n and var(n / 2) = a + 2 b / n, so b / n is their difference
    return float(np.clip((np.mean(halves) - whole) / whole, 0.0, 1.0))


def _advice(size: SampleSize, n: int) -> tuple[str, ...]:
    width = {(p.prompts, p.lineages): p.high - p.low for p in size.prospects}
    groups = size.lineages
    here, prompts, lineages = width[n, groups], width[n * 2, groups], width[n, groups * 2]
    said = []
    if n < DECIDING_PROMPTS:
        said.append(
            f"More prompts are needed before anything can be decided: {n} are common, "
            f"{DECIDING_PROMPTS} are the least."
        )
    if groups < DECIDING_LINEAGES:
        said.append(
            f"More background lineages are needed before anything can be decided: {groups} are "
            f"here, {DECIDING_LINEAGES} are the least."
        )
    for what, then in (("prompts", prompts), ("background lineages", lineages)):
        if here - then >= NOTICEABLE * here:
            said.append(
                f"Twice the {what} would narrow the share's interval from {here:.2f} to about "
                f"{then:.2f}."
            )
        else:
            said.append(f"Twice the {what} would hardly narrow the share's interval.")
    now = dict(size.caps)[groups]
    full = size.caps[-1][1]
    if now < full:
        said.append(
            f"{FULL_BACKGROUND} background lineages would lift the cap of the log10 likelihood "
            f"ratio from {now:.2f} to {full:.2f}."
        )
    else:
        said.append(
            "The cap of the likelihood ratio stays as it is with more prompts and more lineages "
            "here: it is bound by the independent lineages in the calibration."
        )
    said.append(
        f"With endless data the interval would still be about {size.floor:.2f} wide, since fully "
        "distilled models differ in how much of their teacher's form they keep."
    )
    return tuple(said)

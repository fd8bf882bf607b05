"""Share: how much of the suspect's behaviour is attributable to the teacher, with its interval.

Read on suspects of known dose, made by mixing a student's prompts with an independent model's
(`benchmarks/lineage/fit.py`). It is a share of behaviour in outputs, not of training data.
"""

from __future__ import annotations

import numpy as np

from fingerprint.calibration import Calibration
from fingerprint.evidence import Score
from fingerprint.records import Share


def share_of(score: Score, calibration: Calibration, *, broad: bool) -> Share:
    """Read the share from the line channel's score.

    The interval joins what is left unexplained over lineages of known dose (split conformal, at
    the level of the calibration) with the bootstrap over prompts and background lineages.

    Parameters
    ----------
    score : Score
        Of the ``line_starts`` channel.
    calibration : Calibration
    broad : bool
        Whether there are prompts and lineages enough for a decision; otherwise the interval reaches
        down to 0, since so little data cannot exclude independence.

    Returns
    -------
    Share
        Clipped to [0, 1]; never without an interval.
    """
    fitted = calibration.share
    unit = fitted.offset + fitted.slope * score.spread
    estimate = score.difference / unit
    tail = (1 - fitted.level) / 2
    if len(score.draws):
        low_draw, high_draw = np.quantile(score.draws / unit, [tail, 1 - tail])
    else:
        low_draw = high_draw = estimate
    centre = float(np.clip(estimate, 0, 1))
    low = centre - float(np.hypot(fitted.low, max(0.0, estimate - low_draw)))
    high = centre + float(np.hypot(fitted.high, max(0.0, high_draw - estimate)))
    return Share(
        estimate=centre,
        low=float(np.clip(low, 0, 1)) if broad else 0.0,
        high=float(np.clip(high, 0, 1)),
        level=fitted.level,
        calibration=f"{calibration.name} ({calibration.sha256[:12]}): mixtures of known dose",
    )

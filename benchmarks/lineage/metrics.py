"""Figures of merit, weighted so that every lineage counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def cell_weights(cells: Sequence[Hashable]) -> F64:
    """Weigh rows so that every cell sums to one."""
    counts = Counter(cells)
    return np.array([1.0 / counts[c] for c in cells])


def auc(score: F64, true: Bools, weights: F64) -> float:
    """Weighted area under the ROC curve, ties counting half."""
    if not true.any() or true.all():
        return float("nan")
    values, place = np.unique(score, return_inverse=True)
    of_true = np.bincount(place, np.where(true, weights, 0), len(values)) / weights[true].sum()
    of_false = np.bincount(place, np.where(true, 0, weights), len(values)) / weights[~true].sum()
    below = np.cumsum(of_false) - of_false
    return float((of_true * (below + of_false / 2)).sum())


def recall_at_no_false(score: F64, true: Bools, weights: F64) -> float:
    """Weighted share of true pairs above every false pair."""
    if not true.any() or true.all():
        return float("nan")
    return float(weights[true & (score > score[~true].max())].sum() / weights[true].sum())


def recall_at(score: F64, true: Bools, weights: F64, rate: float) -> float:
    """Weighted recall at a weighted false positive rate."""
    order = np.argsort(-score)
    false = np.cumsum(np.where(true, 0, weights)[order]) / weights[~true].sum()
    inside = order[false <= rate]
    return float(weights[inside][true[inside]].sum() / weights[true].sum())


def weighted_quantile(values: F64, weights: F64, at: Sequence[float]) -> F64:
    """Quantiles of a weighted sample."""
    order = np.argsort(values)
    place = np.cumsum(weights[order]) / weights.sum()
    return np.array([values[order][min(np.searchsorted(place, q), len(values) - 1)] for q in at])


def cllr_min(llr10: F64, true: Bools, weights: F64) -> float:
    """Cllr after the best monotone recalibration of these very pairs (PAV, Brümmer 2010)."""
    from scipy.optimize import isotonic_regression

    from fingerprint.calibration import cllr

    balanced = np.where(true, weights / weights[true].sum(), weights / weights[~true].sum())
    _, place = np.unique(llr10, return_inverse=True)
    mass = np.bincount(place, balanced)
    share = np.bincount(place, np.where(true, balanced, 0.0)) / mass
    posterior = np.clip(isotonic_regression(share, weights=mass).x[place], 1e-9, 1 - 1e-9)
    return cllr(np.log10(posterior / (1 - posterior)), true, weights)

"""Lengths: what the lengths of two responses alone predict of their agreement (EVIDENCE 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.panel import Panel

F64 = npt.NDArray[np.float64]

PRIOR_PAIRS = 3000
"""Pairs of responses that the shipped length coefficients count for."""


@dataclass(frozen=True, slots=True)
class LengthPrior:
    """Prior of the length adjustment of one channel: coefficients and their information."""

    coefficients: F64
    """Shape (5,), for the features of `length_features`."""
    information: F64
    """Mean outer product of the centred features, shape (5, 5)."""


def length_features(words: F64, one: npt.ArrayLike, two: npt.ArrayLike) -> F64:
    """Return the symmetric length features of pairs: (..., 5).

    ``words``: mean words per response of each member at one prompt, shape (M,).
    """
    a = np.log1p(words[np.asarray(one)]) - 5.0
    b = np.log1p(words[np.asarray(two)]) - 5.0
    gap = np.abs(a - b)
    return np.stack([a + b, a * a + b * b, a * b, gap, np.minimum(gap, 1.0)], axis=-1)


def fit_lengths(
    panel: Panel,
    values: npt.NDArray[np.float32],
    members: Sequence[int],
    prior: LengthPrior | None,
) -> tuple[F64, F64, int]:
    """Regress similarity on length features over pairs of different lineages, prompt by prompt.

    Returns
    -------
    coefficients, information, n_pairs
        Shapes (5,), (5, 5) and the number of pairs of responses.
    """
    infos = panel.infos
    pairs = [
        (i, j)
        for x, i in enumerate(members)
        for j in members[x + 1 :]
        if infos[i].lineage != infos[j].lineage
    ]
    size = 5
    squares, product, n_pairs = np.zeros((size, size)), np.zeros(size), 0
    one, two = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    for p in range(len(values)):
        k = values[p][one, two]
        good = ~np.isnan(k)
        if good.sum() < 3:
            continue
        x = length_features(panel.words[p], one[good], two[good])
        x = x - x.mean(axis=0)
        y = k[good] - k[good].mean()
        squares += x.T @ x
        product += x.T @ y
        n_pairs += int(good.sum())
    information: F64 = squares / max(n_pairs, 1)
    if prior is not None:
        squares = squares + PRIOR_PAIRS * prior.information
        product = product + PRIOR_PAIRS * prior.information @ prior.coefficients
    coefficients = np.asarray(np.linalg.lstsq(squares, product, rcond=None)[0], dtype=np.float64)
    return coefficients, information, n_pairs


def adjust_lengths(
    values: npt.NDArray[np.float32], words: F64, coefficients: F64
) -> npt.NDArray[np.float32]:
    """Subtract the length prediction from every pair's similarity, shape kept."""
    everyone = np.arange(values.shape[1])
    out = np.empty_like(values)
    for p in range(len(values)):
        features = length_features(words[p], everyone[:, None], everyone[None, :])
        out[p] = values[p] - features @ coefficients
    return out

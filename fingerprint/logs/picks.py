"""Picks: the exact distribution of a sum of scores when every pick was made by chance.

Canaries and the bridge ask the same question. At every unit one of several options was picked (by
a keyed hash, or because it was the response that happened to be served), and the suspect's
behaviour gives every option a score. If the suspect knows nothing of the picks, then given its
behaviour each option is equally likely to be the picked one, independently over units: the sum of
the scores picked has a known distribution, whatever the suspect prefers and however its answers
depend on one another. Permutation tests with that conditioning: Fisher 1935, Pitman 1937; the
convolution is that of Pagano and Tritchler 1983.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

LEAST_STEPS = 1 << 14
MOST_STEPS = 1 << 18
STEPS_A_UNIT = 8
"""Steps of the grid for every unit: rounding then adds 0.5 % to the variance of two options."""
SIMPLEST = 60
"""Largest denominator of the fractions that need no rounding."""
LEAST_P = 1e-300
"""Smaller tails are given as this: floating point has nothing below it."""


class PickNull:
    """Distribution of ``sum_u scores[u][pick_u]`` with every pick uniform and independent.

    Scores that are multiples of a simple fraction are taken as they are. Others are rounded to a
    grid of up to `MOST_STEPS` steps, the statistic with them: the grid does not depend on what was
    picked, so that the test stays exact for the rounded statistic.

    Parameters
    ----------
    scores : sequence of array, shape (options,)
        One array a unit, with at least one finite score; a unit with one option adds nothing.
    """

    def __init__(self, scores: Sequence[F64]) -> None:
        self._scores = [np.asarray(s, dtype=np.float64) for s in scores]
        lows = [float(s.min()) for s in self._scores]
        reach = sum(float(s.max()) - low for s, low in zip(self._scores, lows, strict=True))
        self.step = _step(np.concatenate(self._scores), reach, len(self._scores))
        self._levels = [
            np.rint((s - low) / self.step).astype(np.int64)
            for s, low in zip(self._scores, lows, strict=True)
        ]
        density = _convolve(self._levels)
        # summed from the small end, so that a small tail keeps all its digits
        self._upper: F64 = np.cumsum(density[::-1])[::-1]
        self._lower: F64 = np.cumsum(density)
        self.mean = float(sum(s.mean() for s in self._scores))
        self.sd = float(np.sqrt(sum(s.var() for s in self._scores)))

    def __len__(self) -> int:
        return len(self._scores)

    def statistic(self, picked: Sequence[int] | I64) -> float:
        """Return the sum of the scores picked, not rounded."""
        return float(sum(s[i] for s, i in zip(self._scores, picked, strict=True)))

    def upper(self, picked: Sequence[int] | I64) -> float:
        """Return the chance of a sum at least as large as that of these picks."""
        return self._within(self._upper, picked)

    def two_sided(self, picked: Sequence[int] | I64) -> float:
        """Return twice the smaller tail, at most 1."""
        return min(1.0, 2 * min(self._within(self._lower, picked), self.upper(picked)))

    def _within(self, tail: F64, picked: Sequence[int] | I64) -> float:
        level = sum(int(x[i]) for x, i in zip(self._levels, picked, strict=True))
        return float(min(max(tail[level], LEAST_P), 1.0))


def _step(scores: F64, reach: float, units: int) -> float:
    """Return the largest step of which all scores are multiples, or that of the finest grid."""
    for parts in range(1, SIMPLEST + 1):
        multiples = scores * parts
        if reach * parts > MOST_STEPS:
            break
        if np.abs(multiples - np.rint(multiples)).max() < 1e-9:
            return 1.0 / parts
    steps = min(max(LEAST_STEPS, STEPS_A_UNIT * units), MOST_STEPS)
    return reach / steps if reach > 0 else 1.0


def _convolve(levels: Sequence[I64]) -> F64:
    """Return the probability of every sum of levels, shape (largest sum + 1,)."""
    density = np.zeros(1 + sum(int(x.max()) for x in levels))
    density[0] = 1.0
    end = 1
    for unit in levels:
        values, counts = np.unique(unit, return_counts=True)
        if len(values) == 1:
            continue
        before = density[:end].copy()
        end += int(values[-1])
        density[:end] = 0.0
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            density[value : value + len(before)] += before * (count / len(unit))
    return density


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number (Holm 1979): valid however they depend on one another."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted

"""Judge the share on mixtures of known dose, leaving out the student's lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.lineage.fit import fit_share
from benchmarks.lineage.metrics import cell_weights
from benchmarks.lineage.mixtures import Mixture
from benchmarks.lineage.table import Row


@dataclass(frozen=True)
class Judged:
    """A mixture with the share read from a map that has not seen its lineage."""

    pool: str
    lineage: str
    partner: str
    dose: float
    estimate: float
    low: float
    high: float


def judge_share(rows: Sequence[Row], mixed: Sequence[Mixture]) -> list[Judged]:
    """Read every mixture's share, print the errors and return what was read."""
    found: list[Judged] = []
    for lineage in sorted({m.lineage for m in mixed}):
        fitted = fit_share(
            [r for r in rows if r.lineage != lineage], [m for m in mixed if m.lineage != lineage]
        )
        for m in mixed:
            if m.lineage == lineage:
                unit = fitted.offset + fitted.slope * m.spread
                value = float(np.clip(m.difference / unit, 0, 1))
                low, high = np.clip([value + fitted.low, value + fitted.high], 0, 1)
                found.append(
                    Judged(m.pool, lineage, m.partner, m.dose, value, float(low), float(high))
                )
    print("\n| share | mixtures | mean absolute error | 90 % intervals cover | mean width | "
          "median at dose 0 | mean estimate by dose |")  # fmt: skip
    print("|---" * 7 + "|")
    selections = {"all": found}
    for pool in sorted({j.pool for j in found}):
        selections[pool] = [j for j in found if j.pool == pool]
    for partner in sorted({j.partner for j in found}):
        selections[f"mixed with {partner}"] = [j for j in found if j.partner == partner]
    for name, chosen in selections.items():
        print(f"| {name} | {summary(chosen)} |")
    return found


def summary(judged: Sequence[Judged]) -> str:
    """Count and mean the errors; each (lineage, dose) weighs one."""
    weights = cell_weights([(j.pool, j.lineage, j.dose) for j in judged])
    dose, estimate = np.array([(j.dose, j.estimate) for j in judged]).T
    covered = [j.low - 1e-9 <= j.dose <= j.high + 1e-9 for j in judged]
    width = [j.high - j.low for j in judged]
    means = [
        f"{d:g}: {np.average(estimate[dose == d], weights=weights[dose == d]):.2f}"
        for d in sorted(set(dose))
    ]
    return " | ".join(
        [
            str(len(judged)),
            f"{np.average(np.abs(estimate - dose), weights=weights):.3f}",
            f"{np.average(covered, weights=weights):.2f}",
            f"{np.average(width, weights=weights):.2f}",
            f"{np.median(estimate[dose == 0]):.2f}",
            ", ".join(means),
        ]
    )

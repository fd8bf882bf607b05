"""Quantifiers of the share: python -m benchmarks.lineage.quantifiers DATA (pip install quapy).

A mixed suspect is a sample of prompts of which an unknown part is the student's: that is what
quantification estimates. PACC (Bella et al. 2010), EMQ (Saerens et al. 2002) and KDEyML (Moreo et
al. 2024), as QuaPy has them, are compared with the map that ships on the same mixtures, with the
same scale and split-conformal interval and without the student's lineage. QuaPy serves this
benchmark only.

A quantifier reads whatever differs between the two classes, so also what makes a student unlike an
independent whoever its teacher was. The control reads the same suspect against the background
models in the teacher's place and takes that off: a share of the teacher is what is left.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.attribution import LineageMean, lineage_mean
from benchmarks.lineage.corpus import data_digest, load_pool
from benchmarks.lineage.doses import Judged, judge_share, summary
from benchmarks.lineage.fit import LEVEL, POOLS, SEED
from benchmarks.lineage.instances import Instances, instances
from benchmarks.lineage.metrics import cell_weights, weighted_quantile
from benchmarks.lineage.scores import load

F64 = npt.NDArray[np.float64]

PER_LINEAGE = 1000
"""Prompts drawn for training of every lineage and class, so that each lineage weighs one."""
BEND = 0.1
"""Where the bent feature bends: a clear agreement at one prompt."""
NARROW = 0.03
"""A bandwidth on posteriors besides QuaPy's own of 0.1."""
GRID = np.linspace(0.0, 1.0, 1001)
"""Posteriors at which densities are tabulated."""
CONTROL = "background taken off"

FEATURES: dict[str, Callable[[F64], F64]] = {
    "lines": lambda d: d[:, :1],
    "lines and sentences": lambda d: d,
    # lets a linear classifier see height and scatter apart
    "lines, bent": lambda d: np.stack(
        [d[:, 0], np.abs(d[:, 0]), np.maximum(d[:, 0] - BEND, 0)], axis=1
    ),
}


@dataclass(frozen=True)
class Readings:
    """What one reader sees in every mixture, unscaled.

    ``own``: against the teacher, shape (n,); ``others``: for every mixture, against each of the
    background models.
    """

    own: F64
    others: tuple[F64, ...]

    @property
    def controlled(self) -> F64:
        """The reading with that of the background models taken off, shape (n,)."""
        return self.own - np.array([o.mean() for o in self.others])


@dataclass(frozen=True)
class Scale:
    """Share = reading / unit; the interval holds what is left over lineages."""

    unit: float
    low: float
    high: float


def training_draw(
    found: Sequence[Instances], without: str, rng: np.random.Generator
) -> tuple[F64, npt.NDArray[np.int64]]:
    """Draw prompts of dose 0 and 1, as many of every other lineage (QuaPy takes no weights).

    Returns
    -------
    prompts, classes
        Shapes (n, 2) and (n,); class 1 are prompts that a student answered.
    """
    by_cell: dict[tuple[float, str], list[F64]] = defaultdict(list)
    for item in found:
        if item.lineage != without and item.dose in (0.0, 1.0):
            by_cell[item.dose, item.lineage].append(item.own)
    prompts, classes = [], []
    for (dose, _), parts in sorted(by_cell.items()):
        together = np.concatenate(parts)
        prompts.append(together[rng.integers(len(together), size=PER_LINEAGE)])
        classes.append(np.full(PER_LINEAGE, int(dose)))
    return np.concatenate(prompts), np.concatenate(classes)


def quantifiers() -> dict[str, Callable[[], Any]]:
    """Return QuaPy's quantifiers by name, on logistic regression; one process does the work.

    Raises
    ------
    SystemExit
        When QuaPy is not installed.
    """
    try:
        import quapy
        from quapy.method.aggregative import EMQ, PACC, KDEyML
    except ImportError as error:
        raise SystemExit(f"expected QuaPy, found none ({error}); pip install quapy") from error
    from sklearn.linear_model import LogisticRegression

    quapy.environ["N_JOBS"] = 1

    class GridKDE(KDEyML):
        """KDEyML with its densities read from a grid of posteriors: the same, and much faster."""

        def aggregation_fit(self, classif_predictions: F64, labels: F64) -> GridKDE:
            super().aggregation_fit(classif_predictions, labels)
            at = np.stack([1 - GRID, GRID], axis=1)
            densities = [KDEyML.pdf(self, kde, at, self.kernel) for kde in self.mix_densities]
            self.on_grid = {id(k): d for k, d in zip(self.mix_densities, densities, strict=True)}
            return self

        def pdf(self, kde: Any, X: F64, kernel: str, log_densities: bool = False) -> F64:
            return np.interp(X[:, 1], GRID, self.on_grid[id(kde)])

    def classifier() -> LogisticRegression:
        return LogisticRegression(C=1e3)

    return {
        "PACC": lambda: PACC(classifier()),
        "EMQ": lambda: EMQ(classifier()),
        "KDEyML": lambda: GridKDE(classifier()),
        f"KDEyML {NARROW}": lambda: GridKDE(classifier(), bandwidth=NARROW),
    }


def quantify(
    found: Sequence[Instances], make: Callable[[], Any], feature: Callable[[F64], F64], seed: int
) -> Readings:
    """Read every mixture with a quantifier that has not seen its lineage."""
    own = np.zeros(len(found))
    others: list[F64] = [own] * len(found)
    for lineage in sorted({item.lineage for item in found}):
        prompts, classes = training_draw(found, lineage, np.random.default_rng(seed))
        quantifier = make()
        quantifier.fit(feature(prompts), classes)
        for i, item in enumerate(found):
            if item.lineage == lineage:
                own[i] = quantifier.predict(feature(item.own))[1]
                others[i] = np.array([quantifier.predict(feature(o))[1] for o in item.others])
    return Readings(own, tuple(others))


def plain_mean(found: Sequence[Instances]) -> Readings:
    """Read the mean difference of the line channel, the shipped map without its spread."""
    return Readings(
        np.array([item.own[:, 0].mean() for item in found]),
        tuple(np.array([o[:, 0].mean() for o in item.others]) for item in found),
    )


def fit_scale(readings: F64, dose: F64, weights: F64) -> Scale:
    """Fit unit and interval as `fit.fit_share` does.

    The unit is the mean reading at dose 1 times the factor that minimises the absolute error; the
    interval is the weighted quantile of what is left.
    """
    whole = float(np.average(readings[dose == 1], weights=weights[dose == 1]))
    units = np.linspace(0.4, 1.6, 121) * whole
    error = [np.average(np.abs(np.clip(readings / u, 0, 1) - dose), weights=weights) for u in units]
    unit = float(units[int(np.argmin(error))])
    left = dose - np.clip(readings / unit, 0, 1)
    low, high = weighted_quantile(left, weights, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Scale(unit, float(low), float(high))


def judge(found: Sequence[Instances], readings: F64) -> list[Judged]:
    """Turn readings into shares with intervals, each by the scale of the other lineages.

    The readings of those come from quantifiers that have seen the judged lineage. Fitting all anew
    without it moves the mean absolute error by .001 at most (measured on three of them).
    """
    dose = np.array([item.dose for item in found])
    lineage = np.array([item.lineage for item in found])
    weights = cell_weights([(item.lineage, item.dose) for item in found])
    judged = []
    for one in sorted(set(lineage)):
        rest = lineage != one
        scale = fit_scale(readings[rest], dose[rest], weights[rest])
        for i in np.flatnonzero(~rest):
            value = float(np.clip(readings[i] / scale.unit, 0, 1))
            low, high = np.clip([value + scale.low, value + scale.high], 0, 1)
            item = found[i]
            judged.append(
                Judged(
                    item.pool, item.lineage, item.partner, item.dose, value, float(low), float(high)
                )
            )
    return judged


def against_shipped(judged: Sequence[Judged], shipped: Sequence[Judged]) -> LineageMean:
    """Mean absolute error less that of the shipped map, with 95 % over lineages."""
    errors: dict[tuple[str, str, str], list[list[float]]] = defaultdict(lambda: [[], []])
    for side, items in enumerate((judged, shipped)):
        for j in items:
            errors[j.lineage, j.pool, str(j.dose)][side].append(abs(j.estimate - j.dose))
    values = np.array([np.mean(one) - np.mean(other) for one, other in errors.values()])
    # the same draws of lineages for every reader
    return lineage_mean(values, list(errors), np.random.default_rng(SEED))


def table(name: str, results: Mapping[str, Sequence[Judged]], pools: Sequence[str]) -> None:
    """Print the figures of some pools; the first of the results is the shipped map."""
    print(f"\n### {name}\n")
    print("| read by | mixtures | mean absolute error | 90 % intervals cover | mean width | "
          "median at dose 0 | mean estimate by dose | error less the shipped map's | "
          "95 % over lineages |")  # fmt: skip
    print("|---" * 9 + "|")
    first, *_ = ([j for j in judged if j.pool in pools] for judged in results.values())
    for reader, judged in results.items():
        chosen = [j for j in judged if j.pool in pools]
        less = against_shipped(chosen, first)
        print(f"| {reader} | {summary(chosen)} | {less.value:+.3f} | {less.interval('+.3f')} |")


def against_others(found: Sequence[Instances], readings: Mapping[str, Readings]) -> None:
    """Print what is read against models that taught nothing, on the scale of the share."""
    dose = np.array([item.dose for item in found])
    pool = np.array([item.pool for item in found])
    weights = cell_weights([(item.pool, item.lineage, item.dose) for item in found])
    cells = {f"{p}, dose {d}": (pool == p) & (dose == d) for p in sorted(set(pool)) for d in (0, 1)}

    def row(name: str, values: Sequence[float]) -> None:
        means = [np.average(np.array(values)[at], weights=weights[at]) for at in cells.values()]
        print(f"| {name} | " + " | ".join(f"{m:.2f}" for m in means) + " |")

    print("\n### Against the background models in the teacher's place\n")
    print("| mean share read by | " + " | ".join(cells) + " |")
    print("|---" * (1 + len(cells)) + "|")
    for name, r in readings.items():
        unit = fit_scale(r.own, dose, weights).unit
        row(name, [float(np.clip(o / unit, 0, 1).mean()) for o in r.others])
    row("scatter over prompts, against the teacher", [item.own[:, 0].std() for item in found])
    row(
        "scatter over prompts, against the background models",
        [float(np.mean([o[:, 0].std() for o in item.others])) for item in found],
    )


def conclude(results: Mapping[str, Sequence[Judged]]) -> None:
    """Say what the numbers allow."""
    first, *rest = results
    found = {reader: against_shipped(results[reader], results[first]) for reader in rest}
    print(f"\n{len(rest)} configurations beside {first}")
    raw = [r for r in rest if not r.endswith(CONTROL)]
    for title, readers in (("as they are", raw), (CONTROL, [r for r in rest if r not in raw])):
        best = min(readers, key=lambda r: found[r].value)
        below = [r for r in readers if found[r].high < 0]
        above = [r for r in readers if found[r].low > 0]
        print(
            f"{title}: the least error has {best}, {found[best].value:+.3f} "
            f"({found[best].interval('+.3f')}) against {first}; clearly below it: "
            f"{'; '.join(below) or 'none'}; clearly above: {len(above)} of {len(readers)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    warnings.simplefilter("ignore")  # QuaPy's, of splits that it does not need
    scores = load(None, POOLS, SEED)
    if data_digest(data, POOLS) != scores.data_sha256:
        raise SystemExit("expected the data that the shipped scores come from, found others")
    makers = quantifiers()
    found = [item for name in POOLS for item in instances(load_pool(data, name), scores)]
    worst = max(
        abs(i.own[:, 0].mean() - m.difference) for i, m in zip(found, scores.mixtures, strict=True)
    )
    print(f"{len(found)} mixtures, their differences as shipped to within {worst:.4f}")
    readings = {"mean": plain_mean(found)}
    for feature_name, feature in FEATURES.items():
        for name, make in makers.items():
            readings[f"{name}, {feature_name}"] = quantify(found, make, feature, SEED)
    results = {"the shipped map": judge_share(scores.rows, scores.mixtures)}
    results |= {name: judge(found, r.own) for name, r in readings.items()}
    results |= {f"{name}, {CONTROL}": judge(found, r.controlled) for name, r in readings.items()}
    table("all", results, POOLS)
    for pool in POOLS:
        table(pool, results, [pool])
    against_others(found, readings)
    conclude(results)


if __name__ == "__main__":
    main()

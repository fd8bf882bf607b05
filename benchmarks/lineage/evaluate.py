"""Judge the calibration on the open data: python -m benchmarks.lineage.evaluate DATA.

Every figure is cross-validated: the LR of a pair comes from a fit without the suspect's lineage and
without the teacher's vendor (for the one true vendor: without the teacher's family). Figures are
weighted so that each (lineage, family) counts once.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.fit import (
    Mixture,
    cross_validate,
    fit,
    fit_share,
    fused_feature,
    weights_of,
)
from benchmarks.lineage.metrics import auc, cell_weights, recall_at, recall_at_no_false
from benchmarks.lineage.table import FULL, Row
from fingerprint.calibration import FULL_BACKGROUND, bounded, cllr

F64 = npt.NDArray[np.float64]


def open_set(rows: Sequence[Row], score: F64) -> float:
    """AUC of students' best true teacher against independents' best teacher of all."""
    best: dict[tuple[str, str], tuple[float, bool, str]] = {}
    for row, value in zip(rows, score, strict=True):
        if row.pair.true or row.pair.kind == "independent":
            key = (row.pool, row.suspect)
            if key not in best or value > best[key][0]:
                best[key] = (float(value), row.pair.true, row.lineage)
    values = list(best.values())
    weights = cell_weights([(student, lineage) for _, student, lineage in values])
    return auc(np.array([v[0] for v in values]), np.array([v[1] for v in values]), weights)


def vendor_first(rows: Sequence[Row], score: F64) -> float:
    """Share of students (each lineage weighing one) whose best family is of the true vendor."""
    best: dict[tuple[str, str], tuple[float, str, str, bool]] = {}
    students = {(r.pool, r.suspect) for r in rows if r.pair.true}
    for row, value in zip(rows, score, strict=True):
        key = (row.pool, row.suspect)
        if key in students and (key not in best or value > best[key][0]):
            best[key] = (float(value), row.pair.vendor, row.lineage, row.pair.true)
    values = list(best.values())
    weights = cell_weights([lineage for _, _, lineage, _ in values])
    right = np.array([vendor == "openai" for _, vendor, _, _ in values])
    return float(weights[right].sum() / weights.sum())


def summary(rows: Sequence[Row], llr10: F64, name: str) -> str:
    true = np.array([r.pair.true for r in rows])
    weights = weights_of(rows)
    return (
        f"| {name} | {int(true.sum())} / {int((~true).sum())} | {auc(llr10, true, weights):.3f} | "
        f"{open_set(rows, llr10):.3f} | {recall_at_no_false(llr10, true, weights):.2f} | "
        f"{recall_at(llr10, true, weights, 0.01):.2f} | {vendor_first(rows, llr10):.2f} | "
        f"{cllr(llr10, true, weights):.3f} | {llr10[~true].max():.2f} |"
    )


def judge_share(rows: Sequence[Row], mixed: Sequence[Mixture]) -> str:
    """Judge the share on mixtures of known dose: each from a map without the student's lineage."""
    dose, estimate, covered, width = [], [], [], []
    order = sorted(mixed, key=lambda m: m.lineage)
    for lineage in sorted({m.lineage for m in mixed}):
        fitted = fit_share(
            [r for r in rows if r.lineage != lineage], [m for m in mixed if m.lineage != lineage]
        )
        for m in order:
            if m.lineage == lineage:
                value = np.clip(m.difference / (fitted.offset + fitted.slope * m.spread), 0, 1)
                low, high = np.clip([value + fitted.low, value + fitted.high], 0, 1)
                dose.append(m.dose)
                estimate.append(value)
                covered.append(low - 1e-9 <= m.dose <= high + 1e-9)
                width.append(high - low)
    weights = cell_weights([(m.lineage, m.dose) for m in order])
    error = np.average(np.abs(np.array(estimate) - dose), weights=weights)
    means = {
        d: round(float(np.average(np.array(estimate)[at], weights=weights[at])), 2)
        for d in sorted(set(dose))
        for at in [np.array(dose) == d]
    }
    mean_width = np.average(width, weights=weights)
    return (
        f"{len(mixed)} mixtures, mean absolute error {error:.3f}, 90 % intervals cover "
        f"{np.average(covered, weights=weights):.2f} (mean width {mean_width:.2f}), "
        f"mean estimate by dose {means}"
    )


def effective_nulls(rows: Sequence[Row], llr10: F64) -> str:
    """Estimate how many independent null pairs the false pairs are worth.

    Dyads of (suspect lineage, vendor) that share a member depend on each other. The variance of the
    rate of false pairs above a threshold, robust to that (Aronow, Samii and Assenova 2015), over
    the variance if they were independent is the design effect.
    """
    found = []
    for threshold in (0.0, 0.7):
        dyads: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for row, value in zip(rows, llr10, strict=True):
            if not row.pair.true:
                dyads[row.lineage, row.pair.vendor].append(bool(value > threshold))
        ends = [set(k) for k in dyads]
        rate = np.array([np.mean(v) for v in dyads.values()])
        error = rate - rate.mean()
        linked = np.array([[float(bool(a & b)) for b in ends] for a in ends])
        effect = max(1.0, float(error @ linked @ error) / max(float(error @ error), 1e-12))
        found.append(f"{len(dyads) / effect:.0f} of {len(dyads)} dyads at {threshold}")
    return "; ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    calibration, about, rows, mixed = fit(data)
    everything = np.ones(len(rows), dtype=bool)
    uncapped = cross_validate(rows, fused_feature(rows), everything)
    cap = calibration.cap10(FULL_BACKGROUND)
    capped = np.array(
        [
            float(bounded(v, calibration.cap10(r.n_background)))
            for v, r in zip(uncapped, rows, strict=True)
        ]
    )
    print(about)
    print(
        f"cap {cap:.3f} from {calibration.null_lineages} lineages, recall {calibration.recall:.3f}"
    )
    print("| condition | true / false pairs | pair AUC | open-set AUC | recall at 0 false | "
          "at 1 % | vendor first | Cllr | largest false |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    selections: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if row.condition == FULL:
            selections["all"].append(i)
            selections[row.pool].append(i)
            if row.pair.high or not row.pair.true:
                selections["high confidence only"].append(i)
        else:
            selections[f"{row.pool}, {row.condition.split(' #')[0]}"].append(i)
    for name, at in selections.items():
        chosen = [rows[i] for i in at]
        if any(r.pair.true for r in chosen):
            print(summary(chosen, uncapped[at], f"{name}, uncapped"))
            if name in ("all", "alpaca_eval", "vicuna80"):
                print(summary(chosen, capped[at], f"{name}, capped"))
    chosen = [rows[i] for i in selections["all"]]
    print(f"\neffective null pairs: {effective_nulls(chosen, uncapped[selections['all']])}")
    print(f"\nshare, leaving the student's lineage out: {judge_share(rows, mixed)}")
    full = selections["all"]
    order = sorted(full, key=lambda i: -uncapped[i])
    print("\nlargest false pairs:")
    for i in [i for i in order if not rows[i].pair.true][:15]:
        print(f"  {uncapped[i]:.2f} {rows[i].pool}: {rows[i].suspect} x {rows[i].teacher}")
    print("smallest true pairs:")
    for i in [i for i in reversed(order) if rows[i].pair.true][:15]:
        print(f"  {uncapped[i]:.2f} {rows[i].pool}: {rows[i].suspect} x {rows[i].teacher}")


if __name__ == "__main__":
    main()

"""Fit the shipped calibration: python -m benchmarks.lineage.fit [DATA] [--check].

With DATA everything is measured anew and the scores beside this file are written again; without,
the calibration is fitted on the shipped scores. Pools with at least four background lineages a pair
(alpaca_eval and vicuna80) are fitted on; the others are too small and are only judged.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.metrics import cell_weights, recall_at_no_false, weighted_quantile
from benchmarks.lineage.mixtures import Mixture
from benchmarks.lineage.scores import SHIPPED, Scores, load, to_bytes
from benchmarks.lineage.table import FULL, Row, column
from fingerprint import channels
from fingerprint.calibration import (
    FUSED,
    Calibration,
    ShareMap,
    fit_logistic,
    fuse,
    to_json,
)

POOLS = ("alpaca_eval", "vicuna80")
SEED = 20261121
LEVEL = 0.9
OUT = Path("fingerprint/data/calibration.json")

Bools = npt.NDArray[np.bool_]
F64 = npt.NDArray[np.float64]


def fused_feature(rows: Sequence[Row]) -> F64:
    """Return the feature that the calibration reads, shape (n,)."""
    return fuse(column(rows, FUSED[0]), column(rows, FUSED[1]))


def weights_of(rows: Sequence[Row]) -> F64:
    """Weigh rows so that every (pool, lineage, side, truth) cell counts once."""
    return cell_weights([(r.pool, r.lineage, r.side, r.pair.true) for r in rows])


def is_true(rows: Sequence[Row]) -> Bools:
    """Say which rows are true pairs."""
    return np.array([r.pair.true for r in rows])


def cross_validate(
    rows: Sequence[Row], feature: F64, train: Bools, judged: Bools | None = None
) -> F64:
    """Return log10 LRs, each from a fit without its lineage and without its side.

    Parameters
    ----------
    rows : sequence of Row
    feature : array, shape (n,)
    train : array of bool, shape (n,)
        Rows that may be fitted on.
    judged : array of bool, shape (n,), optional
        Rows to judge; the others are NaN. Default all.
    """
    true, weights = is_true(rows), weights_of(rows)
    lineage, side = np.array([r.lineage for r in rows]), np.array([r.side for r in rows])
    judged = np.ones(len(rows), dtype=bool) if judged is None else judged
    out = np.full(len(rows), np.nan)
    for one, other in sorted({(r.lineage, r.side) for r in rows}):
        fit = train & (lineage != one) & (side != other)
        test = judged & (lineage == one) & (side == other)
        if test.any() and true[fit].any() and not true[fit].all():
            out[test] = fit_logistic(feature[fit], true[fit], weights[fit]).llr10(feature[test])
    return out


def fit_share(rows: Sequence[Row], mixed: Sequence[Mixture]) -> ShareMap:
    """Fit the difference that dose 1 makes as a line in the spread, then the interval.

    The line is least squares on true pairs; its scale minimises the absolute error over the
    mixtures; the interval is the weighted quantile over lineages of what is left (split conformal
    over lineages, each lineage weighing one).
    """
    true = [r for r in rows if r.pair.true and r.pair.high]
    spread = np.array([r.spread[FUSED[0]] for r in true])
    d = np.array([r.d[FUSED[0]] for r in true])
    root = np.sqrt(weights_of(true))
    design = np.stack([np.ones(len(true)), spread], axis=1) * root[:, None]
    offset, slope = np.linalg.lstsq(design, d * root, rcond=None)[0]
    dose = np.array([m.dose for m in mixed])
    weights = cell_weights([(m.lineage, m.dose) for m in mixed])
    unit = np.array([m.difference / (offset + slope * m.spread) for m in mixed])
    scales = np.linspace(0.4, 1.6, 121)
    error = [np.average(np.abs(np.clip(unit / s, 0, 1) - dose), weights=weights) for s in scales]
    best = float(scales[int(np.argmin(error))])
    left = dose - np.clip(unit / best, 0, 1)
    low, high = weighted_quantile(left, weights, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ShareMap(float(offset * best), float(slope * best), float(low), float(high), LEVEL)


def calibrate(scores: Scores) -> tuple[Calibration, dict[str, object]]:
    """Fit the calibration on scores; return it with a note of its origin."""
    rows = list(scores.rows)
    true, weights, feature = is_true(rows), weights_of(rows), fused_feature(rows)
    full = np.array([r.condition == FULL for r in rows])
    judged = cross_validate(rows, feature, np.ones(len(rows), dtype=bool))
    possible = full & ~np.array([r.excluded for r in rows])
    recall = recall_at_no_false(judged[possible], true[possible], weights[possible])
    nulls = {r.lineage for r, p in zip(rows, possible, strict=True) if p and not r.pair.true}
    lines = [r.lines for r in rows if r.condition == FULL]
    calibration = Calibration(
        lengths=scores.lengths,
        spreads=scores.spreads,
        fused=fit_logistic(feature, true, weights),
        channels={c: fit_logistic(column(rows, c), true, weights) for c in channels.NAMES},
        share=fit_share(rows, scores.mixtures),
        lines=(float(np.quantile(lines, 0.02)), float(np.quantile(lines, 0.98))),
        null_lineages=len(nulls),
        recall=recall,
        name="lineage-2",
        sha256="",
    )
    about = {
        "data_sha256": scores.data_sha256,
        "pools": list(scores.pools),
        "seed": scores.seed,
        "true_pairs": int((true & full).sum()),
        "false_pairs": int((~true & full).sum()),
        "excluded_by_dates": int((full & ~possible).sum()),
        "students": len({r.suspect for r in rows if r.pair.true}),
        "student_lineages": len({r.lineage for r in rows if r.pair.true}),
        "mixtures": len(scores.mixtures),
        "fitted_by": "benchmarks/lineage/fit.py",
        "labels": "LINEAGE.tsv of the open data; Mistral, 01.AI and Jina left out as contested",
    }
    return calibration, about


def main() -> None:
    """Fit, and write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the folder with the open data")
    parser.add_argument(
        "--check", action="store_true", help="refit and compare with what is shipped"
    )
    options = parser.parse_args()
    scores = load(options.data, POOLS, SEED)
    text, raw = to_json(*calibrate(scores)), to_bytes(scores)
    if options.check:
        shipped = gzip.decompress(SHIPPED.read_bytes())  # zlib versions pack differently
        same = {
            "calibration": text == OUT.read_text("utf-8"),
            "scores": gzip.decompress(raw) == shipped,
        }
        for what, equal in same.items():
            print(f"the shipped {what}: {'reproduced' if equal else 'DIFFERENT from this refit'}")
        sys.exit(0 if all(same.values()) else 1)
    OUT.write_text(text, "utf-8")
    SHIPPED.write_bytes(raw)
    print(text)


if __name__ == "__main__":
    main()

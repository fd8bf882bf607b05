"""Fit the shipped calibration: python -m benchmarks.lineage.fit DATA [--out FILE] [--check].

Everything is fitted on the pools with at least four background lineages a pair (alpaca_eval and
vicuna80); the others are too small and are only judged (see evaluate.py). Suspects' lineages and
the teachers' vendors are left out together in every cross-validated figure.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.corpus import Pool, data_digest, load_pool
from benchmarks.lineage.metrics import cell_weights, recall_at_no_false
from benchmarks.lineage.table import FULL, Row, column, score_pool
from benchmarks.lineage.truth import labelled_pairs
from fingerprint import channels
from fingerprint.calibration import (
    FUSED,
    Calibration,
    ShareMap,
    fit_logistic,
    fuse,
    to_json,
)
from fingerprint.evidence import Evidence, SpreadPrior
from fingerprint.lengths import LengthPrior, fit_lengths
from fingerprint.records import MIN_LINEAGES

POOLS = ("alpaca_eval", "vicuna80")
SEED = 20261121
PRIOR_DYADS = 3.0
MIN_BACKGROUND = 4
DOSES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
LEVEL = 0.9
OUT = Path("fingerprint/data/calibration.json")

Bools = npt.NDArray[np.bool_]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """A suspect made of a student's and an independent model's responses."""

    lineage: str
    dose: float
    difference: float
    spread: float


def fused_feature(rows: Sequence[Row]) -> F64:
    return fuse(column(rows, FUSED[0]), column(rows, FUSED[1]))


def weights_of(rows: Sequence[Row]) -> F64:
    return cell_weights([(r.pool, r.lineage, r.side, r.pair.true) for r in rows])


def cross_validate(rows: Sequence[Row], feature: F64, train: Bools) -> F64:
    """Return ln-calibrated log10 LRs, each from a fit without its lineage and without its side."""
    true = np.array([r.pair.true for r in rows])
    weights = weights_of(rows)
    lineage, side = np.array([r.lineage for r in rows]), np.array([r.side for r in rows])
    out = np.full(len(rows), np.nan)
    for one, other in sorted({(r.lineage, r.side) for r in rows}):
        fit = train & (lineage != one) & (side != other)
        test = (lineage == one) & (side == other)
        if true[fit].any() and not true[fit].all():
            out[test] = fit_logistic(feature[fit], true[fit], weights[fit]).llr10(feature[test])
    return out


def mixtures(pool: Pool, evidence: Evidence, rng: np.random.Generator) -> list[Mixture]:
    """Mix prompts of high-confidence students with prompts of independents, at known doses.

    D is linear in the agreement at each prompt, so the D of a mixture is the weighted sum of its
    two parts, each taken on its own prompts against one background.
    """
    infos = pool.panel.infos
    independents = [
        i for i in pool.clean if pool.labels[i].kind == "independent" or infos[i].vendor == "cohere"
    ]
    found = []
    teachers: dict[int, list[int]] = defaultdict(list)
    for pair in labelled_pairs(infos, pool.labels):
        if pair.true and pair.high:
            teachers[pair.suspect] += pair.teachers
    for student, versions in teachers.items():
        # the closest version, as in a verdict
        teacher = max(versions, key=lambda t: _line_z(evidence, student, t))
        for other in rng.choice(independents, size=min(4, len(independents)), replace=False):
            groups = evidence.groups(student, [teacher])
            groups = {n: g for n, g in groups.items() if n != infos[int(other)].lineage}
            if len(groups) < MIN_LINEAGES:
                continue
            shared = np.flatnonzero(
                evidence.panel.both(student, teacher) & evidence.panel.both(int(other), teacher)
            )
            for dose in DOSES:
                found.append(
                    _mix(evidence, student, int(other), teacher, groups, shared, dose, rng)
                )
    return [
        Mixture(m.lineage, m.dose, m.difference, m.spread)
        for m in found
        if np.isfinite(m.difference)
    ]


def _line_z(evidence: Evidence, student: int, teacher: int) -> float:
    return evidence.score(FUSED[0], student, teacher, evidence.groups(student, [teacher])).z


def _mix(
    evidence: Evidence,
    student: int,
    other: int,
    teacher: int,
    groups: dict[str, list[int]],
    shared: npt.NDArray[np.int64],
    dose: float,
    rng: np.random.Generator,
) -> Mixture:
    chosen = rng.permutation(shared)[: round(dose * len(shared))]
    mask = np.zeros(len(evidence.panel.prompts), dtype=bool)
    mask[shared] = True
    inside = np.zeros_like(mask)
    inside[chosen] = True
    total, spread = 0.0, 0.0
    for suspect, part in ((student, inside), (other, mask & ~inside)):
        if part.any():
            score = evidence.score(FUSED[0], suspect, teacher, groups, part)
            total += part.sum() / mask.sum() * score.difference
    spread = evidence.score(FUSED[0], student, teacher, groups, mask).spread
    return Mixture(evidence.panel.infos[student].lineage, dose, total, spread)


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


def weighted_quantile(values: F64, weights: F64, at: Sequence[float]) -> F64:
    order = np.argsort(values)
    place = np.cumsum(weights[order]) / weights.sum()
    return np.array([values[order][min(np.searchsorted(place, q), len(values) - 1)] for q in at])


def fit(data: Path) -> tuple[Calibration, dict[str, object], list[Row], list[Mixture]]:
    """Fit everything; return the calibration, a note of its origin, the table and the mixtures."""
    pools = [load_pool(data, name) for name in POOLS]
    agreements = [channels.measure_all(pool.panel) for pool in pools]
    lengths = {}
    for channel in channels.LENGTH_ADJUSTED:
        values = agreements[0][channel].per_prompt
        coefficients, information, _ = fit_lengths(pools[0].panel, values, pools[0].clean, None)
        lengths[channel] = LengthPrior(coefficients, information)
    flat = {c: SpreadPrior(1.0, 1e-6) for c in channels.NAMES}
    spreads_found = defaultdict(list)
    for pool, measured in zip(pools, agreements, strict=True):
        rng = np.random.default_rng(SEED)
        evidence = Evidence(pool.panel, measured, pool.clean, lengths, flat, rng, draws=0)
        pair = labelled_pairs(pool.panel.infos, pool.labels)[0]
        groups = evidence.groups(pair.suspect, pair.teachers)
        mask = evidence.panel.both(pair.suspect, pair.teachers[0])
        for c in channels.NAMES:
            spread = evidence.score(c, pair.suspect, pair.teachers[0], groups).spread
            relative = (spread / evidence.scatter(c, mask)) ** 2
            sampling = 1.0 / mask.sum() if measured[c].paired else 0.0
            print(f"{pool.name} {c}: ratio {relative - sampling:.4f}", file=sys.stderr)
            spreads_found[c].append(max(relative - sampling, 0.1 * sampling))
    spreads = {
        c: SpreadPrior(float(np.exp(np.mean(np.log(v)))), PRIOR_DYADS)
        for c, v in spreads_found.items()
    }
    rows: list[Row] = []
    for pool, measured in zip(pools, agreements, strict=True):
        rng = np.random.default_rng(SEED)
        rows += score_pool(pool, measured, lengths, spreads, rng)
        print(f"{pool.name}: {len(rows)} rows", file=sys.stderr)
    rows = [r for r in rows if r.n_background >= MIN_BACKGROUND]
    true = np.array([r.pair.true for r in rows])
    weights = weights_of(rows)
    feature = fused_feature(rows)
    full = np.array([r.condition == FULL for r in rows])
    judged = cross_validate(rows, feature, np.ones(len(rows), dtype=bool))
    recall = recall_at_no_false(judged[full], true[full], weights[full])
    nulls = {r.lineage for r in rows if not r.pair.true}
    rng = np.random.default_rng(SEED)
    mixed = []
    for pool, measured in zip(pools, agreements, strict=True):
        evidence = Evidence(pool.panel, measured, pool.clean, lengths, spreads, rng, draws=0)
        mixed += mixtures(pool, evidence, rng)
    lines = [r.lines for r in rows if r.condition == FULL]
    calibration = Calibration(
        lengths=lengths,
        spreads=spreads,
        fused=fit_logistic(feature, true, weights),
        channels={c: fit_logistic(column(rows, c), true, weights) for c in channels.NAMES},
        share=fit_share(rows, mixed),
        lines=(float(np.quantile(lines, 0.02)), float(np.quantile(lines, 0.98))),
        null_lineages=len(nulls),
        recall=recall,
        name="lineage-1",
        sha256="",
    )
    about = {
        "data_sha256": data_digest(data, POOLS),
        "pools": list(POOLS),
        "seed": SEED,
        "true_pairs": int((true & full).sum()),
        "false_pairs": int((~true & full).sum()),
        "students": len({r.suspect for r in rows if r.pair.true}),
        "student_lineages": len({r.lineage for r in rows if r.pair.true}),
        "mixtures": len(mixed),
        "fitted_by": "benchmarks/lineage/fit.py",
        "labels": "LINEAGE.tsv of the open data; Mistral, 01.AI and Jina left out as contested",
    }
    return calibration, about, rows, mixed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with the open data")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--check", action="store_true", help="refit and compare with what is shipped"
    )
    options = parser.parse_args()
    calibration, about, _, _ = fit(options.data)
    text = to_json(calibration, about)
    if options.check:
        same = text == OUT.read_text("utf-8")
        print("the shipped calibration is reproduced" if same else "DIFFERENT from what is shipped")
        sys.exit(0 if same else 1)
    options.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()

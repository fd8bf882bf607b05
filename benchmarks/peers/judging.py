"""One feature a labelled pair from any peer's scores, judged as the lineage benchmark judges.

Peers say how alike two models are; most have no background to subtract and no calibration. All get
the same: the score as it is, with the suspect's mean over clean lineages taken out, and
double-centred as in `fingerprint.evidence`; in units of its spread among unrelated clean models;
of the best version of a teacher's family; and a logistic LR that is fitted without the suspect's
lineage and without the teacher's vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.corpus import Pool
from benchmarks.lineage.evaluate import Sample, high_confidence
from benchmarks.lineage.fit import SEED, cross_validate
from benchmarks.lineage.metrics import cell_weights
from benchmarks.lineage.table import Row
from benchmarks.peers.cases import Case
from fingerprint.assessment import too_late
from fingerprint.background import unrelated

F64 = npt.NDArray[np.float64]

ALL = "both pools"
SURE = "both pools, labels of high confidence"


def features(pool: Pool, case: Case, scores: F64, rows: Sequence[Row]) -> dict[str, F64]:
    """Turn scores, shape (models, columns), into features of the rows of one pool, by name.

    Of a family the closest version counts, of those that dates do not exclude if there are any.
    """
    infos = pool.panel.infos
    column = {m: j for j, m in enumerate(case.columns)}
    versions = []
    for row in rows:
        suspect = infos[row.pair.suspect]
        possible = [t for t in row.pair.teachers if too_late(suspect, infos[t]) is None]
        versions.append([column[t] for t in possible or row.pair.teachers])
    found = {}
    for name, values in centre(pool, case, scores).items():
        scaled = standardise(case, values)
        closest = [
            np.nanmax(scaled[r.pair.suspect, v]) for r, v in zip(rows, versions, strict=True)
        ]
        found[name] = np.array(closest)
    return found


def centre(pool: Pool, case: Case, scores: F64) -> dict[str, F64]:
    """Subtract what clean lineages unrelated to both show, each lineage one.

    NaN where fewer than two lineages are left.
    """
    column = {m: j for j, m in enumerate(case.columns)}
    by_row, by_both = np.full(scores.shape, np.nan), np.full(scores.shape, np.nan)
    between: dict[tuple[tuple[int, ...], ...], float] = {}
    for t, j in column.items():
        for s in range(len(case.models)):
            groups = [] if s == t else [*unrelated(pool.panel, pool.clean, s, [t]).values()]
            if len(groups) < 2:
                continue
            key = tuple(tuple(group) for group in groups)
            if key not in between:
                blocks = [
                    scores[np.ix_(one, [column[m] for m in other])].mean()
                    for one, other in permutations(groups, 2)
                ]
                between[key] = float(np.mean(blocks))
            row = np.mean([scores[s, [column[m] for m in group]].mean() for group in groups])
            other = np.mean([scores[group, j].mean() for group in groups])
            by_row[s, j] = scores[s, j] - row
            by_both[s, j] = scores[s, j] - row - other + between[key]
    return {"as it is": scores, "suspect centred": by_row, "double-centred": by_both}


def standardise(case: Case, values: F64) -> F64:
    """Put values on the scale of unrelated clean pairs, each pair of lineages weighing one."""
    pairs = [
        (one, j, (case.lineages[one], case.lineages[other]))
        for one in case.columns
        for j, other in enumerate(case.columns)
        if not case.related(one, other) and np.isfinite(values[one, j])
    ]
    null = np.array([values[one, j] for one, j, _ in pairs])
    weights = cell_weights([cell for _, _, cell in pairs])
    mean = np.average(null, weights=weights)
    spread = np.sqrt(np.average((null - mean) ** 2, weights=weights))
    scaled: F64 = (values - mean) / max(float(spread), 1e-12)
    return scaled


def judge(rows: Sequence[Row], feature: F64) -> dict[str, Sample]:
    """Calibrate over all pools, leaving lineage and vendor out; select each pool, all, and sure.

    Pairs that dates exclude are fitted on but not judged: nobody needs text to tell them.
    """
    llr10 = cross_validate(rows, feature, np.ones(len(rows), dtype=bool))
    judged = Sample(list(rows), llr10).where(~np.array([row.excluded for row in rows]))
    masks = {
        name: np.array([row.pool == name for row in judged.rows])
        for name in dict.fromkeys(row.pool for row in rows)
    }
    masks[ALL] = np.ones(len(judged.rows), dtype=bool)
    masks[SURE] = high_confidence(judged.rows)
    return {name: judged.where(mask) for name, mask in masks.items()}


def resampled(sample: Sample) -> list[dict[str, float]]:
    """Figures of samples of the lineages, drawn alike for whatever was judged on the same pairs."""
    return [draw.figures() for draw in sample.resampled(np.random.default_rng(SEED))]


def advantage(
    ones: Sequence[dict[str, float]], others: Sequence[dict[str, float]], metric: str
) -> tuple[float, float]:
    """95 % interval over lineages of one's figure minus the other's, from paired draws."""
    found = [one[metric] - other[metric] for one, other in zip(ones, others, strict=True)]
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)

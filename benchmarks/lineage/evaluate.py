"""Judge the calibration: python -m benchmarks.lineage.evaluate [DATA] [--out FILE].

Without DATA the shipped scores are judged, so that anyone can repeat the tables. Every LR comes
from a fit without the suspect's lineage and without the teacher's vendor (for the one true vendor:
without the teacher's family); in "other prompts" also without the prompts, in "other suite" also
without the suite. Figures are weighted so that each (lineage, teacher side) counts once. Pairs that
dates exclude are left out of "score", and are at minus the cap in "printed", as in a verdict.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.doses import Judged, judge_share
from benchmarks.lineage.fit import (
    POOLS,
    SEED,
    calibrate,
    cross_validate,
    fused_feature,
    is_true,
    weights_of,
)
from benchmarks.lineage.metrics import auc, cell_weights, cllr_min, recall_at, recall_at_no_false
from benchmarks.lineage.scores import load
from benchmarks.lineage.table import FULL, HALVES, Row
from fingerprint.calibration import FULL_BACKGROUND, Calibration, bounded, cllr

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DRAWS = 300
HEAD = (
    "| condition | true / false | pair AUC | open-set AUC | recall at 0 false | at 1 % | "
    "vendor first | Cllr | Cllr min | largest false |\n" + "|---" * 10 + "|"
)


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
    best: dict[tuple[str, str], tuple[float, str, str]] = {}
    students = {(r.pool, r.suspect) for r in rows if r.pair.true}
    for row, value in zip(rows, score, strict=True):
        key = (row.pool, row.suspect)
        if key in students and (key not in best or value > best[key][0]):
            best[key] = (float(value), row.pair.vendor, row.lineage)
    values = list(best.values())
    weights = cell_weights([lineage for _, _, lineage in values])
    right = np.array([vendor == "openai" for _, vendor, _ in values])
    return float(weights[right].sum() / weights.sum()) if len(values) else float("nan")


@dataclass(frozen=True)
class Sample:
    """Rows with a log10 LR each."""

    rows: list[Row]
    llr10: F64

    def where(self, keep: Bools) -> Sample:
        return Sample([r for r, k in zip(self.rows, keep, strict=True) if k], self.llr10[keep])

    def figures(self) -> dict[str, float]:
        true, weights = is_true(self.rows), weights_of(self.rows)
        return {
            "pair AUC": auc(self.llr10, true, weights),
            "open-set AUC": open_set(self.rows, self.llr10),
            "recall at 0 false": recall_at_no_false(self.llr10, true, weights),
            "recall at 1 %": recall_at(self.llr10, true, weights, 0.01),
            "vendor first": vendor_first(self.rows, self.llr10),
            "Cllr": cllr(self.llr10, true, weights),
            "Cllr min": cllr_min(self.llr10, true, weights),
            "largest false": float(self.llr10[~true].max()),
        }

    def line(self, name: str) -> str:
        if not self.rows:
            return f"| {name} | 0 / 0 | " + " | ".join("-" * 8) + " |"
        true = is_true(self.rows)
        if not true.any() or true.all():
            return (
                f"| {name} | {int(true.sum())} / {int((~true).sum())} | "
                + " | ".join("-" * 8)
                + " |"
            )
        cells = [f"{v:.3f}" if "C" in k else f"{v:.2f}" for k, v in self.figures().items()]
        return f"| {name} | {int(true.sum())} / {int((~true).sum())} | " + " | ".join(cells) + " |"

    def resampled(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Draw lineages with replacement, true and false pairs apart (so that both stay)."""
        places: dict[tuple[bool, str], list[int]] = defaultdict(list)
        for i, row in enumerate(self.rows):
            places[row.pair.true, row.lineage].append(i)
        names = {t: sorted(n for kind, n in places if kind == t) for t in (True, False)}
        for _ in range(DRAWS):
            rows, values = [], []
            for kind in (True, False):
                for copy, name in enumerate(rng.choice(names[kind], len(names[kind]))):
                    for i in places[kind, str(name)]:
                        rows.append(_renamed(self.rows[i], copy))
                        values.append(self.llr10[i])
            yield Sample(rows, np.array(values))


def _renamed(row: Row, copy: int) -> Row:
    """Give a resampled lineage a name of its own, so that each copy weighs one."""
    return replace(row, lineage=f"{row.lineage}#{copy}", suspect=f"{row.suspect}#{copy}")


def intervals(sample: Sample, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """95 % percentile bootstrap over lineages of every figure (Efron and Tibshirani 1993)."""
    found = defaultdict(list)
    for draw in sample.resampled(rng):
        for name, value in draw.figures().items():
            found[name].append(value)
    return {
        name: (float(np.nanquantile(v, 0.025)), float(np.nanquantile(v, 0.975)))
        for name, v in found.items()
    }


def printed(sample: Sample, calibration: Calibration) -> Sample:
    """Return what the tool prints: inside the cap, and at minus the cap where dates exclude."""
    caps = np.array([calibration.cap10(r.n_background) for r in sample.rows])
    values = [
        float(bounded(-1e6 if r.excluded else v, cap))
        for r, v, cap in zip(sample.rows, sample.llr10, caps, strict=True)
    ]
    return Sample(sample.rows, np.array(values))


def effective_nulls(sample: Sample) -> str:
    """Estimate how many independent null pairs the false pairs are worth.

    Dyads of (suspect lineage, vendor) that share a member depend on each other. The variance of the
    rate of false pairs above a threshold, robust to that (Aronow, Samii and Assenova 2015), over
    the variance if they were independent is the design effect.
    """
    found = []
    for threshold in (0.0, 0.7):
        dyads: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for row, value in zip(sample.rows, sample.llr10, strict=True):
            if not row.pair.true:
                dyads[row.lineage, row.pair.vendor].append(bool(value > threshold))
        ends = [set(k) for k in dyads]
        rate = np.array([np.mean(v) for v in dyads.values()])
        error = rate - rate.mean()
        linked = np.array([[float(bool(a & b)) for b in ends] for a in ends])
        effect = max(1.0, float(error @ linked @ error) / max(float(error @ error), 1e-12))
        found.append(f"{len(dyads) / effect:.0f} of {len(dyads)} dyads at {threshold}")
    return "; ".join(found)


def bands(rows: Sequence[Row]) -> dict[str, Bools]:
    """Cut rows by suite, era of the teacher and length of the suspect's responses."""
    suite = np.array([r.pool for r in rows])
    year = np.array([(r.released or "unknown")[:4] for r in rows])
    words = np.array([r.words for r in rows])
    found = {f"suite {name}": suite == name for name in sorted(set(suite))}
    found |= {f"teacher of {name}": year == name for name in sorted(set(year))}
    found["suspect under 100 words"] = words < 100
    found["suspect of 100 to 200 words"] = (words >= 100) & (words < 200)
    found["suspect over 200 words"] = words >= 200
    return found


def high_confidence(rows: Sequence[Row]) -> Bools:
    """Say which labels are of high confidence."""
    return np.array([r.pair.high for r in rows])


def condition_of(rows: Sequence[Row]) -> npt.NDArray[np.str_]:
    """Name the condition without its number of draw."""
    return np.array([r.condition.split(" #")[0] for r in rows])


def tables(rows: list[Row], calibration: Calibration) -> dict[str, Sample]:
    """Print every table; return the samples by name."""
    feature, condition = fused_feature(rows), condition_of(rows)
    everything = Sample(rows, cross_validate(rows, feature, np.ones(len(rows), dtype=bool)))
    possible = ~np.array([r.excluded for r in rows])
    full, high, true = condition == FULL, high_confidence(rows), is_true(rows)
    named = {
        "headline (high confidence), score": everything.where(full & high & possible),
        "headline, printed": printed(everything, calibration).where(full & high),
        "all labels, score": everything.where(full & possible),
        "all labels, printed": printed(everything, calibration).where(full),
        "uncertain labels, score": everything.where(full & possible & (~high | ~true)),
    }
    whole = named["all labels, score"]
    for name, keep in bands(whole.rows).items():
        named[f"{name}, score"] = whole.where(keep)
    for name in sorted(set(condition) - {FULL, *HALVES}):
        for pool in POOLS:
            keep = (condition == name) & possible & np.array([r.pool == pool for r in rows])
            named[f"{pool}, {name}, score"] = everything.where(keep)
    for one, other in (HALVES, HALVES[::-1]):
        judged = condition == other
        llr10 = cross_validate(rows, feature, condition == one, judged)
        named[f"other prompts: fitted on {one}, judged on {other}"] = Sample(rows, llr10).where(
            judged & possible & high
        )
    for one, other in (POOLS, POOLS[::-1]):
        suite = np.array([r.pool for r in rows])
        judged = (suite == other) & full
        llr10 = cross_validate(rows, feature, suite == one, judged)
        named[f"other suite: fitted on {one}, judged on {other}"] = Sample(rows, llr10).where(
            judged & possible & ~np.isnan(llr10)
        )
    print(HEAD)
    for name, sample in named.items():
        print(sample.line(name))
    return named


def by_name(sample: Sample, count: int = 15) -> None:
    """Name the pairs that come closest to an error."""
    order = np.argsort(-sample.llr10)
    for title, wanted, places in (
        ("largest false pairs", False, order),
        ("smallest true pairs", True, order[::-1]),
    ):
        print(f"\n{title}:")
        for i in [i for i in places if sample.rows[i].pair.true == wanted][:count]:
            row = sample.rows[i]
            print(f"  {sample.llr10[i]:.2f} {row.pool}: {row.suspect} x {row.teacher}")


def validation(named: dict[str, Sample], doses: list[Judged], cap10: float) -> dict[str, object]:
    """Collect what the plots show."""
    sample = named["headline (high confidence), score"]
    sizes = []
    for name, one in named.items():
        if name.startswith("alpaca_eval, prompts ") or name == "suite alpaca_eval, score":
            found = one.figures()
            picked = {"recall": "recall at 1 %", "cllr": "Cllr", "auc": "pair AUC"}
            sizes.append(
                {"prompts": int(np.median([r.n_prompts for r in one.rows]))}
                | {k: round(found[figure], 4) for k, figure in picked.items()}
            )
    return {
        "schema": "fingerprint.validation/1",
        "source": "benchmarks/lineage/evaluate.py on the shipped scores; cross-validated over "
        "lineages and teachers, labels of high confidence",
        "cap10": round(cap10, 4),
        "pairs": [
            {"llr10": round(float(v), 4), "true": r.pair.true, "lineage": r.lineage}
            for r, v in zip(sample.rows, sample.llr10, strict=True)
        ],
        "mixtures": [
            {k: round(float(getattr(j, k)), 4) for k in ("dose", "estimate", "low", "high")}
            for j in doses
        ],
        "sample_size": sorted(sizes, key=lambda size: size["prompts"]),
    }


def main() -> None:
    """Print the tables of docs/validation.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, help="write what the plots show, as JSON")
    options = parser.parse_args()
    scores = load(options.data, POOLS, SEED)
    calibration, about = calibrate(scores)
    rows = list(scores.rows)
    cap10 = calibration.cap10(FULL_BACKGROUND)
    print(about)
    lineages, recall = calibration.null_lineages, calibration.recall
    print(f"cap {cap10:.3f} from {lineages} lineages, recall {recall:.3f}")
    print(f"no Cllr inside that cap can be below {np.log2(1 + 10**-cap10):.3f}\n")
    named = tables(rows, calibration)
    rng = np.random.default_rng(SEED)
    for name in ("headline (high confidence), score", "headline, printed"):
        found = intervals(named[name], rng)
        print(f"\n{name}, 95 % over lineages: ", end="")
        print("; ".join(f"{k} {low:.3f} to {high:.3f}" for k, (low, high) in found.items()))
    print(f"\neffective null pairs: {effective_nulls(named['all labels, score'])}")
    doses = judge_share(rows, scores.mixtures)
    by_name(named["all labels, score"])
    if options.out:
        value = validation(named, doses, cap10)
        options.out.write_text(json.dumps(value, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()

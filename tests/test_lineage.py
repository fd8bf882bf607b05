"""The benchmark behind the calibration: the shipped scores give the shipped numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.lineage.evaluate import Sample, high_confidence, printed
from benchmarks.lineage.fit import POOLS, SEED, calibrate, cross_validate, fused_feature, is_true
from benchmarks.lineage.metrics import auc, cllr_min, recall_at_no_false, weighted_quantile
from benchmarks.lineage.scores import Scores, from_bytes, load, to_bytes
from benchmarks.lineage.table import FULL
from fingerprint.calibration import cllr, shipped, to_json

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def scores() -> Scores:
    return load(None, POOLS, SEED)


def test_the_shipped_calibration_is_what_the_code_fits_on_the_shipped_scores(
    scores: Scores,
) -> None:
    """Same data hash, same numbers: whoever changes the one must make the other again."""
    text = to_json(*calibrate(scores))
    kept = (ROOT / "fingerprint/data/calibration.json").read_text("utf-8")
    found, wanted = json.loads(text), json.loads(kept)
    assert found["about"] == wanted["about"]
    for name in ("fused", "share", "recall", "null_lineages", "lines", "channels", "spreads"):
        assert json.dumps(found[name]) == pytest.approx(json.dumps(wanted[name])) or (
            numbers(found[name]) == pytest.approx(numbers(wanted[name]), rel=1e-5)
        ), name


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for k in sorted(value) for n in numbers(value[k])]
    if isinstance(value, list):
        return [n for item in value for n in numbers(item)]
    return [float(value)]  # type: ignore[arg-type]


def test_the_scores_survive_their_file(scores: Scores) -> None:
    again = from_bytes(to_bytes(scores))
    assert again.rows == scores.rows
    assert again.mixtures == scores.mixtures
    assert to_bytes(again) == to_bytes(scores)


def test_a_pair_is_never_judged_by_a_fit_that_saw_its_lineage_or_side(scores: Scores) -> None:
    """Turning all labels of one (lineage, side) round must not move that pair's own LR."""
    rows = [r for r in scores.rows if r.condition == FULL]
    feature = fused_feature(rows)
    everything = np.ones(len(rows), dtype=bool)
    before = cross_validate(rows, feature, everything)
    lineage, side = rows[0].lineage, rows[0].side
    touched = [
        replace(r, pair=replace(r.pair, true=not r.pair.true))
        if r.lineage == lineage or r.side == side
        else r
        for r in rows
    ]
    after = cross_validate(touched, feature, everything)
    own = np.array([r.lineage == lineage and r.side == side for r in rows])
    assert own.any()
    assert after[own] == pytest.approx(before[own])
    assert after[~own] != pytest.approx(before[~own])


def test_what_is_printed_keeps_its_cap_and_the_dates(scores: Scores) -> None:
    rows = [r for r in scores.rows if r.condition == FULL]
    llr10 = cross_validate(rows, fused_feature(rows), np.ones(len(rows), dtype=bool))
    shown = printed(Sample(rows, llr10), shipped())
    caps = np.array([shipped().cap10(r.n_background) for r in rows])
    assert (np.abs(shown.llr10) <= caps * (1 + 1e-9)).all()
    late = np.array([r.excluded for r in rows])
    assert late.any()
    assert shown.llr10[late] == pytest.approx(-caps[late])
    assert not (late & is_true(rows)).any(), "a documented teacher released after its student"


def test_the_figures_of_the_documentation_still_hold(scores: Scores) -> None:
    """Guards docs/validation.md: figures may get better, not quietly worse."""
    rows = [r for r in scores.rows if r.condition == FULL and not r.excluded]
    llr10 = cross_validate(rows, fused_feature(rows), np.ones(len(rows), dtype=bool))
    head = Sample(rows, llr10).where(high_confidence(rows)).figures()
    assert head["pair AUC"] > 0.985
    assert head["Cllr"] < 0.21
    assert head["vendor first"] > 0.95


def test_metrics_on_scores_of_known_likelihood_ratio() -> None:
    """N(1, 1) against N(-1, 1): log LR is twice the score, its Cllr is known by integration."""
    rng = np.random.default_rng(3)
    true = np.arange(40_000) % 2 == 0
    score = rng.normal(np.where(true, 1.0, -1.0))
    weights = np.ones(len(score))
    llr10 = 2 * score / np.log(10)
    grid = np.linspace(-9, 11, 20_001)
    density = np.exp(-0.5 * (grid - 1) ** 2) / np.sqrt(2 * np.pi)
    exact = float(np.trapezoid(np.logaddexp(0, -2 * grid) * density, grid) / np.log(2))
    assert cllr(llr10, true, weights) == pytest.approx(exact, abs=0.01)
    assert cllr_min(llr10, true, weights) <= cllr(llr10, true, weights)
    assert cllr_min(llr10, true, weights) == pytest.approx(exact, abs=0.01)
    # a monotone distortion costs Cllr and leaves what recalibration can regain
    assert cllr(3 * llr10 + 0.4, true, weights) > exact + 0.1
    assert cllr_min(3 * llr10 + 0.4, true, weights) == pytest.approx(exact, abs=0.01)
    assert auc(llr10, true, weights) == pytest.approx(0.921, abs=0.005)  # normal at sqrt(2)


def test_weights_count_in_every_figure() -> None:
    score = np.array([3.0, 2.0, 1.0, 0.0])
    true = np.array([True, False, True, False])
    assert auc(score, true, np.ones(4)) == pytest.approx(0.75)
    assert auc(score, true, np.array([3.0, 1, 1, 1])) == pytest.approx(0.875)
    assert recall_at_no_false(score, true, np.array([3.0, 1, 1, 1])) == pytest.approx(0.75)
    assert weighted_quantile(score, np.array([1.0, 1, 1, 97]), [0.5]) == pytest.approx([0.0])

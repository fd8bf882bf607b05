"""Calibration: the bound, the cap, the fit and its cost, and the numbers that ship."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint import channels
from fingerprint.calibration import (
    FULL_BACKGROUND,
    FUSED,
    LN10,
    RIDGE,
    SENTENCE_LIMIT,
    SENTENCE_WEIGHT,
    Logistic,
    bounded,
    cllr,
    fit_logistic,
    from_json,
    fuse,
    shipped,
    to_json,
)

VALUES = st.floats(-1e6, 1e6)
CAPS = st.floats(0.05, 3)


@given(VALUES, CAPS)
def test_bounded_is_odd_and_within_the_cap(x: float, cap: float) -> None:
    found = float(bounded(x, cap))
    assert abs(found) <= cap * (1 + 1e-12)
    assert found == -float(bounded(-x, cap))
    if abs(x) < 100 * cap:
        assert abs(found) < cap
    assert abs(found) <= abs(x) * (1 + 1e-12) + 1e-300  # subnormal numbers are rounded coarsely
    assert x == 0 or math.copysign(1, found) == math.copysign(1, x) or found == 0


@given(st.lists(VALUES, min_size=2, max_size=20), CAPS)
def test_bounded_keeps_the_order(values: list[float], cap: float) -> None:
    found = bounded(np.array(sorted(values)), cap)
    assert (np.diff(found) >= -1e-12).all()


def test_bounded_keeps_apart_what_can_be_told_apart() -> None:
    assert (np.diff(bounded(np.linspace(-5, 5, 1001), 0.7)) > 0).all()


@given(st.floats(-0.25, 0.25), CAPS)
def test_bounded_is_nearly_the_identity_in_the_middle(part: float, cap: float) -> None:
    assert float(bounded(part * cap, cap)) == pytest.approx(part * cap, rel=1e-3)


@pytest.mark.parametrize("cap", [0.0, -0.5])
def test_without_a_cap_there_is_no_evidence(cap: float) -> None:
    assert bounded(np.array([-3.0, 0.0, 3.0]), cap).tolist() == [0.0, 0.0, 0.0]


def test_bounded_takes_what_is_endless() -> None:
    assert float(bounded(math.inf, 0.5)) == pytest.approx(0.5)
    assert float(bounded(-math.inf, 0.5)) == pytest.approx(-0.5)


def test_the_cap_is_the_rule_of_three() -> None:
    calibration = replace(shipped(), null_lineages=30, recall=0.5)
    full = math.log10(0.5 * 30 / 3)
    assert calibration.cap10(FULL_BACKGROUND) == pytest.approx(full)
    assert calibration.cap10(100) == pytest.approx(full)  # the fit's own lineages bound it
    caps = [calibration.cap10(n) for n in range(7)]
    assert caps[:3] == [0.0, 0.0, 0.0]
    assert caps[2] < caps[3] < caps[4] < caps[5] == caps[6]
    # fewer lineages in the run support proportionally less of a ratio above one
    assert [10**c for c in caps[2:6]] == pytest.approx([1 + 4 * i / 3 for i in range(4)])


@pytest.mark.parametrize(("lineages", "recall"), [(0, 1.0), (3, 1.0), (30, 0.0), (6, 0.3)])
def test_a_poor_calibration_has_no_cap_to_give(lineages: int, recall: float) -> None:
    calibration = replace(shipped(), null_lineages=lineages, recall=recall)
    assert calibration.cap10(5) == pytest.approx(0.0)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_sentences_support_but_do_not_carry(line: float, sentence: float) -> None:
    found = float(fuse(line, sentence))
    assert abs(found - line) <= SENTENCE_WEIGHT * SENTENCE_LIMIT + 1e-9
    assert float(fuse(line + 1, sentence)) == pytest.approx(found + 1)
    assert float(fuse(line, sentence + 1)) >= found


def normal_scores(seed: int, n: int, distance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = np.arange(n) % 3 == 0
    feature = rng.normal(size=n) + distance * true
    return feature, true, rng.uniform(0.2, 3, size=n)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distance", [0.5, 2.0])
def test_fit_equals_scikit_learn(seed: int, distance: float) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    feature, true, weights = normal_scores(seed, 400, distance)
    found = fit_logistic(feature, true, weights)
    balanced = np.where(true, weights / weights[true].sum(), weights / weights[~true].sum())
    model = linear_model.LogisticRegression(C=1 / (2 * RIDGE), tol=1e-8, max_iter=1000)
    model.fit(feature[:, None], true, sample_weight=balanced)
    assert found.slope == pytest.approx(model.coef_[0, 0], abs=2e-3)
    assert found.intercept == pytest.approx(model.intercept_[0], abs=2e-3)


def test_fit_finds_the_likelihood_ratio_of_normal_scores() -> None:
    """N(2, 1) against N(0, 1): ln LR = 2 x - 2, whatever the share of true pairs."""
    feature, true, _ = normal_scores(1, 30_000, 2.0)
    found = fit_logistic(feature, true, np.ones(len(feature)))
    # the ridge holds the slope back
    assert 1.5 < found.slope <= 2.05
    assert -found.intercept / found.slope == pytest.approx(1.0, abs=0.05)
    inside = np.linspace(-0.5, 2.5, 7)
    assert found.llr10(inside) == pytest.approx((2 * inside - 2) / LN10, abs=0.3)


def test_fit_never_turns_a_channel_round() -> None:
    feature, true, weights = normal_scores(2, 300, -1.5)
    found = fit_logistic(feature, true, weights)
    assert found.slope == 0.0
    assert found.intercept == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("kind", [np.zeros, np.ones])
def test_fit_needs_both_classes(kind) -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_logistic(np.arange(4.0), kind(4, dtype=bool), np.ones(4))


def test_cllr_is_its_formula() -> None:
    rng = np.random.default_rng(3)
    llr10 = rng.normal(size=50)
    true = rng.random(50) < 0.4
    weights = rng.integers(1, 5, size=50).astype(float)
    lr = 10**llr10
    of_true = [math.log2(1 + 1 / v) for v, t in zip(lr, true, strict=True) if t]
    of_false = [math.log2(1 + v) for v, t in zip(lr, true, strict=True) if not t]
    flat = cllr(llr10, true, np.ones(50))
    assert flat == pytest.approx((np.mean(of_true) + np.mean(of_false)) / 2)
    # a weight of k is k copies
    copies = np.repeat(np.arange(50), weights.astype(int))
    assert cllr(llr10, true, weights) == pytest.approx(
        cllr(llr10[copies], true[copies], np.ones(len(copies)))
    )


def test_cllr_of_nothing_certainty_and_error() -> None:
    true = np.array([True, False])
    ones = np.ones(2)
    assert cllr(np.zeros(2), true, ones) == pytest.approx(1.0)
    assert cllr(np.array([9.0, -9.0]), true, ones) == pytest.approx(0.0, abs=1e-6)
    assert cllr(np.array([-9.0, 9.0]), true, ones) > 20


def test_cllr_equals_that_of_lir() -> None:
    metrics = pytest.importorskip("lir.metrics")
    models = pytest.importorskip("lir.data.models")
    rng = np.random.default_rng(4)
    llr10 = rng.normal(size=80)
    true = rng.random(80) < 0.3
    data = models.LLRData(features=llr10, labels=true.astype(int))
    assert cllr(llr10, true, np.ones(80)) == pytest.approx(metrics.cllr(data))


def test_json_there_and_back() -> None:
    first = shipped()
    text = to_json(first, {"data_sha256": "0" * 64})
    second = from_json(text)
    assert to_json(second, {"data_sha256": "0" * 64}) == text
    assert second.fused == first.fused
    assert second.channels == first.channels
    assert second.spreads == first.spreads
    assert second.share == first.share
    assert (second.lines, second.null_lineages, second.recall) == (
        first.lines, first.null_lineages, first.recall,
    )  # fmt: skip
    for name, prior in first.lengths.items():
        assert np.array_equal(second.lengths[name].coefficients, prior.coefficients)
        assert np.array_equal(second.lengths[name].information, prior.information)
    assert second.sha256 != first.sha256  # of the text that was read


def test_json_does_not_depend_on_the_last_digits() -> None:
    first = shipped()
    nudged = replace(first, fused=Logistic(first.fused.intercept * (1 + 1e-13), first.fused.slope))
    assert to_json(nudged, {}) == to_json(first, {})


def test_json_of_another_schema_is_refused() -> None:
    value = json.loads(to_json(shipped(), {}))
    value["schema"] = "fingerprint.calibration/99"
    with pytest.raises(ValueError, match=r"fingerprint\.calibration/99"):
        from_json(json.dumps(value))


def test_the_shipped_calibration_is_whole() -> None:
    from importlib import resources

    found = shipped()
    text = (resources.files("fingerprint") / "data" / "calibration.json").read_text("utf-8")
    about = json.loads(text)["about"]
    assert len(about["data_sha256"]) == 64
    assert set(found.channels) == set(channels.NAMES) >= set(FUSED)
    assert set(found.spreads) == set(channels.NAMES)
    assert set(found.lengths) == set(channels.LENGTH_ADJUSTED)
    assert all(model.slope >= 0 for model in (found.fused, *found.channels.values()))
    assert 0 < found.recall <= 1 and found.null_lineages >= 3
    assert found.share.level == pytest.approx(0.9)
    # unrelated models: the evidence is against, and closeness is needed to turn it
    assert float(found.fused.llr10(0.0)) < 0 < float(found.fused.llr10(5.0))
    assert 0 < found.cap10(FULL_BACKGROUND) < 1.0, "more than the null lineages can support"


@pytest.mark.parametrize("name", channels.LENGTH_ADJUSTED)
def test_shipped_length_priors_are_regressions(name: str) -> None:
    prior = shipped().lengths[name]
    assert prior.coefficients.shape == (5,)
    assert np.allclose(prior.information, prior.information.T, rtol=1e-5)
    assert np.linalg.eigvalsh(prior.information).min() > -1e-6

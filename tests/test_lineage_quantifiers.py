"""Attribution and quantifiers of the lineage benchmark, on generated data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from simulated import Model, lineages, panel_of, panel_of_texts, prompts

from benchmarks.lineage.attribution import (
    LEVELS,
    Candidate,
    Ranking,
    closest,
    first_right,
    lineage_mean,
    rank,
)
from benchmarks.lineage.corpus import Pool
from benchmarks.lineage.doses import Judged
from benchmarks.lineage.instances import Instances, prompt_differences
from benchmarks.lineage.mixtures import DOSES
from benchmarks.lineage.quantifiers import (
    FEATURES,
    PER_LINEAGE,
    against_shipped,
    fit_scale,
    judge,
    plain_mean,
    quantifiers,
    quantify,
    training_draw,
)
from benchmarks.lineage.truth import Label
from fingerprint import channels
from fingerprint.calibration import FUSED, shipped
from fingerprint.channels import Agreement
from fingerprint.evidence import Evidence

F64 = np.ndarray

# --- attribution


def a_pool() -> tuple[Pool, Evidence]:
    """Two students of one vendor, four teachers of three, and independents; all of syllables."""
    drawn = lineages(4, ("davinci", "gpt4", "claude", "command", "a", "b", *"cdef"))
    models = [
        Model("alpaca-7b", drawn["a"], drawn["davinci"], 0.9),
        Model("airoboros-33b", drawn["b"], drawn["gpt4"], 0.9, released="2023-09"),
        Model("text_davinci_003", drawn["davinci"]),
        Model("gpt4_0613", drawn["gpt4"]),
        Model("gpt-4o-2024-05-13", drawn["gpt4"]),
        Model("claude-2", drawn["claude"]),
        Model("cohere", drawn["command"]),
        *(Model(f"sim-{name}", drawn[name]) for name in "cdef"),
    ]
    panel = panel_of(models, prompts(40))
    student, reference, independent = "high", Label("REF", "high"), Label("NEG:human", "high")
    labels = (Label("text_davinci_003", student), Label("gpt-4;gpt-4[pref]", student))
    pool = Pool("simulated", panel, (*labels, *[reference] * 5, *[independent] * 4))
    measured = channels.measure_all(panel)
    evidence = Evidence(
        panel,
        {name: measured[name] for name in FUSED},
        pool.clean,
        {},
        shipped().spreads,
        np.random.default_rng(0),
        draws=0,
    )
    return pool, evidence


def test_a_student_is_ranked_by_its_teacher_and_only_by_what_dates_allow() -> None:
    pool, evidence = a_pool()
    vendor_of = {"text-davinci-003": "openai", "gpt-4": "openai"}
    alpaca, airoboros = rank(pool, evidence, vendor_of)
    assert (alpaca.student, alpaca.first.version) == ("alpaca-7b", "text_davinci_003")
    assert (airoboros.student, airoboros.first.version) == ("airoboros-33b", "gpt4_0613")
    assert airoboros.documented == "gpt-4;gpt-4[pref]"
    # gpt-4o has the very habits of gpt-4 here, but came after the dated student
    assert "gpt-4o-2024-05-13" not in {c.version for c in airoboros.candidates}
    assert "gpt-4o-2024-05-13" in {c.version for c in alpaca.candidates}
    features = [c.feature for c in alpaca.candidates]
    assert features == sorted(features, reverse=True)
    nearest = closest(pool, evidence)
    # whatever the dates, the later version is as close as the earlier one
    assert (nearest["a listed teacher"], nearest["another model"]) == (0.5, 0.5)
    assert nearest["some student of the same vendor is closer than every listed teacher"] == 0.0


def test_a_sibling_that_is_closer_than_the_teacher_is_counted() -> None:
    pool, evidence = a_pool()
    for values in evidence._adjusted.values():
        values[:, 0, 1] = values[:, 1, 0] = 9.0
    nearest = closest(pool, evidence)
    assert nearest["another student of the same vendor"] == 1.0
    assert nearest["some student of the same vendor is closer than every listed teacher"] == 1.0


def a_ranking(lineage: str, documented: set[str], *named: tuple[str, str]) -> Ranking:
    candidates = tuple(
        Candidate(f"{family}-x", family, vendor, -float(i))
        for i, (family, vendor) in enumerate(named)
    )
    return Ranking(
        lineage, lineage, True, "", frozenset(documented), frozenset({"openai"}), candidates
    )


def test_levels_judge_what_the_label_says_and_no_more() -> None:
    rankings = [
        a_ranking("one", {"gpt-4"}, ("gpt-3.5", "openai"), ("gpt-4", "openai")),
        a_ranking("two", {"gpt-4", "gpt-3.5"}, ("gpt-3.5", "openai"), ("claude-2", "anthropic")),
        a_ranking("three", {"text-davinci-003"}, ("text-davinci-003", "openai")),
        a_ranking("four", {"text-davinci-003"}, ("palm", "google"), ("gpt-4", "openai")),
    ]
    found = {name: first_right(rankings, level) for name, level in LEVELS.items()}
    right = {name: dict(zip(n, r.tolist(), strict=True)) for name, (n, r, _) in found.items()}
    assert right == {
        "vendor": {"one": 1, "two": 1, "three": 1},
        "vendor, no documented family in the panel": {"four": 0},
        "family": {"one": 0, "two": 1, "three": 1},
        "family, where one is documented": {"one": 0, "three": 1},
        "version, where the label pins it": {"three": 1},
    }
    assert found["family"][2].tolist() == [0.5, 0.5, 1.0]


def test_the_interval_is_over_lineages_each_weighing_one() -> None:
    rng = np.random.default_rng(2)
    many = [("big",)] * 98 + [("small",), ("other",)]
    values = np.array([1.0] * 98 + [0.0, 0.0])
    few = lineage_mean(values, many, rng)
    assert few.value == pytest.approx(1 / 3)
    assert (few.low, few.high) == (0.0, 1.0)
    assert few.interval(".2f") == "-"  # three lineages say little, however many their students
    spread = [(f"l{i}",) for i in range(400)]
    mean = lineage_mean(rng.normal(size=400), spread, rng)
    assert mean.high - mean.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert mean.interval("+.1f") == f"{mean.low:+.1f} to {mean.high:+.1f}"


# --- quantifiers


def test_differences_at_prompts_have_the_mean_that_evidence_scores() -> None:
    names = ["s", "t", "a1", "a2", "b1", "c1", "c2", "d1"]
    panel = panel_of_texts({n: {f"p{i}": "word" for i in range(30)} for n in names})
    rng = np.random.default_rng(5)
    raw = rng.normal(size=(30, 8, 8)) + rng.normal(size=(30, 1, 1)) + rng.normal(size=8)
    values = (raw + raw.transpose(0, 2, 1)).astype(np.float32)
    groups = {"a": [2, 3], "b": [4], "c": [5, 6], "d": [7]}
    agreement = {FUSED[0]: Agreement(FUSED[0], values)}
    evidence = Evidence(panel, agreement, range(2, 8), {}, shipped().spreads, rng, draws=0)
    found = prompt_differences(values, 0, 1, groups)
    assert found.shape == (30,)
    assert found.mean() == pytest.approx(
        evidence.score(FUSED[0], 0, 1, groups).difference, abs=1e-5
    )
    # an effect of one prompt, or of one model, is no agreement with the teacher
    moved = values + np.arange(30, dtype=np.float32)[:, None, None]
    moved[:, 0, :] += 3
    moved[:, :, 0] += 3
    assert prompt_differences(moved, 0, 1, groups) == pytest.approx(found, abs=1e-4)
    values[3, 4, :] = values[3, :, 4] = np.nan
    holes = prompt_differences(values, 0, 1, groups)
    assert np.isfinite(holes).all()
    assert holes[4:] == pytest.approx(found[4:])


def a_world(
    rng: np.random.Generator,
    draw: Callable[[bool, int], F64],
    other: Callable[[float, int], F64] | None = None,
    n: int = 80,
    names: str = "uvwxyz",
) -> list[Instances]:
    """Mixtures of some lineages: ``draw(of_student, n)`` gives the differences to the teacher."""
    other = other or (lambda dose, n: draw(False, n))
    found = []
    for lineage in names:
        for dose in DOSES:
            k = round(dose * n)
            own = rng.permutation(np.concatenate([draw(True, k), draw(False, n - k)]))
            others = tuple(np.stack([other(dose, n)] * 2, axis=1) for _ in range(3))
            found.append(
                Instances("pool", lineage, "p", dose, np.stack([own, own], axis=1), others)
            )
    return found


def test_training_prompts_are_of_the_other_lineages_evenly() -> None:
    rng = np.random.default_rng(0)
    found = a_world(rng, lambda student, n: np.full(n, float(student)))
    marked = [
        replace(item, own=item.own + 10 * "uvwxyz".index(item.lineage))
        for item in (*found, *[i for i in found if i.lineage == "v"])
    ]
    drawn, classes = training_draw(marked, "w", rng)
    lineage, student = np.divmod(drawn[:, 0].round().astype(int), 10)
    assert np.bincount(lineage).tolist() == [2 * PER_LINEAGE] * 2 + [0] + [2 * PER_LINEAGE] * 3
    assert (student == classes).all()


class Remembers:
    """A quantifier that only reports whether it was fitted on the prompts that it is asked of."""

    def fit(self, x: F64, _: F64) -> None:
        self.seen = set(x[:, 0].tolist())

    def predict(self, x: F64) -> tuple[float, float]:
        return 0.0, float(bool(self.seen & set(x[:, 0].tolist())))


def test_no_quantifier_is_asked_of_prompts_that_it_was_fitted_on() -> None:
    rng = np.random.default_rng(1)
    found = a_world(rng, lambda student, n: rng.normal(size=n))
    shared = [replace(item, others=(found[0].own,) * 3) for item in found]
    readings = quantify(shared, Remembers, FEATURES["lines"], 3)
    assert (readings.own == 0).all()
    # prompts of the first lineage, put in the background's place: only that lineage avoids them
    mean = np.array([o.mean() for o in readings.others])
    assert {i.lineage for i, m in zip(shared, mean, strict=True) if m == 0} == {"u"}
    assert readings.controlled == pytest.approx(-mean)


def test_the_scale_is_found_and_its_interval_covers() -> None:
    dose = np.tile(np.array(DOSES), 400)
    weights = np.ones(len(dose))
    exact = fit_scale(0.07 * dose, dose, weights)
    assert exact.unit == pytest.approx(0.07)
    assert (exact.low, exact.high) == pytest.approx((0.0, 0.0))
    noise = np.random.default_rng(3).normal(0, 0.005, size=(2, len(dose)))
    scale = fit_scale(0.07 * dose + noise[0], dose, weights)
    again = np.clip((0.07 * dose + noise[1]) / scale.unit, 0, 1)
    covered = (again + scale.low <= dose + 1e-9) & (dose <= again + scale.high + 1e-9)
    assert 0.87 < covered.mean() < 0.93


def test_a_lineage_has_no_part_in_its_own_scale() -> None:
    rng = np.random.default_rng(4)
    found = a_world(rng, lambda student, n: rng.normal(0.1 * student, 0.05, size=n))
    readings = plain_mean(found).own
    own = np.array([item.lineage == "y" for item in found])
    before, after = (judge(found, r) for r in (readings, np.where(own, 0.5 * readings, readings)))
    ratio = [
        b.estimate / a.estimate
        for a, b in zip(before, after, strict=True)
        if a.lineage == "y" and 0 < a.estimate < 1
    ]
    assert ratio == pytest.approx([0.5] * len(ratio))
    assert len(ratio) >= 3
    assert [j for j in before if j.lineage != "y"] != [j for j in after if j.lineage != "y"]


def test_the_comparison_with_the_shipped_map_is_paired_over_lineages() -> None:
    def shares(error: float) -> list[Judged]:
        cells = [(name, dose) for name in "uvwxyz" for dose in (0.25, 0.5)]
        return [Judged("pool", n, "p", d, d + error + 0.01 * ord(n), 0, 1) for n, d in cells]

    one, other = shares(0.1), shares(0.0)
    same = against_shipped(one, one)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    # every lineage loses the same, so that chance over lineages moves nothing
    less = against_shipped(one, other[::-1])
    assert (less.value, less.low, less.high) == pytest.approx((0.1, 0.1, 0.1))


def test_quapy_reads_known_prevalences_and_the_control_takes_off_what_is_the_suspects_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, on import and of splits that it does not need
        quapy = pytest.importorskip("quapy")
        makers = quantifiers()
        rng = np.random.default_rng(6)
        height = a_world(
            rng, lambda student, n: rng.normal(0.3 * student, 0.15, size=n), n=120, names="uvw"
        )
        dose = np.array([item.dose for item in height])
        for make in makers.values():
            read = quantify(height, make, FEATURES["lines"], 0)
            assert np.abs(read.own - dose).mean() < 0.1
            assert np.mean([o.mean() for o in read.others]) < 0.1

        # students that scatter more, against everybody: nothing of that is the teacher's
        def scattered(dose: float, n: int) -> F64:
            wide = np.arange(n) < round(dose * n)
            return rng.normal(0, np.where(wide, 0.3, 0.1))

        scatter = a_world(
            rng,
            lambda student, n: rng.normal(0, 0.3 if student else 0.1, size=n),
            scattered,
            n=120,
            names="uvw",
        )
        read = quantify(scatter, makers["PACC"], FEATURES["lines, bent"], 0)
        assert np.abs(read.own - dose).mean() < 0.1
        assert np.abs(read.controlled).mean() < 0.1
        blind = quantify(scatter, makers["PACC"], FEATURES["lines"], 0)
        assert np.abs(blind.own - dose).mean() > 0.2

        from sklearn.linear_model import LogisticRegression

        whole = quapy.method.aggregative.KDEyML(LogisticRegression(C=1e3))
        gridded = makers["KDEyML"]()
        x, y = training_draw(height, "u", np.random.default_rng(0))
        for quantifier in (whole, gridded):
            quantifier.fit(x[::20, :1], y[::20])
        for item in height[: len(DOSES)]:
            assert gridded.predict(item.own[:, :1]) == pytest.approx(
                whole.predict(item.own[:, :1]), abs=2e-3
            )

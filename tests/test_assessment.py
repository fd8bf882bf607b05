"""Assessment: what synthetic students of known dose get, and the rules about what may be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from simulated import INDEPENDENT, Model, outputs, pack_of, panel_of, prompts, world

from fingerprint import channels
from fingerprint.assessment import (
    DECIDING_LINEAGES,
    DECIDING_PROMPTS,
    NOT_SUPPORTED_LLR,
    SUPPORTED_LLR,
    UNPAIRED_CAP,
    Assessment,
    assess,
    channel_results,
    too_late,
)
from fingerprint.calibration import FUSED, bounded, shipped
from fingerprint.channels import NAMES
from fingerprint.evidence import Evidence, Score
from fingerprint.panel import align
from fingerprint.records import MIN_PROMPTS, ModelInfo, Status, VerdictLabel
from fingerprint.share import share_of
from fingerprint.verdict import Line, judge

CALIBRATION = shipped()


@dataclass(frozen=True)
class Simulated:
    evidence: Evidence
    place: dict[str, int]

    def assess(self, suspect: str, teacher: str = "teacher", **options) -> Assessment:
        return assess(
            self.evidence, self.place[suspect], [self.place[teacher]], CALIBRATION, **options
        )


def simulate(
    models: dict[str, Model],
    n_prompts: int = 60,
    background: Sequence[str] = INDEPENDENT,
    samples: int = 1,
    draws: int = 40,
    only: Sequence[str] = NAMES,
) -> Simulated:
    panel = panel_of(list(models.values()), prompts(n_prompts), samples)
    place = {name: i for i, name in enumerate(models)}
    modules = (m for m in channels.PAIRED + channels.UNPAIRED if m.NAME in only)
    evidence = Evidence(
        panel,
        {m.NAME: m.measure(panel) for m in modules},
        [place[n] for n in background],
        CALIBRATION.lengths,
        CALIBRATION.spreads,
        np.random.default_rng(0),
        draws=draws,
    )
    return Simulated(evidence, place)


SEEDS = range(30)
UNRELATED = ("stranger", *INDEPENDENT)


def test_thirty_worlds() -> None:
    """Everybody of 30 worlds as suspect of the teacher: student, stranger, six independents."""
    found = []
    for seed in SEEDS:
        run = simulate(world(100 + seed), DECIDING_PROMPTS, only=FUSED)
        found.append({name: run.assess(name) for name in ("student", *UNRELATED)})
    check_students([w["student"] for w in found])
    check_unrelated([w[name] for w in found for name in UNRELATED])
    check_caps([a for w in found for a in w.values()])


def check_students(students: Sequence[Assessment]) -> None:
    """Full students are found, with a share about one."""
    assert all(a.llr10 > 0 for a in students)
    assert sum(a.decided is VerdictLabel.SUPPORTED for a in students) >= 0.8 * len(students)
    covered = [a.share.low <= 0.95 <= a.share.high + 0.05 for a in students]
    assert np.mean(covered) >= 0.9
    assert np.mean([a.share.estimate for a in students]) > 0.8
    for a in students:
        assert a.share.low < a.share.estimate <= a.share.high <= 1.0


def check_unrelated(unrelated: Sequence[Assessment]) -> None:
    """Of 210 unrelated suspects none is called supported; they scatter about zero."""
    assert not [a for a in unrelated if a.decided is VerdictLabel.SUPPORTED]
    # a ratio of four may come up by chance one time in four; here it must be far rarer
    assert np.mean([a.llr10 >= SUPPORTED_LLR for a in unrelated]) < 0.05
    assert np.mean([a.llr10 <= 0.3 for a in unrelated]) > 0.95
    assert np.mean([a.share.estimate for a in unrelated]) < 0.2
    assert np.mean([a.share.estimate < 0.4 for a in unrelated]) > 0.9
    assert np.mean([a.share.low < 0.1 for a in unrelated]) > 0.95
    assert sum(a.decided is VerdictLabel.NOT_SUPPORTED for a in unrelated) > 0.7 * len(unrelated)
    for name in FUSED:
        z = [a.scores[name].z for a in unrelated]
        # they are not independent: a mean of .5 would be an error of method
        assert abs(np.mean(z)) < 0.3, name
        assert 0.3 < np.std(z) < 1.8, name


def check_caps(everybody: Sequence[Assessment]) -> None:
    """Nothing passes the cap, and some would without it."""
    for found in everybody:
        assert found.cap10 == CALIBRATION.cap10(len(found.groups))
        assert abs(found.llr10) <= found.cap10
        assert found.llr10 == pytest.approx(float(bounded(found.raw, found.cap10)))
    assert max(a.raw for a in everybody) > max(a.cap10 for a in everybody)


def test_other_channels_scatter_about_zero_too() -> None:
    others = [name for name in NAMES if name not in FUSED]
    z: dict[str, list[float]] = {name: [] for name in others}
    for seed in range(6):
        run = simulate(world(130 + seed), 30, draws=0)
        for who in UNRELATED:
            for name in others:
                z[name].append(run.assess(who).scores[name].z)
    for name in others:
        assert abs(np.mean(z[name])) < 0.5, name
        assert np.std(z[name]) < 1.8, name


def test_evidence_and_share_grow_with_the_dose() -> None:
    doses = (0.0, 0.4, 1.0)
    raw = np.zeros((3, len(doses)))
    shares = np.zeros_like(raw)
    for i in range(len(raw)):
        for j, dose in enumerate(doses):
            found = simulate(world(200 + i, dose), draws=0, only=FUSED).assess("student")
            raw[i, j], shares[i, j] = found.raw, found.share.estimate
    means, share = raw.mean(axis=0), shares.mean(axis=0)
    assert (np.diff(means) > 0.2).all(), means
    assert (np.diff(share) >= 0).all() and share[0] < 0.3 and share[1] > share[0] + 0.2, share
    # the doses are nested, so nearly every step of every world goes up
    assert (np.diff(raw, axis=1) > 0).mean() > 0.85


def test_a_student_is_not_found_at_a_stranger() -> None:
    """The student of one teacher, asked about another."""
    for seed in (300, 301, 302):
        run = simulate(world(seed), draws=0, only=FUSED)
        asked = run.assess("student", "stranger")
        assert asked.raw < run.assess("student", "teacher").raw - 1
        assert asked.llr10 <= 0.3


def test_closure_is_told_where_the_teacher_has_samples() -> None:
    run = simulate(world(1), 30, samples=3)
    found = run.assess("student")
    rows = {r.name: r for r in channel_results(run.evidence, found, CALIBRATION)}
    assert "of the way from the background to the teacher's agreement with itself" in (
        rows["line_starts"].reason or ""
    )
    single = simulate(world(1), 30)
    rows = channel_results(single.evidence, single.assess("student"), CALIBRATION)
    assert all(r.reason is None for r in rows)


@pytest.mark.parametrize("n_background", range(7))
def test_background_lineages_bound_what_is_said(n_background: int) -> None:
    found = simulate(world(1), background=INDEPENDENT[:n_background]).assess("student")
    if n_background < 3:
        assert found.decided is VerdictLabel.INSUFFICIENT
        assert found.llr10 is found.cap10 is found.share is found.raw is None
        assert f"{n_background} independent background lineages" in found.missing
        return
    assert found.llr10 > 0
    assert found.cap10 == CALIBRATION.cap10(n_background)
    if n_background < DECIDING_LINEAGES:
        assert found.decided is VerdictLabel.INCONCLUSIVE
    else:
        assert found.decided is VerdictLabel.SUPPORTED


@pytest.mark.parametrize(
    ("n_prompts", "labels"),
    [
        (MIN_PROMPTS - 1, {VerdictLabel.INCONCLUSIVE}),
        (MIN_PROMPTS, {VerdictLabel.INCONCLUSIVE}),
        (DECIDING_PROMPTS - 1, {VerdictLabel.INCONCLUSIVE}),
        (DECIDING_PROMPTS, {VerdictLabel.SUPPORTED}),
    ],
)
def test_prompts_bound_what_is_said(n_prompts: int, labels: set) -> None:
    run = simulate(world(1), n_prompts)
    found = run.assess("student")
    assert found.decided in labels
    assert found.n_prompts == n_prompts
    rows = channel_results(run.evidence, found, CALIBRATION)
    assert [r.name for r in rows] == list(NAMES)
    if n_prompts >= MIN_PROMPTS:
        assert found.paired and found.share is not None
        assert all(r.status is Status.MEASURED for r in rows)
        for row in rows:
            assert row.low <= row.high and abs(row.llr10) <= found.cap10
        return
    assert not found.paired and found.share is None
    assert found.cap10 <= UNPAIRED_CAP and abs(found.llr10) <= UNPAIRED_CAP
    for row in rows:
        if row.name == "style":
            assert row.status is Status.MEASURED
            continue
        assert row.status is Status.MISSING
        assert row.score is row.low is row.high is row.llr10 is None
        assert str(MIN_PROMPTS) in row.reason and str(n_prompts) in row.reason


def test_a_mask_narrows_the_prompts() -> None:
    run = simulate(world(1))
    mask = np.zeros(60, dtype=bool)
    mask[:30] = True
    found = run.assess("student", mask=mask)
    assert found.n_prompts == 30
    assert found.scores["line_starts"].n_prompts == 30
    assert found.scores["line_starts"].difference != (
        run.assess("student").scores["line_starts"].difference
    )


def made(**changes) -> Assessment:
    """An assessment that is supported, with changes."""
    score = Score(
        "line_starts",
        **{
            "difference": 0.1,
            "similarity": 0.3,
            "n_prompts": 60,
            "draws": np.array([0.1]),
            "spread": 0.02,
            **{name: 5.0 for name in ("z", "freedom") if name in Score.__dataclass_fields__},
        },
    )
    values = {
        "suspect": 0,
        "teacher": 1,
        "groups": {str(i): [i + 2] for i in range(DECIDING_LINEAGES)},
        "scores": {
            "line_starts": score,
            "sentence_starts": replace(score, channel="sentence_starts"),
        },
        "n_prompts": DECIDING_PROMPTS,
        "raw": 2.0,
        "raw_low": SUPPORTED_LLR,
        "llr10": SUPPORTED_LLR,
        "cap10": 0.7,
        "share": None,
        "guard": None,
        "impossible": None,
        "missing": None,
        "paired": True,
    }
    return Assessment(**{**values, **changes})


def against(name: str) -> dict[str, Score]:
    scores = made().scores
    return {**scores, name: replace(scores[name], difference=-0.01)}


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, VerdictLabel.SUPPORTED),
        ({"llr10": SUPPORTED_LLR - 0.01}, VerdictLabel.INCONCLUSIVE),
        ({"raw_low": SUPPORTED_LLR - 0.01}, VerdictLabel.INCONCLUSIVE),
        ({"n_prompts": DECIDING_PROMPTS - 1}, VerdictLabel.INCONCLUSIVE),
        ({"groups": {"a": [2], "b": [3], "c": [4], "d": [5]}}, VerdictLabel.INCONCLUSIVE),
        ({"scores": against("line_starts")}, VerdictLabel.INCONCLUSIVE),
        ({"scores": against("sentence_starts")}, VerdictLabel.INCONCLUSIVE),
        ({"scores": {}}, VerdictLabel.INCONCLUSIVE),
        ({"guard": "too few lines"}, VerdictLabel.INCONCLUSIVE),
        ({"paired": False}, VerdictLabel.INCONCLUSIVE),
        ({"llr10": NOT_SUPPORTED_LLR}, VerdictLabel.NOT_SUPPORTED),
        ({"llr10": NOT_SUPPORTED_LLR + 0.01}, VerdictLabel.INCONCLUSIVE),
        (
            {"llr10": NOT_SUPPORTED_LLR, "n_prompts": DECIDING_PROMPTS - 1},
            VerdictLabel.INCONCLUSIVE,
        ),
        ({"llr10": None, "raw": None, "raw_low": None}, VerdictLabel.INSUFFICIENT),
        (
            {"llr10": None, "raw": None, "raw_low": None, "impossible": "2026 against 2024"},
            VerdictLabel.INSUFFICIENT,
        ),
        ({"impossible": "2026 against 2024"}, VerdictLabel.NOT_SUPPORTED),
    ],
)
def test_the_rule_of_the_label(changes: dict, label: VerdictLabel) -> None:
    assert made(**changes).decided is label


@pytest.mark.parametrize(
    ("suspect", "teacher", "late"),
    [
        ("2024-05", "2024-06", True),
        ("2024-05-31", "2024-06-01", True),
        ("2024-05-30", "2024-05-31", True),
        ("2024-05-31", "2024-05-31", False),
        ("2024-05", "2024-05-31", False),  # the suspect may have come later that month
        ("2024", "2024-12-31", False),
        ("2024", "2025", True),
        ("2024-05-10", "2024-05", False),  # the teacher may have come earlier that month
        ("2024-05-10", "2024", False),
        ("2024-12-31", "2025-01", True),
        (None, "2024", False),
        ("2024", None, False),
    ],
)
def test_dates_exclude_only_what_they_must(
    suspect: str | None, teacher: str | None, late: bool
) -> None:
    one = ModelInfo("sim-s", "s", released=suspect)
    two = ModelInfo("sim-t", "t", released=teacher)
    assert (too_late(one, two) is not None) is late


def test_a_teacher_that_came_later_is_impossible() -> None:
    models = world(1)
    models["teacher"] = replace(models["teacher"], released="2025-06")
    models["student"] = replace(models["student"], released="2024-01")
    found = simulate(models).assess("student")
    assert found.impossible == "2025-06 against 2024-01"
    assert found.decided is VerdictLabel.NOT_SUPPORTED
    assert found.share is None
    assert found.llr10 == pytest.approx(-found.cap10)


def test_of_several_versions_the_closest_possible_counts() -> None:
    models = world(1)
    habits = models["teacher"].habits
    models["teacher"] = replace(models["teacher"], released="2025-06")
    models["older"] = Model("sim-maple-1", habits, lineage="sim-maple", released="2023-01")
    models["student"] = replace(models["student"], released="2024-01")
    run = simulate(models)
    student, teacher, older = (run.place[n] for n in ("student", "teacher", "older"))
    found = assess(run.evidence, student, [teacher, older], CALIBRATION)
    assert found.teacher == older and found.impossible is None
    assert found.llr10 > 0
    # with the dates gone the better of both counts
    raws = {t: assess(run.evidence, student, [t], CALIBRATION).raw for t in (teacher, older)}
    free = replace(
        run.evidence.panel,
        packs=tuple(
            replace(p, info=replace(p.info, released=None)) for p in run.evidence.panel.packs
        ),
    )
    open_run = simulate(models)
    open_run.evidence.panel = free
    best = assess(open_run.evidence, student, [teacher, older], CALIBRATION)
    assert best.raw == pytest.approx(max(raws[older], best.raw))
    assert best.raw >= assess(open_run.evidence, student, [older], CALIBRATION).raw


def test_a_version_with_few_prompts_is_not_chosen_by_chance() -> None:
    """Few prompts scatter widely: a version that answered 25 of 60 must not win, however close."""
    models = world(1)
    suite = prompts(60)
    packs = [pack_of(outputs(model, suite)) for model in models.values()]
    teacher = models["teacher"]
    close = replace(outputs(models["student"], suite[:25]), model="sim-maple-1")
    models["close"] = replace(teacher, name="sim-maple-1")
    packs.append(pack_of(replace(close, lineage=packs[list(models).index("teacher")].info.lineage)))
    place = {name: i for i, name in enumerate(models)}
    panel = align(packs)
    evidence = Evidence(
        panel,
        channels.measure_all(panel),
        [place[name] for name in INDEPENDENT],
        CALIBRATION.lengths,
        CALIBRATION.spreads,
        np.random.default_rng(1),
        draws=0,
    )
    found = assess(evidence, place["student"], [place["teacher"], place["close"]], CALIBRATION)
    assert found.teacher == place["teacher"]
    assert found.n_prompts == 60


def test_an_unusual_format_leaves_the_sentences_alone() -> None:
    """Line starts of one-line answers say nothing: all look alike."""
    models = world(1)
    suite = prompts(60)
    packs = []
    for name, model in models.items():
        given = outputs(model, suite)
        if name == "stranger":
            flat = tuple(replace(r, text=r.text.replace("\n", " ")) for r in given.responses)
            given = replace(given, responses=flat)
        packs.append(pack_of(given))
    panel = align(packs)
    place = {name: i for i, name in enumerate(models)}
    evidence = Evidence(
        panel,
        channels.measure_all(panel),
        [place[n] for n in INDEPENDENT],
        CALIBRATION.lengths,
        CALIBRATION.spreads,
        np.random.default_rng(0),
        draws=20,
    )
    found = assess(evidence, place["stranger"], [place["teacher"]], CALIBRATION)
    assert found.guard is not None and "1.0 lines" in found.guard
    assert found.decided is not VerdictLabel.SUPPORTED
    rows = {r.name: r for r in channel_results(evidence, found, CALIBRATION)}
    assert rows["line_starts"].status is Status.UNRELIABLE
    assert rows["line_starts"].llr10 is None and rows["line_starts"].reason == found.guard
    assert rows["sentence_starts"].status is Status.MEASURED
    only = CALIBRATION.channels["sentence_starts"].llr10(found.scores["sentence_starts"].z)
    assert found.raw == pytest.approx(float(only))


def test_a_share_of_lines_that_cannot_be_trusted_reaches_down_to_none() -> None:
    """The full student again, its answers and its teacher's in one line each."""
    models = world(1)
    packs = []
    for name, model in models.items():
        given = outputs(model, prompts(60))
        if name in ("student", "teacher"):
            flat = tuple(replace(r, text=r.text.replace("\n", " ")) for r in given.responses)
            given = replace(given, responses=flat)
        packs.append(pack_of(given))
    place = {name: i for i, name in enumerate(models)}
    panel = align(packs)
    evidence = Evidence(
        panel,
        channels.measure_all(panel),
        [place[n] for n in INDEPENDENT],
        CALIBRATION.lengths,
        CALIBRATION.spreads,
        np.random.default_rng(0),
        draws=20,
    )
    found = assess(evidence, place["student"], [place["teacher"]], CALIBRATION)
    assert found.guard is not None and found.share.estimate > 0.9
    assert found.share.low == 0.0
    (domain, *_) = judge(
        evidence,
        Line("s", (place["student"],)),
        Line("t", (place["teacher"],)),
        [],
        CALIBRATION,
        inputs=(),
        problems=(),
        seed=1,
    ).domains
    assert domain.share.low == 0.0


@pytest.mark.parametrize("difference", [-1.0, -0.01, 0.0, 0.02, 0.05, 0.5, 5.0])
@pytest.mark.parametrize("draws", [0, 50])
def test_shares_are_intervals_within_bounds(difference: float, draws: int) -> None:
    rng = np.random.default_rng(1)
    score = replace(
        made().scores["line_starts"],
        difference=difference,
        draws=difference + 0.01 * rng.normal(size=draws),
    )
    share = share_of(score, CALIBRATION, broad=True)
    assert 0 <= share.low <= share.estimate <= share.high <= 1
    assert share.high > share.low
    assert share.level == CALIBRATION.share.level
    scattered = replace(score, draws=difference + 0.2 * rng.normal(size=200))
    wider = share_of(scattered, CALIBRATION, broad=True)
    assert share_of(score, CALIBRATION, broad=False).low == 0.0
    assert wider.high - wider.low >= share.high - share.low

"""Evidence against slow loops; its invariances, coverage with holes, and unrelated models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import INDEPENDENT, outputs, pack_of, panel_of, prompts, world

from fingerprint import channels
from fingerprint.calibration import shipped
from fingerprint.channels import Agreement
from fingerprint.evidence import Evidence, Score
from fingerprint.lengths import LengthPrior, adjust_lengths, fit_lengths, length_features
from fingerprint.panel import Panel, align
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS, ModelInfo, Outputs, Response

CHANNEL = "line_starts"


def info(
    name: str, lineage: str | None = None, vendor: str | None = None, taught: Sequence[str] = ()
) -> ModelInfo:
    return ModelInfo(name, lineage or name, vendor, None, tuple(taught), True)


def panel_with(infos: Sequence[ModelInfo], answered: np.ndarray) -> Panel:
    """Align models of no interest but for who they are and which prompts they answered (P, M)."""
    packs = []
    for m, known in enumerate(infos):
        responses = tuple(
            Response(f"p{p:03d}", "", "word") for p in range(len(answered)) if answered[p, m]
        )
        packs.append(replace(pack_of(Outputs(known.name, responses)), info=known))
    panel = align(packs)
    assert len(panel.prompts) == len(answered)
    # rows of `answered` follow the panel's order of prompts
    return panel


def similarities(
    seed: int, n_prompts: int, n_models: int, present: np.ndarray | None = None
) -> np.ndarray:
    """Draw symmetric similarities with row, column and prompt effects; NaN where absent."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n_prompts, n_models, n_models))
    member = rng.normal(size=n_models)
    values = raw + raw.transpose(0, 2, 1) + member[:, None] + member[None, :]
    values += rng.normal(size=(n_prompts, 1, 1))
    values[:, range(n_models), range(n_models)] = np.nan
    if present is not None:
        values[~(present[:, :, None] & present[:, None, :])] = np.nan
    return (0.1 * values).astype(np.float32)


def evidence_of(
    panel: Panel, values: np.ndarray, background: Sequence[int], seed: int = 0, draws: int = 0
) -> Evidence:
    return Evidence(
        panel,
        {CHANNEL: Agreement(CHANNEL, values)},
        background,
        {},
        shipped().spreads,
        np.random.default_rng(seed),
        draws=draws,
    )


def score(evidence: Evidence, suspect: int, teacher: int, channel: str = CHANNEL) -> Score:
    groups, mask = evidence.common(
        evidence.groups(suspect, [teacher]), evidence.panel.both(suspect, teacher)
    )
    return evidence.score(channel, suspect, teacher, groups, mask)


# suspect, teacher, then the background: relatives of both among it, and lineages of two
FAMILY = (
    info("s", "s-line", "s-corp"),
    info("t", "t-line", "t-corp"),
    info("a1", "a", "a-corp"),
    info("a2", "a", "a-corp"),
    info("b"),
    info("c1", "c"),
    info("c2", "c"),
    info("c3", "c"),
    info("d", "d", "d-corp", ["a-corp"]),
    info("t-sister", "t-line"),
    info("t-mate", "t-mate", "t-corp"),
    info("s-mate", "s-mate", "s-corp"),
    info("t-student", "t-student", "x-corp", ["t-corp"]),
    info("s-student", "s-student", "y-corp", ["q-corp", "s-corp"]),
)
RELATED = tuple(range(9, 14))
ALL = tuple(range(2, 14))
GROUPS = {"a": [2, 3], "b": [4], "c": [5, 6, 7], "d": [8]}


def by_loops(values: np.ndarray, suspect: int, teacher: int, groups: dict[str, list[int]]) -> float:
    """EVIDENCE 2.4 as it is written: rows centred one by one, then the column."""
    shared = [p for p in range(len(values)) if not np.isnan(values[p, suspect, teacher])]

    def k(one: int, two: int) -> float:
        known = [values[p, one, two] for p in shared if not np.isnan(values[p, one, two])]
        return sum(map(float, known)) / len(known) if known else float("nan")

    def centred(one: int, two: int, rest: list[str]) -> float:
        levels = []
        for name in rest:
            members = [k(one, r) for r in groups[name]]
            members = [v for v in members if not np.isnan(v)]
            levels.append(sum(members) / len(members))
        return k(one, two) - sum(levels) / len(levels)

    names = list(groups)
    column = []
    for name in names:
        rest = [other for other in names if other != name]
        each = [centred(u, teacher, rest) for u in groups[name]]
        column.append(sum(each) / len(each))
    return centred(suspect, teacher, names) - sum(column) / len(column)


@pytest.mark.parametrize("seed", range(4))
def test_closed_form_equals_double_centring_by_loops(seed: int) -> None:
    answered = np.ones((25, len(FAMILY)), dtype=bool)
    values = similarities(seed, *answered.shape)
    evidence = evidence_of(panel_with(FAMILY, answered), values, ALL)
    assert evidence.groups(0, [1]) == GROUPS
    found = score(evidence, 0, 1)
    assert found.difference == pytest.approx(by_loops(values, 0, 1, GROUPS), abs=1e-6)
    assert found.n_prompts == 25
    # z is on the normal scale, where a spread of few degrees of freedom counts for less
    assert np.sign(found.z) == np.sign(found.difference)
    assert 0 < abs(found.z) <= abs(found.difference) / found.spread + 1e-9
    # and the other way round, where the same lineages are left out
    assert score(evidence, 1, 0).difference == pytest.approx(found.difference, abs=1e-6)
    # a member of the background as the suspect: its own lineage and its pupils go, others stay
    groups = evidence.groups(2, [1])
    assert list(groups) == ["b", "c", "s-mate", "s-student"]
    expected = by_loops(values, 2, 1, groups)
    assert score(evidence, 2, 1).difference == pytest.approx(expected, abs=1e-6)


def test_lineages_weigh_one_whatever_their_members() -> None:
    """Doubling a member's copies within its lineage changes nothing."""
    answered = np.ones((25, 9), dtype=bool)
    values = similarities(1, 25, 9)
    small = evidence_of(panel_with(FAMILY[:9], answered), values, range(2, 9))
    twice = [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    infos = [FAMILY[i] for i in twice]
    infos[5] = info("b-again", "b")
    again = values[:, twice][:, :, twice]
    big = evidence_of(panel_with(infos, np.ones((25, 10), bool)), again, range(2, 10))
    assert score(big, 0, 1).difference == pytest.approx(score(small, 0, 1).difference, abs=1e-6)


def test_holes_in_the_background_are_averaged_around() -> None:
    rng = np.random.default_rng(4)
    answered = rng.random((60, len(FAMILY))) < 0.8
    panel = panel_with(FAMILY, answered)
    values = _holes(similarities(2, *answered.shape), panel)
    evidence = evidence_of(panel, values, ALL, draws=50)
    found = evidence.score(CHANNEL, 0, 1, GROUPS)
    assert found.difference == pytest.approx(by_loops(values, 0, 1, GROUPS), abs=1e-6)
    assert found.n_prompts == evidence.panel.both(0, 1).sum() < 60
    assert np.isfinite(found.draws).all() and np.isfinite(found.z)


def _holes(values: np.ndarray, panel: Panel) -> np.ndarray:
    """Make the similarities absent where the panel says that an answer is."""
    present = panel.present
    out = values.copy()
    out[~(present[:, :, None] & present[:, None, :])] = np.nan
    return out


def test_what_shares_too_few_prompts_is_no_background() -> None:
    answered = np.ones((40, len(FAMILY)), dtype=bool)
    answered[MIN_PROMPTS - 1 :, 4] = False
    panel = panel_with(FAMILY, answered)
    evidence = evidence_of(panel, similarities(1, *answered.shape), ALL)
    assert "b" not in evidence.groups(0, [1])
    assert "b" in evidence.groups(0, [1], paired=False)


def test_a_background_outside_the_common_prompts_does_not_spoil_the_score() -> None:
    """b answered 20 prompts of each end, and none of those that both ends answered."""
    answered = np.ones((80, len(FAMILY)), dtype=bool)
    panel = panel_with(FAMILY, answered)
    present = np.ones((80, len(FAMILY)), dtype=bool)
    present[60:, 0] = present[:20, 1] = False
    present[20:60, 4] = False
    panel = _with_holes(panel, present)
    evidence = evidence_of(panel, similarities(1, 80, len(FAMILY), present), ALL, draws=20)
    found = score(evidence, 0, 1)
    assert np.isfinite(found.difference)
    assert np.isfinite(found.draws).all()


def test_two_backgrounds_without_a_common_prompt_are_left_out_of_the_grand_mean() -> None:
    present = np.ones((80, 6), dtype=bool)
    present[:40, 4] = present[40:, 5] = False
    infos = [info(n) for n in "stabcd"]
    panel = _with_holes(panel_with(infos, np.ones((80, 6), bool)), present)
    # all similarities are 0.5 and nobody is close to anybody
    values = np.full((80, 6, 6), 0.5, dtype=np.float32)
    values[~(present[:, :, None] & present[:, None, :])] = np.nan
    found = score(evidence_of(panel, values, range(2, 6)), 0, 1)
    assert found.difference == pytest.approx(0.0, abs=1e-6)


def test_draws_are_finite_where_a_background_has_few_of_the_common_prompts() -> None:
    present = np.ones((80, len(FAMILY)), dtype=bool)
    present[60:, 0] = present[:20, 1] = False
    present[21:60, 4] = False
    panel = _with_holes(panel_with(FAMILY, np.ones((80, len(FAMILY)), bool)), present)
    evidence = evidence_of(panel, similarities(1, 80, len(FAMILY), present), ALL, draws=100)
    assert np.isfinite(score(evidence, 0, 1).draws).all()


def _with_holes(panel: Panel, present: np.ndarray) -> Panel:
    words = np.where(present, panel.words, np.nan)
    return replace(panel, words=words, lines=np.where(present, panel.lines, np.nan))


@pytest.mark.parametrize("seed", [0, 1])
def test_order_of_models_and_prompts_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    models = world(seed, 0.5)
    names = list(models)
    suite = prompts(30)
    packs = list(panel_of(list(models.values()), suite).packs)
    calibration = shipped()

    def scores(order: Sequence[int], draws: int) -> dict[str, tuple]:
        panel = align([packs[i] for i in order])
        place = {names[i]: at for at, i in enumerate(order)}
        evidence = Evidence(
            panel,
            channels.measure_all(panel),
            sorted(place[n] for n in INDEPENDENT),
            calibration.lengths,
            calibration.spreads,
            np.random.default_rng(9),
            draws=draws,
        )
        s, t = place["student"], place["teacher"]
        groups = evidence.groups(s, [t])
        found = {c: evidence.score(c, s, t, groups) for c in channels.NAMES}
        return {c: (f.difference, f.z, *f.draws) for c, f in found.items()}

    straight = scores(range(len(names)), 20)
    mixed = scores(rng.permutation(len(names)).tolist(), 20)
    for name in channels.NAMES:
        assert mixed[name] == pytest.approx(straight[name], rel=1e-3, abs=2e-4), name

    # prompts: hashes decide their order, so permute the arrays themselves
    values = similarities(seed, 30, len(FAMILY))
    panel = panel_with(FAMILY, np.ones((30, len(FAMILY)), bool))
    shuffled = values[rng.permutation(30)]
    one, two = (score(evidence_of(panel, v, ALL), 0, 1) for v in (values, shuffled))
    assert two.difference == pytest.approx(one.difference, abs=1e-6)
    assert two.z == pytest.approx(one.z, rel=1e-4)


def moved_by_effects(seed: int, size: float) -> tuple[Score, Score]:
    values = similarities(seed, 22, len(FAMILY))
    rng = np.random.default_rng(seed + 1)
    member = rng.normal(scale=size, size=len(FAMILY))
    prompt = rng.normal(scale=size, size=(22, 1, 1))
    moved = (values + member[:, None] + member[None, :] + prompt).astype(np.float32)
    one, two = (score(evidence_of(PANEL_22, v, ALL, draws=10), 0, 1) for v in (values, moved))
    return one, two


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(0.01, 5))
def test_effects_of_models_and_prompts_cancel(seed: int, size: float) -> None:
    """A chatty model is close to everybody, an easy prompt brings all together: neither counts."""
    one, two = moved_by_effects(seed, size)
    assert two.difference == pytest.approx(one.difference, abs=2e-5 * (1 + size))
    assert two.spread == pytest.approx(one.spread, rel=1e-2)


def test_effects_of_models_cancel_in_the_draws_too() -> None:
    one, two = moved_by_effects(3, 0.5)
    assert two.draws == pytest.approx(one.draws, abs=1e-3)


PANEL_22 = panel_with(FAMILY, np.ones((22, len(FAMILY)), bool))


def test_one_ended_closeness_is_all_that_counts() -> None:
    """Raising K(s, t) alone raises D by as much."""
    values = similarities(3, 22, len(FAMILY))
    closer = values.copy()
    closer[:, 0, 1] += 0.3
    closer[:, 1, 0] += 0.3
    one, two = (score(evidence_of(PANEL_22, v, ALL), 0, 1) for v in (values, closer))
    assert two.difference - one.difference == pytest.approx(0.3, abs=1e-6)
    assert two.spread == pytest.approx(one.spread, rel=1e-3)


@pytest.mark.parametrize("member", RELATED)
def test_relatives_in_the_background_do_not_touch_the_score(member: int) -> None:
    """Lineage, vendor and pupils of either end: whatever they are close to, D stays."""
    values = similarities(5, 22, len(FAMILY))
    other = values.copy()
    noise = np.random.default_rng(1).normal(size=(22, len(FAMILY))).astype(np.float32)
    other[:, member, :] += noise
    other[:, :, member] += noise
    one, two = (score(evidence_of(PANEL_22, v, ALL, draws=20), 0, 1) for v in (values, other))
    assert two.difference == one.difference
    assert (two.draws == one.draws).all()
    # while a member of the background does touch it
    other[:, 4, :] += noise
    other[:, :, 4] += noise
    three = score(evidence_of(PANEL_22, other, ALL, draws=20), 0, 1)
    assert three.difference != one.difference


def test_without_relatives_in_the_background_nobody_else_counts() -> None:
    """A relative that is not named as background leaves z alone too."""
    values = similarities(5, 22, len(FAMILY))
    other = values.copy()
    other[:, 9, :] += 3
    other[:, :, 9] += 3
    one, two = (score(evidence_of(PANEL_22, v, range(2, 9)), 0, 1) for v in (values, other))
    assert (two.difference, two.z) == (one.difference, one.z)


def test_draws_come_from_the_seed_alone() -> None:
    values = similarities(5, 22, len(FAMILY))
    one, two, three = (
        score(evidence_of(PANEL_22, values, ALL, seed=seed, draws=30), 0, 1) for seed in (1, 1, 2)
    )
    assert (one.draws == two.draws).all()
    assert not np.allclose(one.draws, three.draws)
    assert one.difference == three.difference
    assert len(one.draws) == 30
    # the draws lie around the value, and spread
    assert abs(np.mean(one.draws) - one.difference) < 3 * np.std(one.draws)
    assert np.std(one.draws) > 0


def test_a_pairs_draws_do_not_depend_on_the_pairs_scored_before() -> None:
    values = similarities(5, 22, len(FAMILY))
    alone = evidence_of(PANEL_22, values, ALL, draws=30)
    busy = evidence_of(PANEL_22, values, ALL, draws=30)
    for other in (2, 4, 8, 10):
        score(busy, other, 1)
    assert (score(alone, 0, 1).draws == score(busy, 0, 1).draws).all()


def test_more_prompts_narrow_the_draws() -> None:
    def width(n: int) -> float:
        answered = np.ones((n, len(FAMILY)), bool)
        values = similarities(5, n, len(FAMILY))
        # no lineage effects: only prompts vary
        found = score(evidence_of(panel_with(FAMILY, answered), values, ALL, draws=200), 0, 1)
        return float(np.std(found.draws))

    assert width(320) < 0.7 * width(20)


def test_unrelated_models_have_z_about_zero() -> None:
    """Pure noise with row, column and prompt effects: z has mean 0 and about unit spread."""
    infos = [info(f"m{i}") for i in range(8)]
    panel = panel_with(infos, np.ones((40, 8), bool))
    z = []
    for seed in range(60):
        evidence = evidence_of(panel, similarities(seed, 40, 8), range(2, 8))
        z.append(score(evidence, 0, 1).z)
    assert abs(np.mean(z)) < 0.35
    assert 0.3 < np.std(z) < 1.6


def test_length_adjustment_takes_lengths_out_and_leaves_the_rest() -> None:
    """Where similarity is a function of length alone, nothing is left of it."""
    rng = np.random.default_rng(2)
    models = world(3)
    panel = panel_of(list(models.values()), prompts(40))
    n = len(models)
    true = np.array([0.02, -0.01, 0.015, -0.05, 0.03])
    everyone = np.arange(n)
    values = np.stack(
        [
            length_features(panel.words[p], everyone[:, None], everyone[None, :]) @ true
            for p in range(40)
        ]
    )
    values += rng.normal(scale=0.01, size=(40, 1, 1))
    coefficients, information, n_pairs = fit_lengths(
        panel, values.astype(np.float32), range(n), None
    )
    assert n_pairs == 40 * n * (n - 1) // 2
    assert np.allclose(information, information.T)
    left = adjust_lengths(values.astype(np.float32), panel.words, coefficients)
    off = ~np.eye(n, dtype=bool)
    assert np.std([left[p][off].std() for p in range(40)]) < 1e-4
    assert left[:, off].std(axis=1).mean() < 0.01 * values[:, off].std(axis=1).mean()


def test_length_prior_rules_where_there_are_no_pairs() -> None:
    prior = shipped().lengths[CHANNEL]
    values = np.full((22, len(FAMILY), len(FAMILY)), np.nan, dtype=np.float32)
    coefficients, _, n_pairs = fit_lengths(PANEL_22, values, ALL, prior)
    assert n_pairs == 0
    features = np.random.default_rng(0).normal(size=(10, 5))
    _, vectors = np.linalg.eigh(prior.information)
    # equal in every direction of which the prior knows something
    known = prior.information @ vectors
    assert np.allclose(known.T @ coefficients, known.T @ prior.coefficients, atol=1e-6)
    assert isinstance(prior, LengthPrior) and np.isfinite(features @ coefficients).all()


def test_fewer_lineages_than_asked_are_reported_by_groups() -> None:
    evidence = evidence_of(PANEL_22, similarities(0, 22, len(FAMILY)), [2, 3, 9, 10])
    assert evidence.groups(0, [1]) == {"a": [2, 3]}
    # a member named as teacher is never its own background
    assert evidence.groups(0, [2]) == {"t-line": [9], "t-mate": [10]}


@pytest.mark.parametrize("n_background", [3, 6])
def test_style_keeps_its_spread_without_common_prompts(n_background: int) -> None:
    models = world(1)
    suites = {"student": prompts(30, "one"), "stranger": prompts(30, "one")}
    packs = [pack_of(outputs(m, suites.get(n, prompts(30, "two")))) for n, m in models.items()]
    panel = align(packs)
    place = {name: i for i, name in enumerate(models)}
    evidence = Evidence(
        panel,
        channels.measure_all(panel),
        [place[n] for n in INDEPENDENT[:n_background]],
        shipped().lengths,
        shipped().spreads,
        np.random.default_rng(0),
        draws=10,
    )
    s, t = place["student"], place["teacher"]
    assert panel.shared(s, t) == 0
    found = evidence.score("style", s, t, evidence.groups(s, [t], paired=False))
    assert found.spread > 0.01
    assert abs(found.z) < 10


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.2, 1.0))
def test_common_keeps_what_can_be_subtracted_everywhere(seed: int, share: float) -> None:
    """Every lineage that stays answered every prompt that stays; three stay where three were."""
    rng = np.random.default_rng(seed)
    present = rng.random((60, len(FAMILY))) < share
    present[:, :2] = True
    panel = _with_holes(PANEL_60, present)
    evidence = evidence_of(panel, similarities(1, 60, len(FAMILY), present), ALL)
    groups, mask = evidence.common(GROUPS, evidence.panel.both(0, 1))
    assert set(groups) <= set(GROUPS) and len(groups) >= MIN_LINEAGES
    for name, members in groups.items():
        assert members and set(members) <= set(GROUPS[name])
        assert present[mask][:, GROUPS[name]].any(axis=1).all()


def test_common_prompts_are_those_of_the_members_that_stay() -> None:
    present = np.ones((60, len(FAMILY)), dtype=bool)
    # of lineage c, c1 answered the first 40 prompts, c2 and c3 the last 20 and 25
    present[40:, 5] = present[:40, 6] = present[:35, 7] = False
    panel = _with_holes(PANEL_60, present)
    evidence = evidence_of(panel, similarities(1, 60, len(FAMILY), present), ALL)
    groups, mask = evidence.common(GROUPS, evidence.panel.both(0, 1))
    for members in groups.values():
        assert present[mask][:, members].any(axis=1).all()


def test_common_keeps_all_where_nothing_is_missing() -> None:
    evidence = evidence_of(PANEL_60, similarities(1, 60, len(FAMILY)), ALL)
    groups, mask = evidence.common(GROUPS, evidence.panel.both(0, 1))
    assert groups == GROUPS and mask.all()


PANEL_60 = panel_with(FAMILY, np.ones((60, len(FAMILY)), bool))

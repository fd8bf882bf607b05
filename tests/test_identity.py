"""The channel of identity: what claims are worth against those of other lineages, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.channels import identity
from fingerprint.channels.identity import CAP, FLOOR, KEPT, Cell, Claims, against, measure
from fingerprint.library import library
from fingerprint.models import model_info
from fingerprint.packs import Pack, build
from fingerprint.panel import Panel, align
from fingerprint.records import Outputs, Response

ENGLISH, CHINESE = 1, 9


def cells(*counts: tuple[int, int], language: int = ENGLISH, start: int = 0) -> dict[int, Cell]:
    """Answers to prompts start, start + 1, ...: (claims, answers) each."""
    return {start + i: Cell(language, y, n) for i, (y, n) in enumerate(counts)}


def lineages(n: int, *counts: tuple[int, int]) -> dict[str, list[dict[int, Cell]]]:
    return {f"l{i}": [cells(*counts)] for i in range(n)}


def ratio(own: Mapping[int, Cell], groups: Mapping[str, list[dict[int, Cell]]]) -> float:
    found = against("anthropic", "m", own, groups)
    assert found.ratio is not None
    return found.ratio


MANY = [(10, 10)] * 20
NONE = [(0, 10)] * 20


@pytest.mark.parametrize("n", [3, 5, 8, 12, 16, 40, 200])
def test_lineages_bound_the_ratio_and_ten_does(n: int) -> None:
    """However many answers: n lineages support (n + 2) / 2, and none more than 10."""
    found = ratio(cells(*MANY), lineages(n, *NONE))
    limit = 1 - KEPT + KEPT * (n + 1)
    assert found <= min(limit, CAP)
    assert found == pytest.approx(min(limit, CAP), rel=0.01)


def test_absence_says_next_to_nothing() -> None:
    assert ratio(cells(*NONE), lineages(8, *NONE)) == FLOOR == 0.8
    # even where everybody else claims the maker
    assert ratio(cells(*NONE), lineages(8, *MANY)) >= FLOOR


def test_what_others_claim_as_well_is_no_evidence() -> None:
    usual = lineages(8, *NONE)
    alone = ratio(cells(*MANY), usual)
    found = [alone]
    for i in range(5):
        usual[f"l{i}"] = [cells(*MANY)]
        found.append(ratio(cells(*MANY), usual))
    assert found == sorted(found, reverse=True)
    assert alone > 4 and found[1] < 2 and found[-1] < 1


def test_more_claims_are_more_evidence_up_to_the_bound() -> None:
    usual = lineages(8, *NONE)
    found = [ratio(cells(*[(y, 10)] * 20), usual) for y in range(11)]
    assert all(a <= b + 1e-9 for a, b in pairwise(found))
    assert found[0] == FLOOR and found[-1] > 4


def test_samples_of_one_prompt_are_not_as_many_prompts() -> None:
    usual = lineages(8, (0, 200))
    assert ratio(cells((200, 200)), usual) < ratio(cells(*MANY), lineages(8, *NONE))
    one = against("x", "m", cells((100, 200)), usual)
    many = against("x", "m", cells(*[(5, 10)] * 20), lineages(8, *NONE))
    assert one.share == many.share == 0.5
    assert one.high - one.low > 2 * (many.high - many.low)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_with_too_few_lineages_there_is_a_share_and_no_ratio(n: int) -> None:
    found = against("anthropic", "m", cells(*MANY), lineages(n, *NONE))
    assert found.ratio is None and found.llr10 is None
    assert found.share == 1.0 and found.low < 1.0 and found.background == {}
    assert found.claims == found.answers == 200


def test_questions_are_matched_and_mixed_alike() -> None:
    """A lineage is set against the suspect on the suspect's own mix of questions."""
    pressed, plain = (10, 10), (0, 10)
    own = cells(pressed, plain)
    usual = lineages(4, pressed, plain)
    # asked the plain question more often, which must not lower what is usual
    usual["l0"] = [cells((30, 30), (0, 300))]
    usual["l1"].append(cells((0, 10), start=1))
    found = against("x", "m", own, usual)
    assert found.paired and found.prompts == 2
    for share in found.background.values():
        assert share == pytest.approx(0.5)
    # one that was asked only the plain question can't stand for both
    usual["l9"] = [cells(plain, start=1)]
    assert "l9" not in against("x", "m", own, usual).background


def test_questions_that_hardly_anybody_was_asked_are_left_out() -> None:
    own = cells(*[(9, 10)] * 3)
    usual = lineages(5, (0, 10), (0, 10))
    usual["l0"] = [cells((0, 10), (0, 10), (0, 10))]
    found = against("x", "m", own, usual)
    assert found.prompts == 2 and found.answers == 20
    # where questions exclude each other, the one with fewer lineages goes
    split = {f"a{i}": [cells((0, 9))] for i in range(5)}
    split |= {f"b{i}": [cells((0, 9), start=1)] for i in range(3)}
    found = against("x", "m", cells((9, 10), (9, 10)), split)
    assert found.prompts == 1 and set(found.background) == {f"a{i}" for i in range(5)}


def test_other_questions_in_the_same_language_serve_where_none_are_common() -> None:
    own = cells(*MANY) | cells(*MANY, language=CHINESE, start=50)
    usual = {f"l{i}": [cells((0, 10), start=900 + i)] for i in range(4)}
    found = against("x", "m", own, usual)
    assert not found.paired and set(found.by_language) == {"en"}
    assert found.answers == 200 and found.ratio is not None
    assert found.ratio == pytest.approx(1 - KEPT + KEPT * 5, rel=0.2)


def test_a_model_that_did_not_learn_seldom_gets_much() -> None:
    """Lineages at random rates, the suspect one of them: large ratios are as rare as they say."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        rates = rng.beta(0.15, 1.5, size=7)
        drawn = [cells(*((int(rng.binomial(8, r)), 8) for _ in range(6))) for r in rates]
        found.append(ratio(drawn[0], {f"l{i}": [c] for i, c in enumerate(drawn[1:])}))
    values = np.array(found)
    assert values.mean() < 1.2
    assert (values > 2).mean() < 0.15 and (values > 3).mean() < 0.1


counts = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(counts, st.lists(counts, max_size=6), st.sampled_from([ENGLISH, CHINESE]))
def test_whatever_is_claimed_the_numbers_hold(own: list, usual: list, language: int) -> None:
    def made(rows: list, tongue: int = ENGLISH) -> dict[int, Cell]:
        return cells(*((min(y, n), n) for y, n in rows), language=tongue)

    groups = {f"l{i}": [made(rows, language)] for i, rows in enumerate(usual)}
    found = against("x", "m", made(own), groups)
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert 0 <= found.claims <= found.answers
    assert found.ratio is None or FLOOR <= found.ratio <= CAP
    again = against("x", "m", made(own), dict(reversed(groups.items())))
    assert again.ratio == (found.ratio and pytest.approx(found.ratio))
    assert again.background == found.background and again.answers == found.answers


# --- over packs


def speaker(name: str, text: str, n: int = 6, *, prompts: int = 3, **facts: str) -> Pack:
    responses = tuple(
        Response(f"q{p}", f"Who are you, {p}?", text, s, "canary", "en", extra={"kind": "identity"})
        for p in range(prompts)
        for s in range(n)
    )
    plain = tuple(Response(f"p{i}", f"Prompt {i}", f"Answer {i}.") for i in range(3))
    return build(Outputs(name, responses + plain), model_info(name, **facts))


def mute(name: str, **facts: str) -> Pack:
    plain = tuple(Response(f"p{i}", f"Prompt {i}", f"Answer {i}.") for i in range(3))
    return build(Outputs(name, plain), model_info(name, **facts))


def world(suspect: Pack, *others: Pack) -> Panel:
    background = [
        speaker(f"b{i}", "I am an assistant.", lineage=f"b{i}", vendor=f"v{i}") for i in range(4)
    ]
    return align([suspect, mute("claude-2"), *background], others)


def found(panel: Panel, background: range = range(2, 6)) -> Claims:
    claims = measure(panel, background, 0, 1)
    assert isinstance(claims, Claims), claims
    return claims


def test_a_suspect_that_says_its_teachers_name() -> None:
    claims = found(world(speaker("s", "I'm Claude, by Anthropic.")))
    assert claims.maker == "anthropic" and claims.model == "s"
    assert claims.by_language == {"en": (18, 18)} and claims.prompts == 3
    assert claims.background == dict.fromkeys(("b0", "b1", "b2", "b3"), 0.0)
    assert claims.llr10 == pytest.approx(np.log10(3.0), abs=0.05)
    other = found(world(speaker("s", "I'm ChatGPT.")))
    assert other.share == 0 and other.ratio == FLOOR


def test_relatives_and_students_are_no_background() -> None:
    panel = world(
        speaker("s", "I'm Claude."),
        speaker("s2", "I'm Claude.", lineage="s"),
        speaker("claude-instant-1", "I'm Claude."),
        speaker("qlora-7b-hh-rlhf", "I'm Claude."),  # documented to have learned from anthropic
        speaker("m", "I'm Claude.", lineage="m", vendor="m"),
    )
    assert set(found(panel).background) == {"b0", "b1", "b2", "b3", "m"}
    # members that are no background say nothing either
    assert set(found(panel, range(2, 4)).background) == {"b0", "b1", "m"}


@pytest.mark.parametrize(
    ("suspect", "reason"),
    [
        (mute("s"), "was not asked who it is"),
        (speaker("s", "I'm Claude.", 2, prompts=2), "fewer than 5 answers"),
        (speaker("claude-3-opus", "I'm Claude."), "of one maker"),
    ],
)
def test_what_is_missing_is_said(suspect: Pack, reason: str) -> None:
    said = measure(world(suspect), range(2, 6), 0, 1)
    assert isinstance(said, str) and reason in said


def test_a_teacher_of_unknown_maker_cannot_be_named() -> None:
    panel = align([speaker("s", "I'm Claude."), mute("t")])
    assert measure(panel, (), 0, 1) == "the teacher's maker is not known"


@pytest.mark.parametrize(
    ("suspect", "chosen"),
    [
        ("kimi-k2.5", "kimi-k2.5"),
        ("kimi-k2.5-thinking", "kimi-k2.5"),
        ("deepseek-v32-exp", "deepseek-v3.2"),
        ("deepseek-v4", "deepseek-v4-pro"),
        ("minimax-m2.7", "minimax-m2.7"),
        ("seed-2.0-pro", "seed-2.0-mini"),
        ("glm-5", "glm-5"),
        ("qwen3.5-397b-a17b", "qwen3.5-397b-a17b"),
    ],
)
def test_the_closest_version_answers_for_a_suspect_that_was_not_asked(
    suspect: str, chosen: str
) -> None:
    shelf = library()
    panel = align([mute(suspect), mute("claude-opus-4.6")], [*map(shelf.load, shelf.canaries)])
    claims = measure(panel, (), 0, 1)
    assert isinstance(claims, Claims) and claims.model == chosen
    assert claims.paired and claims.ratio is not None


def test_unknown_models_get_no_relative() -> None:
    shelf = library()
    packs = [*map(shelf.load, shelf.canaries)]
    said = measure(align([mute("mystery"), mute("claude-2")], packs), (), 0, 1)
    assert isinstance(said, str)


# --- the shipped answers


def test_models_name_their_own_maker_and_others_are_rare() -> None:
    """What docs/canary.md says of the library, measured again on what ships."""
    shelf = library()
    own, other = [], []
    for entry in shelf.canaries:
        pack = shelf.load(entry)
        assert pack.info.vendor is not None and len(pack) == 0
        for maker in ("anthropic", "openai", "google", pack.info.vendor):
            found = identity.cells_of(pack, maker)
            rate = sum(c.claims for c in found.values()) / sum(c.answers for c in found.values())
            (own if maker == pack.info.vendor else other).append(rate)
    assert len(shelf.canaries) == 66
    assert np.median(own) == 1.0 and np.mean(np.array(own) > 0.5) > 0.85
    assert np.mean(np.array(other) > 0) < 0.15


def test_the_shipped_packs_are_small() -> None:
    shelf = library()
    size = sum((shelf.folder / e.file).stat().st_size for e in shelf.canaries)
    assert size < 200_000

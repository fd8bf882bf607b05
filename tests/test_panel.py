"""The panel: alignment on shared prompts, coverage, domains, joined suites."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import pack_of, panel_of_texts

from fingerprint.errors import ComparisonError
from fingerprint.models import model_info
from fingerprint.packs import build
from fingerprint.panel import MAX_SAMPLES, align, merge
from fingerprint.records import Outputs, Response
from fingerprint.units import KINDS


def given(name: str, *responses: tuple[str, str], suite: str | None = None, **fields: str):
    return Outputs(
        name,
        tuple(
            Response(prompt, prompt, text, sample=i, **fields)
            for i, (prompt, text) in enumerate(responses)
        ),
        suite=suite,
    )


def test_only_prompts_of_two_models_or_more_stay() -> None:
    panel = panel_of_texts(
        {
            "sim-a": {"one": "x", "two": "x y", "mine": "x"},
            "sim-b": {"two": "x y z", "one": "x"},
            "sim-c": {"two": "x", "other": "x"},
        }
    )
    assert len(panel.prompts) == 2
    assert panel.present.sum(axis=0).tolist() == [2, 2, 1]
    assert panel.present.sum(axis=1).tolist() in ([2, 3], [3, 2])
    assert panel.shared(0, 1) == 2
    assert panel.shared(0, 2) == panel.shared(2, 1) == 1
    assert [info.name for info in panel.infos] == ["sim-a", "sim-b", "sim-c"]


def test_counts_are_means_over_samples_and_nan_where_absent() -> None:
    panel = panel_of_texts(
        {
            "sim-a": {"p": ["a b c", "a b c d e\nf g"], "q": "a"},
            "sim-b": {"p": "a b"},
            "sim-c": {"q": "a b c"},
        }
    )
    p = next(i for i in range(2) if panel.present[i, 1])
    q = 1 - p
    assert panel.words[p].tolist()[:2] == [5.0, 2.0]
    assert panel.lines[p].tolist()[:2] == [1.5, 1.0]
    assert np.isnan(panel.words[p, 2]) and np.isnan(panel.lines[p, 2])
    assert panel.words[q, 0] == 1.0 and np.isnan(panel.words[q, 1])
    assert len(panel.rows[0][p]) == 2 and len(panel.rows[2][p]) == 0


def test_prompts_pair_whatever_their_case_and_white_space() -> None:
    packs = [
        pack_of(given("sim-a", ("What  is\n this?", "x"))),
        pack_of(given("sim-b", ("what is this? ", "x"))),
    ]
    assert len(align(packs).prompts) == 1


def test_no_prompt_in_common_gives_an_empty_panel() -> None:
    panel = panel_of_texts({"sim-a": {"p": "x"}, "sim-b": {"q": "x"}})
    assert panel.present.shape == (0, 2)
    assert panel.shared(0, 1) == 0
    assert panel.domains == ()


def test_samples_beyond_the_most_are_left_out() -> None:
    texts = [f"word{'x' * i}" for i in range(MAX_SAMPLES + 5)]
    panel = panel_of_texts({"sim-a": {"p": texts}, "sim-b": {"p": "x"}})
    assert len(panel.rows[0][0]) == MAX_SAMPLES


def test_the_domain_is_that_of_most_models() -> None:
    packs = [
        pack_of(given("sim-a", ("p", "x"), domain="law")),
        pack_of(given("sim-b", ("p", "x"), domain="law")),
        pack_of(given("sim-c", ("p", "x"), domain="art")),
        pack_of(given("sim-d", ("p", "x"))),
    ]
    assert align(packs).domains == ("law",)
    assert align(packs[2:]).domains == ("art",)
    assert align([packs[0], packs[2]]).domains == ("art",)  # a tie: by name, whoever comes first
    assert align([packs[2], packs[0]]).domains == ("art",)


def test_different_keys_are_refused_and_named() -> None:
    info = model_info("sim-keyed")
    keyed = build(given("sim-keyed", ("p", "x")), info, key=b"0123456789abcdef")
    plain = pack_of(given("sim-plain", ("p", "x")))
    with pytest.raises(ComparisonError, match="different keys") as error:
        align([keyed, plain])
    assert "sim-keyed" in str(error.value) and "sim-plain" in str(error.value)
    assert "--key-file" in str(error.value)


def test_merge_joins_suites_row_by_row() -> None:
    one = pack_of(given("sim-a", ("p", "- red\n- blue"), ("q", "green."), suite="s1", domain="z"))
    two = pack_of(given("sim-a", ("r", "Red. Blue. Green."), suite="s2", domain="a"))
    joined = merge([one, two])
    assert joined.suite == "s1+s2"
    assert len(joined) == 3
    assert joined.prompts.tolist() == [*one.prompts.tolist(), *two.prompts.tolist()]
    assert [joined.domain_names[i] for i in joined.domains] == ["z", "z", "a"]
    for kind in KINDS:
        rows = getattr(joined.units, kind)
        parts = [getattr(one.units, kind), getattr(two.units, kind)]
        found = [rows[i].tolist() for i in range(3)]
        assert found == [parts[0][0].tolist(), parts[0][1].tolist(), parts[1][0].tolist()]
    assert joined.units.openings.shape[0] == joined.units.style.shape[0] == 3
    assert merge([one]) is one

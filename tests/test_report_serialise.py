"""The JSON contract of DESIGN.md: keys, order, nulls and bytes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report_terminal import make_insufficient, make_matrix, make_verdict

from fingerprint.records import Problem, RankingRow, Status
from fingerprint.report import dumps, matrix_to_list, verdict_to_dict

KEYS = [
    "schema",
    "suspect",
    "teacher",
    "background",
    "share",
    "llr10",
    "cap10",
    "verbal",
    "verdict",
    "channels",
    "ranking",
    "alternatives",
    "domains",
    "limitations",
    "inputs",
    "seed",
    "version",
]


def test_keys_stand_in_the_order_of_the_contract() -> None:
    data = json.loads(dumps(verdict_to_dict(make_verdict())))
    assert list(data) == [*KEYS, "answer", "cap_reason", "problems", "n_prompts"]
    assert data["schema"] == "fingerprint.verdict/1"
    assert data["verdict"] == "inconclusive"
    party = [
        "name",
        "lineage",
        "vendor",
        "suites",
        "versions",
        "n_responses",
        "released",
        "lineage_known",
    ]
    assert list(data["suspect"]) == list(data["teacher"]) == party
    assert list(data["background"][0]) == ["name", "lineage"]
    assert list(data["share"]) == ["estimate", "low", "high", "level", "calibration"]
    channel = ["name", "status", "score", "low", "high", "llr10", "n_prompts", "reason"]
    assert all(list(item) == channel for item in data["channels"])
    assert list(data["ranking"][0]) == ["teacher", "llr10", "share", "verdict"]
    assert list(data["alternatives"][0]) == ["name", "status", "llr10", "why"]
    assert list(data["domains"][0]) == ["domain", "share", "n_prompts"]
    assert list(data["inputs"][0]) == ["path", "sha256"]


def test_a_missing_channel_is_null_with_a_reason() -> None:
    channels = verdict_to_dict(make_verdict())["channels"]
    missing = next(item for item in channels if item["status"] == Status.MISSING)
    assert missing["score"] is missing["low"] is missing["high"] is missing["llr10"] is None
    assert missing["reason"]


def test_a_ranking_row_without_a_number_says_why() -> None:
    late = next(
        row for row in verdict_to_dict(make_verdict())["ranking"] if row["verdict"] == "impossible"
    )
    assert late["llr10"] is None
    assert late["note"]


def test_insufficient_data_has_nulls_whatever_the_record_holds() -> None:
    verdict = make_verdict(
        verdict=make_insufficient().verdict,
        ranking=(RankingRow("teacher-a", 1.0, make_verdict().share, "insufficient_data"),),
    )
    data = verdict_to_dict(verdict)
    assert data["llr10"] is data["cap10"] is data["share"] is None
    assert data["ranking"][0]["llr10"] is data["ranking"][0]["share"] is None


def test_problems_are_counted_and_the_first_listed() -> None:
    problems = tuple(Problem("a.jsonl", n, "the response is empty") for n in range(1, 51))
    data = verdict_to_dict(make_verdict(problems=problems))["problems"]
    assert data["count"] == 50
    assert len(data["first"]) == 20
    assert data["first"][0] == {"path": "a.jsonl", "line": 1, "message": "the response is empty"}


def test_matrix_entries() -> None:
    data = json.loads(dumps(matrix_to_list(make_matrix())))
    keys = ["suspect", "teacher", "llr10", "cap10", "share", "verdict"]
    assert list(data[0]) == keys
    assert list(data[8]) == [*keys, "reason"]
    assert data[8]["llr10"] is data[8]["cap10"] is data[8]["share"] is None
    assert all(isinstance(row["suspect"], str) for row in data)


def test_same_verdict_same_bytes_all_ascii() -> None:
    hostile = replace(make_verdict(), answer="\x1b[2J\x7f\x9b\u202e\ud800 漢")
    text = dumps(verdict_to_dict(hostile))
    assert text == dumps(verdict_to_dict(replace(hostile)))
    assert all(char == "\n" or " " <= char <= "~" for char in text)
    assert text.endswith("}\n")
    assert json.loads(text)["answer"] == hostile.answer


def test_floats_are_rounded_and_integers_are_not() -> None:
    data = [0.1 + 0.2, 1234567.89, -0.0, 1e-12 / 3, 12345678901234567890, True, (1,)]
    assert json.loads(dumps(data)) == [
        0.3, 1234570.0, 0.0, 3.33333e-13, 12345678901234567890, True, [1],
    ]  # fmt: skip
    assert "-0.0" not in dumps([-0.0, -1e-320 * 0])


def test_numpy_numbers_are_numbers() -> None:
    np = pytest.importorskip("numpy")
    assert json.loads(dumps([np.float32(0.1), np.float64(0.1), np.int64(3)])) == [0.1, 0.1, 3]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"\$\.share\.low"):
        dumps({"share": {"low": value}})
    with pytest.raises(ValueError, match=r"\$\.llr10"):
        dumps(verdict_to_dict(make_verdict(llr10=value)))


@pytest.mark.parametrize("value", [{1: 2}, {1, 2}, b"x", object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="expected"):
        dumps([value])


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
))  # fmt: skip
def test_plain_data_survives(data: object) -> None:
    assert json.loads(dumps(data)) == data

"""Verdicts read back: the same record, and no other file taken for one."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report_terminal import make_share, make_verdict

from fingerprint.errors import ReportError
from fingerprint.records import Problem
from fingerprint.report import dumps, verdict_to_dict
from fingerprint.report.deserialise import MAX_VERDICT_BYTES, read_verdict

RAW = dumps(verdict_to_dict(make_verdict())).encode()


def test_nothing_is_lost_on_the_way():
    problems = (Problem("a.jsonl", 3, "bad"), Problem("b.jsonl", None, "worse"))
    for verdict in (
        make_verdict(),
        make_verdict(problems=problems, seed=2**63),
        make_verdict(share=None, llr10=None, cap10=None, verdict="insufficient_data"),
        make_verdict(domains=(), limitations=(), ranking=(), background=()),
        make_verdict(share=make_share(1.0, 0.5, 1.0), answer="é \u202e \x1b <b>"),
    ):
        raw = dumps(verdict_to_dict(verdict)).encode()
        assert dumps(verdict_to_dict(read_verdict(raw, "v.json"))).encode() == raw


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other/1"}, "expected a verdict of schema fingerprint.verdict/1"),
        ({"verdict": "proven"}, "one of supported"),
        ({"channels": [{"name": "x"}]}, "channels"),
        ({"llr10": "1"}, "llr10"),
        ({"suspect": None}, "suspect"),
        ({"share": {"estimate": 1}}, "share"),
        ({"limitations": [1]}, "limitations"),
        ({"problems": []}, "problems"),
        ({"ranking": [{"teacher": "t", "verdict": "guilty"}]}, "verdict"),
    ],
)
def test_another_file_is_refused(change, said):
    raw = json.dumps({**json.loads(RAW), **change}).encode()
    with pytest.raises(ReportError, match=r"^v\.json") as caught:
        read_verdict(raw, "v.json")
    assert said in str(caught.value)


def test_a_file_without_end_is_refused():
    with pytest.raises(ReportError, match="may have"):
        read_verdict(b" " * (MAX_VERDICT_BYTES + 1), "v.json")


@settings(max_examples=200)
@given(st.integers(0, len(RAW) - 1), st.integers(0, 255))
def test_any_byte_may_be_wrong(place, byte):
    raw = RAW[:place] + bytes([byte]) + RAW[place + 1 :]
    with contextlib.suppress(ReportError):
        read_verdict(raw, "v.json")

"""The terminal views: what is shown, in what width, and what must never be shown."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from fingerprint.records import (
    Alternative,
    ChannelResult,
    DomainResult,
    MatrixRow,
    ModelInfo,
    Party,
    Problem,
    RankingRow,
    Share,
    Source,
    Status,
    Verdict,
    VerdictLabel,
)
from fingerprint.report import render_matrix, render_verdict

WIDTHS = (60, 80, 120)
FORBIDDEN = re.compile(
    r"\b(stole|stolen|steal\w*|proves?|proven|proof|copied|copies|theft)\b", re.I
)


def make_share(estimate: float = 0.31, low: float = 0.12, high: float = 0.47) -> Share:
    return Share(estimate, low, high, 0.9, "calibrated on 24 invented students of known dose")


def make_party(name: str, **changes: Any) -> Party:
    party = Party(
        name=name,
        lineage=f"{name}-line",
        vendor="vendor-q",
        suites=("chat",),
        versions=("1.0",),
        n_responses=540,
        released="2026-01",
        lineage_known=True,
    )
    return replace(party, **changes)


def make_verdict(**changes: Any) -> Verdict:
    """Build an invented verdict: no model of this name exists."""
    verdict = Verdict(
        suspect=make_party("suspect-x"),
        teacher=make_party("teacher-a", vendor="vendor-a", released="2025-06"),
        background=tuple(
            ModelInfo(f"clean-{line}-{n}", f"line-{line}", lineage_known=line != "hill")
            for line, models in (("sea", 4), ("dune", 3), ("moss", 2), ("hill", 1), ("fjord", 1))
            for n in range(models)
        ),
        share=make_share(),
        llr10=0.62,
        cap10=0.9,
        cap_reason="5 independent background lineages support no more",
        verbal="weak support",
        verdict=VerdictLabel.INCONCLUSIVE,
        answer=(
            "suspect-x appears closer to teacher-a than unrelated models are, but the evidence "
            "is also consistent with public data derived from teacher-a, or with teacher-b."
        ),
        channels=(
            ChannelResult("openings", Status.MEASURED, 0.214, 0.12, 0.31, 0.41, 180, None),
            ChannelResult("phrases", Status.MEASURED, 0.04, -0.02, 0.1, 0.08, 180, None),
            ChannelResult(
                "style",
                Status.UNRELIABLE,
                0.33,
                0.1,
                0.52,
                None,
                176,
                "the suspect's answers seem to have been reformatted: no headings at all",
            ),
            ChannelResult(
                "likelihood",
                Status.MISSING,
                None,
                None,
                None,
                None,
                0,
                "needs the suspect's weights; none were given",
            ),
        ),
        ranking=(
            RankingRow("teacher-a", 0.62, make_share(), "inconclusive", "vendor-a"),
            RankingRow("teacher-b", 0.55, make_share(0.2, 0.02, 0.4), "inconclusive", "vendor-a"),
            RankingRow("teacher-c", -0.71, make_share(0.0, 0.0, 0.1), "not_supported"),
            RankingRow("teacher-d", 0.02, None, "inconclusive"),
            RankingRow("teacher-late", None, None, "impossible", note="2026-05 against 2026-01"),
            RankingRow("teacher-e", None, None, "insufficient_data", note="11 common prompts"),
        ),
        alternatives=(
            Alternative(
                "same base model",
                Status.UNLIKELY,
                -0.5,
                "phrases sit well below what models of one base share",
            ),
            Alternative(
                "common public data",
                Status.OPEN,
                None,
                "public sets with outputs of teacher-a exist; these prompts cannot tell them apart",
            ),
            Alternative(
                "sibling of the teacher",
                Status.OPEN,
                0.07,
                "teacher-b, of the same vendor, looks as close",
            ),
            Alternative(
                "reverse direction",
                Status.EXCLUDED,
                None,
                "teacher-a was public 7 months before suspect-x",
            ),
        ),
        domains=(
            DomainResult("coding", make_share(0.44, 0.2, 0.7), 60),
            DomainResult("writing", make_share(0.1, 0.0, 0.31), 110),
            DomainResult("law", None, 10),
        ),
        limitations=(
            "Five background lineages: however many prompts are added, the strength stays weak.",
            "The suspect was asked with the vendor's default system prompt, which is not known.",
        ),
        inputs=tuple(Source(f"outputs/{n}.jsonl", f"{n:064x}") for n in range(13)),
        problems=(
            Problem("outputs/1.jsonl", 17, "expected a JSON object, found the start of a string"),
            Problem("outputs/1.jsonl", 44, "the response is empty"),
        ),
        n_prompts=180,
        seed=20260101,
        version="0.1.0",
    )
    return replace(verdict, **changes)


def make_insufficient() -> Verdict:
    verdict = make_verdict()
    return replace(
        verdict,
        background=verdict.background[:6],
        share=None,
        llr10=None,
        cap10=None,
        cap_reason="2 independent background lineages, where 3 are the least",
        verbal="no statement",
        verdict=VerdictLabel.INSUFFICIENT,
        answer="There is not enough data to say whether suspect-x learned from teacher-a.",
        channels=tuple(
            replace(
                channel,
                status=Status.MISSING,
                score=None,
                low=None,
                high=None,
                llr10=None,
                reason=channel.reason or "needs 3 independent background lineages",
            )
            for channel in verdict.channels
        ),
        ranking=tuple(
            row
            if row.verdict == "impossible"
            else replace(row, llr10=None, share=None, verdict="insufficient_data")
            for row in verdict.ranking
        ),
        alternatives=tuple(replace(item, llr10=None) for item in verdict.alternatives),
        domains=(),
    )


def make_matrix() -> list[MatrixRow]:
    rows = []
    for suspect, base in (("suspect-x", 0.8), ("suspect-y", -0.3), ("suspect-z", 0.1)):
        for n, teacher in enumerate(("teacher-a", "teacher-b", "teacher-c")):
            value = base - 0.35 * n
            verdict = "supported" if value > 0.5 else "not_supported" if value < -0.5 else ""
            rows.append(
                MatrixRow(suspect, teacher, value, 0.9, make_share(), verdict or "inconclusive")
            )
    rows[4] = MatrixRow("suspect-y", "teacher-b", None, None, None, "impossible")
    rows[8] = MatrixRow(
        "suspect-z", "teacher-c", None, None, None, "insufficient_data", "4 common prompts"
    )
    return rows


def printed(
    shown: Verdict | list[MatrixRow], width: int = 80, encoding: str = "utf-8", **options: Any
) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    settings = {"color_system": None, "_environ": {}} | options
    console = Console(file=stream, width=width, **settings)
    if isinstance(shown, Verdict):
        render_verdict(shown, console)
    else:
        render_matrix(shown, console)
    stream.flush()
    return raw.getvalue().decode(encoding)


FAKES = (make_verdict(), make_insufficient(), make_matrix())


def drown(text: str) -> tuple[Verdict, list[MatrixRow]]:
    """Put one hostile text in every place of a verdict and of a matrix that takes text."""
    verdict = make_verdict()
    hostile = replace(
        verdict,
        suspect=make_party(text, lineage=text, vendor=text, released=text, suites=(text,)),
        teacher=make_party(text, versions=(text, text), lineage_known=False),
        background=(ModelInfo(text, text), *verdict.background),
        share=replace(make_share(), calibration=text),
        cap_reason=text,
        verbal=text,
        answer=text,
        channels=tuple(replace(item, name=text, reason=text) for item in verdict.channels),
        ranking=tuple(replace(row, teacher=text, note=text) for row in verdict.ranking),
        alternatives=tuple(replace(item, name=text, why=text) for item in verdict.alternatives),
        domains=tuple(replace(item, domain=text) for item in verdict.domains),
        limitations=(text,),
        inputs=(Source(text, text),),
        problems=(Problem(text, 1, text),),
        version=text,
    )
    rows = [replace(row, teacher=text, verdict=text, reason=text) for row in make_matrix()]
    return hostile, rows


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize("width", [40, *WIDTHS])
@pytest.mark.parametrize("shown", FAKES)
def test_no_line_is_wider_than_the_console(
    shown: Verdict | list[MatrixRow], width: int, encoding: str
) -> None:
    lines = printed(shown, width, encoding).split("\n")
    assert max(map(cell_len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    if encoding != "utf-8":
        assert all(line.isascii() for line in lines)


hostile_text = st.text(max_size=60) | st.text(
    st.sampled_from(
        "\x00\x07\x08\x1b\x7f\x85\x9b\u200b\u202e\u2028\u2066\ufeff\ud800[]/0;31m漢\u0301b"
    )
)


@settings(max_examples=60, deadline=None)
@given(hostile_text, st.sampled_from((40, *WIDTHS)), st.sampled_from(("utf-8", "ascii")))
def test_hostile_texts_neither_escape_nor_overflow(text: str, width: int, encoding: str) -> None:
    for shown in drown(text):
        lines = printed(shown, width, encoding).split("\n")
        assert max(map(cell_len, lines)) <= width
        assert all(line.isprintable() for line in lines)


def test_no_color_leaves_no_escape_sequence_on_a_real_terminal() -> None:
    coloured: dict[str, Any] = {"force_terminal": True, "color_system": "truecolor"}
    for shown in FAKES:
        assert "\x1b" in printed(shown, **coloured)
        assert "\x1b" not in printed(shown, no_color=True, **coloured)


def test_colour_adds_no_words() -> None:
    for shown in FAKES:
        coloured = printed(shown, force_terminal=True, color_system="truecolor")
        bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
        assert [line.rstrip() for line in bare.split("\n")] == printed(shown).split("\n")


def test_markup_in_names_is_shown_not_obeyed() -> None:
    name = "[red]x[/red]:boom:"
    verdict, rows = drown(name)
    assert name in printed(verdict)
    assert name in printed(rows)


@pytest.mark.parametrize("shown", FAKES)
def test_nothing_says_more_than_its_evidence(shown: Verdict | list[MatrixRow]) -> None:
    text = printed(shown)
    assert not FORBIDDEN.search(text)
    assert not re.search(r"\b(None|nan|inf|True|False)\b", text)


def test_numbers_that_are_not_finite_count_as_not_measured() -> None:
    nan = float("nan")
    verdict = make_verdict(
        llr10=nan,
        cap10=nan,
        share=make_share(nan, nan, nan),
        ranking=(RankingRow("teacher-a", nan, None, "inconclusive"),),
        channels=(ChannelResult("style", Status.MEASURED, nan, nan, nan, nan, 3, None),),
    )
    text = printed(verdict)
    assert "nan" not in text
    assert "not estimated" in text
    assert "not computed" in text
    assert "not measured" in text


def test_the_answer_comes_first() -> None:
    first, second = printed(make_verdict()).split("\n")[:2]
    assert "INCONCLUSIVE" in first
    assert "suspect-x appears closer to teacher-a" in second


def flat(text: str) -> str:
    return " ".join(text.split())


def test_strength_is_said_in_words_with_its_cap() -> None:
    text = flat(printed(make_verdict()))
    assert "about 4 times more probable if suspect-x learned from the outputs of teacher-a" in text
    assert "At most 8 times (log10 0.9) can be said: 5 independent background lineages" in text
    against = flat(printed(make_verdict(llr10=-0.62, verdict=VerdictLabel.NOT_SUPPORTED)))
    assert "NOT SUPPORTED" in against
    assert "about 4 times more probable if suspect-x did not learn from" in against
    assert "about as probable" in flat(printed(make_verdict(llr10=0.02)))


def test_ranking_marks_the_teacher_and_says_what_is_missing() -> None:
    lines = printed(make_verdict()).split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("Teachers"))
    rows = lines[at + 2 : at + 8]
    assert [line.split("teacher-")[1].split()[0] for line in rows] == [*"abdce", "late"]
    assert [line.strip().startswith(">") for line in rows] == [True, *[False] * 5]
    assert "not measured: 11 common prompts" in rows[4]
    assert "released after the suspect" in rows[5]
    assert not re.search("[█▌▐│]", rows[4] + rows[5])


def test_insufficient_data_shows_no_number_and_says_what_is_needed() -> None:
    # Numbers that reach the record by mistake are not shown under this label.
    verdict = replace(make_insufficient(), llr10=4.2, cap10=4.2, share=make_share(0.77))
    text = printed(verdict)
    assert "INSUFFICIENT DATA" in text
    assert "4.2" not in text
    assert "0.77" not in text
    assert "at least 3 lineages independent of both (2 here)" in text
    assert "--background" in text


def test_problems_and_unknown_lineages_are_counted() -> None:
    text = flat(printed(make_verdict()))
    assert "2 lines could not be used" in text
    assert "outputs/1.jsonl:17" in text
    assert "11 models of 5 lineages: line-sea (4)" in text
    assert "1 of them counts as a lineage only because nothing is known of it" in text


def test_empty_parts_leave_no_heading() -> None:
    verdict = make_verdict(
        channels=(), ranking=(), alternatives=(), domains=(), limitations=(), background=()
    )
    text = printed(verdict)
    for heading in ("Channels", "Teachers", "Alternatives", "Share by domain", "Limitations"):
        assert heading not in text
    assert "No background models" in text


def test_matrix_is_a_table_where_it_fits_and_a_list_where_not() -> None:
    rows = make_matrix()
    table = printed(rows, 80).split("\n")
    assert table[0].split() == ["teacher-a", "teacher-b", "teacher-c"]
    assert table[1].split() == ["suspect-x", "+0.8*", "+0.5", "+0.1"]
    assert table[2].split() == ["suspect-y", "-0.3", "late", "-1.0"]
    listed = printed(rows, 40)
    assert listed.startswith("suspect-x\n  teacher-a   +0.8*  supported")
    assert "4 common prompts" in listed
    assert "No pairs" in printed([])


def test_a_pair_given_twice_is_listed_twice() -> None:
    rows = make_matrix()
    listed = printed([*rows, replace(rows[0], llr10=0.1)])
    assert listed.count("teacher-a") == 4

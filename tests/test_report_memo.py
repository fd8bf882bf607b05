"""The memo: what it says is in the verdict, in every format, and it says no more."""

import io
import json
import re
import time
import zipfile
from dataclasses import replace

import docx
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report_markdown import NASTY
from test_report_terminal import FORBIDDEN, make_party, make_verdict

from fingerprint.errors import MissingExtraError, ReportError
from fingerprint.records import Alternative, Status
from fingerprint.report import dumps, verdict_to_dict
from fingerprint.report import memo as memo_module
from fingerprint.report.memo import Fixed, Paragraph, build_memo
from fingerprint.report.memo_markdown import memo_as_markdown
from fingerprint.report.memo_pdf import memo_as_pdf
from fingerprint.report.memo_texts import METHOD, REFERENCES
from fingerprint.report.memo_word import memo_as_docx
from fingerprint.report.prose import Figures, check

SHA = "5e" * 32
SECTIONS = (
    "Question", "Material", "Method", "Findings", "Alternatives considered", "Limits",
    "What would change the conclusion", "Statement", "References", "How to cite",
)  # fmt: skip


@pytest.fixture(scope="module")
def verdict():
    return make_verdict()


@pytest.fixture(scope="module")
def memo(verdict):
    return build_memo(verdict, SHA)


def text_of_docx(raw):
    document = docx.Document(io.BytesIO(raw))
    cells = [c.text for t in document.tables for row in t.rows for c in row.cells]
    return "\n".join([p.text for p in document.paragraphs] + cells)


def text_of_pdf(raw):
    document = pypdfium2.PdfDocument(raw)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def test_all_formats_say_the_same(memo):
    pages = text_of_pdf(memo_as_pdf(memo))
    for text in (memo_as_markdown(memo), text_of_docx(memo_as_docx(memo)), "\n".join(pages)):
        flat = re.sub(r"[\s*\\`]+", " ", text)
        for said in (*SECTIONS, "suspect-x", "teacher-a", "weak support", "inconclusive"):
            assert said in flat
        for number in ("0.31", "0.12", "0.47", "+0.6", "0.214", "180"):
            assert number in flat
        assert "doi:10.1001/jama.1983.03330370053031" in flat.replace(" ", "") or (
            "03330370053031" in flat
        )
        assert not FORBIDDEN.search(flat)


def test_two_to_three_pages(memo):
    assert 2 <= len(text_of_pdf(memo_as_pdf(memo))) <= 3


def test_the_same_memo_has_the_same_bytes(memo):
    first = memo_as_pdf(memo), memo_as_docx(memo)
    time.sleep(2.1)  # zip counts in steps of two seconds
    assert (memo_as_pdf(memo), memo_as_docx(memo)) == first


def test_no_date_of_the_clock_is_in_the_files(memo):
    with zipfile.ZipFile(io.BytesIO(memo_as_docx(memo))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d{2}-\d{2}", core)) == {"1980-01-01"}
    raw = memo_as_pdf(memo)
    assert b"/CreationDate" not in raw
    assert time.strftime("%Y-%m-%d").encode() not in raw


def test_the_pdf_is_tagged_for_screen_readers(memo):
    raw = memo_as_pdf(memo)
    assert b"/MarkInfo" in raw
    assert b"pdfuaid:part" in raw or b"pdfuaid" in raw


@pytest.mark.parametrize(
    "nasty", [*NASTY[::4], '#read("/etc/passwd")', '\\u{41} " #panic()', "$x$ @a"]
)
def test_hostile_names_do_not_break_out(verdict, nasty):
    bad = replace(
        verdict,
        suspect=make_party(nasty),
        teacher=make_party(f"{nasty} t"),
        alternatives=(Alternative("name", Status.OPEN, None, "because"),),
        version=nasty,
    )
    made = build_memo(bad, SHA)
    assert len(text_of_pdf(memo_as_pdf(made))) <= 3
    assert "Question" in text_of_docx(memo_as_docx(made))
    assert "<script" not in memo_as_markdown(made).replace("`<script", "")


def test_letters_that_no_font_has_are_shown_by_their_code(verdict):
    made = build_memo(replace(verdict, suspect=make_party("模型-é-Ж")), SHA)
    text = "".join(text_of_pdf(memo_as_pdf(made)))
    assert "\\u6a21" in text
    assert "é-Ж" in text


# The linter.


def told(*sentences, names=(), verdict=None):
    check(sentences, Figures(verdict_to_dict(verdict or make_verdict())), names)


@pytest.mark.parametrize(
    "sentence",
    [
        "This proves it.",
        "They stole the outputs.",
        "The text was copied.",
        "It was copied, certainly.",
        "It is theft.",
        "Beyond doubt it learned.",
        "A figure of None.",
        "The share is nan.",
    ],
)
def test_words_that_say_too_much_are_refused(sentence):
    with pytest.raises(ReportError, match="the memo was not written"):
        told(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The share is 0.31, from 0.12 to 0.47.",
        "A 90% interval.",
        "A share of 31%.",
        "About 4 times.",
        "log10 LR +0.6 and -0.71, or 0.7.",
        "180 prompts; SHA-256 and H1.",
        "It appears closer, consistent with training on its outputs.",
    ],
)
def test_what_the_verdict_carries_may_be_said(sentence):
    told(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The share is 0.32.",
        "The share is 0.315.",
        "A 95% interval.",
        "A share of 47.5%.",
        "About 40 times.",
        "181 prompts.",
        "It is 1,000 times.",
        "The ratio is 23.",
    ],
)
def test_a_figure_that_is_not_in_the_verdict_is_refused(sentence):
    with pytest.raises(ReportError, match="figure"):
        told(sentence)


def test_names_may_be_any_words_and_figures():
    told("stole-7b learned from gpt-9.99.", names=("stole-7b", "gpt-9.99"))
    with pytest.raises(ReportError):
        told("stole-7b stole from gpt-9.99.", names=("stole-7b", "gpt-9.99"))


@given(st.floats(0.001, 0.999))
def test_rounding_is_allowed_and_nothing_else(value):
    shares = make_verdict()
    shares = replace(shares, share=replace(shares.share, estimate=value))
    figures = Figures(json.loads(dumps(verdict_to_dict(shares))))
    shown = float(f"{value:.6g}")
    for digits in (2, 3):
        assert figures.allow(f"{shown:.{digits}f}")
    other = f"{shown + 0.0137:.4f}"
    known = {f"{abs(v):.4f}" for v in figures._measured}
    assert figures.allow(other) == (other in known)


def test_the_build_fails_when_a_verdict_file_says_too_much(verdict):
    for change in (
        {"answer": "suspect-x stole from teacher-a."},
        {"limitations": ("This proves everything.",)},
        {"cap_reason": "nobody doubts, it was copied"},
        {"alternatives": (Alternative("theft", Status.LIKELY, None, "why"),)},
    ):
        with pytest.raises(ReportError, match="the memo was not written"):
            build_memo(replace(verdict, **change), SHA)


def test_the_build_fails_when_a_template_adds_a_figure(verdict, monkeypatch):
    def invented(verdict):
        yield Paragraph(("The odds are 17.3 to one.",))

    monkeypatch.setattr(memo_module, "_findings", invented)
    with pytest.raises(ReportError, match=r"17\.3"):
        build_memo(verdict, SHA)


def test_standing_texts_hold_no_forbidden_word(memo):
    fixed = [
        run.text
        for section in memo.sections
        for block in section.blocks
        for runs in memo_module._runs(block)
        for run in runs
        if isinstance(run, Fixed)
    ]
    assert len(fixed) > 20
    for text in fixed:
        assert not FORBIDDEN.search(text)
    # The method names its references by number; every one is there and used.
    used = set(re.findall(r"\[(\d)\]", " ".join(fixed)))
    assert used == {str(i) for i in range(1, len(REFERENCES) + 1)}
    assert all(re.search(r"doi:10\.\d{4,}/|arXiv:\d{4}\.\d{5}|Guideline", r) for r in REFERENCES)
    assert len(METHOD) == 3


def test_insufficient_data_has_a_memo_without_numbers(verdict):
    made = build_memo(replace(verdict, verdict="insufficient_data"), SHA)
    text = memo_as_markdown(made)
    assert "No likelihood ratio is given" in text
    assert "estimated at" not in text


def test_without_the_extra_the_message_says_what_to_install(memo, monkeypatch):
    import sys

    for module, build in (("typst", memo_as_pdf), ("docx", memo_as_docx)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(MissingExtraError, match=r"fingerprint\[report\]"):
            build(memo)

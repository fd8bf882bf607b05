"""A verdict as Markdown: readable where it is pasted, and nothing in it acts."""

import re

import pytest
from html5lib import parseFragment
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_report_terminal import FORBIDDEN, make_party, make_share, make_verdict

from fingerprint.records import Alternative, RankingRow, Status
from fingerprint.report import render_markdown
from fingerprint.report.markdown import code, escape, table

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
NASTY = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "![a](http://e.example/x.png)",
    "http://e.example/?leak",
    "<http://e.example>",
    "```\nfence",
    "`tick`",
    "``",
    "| a | b |",
    "# head\n- list\n1. one",
    "@everyone #1 *b* _i_ ~s~",
    "\u202egnp",
    "&lt;b&gt; &amp; \\",
    "a\n\n<div onclick=x>",
    "",
    "   ",
)


def elements(text):
    """List the elements that a renderer makes of it, text of models aside."""
    tree = parseFragment(MARKDOWN.render(text), namespaceHTMLElements=False)
    return [node for node in tree.iter() if isinstance(node.tag, str)]


@pytest.mark.parametrize("nasty", NASTY)
def test_hostile_names_stay_text(nasty):
    verdict = make_verdict(
        suspect=make_party(nasty),
        teacher=make_party(nasty + "2"),
        answer=nasty,
        cap_reason=nasty,
        ranking=(RankingRow(nasty, 0.1, make_share(), "inconclusive", note=nasty),),
        alternatives=(Alternative(nasty, Status.OPEN, None, nasty),),
        limitations=(nasty, "1. " + nasty),
        version=nasty,
    )
    allowed = {"h3", "p", "ul", "li", "strong", "code", "table", "thead", "tbody", "tr", "th", "td"}
    for node in elements(render_markdown(verdict)):
        assert node.tag in allowed | {"DOCUMENT_FRAGMENT"}
        assert not node.attrib


@given(st.text(max_size=60))
def test_a_code_span_holds_everything(text):
    nodes = elements(f"x {code(text)} y")
    assert [n.tag for n in nodes if n.tag not in ("DOCUMENT_FRAGMENT", "p")] == ["code"]


@given(st.text(max_size=60))
def test_escaped_text_is_one_plain_paragraph(text):
    nodes = elements(f"x {escape(text)} y")
    assert [n.tag for n in nodes if n.tag != "DOCUMENT_FRAGMENT"] == ["p"]


@given(st.lists(st.text(max_size=10), min_size=2, max_size=2))
def test_a_cell_does_not_leave_its_row(texts):
    made = table(("a", "b"), [[code(texts[0]), escape(texts[1])]])
    assert len([n for n in elements(made) if n.tag == "td"]) == 2


def test_what_a_reader_finds():
    text = render_markdown(make_verdict())
    assert "`suspect-x` and `teacher-a`: inconclusive" in text
    assert "log10 LR **+0.6**" in text
    assert "**0.31** (0.12 to 0.47, 90% interval)" in text
    assert re.search(r"\*\*`teacher-a`\*\* \| \+0\.6", text)
    assert "released after the suspect" in text
    assert not FORBIDDEN.search(text)


def test_without_data_no_number_is_quoted():
    text = render_markdown(make_verdict(verdict="insufficient_data"))
    assert "not computed" in text
    assert "+0.6" not in text.split("| teacher")[0]

"""The page as a file: valid, self-contained, and nothing in it that came from a model runs."""

import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report_markdown import NASTY
from test_report_terminal import FORBIDDEN, make_party, make_verdict

from fingerprint.exhibits.gather import gather
from fingerprint.exhibits.records import Exhibit, Exhibits, Mark, Passage, SharedUnit
from fingerprint.landmarks import shipped
from fingerprint.records import Alternative, DomainResult, RankingRow, Source, Status
from fingerprint.report import explorer
from fingerprint.report.web_page import render_page

SHA = "5e" * 32
ROOT = Path(__file__).parent.parent


def page(verdict=None, exhibits=None, landmarks=None):
    pieces = render_page(
        verdict or make_verdict(), verdict_sha256=SHA, exhibits=exhibits, landmarks=landmarks
    )
    return "".join(pieces)


def exhibits_of(*texts, prompt="What?", domain="d"):
    """Make one exhibit of each text, its first word marked."""
    listed = []
    for i, text in enumerate(texts):
        end = max(len(text) // 2, 1)
        marks = (Mark(0, end, 0),) if text else ()
        passage = Passage(text[:40], text, 3, 2, marks)
        unit = SharedUnit("phrases", text, 2.5, 0, 6)
        listed.append(
            Exhibit(f"p{i}{text[:40]}", prompt + text, domain + text[:40], 1.0, 0.4, 0.1, (unit,),
                    1, passage, passage, passage)
        )  # fmt: skip
    return Exhibits(None, (), None, tuple(listed), "note " + "".join(texts)[:200])


def strict(text):
    """Parse as a browser would, and fail on any error of HTML syntax."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(io.BytesIO(text.encode("utf-8")), transport_encoding="utf-8")


def scripts(tree):
    return list(tree.iter("script"))


@pytest.fixture(scope="module")
def whole(case):
    return page(case.verdict, gather(case), shipped())


def test_the_page_is_valid_and_has_every_part(whole):
    tree = strict(whole)
    ids = [node.attrib["id"] for node in tree.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    for part in ("strength", "teachers", "channels", "kinds", "alternatives", "more", "evidence",
                 "limits", "method", "provenance"):  # fmt: skip
        assert part in ids
    links = [node.attrib["href"] for node in tree.iter("a")]
    assert all(link[0] == "#" and link[1:] in ids for link in links)


def test_a_bare_verdict_has_a_valid_page_too():
    for verdict in (
        make_verdict(),
        make_verdict(verdict="insufficient_data"),
        make_verdict(share=None),
        make_verdict(ranking=(), channels=(), alternatives=(), domains=(), limitations=()),
    ):
        text = page(verdict)
        strict(text)
        assert "evidence" not in re.findall(r'id="(\w+)"', text)
        assert "<script" not in text


def test_nothing_is_fetched_and_only_our_script_may_run(whole):
    """The policy is checked in a browser too; here that it names what is in the file."""
    tree = strict(whole)
    (policy,) = [m.attrib["content"] for m in tree.iter("meta") if "http-equiv" in m.attrib]
    assert policy.startswith("default-src 'none'; ")
    (style,) = tree.iter("style")
    running = [node for node in scripts(tree) if "type" not in node.attrib]
    assert len(running) == 1
    for node, rule in ((style, "style-src"), (running[0], "script-src")):
        import base64

        digest = base64.b64encode(hashlib.sha256(node.text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    for node in tree.iter():
        if isinstance(node.tag, str):
            assert node.tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
            names = set(node.attrib)
            assert not names & {"src", "srcset", "style", "action", "background", "data"}
            assert not [name for name in names if name.startswith("on")]
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_our_script_makes_only_text(whole):
    (script,) = [n.text for n in scripts(strict(whole)) if "type" not in n.attrib]
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                "Function(", "fetch(", "XMLHttpRequest", "import(", "setTimeout", "localStorage",
                "location", "cookie"):  # fmt: skip
        assert way not in script


def test_the_same_inputs_give_the_same_bytes(case):
    made = [page(case.verdict, gather(case), shipped()) for _ in range(2)]
    assert made[0] == made[1]


class _Texts(HTMLParser):
    """Collects elements and attributes as a lenient parser sees them."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("nasty", [*NASTY, "</script><script>alert(1)</script>", "<!--<script>",
                                   "]]>", "\ud800\udfff lone \ud800", "a\x00b\x85\ufffe\U0001fffe",
                                   "' onload='x", '" onfocus="x" autofocus="'])  # fmt: skip
def test_hostile_text_stays_text_everywhere(nasty):
    verdict = make_verdict(
        suspect=make_party(nasty, suites=(nasty, "b"), versions=(nasty,), vendor=nasty),
        teacher=make_party(nasty + "t", released=nasty),
        answer=nasty,
        cap_reason=nasty,
        verbal=nasty,
        ranking=(RankingRow(nasty, None, None, "insufficient_data", note=nasty),),
        alternatives=(Alternative(nasty, Status.OPEN, None, nasty),),
        domains=(DomainResult(nasty, None, 3),),
        limitations=(nasty,),
        inputs=(Source(nasty, nasty),),
        version=nasty,
    )
    plain = page(make_verdict(domains=(DomainResult("d", None, 3),)), exhibits_of("plain"))
    text = page(verdict, exhibits_of(nasty, prompt=nasty, domain=nasty))
    raw = text.encode("utf-8")  # no surrogate is left
    tree = strict(text)
    assert len(scripts(tree)) == 3
    for data in scripts(tree):
        if data.attrib.get("type") == "application/json":
            json.loads(data.text)
    wild = _Texts()
    wild.feed(raw.decode())
    expected = _Texts()
    expected.feed(plain)
    assert {tag for tag, _ in wild.found} <= {tag for tag, _ in expected.found}
    assert {a for _, attrs in wild.found for a in attrs} <= {
        a for _, attrs in expected.found for a in attrs
    }


anything = st.text(st.characters(codec=None, categories=None), max_size=40)


@settings(max_examples=60, deadline=None)
@given(anything)
def test_any_text_comes_back_as_it_was(text):
    """What the script reads from a block is the response, character by character."""
    blocks = list(explorer.blocks(exhibits_of(text).prompts))
    assert len(blocks) == 1
    assert not re.search("[<>&\x7f-\x9f\u2028\u2029\ud800-\udfff]", blocks[0])
    blocks[0].encode("utf-8")
    (found,) = json.loads(blocks[0])
    parts = found["sides"][0]["parts"]
    joined = "".join(part if isinstance(part, str) else part[0] for part in parts)
    # A pair of lone surrogates becomes the character that UTF-16 has for it, in any JSON reader.
    assert joined.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


def test_blocks_hold_so_many_prompts_each():
    many = exhibits_of(*[f"text {i}" for i in range(2 * explorer.BLOCK + 1)]).prompts
    sizes = [len(json.loads(block)) for block in explorer.blocks(many)]
    assert sizes == [explorer.BLOCK, explorer.BLOCK, 1]
    index = json.loads(explorer.index(many))
    assert len(index["ids"]) == len(index["weight"]) == len(many)


def test_without_text_the_page_is_small_and_has_no_word_of_any(case):
    text = page(case.verdict, gather(case, text=False), shipped())
    assert len(text.encode()) < 200_000
    assert "ev-index" not in text
    for exhibit in gather(case).prompts:
        for word in exhibit.suspect.text.split():
            if len(word) > 6 and word.isalpha():
                assert word not in text


def test_figures_of_the_verdict_are_on_the_page():
    text = page(make_verdict(), landmarks=shipped())
    for said in ("+0.6", "0.31", "0.12 to 0.47", "weak support", "180", "teacher-b", "0.214"):
        assert said in text
    assert "unrelated models" in text
    assert "documented students" in text
    assert not FORBIDDEN.search(re.sub(r"<(style|script).*?</\1>", "", text, flags=re.DOTALL))


def test_numbers_are_hidden_where_the_label_forbids_them():
    text = page(make_verdict(verdict="insufficient_data"))
    head = text[: text.index('id="teachers"')]
    assert "+0.6" not in head
    assert "0.31" not in head


def test_a_plain_run_does_not_load_the_template_engine():
    code = "import sys; import fingerprint.report; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_landmarks_are_those_of_the_shipped_calibration():
    """After a fit of the calibration: python tools/build_landmarks.py."""
    from fingerprint import calibration

    used = calibration.shipped()
    assert shipped().calibration == f"{used.name} ({used.sha256[:12]})"
    low, high = (group.middle for group in shipped().groups)
    assert low < high


def test_replacing_the_seed_changes_the_page(case):
    one = page(case.verdict)
    assert one != page(replace(case.verdict, seed=1))

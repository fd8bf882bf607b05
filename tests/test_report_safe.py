"""What `clean` lets through, and what it shows as an escape."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from fingerprint.report.safe import clean, is_safe

# Surrogates included: JSON can spell them, and UTF-8 cannot encode them.
anything = st.text(st.characters(codec=None, categories=None), max_size=80)
troublesome = st.text(
    st.sampled_from(
        "a \x00\t\n\r\x1b\x7f\x80\x9b\xa0\xad\u0301\u034f\u061c\u115f\u1160\u11a8\u200b\u200d\u200e"
        "\u2028\u202e\u2066\u2069\u2800\u3000\u3164\ufe0f\ufeff\U000e0041\U000e0101\ud800\udfff"
        "\U0010ffff\ue000漢é👩\U0001f3fd🇩\\"
    )
)
hostile = anything | troublesome


@given(hostile)
def test_result_is_printable_and_encodable(text: str) -> None:
    result = clean(text)
    result.encode("utf-8")
    assert result.isprintable()
    assert all(is_safe(char) for char in result)
    assert Text(result).plain == result


@given(hostile)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(hostile, st.integers(-2, 40), st.booleans(), st.booleans())
def test_limit_holds_in_cells(text: str, limit: int, ascii_only: bool, keep_end: bool) -> None:
    whole = clean(text, ascii_only=ascii_only)
    cut = clean(text, limit, ascii_only=ascii_only, keep_end=keep_end)
    assert cell_len(cut) <= max(limit, 0)
    assert not ascii_only or cut.isascii()
    assert cut == whole or limit <= 0 or cut.count("..." if limit > 2 else ".") or "…" in cut


@given(st.text(st.sampled_from("abc é漢λ-_./:[]"), max_size=30))
def test_names_in_any_script_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x9b", r"\x9b"),
        ("abc\u202etxt", r"abc\u202etxt"),
        ("\u061c\u200e\u2066\u2028\ufeff", r"\u061c\u200e\u2066\u2028\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("a\u3164b\u00a0c", r"a\u3164b\xa0c"),
        ("[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_escapes_are_visible(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_long_text_is_cut_by_width() -> None:
    assert clean("abcdef", 4) == "abc…"
    assert clean("abcd", 4) == "abcd"
    assert clean("漢漢漢", 4) == "漢…"
    assert clean("abcdef", 5, ascii_only=True) == "ab..."
    assert clean("ab\x1b\x1b", 5) == "ab…"
    assert clean("host/models/name-2.5", 12, keep_end=True) == "host/m…e-2.5"


def test_marks_do_not_pile_up() -> None:
    shown = clean("e" + "\u0301" * 1000)
    assert sum(unicodedata.combining(char) > 0 for char in shown) == 4
    assert cell_len(clean("e" + "\u0301" * 1_000_000, 20)) <= 20

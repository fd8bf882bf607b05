"""Typed access to JSON of unknown origin: what fits comes out, what does not names its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import ReportError
from fingerprint.fields import Fields, parse

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
READERS = (
    "text", "text_or_none", "number", "number_or_none", "whole", "truth", "texts", "values",
    "part", "part_or_none", "each", "mapping",
)  # fmt: skip


def fields(value):
    return Fields(value, "file x", ReportError)


def test_what_fits_comes_out():
    found = parse(
        b'{"t": "a", "n": 1.5, "w": 7, "b": true, "l": ["x"], "o": {"t": "in"}, "e": [{"t": "1"}]}',
        "file",
        ReportError,
    )
    assert found.text("t") == "a"
    assert found.number("n") == 1.5
    assert found.number("w") == 7.0
    assert found.whole("w") == 7
    assert found.truth("b") is True
    assert found.texts("l") == ("x",)
    assert found.part("o").text("t") == "in"
    assert [item.text("t") for item in found.each("e")] == ["1"]
    assert found.text_or_none("missing") is None
    assert found.part_or_none("missing") is None
    assert "t" in found
    assert "missing" not in found
    assert found.is_one_of("t", ("a", "b")) == "a"


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("text", 1),
        ("number", "1"),
        ("number", True),
        ("number", 10**400),
        ("whole", 1.5),
        ("whole", -1),
        ("whole", True),
        ("truth", 1),
        ("texts", ["a", 1]),
        ("part", []),
        ("each", [1]),
        ("mapping", []),
    ],
)
def test_what_does_not_fit_is_named(reader, value):
    with pytest.raises(ReportError, match=r"^file x, .*expected .*found "):
        getattr(fields({"f": value}), reader)("f")


@given(values)
def test_anything_is_read_or_refused(value):
    for reader in READERS:
        try:
            getattr(fields({"f": value}), reader)("f")
        except ReportError as error:
            assert len(str(error)) < 300


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"\xff", b"{", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b"null"],
)
def test_bytes_that_are_no_object(raw):
    with pytest.raises(ReportError, match="file"):
        parse(raw, "file", ReportError)


@given(st.dictionaries(st.text(max_size=4), values, max_size=4))
def test_parse_reads_what_json_writes(value):
    try:
        raw = json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return
    assert set(parse(raw, "file", ReportError).names()) == set(value)

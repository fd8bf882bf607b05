"""The places of units: the same units as a pack holds, and the words that stand there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.locations import locate
from fingerprint.tokens import Hasher
from fingerprint.units import PHRASES_KEPT, extract

HASHER = Hasher()
KINDS = ("line_starts", "sentence_starts", "phrases")
prose = st.text(
    st.sampled_from("aAbBcC zZ.!?,'’\n-*#>1٣éÉİßΣ漢字かな。！_`\"()\u202e\ud800\t\x00"),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(prose)
def test_the_units_are_those_of_a_pack(text):
    table = extract([text], HASHER)
    found = locate(text, HASHER)
    for kind in KINDS:
        packed = set(getattr(table, kind)[0].tolist())
        here = set(found[kind].units.tolist())
        if kind == "phrases" and len(packed) == PHRASES_KEPT:
            here = {unit for unit in here if unit <= max(packed)}
        assert here == packed, kind


@settings(max_examples=300, deadline=None)
@given(prose)
def test_places_lie_in_the_text(text):
    for places in locate(text, HASHER).values():
        assert len(places.units) == len(places.starts) == len(places.ends)
        assert (places.starts >= 0).all()
        assert (places.ends <= len(text)).all()
        assert (places.starts < places.ends).all()


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            "- First one\n- First two\nİstanbul is\nlast",
            "line_starts",
            ["First", "First", "İ", "last"],
        ),
        ("So it is. **But** no! 3. Yes", "sentence_starts", ["So", "But", "Yes"]),
        ("One, two\nthree", "phrases", ["One, two\nthree", "One, two", "two\nthree"]),
    ],
)
def test_the_words_that_stand_there(text, kind, words):
    places = locate(text, HASHER)[kind]
    shown = [text[a:b] for a, b in zip(places.starts, places.ends, strict=True)]
    assert shown == words


def test_no_text_has_no_places():
    for places in locate("", HASHER).values():
        assert len(places.units) == 0
        assert places.starts.dtype == np.int64

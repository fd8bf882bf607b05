from __future__ import annotations

import hashlib
import random
import time
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint import style, units
from fingerprint.tokens import Hasher
from fingerprint.units import KINDS, Ragged, UnitTable, extract, prompt_key
from tests.slow_units import hash_token, units_of

any_text = st.text(
    st.one_of(
        st.sampled_from(" \n\t.,!?…。！？'’\"”)]*_`-#•>+0 19٣abcßéяक्漢ไั😀\0\u202e\ud800"),
        st.characters(),
        st.characters(categories=["Cs"]),
    )
)

WORDS = {
    "en": "the model doesn't say why it's here I think that two words are enough".split(),
    "fr": "les modèles n’ont été entraînés où ça naïve l'un".split(),
    "ru": "модель не знает что ответить и почему".split(),
    "ar": "كتب النموذج جوابا آخر".split(),
    "ko": "모델은 답을 모른다 하지만".split(),
    "zh": ["模型", "不知道", "答案", "但是", "可以"],
    "ja": ["これは", "モデル", "の答え", "です"],
    "th": ["กข", "คง", "นาย"],
}


def write_response(rng: random.Random) -> str:
    """Write a made-up answer: lists, headings, quotations, numbers, in one or two languages."""
    ascii_only = rng.random() < 0.3
    names = ["en"] if ascii_only else rng.sample(sorted(WORDS), rng.choice((1, 1, 2)))
    words = [word for name in names for word in WORDS[name]]
    cjk = not any(w.isascii() for w in words) and rng.random() < 0.7
    lines = []
    for _ in range(rng.randint(1, 12)):
        mark = rng.choice(
            ("", "", "", "- ", "* ", "1. ", "## ", "> ", "**", "• ", "  - ", "---", "\t")
        )
        sentences = []
        for _ in range(rng.randint(0, 4)):
            body = ("" if cjk and rng.random() < 0.5 else " ").join(
                rng.choice([*words, str(rng.randint(0, 99))]) for _ in range(rng.randint(1, 9))
            )
            opener = rng.choice(("", "", "", '"', "(", "“", "*"))
            closer = rng.choice(("", "", "", '"', ")", "”", "*", "**_"))
            end = rng.choice("。！？") if cjk else rng.choice((".", ".", "!", "?", "…", ":", ","))
            sentences.append(f"{opener}{body.capitalize()}{end}{closer}")
        gap = rng.choice((" ", " ", "  ", "", "\u00a0", " 😀 ", " — ", " ... "))
        lines.append(mark + gap.join(sentences))
    text = rng.choice(("\n", "\n\n", "\r\n", "\n \n")).join(lines)
    return text.encode("ascii", "ignore").decode() if ascii_only else text


def row(table: UnitTable, i: int) -> dict[str, list[int]]:
    return {f.name: np.ravel(getattr(table, f.name)[i]).tolist() for f in fields(UnitTable)}


def test_agrees_with_the_slow_definition_on_multilingual_text() -> None:
    rng = random.Random(20260101)
    texts = [write_response(rng) for _ in range(400)]
    assert sum(text.isascii() for text in texts) > 40
    table = extract(texts, Hasher())
    for i, text in enumerate(texts):
        found = row(table, i)
        for name, expected in units_of(text).items():
            assert found[name] == expected, (name, text)


def test_line_starts_count_repeats_up_to_four_and_skip_markers() -> None:
    text = "- Use it.\n* use that\n\n  # Use\n1. We\nuse\n**Use** more\nUSE"
    table = extract([text], Hasher())
    use = [(hash_token("use") + n * 0x9E3779B97F4A7C15) % 2**64 for n in (1, 2, 3, 4)]
    one = [(hash_token("1") + 0x9E3779B97F4A7C15) % 2**64]
    expected = np.unique(units._fold(np.array(use + one, dtype=np.uint64)))
    assert table.line_starts[0].tolist() == expected.tolist()
    assert table.counts[0, 2] == 7


def test_sentence_starts_see_through_markup_and_newlines() -> None:
    plain = "We know. They say so. It is 3. 5 more. Why?"
    marked = "**We** know.\n\n- They *say* so.\n\n## It is 3. 5 more. Why?"
    table = extract([plain, marked, plain + " We do."], Hasher())
    assert table.sentence_starts[0].tolist() == table.sentence_starts[1].tolist()
    assert table.sentence_starts[2].tolist() == table.sentence_starts[0].tolist()
    words = np.array([hash_token(w) for w in ("we", "they", "it", "why")], dtype=np.uint64)
    assert table.sentence_starts[0].tolist() == sorted(units._fold(words).tolist())


@pytest.mark.parametrize("accent", ["", "é"])
def test_what_may_stand_between_sentences_is_bounded(accent: str) -> None:
    def sentences(text: str) -> int:
        return int(extract([f"we{accent}{text}"], Hasher()).counts[0, 3])

    assert [sentences("." + '"' * n + " So") for n in (0, 8, 9)] == [2, 2, 1]
    assert [sentences(". " + "-" * n + "So") for n in (0, 32, 33)] == [2, 2, 1]
    assert [sentences(text) for text in (" 3. So", "3. So", "! So", ", So")] == [1, 1, 2, 1]


def test_openings_are_shared_as_far_as_the_tokens_agree() -> None:
    table = extract(["Sure, here is one way", "sure, here are two", "Sure,", ""], Hasher())
    shared = (table.openings[0] == table.openings[1]) & (table.openings[0] > 0)
    assert shared.tolist() == [True] * 3 + [False] * 5
    assert (table.openings[2] > 0).tolist() == [True] * 2 + [False] * 6
    assert not table.openings[3].any()


def test_phrases_keep_the_smallest_hashes_and_count_all() -> None:
    rng = random.Random(1)
    long = " ".join(f"{rng.randrange(10**6)}x" for _ in range(500))
    table = extract([long, "one two three"], Hasher())
    assert len(table.phrases[0]) == units.PHRASES_KEPT
    assert table.counts[1].tolist() == [13, 3, 1, 1, 3]
    assert table.counts[0, 4] > 1000
    assert (np.diff(table.phrases[0].astype(np.int64)) > 0).all()


def test_no_texts_and_empty_texts() -> None:
    empty = extract([], Hasher())
    assert len(empty.line_starts) == 0
    assert empty.openings.shape == (0, 8)
    assert empty.style.shape == (0, len(style.FEATURES))
    blank = extract(["", " \n\n ", "..."], Hasher())
    assert blank.counts[:, 1:].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert [len(blank.phrases[i]) for i in range(3)] == [0, 0, 0]


@given(st.lists(any_text, max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_a_table_that_keeps_its_promises(texts: list[str]) -> None:
    table = extract(texts, Hasher())
    for kind in KINDS:
        ragged = getattr(table, kind)
        assert isinstance(ragged, Ragged)
        assert len(ragged) == len(texts)
        for i in range(len(texts)):
            assert (np.diff(ragged[i].astype(np.int64)) > 0).all()
    assert table.counts[:, 0].tolist() == [len(text) for text in texts]
    assert (table.openings[:, 0] > 0).tolist() == [bool(text.split()) for text in texts]


@given(st.lists(any_text, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_row_depends_on_its_text_alone(texts: list[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    table = extract(texts, Hasher())
    shuffled = extract([texts[i] for i in order], Hasher())
    for place, i in enumerate(order):
        assert row(shuffled, place) == row(table, i)


def test_batches_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    texts = [write_response(rng) for _ in range(60)]
    whole = extract(texts, Hasher())
    monkeypatch.setattr(units, "BATCH_CHARACTERS", 500)
    cut = extract(iter(texts), Hasher())
    for i in range(len(texts)):
        assert row(cut, i) == row(whole, i)


def test_keyed_units_share_nothing_with_unkeyed_ones() -> None:
    rng = random.Random(3)
    texts = [write_response(rng) for _ in range(20)]
    plain, keyed = extract(texts, Hasher()), extract(texts, Hasher(b"key"))
    for kind in KINDS:
        assert not set(getattr(plain, kind).values) & set(getattr(keyed, kind).values)
    assert not set(plain.openings.ravel()) & set(keyed.openings.ravel()) - {0}
    assert (plain.counts == keyed.counts).all()
    assert (plain.style == keyed.style).all()


# An accidental change of the hash or of a unit's meaning shows here. After a meant one, raise
# UNITS_VERSION or STYLE_VERSION and put the new digests.
GOLDEN = {
    "line_starts": "cba394a1fdbf902c",
    "sentence_starts": "fa4bd8d41c18e63e",
    "sentence_pairs": "f5e19aab368e48d6",
    "phrases": "863db9ebb50c4779",
    "openings": "adf32c876f788ccb",
    "closings": "d32e85507b349dec",
    "counts": "50a0f0433c7ace55",
    "style": "a3ca56b0b9284f59",
    "language": "3491fc93bef2faab",
    "refusal": "7a12e561363385e9",
}


def test_golden_digests() -> None:
    rng = random.Random(42)
    table = extract([write_response(rng) for _ in range(50)], Hasher())
    found = {}
    for field in fields(UnitTable):
        value = getattr(table, field.name)
        parts = (value.values, value.offsets) if isinstance(value, Ragged) else (value,)
        raw = b"".join(part.astype("<i8").tobytes() for part in parts)
        found[field.name] = hashlib.sha256(raw).hexdigest()[:16]
    assert (units.UNITS_VERSION, style.STYLE_VERSION) == (1, 1)
    assert found == GOLDEN


HOSTILE = (
    r". |. . . |.|..|\"|'| |\n|\t|* |*|**|- |7|7.|1. |x|x'|a |a. |\u6f22|\u3002|!\u3002|\u0e44"
    r"|\u0e31|\U0001f600|\U0001f44d\u200d|\0|\ud800|\u202e|\u0301|\xe9|\xe9. |\u2026|\u2026 |.\""
    r"|.) |.\n|\n* |# |`|```\n|> |http|n't |i |i can|\x1c|\x85|\u2028|\u0130|_|\u2019|\xbd"
    r"|\u0663. |! \""
).split("|")


@pytest.mark.parametrize("escaped", HOSTILE)
def test_hostile_text_is_linear(escaped: str) -> None:
    piece = escaped.encode().decode("unicode_escape")
    size = 1 << 17
    for before, after in (("", ""), ("é ", " Word two.")):
        text = before + (piece * size)[:size] + after
        start = time.process_time()
        table = extract([text], Hasher())
        # What takes the square of the length would take minutes.
        assert time.process_time() - start < 3
        assert table.counts[0, 0] == len(text)


def test_one_response_of_a_megabyte_of_new_words() -> None:
    rng = random.Random(5)
    text = " ".join(f"{rng.getrandbits(40):x}" for _ in range(100_000))
    start = time.process_time()
    extract([text, "漢" * 1_000_000], Hasher())
    assert time.process_time() - start < 15


def test_prompt_keys_pair_the_same_prompt() -> None:
    key = prompt_key("What is  it?\n", "a")
    assert key == prompt_key(" what is it?", "b")
    assert key != prompt_key("What is it", "a")
    assert prompt_key("", "a") == prompt_key(" \n", "a") != prompt_key("", "b")
    assert prompt_key("", "a") != prompt_key("i:a", "")
    assert key != prompt_key("What is it?", "a", b"key")
    assert 0 <= prompt_key("\ud800", "\udfff") < 1 << 64

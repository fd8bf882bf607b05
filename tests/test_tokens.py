from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.tokens import ASCII, UNICODE, Hasher, _Memo, grammar_for, is_word, unpack

# Characters that the patterns treat specially, mixed with any others.
SPECIAL = " \n\t\r\x1c\x1f\x85\xa0\u2028.,!?…。！？'’\"”)]*_`-#•>+0 19٣½abcİßéяक्漢あไั한😀\ud800"
any_text = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(), st.characters(categories=["Cs"]))
)
ascii_text = st.text(st.characters(max_codepoint=127))


def expected_hash(token: str, key: bytes | None = None) -> int:
    secret = b"" if key is None else hashlib.sha256(key).digest()
    digest = hashlib.blake2b(
        token.encode(), digest_size=8, key=secret, person=b"fingerprint/1"
    ).digest()
    value = int.from_bytes(digest, "little")
    return value - value % 2 + (1 if token[0].isalnum() else 0)


@pytest.mark.parametrize("key", [None, b"secret"])
def test_hash_of_a_token_is_keyed_blake2b_with_the_word_bit(key: bytes | None) -> None:
    tokens = ["the", "don't", "42", ",", "_", "漢", "é"]
    hashes = Hasher(key).words(tokens)
    assert hashes.tolist() == [expected_hash(token, key) for token in tokens]
    assert is_word(hashes).tolist() == [True, True, True, False, False, True, True]


def test_another_key_gives_other_hashes() -> None:
    tokens = ["the", "of", ",", "漢"]
    found = [set(Hasher(key).words(tokens).tolist()) for key in (None, b"a", b"b")]
    assert len(set.union(*found)) == 12


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("don't stop, it's 3.5!", ["don't", "stop", ",", "it's", "3", ".", "5", "!"]),
        ("dogs' 'quoted' a'b'c", ["dogs", "'", "'", "quoted", "'", "a'b", "'", "c"]),
        ("abc123_x", ["abc", "123", "_", "x"]),
        ("it’s naïve—yes", ["it’s", "naïve", "—", "yes"]),
        ("你好。we", ["你", "好", "。", "we"]),
        ("\x1c a\x1fb", ["a", "b"]),
        ("", []),
    ],
)
def test_text_gives_the_hashes_of_its_tokens(text: str, tokens: list[str]) -> None:
    assert unpack(Hasher().text(text)).tolist() == [expected_hash(token) for token in tokens]


@given(any_text)
def test_text_by_pieces_agrees_with_the_pattern_on_the_whole(text: str) -> None:
    lower = text.lower()
    hasher = Hasher()
    whole = hasher.words(UNICODE.tokens.findall(lower))
    assert unpack(hasher.text(lower)).tolist() == whole.tolist()
    assert unpack(hasher.text(lower)).tolist() == whole.tolist()  # now from the memo


@given(ascii_text)
def test_both_grammars_agree_on_ascii(text: str) -> None:
    lower = text.lower()
    assert grammar_for(lower) is ASCII
    assert ASCII.tokens.findall(lower) == UNICODE.tokens.findall(lower)
    lines, sentences = "\n" + lower, ". " + lower
    assert ASCII.line_starts.findall(lines) == UNICODE.line_starts.findall(lines)
    assert ASCII.sentences.findall(sentences) == UNICODE.sentences.findall(sentences)


@given(any_text)
def test_tokens_hold_every_character_but_white_space(text: str) -> None:
    lower = text.lower()
    tokens = grammar_for(lower).tokens.findall(lower)
    assert "".join(tokens) == "".join(lower.split())


def test_memo_stays_bounded_and_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Memo, "_MOST", 10)
    hasher = Hasher()
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(200)]
    assert hasher.words(words).tolist() == [expected_hash(word) for word in words]
    hasher.words(["x" * 1_000_000])
    assert len(hasher._words) <= 10
    assert max(map(len, hasher._words)) <= 64

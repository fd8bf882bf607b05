"""Tokens: how a response is cut into words, lines and sentences, and how a token is hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]

# CJK ideographs, kana, Thai and Lao are written without spaces: one token a character.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"


class Grammar:
    r"""The patterns over one alphabet; all are linear in the length of the text.

    Parameters
    ----------
    letters : str
        Pattern of a word of letters.
    end, between : str
        Patterns of the end of a sentence, and of what may stand between it and the next letter:
        bounded, because a text may be a megabyte of dots.
    markers : str
        Characters that say how a line looks, not how it starts.

    Attributes
    ----------
    tokens : re.Pattern
        A word of letters, a run of digits, or one other character. No token holds white space.
    line_starts : re.Pattern
        The first token of every line, after its layout markers, in a text that has a newline put
        before it: `re` finds a fixed first character much faster than ``^``.
    sentences : re.Pattern
        The first two words of every sentence, in a text that has ``". "`` put before it.
    """

    def __init__(self, letters: str, end: str, between: str, markers: str) -> None:
        token = rf"(?:{letters}|\d+|[^\w\s]|_)"
        self.tokens = re.compile(token)
        self.line_starts = re.compile(rf"\n[^\S\n]*(?:[{markers}][^\S\n]*)*({token})")
        self.sentences = re.compile(rf"{end}{between}({letters})(?={between}({letters})?)")


# A full stop after a digit is as often a list number as an end, hence (?<!\d.).
ASCII = Grammar(
    letters=r"(?:[a-z]+(?:'[a-z]+)?)",
    end=r"[.!?](?<!\d.)[\"')\]*_`]{0,8}+\s",
    between=r"[^a-z]{0,32}+",
    markers=r"*\-#>+_`",
)
UNICODE = Grammar(
    letters=rf"(?:[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+(?:['’][a-z]+)?)",
    end=r"[.!?…。！？](?:(?<=[。！？])(?![。！？])|(?<![。！？])(?<!\d.)[\"'”’)\]*_`]{0,8}+\s)",
    between=r"[\W\d_]{0,32}",
    markers=r"*\-#•–—·▪◦>+_`",
)
"""The two agree on ASCII text in lower case; the narrow one is twice as fast."""


def grammar_for(lower: str) -> Grammar:
    """Return the patterns for a text in lower case."""
    return ASCII if lower.isascii() else UNICODE


class Hasher:
    """64-bit hashes of tokens by BLAKE2b (RFC 7693), keyed or not; the lowest bit marks words.

    Parameters
    ----------
    key : bytes or None
        Secret shared by the parties. Without it anyone can test guesses of words against a pack.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = hashlib.sha256(key).digest() if key is not None else b""
        self._words = _Memo(self._hash)
        self._pieces = _Memo(self._hash_piece)

    def words(self, tokens: Iterable[str]) -> U64:
        """Return the hashes of tokens, shape (n,); no token may be empty."""
        return unpack(b"".join(map(self._words.__getitem__, tokens)))

    def text(self, lower: str) -> bytes:
        """Return the hashes of the tokens of a text in lower case, 8 bytes each: see `unpack`.

        The text is cut at white space and the hashes of each piece ("word," or "(see") are
        remembered as they are, which is three times as fast as finding the tokens again.
        """
        return b"".join(map(self._pieces.__getitem__, lower.split()))

    def _hash(self, token: str) -> bytes:
        raw = token.encode("utf-8", "replace")
        digest = hashlib.blake2b(raw, digest_size=8, key=self._key, person=b"fingerprint/1")
        value = int.from_bytes(digest.digest(), "little") & ~1 | token[0].isalnum()
        return value.to_bytes(8, "little")

    def _hash_piece(self, piece: str) -> bytes:
        if piece.isascii():  # the two commonest forms, without the pattern: "word" and "word,"
            if piece.isalpha():
                return self._words[piece]
            if piece[:-1].isalpha():
                return self._words[piece[:-1]] + self._words[piece[-1]]
        tokens = grammar_for(piece).tokens.findall(piece)
        return b"".join(map(self._words.__getitem__, tokens))


def unpack(hashes: bytes) -> U64:
    """Return hashes of 8 bytes each as an array of uint64, shape (n,)."""
    return np.frombuffer(hashes, dtype="<u8")


def is_word(tokens: U64) -> npt.NDArray[np.bool_]:
    """Say which token hashes are of words and numbers, shape (n,)."""
    flags: npt.NDArray[np.bool_] = (tokens & np.uint64(1)).astype(np.bool_)
    return flags


_Value = TypeVar("_Value")


class _Memo(dict[str, _Value], Generic[_Value]):
    """Memo of a function of short strings that stays bounded: hostile text has endless new ones."""

    _MOST = 1 << 18
    _LONGEST = 64

    def __init__(self, function: Callable[[str], _Value]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, text: str) -> _Value:
        value = self._function(text)
        if len(text) <= self._LONGEST:
            if len(self) >= self._MOST:
                self.clear()
            self[text] = value
        return value

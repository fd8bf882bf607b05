"""Tokens: how a response is cut into words, lines and sentences, and how a token is hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]

# CJK ideographs, kana, Thai and Lao are written without spaces: one token a character.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"


class Grammar:
    """The patterns over one alphabet. They agree on ASCII text; the narrow one is twice as fast."""

    def __init__(self, letters: str, flags: re.RegexFlag) -> None:
        token = rf"(?:{letters}|\d+|[^\w\s]|_)"
        self.tokens = re.compile(token, flags)
        # Layout markers say how a line looks, not how it starts.
        self.line_starts = re.compile(
            rf"^[^\S\n]*(?:[*\-#•–—·▪◦>+_`][^\S\n]*)*({token})", flags | re.MULTILINE
        )
        # A full stop after a digit is as often a list number as an end. What may stand between
        # the end and the next letter is bounded, so that a megabyte of dots stays linear.
        self.sentences = re.compile(
            rf"(?:[.!?…](?<!\d.)[\"'”’)\]*_`]{{0,8}}\s|[。！？])[\W\d_]{{0,32}}"
            rf"({letters})(?=[\W\d_]{{0,32}}({letters})?)",
            flags,
        )


ASCII = Grammar(r"(?:[a-z]+(?:'[a-z]+)?)", re.ASCII)
UNICODE = Grammar(rf"(?:[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+(?:['’][a-z]+)?)", re.NOFLAG)


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
        self._memo = _Memo(self._hash)

    def _hash(self, token: str) -> int:
        raw = token.encode("utf-8", "replace")
        digest = hashlib.blake2b(raw, digest_size=8, key=self._key, person=b"fingerprint/1")
        return int.from_bytes(digest.digest(), "little") & ~1 | token[0].isalnum()

    def word(self, token: str) -> int:
        """Return the hash of one token."""
        return self._memo[token]

    def words(self, tokens: list[str]) -> U64:
        """Return the hashes of tokens, shape (n,)."""
        memo = self._memo
        return np.array([memo[t] for t in tokens], dtype=np.uint64)


class _Memo(dict[str, int]):
    """Memo of token hashes that stops growing, since hostile text has endless new tokens."""

    def __init__(self, hash_token: Callable[[str], int]) -> None:
        super().__init__()
        self._hash_token = hash_token

    def __missing__(self, token: str) -> int:
        value = self._hash_token(token)
        if len(self) < 1_000_000:
            self[token] = value
        return value

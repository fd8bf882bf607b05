"""Bytes that tokens stand for, however a tokenizer or an API writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(name: str, style: str) -> bytes:
    """Return the bytes that a token stands for.

    Parameters
    ----------
    name : str
        As the tokenizer or the API writes it.
    style : str
        ``bytes`` (each character stands for a byte, as in GPT-2), ``pieces`` (SentencePiece) or
        ``text``.
    """
    if style == "bytes":
        known = [_BYTE_OF.get(character) for character in name]
        if None not in known:
            return bytes(byte for byte in known if byte is not None)
    if style == "pieces":
        coded = _BYTE.fullmatch(name)
        if coded:
            return bytes([int(coded[1], 16)])
        name = name.replace(_SPACE, " ")
    return name.encode("utf-8", "replace")


def style_of(names: Iterator[str]) -> str:
    """Tell how tokens are written, from some of them."""
    for name in names:
        if "\u0120" in name or "\u010a" in name:  # blank and line feed of GPT-2's alphabet
            return "bytes"
        if _SPACE in name or _BYTE.fullmatch(name):
            return "pieces"
    return "text"


def vocabulary_bytes(tokenizer: Any) -> list[bytes]:
    """Return the bytes of every token by id; special tokens have none."""
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_ids)
    style = style_of(name for name in names if name is not None)
    return [
        b"" if name is None or token in special else token_bytes(name, style)
        for token, name in enumerate(names)
    ]


def _alphabet() -> dict[str, int]:
    """Return GPT-2's alphabet: printable bytes stand for themselves, others follow 255 in order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): b for i, b in enumerate(rest)}


_BYTE_OF = _alphabet()

"""The definition of the units once more, slowly and in plain Python, to check the fast one against.

Follows EVIDENCE 2.1 as `fingerprint.units.UnitTable` states it; shares no code with the package.
"""

from __future__ import annotations

import hashlib

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
CLOSERS = "\"'”’)]*_`"
CJK_END = "。！？"


def hash_token(token: str) -> int:
    digest = hashlib.blake2b(token.encode(), digest_size=8, person=b"fingerprint/1").digest()
    return int.from_bytes(digest, "little") & ~1 | token[0].isalnum()


def fold(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & MASK
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & MASK
    return x >> 32


UNSPACED = ((0xE00, 0xEFF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))


def unspaced(c: str) -> bool:
    return any(low <= ord(c) <= high for low, high in UNSPACED)


def is_letter(c: str) -> bool:
    return c.isalnum() and not c.isdecimal()


def word_at(text: str, i: int) -> str:
    """Return the word of letters that starts at i, with its 's or 't."""
    if unspaced(text[i]):
        return text[i]
    end = i
    while end < len(text) and is_letter(text[end]) and not unspaced(text[end]):
        end += 1
    if text[end : end + 1] in ("'", "’"):
        tail = end + 1
        while tail < len(text) and "a" <= text[tail] <= "z":
            tail += 1
        end = tail if tail > end + 1 else end
    return text[i:end]


def token_at(text: str, i: int) -> str:
    if is_letter(text[i]):
        return word_at(text, i)
    end = i + 1
    while text[i].isdecimal() and end < len(text) and text[end].isdecimal():
        end += 1
    return text[i:end]


def tokens_of(text: str) -> list[str]:
    tokens = []
    i = 0
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        tokens.append(token_at(text, i))
        i += len(tokens[-1])
    return tokens


def line_starts(text: str) -> list[str]:
    markers = "*-#>+_`" if text.isascii() else "*-#•–—·▪◦>+_`"
    starts = []
    for line in text.split("\n"):
        bare = line.strip()
        if bare:
            rest = bare.lstrip(markers + "".join(c for c in bare if c.isspace()))
            # a line of nothing but markers starts with the last of them
            starts.append(token_at(rest, 0) if rest else bare[-1])
    return starts


def next_word(text: str, i: int) -> str | None:
    for place in range(i, min(i + 33, len(text))):
        if is_letter(text[place]):
            return word_at(text, place)
    return None


def sentence_after(text: str, i: int) -> int | None:
    """Return where the next sentence may start if one ends at i."""
    if text[i] in CJK_END:
        return None if text[i + 1 : i + 2] and text[i + 1] in CJK_END else i + 1
    if text[i] not in ".!?…" or (i and text[i - 1].isdecimal()):
        return None
    end = i + 1
    while end < len(text) and end <= i + 8 and text[end] in CLOSERS:
        end += 1
    return end + 1 if end < len(text) and text[end].isspace() else None


def sentence_starts(text: str) -> list[tuple[str, str]]:
    text = ". " + text
    found = []
    i = 0
    while i < len(text):
        start = sentence_after(text, i)
        first = next_word(text, start) if start is not None else None
        if start is None or first is None:
            i += 1
            continue
        i = text.index(first, start) + len(first)
        found.append((first, next_word(text, i) or ""))
    return found


def pair(one: int, two: int) -> int:
    return (one * 3 + two * GOLDEN) & MASK


def units_of(response: str) -> dict[str, list[int]]:
    """Return the rows of one response, as lists of numbers."""
    text = response.lower()
    tokens = [hash_token(token) for token in tokens_of(text)]
    words = [h for h in tokens if h & 1]
    lines = line_starts(text)
    line_units = {
        fold((hash_token(t) + min(lines[: i + 1].count(t), 4) * GOLDEN) & MASK)
        for i, t in enumerate(lines)
    }
    sentences = sentence_starts(text)
    pairs = [pair(hash_token(a), hash_token(b or ".")) for a, b in sentences]
    phrases = set()
    for size in (2, 3, 4):
        for i in range(len(words) - size + 1):
            state = words[i]
            for word in words[i + 1 : i + size]:
                mixed = state * GOLDEN & MASK
                state = ((mixed ^ mixed >> 29) + word) & MASK
            phrases.add(fold(state))
    openings = []
    state = 0
    for token in tokens[:8]:
        state = (state + token) * GOLDEN & MASK
        openings.append(max(fold(state), 1))
    end = 0
    for word in words[-3:]:
        end = pair(end, word)
    return {
        "line_starts": sorted(line_units),
        "sentence_starts": sorted({fold(hash_token(a)) for a, _ in sentences}),
        "sentence_pairs": sorted(
            {fold(p) for p, (_, b) in zip(pairs, sentences, strict=True) if b}
        ),
        "phrases": sorted(phrases)[:128],
        "openings": openings + [0] * (8 - len(openings)),
        "closings": [fold(pairs[-1]) if pairs else fold(0), fold(end)],
        "counts": [len(response), len(words), len(lines), len(sentences), len(phrases)],
    }

"""Claims: who an answer says made the model that gives it.

A claim is a maker's name that the answer asserts of itself: after "I am", "made by" or "Name:", in
the languages below, and not negated, supposed or given as an example. What is no clear claim counts
as none: a name missed costs evidence, a name invented would accuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

LONGEST = 4000
"""Characters read of an answer: who it is stands at the beginning."""
LONGEST_PROMPT = 50_000
"""Characters of a prompt, system prompt included, beyond which no answer to it is read."""
SHORT = 200
"""Characters up to which an answer may be nothing but names."""
_MOST_MENTIONS = 64
_MOST_MAKERS = 2
"""Makers that one sentence may claim; more are a list of what there is."""
_REACH = 400
"""Characters before a name in which it may be asserted."""

_QUOTES = str.maketrans(
    {
        **dict.fromkeys("’‘`´", "'"), **dict.fromkeys("“”„«»「」『』《》", '"'),
        **dict.fromkeys("‐‑\u00ad", "-"), "：": ":", "，": ",", "！": "!", "？": "?", "（": "(",
        "）": ")", "；": ";", "،": ",", "؛": ";", "\u00a0": " ", "\u202f": " ",
        **dict.fromkeys("*#_\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", None),
    }
)  # fmt: skip
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"[^\n。!?।.؟]+(?:[.!?](?=[^\s\"')\]])[^\n。!?।.؟]+){0,40}")

_ASIDE = re.compile(r"\([^()]*\)")
_PAUSE = re.compile(r"[,;—–、:]| - |\band\b")
_FILLER = re.compile(
    r"[\w.-]*\d[\w.-]*|[^\W\d_]?(?:ai|a|an|the|by|from|and|model|assistant|i|am|my|name|is|inc|llc"
    r"|sonnet|opus|haiku|pro|flash|turbo|max|ultra|plus|large|small|language|大模型|模型|助手|公司)"
    r"(?![^\W_])|\W+"
)
_SECOND = re.compile(r"(?<![^\W_])(?:you|your|you're)(?![^\W_])|您|你")
_UNBOUNDED = frozenset({"zh", "ja", "ko", "th"})


def claims(answer: str) -> tuple[str, ...]:
    """Return the makers whose model the answer says it is, in order of their names.

    Parameters
    ----------
    answer : str
        As the model gave it, any language; only the first `LONGEST` characters are read.
    """
    text = _plain(answer)
    short = len(text.strip()) <= SHORT
    found: set[str] = set()
    for number, sentence in enumerate(_SENTENCE.finditer(text)):
        mentions = list(_mentions(sentence[0]))[:_MOST_MENTIONS]
        if not mentions:
            continue
        if short and _is_bare(sentence[0], mentions):
            asserted = {maker for maker, _, _ in mentions}
        else:
            terse = number == 0 or short
            asserted = {m for m, *place in mentions if _asserted(sentence[0], *place, terse=terse)}
        if len(asserted) <= _MOST_MAKERS:
            found |= asserted
    return tuple(sorted(found))


def names_a_maker(prompt: str) -> bool:
    """Say whether a prompt names a maker or a model: it leads, and its answers are no claims.

    So does one that is too long to be searched: nobody can say that it is neutral.
    """
    if len(prompt) > LONGEST_PROMPT:
        return True
    return next(_mentions(prompt.translate(_QUOTES).lower()), None) is not None


def makers() -> tuple[str, ...]:
    """Return the makers that answers can claim."""
    return tuple(maker for maker, _ in _names())


def _plain(answer: str) -> str:
    text = _THOUGHTS.sub(" ", answer[: 8 * LONGEST])
    return text[:LONGEST].translate(_QUOTES).lower()


def _table(name: str) -> list[list[str]]:
    text = (resources.files("fingerprint") / "data" / name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]


@cache
def _names() -> tuple[tuple[str, str], ...]:
    patterns = []
    for maker, latin, *other in _table("makers.tsv"):
        parts = [rf"(?<![a-z0-9])(?:{latin})(?![a-z])", *filter(None, other)]
        patterns.append((maker, "|".join(parts)))
    return tuple(patterns)


@cache
def _words(part: str) -> str:
    """Return the alternatives of one part in all languages, bounded where words are."""
    rows = [
        (language, words) for name, language, words in _table("claim_words.tsv") if name == part
    ]
    bounded = "|".join(words for language, words in rows if language not in _UNBOUNDED)
    anywhere = [words for language, words in rows if language in _UNBOUNDED]
    return "|".join([rf"(?<![^\W_])(?:{bounded})(?![^\W_])", *anywhere])


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The patterns made of the words; all are linear in the length of the text."""

    self: re.Pattern[str]
    made: re.Pattern[str]
    key: re.Pattern[str]
    me: re.Pattern[str]
    negated: re.Pattern[str]
    negated_after: re.Pattern[str]
    supposed: re.Pattern[str]
    example: re.Pattern[str]
    turn: re.Pattern[str]


@cache
def _grammar() -> _Grammar:
    return _Grammar(
        self=re.compile(_words("self")),
        made=re.compile(_words("made")),
        key=re.compile(
            rf"\W{{0,6}}(?:\d{{1,2}}[.)]\s?)?(?:{_words('key')})\s?(?:\([^)]{{0,30}}\)\s?)?:"
        ),
        me=re.compile(rf"[^.,;]{{0,30}}?(?:{_words('me')})"),
        negated=re.compile(_words("not")),
        negated_after=re.compile(rf"[^,.;。、]{{0,16}}?(?:{_words('after')})"),
        supposed=re.compile(_words("supposed")),
        example=re.compile(_words("example")),
        turn=re.compile(rf"{_words('turn')}|[;—–|]| - "),
    )


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<m{i}>{p})" for i, (_, p) in enumerate(_names())))


def _mentions(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _pattern().finditer(text):
        yield _names()[int(str(match.lastgroup)[1:])][0], match.start(), match.end()


def _is_bare(sentence: str, mentions: list[tuple[str, int, int]]) -> bool:
    """Say whether a sentence is nothing but names, versions and words that say no more."""
    rest, last = [], 0
    for _, start, end in mentions:
        rest.append(sentence[last:start])
        last = end
    left = " ".join([*rest, sentence[last:]])
    return _FILLER.sub("", left) == ""


def _asserted(sentence: str, start: int, end: int, *, terse: bool) -> bool:
    """Say whether the name at a place of a sentence is asserted of the speaker.

    ``terse``: nothing but the speaker can be meant, as in "Made by X." alone or at the beginning.
    """
    grammar = _grammar()
    before, after = sentence[max(0, start - _REACH) : start], sentence[end : end + _REACH]
    if grammar.negated_after.match(after):
        return False
    if grammar.key.match(sentence) and not _blocked(before):
        return True
    anchor = _last(grammar.self, before)
    if anchor is None and grammar.me.match(after):
        return not _blocked(before)
    if anchor is None:
        anchor = _last(grammar.made, before)
        if anchor is None or not terse or _SECOND.search(before):
            return False
    lead, between = _after_last(_PAUSE, before[: anchor.start()]), before[anchor.end() :]
    if grammar.supposed.search(lead) or (
        grammar.negated.search(lead) and not grammar.turn.search(between)
    ):
        return False
    return not _blocked(between)


def _blocked(between: str) -> bool:
    """Say whether what stands between "I am" and a name takes the assertion back."""
    grammar = _grammar()
    scope = _after_last(grammar.turn, _ASIDE.sub(" ", between))
    if grammar.example.search(scope):
        return True
    # "not a person, made by X" denies the person; "not A, B or X" denies them all
    opening = scope.lstrip(" ,'\"(")
    if grammar.negated.match(opening) or grammar.negated.match(opening.partition(" ")[2]):
        return True
    near = _after_last(_PAUSE, scope)
    return grammar.negated.search(near) is not None or grammar.supposed.search(near) is not None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(pattern.finditer(text), key=re.Match.start, default=None)


def _after_last(pattern: re.Pattern[str], text: str) -> str:
    found = _last(pattern, text)
    return text if found is None else text[found.end() :]

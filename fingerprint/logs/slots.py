"""Slots: what an owner writes down as places for canaries, checked before anything is planned.

That two phrasings mean the same no machine can check. The owner states it, with a reason, and what
would turn a fact is refused: numbers, negations and quantifiers that differ, markup, links.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fingerprint.errors import LogsError
from fingerprint.logs.canary import Slot, words_of
from fingerprint.outputs.files import excerpt, show
from fingerprint.outputs.items import Found, Rejected
from fingerprint.outputs.jsonl import parsed_lines
from fingerprint.report.safe import is_safe
from fingerprint.tokens import grammar_for

MOST_VARIANTS = 8
MOST_PROBES = 10_000
MOST_CHARACTERS = 80
LONGEST_PROBE = 8_000
STAKES = "low"

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
_MARKUP = frozenset("<>[]{}|*#_`~\\/^@=+&%$€£¥")
# What turns the meaning of a sentence: variants may not differ in these.
_WEIGHTY = frozenset(
    "no not never none neither nor without cannot can't don't doesn't isn't aren't won't shouldn't "
    "must may might should always sometimes only except unless "
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty "
    "hundred thousand million billion half double percent first second third".split()
)
_SLOT_FIELDS = frozenset(
    ("id", "words", "variants", "probes", "why", "equivalent", "stakes", "per_prompt")
)


def read_slots(path: str | Path) -> tuple[Slot, ...]:
    """Read the slots that an owner wrote, one JSON object a line.

    Raises
    ------
    LogsError
        At the first line that breaks a rule of `check_slot`.
    OutputsError
        When the file cannot be read.
    """
    path = Path(path)
    slots = []
    for item in parsed_lines(path):
        if isinstance(item, Rejected):
            raise LogsError(f"{show(path)}:{item.line}: {item.message}")
        if isinstance(item, Found):
            slots.append(check_slot(item.record, f"{show(path)}:{item.line}"))
    return tuple(slots)


def check_slot(record: Mapping[str, Any], where: str) -> Slot:
    """Check one slot: equivalent, low-stakes variants, told apart, of harmless text.

    Raises
    ------
    LogsError
        When a field is missing or of another kind, the owner does not state that nothing hangs on
        the variant, or the variants differ in numbers, negations or quantifiers, hold markup, or
        are part of one another.
    """
    if not isinstance(record, Mapping) or not record.keys() <= _SLOT_FIELDS:
        raise LogsError(
            f"{where}: expected an object with {', '.join(sorted(_SLOT_FIELDS))}, found others"
        )
    name = take_name(NAME, record.get("id"), "id", where)
    where = f"{where} ({name})"
    if record.get("equivalent") is not True or record.get("stakes") != STAKES:
        raise LogsError(
            f'{where}: expected "equivalent": true and "stakes": "{STAKES}", by which the owner '
            "states that nothing of consequence hangs on the variant; a slot without it is not used"
        )
    why = record.get("why")
    if not isinstance(why, str) or not 10 <= len(why.strip()) <= 500:
        raise LogsError(f'{where}: expected a "why" of 10 to 500 characters: why is it harmless?')
    variants = _texts(record.get("variants"), 2, MOST_VARIANTS, MOST_CHARACTERS, "variants", where)
    probes = _texts(record.get("probes"), 1, MOST_PROBES, 8_000, "probes", where)
    words = frozenset(take_words(record.get("words")))
    if not words:
        raise LogsError(f'{where}: expected "words" that a prompt must have, found none')
    if type(record.get("per_prompt", False)) is not bool:
        raise LogsError(f'{where}: expected "per_prompt" as true or false')
    for variant in variants:
        _check_variant(variant, variants, where)
    return Slot(name, words, variants, probes, why, record.get("per_prompt", False))


def _check_variant(variant: str, variants: tuple[str, ...], where: str) -> None:
    bad = [c for c in variant if c in _MARKUP or not is_safe(c)]
    if bad or variant != " ".join(variant.split()):
        raise LogsError(
            f"{where}: variant {excerpt(variant)}: expected plain words on one line, found markup, "
            "signs or hidden characters; write it without"
        )
    if _meant(variant) != _meant(variants[0]):
        raise LogsError(
            f"{where}: variants {excerpt(variants[0])} and {excerpt(variant)} differ in numbers, "
            "negations or quantifiers; facts of consequence must not vary"
        )
    for other in variants:
        probe = Slot("x", frozenset("x"), (variant, "\0"), (), "")
        if other is not variant and probe.find(other) is not None:
            raise LogsError(
                f"{where}: variant {excerpt(variant)} is part of {excerpt(other)}: they could not "
                "be told apart; choose others"
            )


def _meant(variant: str) -> list[str]:
    """List what in a phrase could change a fact: digits and words that turn its meaning."""
    lower = unicodedata.normalize("NFKC", variant).lower().replace("’", "'")
    digits = re.findall(r"\d+", lower)
    words = grammar_for(lower).tokens.findall(lower)
    return sorted([*digits, *(word for word in words if word in _WEIGHTY)])


def slot_to_dict(slot: Slot) -> dict[str, Any]:
    """Return a slot as a plan holds it; `check_slot` reads it back."""
    return {
        "id": slot.id,
        "words": sorted(slot.words),
        "variants": list(slot.variants),
        "probes": list(slot.probes),
        "why": slot.why,
        "equivalent": True,
        "stakes": STAKES,
        "per_prompt": slot.per_prompt,
    }


def take_words(value: Any) -> list[str]:
    """Take words as text or as a list of texts; numbers and punctuation do not count."""
    texts = [value] if isinstance(value, str) else take_list(value)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("expected words")
    return [word for text in texts for word in words_of(text.lower())]


def _texts(
    value: Any, least: int, most: int, length: int, what: str, where: str
) -> tuple[str, ...]:
    good = isinstance(value, list) and least <= len(value) <= most
    if not good or not all(
        isinstance(t, str) and 0 < len(t) <= length and t.strip() for t in value
    ):
        raise LogsError(
            f'{where}: expected "{what}" as a list of {least} to {most} texts of up to {length} '
            "characters"
        )
    if len({" ".join(t.lower().split()) for t in value}) < len(value):
        raise LogsError(f'{where}: expected "{what}" that all differ, found one twice')
    return tuple(value)


def take_list(value: Any) -> list[Any]:
    """Return a list, or raise `TypeError`."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def take_name(pattern: re.Pattern[str], value: Any, what: str, where: str) -> str:
    """Return a text of a certain form, or raise `LogsError`."""
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise LogsError(
            f"{where}: expected {what} of the form {pattern.pattern}, found {excerpt(value)}"
        )
    return value

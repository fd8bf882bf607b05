"""Teacher's text in what a suspect writes: spans, with their rarity, and answers from a prefix.

A long span of the teacher's response in the suspect's answer to the same prompt tells little when
other models write it too; each span therefore carries how many background models wrote it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from fingerprint.errors import MissingExtraError, WeightsError
from fingerprint.records import MIN_LINEAGES

SHORTEST = 40
"""Characters of a span; shorter ones are in any two answers to one question."""
NEAR = 90.0
"""Similarity in per cent from which a span of another model counts as the same."""
LONGEST_TEXT = 20_000
"""Characters of a response that are read: the search for near spans is quadratic."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of the suspect's answer that the teacher wrote too."""

    prompt_id: str
    start: int
    """In the suspect's answer, characters."""
    length: int
    exact: bool
    """False where the teacher's wording is near but not the same."""
    background: int
    """Background models that wrote it too, exactly or nearly."""
    n_background: int
    """Background models that answered the prompt."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """How often a suspect, given the beginning of a response, goes on as its source did."""

    source: str
    similarity: float
    """Mean similarity of continuations, 0 to 1."""
    n: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """Continuations from the teacher's beginnings against those from background models'."""

    teacher: Continuation
    background: tuple[Continuation, ...]
    p_sources: float
    """(1 + background models that are continued as well) / (background models + 1)."""
    p_prompts: float
    """Wilcoxon's signed ranks over prompts: no evidence of distillation by itself."""


def spans(
    suspect: Mapping[str, str],
    teacher: Mapping[str, str],
    background: Sequence[Mapping[str, str]],
    shortest: int = SHORTEST,
) -> list[Span]:
    """Find the longest exact and the best near span of each prompt, the rarest first.

    Parameters
    ----------
    suspect, teacher : mapping of str to str
        Responses by prompt.
    background : sequence of such mappings
        One for each unrelated model.
    shortest : int
        Fewest characters of a span.

    Raises
    ------
    MissingExtraError
        Without rapidfuzz.
    """
    found = []
    for prompt in sorted(suspect.keys() & teacher.keys()):
        mine, theirs = suspect[prompt][:LONGEST_TEXT], teacher[prompt][:LONGEST_TEXT]
        others = [model[prompt][:LONGEST_TEXT] for model in background if prompt in model]
        for start, length, exact in _shared(mine, theirs, shortest):
            text = mine[start : start + length]
            known = sum(_holds(other, text) for other in others)
            found.append(Span(prompt, start, length, exact, known, len(others)))
    return sorted(found, key=lambda s: (s.background / max(s.n_background, 1), -s.length))


def extraction(
    teacher: tuple[str, Sequence[tuple[str, str]]],
    background: Sequence[tuple[str, Sequence[tuple[str, str]]]],
) -> Extraction:
    """Compare continuations with what the sources wrote there.

    Parameters
    ----------
    teacher : pair of name and pairs
        For each prompt, in one order for all sources: what the source wrote after the beginning,
        and what the suspect wrote after the same beginning.
    background : sequence of the same
        At least `MIN_LINEAGES`, one for each unrelated lineage.

    Raises
    ------
    WeightsError
        With fewer background models, or other numbers of prompts.
    MissingExtraError
        Without rapidfuzz.
    """
    if len(background) < MIN_LINEAGES or not teacher[1]:
        raise WeightsError(
            f"expected prompts and at least {MIN_LINEAGES} background models, found "
            f"{len(teacher[1])} and {len(background)}"
        )
    if any(len(pairs) != len(teacher[1]) for _, pairs in background):
        raise WeightsError(f"expected {len(teacher[1])} prompts of every source, found others")
    ratios = {name: [_ratio(a, b) for a, b in pairs] for name, pairs in (teacher, *background)}
    rows = {name: Continuation(name, sum(r) / len(r), len(r)) for name, r in ratios.items()}
    others = [ratios[name] for name, _ in background]
    excess = [
        own - sum(other) / len(other)
        for own, *other in zip(ratios[teacher[0]], *others, strict=True)
    ]
    first = rows[teacher[0]]
    as_much = sum(rows[name].similarity >= first.similarity for name, _ in background)
    varied = any(value != 0 for value in excess)
    p = float(stats.wilcoxon(excess, alternative="greater").pvalue) if varied else 1.0
    return Extraction(
        teacher=first,
        background=tuple(rows[name] for name, _ in background),
        p_sources=(1 + as_much) / (len(background) + 1),
        p_prompts=p,
    )


def _shared(mine: str, theirs: str, shortest: int) -> list[tuple[int, int, bool]]:
    """Return the longest exact span and, outside of it, the best near one: start, length, exact."""
    if min(len(mine), len(theirs)) < shortest:
        return []
    fuzz, found = _fuzz(), []
    at, length = _longest_common(mine, theirs)
    if length >= shortest:
        found.append((at, length, True))
    else:
        length = 0
    best, place = 0.0, 0
    for start in range(0, len(mine) - shortest + 1, max(1, shortest // 2)):
        if start < at + length and start + shortest > at:
            continue
        piece = mine[start : start + shortest]
        score = float(fuzz.partial_ratio(piece, theirs, score_cutoff=NEAR))
        if score > best:
            best, place = score, start
    if best > 0:
        found.append((place, shortest, False))
    return found


def _longest_common(a: str, b: str) -> tuple[int, int]:
    """Return where in `a` the longest part of `b` stands, and its length: halving lengths."""
    low, high, at = 0, min(len(a), len(b)), 0
    while low < high:
        middle = (low + high + 1) // 2
        known = {hash(b[i : i + middle]) for i in range(len(b) - middle + 1)}
        parts = ((i, a[i : i + middle]) for i in range(len(a) - middle + 1))
        # Hashes may collide; the text itself decides.
        place = next((i for i, part in parts if hash(part) in known and part in b), None)
        if place is None:
            high = middle - 1
        else:
            low, at = middle, place
    return at, low


def _holds(text: str, span: str) -> bool:
    if span in text:
        return True
    return len(text) >= len(span) and _fuzz().partial_ratio(span, text) >= NEAR


def _ratio(a: str, b: str) -> float:
    return float(_fuzz().ratio(a[:LONGEST_TEXT], b[:LONGEST_TEXT])) / 100


def _fuzz() -> Any:
    try:
        from rapidfuzz import fuzz
    except ImportError:
        raise MissingExtraError("looking for memorised text", "rapidfuzz", "memorised") from None
    return fuzz

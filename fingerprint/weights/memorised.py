"""Teacher's text in what a suspect writes: spans, with their rarity, and answers from a prefix.

A long span of the teacher's response in the suspect's answer to the same prompt tells little when
other models write it too; each span therefore carries how many background models wrote it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fingerprint.errors import MissingExtraError
from fingerprint.records import ModelInfo, Outputs
from fingerprint.weights.scores import Item, Place
from fingerprint.weights.sources import Ranking, grid, rank

if TYPE_CHECKING:
    from fingerprint.weights.loading import Weights

NAME = "memorised"
CONTINUED = "continuations"
GIVEN, ASKED = 20, 32
"""Tokens of a response that are shown to the suspect, and that it is to write."""
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


def rare_spans(
    suspect: Outputs,
    sources: Sequence[Outputs],
    infos: Mapping[str, ModelInfo],
    *,
    shortest: int = SHORTEST,
    seed: int = 0,
) -> Ranking:
    """Rank sources by how much of the suspect's answers stands word for word in theirs alone.

    Parameters
    ----------
    suspect : Outputs
        Free answers; those with the same prompt (`prompt_id`) are compared.
    sources : sequence of Outputs
        Teacher and background models.
    infos : mapping of str to ModelInfo
        Text that a source of another lineage wrote too, at that prompt, counts for nobody.
    shortest : int
        Fewest characters of a span.
    seed : int
        Of the bootstrap over prompts.

    Raises
    ------
    WeightsError
        With too few lineages or prompts.
    """
    written: dict[str, dict[str, dict[str, set[str]]]] = {}  # prompt, lineage, source
    for one in sources:
        lineage = infos[one.model].lineage
        for response in one.responses:
            at = written.setdefault(response.prompt_id, {}).setdefault(lineage, {})
            at.setdefault(one.model, set()).update(_pieces(response.text, shortest))
    cells: dict[tuple[Any, str], list[float]] = {}
    for response in suspect.responses:
        mine = _pieces(response.text, shortest)
        by_lineage = written.get(response.prompt_id, {})
        if not mine:
            continue
        own = [
            piece
            for piece in mine
            if sum(any(piece in p for p in kin.values()) for kin in by_lineage.values()) == 1
        ]
        for models in by_lineage.values():
            for model, pieces in models.items():
                rare = sum(piece in pieces for piece in own)
                cells.setdefault((response.prompt_id, model), []).append(rare / len(mine))
    names = sorted({one.model for one in sources})
    return rank(
        grid(cells, names),
        names,
        infos,
        kind=NAME,
        unit=f"share of pieces of {shortest} characters that only the source wrote too",
        suspect=suspect.model,
        seed=seed,
    )


def continued(
    suspect: str,
    ratios: Mapping[Place, float],
    infos: Mapping[str, ModelInfo],
    *,
    base: tuple[str, Mapping[Place, float]] | None = None,
    stand_in: bool = False,
    seed: int = 0,
) -> Ranking:
    """Rank sources by how closely a suspect goes on from the beginnings of their responses.

    Parameters
    ----------
    suspect : str
    ratios : mapping of Place to float
        Of `continuations`.
    infos : mapping of str to ModelInfo
    base : pair of str and mapping, optional
        The base's name and its ratios, which are subtracted: some text is easy to guess.
    stand_in : bool
        The base is one of like size and not the suspect's own.
    seed : int
        Of the bootstrap over prompts.

    Raises
    ------
    WeightsError
        With too few lineages or prompts.
    """
    name, before = base or (None, {})
    cells: dict[tuple[Any, str], list[float]] = {}
    for place, ratio in ratios.items():
        if name is None or place in before:
            cell = cells.setdefault(((place.suite, place.prompt_id), place.source), [])
            cell.append(ratio - before.get(place, 0.0))
    sources = sorted({place.source for place in ratios})
    return rank(
        grid(cells, sources),
        sources,
        infos,
        kind=CONTINUED,
        unit="similarity of continuations, 0 to 1",
        suspect=suspect,
        base=name,
        stand_in=stand_in,
        seed=seed,
    )


def continuations(
    weights: Weights,
    items: Sequence[Item],
    report: Callable[[int, int], None],
    *,
    given: int = GIVEN,
    asked: int = ASKED,
    rows: int = 16,
) -> dict[Place, float]:
    """Let weights go on from the beginnings of responses, and compare with what follows there.

    The likeliest token is taken at every step, so the same weights give the same text.

    Parameters
    ----------
    weights : Weights
    items : sequence of Item
        Whole responses; those with fewer than ``given + asked`` tokens are passed over.
    report : callable
        Called with how many are done, of how many.
    given, asked : int
        Tokens of the response that are shown, and that are to follow.
    rows : int
        Responses of a batch.

    Returns
    -------
    mapping of Place to float
        Similarity of the two texts, 0 to 1.

    Raises
    ------
    MissingExtraError
        Without rapidfuzz.
    """
    fuzz, ready = _fuzz(), []
    for item in items:
        head, tail = weights.prompt_ids(list(item.messages)), weights.text_ids(item.text)
        fits = weights.context is None or len(head) + given + asked <= weights.context
        if len(tail) >= given + asked and fits:
            ready.append((item.place, head + tail[:given], tail[given : given + asked]))
    ready.sort(key=lambda one: (len(one[1]), one[0]))
    found = {}
    for start in range(0, len(ready), rows):
        batch = ready[start : start + rows]
        written = weights.greedy([ids for _, ids, _ in batch], asked)
        for (place, _, truth), ids in zip(batch, written, strict=True):
            theirs, mine = (weights.tokenizer.decode(one) for one in (truth, ids))
            found[place] = float(fuzz.ratio(theirs, mine)) / 100
        report(len(found), len(ready))
    return found


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


def _pieces(text: str, size: int) -> set[str]:
    """Return all parts of a text of so many characters."""
    text = text[:LONGEST_TEXT]
    return {text[i : i + size] for i in range(len(text) - size + 1)}


def _fuzz() -> Any:
    try:
        from rapidfuzz import fuzz
    except ImportError:
        raise MissingExtraError("looking for memorised text", "rapidfuzz", "memorised") from None
    return fuzz

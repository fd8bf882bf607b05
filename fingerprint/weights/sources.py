"""Sources ranked by how far a suspect favours each over independent others.

Whatever is measured of a suspect along the responses of several sources to the same prompts (what
training has done to their probability, how close its own distributions have come, which rare spans
it repeats) ends here: at each prompt the mean of the other lineages is taken away. Three nulls are
told apart. That over prompts asks whether these prompts could have come out otherwise; it is tiny
for any two sources and is no evidence of distillation. That over sources asks how far the teacher
stands out from models that did not teach the suspect. That over siblings asks whether the source
stands out as much for other post-trainings of the suspect's base, which it did not teach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from fingerprint.errors import WeightsError
from fingerprint.fields import Fields
from fingerprint.pvalues import llr10
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS, ChannelResult, ModelInfo, Status

LEVEL = 0.95
ALPHA = 0.05
"""Corrected p over sources at which a source is named."""
DRAWS = 2000
FEWEST_SIBLINGS = 3
"""Below these nothing is named by gains over a base: text that any training makes easier, or one
odd sibling, would make a source stand out."""
RULE = (
    "a source is named when it ranks first, its interval over prompts is above 0, its distance "
    f"from the other lineages has p <= {ALPHA:g} after correction for looking at all of them and, "
    f"where gains over a base are ranked, it stands out from {FEWEST_SIBLINGS} siblings or more "
    f"with p <= {ALPHA:g}"
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of text, as the suspect favours it. Values in the unit of the ranking."""

    source: str
    lineage: str
    gain: float
    """What was measured, before other lineages' mean is taken away."""
    score: float
    """Gain minus the mean gain on other lineages' responses to the same prompts."""
    low: float
    high: float
    """Bootstrap over prompts."""
    p_prompts: float
    """Share of bootstrap draws at or below 0, over prompts only: no evidence of distillation."""
    p_sources: float
    """(1 + other lineages that stand as high) / (other lineages + 1)."""
    z: float | None
    """Distance from the other lineages in their own scatter; None when they do not scatter."""
    p_spread: float | None
    """Of such a distance (Student's t), corrected for looking at all lineages."""
    sibling_spread: float | None
    """Standard error of a score by how siblings' scores at the source differ; None below two."""
    p_siblings: float | None
    """Of the score in that spread (Student's t)."""
    n_prompts: int
    n_lineages: int
    """Other lineages."""
    named: bool


class _Measured(NamedTuple):
    """What a row holds by itself; the rest of it depends on the other lineages."""

    source: str
    lineage: str
    gain: float
    score: float
    low: float
    high: float
    p_prompts: float
    sibling_spread: float | None
    n_prompts: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """All sources in the order in which a suspect favours them."""

    kind: str
    """Name of the channel."""
    unit: str
    suspect: str
    base: str | None
    """What gains are over; None where nothing is subtracted."""
    stand_in: bool
    """The base is not the suspect's own but one of like size."""
    siblings: tuple[str, ...]
    """Other post-trainings of the base; what their gains predict was taken away first."""
    rows: tuple[SourceRow, ...]
    """That first whose score is largest in units of both spreads, over sources and siblings."""
    left_out: tuple[str, ...]
    """Sources with too few prompts."""
    rule: str
    seed: int
    draws: int

    @property
    def named(self) -> SourceRow | None:
        """The source that the rule names, if there is one."""
        return next((row for row in self.rows if row.named), None)

    def best_of(self, sources: Sequence[str], lineage: str) -> SourceRow | None:
        """Return the row of a teacher, given by its versions or its lineage: the highest one."""
        own = (row for row in self.rows if row.source in sources or row.lineage == lineage)
        return next(own, None)


def rank(
    values: Floats,
    sources: Sequence[str],
    infos: Mapping[str, ModelInfo],
    *,
    kind: str,
    unit: str,
    suspect: str,
    base: str | None = None,
    stand_in: bool = False,
    siblings: Sequence[tuple[str, Floats]] = (),
    seed: int = 0,
    draws: int = DRAWS,
) -> Ranking:
    """Rank sources by how far they stand out from other lineages at the same prompts.

    Parameters
    ----------
    values : array (prompts x sources)
        What was measured, higher where the suspect favours the source; NaN where it is not known.
    sources : sequence of str
        Names of the columns.
    infos : mapping of str to ModelInfo
        What is known of each source; those of one lineage are no background for each other.
    kind, unit, suspect, base, stand_in
        For the record.
    siblings : sequence of pairs of str and array (prompts x sources)
        Names, and the same of each sibling, nothing taken away.
    seed, draws : int
        Of the bootstrap over prompts.

    Raises
    ------
    WeightsError
        With too few lineages or prompts.
    """
    lineages = [infos[name].lineage for name in sources]
    enough = (~np.isnan(_excess(values, lineages))).sum(axis=0) >= MIN_PROMPTS
    kept = np.flatnonzero(enough).tolist()
    names, kin = [sources[i] for i in kept], [lineages[i] for i in kept]
    if len(set(kin)) < MIN_LINEAGES + 1:
        raise WeightsError(
            f"expected at least {MIN_LINEAGES + 1} lineages with {MIN_PROMPTS} common prompts to "
            f"compare, found {len(set(kin))}; add the responses of more models to these prompts"
        )
    values = values[:, kept]
    # Again, since the lineages that fell out are no background either.
    excess = _excess(values, kin)
    scores = np.nanmean(excess, axis=0)
    sampled = _bootstrap(excess, np.random.default_rng(seed), draws)
    low, high = np.nanquantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    others = [np.nanmean(_excess(own[:, kept], kin), axis=0) for _, own in siblings]
    spread = None
    if len(others) > 1:
        spread = np.std(others, axis=0, ddof=1) * np.sqrt(1 + 1 / len(others))
    rows = [
        _Measured(
            source=names[i],
            lineage=kin[i],
            gain=float(np.nanmean(values[:, i])),
            score=float(scores[i]),
            low=float(low[i]),
            high=float(high[i]),
            p_prompts=(1 + int((sampled[:, i] <= 0).sum())) / (1 + draws),
            sibling_spread=None if spread is None else float(spread[i]),
            n_prompts=int((~np.isnan(excess[:, i])).sum()),
        )
        for i in range(len(names))
    ]
    return Ranking(
        kind=kind,
        unit=unit,
        suspect=suspect,
        base=base,
        stand_in=stand_in,
        siblings=tuple(name for name, _ in siblings),
        rows=_placed(rows, len(siblings), over_base=base is not None),
        left_out=tuple(name for name, fine in zip(sources, enough, strict=True) if not fine),
        rule=RULE,
        seed=seed,
        draws=draws,
    )


def ranking_from(facts: Fields) -> Ranking:
    """Read a ranking that was written as JSON.

    Places, p-values and the name are computed again from scores and intervals, so that a file
    cannot claim more than these carry.

    Raises
    ------
    WeightsError
        When it is something else.
    """
    rows = [
        _Measured(
            source=row.text("source"),
            lineage=row.text("lineage"),
            gain=row.number("gain"),
            score=row.number("score"),
            low=row.number("low"),
            high=row.number("high"),
            p_prompts=row.number("p_prompts"),
            sibling_spread=row.number_or_none("sibling_spread"),
            n_prompts=row.whole("n_prompts"),
        )
        for row in facts.each("rows")
    ]
    if len({row.lineage for row in rows}) < MIN_LINEAGES + 1:
        raise WeightsError(
            f"expected a ranking of at least {MIN_LINEAGES + 1} lineages, found fewer"
        )
    base, siblings = facts.text_or_none("base"), facts.texts("siblings")
    return Ranking(
        kind=facts.text("kind"),
        unit=facts.text("unit"),
        suspect=facts.text("suspect"),
        base=base,
        stand_in=facts.truth("stand_in"),
        siblings=siblings,
        rows=_placed(rows, len(siblings), over_base=base is not None),
        left_out=facts.texts("left_out"),
        rule=RULE,
        seed=facts.whole("seed"),
        draws=facts.whole("draws"),
    )


def channel_result(found: Ranking, teachers: Sequence[str], lineage: str) -> ChannelResult:
    """Return the row of a verdict for a teacher, given by its versions and its lineage.

    Of several versions the one with the highest score is taken; they are one lineage, so none is
    background for another. The likelihood ratio is what the p-value over sources earns whatever
    the alternative: it cannot pass what the number of lineages allows, and is no part of the
    verdict's own. Gains over a base have none without enough siblings: sources are then not alike
    even for a suspect that none of them taught.
    """
    row = found.best_of(teachers, lineage)
    if row is None:
        return ChannelResult(
            found.kind, Status.MISSING, None, None, None, None, 0,
            "the teacher's responses were not measured, or at too few common prompts",
        )  # fmt: skip
    least = 1 / (row.n_lineages + 1)
    words = (
        f"{found.unit}; p over sources {row.p_sources:.3g} with {row.n_lineages} other lineages "
        f"(the least it can be is {least:.3g})"
    )
    compared = found.base is None or len(found.siblings) >= FEWEST_SIBLINGS
    if not compared:
        words += (
            f"; {len(found.siblings)} siblings of the base show what any training does to such "
            f"text, where {FEWEST_SIBLINGS} are needed for a likelihood ratio"
        )
    if found.stand_in:
        words += f"; {found.base} stands in for the suspect's base, which is not known"
    reliable = not found.stand_in
    return ChannelResult(
        name=found.kind,
        status=Status.MEASURED if reliable else Status.UNRELIABLE,
        score=row.score,
        low=row.low,
        high=row.high,
        llr10=llr10(row.p_sources, np.inf) if reliable and compared else None,
        n_prompts=row.n_prompts,
        reason=words,
    )


def grid(cells: Mapping[tuple[Any, str], Sequence[float]], sources: Sequence[str]) -> Floats:
    """Lay values out by prompt and source; several of one cell (samples) are averaged.

    Returns
    -------
    array (prompts x sources)
        NaN where a cell is empty.
    """
    prompts = sorted({prompt for prompt, _ in cells})
    values = np.full((len(prompts), len(sources)), np.nan)
    row_of = {prompt: i for i, prompt in enumerate(prompts)}
    column_of = {source: i for i, source in enumerate(sources)}
    for (prompt, source), found in cells.items():
        values[row_of[prompt], column_of[source]] = float(np.mean(found))
    return values


def _excess(gains: Floats, lineages: Sequence[str]) -> Floats:
    """Return gain minus the mean over other lineages' mean gains at the prompt.

    NaN where the source is missing or fewer than `MIN_LINEAGES` others are there.
    """
    units = sorted(set(lineages))
    of = np.array([units.index(name) for name in lineages])
    member = (of[None, :] == np.arange(len(units))[:, None]).astype(float)  # units x sources
    there = ~np.isnan(gains)
    counts = there @ member.T
    means = np.where(counts > 0, np.nan_to_num(gains) @ member.T / np.maximum(counts, 1), 0.0)
    present = (counts > 0).astype(float)
    others = present.sum(axis=1, keepdims=True) - present[:, of]
    total = means.sum(axis=1, keepdims=True) - means[:, of]
    fine = there & (others >= MIN_LINEAGES)
    return np.where(fine, gains - total / np.maximum(others, 1), np.nan)


def _bootstrap(excess: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """Draw prompts with replacement (draws x sources)."""
    n = len(excess)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(float)
    there = weights @ (~np.isnan(excess)).astype(float)
    return np.where(there > 0, weights @ np.nan_to_num(excess) / np.maximum(there, 1), np.nan)


def _placed(rows: Sequence[_Measured], siblings: int, *, over_base: bool) -> tuple[SourceRow, ...]:
    """Order rows and compute what depends on the other lineages and on siblings.

    A source at which siblings differ widely says little, however high its score is there.
    """
    scatter = float(np.std([row.score for row in rows]))
    unit = [max(np.hypot(scatter, row.sibling_spread or 0.0), 1e-12) for row in rows]
    standing = [row.score / size for row, size in zip(rows, unit, strict=True)]
    placed: list[SourceRow] = []
    for i in np.argsort(-np.array(standing), kind="stable").tolist():
        row = rows[i]
        best: dict[str, tuple[float, float]] = {}
        for other, height in zip(rows, standing, strict=True):
            if other.lineage != row.lineage:
                found = best.get(other.lineage, (-np.inf, -np.inf))
                best[other.lineage] = max(found[0], other.score), max(found[1], height)
        scores, heights = (np.array(part) for part in zip(*best.values(), strict=True))
        z, p = _distance(row.score, scores)
        apart = None
        if row.sibling_spread is not None and siblings > 1:
            size = max(row.sibling_spread, 1e-12)
            apart = float(stats.t.sf(row.score / size, siblings - 1))
        told = not over_base or (
            siblings >= FEWEST_SIBLINGS and apart is not None and apart <= ALPHA
        )
        placed.append(
            SourceRow(
                **row._asdict(),
                p_sources=(1 + int((heights >= standing[i]).sum())) / (len(heights) + 1),
                z=z,
                p_spread=p,
                p_siblings=apart,
                n_lineages=len(heights),
                named=not placed and row.low > 0 and p is not None and p <= ALPHA and told,
            )
        )
    return tuple(placed)


def _distance(score: float, others: Floats) -> tuple[float | None, float | None]:
    """Return how far a new value lies from some others, and its corrected p (prediction by t)."""
    spread = float(others.std(ddof=1))
    if spread <= 1e-12:
        return None, None
    z = (score - float(others.mean())) / (spread * np.sqrt(1 + 1 / len(others)))
    p = float(stats.t.sf(z, len(others) - 1))
    return float(z), float(-np.expm1((len(others) + 1) * np.log1p(-p)))

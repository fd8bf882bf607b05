"""The likelihood channel: what training has done to a suspect's probabilities of others' text.

Training on a teacher's responses makes such responses likelier. How much likelier than under the
base, in bits per byte, is the gain; from it the gain on background models' responses to the same
prompts is taken away (difference in differences), and before that, where there are other
post-trainings of the same base, their mean gain on the same response: some text is easier for any
chat model. Two nulls are told apart. That over prompts asks whether these prompts could have come
out otherwise; it is tiny for any two sources and is no evidence of distillation. That over sources
asks how far the teacher stands out from models that did not teach the suspect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from fingerprint.errors import WeightsError
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS, ChannelResult, ModelInfo, Status
from fingerprint.weights.scores import Place, Scores

NAME = "likelihood"
LEVEL = 0.95
ALPHA = 0.05
"""Corrected p over sources at which a source is named."""
DRAWS = 2000
RULE = (
    "a source is named when it ranks first, its interval over prompts is above 0, and its distance "
    f"from the other lineages has p <= {ALPHA:g} after correction for looking at all of them"
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of text, as the suspect's probabilities see it. All values in bits per byte."""

    source: str
    lineage: str
    gain: float
    """Base minus suspect, siblings' mean gain taken away."""
    score: float
    """Gain minus the mean gain on other lineages' responses to the same prompts."""
    low: float
    high: float
    """Bootstrap over prompts."""
    p_prompts: float
    """Share of bootstrap draws at or below 0, over prompts only: no evidence of distillation."""
    p_sources: float
    """(1 + other lineages that score at least as much) / (other lineages + 1)."""
    z: float | None
    """Distance from the other lineages in their own scatter; None when they do not scatter."""
    p_spread: float | None
    """Of such a distance (Student's t), corrected for looking at all lineages."""
    n_prompts: int
    n_lineages: int
    """Other lineages."""
    named: bool


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The likelihood channel of one suspect."""

    suspect: str
    base: str
    stand_in: bool
    """The base is not the suspect's own but one of like size."""
    siblings: tuple[str, ...]
    rows: tuple[SourceRow, ...]
    """Highest score first."""
    left_out: tuple[str, ...]
    """Sources with too few prompts."""
    rule: str
    seed: int
    draws: int

    @property
    def named(self) -> SourceRow | None:
        """The source that the rule names, if there is one."""
        return next((row for row in self.rows if row.named), None)


def measure(
    suspect: Scores,
    base: Scores,
    infos: Mapping[str, ModelInfo],
    *,
    siblings: Sequence[Scores] = (),
    stand_in: bool = False,
    seed: int = 0,
    draws: int = DRAWS,
) -> Likelihood:
    """Rank sources by what training has done to a suspect's probabilities of their text.

    Parameters
    ----------
    suspect, base : Scores
        Of the same responses.
    infos : mapping of str to ModelInfo
        What is known of each source; those of one lineage are no background for each other.
    siblings : sequence of Scores
        Independent post-trainings of the same base. They must not be students of a source.
    stand_in : bool
        The base is one of like size and not the suspect's own.
    seed, draws : int
        Of the bootstrap over prompts.

    Raises
    ------
    WeightsError
        When the files hold scores of different texts, or too few sources or prompts.
    """
    _check_texts(suspect, (base, *siblings))
    sources = sorted({place.source for place in suspect.bits_per_byte})
    gains = _gains(suspect, base, siblings, sources)
    lineages = [infos[name].lineage for name in sources]
    excess = _excess(gains, lineages)
    enough = (~np.isnan(excess)).sum(axis=0) >= MIN_PROMPTS
    kept = np.flatnonzero(enough)
    names, kin = [sources[i] for i in kept], [lineages[i] for i in kept]
    if len(set(kin)) < MIN_LINEAGES + 1:
        raise WeightsError(
            f"expected at least {MIN_LINEAGES + 1} lineages with {MIN_PROMPTS} common prompts to "
            f"compare, found {len(set(kin))}; score the responses of more models to these prompts"
        )
    gains = gains[:, kept]
    # Again, since the lineages that fell out are no background either.
    excess = _excess(gains, kin)
    scores = np.nanmean(excess, axis=0)
    sampled = _bootstrap(excess, np.random.default_rng(seed), draws)
    rows = [
        _row(i, names, kin, gains[:, i], excess[:, i], scores, sampled[:, i])
        for i in np.argsort(-scores, kind="stable")
    ]
    return Likelihood(
        suspect=suspect.scorer,
        base=base.scorer,
        stand_in=stand_in,
        siblings=tuple(one.scorer for one in siblings),
        rows=(_named(rows[0]), *rows[1:]),
        left_out=tuple(name for name, fine in zip(sources, enough, strict=True) if not fine),
        rule=RULE,
        seed=seed,
        draws=draws,
    )


def channel_result(found: Likelihood, teachers: Sequence[str]) -> ChannelResult:
    """Return the row of a verdict for a teacher, given by the names of its versions.

    Of several versions the one with the highest score is taken; they are one lineage, so none is
    background for another. There is no likelihood ratio: none has been fitted to labelled weights.
    """
    row = next((row for row in found.rows if row.source in teachers), None)
    if row is None:
        return ChannelResult(
            NAME, Status.MISSING, None, None, None, None, 0,
            "the teacher's responses were not scored, or at too few common prompts",
        )  # fmt: skip
    words = (
        f"bits per byte; p over sources {row.p_sources:.3g} with {row.n_lineages} other lineages "
        f"(the least it can be is {1 / (row.n_lineages + 1):.3g})"
    )
    if found.stand_in:
        words += f"; {found.base} stands in for the suspect's base, which is not known"
    status = Status.UNRELIABLE if found.stand_in else Status.MEASURED
    return ChannelResult(NAME, status, row.score, row.low, row.high, None, row.n_prompts, words)


def _check_texts(suspect: Scores, others: Sequence[Scores]) -> None:
    for other in others:
        for place, digest in other.digests.items():
            if suspect.digests.get(place, digest) != digest:
                raise WeightsError(
                    f"{suspect.scorer[:80]} and {other.scorer[:80]}: scores of different texts at "
                    f"prompt {place.prompt_id[:80]} of {place.source[:80]}; score the same files "
                    "with the same --max-bytes"
                )


def _gains(
    suspect: Scores, base: Scores, siblings: Sequence[Scores], sources: Sequence[str]
) -> Floats:
    """Return the gain of each prompt and source (prompts x sources), NaN where it is not known."""
    prompts = sorted({(place.suite, place.prompt_id) for place in suspect.bits_per_byte})
    row_of = {prompt: i for i, prompt in enumerate(prompts)}
    column_of = {source: i for i, source in enumerate(sources)}
    sums = np.zeros((len(prompts), len(sources)))
    counts = np.zeros_like(sums)
    for place, bits in suspect.bits_per_byte.items():
        gain = _gain(place, bits, base, siblings)
        if gain is not None:
            at = row_of[place.suite, place.prompt_id], column_of[place.source]
            sums[at] += gain
            counts[at] += 1
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _gain(place: Place, bits: float, base: Scores, siblings: Sequence[Scores]) -> float | None:
    before = base.bits_per_byte.get(place)
    others = [one.bits_per_byte.get(place) for one in siblings]
    known = [value for value in others if value is not None]
    if before is None or len(known) < len(others):
        return None
    # With siblings the base cancels: their mean gain is base minus their mean.
    return (float(np.mean(known)) if known else before) - bits


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


def _row(
    i: int,
    names: Sequence[str],
    kin: Sequence[str],
    gains: Floats,
    excess: Floats,
    scores: Floats,
    sampled: Floats,
) -> SourceRow:
    best: dict[str, float] = {}
    for name, score in zip(kin, scores, strict=True):
        if name != kin[i]:
            best[name] = max(best.get(name, -np.inf), float(score))
    others = np.array([best[name] for name in sorted(best)])
    low, high = np.nanquantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    below = int((sampled <= 0).sum())
    z, p = _distance(float(scores[i]), others)
    return SourceRow(
        source=names[i],
        lineage=kin[i],
        gain=float(np.nanmean(gains)),
        score=float(scores[i]),
        low=float(low),
        high=float(high),
        p_prompts=(1 + below) / (1 + len(sampled)),
        p_sources=(1 + int((others >= scores[i]).sum())) / (len(others) + 1),
        z=z,
        p_spread=p,
        n_prompts=int((~np.isnan(excess)).sum()),
        n_lineages=len(others),
        named=False,
    )


def _distance(score: float, others: Floats) -> tuple[float | None, float | None]:
    """Return how far a new value lies from some others, and its corrected p (prediction by t)."""
    spread = float(others.std(ddof=1))
    if spread <= 1e-12:
        return None, None
    z = (score - float(others.mean())) / (spread * np.sqrt(1 + 1 / len(others)))
    p = float(stats.t.sf(z, len(others) - 1))
    return float(z), float(-np.expm1((len(others) + 1) * np.log1p(-p)))


def _named(row: SourceRow) -> SourceRow:
    """Apply the rule to the first row."""
    return replace(row, named=row.low > 0 and row.p_spread is not None and row.p_spread <= ALPHA)

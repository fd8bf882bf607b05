"""The likelihood channel: what training has done to a suspect's probabilities of others' text.

Training on a teacher's responses makes such responses likelier. How much likelier than under the
base, in bits per byte, is the gain; from it the gain on background models' responses to the same
prompts is taken away (difference in differences), and before that, where there are other
post-trainings of the same base, their mean gain on the same response: some text is easier for any
chat model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fingerprint.errors import WeightsError
from fingerprint.records import ModelInfo
from fingerprint.weights.scores import Scores
from fingerprint.weights.sources import DRAWS, Floats, Ranking, grid, rank

NAME = "likelihood"
UNIT = "bits per byte"

Cell = tuple[tuple[str, str], str]
"""Suite and prompt, and source."""


def measure(
    suspect: Scores,
    base: Scores,
    infos: Mapping[str, ModelInfo],
    *,
    siblings: Sequence[Scores] = (),
    stand_in: bool = False,
    kind: str = NAME,
    unit: str = UNIT,
    seed: int = 0,
    draws: int = DRAWS,
) -> Ranking:
    """Rank sources by what training has done to a suspect's probabilities of their text.

    Parameters
    ----------
    suspect, base : Scores
        Of the same responses; lower is likelier.
    infos : mapping of str to ModelInfo
        What is known of each source; those of one lineage are no background for each other.
    siblings : sequence of Scores
        Independent post-trainings of the same base. They must not be students of a source.
    stand_in : bool
        The base is one of like size and not the suspect's own.
    kind, unit : str
        Of the scores; divergences are ranked in the same way.
    seed, draws : int
        Of the bootstrap over prompts.

    Raises
    ------
    WeightsError
        When the files hold scores of different texts, or too few sources or prompts.
    """
    _check_texts(suspect, (base, *siblings))
    sources = sorted({place.source for place in suspect.bits_per_byte})
    known = [one.bits_per_byte for one in siblings]
    # of the suspect, then of each sibling
    cells: list[dict[Cell, list[float]]] = [{} for _ in range(len(siblings) + 1)]
    for place, bits in suspect.bits_per_byte.items():
        before = base.bits_per_byte.get(place)
        if before is None or any(place not in one for one in known):
            continue
        cell = (place.suite, place.prompt_id), place.source
        for into, after in zip(cells, (bits, *(one[place] for one in known)), strict=True):
            into.setdefault(cell, []).append(before - after)
    values, *others = (grid(of, sources) for of in cells)
    if others:
        values = _beyond(values, np.median(others, axis=0))
    return rank(
        values,
        sources,
        infos,
        kind=kind,
        unit=unit,
        suspect=suspect.scorer,
        base=base.scorer,
        stand_in=stand_in,
        siblings=[(one.scorer, other) for one, other in zip(siblings, others, strict=True)],
        seed=seed,
        draws=draws,
    )


def _check_texts(suspect: Scores, others: Sequence[Scores]) -> None:
    for other in others:
        for place, digest in other.digests.items():
            if suspect.digests.get(place, digest) != digest:
                raise WeightsError(
                    f"{suspect.scorer[:80]} and {other.scorer[:80]}: scores of different texts at "
                    f"prompt {place.prompt_id[:80]} of {place.source[:80]}; score the same files "
                    "with the same --max-bytes"
                )


def _beyond(own: Floats, common: Floats) -> Floats:
    """Take from the suspect's gains what its siblings' gains at the same responses predict.

    The median over siblings, so that one odd sibling moves no source. How much any training changes
    such text depends on how long one trains: it counts with the slope that fits all sources
    (analysis of covariance, prompts as blocks), halfway shrunk to 1, since where siblings differ on
    few sources these cannot tell it.
    """
    x, y = (
        values - np.nanmean(values, axis=1, keepdims=True)
        for values in (np.where(np.isnan(own), np.nan, common), own)
    )
    spread = float(np.nansum(x * x))
    fitted = float(np.nansum(x * y)) / spread if spread > 0 else 1.0
    slope = (1 + max(0.0, fitted)) / 2
    found: Floats = own - slope * common
    return found

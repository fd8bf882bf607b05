"""What suspect and teacher both gave at one prompt, and how few of the others did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.assessment import Assessment
from fingerprint.channels.agreement import Agreement, PromptUnits, rarity
from fingerprint.panel import Panel
from fingerprint.records import Response
from fingerprint.tokens import Hasher, is_word, unpack
from fingerprint.units import PHRASES_KEPT, U32, phrase_units

STARTS = ("line_starts", "sentence_starts")
KINDS = (*STARTS, "phrases")
RARE = float(np.log(2.0))
"""Units of less weight, those that about half of the other lineages give too, are not shown."""

Units = Mapping[str, U32]
"""Units by kind."""
Texts = Mapping[tuple[str, int], Response]
"""First sample by model and prompt key."""


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare units are at one prompt.

    ``units``: ascending, shape (n,); ``weights``; ``others`` of ``lineages`` other lineages gave
    each, shape (n,).
    """

    units: U32
    weights: npt.NDArray[np.float64]
    others: npt.NDArray[np.int64]
    lineages: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Common:
    """One unit that both gave."""

    kind: str
    unit: int
    weight: float
    others: int
    lineages: int


def shared_weight(found: Assessment, starts: Mapping[str, PromptUnits]) -> float:
    """Sum the rarity of the starts that suspect and teacher share, over all samples."""
    weight = 0.0
    for given in starts.values():
        table = np.zeros((len(given.members), len(given.units)))
        table[given.place, given.unit] = given.frequency
        row = {int(m): i for i, m in enumerate(given.members)}
        both = table[row[found.suspect]] * table[row[found.teacher]]
        weight += float(both @ rarity(given.spread, given.n_lineages, 2))
    return weight


def agreement_and_chance(
    found: Assessment, agreements: Mapping[str, Agreement], prompts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the agreement of the pair at each prompt and what the background lets expect.

    Their difference is the channels' score (`evidence`) at that prompt, length aside, as the mean
    of the two structural channels.

    Parameters
    ----------
    found : Assessment
    agreements : mapping of channel to Agreement
    prompts : array of int, shape (n,)
        Prompts that all of the background's lineages answered.

    Returns
    -------
    array, shape (2, n)
    """
    lineages = list(found.groups.values())
    totals = np.zeros((2, len(prompts)))
    for kind in STARTS:
        table = agreements[kind].per_prompt[prompts].astype(np.float64)
        mine = [np.nanmean(table[:, found.suspect, members], axis=1) for members in lineages]
        theirs = [np.nanmean(table[:, members, found.teacher], axis=1) for members in lineages]
        between = [
            np.nanmean(table[:, one][:, :, two], axis=(1, 2))
            for i, one in enumerate(lineages)
            for two in lineages[:i]
        ]
        totals[0] += table[:, found.suspect, found.teacher]
        totals[1] += np.mean(mine, axis=0) + np.mean(theirs, axis=0) - np.mean(between, axis=0)
    return totals / len(STARTS)


def packed(panel: Panel, member: int, p: int) -> Units:
    """Return the units of a member's first sample as its pack has them."""
    rows = panel.rows[member][p]
    row = int(rows[np.argmin(panel.packs[member].samples[rows])])
    units = panel.packs[member].units
    return {kind: getattr(units, kind)[row] for kind in KINDS}


def start_rarity(given: PromptUnits) -> Rarity:
    """Weigh the starts of one prompt as their channel does."""
    weights = rarity(given.spread, given.n_lineages, 2)
    others = np.maximum(given.spread - 2, 0).astype(np.int64)
    of = np.full(len(weights), max(given.n_lineages - 2, 0))
    return Rarity(given.units, weights, others, of)


def phrase_rarity(
    panel: Panel, p: int, ends: tuple[int, int], both: U32, texts: Texts, hasher: Hasher
) -> Rarity:
    """Count for the phrases that both parties gave how many other lineages gave them.

    A text gives all its phrases; a pack holds a sample that is complete up to its largest hash
    (Broder 1997), so a lineage is counted only where it would have been seen.
    """
    seen: dict[str, npt.NDArray[np.bool_]] = {}
    able: dict[str, npt.NDArray[np.bool_]] = {}
    if len(both):
        own = {panel.infos[m].lineage for m in ends}
        for m in np.flatnonzero(panel.present[p]).tolist():
            lineage = panel.infos[m].lineage
            if lineage in own:
                continue
            response = texts.get((panel.infos[m].name, int(panel.prompts[p])))
            if response is not None:
                hashes = unpack(hasher.text(response.text.lower()))
                phrases, bound = phrase_units(hashes[is_word(hashes)]).ravel(), 0xFFFFFFFF
            else:
                phrases = packed(panel, m, p)["phrases"]
                bound = int(phrases[-1]) if len(phrases) == PHRASES_KEPT else 0xFFFFFFFF
            seen[lineage] = seen.get(lineage, False) | np.isin(both, phrases)
            able[lineage] = able.get(lineage, False) | (both <= bound)
    n = np.sum(list(able.values()), axis=0) if able else np.zeros(len(both))
    others = np.sum(list(seen.values()), axis=0) if seen else np.zeros(len(both))
    weights = np.maximum(0.0, np.log((n + 1) / (others + 0.5)))
    return Rarity(both, weights, others.astype(np.int64), n.astype(np.int64))


def common(one: Units, two: Units, rarities: Mapping[str, Rarity]) -> list[Common]:
    """List what both gave and few others did, the rarest first."""
    found = []
    for kind, known in rarities.items():
        both = np.intersect1d(one[kind], two[kind])
        at = np.flatnonzero(np.isin(known.units, both) & (known.weights > RARE))
        found += [
            Common(
                kind,
                int(known.units[i]),
                float(known.weights[i]),
                int(known.others[i]),
                int(known.lineages[i]),
            )
            for i in at
        ]
    return sorted(found, key=lambda unit: (-unit.weight, unit.kind, unit.unit))

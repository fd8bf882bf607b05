"""Agreement: how much of the same units two models give to the same prompt.

The unit channels (line starts, sentence starts, openings, phrases) differ only in what they count;
the counting is here. With several samples the agreement is the expected one: units are weighted by
how often a model gives them, which equals averaging over all pairs of samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.panel import Panel
from fingerprint.units import U32, Ragged

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Similarity of every two members.

    ``per_prompt``: shape (P, M, M), NaN where a member has no response; the diagonal is the
    agreement between different samples of one member, NaN with a single sample. An unpaired
    channel has P = 1.
    """

    channel: str
    per_prompt: F32
    paired: bool = True


@dataclass(frozen=True, slots=True)
class PromptUnits:
    """What the members present gave to one prompt, one entry a member and unit.

    ``place``, ``unit``: row of the member and index of the unit, shape (entries,), ascending.
    ``frequency``: share of the member's samples that hold the unit. ``pairs``: expected number of
    co-occurrences in two different samples of the member. ``spread``: number of lineages that gave
    the unit at least once, shape (units,). ``units``: the unit hashes, ascending, shape (units,).
    """

    members: Ints
    place: Ints
    unit: Ints
    frequency: F64
    pairs: F64
    spread: F64
    n_lineages: int
    n_samples: Ints
    units: U32

    def mass(self, weights: F64) -> F64:
        """Sum the weights of what each member gave, shape (members,)."""
        weighted = self.frequency * weights[self.unit]
        return np.asarray(
            np.bincount(self.place, weighted, minlength=len(self.members)), dtype=np.float64
        )


def lineage_numbers(panel: Panel) -> npt.NDArray[np.int64]:
    """Give every member the number of its lineage, shape (M,)."""
    names = [info.lineage for info in panel.infos]
    order = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names], dtype=np.int64)


def by_prompt(
    panel: Panel, kind: str, tables: Sequence[Ragged | None] | None = None
) -> Iterator[tuple[int, PromptUnits]]:
    """Iterate over prompts with the units of one kind that the members gave.

    ``tables``: where they are, one a member (None without any); default the units of the packs.
    """
    if tables is None:
        tables = [getattr(pack.units, kind) for pack in panel.packs]
    lineage = lineage_numbers(panel)
    present = panel.present
    for p in range(len(panel.prompts)):
        members = np.flatnonzero(present[p])
        n_samples = np.array([len(panel.rows[m][p]) for m in members])
        given: list[U32] = []
        counts: list[Ints] = []
        for m, n in zip(members, n_samples, strict=True):
            table, rows = tables[int(m)], panel.rows[m][p]
            assert table is not None
            if n == 1:
                given.append(np.sort(table[rows[0]]))
                counts.append(np.ones(len(given[-1]), dtype=np.int64))
            else:
                every = np.concatenate([table[row] for row in rows])
                units, repeats = np.unique(every, return_counts=True)
                given.append(units)
                counts.append(repeats)
        units, unit = np.unique(np.concatenate(given), return_inverse=True)
        place = np.repeat(np.arange(len(members)), [len(g) for g in given])
        n = n_samples[place]
        count = np.concatenate(counts).astype(np.float64)
        _, group = np.unique(lineage[members], return_inverse=True)
        by_lineage = np.unique(group[place] * len(units) + unit) % max(len(units), 1)
        yield (
            p,
            PromptUnits(
                members=members,
                place=place,
                unit=unit,
                frequency=count / n,
                pairs=count * (count - 1) / np.maximum(n * (n - 1), 1),
                spread=np.bincount(by_lineage, minlength=len(units)).astype(np.float64),
                n_lineages=int(group.max()) + 1,
                n_samples=n_samples,
                units=units,
            ),
        )


def rarity(spread: F64, n_lineages: int, removed: int) -> F64:
    """Weight units by how few other lineages give them at this prompt, shape (units,).

    ``-log`` of the match probability, with the unit's own ``removed`` lineages taken out first
    (METHODS B, local IDF; EVIDENCE 2.2). Zero for units that nearly everybody gives.
    """
    others = np.maximum(spread - removed, 0.0) + 0.5
    weights: F64 = np.maximum(0.0, np.log(max(n_lineages - removed + 1, 0.5) / others))
    return weights


def weighted_jaccard(
    panel: Panel, channel: str, kind: str, tables: Sequence[Ragged | None] | None = None
) -> Agreement:
    """Measure the rarity-weighted Jaccard similarity of the units at every prompt.

    Shared mass over total mass: a shared unit weighs by its `rarity` with the two lineages taken
    out, one that only one model gave by that with its own taken out (EVIDENCE 2.2; unlike there the
    total counts shared units at the same weight as the shared mass, so that a copy has 1).
    """
    n_models = len(panel.packs)
    out = np.full((len(panel.prompts), n_models, n_models), np.nan, dtype=np.float32)
    for p, given in by_prompt(panel, kind, tables):
        own = given.mass(rarity(given.spread, given.n_lineages, 1))
        similarity = jaccard(given, own[:, None] + own[None, :])
        out[p][np.ix_(given.members, given.members)] = similarity
    return Agreement(channel, out)


def jaccard(given: PromptUnits, mass: F64, kept: npt.NDArray[np.bool_] | None = None) -> F64:
    """Divide shared mass by total mass for every two members, shape (members, members).

    Parameters
    ----------
    given : PromptUnits
    mass : array, shape (members, members)
        Own mass of both, at their own weights.
    kept : array of bool, shape (entries,), optional
        The entries that can be compared; default all.
    """
    shared_weight = rarity(given.spread, given.n_lineages, 2)
    own_weight = rarity(given.spread, given.n_lineages, 1)
    at = np.flatnonzero(kept) if kept is not None else slice(None)
    place, unit = given.place[at], given.unit[at]
    # a unit that one member alone gave is in no product
    common = np.flatnonzero(np.bincount(unit, minlength=len(given.units)) > 1)
    column = np.full(len(given.units), -1)
    column[common] = np.arange(len(common))
    inside = column[unit] >= 0
    table = np.zeros((len(given.members), len(common)))
    table[place[inside], column[unit[inside]]] = given.frequency[at][inside]
    shared = (table * shared_weight[common]) @ table.T
    counted = (table * own_weight[common]) @ table.T
    # two samples of one member share one lineage: there is only one to take out
    own_pairs = np.bincount(place, given.pairs[at] * own_weight[unit], minlength=len(table))
    diagonal = np.diag_indices_from(shared)
    shared[diagonal] = counted[diagonal] = own_pairs
    total = mass - 2 * counted + shared
    similarity: F64 = np.divide(shared, total, out=np.zeros_like(shared), where=total > 1e-9)
    similarity[diagonal] = np.where(given.n_samples > 1, np.diag(similarity), np.nan)
    return similarity

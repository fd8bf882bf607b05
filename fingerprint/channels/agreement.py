"""Agreement: how much of the same units two models give to the same prompt.

The unit channels (line starts, sentence starts, openings, phrases) differ only in what they count;
the counting is here. With several samples the agreement is the expected one: units are weighted by
how often a model gives them, which equals averaging over all pairs of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fingerprint.panel import Panel
from fingerprint.units import U32, Ragged

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


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
    """What the members present gave to one prompt.

    ``frequency``: share of a member's samples that hold the unit, shape (members, units).
    ``pairs``: expected number of co-occurrences in two different samples of one member, same shape.
    ``spread``: number of lineages that gave the unit at least once, shape (units,).
    ``units``: the unit hashes, ascending, shape (units,).
    """

    members: npt.NDArray[np.int64]
    frequency: sparse.csr_matrix
    pairs: sparse.csr_matrix
    spread: F64
    n_lineages: int
    n_samples: npt.NDArray[np.int64]
    units: U32


def lineage_numbers(panel: Panel) -> npt.NDArray[np.int64]:
    """Give every member the number of its lineage, shape (M,)."""
    names = [info.lineage for info in panel.infos]
    order = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names], dtype=np.int64)


def by_prompt(panel: Panel, kind: str) -> Iterator[tuple[int, PromptUnits]]:
    """Iterate over prompts with the units of one kind that the members gave."""
    tables: list[Ragged] = [getattr(pack.units, kind) for pack in panel.packs]
    lineage = lineage_numbers(panel)
    for p in range(len(panel.prompts)):
        members = np.flatnonzero(panel.present[p])
        n_samples = np.array([len(panel.rows[m][p]) for m in members])
        columns: list[U32] = []
        counts: list[F64] = []
        sizes: list[int] = []
        for m in members:
            rows = panel.rows[m][p]
            if len(rows) == 1:
                found = tables[m][rows[0]]
                count = np.ones(len(found))
            else:
                every = np.concatenate([tables[m][row] for row in rows])
                found, repeats = np.unique(every, return_counts=True)
                count = repeats.astype(np.float64)
            columns.append(found)
            counts.append(count)
            sizes.append(len(found))
        units, inverse = np.unique(np.concatenate(columns), return_inverse=True)
        place = np.repeat(np.arange(len(members)), sizes)
        n = n_samples[place]
        count = np.concatenate(counts).astype(np.float64)
        shape = (len(members), len(units))
        frequency = sparse.csr_matrix((count / n, (place, inverse)), shape=shape)
        pairs = sparse.csr_matrix(
            (count * (count - 1) / np.maximum(n * (n - 1), 1), (place, inverse)), shape=shape
        )
        present, group = np.unique(lineage[members], return_inverse=True)
        gather = sparse.csr_matrix(
            (np.ones(len(members)), (group, np.arange(len(members)))),
            shape=(len(present), len(members)),
        )
        spread = np.asarray(((gather @ frequency) > 0).sum(axis=0)).ravel().astype(np.float64)
        yield p, PromptUnits(members, frequency, pairs, spread, len(present), n_samples, units)


def rarity(spread: F64, n_lineages: int, removed: int) -> F64:
    """Weight units by how few other lineages give them at this prompt, shape (units,).

    ``-log`` of the match probability, with the unit's own ``removed`` lineages taken out first
    (METHODS B, local IDF; EVIDENCE 2.2). Zero for units that nearly everybody gives.
    """
    others = np.maximum(spread - removed, 0.0) + 0.5
    weights: F64 = np.maximum(0.0, np.log((n_lineages - removed + 1) / others))
    return weights


def weighted_jaccard(panel: Panel, channel: str, kind: str) -> Agreement:
    """Measure the rarity-weighted Jaccard similarity of the units at every prompt.

    Shared mass over total mass: a shared unit weighs by its `rarity` with the two lineages taken
    out, one that only one model gave by that with its own taken out (EVIDENCE 2.2; unlike there the
    total counts shared units at the same weight as the shared mass, so that a copy has 1).
    """
    n_models = len(panel.packs)
    out = np.full((len(panel.prompts), n_models, n_models), np.nan, dtype=np.float32)
    for p, given in by_prompt(panel, kind):
        own_weight = rarity(given.spread, given.n_lineages, 1)
        own = np.asarray(given.frequency @ own_weight).ravel()
        mass = own[:, None] + own[None, :]
        similarity = jaccard(given, given.frequency, given.pairs, mass)
        out[p][np.ix_(given.members, given.members)] = similarity
    return Agreement(channel, out)


def jaccard(
    given: PromptUnits, frequency: sparse.csr_matrix, pairs: sparse.csr_matrix, mass: F64
) -> F64:
    """Divide shared mass by total mass for every two members, shape (members, members).

    Parameters
    ----------
    given : PromptUnits
    frequency, pairs : sparse matrices, shape (members, units)
        As in `given`, maybe cut to what can be compared.
    mass : array, shape (members, members)
        Own mass of both, at their own weights.
    """
    shared_weight = rarity(given.spread, given.n_lineages, 2)
    own_weight = rarity(given.spread, given.n_lineages, 1)
    shared = np.asarray((frequency @ sparse.diags(shared_weight) @ frequency.T).todense())
    counted = np.asarray((frequency @ sparse.diags(own_weight) @ frequency.T).todense())
    # two samples of one member share one lineage: there is only one to take out
    diagonal = np.diag_indices_from(shared)
    shared[diagonal] = counted[diagonal] = np.asarray(pairs @ own_weight).ravel()
    total = mass - 2 * counted + shared
    similarity: F64 = np.divide(shared, total, out=np.zeros_like(shared), where=total > 1e-9)
    similarity[diagonal] = np.where(given.n_samples > 1, np.diag(similarity), np.nan)
    return similarity

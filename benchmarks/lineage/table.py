"""The training table: every labelled pair scored under several prompts and backgrounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.corpus import Pool
from benchmarks.lineage.truth import LabelledPair, labelled_pairs
from fingerprint.assessment import too_late
from fingerprint.channels import Agreement
from fingerprint.evidence import Evidence, SpreadPrior
from fingerprint.lengths import LengthPrior
from fingerprint.records import MIN_LINEAGES

FULL = "full"
HALVES = ("half 0", "half 1")
SIZES = (25, 50, 100)


@dataclass(frozen=True)
class Row:
    """One labelled pair in one condition; ``z`` and ``d`` by channel, for the best version."""

    pool: str
    condition: str
    pair: LabelledPair
    suspect: str
    lineage: str
    teacher: str
    z: Mapping[str, float]
    d: Mapping[str, float]
    spread: Mapping[str, float]
    n_prompts: int
    n_background: int
    words: float
    lines: float
    released: str | None
    """Of the teacher's version."""
    excluded: bool
    """Dates exclude the teacher: the tool says so, whatever the text says."""

    @property
    def side(self) -> str:
        """What is left out with the lineage: the vendor, or the family of the one true vendor."""
        openai = self.pair.vendor == "openai"
        return f"openai/{self.pair.family}" if openai else self.pair.vendor


def conditions(
    pool: Pool, rng: np.random.Generator, draws: int
) -> Iterator[tuple[str, npt.NDArray[np.bool_] | None, set[str] | None]]:
    """Yield the full condition, then halves and random subsets of the prompts, then backgrounds.

    Each half and subset is of prompts; each background lacks one lineage. With ``draws`` 0 only the
    full condition.
    """
    n = len(pool.panel.prompts)
    yield FULL, None, None
    if not draws:
        return
    order = rng.permutation(n)
    for part, name in enumerate(HALVES):
        mask = np.zeros(n, dtype=bool)
        mask[order[part::2]] = True
        yield name, mask, None
    for size in SIZES:
        for draw in range(draws if size < 0.8 * n else 0):
            mask = np.zeros(n, dtype=bool)
            mask[rng.choice(n, size, replace=False)] = True
            yield f"prompts {size} #{draw}", mask, None
    lineages = sorted({pool.panel.infos[i].lineage for i in pool.clean})
    if len(lineages) >= 5:
        for draw in range(draws):
            kept = rng.choice(lineages, len(lineages) - 1, replace=False)
            yield f"background #{draw}", None, {str(name) for name in kept}


def score_pool(
    pool: Pool,
    agreements: Mapping[str, Agreement],
    lengths: Mapping[str, LengthPrior],
    spreads: Mapping[str, SpreadPrior],
    rng: np.random.Generator,
    draws: int = 2,
) -> list[Row]:
    """Score every labelled pair of a pool in every condition."""
    evidence = Evidence(pool.panel, agreements, pool.clean, lengths, spreads, rng, draws=0)
    pairs = labelled_pairs(pool.panel.infos, pool.labels)
    rows = []
    for name, prompts, kept in conditions(pool, rng, draws):
        for pair in pairs:
            row = _best_version(evidence, pool, pair, name, prompts, kept)
            if row is not None:
                rows.append(row)
    return rows


def _best_version(
    evidence: Evidence,
    pool: Pool,
    pair: LabelledPair,
    condition: str,
    prompts: npt.NDArray[np.bool_] | None,
    kept: set[str] | None,
) -> Row | None:
    infos = pool.panel.infos
    suspect = infos[pair.suspect]
    possible = [t for t in pair.teachers if too_late(suspect, infos[t]) is None]
    best: Row | None = None
    for teacher in possible or pair.teachers:
        groups = evidence.groups(pair.suspect, [teacher])
        if kept is not None:
            groups = {name: g for name, g in groups.items() if name in kept}
        if len(groups) < MIN_LINEAGES:
            continue
        mask = evidence.panel.both(pair.suspect, teacher)
        if prompts is not None:
            mask = mask & prompts
        scores = {
            c: evidence.score(c, pair.suspect, teacher, groups, mask) for c in evidence.agreements
        }
        if best is None or scores["line_starts"].z > best.z["line_starts"]:
            best = Row(
                pool=pool.name,
                condition=condition,
                pair=pair,
                suspect=suspect.name,
                lineage=suspect.lineage,
                teacher=infos[teacher].name,
                z={c: s.z for c, s in scores.items()},
                d={c: s.difference for c, s in scores.items()},
                spread={c: s.spread for c, s in scores.items()},
                n_prompts=int(mask.sum()),
                n_background=len(groups),
                words=float(np.nanmedian(pool.panel.words[mask, pair.suspect])),
                lines=float(np.nanmean(pool.panel.lines[mask, pair.suspect])),
                released=infos[teacher].released,
                excluded=not possible,
            )
    return best


def column(rows: Sequence[Row], channel: str) -> npt.NDArray[np.float64]:
    """Collect z of one channel, shape (n,)."""
    return np.array([row.z[channel] for row in rows])

"""Name the teacher: python -m benchmarks.lineage.attribution DATA.

For every student with documented families all clean reference versions that its dates allow are
ranked by the fused feature of line and sentence starts; first is what the ranking of a verdict
would name. No calibration on labels enters: the feature is what `fit.fused_feature` computes, with
priors that were fitted without labels. Every lineage weighs one; intervals are 95 % over lineages.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.corpus import Pool, load_pool
from benchmarks.lineage.fit import POOLS, SEED
from benchmarks.lineage.metrics import cell_weights
from benchmarks.lineage.scores import load
from benchmarks.lineage.truth import CONTESTED, SMALL_SHARE
from fingerprint import channels
from fingerprint.assessment import too_late
from fingerprint.calibration import FUSED, fuse
from fingerprint.channels import Agreement
from fingerprint.evidence import Evidence
from fingerprint.models import lookup
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS

F64 = npt.NDArray[np.float64]

DRAWS = 2000
FEWEST = 5
"""Lineages; an interval drawn from fewer says nothing."""
SINGLE_VERSION = frozenset({"text-davinci-003"})
"""Families of one version: only their labels say which version it was."""


@dataclass(frozen=True)
class LineageMean:
    """A mean with its 95 % percentile bootstrap over lineages."""

    value: float
    low: float
    high: float
    lineages: int

    def interval(self, form: str) -> str:
        """Write the interval, or a dash where too few lineages are behind it."""
        few = self.lineages < FEWEST
        return "-" if few else f"{format(self.low, form)} to {format(self.high, form)}"


@dataclass(frozen=True)
class Candidate:
    """One version of one teacher, with the feature of the pair."""

    version: str
    family: str
    vendor: str
    feature: float


@dataclass(frozen=True)
class Ranking:
    """A student with its possible teachers, closest first."""

    student: str
    lineage: str
    high: bool
    documented: str
    """The label as it stands."""
    families: frozenset[str]
    """What the label names without a question mark and as more than a ranker."""
    vendors: frozenset[str]
    """Of the documented families."""
    candidates: tuple[Candidate, ...]

    @property
    def first(self) -> Candidate:
        return self.candidates[0]

    @property
    def has_teacher(self) -> bool:
        """Whether a version of a documented family is among the candidates."""
        return any(c.family in self.families for c in self.candidates)


Level = tuple[Callable[[Ranking], bool], Callable[[Ranking, Candidate], bool]]
"""Which students a level can be judged on, and whether a candidate is right for one."""

LEVELS: dict[str, Level] = {
    "vendor": (lambda r: r.has_teacher, lambda r, c: c.vendor in r.vendors),
    "vendor, no documented family in the panel": (
        lambda r: not r.has_teacher,
        lambda r, c: c.vendor in r.vendors,
    ),
    "family": (lambda r: r.has_teacher, lambda r, c: c.family in r.families),
    "family, where one is documented": (
        lambda r: r.has_teacher and len(r.families) == 1,
        lambda r, c: c.family in r.families,
    ),
    "version, where the label pins it": (
        lambda r: r.has_teacher and r.families <= SINGLE_VERSION,
        lambda r, c: c.family in r.families,
    ),
}


def rank(pool: Pool, evidence: Evidence, vendor_of: dict[str, str]) -> list[Ranking]:
    """Rank the teachers of every student of a pool; students without a candidate are left out."""
    infos, panel = pool.panel.infos, pool.panel
    found = []
    for student, families in students(pool).items():
        info = infos[student]
        possible = [
            t
            for t in pool.clean
            if pool.labels[t].kind == "reference"
            and infos[t].vendor not in (None, info.vendor, info.lineage)
            and too_late(info, infos[t]) is None
            and panel.shared(student, t) >= MIN_PROMPTS
        ]
        # as in a verdict: few prompts scatter widely, and the closest would be so by chance
        enough = max((panel.shared(student, t) for t in possible), default=0) / 2
        candidates = []
        for teacher in (t for t in possible if panel.shared(student, t) >= enough):
            groups = evidence.groups(student, [teacher])
            if len(groups) >= MIN_LINEAGES:
                known, vendor = lookup(infos[teacher].name), infos[teacher].vendor
                line, sentence = (evidence.score(c, student, teacher, groups).z for c in FUSED)
                candidates.append(
                    Candidate(
                        infos[teacher].name,
                        known.family if known else infos[teacher].name,
                        vendor or "",
                        float(fuse(line, sentence)),
                    )
                )
        if candidates:
            candidates.sort(key=lambda c: (-c.feature, c.version))
            found.append(
                Ranking(
                    info.name,
                    info.lineage,
                    pool.labels[student].confidence == "high",
                    pool.labels[student].teacher,
                    families,
                    frozenset(vendor_of[f] for f in families if f in vendor_of),
                    tuple(candidates),
                )
            )
    return found


def students(pool: Pool) -> dict[int, frozenset[str]]:
    """Map every student that counts to its documented families."""
    found = {}
    for i, (info, label) in enumerate(zip(pool.panel.infos, pool.labels, strict=True)):
        families = frozenset(f for f in label.families if (info.lineage, f) not in SMALL_SHARE)
        if label.kind == "student" and families and info.vendor not in CONTESTED:
            found[i] = families
    return found


def first_right(rankings: Sequence[Ranking], level: Level) -> tuple[list[str], F64, F64]:
    """Judge the first place at one level.

    Returns
    -------
    lineages, right, chance
        Of the n students that the level can be judged on: their lineages, whether the first is
        right, and what part of the candidates would be; arrays of shape (n,).
    """
    judged, is_right = level
    chosen = [r for r in rankings if judged(r)]
    right = np.array([float(is_right(r, r.first)) for r in chosen])
    chance = np.array([np.mean([is_right(r, c) for c in r.candidates]) for r in chosen])
    return [r.lineage for r in chosen], right, chance


def lineage_mean(
    values: F64, cells: Sequence[tuple[str, ...]], rng: np.random.Generator
) -> LineageMean:
    """Average over cells, and again over lineages drawn with replacement (Efron, Tibshirani 1993).

    Parameters
    ----------
    values : array, shape (n,)
    cells : sequence of tuple of str
        The first entry is the lineage; every cell weighs one.
    rng : numpy.random.Generator
    """
    weights = cell_weights(cells)
    names, place = np.unique(np.array([cell[0] for cell in cells]), return_inverse=True)
    total = np.bincount(place, values * weights, len(names))
    mass = np.bincount(place, weights, len(names))
    drawn = rng.integers(len(names), size=(DRAWS, len(names)))
    means = total[drawn].sum(axis=1) / mass[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return LineageMean(float(total.sum() / mass.sum()), float(low), float(high), len(names))


def table(name: str, rankings: Sequence[Ranking], rng: np.random.Generator) -> None:
    """Print the first place at every level."""
    for level_name, level in LEVELS.items():
        lineages, right, chance = first_right(rankings, level)
        if not lineages:
            print(f"| {name} | {level_name} | 0 | - | - | - | - |")
            continue
        mean = lineage_mean(right, [(n,) for n in lineages], rng)
        by_chance = np.average(chance, weights=cell_weights(lineages))
        print(
            f"| {name} | {level_name} | {len(lineages)} | {mean.lineages} | {mean.value:.2f} | "
            f"{mean.interval('.2f')} | {by_chance:.2f} |"
        )


def by_name(rankings: Sequence[Ranking]) -> None:
    """Name the students whose first teacher is of no documented family, and what was first."""
    wrong = [
        r
        for r in rankings
        if (r.first.family not in r.families if r.has_teacher else r.first.vendor not in r.vendors)
    ]
    print("\n| student | documented | first | its feature | closest documented | its feature |")
    print("|---" * 6 + "|")
    for r in sorted(wrong, key=lambda r: (r.first.vendor in r.vendors, r.lineage, r.student)):
        own = next((f"{c.version}, place {i} | {c.feature:.1f}"
                    for i, c in enumerate(r.candidates, 1) if c.family in r.families),
                   "not in the panel | -")  # fmt: skip
        other = "" if r.first.vendor in r.vendors else f" ({r.first.vendor})"
        print(
            f"| {r.student} | {r.documented} | {r.first.version}{other} | {r.first.feature:.1f} "
            f"| {own} |"
        )
    named = Counter((", ".join(sorted(r.families)), r.first.family) for r in wrong)
    for (families, first), count in sorted(named.items(), key=lambda item: (-item[1], item[0])):
        print(f"{families} -> {first}: {count}")


def closest(pool: Pool, evidence: Evidence) -> dict[str, float]:
    """Say what the closest model of another lineage is, by the similarity that a verdict looks at.

    Returns
    -------
    dict of str to float
        Share of the students with a listed teacher in the panel, every lineage weighing one; the
        last entry is no part of the sum.
    """
    infos, panel, learners = pool.panel.infos, pool.panel, students(pool)
    family_of = [known.family if (known := lookup(info.name)) else None for info in infos]
    found, lineages = [], []
    for student, families in learners.items():
        own = infos[student]
        level = {
            m: evidence.similarity(FUSED[0], student, m)
            for m, info in enumerate(infos)
            if info.lineage != own.lineage and panel.shared(student, m) >= MIN_PROMPTS
        }
        listed = {
            m for m in level if pool.labels[m].kind == "reference" and family_of[m] in families
        }
        alike = {m for m in level if m in learners and {*infos[m].taught_by} & {*own.taught_by}}
        if listed:
            best = max(level, key=lambda m: level[m])
            nearest = max(level[m] for m in listed)
            lineages.append(own.lineage)
            found.append(
                (best in listed, best in alike, best not in listed | alike,
                 any(level[m] > nearest for m in alike))
            )  # fmt: skip
    names = (
        "a listed teacher",
        "another student of the same vendor",
        "another model",
        "some student of the same vendor is closer than every listed teacher",
    )
    shares = np.average(np.array(found), axis=0, weights=cell_weights(lineages))
    return dict(zip(names, shares.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    scores = load(None, POOLS, SEED)
    pools = [load_pool(data, name) for name in POOLS]
    vendor_of = {
        known.family: info.vendor
        for pool in pools
        for m in pool.clean
        if (known := lookup((info := pool.panel.infos[m]).name)) and info.vendor
    }
    rng = np.random.default_rng(SEED)
    print("| labels | first place | students | lineages | right | 95 % over lineages | by chance |")
    print("|---" * 7 + "|")
    kept: dict[str, tuple[list[Ranking], dict[str, float]]] = {}
    for pool in pools:
        agreements: dict[str, Agreement] = {
            module.NAME: module.measure(pool.panel)
            for module in channels.PAIRED
            if module.NAME in FUSED
        }
        evidence = Evidence(
            pool.panel, agreements, pool.clean, scores.lengths, scores.spreads, rng, draws=0
        )
        rankings = rank(pool, evidence, vendor_of)
        kept[pool.name] = (rankings, closest(pool, evidence))
        table(f"{pool.name}, high confidence", [r for r in rankings if r.high], rng)
        table(f"{pool.name}, all", rankings, rng)
    for name, (rankings, nearest) in kept.items():
        versions = Counter(len(r.candidates) for r in rankings)
        vendors = sorted({c.vendor for r in rankings for c in r.candidates})
        counts = ", ".join(f"{count} students have {n}" for n, count in sorted(versions.items()))
        print(f"\n## {name}: candidates of {', '.join(vendors)}; {counts}")
        pinned = sum(r.families <= SINGLE_VERSION for r in rankings)
        print(f"the label pins the version of {pinned} of {len(rankings)} students")
        by_name(rankings)
        said = ", ".join(f"{kind} {share:.0%}" for kind, share in nearest.items())
        print(f"\nclosest model of another lineage: {said}")


if __name__ == "__main__":
    main()

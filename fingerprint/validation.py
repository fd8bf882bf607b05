"""Validation: how well the likelihood ratios and shares did on pairs of documented training.

The figures are in `data/validation.json`, written by the lineage benchmark from cross-validation;
this reads them and sums them up for the plots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from fingerprint.errors import ReportError
from fingerprint.fields import parse

F64 = npt.NDArray[np.float64]
Z90 = 1.6449


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair left out of the fit: its log10 LR, whether its training is documented, its lineage."""

    llr10: float
    true: bool
    lineage: str


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of known dose and the share that was read from it."""

    dose: float
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AtSize:
    """What so many prompts give: recall at 1 % false pairs, and cost in bits."""

    prompts: int
    recall: float
    cllr: float


@dataclass(frozen=True, slots=True)
class Validation:
    """Everything the benchmark measured that plots show."""

    pairs: tuple[Pair, ...]
    mixtures: tuple[Mixture, ...]
    sample_size: tuple[AtSize, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Tippett:
    """Part of the true and of the false pairs with at least this log10 LR, shape (n,) each."""

    llr10: F64
    true: F64
    false: F64


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs of similar stated probability, at even odds beforehand: what was stated, what was so.

    ``low`` and ``high``: 90 % interval (Wilson 1927) with the bin's lineages as its trials.
    """

    stated: float
    observed: float
    low: float
    high: float
    pairs: int
    lineages: int


@dataclass(frozen=True, slots=True)
class Dose:
    """Mixtures of one dose: middle of the estimates, range of 90 % of them, and how many."""

    dose: float
    middle: float
    low: float
    high: float
    covered: float
    mixtures: int


def read(raw: bytes, where: str) -> Validation:
    """Read validation figures.

    Raises
    ------
    ReportError
        When the file is something else.
    """
    found = parse(raw, where, ReportError)
    return Validation(
        pairs=tuple(
            Pair(item.number("llr10"), item.truth("true"), item.text("lineage"))
            for item in found.each("pairs")
        ),
        mixtures=tuple(
            Mixture(*(item.number(name) for name in ("dose", "estimate", "low", "high")))
            for item in found.each("mixtures")
        ),
        sample_size=tuple(
            AtSize(item.whole("prompts"), item.number("recall"), item.number("cllr"))
            for item in found.each("sample_size")
        ),
        source=found.text_or_none("source") or "cross-validated pairs of documented training",
    )


@cache
def shipped() -> Validation | None:
    """Return the figures that ship with the package, None where there are none."""
    path = resources.files("fingerprint") / "data" / "validation.json"
    return read(path.read_bytes(), path.name) if path.is_file() else None


def _weights(pairs: Sequence[Pair]) -> F64:
    """Let every lineage weigh one in its class, shape (n,)."""
    counts: dict[tuple[bool, str], int] = {}
    for pair in pairs:
        counts[pair.true, pair.lineage] = counts.get((pair.true, pair.lineage), 0) + 1
    return np.array([1.0 / counts[pair.true, pair.lineage] for pair in pairs])


def tippett(pairs: Sequence[Pair]) -> Tippett:
    """Sum up pairs by how many reach each log10 LR, every lineage weighing one.

    Raises
    ------
    ReportError
        When one of the classes is empty.
    """
    llr10, true = _columns(pairs)
    weights = _weights(pairs)
    levels = np.unique(llr10)

    def reach(chosen: npt.NDArray[np.bool_]) -> F64:
        at_least = llr10[chosen][None, :] >= levels[:, None]
        part: F64 = at_least @ weights[chosen] / weights[chosen].sum()
        return part

    return Tippett(levels, reach(true), reach(~true))


def reliability(pairs: Sequence[Pair], bins: int = 8) -> tuple[Bin, ...]:
    """Compare stated with observed probability, both classes weighing the same.

    Raises
    ------
    ReportError
        When one of the classes is empty.
    """
    llr10, true = _columns(pairs)
    weights = _weights(pairs)
    weights = np.where(true, weights / weights[true].sum(), weights / weights[~true].sum())
    stated = 1.0 / (1.0 + 10.0**-llr10)
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, bins + 1)))
    place = np.clip(np.searchsorted(edges, stated, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for number in sorted(set(place.tolist())):
        inside = place == number
        mass = weights[inside].sum()
        lineages = {(p.true, p.lineage) for p, here in zip(pairs, inside, strict=True) if here}
        observed = float(weights[inside & true].sum() / mass)
        low, high = _wilson(observed, len(lineages))
        middle = float((weights[inside] * stated[inside]).sum() / mass)
        found.append(Bin(middle, observed, low, high, int(inside.sum()), len(lineages)))
    return tuple(found)


def by_dose(mixtures: Sequence[Mixture]) -> tuple[Dose, ...]:
    """Sum up mixtures by their dose."""
    found = []
    for dose in sorted({m.dose for m in mixtures}):
        here = [m for m in mixtures if m.dose == dose]
        low, middle, high = np.quantile([m.estimate for m in here], [0.05, 0.5, 0.95])
        covered = float(np.mean([m.low <= dose <= m.high for m in here]))
        found.append(Dose(dose, float(middle), float(low), float(high), covered, len(here)))
    return tuple(found)


def _columns(pairs: Sequence[Pair]) -> tuple[F64, npt.NDArray[np.bool_]]:
    llr10 = np.array([pair.llr10 for pair in pairs], dtype=np.float64)
    true = np.array([pair.true for pair in pairs], dtype=bool)
    if not true.any() or true.all():
        raise ReportError(
            f"expected pairs of documented and of no training, found {int(true.sum())} of "
            f"{len(true)} documented"
        )
    return llr10, true


def _wilson(part: float, trials: int) -> tuple[float, float]:
    """Return the 90 % score interval of a proportion (Wilson 1927)."""
    square = Z90**2
    centre = (part + square / (2 * trials)) / (1 + square / trials)
    half = (
        Z90 * np.sqrt(part * (1 - part) / trials + square / (4 * trials**2)) / (1 + square / trials)
    )
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))

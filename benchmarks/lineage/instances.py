"""Instances: the mixtures of known dose prompt by prompt, as `mixtures` has them in sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.corpus import Pool
from benchmarks.lineage.mixtures import mixes
from benchmarks.lineage.scores import Scores
from fingerprint import channels
from fingerprint.calibration import FUSED
from fingerprint.evidence import Evidence
from fingerprint.lengths import adjust_lengths, fit_lengths

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Instances:
    """A mixed suspect prompt by prompt.

    ``own``: differences to the teacher on the two channels, shape (P, 2); ``others``: the same to
    one model of every background lineage, with that lineage left out of the background.
    """

    pool: str
    lineage: str
    partner: str
    dose: float
    own: F64
    others: tuple[F64, ...]


def prompt_differences(
    values: npt.NDArray[np.float32],
    suspect: int,
    teacher: int,
    groups: Mapping[str, Sequence[int]],
) -> F64:
    """Return the double-centred agreement of a pair at every prompt, shape (P,).

    Where every model answered its mean over prompts is the difference that `Evidence.score` gives.

    Parameters
    ----------
    values : array of float32, shape (P, M, M)
        Agreement, adjusted for lengths.
    suspect, teacher : int
    groups : mapping of lineage to members
        At least two background lineages.
    """
    members = list(groups.values())
    every = np.arange(len(values))
    ends = {
        end: _known_mean([_known_mean(values[:, end, m].T) for m in members])
        for end in (suspect, teacher)
    }
    between = [
        _known_mean(values[np.ix_(every, one, two)].reshape(len(values), -1).T)
        for place, one in enumerate(members)
        for two in members[:place]
    ]
    own = values[:, suspect, teacher].astype(np.float64)
    return np.asarray(own - ends[suspect] - ends[teacher] + _known_mean(between))


def _known_mean(rows: npt.ArrayLike) -> F64:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    table = np.asarray(rows, dtype=np.float64)
    known = ~np.isnan(table)
    count = known.sum(axis=0)
    total = np.where(known, table, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def instances(pool: Pool, scores: Scores) -> Iterator[Instances]:
    """Measure the mixtures that the share was fitted on, prompt by prompt."""
    modules = [module for module in channels.PAIRED if module.NAME in FUSED]
    agreements = {module.NAME: module.measure(pool.panel) for module in modules}
    rng = np.random.default_rng(scores.seed)  # the state in which `scores.measure` draws them
    evidence = Evidence(
        pool.panel, agreements, pool.clean, scores.lengths, scores.spreads, rng, draws=0
    )
    tables = []
    for name in FUSED:
        values = agreements[name].per_prompt
        if name in scores.lengths:
            fitted = fit_lengths(pool.panel, values, pool.clean, scores.lengths[name])[0]
            values = adjust_lengths(values, pool.panel.words, fitted)
        tables.append(values)

    def against(suspect: int, model: int, groups: Mapping[str, Sequence[int]]) -> F64:
        return np.stack([prompt_differences(v, suspect, model, groups) for v in tables], axis=1)

    measured: dict[tuple[int, int], list[list[F64]]] = {}
    for mix in mixes(pool, evidence, rng):
        key = (mix.student, mix.partner)
        if key not in measured:
            measured[key] = [
                [against(suspect, mix.teacher, mix.groups)]
                + [
                    against(suspect, m[0], {n: g for n, g in mix.groups.items() if n != name})
                    for name, m in mix.groups.items()
                ]
                for suspect in key
            ]
        own, *others = (
            _complete(np.where(mix.inside[:, None], student, partner)[mix.shared])
            for student, partner in zip(*measured[key], strict=True)
        )
        infos = pool.panel.infos
        lineages = (infos[mix.student].lineage, infos[mix.partner].lineage)
        yield Instances(pool.name, *lineages, mix.dose, own, tuple(others))


def _complete(rows: F64) -> F64:
    return rows[~np.isnan(rows).any(axis=1)]

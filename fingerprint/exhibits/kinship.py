"""Kinship: which models of a run group together by how their lines start."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial import distance

from fingerprint.channels.agreement import F64
from fingerprint.comparison import Case
from fingerprint.exhibits.records import Tree
from fingerprint.records import MIN_PROMPTS

CHANNEL = "line_starts"
LEAST = 3
"""Models below which a tree says nothing."""


def tree(case: Case) -> Tree | None:
    """Join the models of a run by average linkage (Sokal and Michener 1958).

    The distance falls with the mean agreement over common prompts, each prompt's own average taken
    out. Models without enough common prompts with the rest are left out.
    """
    panel = case.run.panel
    agreement = case.run.evidence.agreements[CHANNEL].per_prompt
    suspect = case.suspect.members[0]
    members = [
        m
        for m in range(len(panel.packs))
        if m == suspect or panel.shared(m, suspect) >= MIN_PROMPTS
    ]
    members = _complete(members, suspect, panel.present.astype(np.int64))
    if len(members) < LEAST:
        return None
    table = agreement[:, members][:, :, members].astype(np.float64)
    off = ~np.eye(len(members), dtype=bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # prompts that nobody here answered
        centre = np.nanmean(table[:, off], axis=1)
        mean = np.nanmean(table - centre[:, None, None], axis=0)
    values = np.where(off, mean, 0.0)
    gap = np.where(off, values[off].max() - values, 0.0)
    gap = (gap + gap.T) / 2
    joined = hierarchy.linkage(distance.squareform(gap, checks=False), method="average")
    return Tree(
        names=tuple(panel.infos[m].name for m in members),
        lineages=tuple(panel.infos[m].lineage for m in members),
        merges=tuple((int(a), int(b), float(h), int(n)) for a, b, h, n in joined.tolist()),
    )


def _complete(members: list[int], suspect: int, present: F64) -> list[int]:
    """Leave out models, the sparsest first, until all pairs share enough prompts."""
    kept = list(members)
    while len(kept) > 1:
        shared = present[:, kept].T @ present[:, kept]
        lacking = (shared < MIN_PROMPTS).sum(axis=1)
        if not lacking.any():
            break
        worst = max(
            (i for i in range(len(kept)) if kept[i] != suspect),
            key=lambda i: (int(lacking[i]), -int(shared[i].sum())),
        )
        del kept[worst]
    return kept

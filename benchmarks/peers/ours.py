"""`fingerprint` itself, from texts to the feature that its calibration reads.

Length and spread priors are the shipped ones; they were fitted on background models without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.lineage.fit import SEED, fused_feature
from benchmarks.lineage.scores import MIN_BACKGROUND
from benchmarks.lineage.table import score_pool
from benchmarks.peers.cases import Case
from benchmarks.peers.pools import pool_of
from fingerprint import channels
from fingerprint.calibration import FUSED, shipped

REQUIREMENTS: tuple[str, ...] = ()
PACKAGES = ("numpy", "scipy")


def score(case: Case, names: Sequence[str] = FUSED) -> dict[str, Any]:
    """Return the rows of the lineage table, whole panel and all prompts, with their feature."""
    pool = pool_of(case)
    calibration = shipped()
    modules = channels.PAIRED + channels.UNPAIRED
    rows = score_pool(
        pool,
        {m.NAME: m.measure(pool.panel) for m in modules if m.NAME in names},
        calibration.lengths,
        calibration.spreads,
        np.random.default_rng(SEED),
        draws=0,
    )
    rows = [row for row in rows if row.n_background >= MIN_BACKGROUND]
    return {"rows": [asdict(row) for row in rows], "feature": fused_feature(rows).tolist()}

"""``choices``: how alike two models distribute their picks, prompt by prompt."""

from __future__ import annotations

import numpy as np

from fingerprint.channels.agreement import F64, Agreement
from fingerprint.panel import Panel

NAME = "choices"
_SMOOTHING = 0.5
"""Picks added to every option that anybody took, as in Jeffreys' prior."""


def measure(panel: Panel) -> Agreement:
    """Measure one minus the Jensen-Shannon divergence (Lin 1991, in bits) of what models pick.

    Single picks are weak: most models say 7 (METHODS D). What counts is the whole distribution over
    a model's samples, and the background takes out what everybody picks. A list or a stated
    distribution is one sample with several picks of equal weight.

    Parameters
    ----------
    panel : Panel
        Aligned on the canary answers (`panel.align_canaries`).
    """
    n_models = len(panel.packs)
    out = np.full((len(panel.prompts), n_models, n_models), np.nan, dtype=np.float32)
    for p in range(len(panel.prompts)):
        members = np.flatnonzero(panel.present[p])
        taken = [_picks(panel, int(m), p) for m in members]
        options = np.unique(np.concatenate([unit for unit, _ in taken]))
        if not len(options):
            continue
        counts = np.full((len(members), len(options)), _SMOOTHING)
        for place, (unit, weight) in enumerate(taken):
            np.add.at(counts[place], np.searchsorted(options, unit), weight)
        alike = 1.0 - _divergence(counts / counts.sum(axis=1, keepdims=True))
        np.fill_diagonal(alike, np.nan)
        silent = np.array([len(unit) == 0 for unit, _ in taken])
        alike[silent] = alike[:, silent] = np.nan
        out[p][np.ix_(members, members)] = alike
    return Agreement(NAME, out)


def _picks(panel: Panel, member: int, p: int) -> tuple[F64, F64]:
    """Return what one member picks over its samples, and with what weight."""
    table = panel.packs[member].canaries
    assert table is not None
    rows = [table.answers[row] for row in panel.rows[member][p]]
    units = np.concatenate([*rows, np.zeros(0, np.uint32)]).astype(np.float64)
    weights = np.repeat([1.0 / max(1, len(row)) for row in rows], [len(row) for row in rows])
    return units, weights


def _divergence(shares: F64) -> F64:
    """Return the Jensen-Shannon divergence of every two rows, shape (n, n), between 0 and 1."""
    entropy = -(shares * np.log2(shares)).sum(axis=1)
    middle = (shares[:, None, :] + shares[None, :, :]) / 2
    joint = -(middle * np.log2(middle)).sum(axis=2)
    divergence: F64 = np.clip(joint - (entropy[:, None] + entropy[None, :]) / 2, 0.0, 1.0)
    return divergence

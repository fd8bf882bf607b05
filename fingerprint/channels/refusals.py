"""``refusals``: whether two models refuse the same requests."""

from __future__ import annotations

import numpy as np

from fingerprint.channels.agreement import Agreement
from fingerprint.panel import Panel

NAME = "refusals"


def measure(panel: Panel) -> Agreement:
    """Measure the chance that both answer or both refuse, at every request.

    With the background subtracted, how often each refuses cancels, and what is left is twice the
    covariance of their refusals over the requests beyond what other models show at each: agreement
    on where the boundary lies, not on how strict they are (METHODS D).

    Parameters
    ----------
    panel : Panel
        Aligned on the canary answers (`panel.align_canaries`).
    """
    n_prompts, n_models = panel.present.shape
    rates = np.full((n_prompts, n_models), np.nan)
    for m, pack in enumerate(panel.packs):
        for p, rows in enumerate(panel.rows[m]):
            if pack.canaries is not None and len(rows):
                rates[p, m] = np.mean([len(pack.canaries.answers[row]) > 0 for row in rows])
    both = rates[:, :, None] * rates[:, None, :]
    neither = (1 - rates)[:, :, None] * (1 - rates)[:, None, :]
    together = (both + neither).astype(np.float32)
    diagonal = np.arange(n_models)
    together[:, diagonal, diagonal] = np.nan
    return Agreement(NAME, together)

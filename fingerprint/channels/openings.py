"""``openings``: how many of the first tokens of two responses agree."""

from __future__ import annotations

import numpy as np

from fingerprint.channels.agreement import Agreement
from fingerprint.panel import Panel
from fingerprint.units import OPENING_TOKENS

NAME = "openings"
LENGTH_ADJUSTED = False


def measure(panel: Panel) -> Agreement:
    """Measure the expected common prefix, up to 8 tokens, as a share of 8 (METHODS 0 and B).

    The chance that the first k tokens agree is summed over k, which is the expected length of the
    common prefix; over samples it is the product of how often each prefix occurs.
    """
    n_models = len(panel.packs)
    out = np.full((len(panel.prompts), n_models, n_models), np.nan, dtype=np.float32)
    for p in range(len(panel.prompts)):
        members = np.flatnonzero(panel.present[p])
        prefixes = [panel.packs[m].units.openings[panel.rows[m][p]] for m in members]
        n_samples = np.array([len(rows) for rows in prefixes])
        place = np.repeat(np.arange(len(members)), n_samples * OPENING_TOKENS)
        values = np.concatenate([rows.ravel() for rows in prefixes])
        place, values = place[values > 0], values[values > 0]
        units, inverse = np.unique(values, return_inverse=True)
        counts = np.zeros((len(members), len(units)))
        np.add.at(counts, (place, inverse), 1.0)
        together = (counts @ counts.T) / np.outer(n_samples, n_samples)
        own = (counts * (counts - np.sign(counts))).sum(axis=1)
        pairs = np.maximum(n_samples * (n_samples - 1), 1)
        together[np.diag_indices_from(together)] = np.where(n_samples > 1, own / pairs, np.nan)
        out[p][np.ix_(members, members)] = together / OPENING_TOKENS
    return Agreement(NAME, out)

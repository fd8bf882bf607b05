"""``phrases``: word 2- to 4-grams shared at the same prompt, from the sketches."""

from __future__ import annotations

import numpy as np

from fingerprint.channels.agreement import Agreement, by_prompt, jaccard, rarity
from fingerprint.panel import Panel
from fingerprint.units import PHRASES_KEPT

NAME = "phrases"
LENGTH_ADJUSTED = False


def measure(panel: Panel) -> Agreement:
    """Measure the rarity-weighted Jaccard of phrases where both sketches are complete.

    A bottom-k sketch is a complete sample below its largest hash (Broder 1997); two of them are
    compared below the smaller of the two bounds. At the ceiling this channel points to shared
    weights or a wrapper rather than to distillation (EVIDENCE 4).
    """
    n_models = len(panel.packs)
    out = np.full((len(panel.prompts), n_models, n_models), np.nan, dtype=np.float32)
    for p, given in by_prompt(panel, "phrases"):
        n = len(given.members)
        bounds = np.array([_bound(panel, int(m), p) for m in given.members])
        reach = np.searchsorted(given.units, bounds, side="right")
        kept = given.unit < reach[given.place]
        weights = given.frequency * rarity(given.spread, given.n_lineages, 1)[given.unit]
        starts = np.searchsorted(given.place, np.arange(n + 1))
        # own[a, b]: mass of a below b's bound, from running sums along each row
        own = np.zeros((n, n))
        for a in range(n):
            row = slice(starts[a], starts[a + 1])
            sums = np.concatenate(([0.0], np.cumsum(weights[row])))
            own[a] = sums[np.searchsorted(given.unit[row], np.minimum(reach, reach[a]))]
        similarity = jaccard(given, own + own.T, kept)
        out[p][np.ix_(given.members, given.members)] = similarity
    return Agreement(NAME, out)


def _bound(panel: Panel, member: int, p: int) -> int:
    """Largest hash up to which every sample's sketch is complete."""
    table = panel.packs[member].units.phrases
    bound = 0xFFFFFFFF
    for row in panel.rows[member][p]:
        sketch = table[row]
        if len(sketch) == PHRASES_KEPT:
            bound = min(bound, int(sketch[-1]))
    return bound

"""``style``: function words, punctuation, layout, shape, pooled; needs no pairing."""

from __future__ import annotations

import numpy as np

from fingerprint.channels.agreement import F64, Agreement, lineage_numbers
from fingerprint.packs import Pack
from fingerprint.panel import Panel

NAME = "style"
LENGTH_ADJUSTED = False
_SHRINK = 0.25


def measure(panel: Panel) -> Agreement:
    """Measure cosine Delta of the pooled feature rates (Smith and Aldridge 2011; METHODS A).

    Rates are standardised over lineages, each lineage weighing one, with a floor on the spread of
    each feature; the similarity is the cosine of the standardised vectors, in [-1, 1].
    """
    rates = np.stack([_rates(pack) for pack in panel.packs])
    lineage = lineage_numbers(panel)
    centres = np.stack([rates[lineage == g].mean(axis=0) for g in range(lineage.max() + 1)])
    spread = centres.std(axis=0)
    floor = _SHRINK * np.median(spread[spread > 0]) if (spread > 0).any() else 1.0
    standard = (rates - centres.mean(axis=0)) / np.maximum(spread, floor)
    norm = np.linalg.norm(standard, axis=1, keepdims=True)
    unit = standard / np.maximum(norm, 1e-12)
    similarity = (unit @ unit.T).astype(np.float32)
    np.fill_diagonal(similarity, np.nan)
    return Agreement(NAME, similarity[None], paired=False)


def _rates(pack: Pack) -> F64:
    """Square roots of feature counts per word (variance-stabilised), with the shape of answers."""
    words = np.maximum(pack.units.counts[:, 1].astype(np.float64), 1.0)
    rates = np.sqrt(pack.units.style.astype(np.float64).sum(axis=0) / words.sum())
    lines, sentences = pack.units.counts[:, 2], pack.units.counts[:, 3]
    shape = [
        np.log(words).mean(),
        np.log(words).std(),
        np.log(words / np.maximum(lines, 1)).mean(),
        np.log(words / np.maximum(sentences, 1)).mean(),
        np.log1p(lines).mean(),
    ]
    return np.concatenate([rates, np.array(shape) / 4.0])

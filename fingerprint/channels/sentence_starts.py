"""``sentence_starts``: the first words of the sentences, markup and newlines taken out first."""

from __future__ import annotations

from fingerprint.channels.agreement import Agreement, weighted_jaccard
from fingerprint.panel import Panel

NAME = "sentence_starts"
LENGTH_ADJUSTED = True


def measure(panel: Panel) -> Agreement:
    """Measure the rarity-weighted Jaccard of the first words of sentences (EVIDENCE FL)."""
    return weighted_jaccard(panel, NAME, "sentence_starts")

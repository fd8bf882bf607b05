"""``line_starts``: the first words of the lines that two models give to the same prompt."""

from __future__ import annotations

from fingerprint.channels.agreement import Agreement, weighted_jaccard
from fingerprint.panel import Panel

NAME = "line_starts"
LENGTH_ADJUSTED = True


def measure(panel: Panel) -> Agreement:
    """Measure the rarity-weighted Jaccard of first words with their repeat numbers (EVIDENCE)."""
    return weighted_jaccard(panel, NAME, "line_starts")

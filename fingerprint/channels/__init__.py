"""Channels: one kind of evidence a file. To add one, write its file and name it in `PAIRED`."""

from __future__ import annotations

from fingerprint.channels import (
    choices,
    inventions,
    line_starts,
    openings,
    phrases,
    refusals,
    sentence_starts,
    style,
)
from fingerprint.channels.agreement import Agreement
from fingerprint.panel import Panel

PAIRED = (line_starts, sentence_starts, openings, phrases)
UNPAIRED = (style,)
CANARIES = {module.NAME: module.measure for module in (choices, inventions, refusals)}
"""Measured on answers to canary probes alone; `identity` beside them compares no pairs."""
NAMES = tuple(module.NAME for module in PAIRED + UNPAIRED)
LENGTH_ADJUSTED = tuple(m.NAME for m in PAIRED + UNPAIRED if m.LENGTH_ADJUSTED)


def measure_all(panel: Panel) -> dict[str, Agreement]:
    """Measure every channel over the panel, by name."""
    return {module.NAME: module.measure(panel) for module in PAIRED + UNPAIRED}


__all__ = ["CANARIES", "LENGTH_ADJUSTED", "NAMES", "PAIRED", "UNPAIRED", "Agreement", "measure_all"]

"""`fingerprint` with every channel measured, as in `compare`; `ours` measures what is judged."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import ours
from benchmarks.peers.cases import Case
from fingerprint import channels

REQUIREMENTS, PACKAGES = ours.REQUIREMENTS, ours.PACKAGES


def score(case: Case) -> dict[str, Any]:
    """Score as in `ours`."""
    return ours.score(case, channels.NAMES)

"""How a collection is going, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts of a run, kept up to date while it goes on."""

    total: int
    """Answers that the plan asks for, those of earlier runs included."""
    done: int = 0
    """Answers in the file."""
    before: int = 0
    """Of these, in the file when the run began."""
    failed: int = 0
    """Answers given up in this run."""
    requests: int = 0
    retries: int = 0
    cut: int = 0
    """Answers of this run that ended at the longest length allowed."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    """Dollars of the whole file; None where the price is not known."""
    state: str = ""
    """What is waited for, where it is not answers: weights, a batch, a pause."""


Report = Callable[[Tally], None]


def silent(tally: Tally) -> None:
    """Show nothing."""

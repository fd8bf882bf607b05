"""What a user asks for: how often, how, how fast, for how much. Nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fingerprint.errors import CollectError

SEED = 20260101
"""Seed of a run that names none: local sampling and the jitter of retries come from it."""
MAX_TOKENS = 2048
"""Longest answer where none is asked for. Every vendor gets the same, so that answers compare."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are sampled, as the user asked; None leaves a value to the model or vendor."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = MAX_TOKENS
    seed: int | None = None
    """Seed of the run. Each response has its own, derived from it, the prompt and the sample."""
    logprobs: int | None = None
    """Log-probabilities of the tokens given, and of this many alternatives (0: none of them)."""

    def requested(self) -> dict[str, Any]:
        """Return what was asked for, without what was left open; the seed is told elsewhere."""
        values = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "logprobs": self.logprobs,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about a collection but the model, the suites and the file."""

    samples: int = 1
    sampling: Sampling = Sampling()
    system: str | None = None
    """System prompt of the probes that have none of their own."""
    name: str | None = None
    """What the outputs call the model; default its id, or the folder of local weights."""
    quick: bool = False
    limit: int | None = None
    """Take only the first so many probes of each suite."""

    base_url: str | None = None
    key_variable: str | None = None
    """Environment variable with the key, where it is not the provider's usual one."""
    completions: bool = False
    """Ask the older completions endpoint: the prompt is continued, not answered as a message."""
    concurrency: int = 8
    rate: float | None = None
    """Most requests a minute."""
    attempts: int = 8
    """Most requests for one answer; 429, 5xx, broken connections and broken replies are retried."""
    timeout: float = 600.0
    """Seconds one request may take, however slowly its bytes arrive."""
    max_requests: int | None = None
    max_cost: float | None = None
    """Most US dollars the whole file may cost, earlier runs included."""
    price_in: float | None = None
    price_out: float | None = None
    """US dollars per million tokens; they go before the table of prices."""
    batch: bool = False
    keep_raw: bool = False

    dtype: str = "auto"
    device: str | None = None
    """Of local weights; ``auto`` spreads them over all there are, which needs accelerate."""
    batch_size: int = 16
    """Most answers that local weights generate at a time."""
    threads: int | None = None
    """CPU threads of local weights; default half the cores."""

    def checked(self) -> Settings:
        """Return the settings when they make sense.

        Raises
        ------
        CollectError
            When a value is out of range, or two settings exclude each other.
        """
        sampling = self.sampling
        rules = {
            "--samples: expected 1 to 10000": _within(self.samples, 1, 10_000),
            "--temperature: expected 0 to 5": _within(sampling.temperature, 0, 5),
            "--top-p: expected more than 0, at most 1": _within(sampling.top_p, 1e-9, 1),
            "--max-tokens: expected at least 1": sampling.max_tokens >= 1,
            "--seed: expected 0 to 2^63-1": _within(sampling.seed, 0, 2**63 - 1),
            "--logprobs: expected 0 to 20": _within(sampling.logprobs, 0, 20),
            "--limit: expected at least 1": _within(self.limit, 1, None),
            "--concurrency: expected 1 to 1000": _within(self.concurrency, 1, 1000),
            "--rate: expected more than 0 requests a minute": _within(self.rate, 1e-9, None),
            "--timeout: expected more than 0 seconds": _within(self.timeout, 1e-9, None),
            "--max-requests: expected at least 1": _within(self.max_requests, 1, None),
            "--max-cost: expected 0 or more dollars": _within(self.max_cost, 0, None),
            "--price-in, --price-out: expected 0 or more dollars per million tokens": (
                _within(self.price_in, 0, None) and _within(self.price_out, 0, None)
            ),
            "--price-in, --price-out: expected both or none": (
                (self.price_in is None) == (self.price_out is None)
            ),
            "--batch-size: expected at least 1": self.batch_size >= 1,
            "--threads: expected 1 to 1024": _within(self.threads, 1, 1024),
            "--batch: batches go to the chat endpoint; leave out --completions": (
                not (self.batch and self.completions)
            ),
        }
        for rule, kept in rules.items():
            if not kept:
                raise CollectError(rule)
        return self


def _within(value: float | None, low: float, high: float | None) -> bool:
    return value is None or (low <= value and (high is None or value <= high))

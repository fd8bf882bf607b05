"""What a collection would take, before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fingerprint.collect.plan import Plan
from fingerprint.collect.prices import Price, price_of
from fingerprint.collect.providers import Target
from fingerprint.collect.replies import Usage
from fingerprint.collect.store import Done, read_done


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls, tokens and dollars of what is still to be asked."""

    planned: int
    done: int
    calls: int
    input_tokens: int
    """Estimated without the model's own tokenizer."""
    most_output_tokens: int
    """When every answer is as long as ``max_tokens`` allows."""
    likely_output_tokens: int | None
    """At the average of the answers already in the file; None when there are none."""
    price: Price | None

    @property
    def most_cost(self) -> float | None:
        """Dollars at most; None when the price is not known."""
        usage = Usage(self.input_tokens, self.most_output_tokens)
        return None if self.price is None else self.price.cost(usage)

    @property
    def likely_cost(self) -> float | None:
        """Dollars at the average length so far; None when either is not known."""
        if self.price is None or self.likely_output_tokens is None:
            return None
        return self.price.cost(Usage(self.input_tokens, self.likely_output_tokens))


def make_estimate(target: Target, plan: Plan, out: Path) -> Estimate:
    """Count what is to be asked that the file does not hold yet; nothing is sent or written."""
    settings = plan.settings
    done = Done()
    if out.exists():
        done = read_done(out, settings.name or target.default_name())
    calls = inputs = 0
    for ask in plan.asks():
        if ask.key not in done:
            calls += 1
            inputs += ask.input_tokens()
    told = done.count - done.unknown_usage
    return Estimate(
        planned=len(plan),
        done=len(plan) - calls,
        calls=calls,
        input_tokens=inputs,
        most_output_tokens=calls * settings.sampling.max_tokens,
        likely_output_tokens=calls * done.usage.output_tokens // told if told else None,
        price=price_of(target, settings),
    )

"""What answers cost: the table of prices, a user's own, and the half price of batches."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fingerprint.collect.providers import Protocol, Target
from fingerprint.collect.replies import Usage
from fingerprint.collect.settings import Settings
from fingerprint.errors import CollectError

BATCH_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, and who says so."""

    input: float
    output: float
    source: str

    def cost(self, usage: Usage) -> float:
        """Return the dollars of some tokens."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class _Row:
    provider: str
    pattern: re.Pattern[str]
    price: Price


def price_of(target: Target, settings: Settings) -> Price | None:
    """Return what a model's tokens cost, None where nothing is known of it.

    Raises
    ------
    CollectError
        When a budget in dollars is set and the price is not known.
    """
    share = BATCH_SHARE if settings.batch else 1.0
    halved = ", batch" if settings.batch else ""
    if settings.price_in is not None and settings.price_out is not None:
        given = Price(settings.price_in, settings.price_out, "--price-in and --price-out")
        return Price(given.input * share, given.output * share, given.source + halved)
    if target.provider.protocol is Protocol.LOCAL or target.provider.key is None:
        return Price(0.0, 0.0, "own machine")
    own = target.base_url == target.provider.base_url  # others that serve a model set their price
    for row in _table() if own else ():
        if row.provider == target.provider.name and row.pattern.fullmatch(target.model.lower()):
            price = row.price
            return Price(price.input * share, price.output * share, price.source + halved)
    if settings.max_cost is not None:
        raise CollectError(
            f"--max-cost: the price of {target.spec} is not known; give --price-in and --price-out "
            "(US dollars per million tokens), or --max-requests instead"
        )
    return None


@cache
def _table() -> tuple[_Row, ...]:
    text = (resources.files("fingerprint") / "data" / "prices.tsv").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        _Row(
            row["provider"],
            re.compile(row["pattern"]),
            Price(float(row["input"]), float(row["output"]), f"{row['source']}, {row['date']}"),
        )
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    )

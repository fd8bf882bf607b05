"""How fast and for how much: spacing of requests, waits that concern everybody, budgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerprint.collect.prices import Price
from fingerprint.collect.replies import Usage

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
LONGEST_ASKED = 900.0
"""Seconds; a server that asks for a longer wait has a daily limit, and the run stops."""


def backoff(attempt: int, rng: np.random.Generator) -> float:
    """Return the seconds to wait after the attempt of that number, from 1.

    Doubling from `FIRST_WAIT` to `LONGEST_WAIT`, times a random factor from 0.5 to 1, so that many
    requests refused at once do not come back at once.
    """
    full = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 20))
    return full * float(rng.uniform(0.5, 1.0))


class Gate:
    """Says when the next request may start: ``rate`` a minute evenly spaced, none in a pause.

    A token bucket that holds one token: a burst would be within the limit of some servers and
    outside that of others. Times are seconds of any one clock.
    """

    def __init__(self, rate: float | None) -> None:
        self._gap = 60.0 / rate if rate is not None else 0.0
        self._next = float("-inf")
        self.shut_until = float("-inf")

    def claim(self, now: float) -> float:
        """Return the time of the caller's turn; each turn is given once."""
        turn = max(now, self._next, self.shut_until)
        self._next = turn + self._gap
        return turn

    def pause(self, until: float) -> None:
        """Let nobody through for a while: somebody was told that there are too many."""
        self.shut_until = max(self.shut_until, until)


@dataclass(slots=True)
class Budget:
    """Counts requests and dollars, and says when the next request might exceed them.

    A request is counted with the most it can cost before it is sent, and with what it cost after.
    """

    price: Price | None
    max_cost: float | None
    max_requests: int | None
    spent: float = 0.0
    """Dollars, earlier runs on the same file included."""
    requests: int = 0
    """Sent in this run, retries included."""
    reserved: float = 0.0
    in_flight: int = 0

    @property
    def requests_left(self) -> bool:
        """Whether another request may be sent at all."""
        return self.max_requests is None or self.requests < self.max_requests

    def reserve(self, most: Usage) -> float | None:
        """Set aside the most a request can cost; None when the budget does not allow it."""
        cost = self.price.cost(most) if self.price is not None else 0.0
        if not self.requests_left:
            return None
        # Sums of many costs are not exact: a billionth of a dollar is no overspending.
        if self.max_cost is not None and self.spent + self.reserved + cost > self.max_cost + 1e-9:
            return None
        self.requests += 1
        self.in_flight += 1
        self.reserved += cost
        return cost

    def settle(self, reserved: float, usage: Usage | None) -> None:
        """Replace what was set aside by what was used; what was not told counts in full."""
        self.release(reserved)
        if usage is None or self.price is None:
            self.spent += reserved
        else:
            self.spent += self.price.cost(usage)

    def release(self, reserved: float) -> None:
        """Give back what was set aside for a request that was refused."""
        self.reserved -= reserved
        self.in_flight -= 1

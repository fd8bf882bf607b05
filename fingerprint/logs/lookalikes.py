"""Look-alikes: honest reasons for accounts to act together, each with measurable criteria.

The thresholds are judgements, set on development logs before the held-out ones were made. What fits
is not accused; the cluster stays in the list with its p-value, for a person to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.logs.tables import Columns
from fingerprint.logs.templates import Ints

Floats = npt.NDArray[np.float64]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Habits:
    """How a cluster behaves, as far as it matters for telling it from its look-alikes."""

    accounts: int
    linked: float
    """Share of the accounts found together that something besides prompts links."""
    specific: float
    """Share of the cluster's accounts among all that use a template: mean over its exchanges."""
    templates: int
    template_exchanges: int
    purity: float
    """Median over accounts of the share of their exchanges that use the cluster's templates."""
    verbatim: float
    """Share of these exchanges whose whole prompt another account of the cluster sent as well."""
    payers: int | None
    """Cards that 80 % of the accounts pay with, fewest first; None where the log has no cards."""
    addresses: int | None
    """Addresses that 80 % of the accounts have used, fewest first (greedily)."""
    networks: int
    """Networks that these addresses belong to."""
    elsewhere: float
    """Share of accounts that have used an address outside these as well."""
    own: float
    """Share of accounts that have used an address which no other account of the cluster has."""
    week_hours: int
    """Hours of the week, of 168, that hold 80 % of these exchanges."""
    days: int
    """Days that hold 80 % of them."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A legitimate explanation and what must be measured for it to fit."""

    name: str
    explanation: str
    fits: Callable[[Habits], bool]


SPECIFIC = 0.5
FEW_ADDRESSES, FEW_NETWORKS = 8, 2


def _few_payers(h: Habits) -> bool:
    return h.payers is not None and h.payers <= max(4, h.accounts // 10)


def _one_place(h: Habits) -> bool:
    return h.addresses is not None and h.addresses <= FEW_ADDRESSES and h.networks <= FEW_NETWORKS


def _in_the_open(h: Habits) -> bool:
    return _few_payers(h) and _one_place(h)


POPULAR = LookAlike(
    "users of popular prompts",
    "most of those who send these prompts do not belong to the cluster",
    lambda h: h.specific < SPECIFIC,
)
LOOKALIKES = (
    LookAlike(
        "evaluation harness",
        "most prompts are a fixed set that several accounts send word for word, as in a benchmark",
        lambda h: h.verbatim >= 0.5,
    ),
    POPULAR,
    LookAlike(
        "crowd around a team",
        "fewer than two in five of those who share the prompts share anything else",
        lambda h: h.linked < 0.4,
    ),
    LookAlike(
        "batch labelling or another pipeline of one organisation",
        "few payers, one place, and hardly any other traffic: nothing is hidden",
        lambda h: _in_the_open(h) and h.purity >= 0.6,
    ),
    LookAlike(
        "team or company",
        "few payers and one place, with ordinary traffic besides",
        _in_the_open,
    ),
    LookAlike(
        "class or course",
        "one place at the same few hours of the week, own addresses at other times",
        lambda h: _one_place(h) and h.elsewhere >= 0.5 and h.week_hours <= 30,
    ),
    LookAlike(
        "event",
        "one place within three days, own addresses at other times",
        lambda h: _one_place(h) and h.elsewhere >= 0.5 and h.days <= 3,
    ),
    LookAlike(
        "people of a few places",
        "a few addresses reach most accounts, and most also come from an address of their own, as "
        "students, staff or guests do from home",
        lambda h: h.addresses is not None and h.addresses <= FEW_ADDRESSES and h.own >= 0.5,
    ),
    LookAlike(
        "product with a fixed scaffold",
        "few templates, an own payer for nearly every account, and either hardly any other traffic "
        "or one place, the product's",
        lambda h: (
            (h.purity >= 0.6 or _one_place(h))
            and h.templates <= 10
            and h.payers is not None
            and h.payers >= 0.7 * h.accounts
        ),
    ),
)


SEVERAL = LookAlike(
    "several groups with prompts of their own",
    "companies, classes or products that share idioms only: each has its own place or payer and "
    "its own prompts, and nothing joins the others",
    lambda h: False,
)
"""What `parts.own_parts` finds; no measure of the whole cluster tells it."""


def looks_like(habits: Habits) -> LookAlike | None:
    """Return the first legitimate explanation that fits, or None."""
    return next((known for known in LOOKALIKES if known.fits(habits)), None)


def habits(
    rows: Columns,
    members: Ints,
    totals: Ints,
    linked: float,
    specific: Floats,
    cards: tuple[Ints, Ints],
    addresses: tuple[Ints, Ints],
    network: Ints,
) -> Habits:
    """Measure a cluster.

    Parameters
    ----------
    rows : dict of arrays
        ``account`` (row of the account), ``time`` (ms) and ``prompt`` of each exchange that uses
        the cluster's templates, once an exchange.
    members : array of int
        Rows of the cluster's accounts, sorted.
    totals : array of int
        All exchanges of each of them.
    linked : float
        Share of the accounts found together that cards, addresses, networks or minutes link.
    specific : array of float
        Share of the cluster's accounts among those of each template, by the template's row.
    cards, addresses : tuple of arrays
        Value and account of each link of a member.
    network : array of int
        Network of each address, by its value.
    """
    account, time = rows["account"], rows["time"]
    place = np.searchsorted(members, account)
    used = np.bincount(place, minlength=len(members))
    _, prompt = np.unique(rows["prompt"], return_inverse=True)
    pairs = np.unique(prompt * np.int64(len(members) + 1) + place)
    askers = np.bincount(pairs // (len(members) + 1), minlength=int(prompt.max(initial=-1)) + 1)
    chosen = _covering(*addresses, len(members), 0.8, FEW_ADDRESSES + 1)
    alone = np.bincount(addresses[0], minlength=1)[addresses[0]] == 1
    outside = ~np.isin(addresses[0], chosen)
    return Habits(
        accounts=len(members),
        linked=linked,
        specific=float(specific[rows["template"]].mean()) if len(account) else 0.0,
        templates=len(np.unique(rows["template"])),
        template_exchanges=len(account),
        purity=float(np.median(used / np.maximum(totals, 1))) if len(members) else 0.0,
        verbatim=float((askers[prompt] >= 2).mean()) if len(prompt) else 0.0,
        payers=_payers(cards[0], len(members)),
        addresses=len(chosen) if len(addresses[0]) else None,
        networks=len({int(network[address]) for address in chosen}),
        elsewhere=len(np.unique(addresses[1][outside])) / max(len(members), 1),
        own=len(np.unique(addresses[1][alone])) / max(len(members), 1),
        week_hours=_most_of((time // HOUR_MS) % 168),
        days=_most_of(time // DAY_MS),
    )


def _payers(cards: Ints, accounts: int) -> int | None:
    """Return how many cards pay for 80 % of the accounts that have one."""
    if not len(cards):
        return None
    sizes = np.sort(np.unique(cards, return_counts=True)[1])[::-1]
    return int(np.searchsorted(np.cumsum(sizes), 0.8 * min(accounts, int(sizes.sum())))) + 1


def _covering(value: Ints, account: Ints, accounts: int, share: float, most: int) -> list[int]:
    """Return values that together reach a share of the accounts, the most useful first."""
    left = np.ones(len(value), dtype=np.bool_)
    chosen: list[int] = []
    reached: set[int] = set()
    while len(reached) < share * accounts and len(chosen) < most and left.any():
        names, counts = np.unique(value[left], return_counts=True)
        best = int(names[counts.argmax()])
        chosen.append(best)
        reached.update(account[left & (value == best)].tolist())
        left &= ~np.isin(account, list(reached))
    return chosen


def _most_of(bins: Ints) -> int:
    """Return how many bins hold 80 % of the values, the fullest first."""
    if not len(bins):
        return 0
    counts = np.sort(np.unique(bins, return_counts=True)[1])[::-1]
    return int(np.searchsorted(np.cumsum(counts), 0.8 * len(bins))) + 1

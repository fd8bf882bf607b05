"""Ordinary people: Zipf-like activity, sessions of several turns, days and nights, copies."""

from __future__ import annotations

import numpy as np

from fingerprint.logs.traffic.language import LANGUAGES, TOPIC_NAMES, Ints, zipf_ranks
from fingerprint.logs.traffic.parameters import Traffic
from fingerprint.logs.traffic.plan import DAY, Plan, bursts
from fingerprint.logs.traffic.prompts import public_prompts

_VIRAL_SHARE = 0.012
"""Ordinary requests that are a copied viral prompt."""
_LIBRARY_USERS = 0.15
_LIBRARY_SHARE = 0.15
_LIBRARY_PROMPTS = 80
_FAMILIES = 0.06
_TURNS = 3.0


def add_people(plan: Plan, traffic: Traffic) -> Ints:
    """Open ordinary accounts and give them traffic; return their numbers, shape (n,)."""
    accounts = np.array([plan.account("person") for _ in range(traffic.accounts)])
    _share_cards(plan, accounts)
    weights = (np.arange(len(accounts)) + 3.0) ** -1.0
    weights = weights ** (traffic.zipf / 1.15)
    counts = weights / weights.mean() * traffic.exchanges
    counts = np.maximum(plan.rng.poisson(np.minimum(counts, 60 * traffic.exchanges)), 1)
    ordinary(plan, accounts, plan.rng.permutation(counts))
    return accounts


def _share_cards(plan: Plan, accounts: Ints) -> None:
    """Let families and flats share a card and an address."""
    rng = plan.rng
    order = rng.permutation(accounts)[: int(len(accounts) * _FAMILIES)]
    at = 0
    while at + 5 < len(order):
        size = int(rng.integers(2, 6))
        head, *others = order[at : at + size].tolist()
        for other in others:
            plan.cards[other] = plan.cards[head]
            plan.homes[other] = list(plan.homes[head])
        at += size


def ordinary(
    plan: Plan, accounts: Ints, counts: Ints, *, flat: bool = False, many: bool = False
) -> None:
    """Give accounts so many ordinary exchanges each, shapes (n,).

    ``flat``: at any hour, as a group of people in all zones does. ``many``: of all languages and
    topics, since many people stand behind an account; a person has one language and few topics.
    """
    rng = plan.rng
    sessions = np.maximum((counts / _TURNS).astype(np.int64), 1)
    owners = np.repeat(accounts, sessions)
    starts = rng.random(len(owners)) * plan.seconds if flat else plan.daily_times(owners)
    # As many turns as there are exchanges left, spread at random over an account's sessions.
    extra = np.maximum(counts - sessions, 0)
    firsts = np.cumsum(sessions) - sessions
    landed = np.repeat(firsts, extra) + (
        rng.random(int(extra.sum())) * np.repeat(sessions, extra)
    ).astype(np.int64)
    turns = np.bincount(landed, minlength=len(owners)) + 1
    rows, times = bursts(rng, np.arange(len(owners)), turns, starts, gap=110.0)
    if many:
        tongue = rng.choice(len(LANGUAGES), len(owners), p=_shares())
        topic = rng.integers(0, len(TOPIC_NAMES), len(owners))
    else:
        tongue = np.asarray(plan.tongues)[owners]
        tongue = np.where(rng.random(len(owners)) < 0.12, 0, tongue)
        favourites = rng.integers(0, len(TOPIC_NAMES), (len(plan.roles), 3))
        topic = favourites[owners, zipf_ranks(rng, len(owners), 3, 2.0)]
        anywhere = rng.random(len(owners)) < 0.2
        topic = np.where(anywhere, rng.integers(0, len(TOPIC_NAMES), len(owners)), topic)
    items = topic[rows]
    later = np.concatenate([[False], rows[1:] == rows[:-1]])
    items = np.where(later & (rng.random(len(rows)) < 0.25), -1, items)
    plan.add(owners[rows], times, np.asarray(plan.asked)[tongue[rows]], items)


def _shares() -> list[float]:
    from fingerprint.logs.traffic.language import SHARES

    return list(SHARES.values())


def add_public_prompts(plan: Plan, traffic: Traffic, people: Ints) -> None:
    """Turn some of what people ask into copies: of viral prompts, and of prompts from libraries.

    Must come after all ordinary traffic: it replaces rows, so that nobody gets busier by copying.
    """
    rng = plan.rng
    english = plan.languages["en"]
    viral = plan.source(public_prompts(rng, english, traffic.viral, words=45, edited=0.4))
    heyday = rng.uniform(-7 * DAY, plan.seconds, traffic.viral)
    width = rng.exponential(5 * DAY, traffic.viral) + DAY / 2
    libraries = [
        plan.source(
            public_prompts(
                rng,
                plan.languages[LANGUAGES[zipf_ranks(rng, 1, len(LANGUAGES), 1.5)[0]]],
                _LIBRARY_PROMPTS,
                words=35,
                edited=0.8,
            )
        )
        for _ in range(traffic.libraries)
    ]
    user = np.full(len(plan.roles), -1)
    members = people[rng.random(len(people)) < _LIBRARY_USERS]
    if libraries:
        user[members] = zipf_ranks(rng, len(members), len(libraries), 1.0)
    ranks = rng.permutation(traffic.viral)
    for number, (accounts, times, source, items, addresses) in enumerate(plan.rows):
        source, items = source.copy(), items.copy()
        asked = np.isin(source, plan.asked)
        copied = np.flatnonzero(asked & (rng.random(len(times)) < _VIRAL_SHARE))
        drawn = ranks[zipf_ranks(rng, len(copied), traffic.viral, 0.9)]
        age = times[copied] - heyday[drawn]
        alive = (age > 0) & (rng.random(len(copied)) < np.exp(-np.maximum(age, 0) / width[drawn]))
        source[copied[alive]], items[copied[alive]] = viral, drawn[alive]
        looked_up = np.flatnonzero(
            asked & (user[accounts] >= 0) & (rng.random(len(times)) < _LIBRARY_SHARE)
        )
        if len(looked_up):
            source[looked_up] = np.asarray(libraries)[user[accounts[looked_up]]]
            items[looked_up] = zipf_ranks(rng, len(looked_up), _LIBRARY_PROMPTS, 0.8)
        plan.rows[number] = (accounts, times, source, items, addresses)

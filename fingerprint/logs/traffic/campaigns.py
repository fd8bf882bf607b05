"""Campaigns: jobs over many accounts, mixed into ordinary traffic, with rotation after bans."""

from __future__ import annotations

import numpy as np

from fingerprint.logs.traffic.language import TOPIC_NAMES, Ints, zipf_ranks
from fingerprint.logs.traffic.parameters import Campaign
from fingerprint.logs.traffic.people import ordinary
from fingerprint.logs.traffic.plan import DAY, Floats, Plan
from fingerprint.logs.traffic.prompts import GRADING, REASONING, REWRITING, Mixed, Source, template


def add_campaign(plan: Plan, campaign: Campaign) -> None:
    """Open the accounts of a campaign and give them their work and their cover."""
    rng = plan.rng
    accounts = _open_accounts(plan, campaign)
    born, died = _lifetimes(plan, campaign, len(accounts))
    counts = np.maximum(
        rng.lognormal(np.log(campaign.exchanges) - 0.08, 0.4, len(accounts)), 2
    ).astype(np.int64)
    work = rng.binomial(counts, campaign.mixing)
    cover = counts - work
    before = len(plan.rows)
    ordinary(
        plan,
        accounts,
        np.maximum(cover, 1),
        flat=campaign.cover == "customers",
        many=campaign.cover == "customers",
    )
    _squeeze(plan, before, accounts, born, died)
    times, owners = _schedule(plan, campaign, accounts, work, born, died)
    source = plan.source(Mixed(tuple(_templates(plan, campaign))))
    # Some templates are used far more than others; which one has nothing to do with the account.
    items = zipf_ranks(rng, len(owners), campaign.templates, 0.5)
    plan.add(owners, times, source, items)


def _open_accounts(plan: Plan, campaign: Campaign) -> Ints:
    rng, network = plan.rng, plan.network
    exits: list[int] = []
    for number in range(campaign.proxy_networks):
        consumer = number % 2 == 0
        owner = network.consumer_network(int(rng.integers(0, 8))) if consumer else -1
        owner = network.new_network() if owner < 0 else owner
        exits += network.addresses(max(campaign.proxies // campaign.proxy_networks, 1), owner)
    # The commercial VPNs are there for campaigns too.
    exits += [network.vpn_exit() for _ in range(max(len(exits) // 10, 1))]
    cards: list[int] = []
    accounts = []
    for _ in range(campaign.accounts):
        card = None
        if rng.random() < campaign.cards:
            if not cards or rng.random() < 1 / campaign.card_accounts:
                cards.append(network.card())
            card = cards[-1]
        homes = rng.choice(exits, min(campaign.proxy_accounts, len(exits)), replace=False)
        accounts.append(plan.account("campaign", campaign.name, card=card, homes=homes.tolist()))
    return np.array(accounts)


def _lifetimes(plan: Plan, campaign: Campaign, n: int) -> tuple[Floats, Floats]:
    """Draw when accounts are opened and banned, shapes (n,): the next starts as one falls."""
    rng = plan.rng
    if campaign.lifetime_days is None:
        return np.zeros(n), np.full(n, plan.seconds)
    born, died = np.zeros(n), np.zeros(n)
    lanes = max(int(n * min(campaign.lifetime_days * DAY / plan.seconds, 1.0)), 1)
    free = np.zeros(lanes)
    for i in range(n):
        lane = int(free.argmin())
        born[i] = free[lane] if free[lane] < plan.seconds - DAY else 0.0
        span = (
            rng.exponential(campaign.lifetime_days * DAY * 0.8) + 0.2 * campaign.lifetime_days * DAY
        )
        died[i] = min(born[i] + span, plan.seconds)
        free[lane] = died[i] + rng.exponential(campaign.takeover_minutes * 60)
    return born, died


def _squeeze(plan: Plan, before: int, accounts: Ints, born: Floats, died: Floats) -> None:
    """Move the cover traffic of accounts into their lifetimes."""
    place = np.full(len(plan.roles), -1)
    place[accounts] = np.arange(len(accounts))
    for number in range(before, len(plan.rows)):
        owners, times, *rest = plan.rows[number]
        at = place[owners]
        times = born[at] + times / plan.seconds * (died[at] - born[at])
        plan.rows[number] = (owners, times, *rest)


def _schedule(
    plan: Plan, campaign: Campaign, accounts: Ints, work: Ints, born: Floats, died: Floats
) -> tuple[Floats, Ints]:
    """Draw the time and the account of each campaign exchange, shapes (n,)."""
    rng = plan.rng
    index = np.repeat(np.arange(len(accounts)), work)
    low, high = born[index], died[index]
    times = low + rng.random(len(index)) * (high - low)
    if campaign.pivot_day is not None:
        turned = rng.random(len(index)) < 0.5
        pivot = campaign.pivot_day * DAY + rng.random(len(index)) * DAY
        times = np.where(turned & (pivot > low) & (pivot < high), pivot, times)
    jobs = np.sort(rng.random(max(int(campaign.jobs_a_day * plan.seconds / DAY), 1)) * plan.seconds)
    in_job = rng.random(len(index)) < campaign.synchrony
    # The job nearest to the time drawn: what an account does there keeps its place in its life.
    near = np.clip(np.searchsorted(jobs, times), 0, len(jobs) - 1)
    moved = jobs[near] + rng.exponential(campaign.job_minutes * 60 / 3, len(index))
    times = np.where(in_job & (moved >= low) & (moved < high), moved, times)
    return times, accounts[index]


def _templates(plan: Plan, campaign: Campaign) -> list[Source]:
    rng = plan.rng
    found: list[Source] = []
    for _ in range(campaign.templates):
        draw = rng.random()
        purpose: tuple[str, ...] = ()
        for share, sentences in (
            (campaign.reasoning, REASONING),
            (campaign.grading, GRADING),
            (campaign.rewriting, REWRITING),
        ):
            if 0 <= draw < share:
                purpose = sentences
                break
            draw -= share
        wordings = tuple(
            template(
                rng,
                plan.languages["zh" if rng.random() < 0.12 and not purpose else "en"],
                words=campaign.skeleton_words,
                slot_words=campaign.slot_words,
                paraphrase=campaign.paraphrase,
                purpose=purpose,
                topics=rng.integers(0, len(TOPIC_NAMES), 4),
            )
            for _ in range(campaign.wordings)
        )
        found.append(wordings[0] if len(wordings) == 1 else _Wordings(wordings))
    return found


class _Wordings:
    """The same task in several wordings, any of them at any time."""

    def __init__(self, wordings: tuple[Source, ...]) -> None:
        self._mixed = Mixed(wordings)
        self._n = len(wordings)

    def render(self, rng: np.random.Generator, items: Ints) -> list[str]:
        """Write one prompt a row, shape (n,)."""
        return self._mixed.render(rng, rng.integers(0, self._n, len(items)))

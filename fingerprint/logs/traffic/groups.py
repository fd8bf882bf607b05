"""Look-alikes: groups with an honest reason to share prompts, networks, cards or hours.

Each kind is drawn anew with other sizes and habits, and the hard ones break the rule that would
tell the easy ones: classes over a VPN, labelling with several payers, agents behind one network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fingerprint.logs.traffic.language import LANGUAGES, TOPIC_NAMES, Ints, zipf_ranks
from fingerprint.logs.traffic.parameters import Traffic
from fingerprint.logs.traffic.people import ordinary
from fingerprint.logs.traffic.plan import DAY, Plan
from fingerprint.logs.traffic.prompts import GRADING, Mixed, Public, public_prompts, template


class Benchmarks:
    """Public benchmarks: the same prompts for everyone who evaluates."""

    def __init__(self, plan: Plan) -> None:
        english = plan.languages["en"]
        sizes = (400, 250, 800, 160, 1000)
        self.prompts: list[Public] = [
            public_prompts(plan.rng, english, n, words=40, edited=0.0) for n in sizes
        ]
        self.sources = [plan.source(p) for p in self.prompts]


def add_lookalikes(plan: Plan, traffic: Traffic) -> None:
    """Add every kind of look-alike, each several times where the size allows it."""
    benchmarks = Benchmarks(plan)
    kinds: list[tuple[Callable[[Plan, Benchmarks, str, bool], None], str, float]] = [
        (_harness, "harness", 3),
        (_researchers, "researchers", 1),
        (_agents, "agents", 3),
        (_reseller, "reseller", 2),
        (_labelling, "labelling", 3),
        (_classroom, "classroom", 4),
        (_team, "team", 12),
        (_course, "course", 1),
        (_hackathon, "hackathon", 1),
    ]
    for build, kind, times in kinds:
        for number in range(int(np.ceil(times * traffic.lookalikes))):
            hard = traffic.hard_lookalikes and number % 2 == 1
            if kind == "hackathon" and not traffic.hard_lookalikes:
                continue
            build(plan, benchmarks, f"{kind}-{number + 1}", hard)


def _harness(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add runs of benchmarks every night or after each build, from a cloud; one payer, or a few."""
    rng, network = plan.rng, plan.network
    n = plan.group_size(12, 60)
    cloud = network.addresses(4, network.new_network())
    cards = [network.card() for _ in range(3 if hard else 1)]
    accounts = np.array(
        [
            plan.account(
                "harness", group, card=cards[i % len(cards)], homes=[cloud[i % 4]], agent=60
            )
            for i in range(n)
        ]
    )
    days = int(plan.seconds // DAY)
    for start in np.sort(rng.choice(days, max(days // 3, 1), replace=False)).tolist():
        which = int(rng.integers(len(benchmarks.sources)))
        size = len(benchmarks.prompts[which].texts)
        items = rng.permutation(size)[: min(size, 12 * n)]
        at = start * DAY + rng.uniform(0, 20) * 3600 + rng.random(len(items)) * 2400
        workers = accounts[rng.integers(0, n, len(items))]
        plan.add(workers, at, benchmarks.sources[which], items)


def _researchers(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add independent people who each try a public benchmark in the same weeks."""
    rng = plan.rng
    n = plan.group_size(60, 160)
    accounts = np.array([plan.account("researchers", group) for _ in range(n)])
    ordinary(plan, accounts, rng.poisson(40, n) + 1)
    which = int(rng.integers(len(benchmarks.sources)))
    counts = rng.integers(10, 80, n)
    owners = np.repeat(accounts, counts)
    start = np.repeat(rng.normal(plan.seconds / 2, 3 * DAY, n), counts)
    items = rng.integers(0, len(benchmarks.prompts[which].texts), len(owners))
    times = start + rng.random(len(owners)) * 7200
    plan.add(owners, times, benchmarks.sources[which], items)


def _agents(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add users of one agent product: a fixed scaffold around their own requests."""
    rng, network = plan.rng, plan.network
    n = plan.group_size(80, 500)
    cloud = network.addresses(6, network.new_network()) if hard else []
    homes = [[int(rng.choice(cloud))] if hard else None for _ in range(n)]
    accounts = np.array([plan.account("agents", group, homes=h, agent=61) for h in homes])
    counts = np.maximum(rng.lognormal(3.2, 1.0, n), 2).astype(np.int64)
    owners = np.repeat(accounts, counts)
    scaffolds = tuple(
        template(
            rng, plan.languages["en"], words=60, slot_words=20, paraphrase=0.0, own_text=True,
            topics=np.arange(len(TOPIC_NAMES)),
        )
        for _ in range(int(rng.integers(2, 6)))
    )  # fmt: skip
    times = plan.daily_times(owners)
    hourly = rng.random(n)[np.repeat(np.arange(n), counts)] < 0.2
    on_the_hour = times // 3600 * 3600 + rng.exponential(20, len(times))
    source = plan.source(Mixed(scaffolds))
    items = rng.integers(0, len(scaffolds), len(owners))
    plan.add(owners, np.where(hourly, on_the_hour, times), source, items)
    if hard:
        ordinary(plan, accounts, rng.poisson(15, n) + 1)


def _reseller(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add many people's requests, spread in turn over a few accounts of one payer."""
    rng, network = plan.rng, plan.network
    n = plan.group_size(15, 60)
    cloud = network.addresses(3, network.new_network())
    card = network.card()
    accounts = np.array(
        [
            plan.account("reseller", group, card=card, homes=[cloud[i % 3]], agent=62)
            for i in range(n)
        ]
    )
    if not hard:
        ordinary(plan, accounts, rng.poisson(200, n) + 1, flat=True, many=True)
        return
    wrapper = template(
        rng, plan.languages["en"], words=22, slot_words=20, paraphrase=0.0, own_text=True,
        topics=np.arange(len(TOPIC_NAMES)),
    )  # fmt: skip
    total = 150 * n
    times = np.sort(rng.random(total)) * plan.seconds
    plan.add(accounts[np.arange(total) % n], times, plan.source(wrapper), 0)


def _labelling(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add an organisation that labels its data: a few rubrics, every night, one place."""
    rng, network = plan.rng, plan.network
    n = plan.group_size(12, 45)
    cloud = network.addresses(3, network.new_network())
    cards = [network.card() for _ in range(4 if hard else 1)]
    accounts = np.array(
        [
            plan.account("labelling", group, card=cards[i % len(cards)], homes=[cloud[i % 3]])
            for i in range(n)
        ]
    )
    rubrics = tuple(
        template(
            rng, plan.languages["en"], words=40, slot_words=30, paraphrase=0.0, purpose=GRADING,
            topics=rng.integers(0, len(TOPIC_NAMES), 1),
        )
        for _ in range(int(rng.integers(1, 6)))
    )  # fmt: skip
    nights = int(plan.seconds // DAY)
    counts = rng.poisson(6, (n, nights))
    owners = np.repeat(np.repeat(accounts, nights), counts.ravel())
    night = np.repeat(np.tile(np.arange(nights), n), counts.ravel())
    times = night * DAY + 2 * 3600 + rng.random(len(owners)) * 3000
    plan.add(owners, times, plan.source(Mixed(rubrics)), rng.integers(0, 99, len(owners)))
    if hard:
        ordinary(plan, accounts, rng.poisson(30, n) + 1)


def _classroom(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add a class: assignments in class hours behind the campus address.

    The hard ones use the campus VPN with several exits, meet online, and have a site licence.
    """
    rng, network = plan.rng, plan.network
    n = plan.group_size(25, 160)
    campus = network.addresses(5 if hard else 1, network.new_network())
    language = int(zipf_ranks(rng, 1, len(LANGUAGES), 0.7)[0])
    licence = network.card() if rng.random() < 0.4 else None
    accounts = np.array(
        [plan.account("classroom", group, card=licence, language=language) for _ in range(n)]
    )
    for account in accounts.tolist():
        plan.homes[account].append(int(rng.choice(campus)))
    ordinary(plan, accounts, rng.poisson(25, n) + 1)
    tasks = int(rng.integers(8, 30))
    sheet = plan.source(
        public_prompts(rng, plan.languages[LANGUAGES[language]], tasks, words=30, edited=0.6)
    )
    weeks = max(int(plan.seconds // (7 * DAY)), 1)
    for lesson in range(2 * weeks):
        day = (lesson // 2) * 7 + (1 if lesson % 2 else 3)
        hour = 9 + 2 * (lesson % 3)
        present = accounts[rng.random(n) < 0.8]
        owners = np.repeat(present, rng.integers(1, 6, len(present)))
        times = day * DAY + hour * 3600 + rng.random(len(owners)) * 5400
        first = lesson * tasks // (2 * weeks)
        items = np.minimum(first + rng.integers(0, 3, len(owners)), tasks - 1)
        seats = np.asarray(campus)[rng.integers(0, len(campus), len(owners))]
        at_home = rng.random(len(owners)) < (0.4 if hard else 0.1)
        plan.add(owners, times, sheet, items, np.where(at_home, -1, seats))


def _team(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add a company whose people share a card, an office and a page of prompts."""
    rng, network = plan.rng, plan.network
    n = plan.group_size(4, 45)
    office = network.addresses(1, network.new_network())[0]
    language = int(zipf_ranks(rng, 1, len(LANGUAGES), 1.0)[0])
    cards = [network.card() for _ in range(1 + n // 15 if hard else 1)]
    accounts = np.array(
        [
            plan.account(
                "team", group, card=cards[i % len(cards)], language=language,
                homes=[office, *plan.person_addresses(language)],
            )
            for i in range(n)
        ]
    )  # fmt: skip
    counts = rng.poisson(60, n) + 1
    mixing = rng.uniform(0.05, 0.5)
    ours = rng.binomial(counts, mixing)
    ordinary(plan, accounts, np.maximum(counts - ours, 1))
    spoken = plan.languages[LANGUAGES[language]]
    page = plan.source(public_prompts(rng, spoken, int(rng.integers(5, 40)), words=35, edited=0.9))
    owners = np.repeat(accounts, ours)
    items = zipf_ranks(rng, len(owners), 5, 0.7)
    plan.add(owners, plan.daily_times(owners), page, items)


def _course(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add an online course: people far apart, the same sheet in the same week."""
    rng = plan.rng
    n = plan.group_size(150, 500)
    accounts = np.array([plan.account("course", group) for _ in range(n)])
    ordinary(plan, accounts, rng.poisson(20, n) + 1)
    sheet = plan.source(public_prompts(rng, plan.languages["en"], 40, words=35, edited=0.5))
    counts = rng.integers(3, 25, n)
    owners = np.repeat(accounts, counts)
    items = rng.integers(0, 40, len(owners))
    release = items * plan.seconds / 45
    times = release + rng.exponential(2 * DAY, len(owners))
    plan.add(owners, times, sheet, items)


def _hackathon(plan: Plan, benchmarks: Benchmarks, group: str, hard: bool) -> None:
    """Add two days in one hall: a starter kit's prompts, cards of one's own, the hall's network."""
    rng, network = plan.rng, plan.network
    n = plan.group_size(60, 160)
    hall = network.addresses(2, network.new_network())
    accounts = np.array([plan.account("hackathon", group) for _ in range(n)])
    ordinary(plan, accounts, rng.poisson(20, n) + 1)
    kit = tuple(
        template(
            rng, plan.languages["en"], words=30, slot_words=25, paraphrase=0.0, own_text=True,
            topics=rng.integers(0, len(TOPIC_NAMES), 2),
        )
        for _ in range(6)
    )  # fmt: skip
    first = rng.integers(1, max(int(plan.seconds // DAY) - 2, 2)) * DAY
    owners = np.repeat(accounts, rng.integers(8, 40, n))
    times = first + 9 * 3600 + rng.random(len(owners)) * 33 * 3600
    seats: Ints = np.asarray(hall)[rng.integers(0, 2, len(owners))]
    plan.add(owners, times, plan.source(Mixed(kit)), rng.integers(0, 6, len(owners)), seats)

"""P-values of a cluster: right under their nulls, small where accounts act together."""

import numpy as np
import pytest
from scipy import sparse, stats

from fingerprint.logs import nulls
from fingerprint.logs.population import Links

ACCOUNTS = 2000


def draws(test, n=400, seed=1):
    return np.array([test(np.random.default_rng([seed, i])) for i in range(n)])


def valid(p):
    """Check that small p-values are no commoner than they say, with room for chance."""
    for level in (0.01, 0.05, 0.1):
        allowed = stats.binom.isf(1e-4, len(p), level) / len(p)
        assert (p <= level).mean() <= allowed, (level, (p <= level).mean())


def usage(rng, members, templates=300, extra=0):
    """Zipf-like templates and accounts; ``extra`` templates are used by half of the members."""
    activity = rng.pareto(1.2, ACCOUNTS) + 0.3
    reach = (60 / np.arange(1, templates + 1) ** 0.5).astype(int) + 3
    account = np.concatenate(
        [rng.choice(ACCOUNTS, n, replace=False, p=activity / activity.sum()) for n in reach]
    )
    template = np.repeat(np.arange(templates), reach)
    for number in range(extra):
        own = np.flatnonzero(members)[rng.random(members.sum()) < 0.5]
        account = np.concatenate([account, own])
        template = np.concatenate([template, np.full(len(own), templates + number)])
    shape = (ACCOUNTS, templates + extra)
    return sparse.csc_matrix((np.ones(len(account)), (account, template)), shape=shape)


def some(rng, n=60):
    members = np.zeros(ACCOUNTS, dtype=bool)
    members[rng.choice(ACCOUNTS, n, replace=False)] = True
    return members


def test_prompts_under_the_null_and_beyond_it():
    def null(rng):
        members = some(rng)
        use = usage(rng, members)
        return nulls.prompts(use, np.arange(use.shape[1]), members)[0].p

    valid(draws(null, 200))
    rng = np.random.default_rng(0)
    members = some(rng)
    channel, beyond = nulls.prompts(usage(rng, members, extra=3), np.arange(303), members)
    assert channel.p < 1e-20
    assert {300, 301, 302} <= set(beyond.tolist())
    assert channel.reach > 0.8


def test_prompts_without_templates_say_nothing():
    use = sparse.csc_matrix((ACCOUNTS, 5))
    assert nulls.prompts(use, np.arange(5), some(np.random.default_rng(0)))[0] == nulls.NOTHING


def cards(rng, households=150):
    """Everybody an own card; some households of two to five share one."""
    value = np.arange(ACCOUNTS)
    for _ in range(households):
        house = rng.choice(ACCOUNTS, rng.integers(2, 6), replace=False)
        value[house] = value[house[0]]
    names, value = np.unique(value, return_inverse=True)
    return value, names.astype(np.uint64)


def test_shared_cards_under_the_null_and_beyond_it():
    def null(rng):
        value, names = cards(rng)
        links = Links(value, np.arange(ACCOUNTS), names)
        return nulls.shared_links(links, some(rng))[0].p

    valid(draws(null, 200))
    rng = np.random.default_rng(0)
    members = some(rng)
    value, names = cards(rng)
    rows = np.flatnonzero(members)
    for start in range(0, 40, 8):
        value[rows[start : start + 8]] = value[rows[start]]
    channel, beyond = nulls.shared_links(Links(value, np.arange(ACCOUNTS), names), members)
    assert channel.p < 1e-9 and len(beyond) == 5
    assert channel.reach >= 40 / 60


def test_a_team_in_a_crowd_does_not_reach_the_crowd():
    rng = np.random.default_rng(0)
    members = some(rng, 200)
    value, names = cards(rng, 0)
    value[np.flatnonzero(members)[:15]] = value[np.flatnonzero(members)[0]]
    channel, _ = nulls.shared_links(Links(value, np.arange(ACCOUNTS), names), members)
    assert channel.p == 1.0


def test_living_in_one_region_is_no_shared_address():
    rng = np.random.default_rng(0)
    region = np.repeat([0, 1], [1600, 400])
    members = np.zeros(ACCOUNTS, dtype=bool)
    members[1600 + rng.choice(400, 80, replace=False)] = True
    # Ten shared addresses in either region: its people are spread over them at random.
    address = region * 10 + rng.integers(0, 10, ACCOUNTS)
    links = Links(address, np.arange(ACCOUNTS), np.arange(20, dtype=np.uint64))
    blind, _ = nulls.shared_links(links, members)
    fair, _ = nulls.shared_links(links, members, stratum=np.repeat([0, 1], 10))
    assert blind.p < 1e-3 and fair.p > 0.01


def test_networks_may_be_half_members_by_where_people_live():
    rng = np.random.default_rng(0)
    network = np.repeat(np.arange(20), 100)
    members = np.zeros(ACCOUNTS, dtype=bool)
    members[:100] = rng.random(100) < 0.5
    links = Links(network, np.arange(ACCOUNTS), np.arange(20, dtype=np.uint64))
    assert nulls.shared_links(links, members, at_most=nulls.NETWORK_SHARE)[0].p > 0.01
    members[:100] = True
    assert nulls.shared_links(links, members, at_most=nulls.NETWORK_SHARE)[0].p < 1e-20


HOUR = 3_600_000


def busy(rng, accounts=80, each=30, days=10):
    """People in the hours of their day, each at moments of their own."""
    account = np.repeat(np.arange(accounts), each)
    hour = rng.integers(0, days, len(account)) * 24 + rng.normal(14, 2, len(account)).astype(int)
    return account, (hour * HOUR + rng.random(len(account)) * HOUR).astype(np.int64)


def test_synchrony_under_the_null_and_beyond_it():
    valid(draws(lambda rng: nulls.synchrony(*busy(rng))[0].p))
    rng = np.random.default_rng(0)
    account, time = busy(rng)
    jobs = rng.integers(0, 240, 20) * HOUR + rng.integers(0, HOUR, 20)
    moved = rng.random(len(time)) < 0.4
    time[moved] = jobs[rng.integers(0, 20, moved.sum())] + rng.integers(0, 120_000, moved.sum())
    channel, in_step = nulls.synchrony(account, time)
    assert channel.p < 1e-20 and channel.reach > 0.8 and len(in_step) > 60


def test_jobs_on_the_hour_are_no_synchrony():
    def hourly(rng):
        account, time = busy(rng)
        return nulls.synchrony(account, time // HOUR * HOUR + rng.integers(0, 60_000, len(time)))

    assert min(hourly(np.random.default_rng(i))[0].p for i in range(50)) > 1e-3


def test_a_pair_in_step_does_not_make_a_crowd_synchronous():
    account, time = busy(np.random.default_rng(0))
    twin = account == 1
    time[twin] = time[account == 0] + 1000
    assert nulls.synchrony(account, time)[0].p == 1.0


def test_takeovers_under_the_null_and_beyond_it():
    end = 60 * 24 * HOUR

    def null(rng):
        first = rng.integers(0, end, 120)
        return nulls.takeovers(first, np.minimum(first + rng.integers(0, end, 120), end), 0, end).p

    valid(draws(null))
    rng = np.random.default_rng(0)
    first, last = [], []
    for _ in range(15):
        at = int(rng.integers(0, 5 * 24 * HOUR))
        while at < end:
            first.append(at)
            last.append(at + int(rng.exponential(6 * 24 * HOUR)))
            at = last[-1] + int(rng.integers(0, 20 * 60_000))
    channel = nulls.takeovers(np.array(first), np.minimum(np.array(last), end), 0, end)
    assert channel.p < 1e-20


def test_no_cluster_is_accused_of_one_channel():
    strong, weak = nulls.Channel(1e-50, 1, 1, 0), nulls.NOTHING
    assert nulls.combined(strong, [weak, weak]) == 1.0
    assert nulls.combined(weak, [strong, weak]) == 1.0
    assert nulls.combined(strong, [strong, weak]) == pytest.approx(2e-50)


def test_rates_are_those_of_benjamini_and_yekutieli():
    p = [1e-5, 0.002, 0.03, 0.5]
    c = 1 + 1 / 2 + 1 / 3 + 1 / 4
    assert nulls.discovery_rates(p) == pytest.approx(
        [1e-5 * 4 * c, 0.002 * 2 * c, 0.03 * 4 / 3 * c, min(0.5 * c, 1.0)]
    )
    assert nulls.discovery_rates([]) == []

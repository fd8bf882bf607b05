"""Null hypotheses and p-values of a cluster; docs/logs.md states each in words.

Every statistic is closed form: no draws, so the same log gives the same p-value. A channel other
than prompts counts only where it reaches a good part of the cluster (`Channel.reach`): a team
within a crowd must not accuse the crowd. Such a condition can only make a test more careful.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import bdtrc, pdtrc
from scipy.stats import false_discovery_control, hypergeom

from fingerprint.logs.population import Links
from fingerprint.logs.templates import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MIN_REACH = 0.3
"""Share of a cluster's accounts that shared links or synchrony must reach to count."""
MIN_TAKEOVERS = 0.1
GROUP_LEVEL = 1e-3
"""Level (Bonferroni over values) at which a card or an address is called shared beyond chance."""
PAIR_LEVEL = 0.05
"""Values that two members share by chance more often than this are not counted among the many."""
NETWORK_SHARE = 0.5
"""Members that any network may have by where its people live and what they talk about."""
COARSE_MS = 3_600_000
FINE_BINS = 12
"""Synchrony: five-minute bins within hours, given how many exchanges an hour has."""
TAKEOVER_MS = 30 * 60_000
TAKEOVER_WINDOW_MS = 12 * 3_600_000


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of evidence about one cluster."""

    p: float
    """1 where it was not measured or did not reach enough of the cluster."""
    reach: float
    """Share of the cluster's accounts that the evidence touches."""
    observed: float
    expected: float


NOTHING = Channel(1.0, 0.0, 0.0, 0.0)


def prompts(use: sparse.csc_matrix, tested: Ints, members: Bools) -> tuple[Channel, Ints]:
    """Test whether a cluster uses templates together that it was not found by.

    Null: who uses a template of the tested half is independent of membership, given how many
    accounts use it and how many templates each account uses. One binomial test a template, the
    smallest p times their number (Bonferroni: valid however templates depend on each other).

    Parameters
    ----------
    use : sparse matrix of 0 and 1
        Accounts by templates, without the exchanges that the cluster was found by.
    tested : array of int
        Templates of the half that took no part in finding the cluster.
    members : array of bool
        Which accounts belong to the cluster.

    Returns
    -------
    tuple
        The channel, and the tested templates that the cluster uses beyond chance.
    """
    held = use[:, tested]
    reach = np.asarray(held.sum(axis=0)).ravel().astype(np.int64)
    activity = np.asarray(held.sum(axis=1)).ravel()
    total = float(activity.sum())
    counted = np.flatnonzero(reach >= 2)
    if not len(counted) or not total:
        return NOTHING, np.zeros(0, dtype=np.int64)
    share = float(activity[members].sum()) / total
    inside = np.asarray(held[members].sum(axis=0)).ravel()[counted]
    tail = bdtrc(inside - 1.0, reach[counted], share)
    tail[inside == 0] = 1.0
    level = tail * len(counted)
    beyond = level < GROUP_LEVEL
    best = int(np.argmin(tail))
    touched = np.asarray(held[:, counted[beyond]][members].sum(axis=1)).ravel() > 0
    channel = Channel(
        p=min(float(level[best]), 1.0),
        reach=float(touched.mean()) if len(touched) else 0.0,
        observed=float(inside[best]),
        expected=float(reach[counted[best]] * share),
    )
    return channel, tested[counted[beyond]]


def shared_links(
    links: Links,
    members: Bools,
    *,
    stratum: Ints | None = None,
    at_most: float | None = None,
) -> tuple[Channel, Ints]:
    """Test whether members share cards, addresses or networks more than their number explains.

    Null: who uses a value is independent of membership, given how many accounts use it and which
    share of the accounts are members. Two tests, twice the smaller p. A few values that many share:
    the p of the value at which enough members are reached, times the number of values, evidence
    that at least so many values are shared beyond chance (partial conjunction; Benjamini and
    Heller, 2008). Many values that a few share: how many values have two members or more, of those
    that seldom would, against a Poisson distribution, which is the wider one (Hoeffding, 1956).

    Parameters
    ----------
    links : Links
        Accounts and values of one kind.
    members : array of bool, shape (accounts,)
    stratum : array of int, optional
        Network of each value (address), -1 for none: the share of members is then that among the
        accounts of the network, so that where people live is no evidence.
    at_most : float, optional
        A larger share of members that is granted to any value: for networks, of which a region's
        people may be members far more often than others.

    Returns
    -------
    tuple
        The channel, and the values that are shared beyond chance.
    """
    values = len(links.names)
    if not values or not members.any():
        return NOTHING, np.zeros(0, dtype=np.int64)
    size = np.bincount(links.value, minlength=values)
    inside = np.bincount(links.value[members[links.account]], minlength=values)
    everyone, belonging = np.full(values, len(members)), np.full(values, int(members.sum()))
    if stratum is not None:
        known = stratum >= 0
        pairs = np.unique(stratum[links.value] * np.int64(len(members)) + links.account)
        pairs = pairs[pairs >= 0]
        networks, whose = np.divmod(pairs, len(members))
        strata = int(stratum.max(initial=0)) + 1
        everyone[known] = np.bincount(networks, minlength=strata)[stratum[known]]
        belonging[known] = np.bincount(networks[members[whose]], minlength=strata)[stratum[known]]
    tested = np.flatnonzero(size >= 2)
    tail = np.ones(len(tested))
    some = inside[tested] >= 2
    at = tested[some]
    if at_most is None:
        tail[some] = hypergeom.sf(inside[at] - 1, everyone[at], belonging[at], size[at])
    else:
        tail[some] = bdtrc(inside[at] - 1.0, size[at], at_most)
    order = np.argsort(tail, kind="stable")
    beyond = tested[order][tail[order] * len(tested) < GROUP_LEVEL]
    rank = np.full(values, len(tested), dtype=np.int64)
    rank[tested[order]] = np.arange(len(tested))
    # Values in the order of their p: how many it takes to reach the share of members required.
    needed = _needed(links, members, rank)
    few = float(tail[order][needed]) * len(tested) if needed < len(tested) else 1.0
    if at_most is None:
        pair = hypergeom.sf(1, everyone[tested], belonging[tested], size[tested])
        telling = pair < PAIR_LEVEL
        expected, observed = float(pair[telling].sum()), int(some[telling].sum())
        rare = tested[some & telling]
        reach = _reach(links, members, rare)
        many = float(pdtrc(observed - 1.0, expected)) if observed > expected else 1.0
        if 2 * many < GROUP_LEVEL and reach >= MIN_REACH:
            beyond = np.union1d(beyond, rare)
        else:
            many = 1.0
    else:
        expected, observed = float(size[beyond].sum() * at_most), int(inside[beyond].sum())
        many = 1.0
    p = min(2 * min(few, many), 1.0)
    return Channel(p, _reach(links, members, beyond), float(observed), expected), beyond


def _reach(links: Links, members: Bools, values: Ints) -> float:
    """Return the share of members that have one of the values."""
    mine = members[links.account] & np.isin(links.value, values)
    return len(np.unique(links.account[mine])) / max(int(members.sum()), 1)


def _needed(links: Links, members: Bools, rank: Ints) -> int:
    """Return the rank of the value at which enough members are reached."""
    mine = members[links.account]
    first = np.full(len(members), np.iinfo(np.int64).max)
    np.minimum.at(first, links.account[mine], rank[links.value[mine]])
    firsts = np.sort(first[members])
    return int(firsts[int(np.ceil(MIN_REACH * len(firsts))) - 1])


def synchrony(account: Ints, time: Ints) -> tuple[Channel, Ints]:
    """Test whether accounts act in the same minutes more than their hours explain.

    Null: given how many accounts of the cluster are active in an hour, each chose its moment within
    the hour by itself, from the cluster's own distribution over the five-minute bins of an hour (so
    that jobs on the hour are no synchrony). Counted: pairs of accounts in the same bin. Pairs are
    close to independent, so their number is compared with a Poisson distribution. Hours of day,
    days of week and events longer than an hour are kept as they are (interval jitter; Amarasingham
    et al., 2012).

    Parameters
    ----------
    account, time : array of int, shape (n,)
        Account and time (ms) of each exchange that uses the cluster's templates.

    Returns
    -------
    tuple
        The channel, and the accounts in step with others beyond their own chance.
    """
    nobody = np.zeros(0, dtype=np.int64)
    hour = time // COARSE_MS
    order = np.lexsort((time, hour, account))
    account, time, hour = account[order], time[order], hour[order]
    first = np.ones(len(account), dtype=np.bool_)
    first[1:] = (account[1:] != account[:-1]) | (hour[1:] != hour[:-1])
    account, time, hour = account[first], time[first], hour[first]
    if len(account) < 2:
        return NOTHING, nobody
    fine = (time % COARSE_MS) * FINE_BINS // COARSE_MS
    profile = np.bincount(fine, minlength=FINE_BINS) / len(fine)
    together = float((profile**2).sum())
    _, of_hour = np.unique(hour, return_inverse=True)
    busy = np.bincount(of_hour)
    _, of_cell = np.unique(of_hour * FINE_BINS + fine, return_inverse=True)
    crowd = np.bincount(of_cell)
    observed = float((crowd * (crowd - 1)).sum()) / 2
    expected = float((busy * (busy - 1)).sum()) / 2 * together
    if expected <= 0:
        return NOTHING, nobody
    names, of_account = np.unique(account, return_inverse=True)
    met = np.bincount(of_account, crowd[of_cell] - 1)
    chance = np.bincount(of_account, (busy[of_hour] - 1) * together)
    in_step = met > chance + 2 * np.sqrt(chance) + 1
    reach = float(in_step.mean())
    p = float(pdtrc(observed - 1, expected)) if observed > expected else 1.0
    channel = Channel(p if reach >= MIN_REACH else 1.0, reach, observed, expected)
    return channel, names[in_step]


def takeovers(first: Ints, last: Ints, start: int, end: int) -> Channel:
    """Test whether accounts begin as others of the cluster fall silent.

    Null: an account's first exchange could have come at any moment of the 12 hours before and after
    it, whatever the others did. Each account begins within 30 minutes after another's last exchange
    with the probability that this day's moments have; the number that do is compared with a Poisson
    distribution, which is the wider one (Hoeffding, 1956).

    Parameters
    ----------
    first, last : array of int, shape (n,)
        First and last exchange (ms) of each member.
    start, end : int
        First and last exchange of the log: accounts active at its edges are no takeovers.
    """
    ended = np.sort(last[last < end - 2 * TAKEOVER_WINDOW_MS])
    begun = first[first > start + 2 * TAKEOVER_WINDOW_MS]
    if len(ended) < 5 or len(begun) < 5:
        return NOTHING
    opened = ended
    closed = np.maximum.accumulate(ended + TAKEOVER_MS)
    cut = np.minimum(closed, np.append(ended[1:], np.iinfo(np.int64).max))
    covered = np.concatenate([[0], np.cumsum(cut - opened)])

    def covered_until(moment: Ints) -> Ints:
        at = np.searchsorted(opened, moment, side="right")
        inside = np.minimum(moment, cut[at - 1]) - opened[at - 1]
        return np.where(at > 0, covered[at - 1] + inside, 0)

    low, high = begun - TAKEOVER_WINDOW_MS, begun + TAKEOVER_WINDOW_MS
    chance = (covered_until(high) - covered_until(low)) / (2 * TAKEOVER_WINDOW_MS)
    at = np.searchsorted(opened, begun, side="right") - 1
    took = (at >= 0) & (begun < cut[at]) & (begun > opened[at])
    observed, expected = float(took.sum()), float(chance.sum())
    reach = observed / len(first)
    p = float(pdtrc(observed - 1, expected)) if observed > expected else 1.0
    return Channel(p if reach >= MIN_TAKEOVERS else 1.0, reach, observed, expected)


def combined(prompt: Channel, others: list[Channel]) -> float:
    """Return a cluster's p: prompts in common, and one of the other channels besides.

    Null: prompts are shared no more than popularity explains, or no other channel departs from its
    null. The larger of the two p-values (intersection-union; Berger, 1982), the second one being
    the smallest of the others times their number. So no cluster is accused of its prompts alone.
    """
    second = min(min((c.p for c in others), default=1.0) * max(len(others), 1), 1.0)
    return max(prompt.p, second)


def discovery_rates(p: list[float]) -> list[float]:
    """Return q-values over all clusters tested, valid under any dependence.

    Benjamini and Yekutieli (2001).
    """
    if not p:
        return []
    return [float(q) for q in false_discovery_control(p, method="by")]

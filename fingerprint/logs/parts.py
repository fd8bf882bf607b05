"""Parts of a cluster that stand on their own: a company, a class, a product among others.

Groups of one language or trade share idioms, so that a search may put several of them together, and
none of the explanations would fit the whole. What tells them from the cells of a campaign is that
their prompts are their own: the cells of a campaign work from the same templates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.logs.lookalikes import FEW_ADDRESSES
from fingerprint.logs.population import Population
from fingerprint.logs.templates import Ints

MIN_PART = 4
"""Accounts of a part."""
OWN = 0.8
"""Share of a template's accounts, within the cluster, that makes it a part's own."""
OWN_USES = 0.5
"""Share of a part's uses that must be of its own templates."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Uses:
    """Which account of a cluster used which template, each pair once, and how often."""

    template: Ints
    account: Ints
    times: Ints


def uses(template: Ints, account: Ints, accounts: int) -> Uses:
    """Count the uses of templates by accounts, given one row a use."""
    pairs, times = np.unique(template * np.int64(accounts) + account, return_counts=True)
    kinds, whose = np.divmod(pairs, accounts)
    return Uses(kinds, whose, times)


def own_parts(people: Population, members: Ints, used: Uses) -> Bools:
    """Say which accounts belong to parts with a card or place in common and prompts of their own.

    Parameters
    ----------
    people : Population
    members : array of int
        Rows of the cluster's accounts.
    used : Uses
        Their uses of the cluster's templates.

    Returns
    -------
    array of bool, shape (accounts,)
    """
    left = np.zeros(len(people), dtype=np.bool_)
    left[members] = True
    aside = np.zeros(len(people), dtype=np.bool_)
    candidates = _candidates(people, left)
    found = True
    while found:
        found = False
        for group in candidates:
            part = group & left
            if int(part.sum()) >= MIN_PART and part.sum() < left.sum() and _own(used, part, left):
                left &= ~part
                aside |= part
                found = True
    return aside


def _own(used: Uses, part: Bools, left: Bools) -> bool:
    """Tell whether a part mostly uses templates that hardly anyone else of the cluster does."""
    here = left[used.account]
    inside = here & part[used.account]
    size = int(used.template.max(initial=-1)) + 1
    everyone = np.bincount(used.template[here], minlength=size)
    mine = np.bincount(used.template[inside], minlength=size)
    own = (mine >= 2) & (mine >= OWN * everyone)
    times = used.times[inside]
    return bool(times[own[used.template[inside]]].sum() >= OWN_USES * times.sum() > 0)


def _candidates(people: Population, members: Bools) -> list[Bools]:
    """Return groups of members with a card, an address or a small network, the largest first."""
    groups: list[Bools] = []
    for kind in ("payment_hash", "ip", "asn"):
        value, account = people.links[kind].of(members)
        sizes = np.bincount(value, minlength=1)
        for one in np.flatnonzero(sizes >= MIN_PART).tolist():
            if kind == "asn" and not _small(people, members, one):
                continue
            group = np.zeros(len(people), dtype=np.bool_)
            group[account[value == one]] = True
            groups.append(group)
    return sorted(groups, key=lambda group: -int(group.sum()))


def _small(people: Population, members: Bools, network: int) -> bool:
    """Tell whether members come from few addresses of a network: one place, not a region."""
    value, _ = people.links["ip"].of(members)
    return len(np.unique(value[people.network[value] == network])) <= FEW_ADDRESSES

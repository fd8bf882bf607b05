"""Clusters: families of accounts, tested in every channel, corrected for all tests, explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fingerprint.logs import nulls
from fingerprint.logs.families import (
    MIN_ACCOUNTS_A_CLUSTER,
    Bools,
    Family,
    assign,
    find_families,
    odds,
    sure,
)
from fingerprint.logs.lookalikes import SEVERAL, Habits, LookAlike, habits, looks_like
from fingerprint.logs.nulls import Channel
from fingerprint.logs.parts import Uses, own_parts, uses
from fingerprint.logs.population import Population
from fingerprint.logs.tables import Columns
from fingerprint.logs.templates import Ints, Templates, used

Collect = Callable[[Ints, Ints], Columns]
"""Returns all exchanges of some accounts that use some templates (rows of both): columns
``template``, ``id``, ``account`` (row), ``time``, ``prompt``, ``purpose``, ``topics``."""

PROMPT_LEVEL = 0.01
"""Clusters whose prompts do not pass this are not measured further; their p is 1."""
MIN_SEEDS = 2
"""Linked accounts that must use a template for it to say that others belong to them."""
OWN_SHARE = 0.3
"""... and the least share of all its users that they must be."""
LINKED = ("payment_hash", "ip", "asn")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Accounts that appear to act together, with the evidence; arrays hold rows of the population.

    ``accounts``: those that are named; ``group``: all that the tests were made on; ``linked``:
    those of the group that something besides prompts links.
    """

    accounts: Ints
    group: Ints
    linked: Ints
    templates: Ints
    channels: dict[str, Channel]
    p: float
    q: float
    habits: Habits | None
    looks_like: LookAlike | None
    rows: Columns = field(repr=False)
    """Exchanges of the named accounts that use the templates, once an exchange and template."""
    shared: dict[str, Ints] = field(repr=False)
    """Values (of `Population.links`) that are shared beyond chance, by kind."""

    def accused(self, fdr: float) -> bool:
        """Tell whether the cluster may be reported as a campaign."""
        return self.q <= fdr and self.looks_like is None and len(self.accounts) > 0


def find_clusters(
    people: Population, templates: Templates, span: tuple[int, int], collect: Collect
) -> list[Cluster]:
    """Find, test and explain clusters, those with the smallest p first.

    Parameters
    ----------
    people : Population
    templates : Templates
    span : tuple of int
        First and last exchange of the log, ms.
    collect : function
        Looks up all exchanges of accounts that use templates.
    """
    use = templates.used_by(len(people))
    half = templates.half()
    tested: list[tuple[Ints, Channel]] = []
    for family in find_families(use, half == 0):
        channel, more = _test_prompts(people, templates, half == 1, family, use.shape)
        tested.append((np.union1d(family.templates, more), channel))
    families = [
        (family, tested[number][1])
        for number, family in assign(use, [chosen for chosen, _ in tested])
    ]
    rows = _collected([f for f, prompt in families if prompt.p <= PROMPT_LEVEL], collect)
    found = [_measure(people, use, family, prompt, span, rows) for family, prompt in families]
    rates = nulls.discovery_rates([cluster.p for cluster in found])
    ranked = [replace(cluster, q=q) for cluster, q in zip(found, rates, strict=True)]
    return sorted(ranked, key=lambda c: (c.p, -len(c.group), int(people.accounts[c.group[0]])))


def _test_prompts(
    people: Population, templates: Templates, other: Bools, family: Family, shape: tuple[int, int]
) -> tuple[Channel, Ints]:
    """Test a family on the other half of the templates, without the exchanges it was found by."""
    found_by = np.zeros(templates.n, dtype=np.bool_)
    found_by[family.templates] = True
    spent = np.zeros(len(templates.ids), dtype=np.bool_)
    spent[templates.exchange[found_by[templates.template]]] = True
    fresh = ~spent[templates.exchange]
    use = used(templates.account[fresh], templates.template[fresh], shape).tocsc()
    return nulls.prompts(use, np.flatnonzero(other), mask(people, family.accounts))


def _collected(families: list[Family], collect: Collect) -> Columns:
    """Look up the exchanges of all families at once: a question reads the whole log's phrases."""
    if not families:
        return {}
    accounts = np.unique(np.concatenate([family.accounts for family in families]))
    templates = np.unique(np.concatenate([family.templates for family in families]))
    return collect(accounts, templates)


def _measure(
    people: Population,
    use: sparse.csr_matrix,
    family: Family,
    prompt: Channel,
    span: tuple[int, int],
    collected: Columns,
) -> Cluster:
    empty: Columns = {
        name: np.zeros(0, dtype=np.int64) for name in ("account", "time", "prompt", "template")
    }
    if prompt.p > PROMPT_LEVEL:
        nothing: Ints = np.zeros(0, dtype=np.int64)
        return Cluster(
            nothing, family.accounts, nothing, family.templates, {"prompts": prompt}, 1.0, 1.0,
            None, None, empty, {},
        )  # fmt: skip
    mine = rows_of(collected, family.accounts)
    rows = only(mine, np.isin(mine["template"], family.templates))
    tested = _test(people, use, family, prompt, rows, span)
    explained: LookAlike | None = None
    measured = _habits(people, use, family, tested, rows)
    if tested.p < 1:
        explained = looks_like(measured)
    if tested.p < 1 and explained is None:
        aside = own_parts(people, tested.named, _uses(rows, tested, len(people)))
        rest = Family(family.templates, family.accounts[~aside[family.accounts]])
        again = None
        if aside.any() and len(rest.accounts) >= MIN_ACCOUNTS_A_CLUSTER:
            again = _test(people, use, rest, prompt, rows, span)
        if again is not None and again.p <= PROMPT_LEVEL:
            tested, family = replace(again, p=max(tested.p, again.p)), rest
            measured = _habits(people, use, family, tested, rows)
            explained = looks_like(measured)
        elif aside.any():
            explained = SEVERAL
    return Cluster(
        accounts=tested.named,
        group=family.accounts,
        linked=np.flatnonzero(tested.seeds),
        templates=tested.templates,
        channels=tested.channels,
        p=tested.p,
        q=1.0,
        habits=measured,
        looks_like=explained,
        rows=_own_rows(rows, tested),
        shared=tested.shared,
    )


@dataclass(frozen=True, slots=True)
class _Tested:
    """The outcome of all tests of one group of accounts."""

    channels: dict[str, Channel]
    shared: dict[str, Ints]
    seeds: Bools
    """Accounts that something besides prompts links."""
    p: float
    named: Ints
    templates: Ints
    """Templates of the family that go with the linked accounts."""


def _test(
    people: Population,
    use: sparse.csr_matrix,
    family: Family,
    prompt: Channel,
    rows: Columns,
    span: tuple[int, int],
) -> _Tested:
    """Run the tests other than that of prompts on the accounts of a family."""
    accounts = family.accounts
    others, shared, seeds = _links(people, mask(people, accounts))
    once = one_each(rows_of(rows, accounts))
    others["synchrony"], in_step = nulls.synchrony(once["account"], once["time"])
    others["takeovers"] = nulls.takeovers(people.first[accounts], people.last[accounts], *span)
    if others["synchrony"].p < nulls.GROUP_LEVEL:
        seeds[in_step] = True
    p = nulls.combined(prompt, list(others.values()))
    named, own = _named(use, family, seeds) if p < 1 else (accounts, family.templates)
    return _Tested({"prompts": prompt, **others}, shared, seeds, p, named, own)


def _habits(
    people: Population, use: sparse.csr_matrix, family: Family, tested: _Tested, rows: Columns
) -> Habits:
    named = mask(people, tested.named)
    everyone = np.asarray(use.sum(axis=0)).ravel()
    together = np.asarray(use[tested.named].sum(axis=0)).ravel()
    return habits(
        one_each(_own_rows(rows, tested)),
        tested.named,
        people.exchanges[tested.named],
        float(tested.seeds[family.accounts].mean()),
        together / np.maximum(everyone, 1),
        people.links["payment_hash"].of(named),
        people.links["ip"].of(named),
        people.network,
    )


def rows_of(rows: Columns, accounts: Ints) -> Columns:
    """Keep the rows of some accounts."""
    return only(rows, np.isin(rows["account"], accounts))


def only(rows: Columns, kept: Bools) -> Columns:
    """Keep some rows."""
    return {name: column[kept] for name, column in rows.items()}


def _own_rows(rows: Columns, tested: _Tested) -> Columns:
    """Keep the rows of the named accounts that use the templates that go with them."""
    mine = rows_of(rows, tested.named)
    return only(mine, np.isin(mine["template"], tested.templates))


def _uses(rows: Columns, tested: _Tested, accounts: int) -> Uses:
    mine = _own_rows(rows, tested)
    return uses(mine["template"].astype(np.int64), mine["account"].astype(np.int64), accounts)


def _links(people: Population, members: Bools) -> tuple[dict[str, Channel], dict[str, Ints], Bools]:
    """Test cards, addresses and networks; return the accounts that any of them links, too."""
    options: dict[str, dict[str, npt.NDArray[np.int64] | float]] = {
        "payment_hash": {},
        "ip": {"stratum": people.network},
        "asn": {"at_most": nulls.NETWORK_SHARE},
    }
    channels, shared = {}, {}
    linked = np.zeros(len(people), dtype=np.bool_)
    for kind in LINKED:
        links = people.links[kind]
        channel, beyond = nulls.shared_links(links, members, **options[kind])  # type: ignore[arg-type]
        channels[kind], shared[kind] = channel, beyond
        if channel.p < nulls.GROUP_LEVEL:
            linked[links.account[np.isin(links.value, beyond)]] = True
    return channels, shared, linked & members


def _named(use: sparse.csr_matrix, family: Family, seeds: Bools) -> tuple[Ints, Ints]:
    """Return the accounts and the templates that go with those that other channels link.

    A crowd that shares prompts with a team is not accused of the team's cards: whoever uses what
    the linked accounts use, and few others do, belongs to them.
    """
    if not seeds.any():
        return family.accounts, family.templates
    columns = use.tocsc()[:, family.templates]
    everyone = np.asarray(columns.sum(axis=0)).ravel()
    linked = np.asarray(columns[seeds].sum(axis=0)).ravel()
    own = family.templates[(linked >= MIN_SEEDS) & (linked >= OWN_SHARE * everyone)]
    rows, value, count = odds(use.tocsc(), own, seeds)
    return np.intersect1d(rows[sure(value, count)], family.accounts), own


def one_each(rows: Columns) -> Columns:
    """Keep each exchange once, whatever number of templates it uses."""
    first = np.unique(rows["id"], return_index=True)[1] if "id" in rows else slice(0)
    return {name: column[first] for name, column in rows.items()}


def mask(people: Population, rows: Ints) -> Bools:
    """Return true for some accounts, shape (accounts,)."""
    chosen = np.zeros(len(people), dtype=np.bool_)
    chosen[rows] = True
    return chosen

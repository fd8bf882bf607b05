"""Naming: all members of the clusters that passed, whatever family their accounts were put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fingerprint.logs import nulls
from fingerprint.logs.clusters import (
    PROMPT_LEVEL,
    Cluster,
    Collect,
    mask,
    one_each,
    only,
    rows_of,
)
from fingerprint.logs.families import Bools
from fingerprint.logs.lookalikes import POPULAR
from fingerprint.logs.membership import Candidates, belonging, candidates
from fingerprint.logs.parts import MIN_PART
from fingerprint.logs.population import Population
from fingerprint.logs.tables import Columns
from fingerprint.logs.templates import Templates


def name_members(
    people: Population, templates: Templates, found: Sequence[Cluster], collect: Collect
) -> list[Cluster]:
    """Name the other members of the clusters that passed and that nothing explains.

    Whom an explained cluster names is never a candidate of another, unless the explanation is that
    others use its prompts too: that says nothing about its accounts.

    Parameters
    ----------
    people : Population
    templates : Templates
    found : sequence of Cluster
        Those with the smallest p first: an account that two of them could name goes to the first.
    collect : function
        Looks up all exchanges of accounts that use templates.
    """
    claimed = np.zeros(len(people), dtype=np.bool_)
    for cluster in found:
        if cluster.p < 1 and cluster.looks_like is not POPULAR:
            claimed[cluster.accounts] = True
    passed = [c for c in found if c.p <= PROMPT_LEVEL and c.looks_like is None and len(c.accounts)]
    if not passed:
        return list(found)
    use = templates.used_by(len(people))
    asked: list[Candidates] = []
    for cluster in passed:
        seeds = np.intersect1d(cluster.linked, cluster.accounts)
        others = claimed & ~mask(people, cluster.accounts)
        asked.append(candidates(use, cluster.accounts, seeds, others))
    either: list[Candidates | Cluster] = [*asked, *passed]
    rows = collect(
        np.unique(np.concatenate([c.accounts for c in either])),
        np.unique(np.concatenate([c.templates for c in either])),
    )
    named: dict[int, Cluster] = {}
    for cluster, who in zip(passed, asked, strict=True):
        used = np.union1d(cluster.templates, who.templates)
        mine = only(rows, np.isin(rows["template"], used))
        mine = rows_of(mine, np.union1d(cluster.accounts, who.accounts))
        shared, in_step = _labels(people, cluster, mine)
        core = mask(people, cluster.accounts)
        more = belonging(who, core, shared, in_step)
        more = more[~claimed[more] & ~paid_by_others(people, core)[more]]
        accounts = np.union1d(cluster.accounts, more)
        claimed[accounts] = True
        named[id(cluster)] = replace(
            cluster, accounts=accounts, templates=used, rows=rows_of(mine, accounts)
        )
    return [named.get(id(cluster), cluster) for cluster in found]


def paid_by_others(people: Population, core: Bools) -> Bools:
    """Say who pays with a card of several accounts, none of them the cluster's.

    Such accounts are each other's company, whatever prompts and minutes they have in common with
    the cluster: a labelling pipeline that asks what many ask, in bursts.
    """
    cards = people.links["payment_hash"]
    size = np.bincount(cards.value, minlength=len(cards.names))
    inside = np.bincount(cards.value[core[cards.account]], minlength=len(cards.names))
    apart = (size >= MIN_PART) & (inside == 0)
    paid = np.zeros(len(people), dtype=np.bool_)
    paid[cards.account[apart[cards.value]]] = True
    return paid


def _labels(people: Population, cluster: Cluster, rows: Columns) -> tuple[Bools, Bools]:
    """Say which accounts share the cluster's cards and addresses, and which are in step with it."""
    shared = np.zeros(len(people), dtype=np.bool_)
    for kind in ("payment_hash", "ip"):
        if cluster.channels[kind].p < nulls.GROUP_LEVEL:
            links = people.links[kind]
            shared[links.account[np.isin(links.value, cluster.shared[kind])]] = True
    in_step = np.zeros(len(people), dtype=np.bool_)
    if cluster.channels["synchrony"].p < nulls.GROUP_LEVEL:
        once = one_each(rows)
        in_step[nulls.synchrony(once["account"], once["time"])[1]] = True
    return shared, in_step

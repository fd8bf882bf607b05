"""Membership: who is named besides those that a cluster was found by, on made-up uses and links."""

import numpy as np
import pytest
from scipy import sparse

from fingerprint.logs.membership import belonging, candidates
from fingerprint.logs.naming import paid_by_others
from fingerprint.logs.population import Links, Population

MEMBERS, OTHERS, TEMPLATES = 400, 4000, 60
EVERYONE = MEMBERS + OTHERS


@pytest.fixture
def uses():
    """Members use 4 of the cluster's 60 templates each; others use 60 of their own, and some one
    of the cluster's now and then."""
    rng = np.random.default_rng(3)
    use = np.zeros((EVERYONE, 2 * TEMPLATES), dtype=np.int32)
    for account in range(MEMBERS):
        use[account, rng.choice(TEMPLATES, 4, replace=False)] = 1
    for account in range(MEMBERS, EVERYONE):
        use[account, TEMPLATES + rng.choice(TEMPLATES, 3, replace=False)] = 1
    strays = rng.choice(np.arange(MEMBERS, EVERYONE), 150, replace=False)
    use[strays, rng.integers(0, TEMPLATES, len(strays))] = 1
    return use


def mask(rows) -> np.ndarray:
    out = np.zeros(EVERYONE, dtype=bool)
    out[np.asarray(rows, dtype=np.int64)] = True
    return out


def named(use, core, linked, shared, in_step=(), claimed=()):
    core, linked = np.asarray(core), np.asarray(linked, dtype=np.int64)
    seeds = np.intersect1d(core, linked)
    found = candidates(sparse.csr_matrix(use), core, seeds, mask(claimed))
    return belonging(found, mask(core), mask(shared), mask(in_step))


def test_members_that_nothing_links_are_named_by_the_templates_of_the_linked(uses):
    linked = np.arange(0, MEMBERS, 2)
    got = named(uses, np.arange(250), linked, linked)
    assert len(np.intersect1d(got, np.arange(MEMBERS))) >= 0.9 * MEMBERS
    assert (got >= MEMBERS).sum() == 0


def test_a_crowd_that_is_never_linked_is_not_named(uses):
    crowd = np.arange(MEMBERS, MEMBERS + 300)
    rng = np.random.default_rng(4)
    for account in crowd:
        uses[account, :TEMPLATES] = 0
        uses[account, rng.choice(10, 2, replace=False)] = 1
    linked = np.arange(0, MEMBERS, 2)
    got = named(uses, np.arange(250), linked, linked)
    assert len(np.intersect1d(got, crowd)) == 0
    assert len(np.intersect1d(got, np.arange(MEMBERS))) >= 0.5 * MEMBERS


def test_one_template_needs_a_card_or_an_address(uses):
    with_card, in_step_only, alone = 380, 382, 384
    common = uses[:250:2, :TEMPLATES].sum(axis=0).argmax()
    for account in (with_card, in_step_only, alone):
        uses[account] = 0
        uses[account, common] = 1
    linked = np.arange(0, 376, 2)
    got = named(uses, np.arange(250), linked, [*linked, with_card], in_step=[in_step_only])
    assert with_card in got
    assert in_step_only not in got
    assert alone not in got


def test_an_account_that_another_cluster_has_named_is_left_out(uses):
    linked = np.arange(0, MEMBERS, 2)
    got = named(uses, np.arange(250), linked, linked, claimed=[200, 201])
    assert not np.isin([200, 201], got).any()


def test_without_linked_members_nobody_is_added(uses):
    assert len(named(uses, np.arange(250), [], [])) == 0


def test_accounts_of_a_payer_that_the_cluster_does_not_share_are_apart():
    card = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    account = np.array([0, 10, 11, 12, 20, 21, 22, 23, 30, 31])
    none = np.zeros(0, dtype=np.int64)
    kinds = {"payment_hash": Links(card, account, np.arange(3, dtype=np.uint64))}
    zeros = np.zeros(EVERYONE, dtype=np.int64)
    names = np.arange(EVERYONE, dtype=np.uint64)
    people = Population(names, zeros, zeros, zeros, kinds, none)
    apart = paid_by_others(people, mask([0]))
    assert np.flatnonzero(apart).tolist() == [20, 21, 22, 23]

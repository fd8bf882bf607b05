"""Members: who else belongs to a cluster that has passed, learned from those that are linked.

A family holds the accounts that its prompts alone make sure of. Once it has passed, cards,
addresses and minutes are evidence about single accounts too, but only some members are linked:
learning from positive and unlabelled examples (Elkan and Noto, 2008). Where whether a member is
linked has nothing to do with what it asks, the share of linked accounts among those with a given
use of templates, over that share among members, is the share of members. So the prompts' score is
calibrated on the cluster itself, and a crowd that uses the same prompts without ever being linked
stays outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import isotonic_regression

from fingerprint.logs.families import Bools
from fingerprint.logs.templates import Ints

Floats = npt.NDArray[np.float64]

MIN_SEEDS = 2
"""Linked members that must use a template for it to be one of the cluster's."""
SPECIFIC = 0.4
"""Share of a template's users that must be linked, as a share of what it is among members."""
BELONGS = 0.9
"""Posterior probability above which an account is named."""
ALWAYS = 0.98
"""Largest share of members that is taken to be linked: some are always missed."""
BY_CHANCE = 0.02
"""Least share of others that is taken to be in step, that of two standard deviations."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Accounts that use templates which go with the linked members; one value an account."""

    accounts: Ints
    score: Floats
    """Log odds of being linked, from the templates used, up to a constant."""
    count: Ints
    """How many of the templates were used."""
    templates: Ints
    """The templates, of any family."""


def candidates(use: sparse.csr_matrix, core: Ints, seeds: Ints, claimed: Bools) -> Candidates:
    """Return the accounts that may belong to a cluster, with the score of their prompts.

    Each account is scored with rates that it took no part in: else the linked would score higher
    for having been counted, and their scores would not compare with those of the others.

    Parameters
    ----------
    use : sparse matrix of 0 and 1
        Accounts by templates.
    core : array of int
        Accounts that the tests have named.
    seeds : array of int
        Those of them that something besides prompts links.
    claimed : array of bool, shape (accounts,)
        Accounts that other clusters have named: they are left out.
    """
    linked = np.zeros(use.shape[0], dtype=np.bool_)
    linked[seeds] = True
    share = len(seeds) / max(len(core), 1)
    reach = np.asarray(use.sum(axis=0)).ravel()
    inside = np.asarray(use[seeds].sum(axis=0)).ravel()
    own = np.flatnonzero(_goes(inside, reach, share))
    columns = use.tocsc()[:, own].tocsr()
    count = np.asarray(columns.sum(axis=1)).ravel()
    rows = np.flatnonzero((count > 0) & ~claimed)
    x, inside, reach = columns[rows].astype(float), inside[own], reach[own]
    outside, n = reach - inside, use.shape[0] - len(seeds)
    plain = x @ _gain(inside, outside - 1, len(seeds), n - 1)
    without = _gain(inside - 1, outside, len(seeds) - 1, n)
    score = np.where(linked[rows], x @ (without * _goes(inside - 1, reach - 1, share)), plain)
    return Candidates(rows, score, count[rows], own)


def _goes(inside: Ints, reach: Ints, share: float) -> Bools:
    """Say which templates go with the linked members, given how many of these and of all use it."""
    return (inside >= MIN_SEEDS) & (inside >= SPECIFIC * share * reach)


def _gain(inside: Ints, outside: Ints, seeds: int, others: int) -> Floats:
    """Return the log odds that a use of each template adds."""
    among = np.clip((inside + 0.1) / (seeds + 1.0), 1e-6, 0.999)
    beyond = np.clip((outside + 0.5) / (others + 1.0), 1e-7, 0.5)
    gain: Floats = np.log(among / beyond) - np.log((1 - among) / (1 - beyond))
    return gain


def belonging(found: Candidates, core: Bools, shared: Bools, in_step: Bools) -> Ints:
    """Return the candidates that belong to the cluster with a posterior of at least 0.9.

    An account needs two of the templates, or one and a card or address of the cluster: minutes in
    common are too cheap for that.

    Parameters
    ----------
    found : Candidates
    core : array of bool, shape (accounts,)
        Accounts that the tests have named.
    shared : array of bool, shape (accounts,)
        Accounts with a card or an address that the cluster shares beyond chance.
    in_step : array of bool, shape (accounts,)
        Accounts in step with the cluster beyond their own chance, in what uses the templates.
    """
    rows = found.accounts
    label = (shared | in_step)[rows]
    known = label & core[rows]
    if not known.any():
        return rows[:0]
    order = np.argsort(found.score, kind="stable")
    share = np.empty(len(rows))
    share[order] = isotonic_regression(label[order].astype(float)).x
    # Elkan and Noto's first estimator, and the shares of others that are linked all the same. Of
    # minutes, that is the share among those with one template, most of whom are others.
    among = min(float(share[known].mean()), ALWAYS)
    others = np.ones(len(core), dtype=np.bool_)
    others[rows] = False
    by_links = max(float(shared[others].mean()) if others.any() else 0.0, 0.5 / len(core))
    by_minutes = by_links
    if in_step.any():
        single = in_step[rows[(found.count == 1) & ~shared[rows]]]
        by_minutes = max(by_links, BY_CHANCE, float(single.mean()) if len(single) else 0.0)
    if among <= by_minutes:
        return rows[:0]
    member = np.clip((share - by_minutes) / (among - by_minutes), 0.0, 1.0)
    stray = np.where(shared[rows], by_links, by_minutes)
    hit = np.where(label, among, 1 - among) * member
    miss = np.where(label, stray, 1 - stray) * (1 - member)
    posterior = hit / np.maximum(hit + miss, 1e-300)
    enough = (found.count >= 2) | shared[rows]
    return rows[(posterior >= BELONGS) & enough]

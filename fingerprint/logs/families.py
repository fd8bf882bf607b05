"""Families: templates that the same accounts use, and the accounts that appear to belong together.

Accounts and templates form a graph with two kinds of nodes; communities in it are candidates, no
more. The search uses one random half of the templates, so that the other half can test what it
found (`nulls.prompts`): a community that chance or the search made up does not pass there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fingerprint.errors import MissingExtraError
from fingerprint.logs.templates import Ints

Bools = npt.NDArray[np.bool_]

RESOLUTION = 2.0
"""Louvain's resolution: above 1 for small groups in large logs (Reichardt and Bornholdt, 2006)."""
MIN_TEMPLATES = 2
MIN_ACCOUNTS_A_CLUSTER = 10
"""Smaller groups are friends, households and teams."""
ROUNDS = 12
_SURE = float(np.log(0.9 / 0.1))


@dataclass(frozen=True, slots=True)
class Family:
    """Templates used together, and the accounts that appear to use them together."""

    templates: Ints
    accounts: Ints


def communities(use: sparse.csr_matrix) -> list[Ints]:
    """Return communities of templates, those with the most templates first.

    Louvain (Blondel et al., 2008) on the graph of accounts and templates, without random choices.

    Parameters
    ----------
    use : sparse matrix of 0 and 1
        Accounts by templates.

    Raises
    ------
    MissingExtraError
        When scikit-network is not installed.
    """
    try:
        from sknetwork.clustering import Louvain
    except ImportError:
        raise MissingExtraError("Scanning logs", "scikit-network", "logs") from None
    if not use.nnz:
        return []
    louvain = Louvain(resolution=RESOLUTION, shuffle_nodes=False, random_state=1)
    louvain.fit(use.astype(float), force_bipartite=True)
    label = np.asarray(louvain.labels_col_)
    groups = [np.flatnonzero(label == number) for number in np.unique(label).tolist()]
    found = [group for group in groups if len(group) >= MIN_TEMPLATES]
    return sorted(found, key=lambda group: (-len(group), int(group[0])))


def odds(
    use: sparse.csc_matrix, templates: Ints, seeds: Bools | None = None
) -> tuple[Ints, npt.NDArray[np.float64], Ints]:
    """Return the accounts that used a family's templates, and the odds that they belong to it.

    A mixture of two kinds of accounts, members and others, each with its own rate of use of every
    template of the family, is fitted by expectation and maximisation (Dempster et al., 1977) from
    the accounts with two of them. Where ``seeds`` are given, shape (accounts,), members are like
    these and nothing is fitted: whoever resembles the seeds no more than others do stays outside.

    Returns
    -------
    tuple
        Rows of the accounts, natural log odds of membership, number of the family's templates used.
    """
    touched = use[:, templates].tocsr()
    count = np.asarray(touched.sum(axis=1)).ravel()
    rows = np.flatnonzero(count >= 1)
    x = touched[rows].astype(float)
    n = use.shape[0]
    reach = np.asarray(x.sum(axis=0)).ravel()
    start = count[rows] >= 2 if seeds is None else seeds[rows]
    posterior = np.where(start, 0.9, 0.05) if seeds is None else start.astype(float)
    value = np.zeros(len(rows))
    for _ in range(ROUNDS if seeds is None else 1):
        weight = posterior.sum()
        inside = np.asarray(x.T @ posterior).ravel()
        a = np.clip((inside + 0.1) / (weight + 1.0), 1e-6, 0.999)
        b = np.clip((reach - inside + 0.5) / (n - weight + 1.0), 1e-7, 0.5)
        gain = np.log(a / b) - np.log((1 - a) / (1 - b))
        base = float(np.log((1 - a) / (1 - b)).sum()) + np.log(max(weight, 1.0) / n)
        value = np.clip(x @ gain + base, -60, 60)
        posterior = 1 / (1 + np.exp(-value))
    return rows, value, count[rows]


def sure(value: npt.NDArray[np.float64], count: Ints) -> Bools:
    """Say which accounts belong: posterior above 0.9, and two templates of the family at least."""
    return (value > _SURE) & (count >= 2)


def assign(use: sparse.csr_matrix, families: list[Ints]) -> list[tuple[int, Family]]:
    """Give each account to the one family that it most likely belongs to, if to any.

    An account that one family explains must not lend its cards and addresses to another that it
    also touches. Returns the number of each family that has enough accounts left, and the family.
    """
    columns = use.tocsc()
    best = np.full(use.shape[0], -np.inf)
    owner = np.full(use.shape[0], -1)
    for number, templates in enumerate(families):
        rows, value, count = odds(columns, templates)
        better = sure(value, count) & (value > best[rows])
        best[rows[better]] = value[better]
        owner[rows[better]] = number
    found = [(n, Family(t, np.flatnonzero(owner == n))) for n, t in enumerate(families)]
    return [(n, f) for n, f in found if len(f.accounts) >= MIN_ACCOUNTS_A_CLUSTER]


def find_families(use: sparse.csr_matrix, half: Bools) -> list[Family]:
    """Find families among the templates of one half, shape (templates,)."""
    searched = np.flatnonzero(half)
    found = [searched[nodes] for nodes in communities(use[:, searched])]
    return [family for _, family in assign(use, found)]

"""Templates: phrases that keep company in prompts, and which account used which template.

A template is a set of sampled phrases that occur in the same exchanges; an exchange uses it when it
holds at least two of them, about a dozen words. A single phrase in common is an idiom, no template.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from fingerprint.logs.purpose import mix
from fingerprint.logs.tables import Columns

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]

MIN_ACCOUNTS = 3
"""Accounts that must have used a phrase, or a template."""
MIN_PHRASES = 4
"""Sampled phrases of a template: with one in four sampled, about twenty words; no idiom is."""
MIN_HITS = 2
COMPANY = 0.25
"""Phrases belong together where this share of either's exchanges holds both."""
MIN_COMPANY = 3
"""... and at least so many exchanges do."""
WAITING = 4_000_000
"""Hashes of exchanges that are gathered before they are made distinct: bounds memory."""
BLOCK = 8192
"""Phrases that are compared with all others at a time: bounds memory."""


@dataclass(frozen=True, slots=True)
class Templates:
    """Templates and their uses. ``n`` templates; arrays of uses are sorted by template.

    ``phrases``, ``phrase_template``: hash and template of each phrase, sorted by hash.
    ``template``, ``exchange``, ``account``: one a use; the exchange as a row of ``ids``, the
    account as a row of the table of accounts.
    """

    n: int
    phrases: npt.NDArray[np.uint64]
    phrase_template: Ints
    keys: npt.NDArray[np.uint64]
    """Smallest phrase hash of each template, shape (n,): its name."""
    template: Ints
    exchange: Ints
    account: Ints
    ids: npt.NDArray[np.uint64]

    def half(self) -> Ints:
        """Split the templates in two by their hashes, shape (n,) of 0 and 1."""
        return (mix(self.keys) & np.uint64(1)).astype(np.int64)

    def used_by(self, n_accounts: int) -> sparse.csr_matrix:
        """Return which account used which template, shape (accounts, templates), 0 or 1."""
        return used(self.account, self.template, (n_accounts, self.n))


def used(
    account: Ints | Ints32, template: Ints | Ints32, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Return a matrix of 0 and 1 from uses that may repeat."""
    ones = np.ones(len(account), dtype=np.int32)
    matrix = sparse.csr_matrix((ones, (account, template)), shape=shape)
    matrix.data[:] = 1
    return matrix


def find_templates(parts: Iterable[Columns], accounts: npt.NDArray[np.uint64]) -> Templates:
    """Group shared phrases into templates.

    Parameters
    ----------
    parts : iterable of dict of arrays
        ``phrase``, ``account``, ``id`` of `tables.shared_phrases`, in the order of their ranges.
    accounts : array of uint64
        All accounts, sorted.
    """
    phrases, counts, ids, of_id, owner = _numbered(parts, accounts)
    label = _groups(counts, of_id, len(ids))
    sizes = np.bincount(label, minlength=int(label.max(initial=-1)) + 1)
    group = np.repeat(label.astype(np.int32), counts)
    rows = (sizes >= MIN_PHRASES)[group]
    hits = sparse.csc_matrix(
        (np.ones(int(rows.sum()), np.int32), (of_id[rows], group[rows])),
        shape=(len(ids), len(sizes)),
    )
    del of_id, group, rows
    hits.sum_duplicates()
    uses = hits.tocoo()
    kept = uses.data >= MIN_HITS
    exchange, template = uses.row[kept].astype(np.int64), uses.col[kept].astype(np.int64)
    account = owner[exchange].astype(np.int64)
    reach = np.asarray(used(account, template, (len(accounts), len(sizes))).sum(axis=0)).ravel()
    names = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(names, label, phrases)
    chosen = np.flatnonzero(reach >= MIN_ACCOUNTS)
    chosen = chosen[np.argsort(names[chosen])]
    number = np.full(len(sizes), -1, dtype=np.int64)
    number[chosen] = np.arange(len(chosen))
    template = number[template]
    order = np.flatnonzero(template >= 0)
    order = order[np.lexsort((exchange[order], template[order]))]
    member = np.flatnonzero(number[label] >= 0)
    return Templates(
        n=len(chosen),
        phrases=phrases[member],
        phrase_template=number[label[member]],
        keys=names[chosen],
        template=template[order],
        exchange=exchange[order],
        account=account[order],
        ids=ids,
    )


def _numbered(
    parts: Iterable[Columns], accounts: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], Ints, npt.NDArray[np.uint64], Ints32, Ints32]:
    """Give exchanges numbers; this is where a scan needs most memory.

    Returns
    -------
    phrases, counts : array of uint64, array of int
        Hash of each phrase, and in how many exchanges it is.
    ids, of_id : array of uint64, array of int32
        Hash of each exchange, and the exchanges of the first phrase, of the second, and so on.
    owner : array of int32
        Account of each exchange.
    """
    phrases, counts, owners = [], [], []
    ids: list[npt.NDArray[np.uint64]] = []
    distinct, waiting = np.zeros(0, dtype=np.uint64), [np.zeros(0, dtype=np.uint64)]
    for part in parts:
        names, times = np.unique(part["phrase"], return_counts=True)
        phrases.append(names)
        counts.append(times)
        ids.append(part["id"])
        waiting.append(np.unique(part["id"]))
        if sum(map(len, waiting)) > WAITING:
            distinct, waiting = np.unique(np.concatenate([distinct, *waiting])), []
        owners.append(np.searchsorted(accounts, part["account"]).astype(np.int32))
    distinct = np.unique(np.concatenate([distinct, *waiting]))
    owner = np.zeros(len(distinct), dtype=np.int32)
    of_id = np.empty(sum(map(len, ids)), dtype=np.int32)
    start = 0
    ids.reverse()
    owners.reverse()
    while ids:  # each is let go when it has its numbers
        rows = np.searchsorted(distinct, ids.pop())
        owner[rows] = owners.pop()
        of_id[start : start + len(rows)] = rows
        start += len(rows)
    return (
        np.concatenate([np.zeros(0, dtype=np.uint64), *phrases]),
        np.concatenate([np.zeros(0, dtype=np.int64), *counts]),
        distinct,
        of_id,
        owner,
    )


def _groups(counts: Ints, of_id: Ints32, exchanges: int) -> Ints:
    """Return the group of each phrase: linked through phrases that keep company."""
    n = len(counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    by_phrase = sparse.csr_matrix(
        (np.ones(len(of_id), np.int32), of_id, starts), shape=(n, exchanges)
    )
    holds = by_phrase.T.tocsr()
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, n, BLOCK):
        together = (by_phrase[start : start + BLOCK] @ holds).tocoo()
        one, other = together.row.astype(np.int64) + start, together.col.astype(np.int64)
        either = np.maximum(counts[one], counts[other])
        close = (one < other) & (together.data >= np.maximum(MIN_COMPANY, COMPANY * either))
        rows.append(one[close])
        columns.append(other[close])
    one, other = np.concatenate(rows), np.concatenate(columns)
    if not n:
        return one
    graph = sparse.coo_matrix((np.ones(len(one), np.int8), (one, other)), shape=(n, n))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label

"""The accounts of a log and what they share besides prompts: cards, addresses, networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fingerprint.logs.schema import LINKS
from fingerprint.logs.tables import Columns
from fingerprint.logs.templates import Ints


@dataclass(frozen=True, slots=True)
class Links:
    """Which account was seen with which value of one kind; each pair once, n values."""

    value: Ints
    account: Ints
    names: npt.NDArray[np.uint64]
    """Hash of each value, shape (n,)."""

    def of(self, members: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Return value and account of the links of some accounts."""
        kept = members[self.account]
        return self.value[kept], self.account[kept]


@dataclass(frozen=True, slots=True)
class Population:
    """All accounts of a log, sorted by hash; other arrays refer to their rows."""

    accounts: npt.NDArray[np.uint64]
    exchanges: Ints
    first: Ints
    """First exchange of each account, ms."""
    last: Ints
    links: dict[str, Links]
    network: Ints
    """For each address the network that most of its accounts were seen in; -1 if none was."""

    def __len__(self) -> int:
        return len(self.accounts)


def population(accounts: Columns, links: Columns) -> Population:
    """Put together accounts (sorted by hash) and links as `tables` returns them."""
    names = accounts["account"]
    kinds: dict[str, Links] = {}
    for kind, name in enumerate(LINKS):
        rows = links["kind"] == kind
        values, value = np.unique(links["value"][rows], return_inverse=True)
        owner = np.searchsorted(names, links["account"][rows])
        kinds[name] = Links(value.astype(np.int64), owner.astype(np.int64), values)
    return Population(
        accounts=names,
        exchanges=accounts["n"].astype(np.int64),
        first=accounts["first"].astype(np.int64),
        last=accounts["last"].astype(np.int64),
        links=kinds,
        network=_networks(kinds["ip"], kinds["asn"], len(names)),
    )


def _networks(addresses: Links, networks: Links, accounts: int) -> Ints:
    if not len(addresses.names):
        return np.zeros(0, dtype=np.int64)
    if not len(networks.names):
        return np.full(len(addresses.names), -1)
    by_address = _matrix(addresses, accounts).T @ _matrix(networks, accounts)
    found = np.asarray(by_address.argmax(axis=1)).ravel().astype(np.int64)
    none = np.asarray(by_address.sum(axis=1)).ravel() == 0
    return np.where(none, -1, found)


def _matrix(links: Links, accounts: int) -> sparse.csr_matrix:
    ones = np.ones(len(links.value), dtype=np.int32)
    return sparse.csr_matrix((ones, (links.account, links.value)), (accounts, len(links.names)))

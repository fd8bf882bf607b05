"""Who sends what, when and from where, before any text is written.

A plan is filled by `people`, `groups` and `campaigns`, and written by `write`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fingerprint.logs.traffic.language import LANGUAGES, SHARES, Ints, Language, zipf_ranks
from fingerprint.logs.traffic.prompts import Asked, Source

Floats = npt.NDArray[np.float64]

DAY = 86_400.0
_NETWORKS_A_LANGUAGE = 6
_AGENTS = 40


@dataclass
class Network:
    """Addresses, their networks, cards: the numbers stand for what a log would name."""

    rng: np.random.Generator
    owners: list[int] = field(default_factory=list)
    """Network of each address."""
    cards: int = 0
    networks: int = 1000
    """Networks 0 to 999 are consumer networks; the ones above were made for a group."""
    carrier: dict[int, list[int]] = field(default_factory=dict)
    """Addresses of a consumer network that hundreds of customers share (carrier-grade NAT)."""
    vpn: list[int] = field(default_factory=list)
    ordinary: int = 0
    """Addresses that belong to ordinary people."""

    def addresses(self, n: int, network: int) -> list[int]:
        """Open n addresses in a network."""
        first = len(self.owners)
        self.owners += [network] * n
        return list(range(first, first + n))

    def new_network(self) -> int:
        """Open a network (a cloud, a campus, a company)."""
        self.networks += 1
        return self.networks

    def consumer_network(self, language: int) -> int:
        """Draw the consumer network of a customer in a language region; some are much larger."""
        return language * 10 + int(zipf_ranks(self.rng, 1, _NETWORKS_A_LANGUAGE, 1.0)[0])

    def home(self, language: int) -> int:
        """Draw the address of a household: its own, or one that hundreds share."""
        network = self.consumer_network(language)
        if self.rng.random() < 0.4:
            pool = self.carrier.setdefault(network, [])
            if len(pool) < 12:
                pool += self.addresses(1, network)
            return int(self.rng.choice(pool))
        return self.addresses(1, network)[0]

    def vpn_exit(self) -> int:
        """Draw an exit of the commercial VPNs that everybody uses."""
        if not self.vpn:
            for _ in range(5):
                self.vpn += self.addresses(9, self.new_network())
        return int(self.vpn[zipf_ranks(self.rng, 1, len(self.vpn), 0.8)[0]])

    def card(self) -> int:
        """Open a card."""
        self.cards += 1
        return self.cards


@dataclass
class Plan:
    """The log to be: accounts with what is known of them, and rows."""

    rng: np.random.Generator
    seconds: float
    languages: dict[str, Language]
    network: Network
    crowd: float = 1.0
    """Size of look-alike groups, in multiples of the default."""
    sources: list[Source] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    """Role of each account: ``person``, a look-alike's kind, or ``campaign``."""
    groups: list[str] = field(default_factory=list)
    cards: list[int] = field(default_factory=list)
    agents: list[int] = field(default_factory=list)
    """User agent of each account."""
    homes: list[list[int]] = field(default_factory=list)
    """Addresses of each account; the first is used most."""
    zones: list[float] = field(default_factory=list)
    """Seconds that an account's day lies behind."""
    tongues: list[int] = field(default_factory=list)
    rows: list[tuple[Ints, Floats, Ints, Ints, Ints]] = field(default_factory=list)
    """Account, time, source, item, address (-1: one of the account's) of each batch of rows."""
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asked = [self.source(Asked(self.languages[name])) for name in LANGUAGES]

    def group_size(self, low: int, high: int) -> int:
        """Draw how many accounts a look-alike group has: low to high, or fewer if asked for."""
        return max(int(self.rng.integers(low, high) * self.crowd), 4)

    def source(self, source: Source) -> int:
        """Register a source and return its number."""
        self.sources.append(source)
        return len(self.sources) - 1

    def account(
        self,
        role: str,
        group: str = "",
        *,
        card: int | None = None,
        homes: Sequence[int] | None = None,
        agent: int | None = None,
        language: int | None = None,
    ) -> int:
        """Open an account; what is not given is drawn as for an ordinary person."""
        rng = self.rng
        if language is None:
            language = int(rng.choice(len(LANGUAGES), p=np.array(list(SHARES.values()))))
        if homes is None:
            homes = self.person_addresses(language)
        self.roles.append(role)
        self.groups.append(group)
        self.cards.append(self.network.card() if card is None else card)
        self.agents.append(int(zipf_ranks(rng, 1, _AGENTS, 1.1)[0]) if agent is None else agent)
        self.homes.append(list(homes))
        self.zones.append(float(rng.normal(language * 3.0, 1.5)) * 3600)
        self.tongues.append(language)
        return len(self.roles) - 1

    def person_addresses(self, language: int) -> list[int]:
        """Draw the addresses of a person: at home, often on the move, sometimes over a VPN."""
        homes = [self.network.home(language)]
        if self.rng.random() < 0.35:
            homes.append(self.network.home(language))
        if self.rng.random() < 0.07:
            homes.append(self.network.vpn_exit())
        return homes

    def add(
        self,
        accounts: Ints,
        times: Floats,
        source: int | Ints,
        items: int | Ints,
        addresses: int | Ints = -1,
    ) -> None:
        """Add rows, shapes (n,); those outside the log's days are left out."""
        n = len(accounts)
        inside = (times >= 0) & (times < self.seconds)

        def column(values: int | Ints) -> Ints:
            return np.broadcast_to(np.asarray(values, dtype=np.int64), (n,))[inside]

        whose = column(accounts)
        self.rows.append((whose, times[inside], column(source), column(items), column(addresses)))

    def daily_times(self, accounts: Ints, n: int | None = None) -> Floats:
        """Draw times in the waking hours of each account, fewer at weekends, shape (n,)."""
        size = len(accounts) if n is None else n
        rng = self.rng
        days = int(self.seconds // DAY)
        weights = np.where(np.arange(days) % 7 < 5, 1.0, 0.55)
        day = rng.choice(days, size, p=weights / weights.sum())
        hour = np.where(
            rng.random(size) < 0.6, rng.normal(14.5, 3.0, size), rng.normal(20.5, 2.5, size)
        )
        zone = np.asarray(self.zones)[accounts]
        times: Floats = day * DAY + (hour * 3600 - zone) % DAY
        return times


def bursts(
    rng: np.random.Generator, accounts: Ints, counts: Ints, starts: Floats, gap: float
) -> tuple[Ints, Floats]:
    """Unroll sessions into rows: turns follow each other after exponential pauses.

    ``accounts``, ``counts``, ``starts``: one a session, shape (n,). Returns account and time of
    each row, shapes (sum of counts,).
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    pauses = rng.exponential(gap, len(owner))
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    pauses[firsts[counts > 0]] = 0
    total = np.cumsum(pauses)
    base = total[firsts[counts > 0]]
    offsets = total - np.repeat(base, counts[counts > 0])
    return accounts[owner], starts[owner] + offsets

"""What a simulated log is made of, and the presets with the figures of public disclosures.

The disclosures of 2026 are allegations by interested parties. Their numbers of accounts and
exchanges set the scale of a scenario here; they are no ground truth about anyone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fingerprint.errors import LogsError


@dataclass(frozen=True, slots=True)
class Campaign:
    """One extraction campaign, hidden in the ordinary traffic of its own accounts."""

    name: str
    accounts: int
    exchanges: float
    """Mean exchanges an account over the whole log, ordinary ones included."""
    mixing: float
    """Share of an account's exchanges that belong to the campaign, 0.01 to 0.5 in the issue."""
    templates: int = 40
    """Template families of prompts."""
    skeleton_words: int = 28
    """Mean number of fixed words of a template."""
    slot_words: int = 20
    """Mean number of words that fill the slots of a prompt."""
    paraphrase: float = 0.15
    """Probability that a fixed word is replaced by one of its synonyms, each time anew."""
    wordings: int = 1
    """Wordings of each template that have nothing but the task in common."""
    reasoning: float = 0.5
    """Share of templates that ask for the reasoning behind an answer."""
    grading: float = 0.15
    rewriting: float = 0.05
    cards: float = 0.6
    """Share of accounts that pay with a card which other accounts of the campaign use as well."""
    card_accounts: int = 12
    """Mean accounts on such a card."""
    proxies: int = 60
    """Addresses that the campaign's proxy network leaves from."""
    proxy_networks: int = 8
    """Networks (ASN) of these addresses; half of them are ordinary consumer networks."""
    proxy_accounts: int = 3
    """Addresses an account uses."""
    synchrony: float = 0.5
    """Share of the campaign's exchanges that come in jobs spread over many accounts at once."""
    jobs_a_day: float = 12.0
    job_minutes: float = 6.0
    lifetime_days: float | None = None
    """Mean days until an account is banned and the next takes over; None: no rotation."""
    takeover_minutes: float = 20.0
    pivot_day: float | None = None
    """Day of a model release: half of the campaign's exchanges fall into the 24 hours after it."""
    cover: str = "customers"
    """Ordinary traffic: ``customers`` (many people's, of all topics) or ``person`` (one's own)."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """A whole log."""

    seed: int = 1
    start: str = "2026-03-02"
    days: int = 28
    accounts: int = 3000
    """Ordinary accounts, apart from look-alikes and campaigns."""
    exchanges: float = 40.0
    """Mean exchanges of an ordinary account; Zipf-like, from one to thousands."""
    zipf: float = 1.15
    """Exponent of the activity of accounts over their rank."""
    viral: int = 120
    """Prompts that thousands copy from each other, each with its own weeks of fame."""
    libraries: int = 25
    """Public collections of prompts; their users take several from the same one."""
    shared_words: float = 1.0
    """How often stock phrases occur in ordinary prompts, in multiples of the default."""
    lookalikes: float = 1.0
    """Look-alike groups, in multiples of the default number; below 1 they are smaller, too."""
    hard_lookalikes: bool = True
    """Also classes over a VPN, labelling by several payers, hackathons, agents on one network."""
    campaigns: tuple[Campaign, ...] = field(default=())
    response_words: int = 60
    broken: float = 0.0
    """Share of lines that are damaged, for tests of reading."""

    def __post_init__(self) -> None:
        """Check what would otherwise fail far from here."""
        for campaign in self.campaigns:
            if not 0 < campaign.mixing <= 1:
                raise LogsError(
                    f"campaign {campaign.name}: expected mixing above 0 and up to 1, "
                    f"found {campaign.mixing}"
                )
        if self.days < 2 or self.accounts < 1:
            raise LogsError(
                f"expected at least 2 days and 1 account, found {self.days} and {self.accounts}"
            )

    def scaled(self, factor: float) -> Traffic:
        """Return the same traffic with fewer accounts; what an account does stays as it is."""
        if not 0 < factor <= 1:
            raise LogsError(f"expected a scale above 0 and up to 1, found {factor}")
        return replace(
            self,
            accounts=max(int(self.accounts * factor), 200),
            campaigns=tuple(
                replace(c, accounts=max(int(c.accounts * factor), 12)) for c in self.campaigns
            ),
        )


def _february() -> Traffic:
    """More than 16 million exchanges over about 24,000 accounts, in three campaigns."""
    return Traffic(
        days=56,
        start="2025-12-29",
        accounts=60_000,
        exchanges=120,
        campaigns=(
            Campaign(
                "reasoning", 600, 500, 0.5, templates=30, reasoning=0.9, grading=0.4,
                rewriting=0.2, cards=0.7, synchrony=0.7,
            ),
            Campaign(
                "agentic", 3400, 1600, 0.62, templates=120, reasoning=0.3, cards=0.4,
                lifetime_days=20.0,
            ),
            Campaign(
                "coding", 20_000, 1000, 0.65, templates=200, reasoning=0.2, cards=0.3,
                pivot_day=40.0, proxies=900, proxy_networks=30,
            ),
        ),
    )  # fmt: skip


def _june() -> Traffic:
    """About 25,000 accounts and 28.8 million exchanges from 22 April to 5 June."""
    return Traffic(
        days=45,
        start="2026-04-22",
        accounts=60_000,
        exchanges=120,
        campaigns=(
            Campaign(
                "software", 25_000, 1700, 0.68, templates=240, reasoning=0.25, cards=0.3,
                proxies=1200, proxy_networks=40,
            ),
        ),
    )  # fmt: skip


def _small() -> Traffic:
    """Two campaigns in 3,000 accounts: seconds to make and to scan."""
    return Traffic(
        campaigns=(
            Campaign("small", 60, 200, 0.3, templates=20),
            Campaign("quiet", 80, 300, 0.1, templates=25, cards=0.0, synchrony=0.8),
        ),
    )


PRESETS = {
    "small": _small,
    "organic": Traffic,
    "february-2026": _february,
    "june-2026": _june,
}
"""Scenarios by name. The dated ones take their scale from public disclosures (docs/logs.md)."""


def preset(name: str) -> Traffic:
    """Return a scenario by name.

    Raises
    ------
    LogsError
        When there is none of that name.
    """
    if name not in PRESETS:
        raise LogsError(f"--preset {name}: expected one of {', '.join(PRESETS)}")
    return PRESETS[name]()

"""``identity``: how often a model says that the teacher's maker made it, against other models.

Only neutral questions count. The likelihood ratio sets the claims that were seen against those of a
lineage that did not learn from the teacher, of which the background's lineages are the sample, with
one lineage more that might do anything: n lineages can support no more than (n + 2) / 2, and never
more than `CAP`. That a student says what its teacher says is an assumption (`KEPT`), since no set
of students with known teachers was asked who they are; and a name is easily trained away, so that
its absence counts for next to nothing. See docs/canary.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from fingerprint.canaries import maker_unit
from fingerprint.packs import Pack
from fingerprint.panel import Panel
from fingerprint.records import MIN_LINEAGES
from fingerprint.style import LANGUAGES

NAME = "identity"
CAP = 10.0
"""Largest likelihood ratio, whatever the number of lineages."""
FLOOR = 0.8
"""Smallest: one line of a system prompt suppresses a name."""
KEPT = 0.5
"""Assumed share of students that go on saying their teacher's name, at whatever rate."""
CLUSTER = 0.4
"""Correlation of one model's answers to one prompt, measured on 8 models (docs/canary.md)."""
LEAST_ANSWERS = 5
_Z90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Claims:
    """What a suspect says of the teacher's maker, and what that is worth.

    All numbers are of the questions that at least `MIN_LINEAGES` lineages of the background were
    asked too, or of all neutral ones where there are none (``ratio`` is then None).
    """

    maker: str
    model: str
    """The version that answered: the suspect, or its closest relative by name."""
    claims: int
    answers: int
    by_language: Mapping[str, tuple[int, int]]
    """Language of the question -> claims and answers."""
    prompts: int
    share: float
    low: float
    high: float
    """Wilson interval (1927) of the share, 90 %; answers to one prompt correlate by `CLUSTER`."""
    background: Mapping[str, float]
    """Lineage -> share of its answers that claim the same maker."""
    paired: bool
    """False where the background was asked other questions in the same languages."""
    ratio: float | None

    @property
    def llr10(self) -> float | None:
        """The likelihood ratio as log10, None where too few lineages were asked."""
        return None if self.ratio is None else float(np.log10(self.ratio))


@dataclass(frozen=True, slots=True)
class Cell:
    """Answers of one model to one prompt."""

    language: int
    claims: int
    answers: int

    @property
    def weight(self) -> float:
        """Independent answers that these are worth (Kish 1965, design effect of a cluster)."""
        return self.answers / (1 + (self.answers - 1) * CLUSTER)

    def key(self, prompt: int, paired: bool) -> int:
        """Return by what the cell is compared: its prompt, or its language."""
        return prompt if paired else self.language


class _Rate(NamedTuple):
    """How often a maker is claimed, and how many independent answers that rests on."""

    share: float
    weight: float


Cells = Mapping[int, Cell]


def measure(panel: Panel, background: Sequence[int], suspect: int, teacher: int) -> Claims | str:
    """Measure the claims of one suspect, or say why they cannot be measured.

    Parameters
    ----------
    panel : Panel
    background : sequence of int
        Members that may serve as background, beside the models outside the panel (`Panel.others`).
    suspect, teacher : int
        Members of the panel.
    """
    mine, theirs = panel.infos[suspect], panel.infos[teacher]
    if theirs.vendor is None:
        return "the teacher's maker is not known"
    if mine.vendor == theirs.vendor:
        return "suspect and teacher are of one maker"
    speaker = _speaker(panel, suspect)
    if speaker is None:
        return "the suspect was not asked who it is: collect the canary suite"
    own = cells_of(speaker, theirs.vendor)
    if sum(cell.answers for cell in own.values()) < LEAST_ANSWERS:
        return f"fewer than {LEAST_ANSWERS} answers to neutral questions of who it is"
    kin = {mine.lineage, mine.vendor, theirs.lineage, theirs.vendor} - {None}
    groups: dict[str, list[Cells]] = {}
    for other in (*(panel.packs[m] for m in background), *panel.others):
        info = other.info
        if info.lineage in kin or info.vendor in kin or theirs.vendor in info.taught_by:
            continue
        groups.setdefault(info.lineage, []).append(cells_of(other, theirs.vendor))
    return against(theirs.vendor, speaker.info.name, own, dict(sorted(groups.items())))


def _speaker(panel: Panel, suspect: int) -> Pack | None:
    """Return the pack that answers for the suspect: its own, or its closest relative's."""
    own = panel.packs[suspect]
    if _asked(own):
        return own
    kin = [p for p in panel.others if p.info.lineage == own.info.lineage and _asked(p)]
    if not own.info.lineage_known or not kin:
        return None
    plain = _plain(own.info.name)
    names = {p.info.name: _plain(p.info.name) for p in kin}
    near = {name: _common_start(plain, other) for name, other in names.items()}
    return min(kin, key=lambda p: (-near[p.info.name], len(names[p.info.name]), p.info.name))


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _common_start(one: str, two: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b),
        min(len(one), len(two)),
    )


def _asked(pack: Pack) -> bool:
    return pack.canaries is not None and len(pack.canaries.rows(NAME)) > 0


def cells_of(pack: Pack, maker: str) -> Cells:
    """Count the claims of a maker at every neutral prompt."""
    table = pack.canaries
    if table is None:
        return {}
    rows = table.rows(NAME)
    hits = np.concatenate(([0], np.cumsum(table.answers.values == maker_unit(maker))))
    claimed = np.diff(hits[table.answers.offsets])[rows] > 0
    prompts, first, place = np.unique(table.prompts[rows], return_index=True, return_inverse=True)
    languages = table.languages[rows][first].tolist()
    counts = np.bincount(place, claimed).astype(int).tolist(), np.bincount(place).tolist()
    cells = map(Cell, languages, *counts)
    return dict(zip(prompts.tolist(), cells, strict=True))


def against(maker: str, model: str, own: Cells, groups: Mapping[str, Sequence[Cells]]) -> Claims:
    """Set the claims of a maker that one model makes against those of other lineages.

    Parameters
    ----------
    maker, model : str
        For the record.
    own : Cells
        The model's answers, at least one.
    groups : mapping of lineage to the answers of its models
        All unrelated to model and maker.
    """
    paired = True
    mine = _rates([own], paired)
    usual = {name: _rates(models, paired) for name, models in groups.items()}
    keys, names = _asked_alike(mine, usual)
    if sum(cell.answers for p, cell in own.items() if p in keys) < LEAST_ANSWERS:
        paired = False
        mine = _rates([own], paired)
        usual = {name: _rates(models, paired) for name, models in groups.items()}
        keys, names = _asked_alike(mine, usual)
    kept = {p: cell for p, cell in own.items() if not keys or cell.key(p, paired) in keys}
    total = _rates([kept], paired)
    asked = sum(rate.weight for rate in total.values())
    claimed = sum(rate.share * rate.weight for rate in total.values())
    standard = {name: _standard(usual[name], total) for name in names}
    low, high = _wilson(claimed, asked)
    return Claims(
        maker=maker,
        model=model,
        claims=sum(cell.claims for cell in kept.values()),
        answers=sum(cell.answers for cell in kept.values()),
        by_language=_by_language(kept),
        prompts=len(kept),
        share=claimed / asked,
        low=low,
        high=high,
        background={name: rate.share for name, rate in standard.items()},
        paired=paired,
        ratio=_ratio(claimed, asked, list(standard.values())) if standard else None,
    )


def _rates(models: Sequence[Cells], paired: bool) -> dict[int, _Rate]:
    """Return how often the models of one lineage claim the maker, by prompt or by language.

    Its models count as answers to one prompt do: they correlate by `CLUSTER`.
    """
    found: dict[int, list[tuple[float, float]]] = {}
    for cells in models:
        of_model: dict[int, list[Cell]] = {}
        for prompt, cell in cells.items():
            of_model.setdefault(cell.key(prompt, paired), []).append(cell)
        for key, own in of_model.items():
            weight = sum(cell.weight for cell in own)
            claimed = sum(cell.claims / cell.answers * cell.weight for cell in own)
            found.setdefault(key, []).append((claimed, weight))
    rates = {}
    for key, rows in found.items():
        claimed, weight = (sum(column) for column in zip(*rows, strict=True))
        rates[key] = _Rate(claimed / weight, weight / (1 + (len(rows) - 1) * CLUSTER))
    return rates


def _asked_alike(
    mine: Mapping[int, _Rate], usual: Mapping[str, Mapping[int, _Rate]]
) -> tuple[set[int], list[str]]:
    """Choose prompts (or languages) and the lineages that were asked all of them.

    Every lineage must stand for the same questions. Those that the fewest lineages were asked are
    left out, one by one, until `MIN_LINEAGES` share what is left.
    """
    spread = {key: sum(key in rates for rates in usual.values()) for key in mine}
    keys = {key for key, n in spread.items() if n >= MIN_LINEAGES}
    while keys:
        names = [name for name, rates in usual.items() if keys <= rates.keys()]
        if len(names) >= MIN_LINEAGES:
            return keys, names
        keys.remove(min(keys, key=lambda key: (spread[key], mine[key].weight, key)))
    return set(), []


def _standard(rates: Mapping[int, _Rate], mine: Mapping[int, _Rate]) -> _Rate:
    """Return a lineage's rate on the suspect's mix of questions (direct standardisation)."""
    total = sum(own.weight for own in mine.values())
    parts = {key: own.weight / total for key, own in mine.items()}
    share = sum(part * rates[key].share for key, part in parts.items())
    return _Rate(share, 1.0 / sum(part**2 / rates[key].weight for key, part in parts.items()))


def _by_language(cells: Cells) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for cell in cells.values():
        name = LANGUAGES[cell.language] or "unknown"
        claims, answers = found.get(name, (0, 0))
        found[name] = (claims + cell.claims, answers + cell.answers)
    return dict(sorted(found.items()))


def _ratio(claimed: float, asked: float, usual: Sequence[_Rate]) -> float:
    """Return the likelihood ratio of the claims.

    Without learning from the teacher the suspect claims its maker at the rate of one of the other
    lineages, known as far as they were asked (with Jeffreys' prior), or, with the weight of one
    lineage, at any rate. A student keeps its teacher's name with the chance `KEPT`, and is then at
    any rate too; else it is like the others.
    """

    def chance(a: float, b: float) -> float:
        # beta-binomial, without the coefficient that all have in common
        return float(
            np.exp(special.betaln(a + claimed, b + asked - claimed) - special.betaln(a, b))
        )

    anything = chance(1.0, 1.0)
    others = [
        chance(0.5 + rate.share * rate.weight, 0.5 + (1 - rate.share) * rate.weight)
        for rate in usual
    ]
    unlearned = (sum(others) + anything) / (len(others) + 1)
    return float(np.clip((1 - KEPT) + KEPT * anything / unlearned, FLOOR, CAP))


def _wilson(claimed: float, asked: float) -> tuple[float, float]:
    share, square = claimed / asked, _Z90**2 / asked
    centre = (share + square / 2) / (1 + square)
    half = float(np.sqrt(square * share * (1 - share) + square**2 / 4)) / (1 + square)
    # rounding must not put the share outside its interval
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))

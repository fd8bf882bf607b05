"""The vocabulary of exhibits: frozen types; nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass

from fingerprint.records import DomainResult


@dataclass(frozen=True, slots=True)
class SharedUnit:
    """Words that suspect and teacher both gave at one prompt, and that few others gave.

    ``kind`` is ``line_starts``, ``sentence_starts`` or ``phrases``; ``weight`` the unit's rarity;
    ``others`` of ``lineages`` other lineages gave it too. ``text`` is as it stands in a response.
    """

    kind: str
    text: str
    weight: float
    others: int
    lineages: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a passage, in characters, and the number of the shared unit that stands there."""

    start: int
    end: int
    unit: int


@dataclass(frozen=True, slots=True)
class Passage:
    """One response as it is shown: the first sample; marks do not overlap."""

    model: str
    text: str | None
    """None where nobody here holds the text."""
    left_out: int
    """Characters cut from the end."""
    samples: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One prompt with the responses of suspect, teacher and one background model.

    ``weight`` sums the rarity of the line and sentence starts that suspect and teacher share.
    ``agreement`` is their agreement on these two channels, ``chance`` what the background lets
    expect, both before the adjustment for length: the difference averages to the channels' scores.
    """

    prompt_id: str
    prompt: str
    domain: str
    weight: float
    agreement: float
    chance: float
    units: tuple[SharedUnit, ...]
    units_left_out: int
    suspect: Passage
    teacher: Passage
    background: Passage | None


@dataclass(frozen=True, slots=True)
class Prospect:
    """The interval of the share that so many prompts and background lineages would give."""

    prompts: int
    lineages: int
    low: float
    high: float
    measured: bool
    """True for the run itself; the others are projected from it."""


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What more data would change.

    ``floor``: width of the share's interval with endless prompts and lineages; ``caps``: background
    lineages and the largest log10 LR they support; ``advice``: sentences.
    """

    prospects: tuple[Prospect, ...]
    floor: float
    level: float
    caps: tuple[tuple[int, float], ...]
    lineages: int
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """Average-linkage tree of models by how their lines start.

    ``merges``: the two clusters joined (numbers as in `scipy.cluster.hierarchy.linkage`), the
    height and the size, one row a merge.
    """

    names: tuple[str, ...]
    lineages: tuple[str, ...]
    merges: tuple[tuple[int, int, float, int], ...]


@dataclass(frozen=True, slots=True)
class Exhibits:
    """Everything attached to one verdict."""

    sample_size: SampleSize | None
    languages: tuple[DomainResult, ...]
    """Share by language, named by code, in the form of domains."""
    tree: Tree | None
    prompts: tuple[Exhibit, ...]
    text_note: str
    """Whose text is shown, or why none is."""

"""The vocabulary: frozen types that pass between the stages.

Nothing here computes. Log10 likelihood ratios are named ``llr10``; shares lie in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MIN_LINEAGES = 3
"""Independent background lineages below which no number is given."""
MIN_PROMPTS = 20
"""Common prompts below which answers are not paired."""
DECIDING_PROMPTS = 50
DECIDING_LINEAGES = 5
"""Below these neither supported nor not supported is said: a miss is as easy as a false alarm."""
DATE = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?")
"""An ISO date or a prefix of one. Dates are compared as text: digits of other scripts are none."""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of one model to one prompt.

    ``text`` is the raw model output: hostile input that is escaped wherever it is shown.
    """

    prompt_id: str
    prompt: str
    text: str
    sample: int = 0
    domain: str | None = None
    language: str | None = None
    system: str | None = None
    finish_reason: str | None = None
    served_model: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Unknown fields of the line, kept as they were."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that could not be used, and why. Counted and shown in the verdict."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read, with the SHA-256 of its bytes (hex)."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model apart from its text."""

    name: str
    lineage: str
    """Unit of independence: models that share weights, a base or a post-training recipe."""
    vendor: str | None = None
    released: str | None = None
    """First public release, ISO date or a prefix of one (``2026-01``)."""
    taught_by: tuple[str, ...] = ()
    """Vendors whose outputs the model is documented to have been trained on."""
    lineage_known: bool = False
    """False when the model counts as its own lineage only because nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The responses of one model to one suite."""

    model: str
    responses: tuple[Response, ...]
    suite: str | None = None
    lineage: str | None = None
    vendor: str | None = None
    released: str | None = None
    sources: tuple[Source, ...] = ()
    problems: tuple[Problem, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)


class VerdictLabel(StrEnum):
    """The four answers. There is no "proven"."""

    SUPPORTED = "supported"
    INCONCLUSIVE = "inconclusive"
    NOT_SUPPORTED = "not_supported"
    INSUFFICIENT = "insufficient_data"


IMPOSSIBLE = "impossible"
"""A ranking row's verdict where the teacher was released after the suspect."""


class Status(StrEnum):
    """State of a channel or of an alternative explanation."""

    MEASURED = "measured"
    MISSING = "missing"
    UNRELIABLE = "unreliable"
    OPEN = "open"
    UNLIKELY = "unlikely"
    LIKELY = "likely"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Share:
    """Share of the suspect's behaviour attributable to the teacher, always with an interval."""

    estimate: float
    low: float
    high: float
    level: float
    calibration: str


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """One kind of evidence: background-subtracted score with its interval, or why it is missing."""

    name: str
    status: Status
    score: float | None
    low: float | None
    high: float | None
    llr10: float | None
    n_prompts: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class RankingRow:
    """One teacher of the library on the same suites."""

    teacher: str
    llr10: float | None
    share: Share | None
    verdict: str
    """A `VerdictLabel` value, or ``impossible`` where the teacher came after the suspect."""
    vendor: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another explanation of what is seen, and what the data say of it."""

    name: str
    status: Status
    llr10: float | None
    why: str


@dataclass(frozen=True, slots=True)
class DomainResult:
    """Share in one domain of prompts."""

    domain: str
    share: Share | None
    n_prompts: int


@dataclass(frozen=True, slots=True)
class Party:
    """The suspect or the teacher as it stands in the verdict."""

    name: str
    lineage: str
    vendor: str | None
    suites: tuple[str, ...]
    versions: tuple[str, ...]
    n_responses: int
    released: str | None
    lineage_known: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything `fingerprint compare` has to say; see docs/verdict.md for how to read it."""

    suspect: Party
    teacher: Party
    background: tuple[ModelInfo, ...]
    share: Share | None
    llr10: float | None
    cap10: float | None
    cap_reason: str
    verbal: str
    verdict: VerdictLabel
    answer: str
    """The answer in one sentence."""
    channels: tuple[ChannelResult, ...]
    ranking: tuple[RankingRow, ...]
    alternatives: tuple[Alternative, ...]
    domains: tuple[DomainResult, ...]
    limitations: tuple[str, ...]
    inputs: tuple[Source, ...]
    problems: tuple[Problem, ...]
    n_prompts: int
    seed: int
    version: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One pair of `fingerprint matrix`."""

    suspect: str
    teacher: str
    llr10: float | None
    cap10: float | None
    share: Share | None
    verdict: str
    reason: str | None = None

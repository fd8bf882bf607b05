"""Landmarks: the shares of models whose training is documented, to read another share against.

The figures are in `data/landmarks.json`; `tools/build_landmarks.py` computes them from the shipped
library with the shipped calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from fingerprint.errors import ReportError
from fingerprint.fields import parse

SCHEMA = "fingerprint.landmarks/1"


@dataclass(frozen=True, slots=True)
class Landmark:
    """The shares of one group of models, each lineage weighing one."""

    name: str
    low: float
    middle: float
    high: float
    models: int
    lineages: int


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Groups of models whose training is documented, and where the figures are from.

    ``low`` and ``high`` of a group hold ``level`` of its weight between them.
    """

    groups: tuple[Landmark, ...]
    level: float
    source: str
    calibration: str


def read(raw: bytes, where: str) -> Landmarks:
    """Read landmarks.

    Raises
    ------
    ReportError
        When the file is something else.
    """
    found = parse(raw, where, ReportError)
    if found.text_or_none("schema") != SCHEMA:
        raise ReportError(f"{where}: expected landmarks of schema {SCHEMA}")
    return Landmarks(
        groups=tuple(
            Landmark(
                group.text("name"),
                group.number("low"),
                group.number("middle"),
                group.number("high"),
                group.whole("models"),
                group.whole("lineages"),
            )
            for group in found.each("groups")
        ),
        level=found.number("level"),
        source=found.text("source"),
        calibration=found.text("calibration"),
    )


@cache
def shipped() -> Landmarks:
    """Return the landmarks that ship with the package."""
    path = resources.files("fingerprint") / "data" / "landmarks.json"
    return read(path.read_bytes(), path.name)

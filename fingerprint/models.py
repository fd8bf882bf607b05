"""What is known of models by name: vendor, lineage, release, documented teachers.

The table is `data/known_models.tsv`; a user's own knowledge (``--lineages FILE``) goes before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from fingerprint.errors import OutputsError
from fingerprint.records import ModelInfo


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One line of the table: what holds for every model whose name fits the pattern."""

    pattern: re.Pattern[str]
    vendor: str
    family: str
    family_first: str | None
    """First public release of the product line (ISO date or prefix of one)."""
    released: str | None
    lineage: str
    base: str | None
    taught_by: tuple[str, ...]


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Return the table, in the order in which it is searched."""
    text = (resources.files("fingerprint") / "data" / "known_models.tsv").read_text("utf-8")
    rows = csv.DictReader(
        (line for line in text.splitlines() if not line.startswith("#")),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
    return tuple(
        KnownModel(
            pattern=re.compile(row["pattern"]),
            vendor=row["vendor"],
            family=row["family"],
            family_first=row["family_first"] or None,
            released=row["released"] or None,
            lineage=row["lineage"],
            base=row["base"] or None,
            taught_by=tuple(v for v in row["taught_by"].split(";") if v),
        )
        for row in rows
    )


@cache
def lookup(name: str) -> KnownModel | None:
    """Return the first line of the table that fits a model's name, or None.

    Case, underscores and an organisation before a slash (``org/model``) do not matter.
    """
    plain = name.lower().replace("_", "-").replace(" ", "-").rsplit("/", 1)[-1][:200]
    return next((known for known in known_models() if known.pattern.fullmatch(plain)), None)


def model_info(
    name: str,
    *,
    lineage: str | None = None,
    vendor: str | None = None,
    released: str | None = None,
    stated: Mapping[str, tuple[str, str | None]] | None = None,
) -> ModelInfo:
    """Collect what is known of a model.

    Parameters
    ----------
    name : str
        The ``model`` field of its outputs.
    lineage, vendor, released : str, optional
        The fields of the outputs: they go before the table.
    stated : mapping, optional
        From `read_lineages`: name to (lineage, vendor); goes before everything.

    Returns
    -------
    ModelInfo
        With the model as its own lineage, and saying so, when nothing is known of it.
    """
    known = lookup(name)
    said = (stated or {}).get(name)
    if said is not None:
        lineage, vendor = said[0], said[1] or vendor
    return ModelInfo(
        name=name,
        lineage=lineage or (known.lineage if known else name),
        vendor=vendor or (known.vendor if known else None),
        released=released or (known.released if known else None),
        taught_by=known.taught_by if known else (),
        lineage_known=bool(lineage or known),
    )


def read_lineages(path: str | Path) -> dict[str, tuple[str, str | None]]:
    """Read a TSV of model, lineage, vendor (a header line is optional, vendor may be missing).

    Raises
    ------
    OutputsError
        When the file cannot be read or a line has no lineage.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputsError(
            f"{path}: expected a UTF-8 TSV of model, lineage, vendor: {error}"
        ) from error
    stated: dict[str, tuple[str, str | None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if (
            not any(cells)
            or line.startswith("#")
            or (not stated and cells[:2] == ["model", "lineage"])
        ):
            continue
        if len(cells) < 2 or not cells[0] or not cells[1]:
            raise OutputsError(
                f"{path}:{number}: expected model<TAB>lineage[<TAB>vendor], found {len(cells)} cells"
            )
        stated[cells[0]] = (cells[1], cells[2] if len(cells) > 2 and cells[2] else None)
    return stated

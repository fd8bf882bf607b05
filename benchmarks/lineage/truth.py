"""Labels of LINEAGE.tsv as pairs that are true, false, or not to be counted."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.models import lookup
from fingerprint.records import ModelInfo

FAMILY_OF_LABEL = {
    "text_davinci_003": "text-davinci-003",
    "gpt-3.5-turbo": "gpt-3.5",
    "gpt-4": "gpt-4",
}
CONTESTED = frozenset({"mistral", "01ai", "jina"})
"""Vendors whose own training is contested or undisclosed (EVIDENCE 1b): neither true nor false."""
SMALL_SHARE = frozenset({("tulu", "text-davinci-003")})
"""The davinci share of the mix is small (EVIDENCE 1a): not counted as true."""
PROMPTED = re.compile(r"concise|verbose")


@dataclass(frozen=True)
class Label:
    teacher: str
    confidence: str

    @property
    def kind(self) -> str:
        if self.teacher == "REF":
            return "reference"
        if self.teacher.startswith("NEG"):
            return "independent"
        return "student" if self.families else "unknown"

    @property
    def families(self) -> frozenset[str]:
        """Families named without a question mark and as more than a ranker."""
        named = (FAMILY_OF_LABEL.get(part) for part in self.teacher.split(";"))
        return frozenset(f for f in named if f)


def read_labels(data: Path) -> dict[tuple[str, str], Label]:
    """Read LINEAGE.tsv: (set, model) to label."""
    with (data / "LINEAGE.tsv").open(encoding="utf-8") as handle:
        return {
            (row["set"], row["model"]): Label(row["teacher"], row["confidence"])
            for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
        }


@dataclass(frozen=True)
class LabelledPair:
    """A suspect against one family of a vendor: ``teachers`` are its versions in the panel."""

    suspect: int
    vendor: str
    family: str
    teachers: tuple[int, ...]
    true: bool
    kind: str
    high: bool


def labelled_pairs(infos: Sequence[ModelInfo], labels: Sequence[Label]) -> list[LabelledPair]:
    """List the pairs whose truth is known; the conventions are those of EVIDENCE 1."""
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, (info, label) in enumerate(zip(infos, labels, strict=True)):
        if label.kind == "reference" and info.vendor and not PROMPTED.search(info.name):
            known = lookup(info.name)
            families[info.vendor, known.family if known else info.name].append(i)
    pairs = []
    for i, (info, label) in enumerate(zip(infos, labels, strict=True)):
        if label.kind == "unknown" or info.vendor in CONTESTED:
            continue
        if label.kind == "reference" and PROMPTED.search(info.name):
            continue
        for (vendor, family), teachers in families.items():
            if vendor in CONTESTED or vendor in (info.vendor, info.lineage):
                continue
            true = False
            if label.kind == "student" and vendor == "openai":
                true = family in label.families and (info.lineage, family) not in SMALL_SHARE
                if not true:
                    continue  # another family of the true vendor is neither
            pairs.append(
                LabelledPair(
                    i, vendor, family, tuple(teachers), true, label.kind, label.confidence == "high"
                )
            )
    return pairs

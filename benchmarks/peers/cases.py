"""A case: the texts that every peer is given, and the pairs of models that it must score.

Nothing here but the standard library, since peers run in environments of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

Scores = dict[str, list[list[float]]]
"""By name, one row for each model of the case and one column for each of its columns."""


@dataclass(frozen=True)
class Case:
    """One pool as text: M models on P prompts.

    ``prompts``: id and text of each; ``texts``: M lists of P responses, None where there is none;
    ``labels``: teacher and confidence of each model as in LINEAGE.tsv (peers don't look at them).
    Every model is scored as a suspect against ``columns``: the teachers, and the clean background,
    which centring needs.
    """

    pool: str
    prompts: list[tuple[str, str]]
    models: list[str]
    lineages: list[str]
    vendors: list[str | None]
    sets: list[str]
    labels: list[tuple[str, str]]
    texts: list[list[str | None]]
    columns: list[int]

    @classmethod
    def read(cls, path: Path) -> Case:
        return cls(**json.loads(path.read_text("utf-8")))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), "utf-8")

    def answers(self, member: int) -> list[str]:
        """Return the responses that a model gave."""
        return [text for text in self.texts[member] if text is not None]

    def shared(self, one: int, two: int) -> Iterator[tuple[str, str]]:
        """Iterate over the prompts that two models both answered."""
        for a, b in zip(self.texts[one], self.texts[two], strict=True):
            if a is not None and b is not None:
                yield a, b

    def related(self, one: int, two: int) -> bool:
        """Say whether two models share a lineage or a vendor."""
        vendors = {self.vendors[one], self.lineages[one]} & {self.vendors[two], self.lineages[two]}
        return bool(vendors - {None})

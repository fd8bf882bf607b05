"""The panel: the models of one run, aligned on the prompts that they share.

Rows of every statistic are models, one member each; prompts are pooled over suites. Nothing here
depends on which member is suspect, teacher or background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fingerprint import canaries
from fingerprint.errors import ComparisonError
from fingerprint.packs import Pack
from fingerprint.records import ModelInfo
from fingerprint.units import KINDS, Ragged, UnitTable

MAX_SAMPLES = 16
"""Samples used per model and prompt: more add little and cost memory."""


@dataclass(frozen=True)
class Panel:
    """M models on P prompts.

    ``rows[m][p]`` are the row numbers of model m's responses to prompt p (maybe none).
    ``words`` and ``lines``: mean words and non-blank lines per response, shape (P, M), NaN where
    absent. ``domains``: for every prompt the domain that most models name.
    """

    packs: tuple[Pack, ...]
    prompts: npt.NDArray[np.uint64]
    rows: tuple[tuple[npt.NDArray[np.int64], ...], ...]
    words: npt.NDArray[np.float64]
    lines: npt.NDArray[np.float64]
    domains: tuple[str, ...]
    others: tuple[Pack, ...] = ()
    """Packs of models that are no members: only their canary answers are looked at."""

    @cached_property
    def infos(self) -> tuple[ModelInfo, ...]:
        """What is known of each member."""
        return tuple(pack.info for pack in self.packs)

    @cached_property
    def present(self) -> npt.NDArray[np.bool_]:
        """Which model answered which prompt, shape (P, M)."""
        return ~np.isnan(self.words)

    def both(self, one: int, two: int) -> npt.NDArray[np.bool_]:
        """Say which prompts two members both answered, shape (P,)."""
        mask: npt.NDArray[np.bool_] = self.present[:, one] & self.present[:, two]
        return mask

    def shared(self, one: int, two: int) -> int:
        """Count the prompts that two members both answered."""
        return int(self.both(one, two).sum())


def align(packs: Sequence[Pack], others: Sequence[Pack] = ()) -> Panel:
    """Align packs, one a model, on their prompts.

    Parameters
    ----------
    packs : sequence of Pack
        One for each model (see `merge`); prompts that only one of them has are left out.
    others : sequence of Pack
        Models that are no members, for their canary answers.

    Raises
    ------
    ComparisonError
        When packs were built with different keys: their hashes say nothing about each other.
    """
    keys = {pack.key_id for pack in packs}
    if len(keys) > 1:
        named = sorted({f"{p.info.name} (key id {p.key_id or 'none'})" for p in packs})[:6]
        raise ComparisonError(
            "packs with different keys cannot be compared; expected one key, found "
            f"{len(keys)}: {', '.join(named)}; build all with the same --key-file, or all without"
        )
    owners: dict[int, int] = {}
    for pack in packs:
        for prompt in set(pack.prompts.tolist()):
            owners[prompt] = owners.get(prompt, 0) + 1
    prompts = np.array(sorted(p for p, n in owners.items() if n > 1), dtype=np.uint64)
    index = {p: i for i, p in enumerate(prompts.tolist())}
    rows = []
    shape = (len(prompts), len(packs))
    words, lines = np.full(shape, np.nan), np.full(shape, np.nan)
    votes: list[dict[str, int]] = [{} for _ in index]
    for m, pack in enumerate(packs):
        mine: list[list[int]] = [[] for _ in index]
        for row, prompt in enumerate(pack.prompts.tolist()):
            p = index.get(prompt)
            if p is not None and len(mine[p]) < MAX_SAMPLES:
                mine[p].append(row)
        for p, found in enumerate(mine):
            if found:
                words[p, m] = pack.units.counts[found, 1].mean()
                lines[p, m] = pack.units.counts[found, 2].mean()
                domain = pack.domain_names[pack.domains[found[0]]]
                votes[p][domain] = votes[p].get(domain, 0) + bool(domain)
        rows.append(tuple(np.array(r, dtype=np.int64) for r in mine))
    domains = tuple(max(sorted(v), key=lambda d: v[d]) if v else "" for v in votes)
    return Panel(tuple(packs), prompts, tuple(rows), words, lines, domains, tuple(others))


def align_canaries(packs: Sequence[Pack], kind: str) -> Panel:
    """Align packs on their canary answers of one kind; rows are those of their canary tables.

    Words and lines are 1 where a model answered: such answers are not adjusted for length.
    """
    tables = [pack.canaries for pack in packs]
    rows = [table.rows(kind) if table is not None else np.zeros(0, np.int64) for table in tables]
    keys = [
        table.prompts[own] if table is not None else np.zeros(0, np.uint64)
        for table, own in zip(tables, rows, strict=True)
    ]
    prompts = np.unique(np.concatenate([*keys, np.zeros(0, np.uint64)]))
    present = np.full((len(prompts), len(packs)), np.nan)
    found = []
    for m, (key, own) in enumerate(zip(keys, rows, strict=True)):
        place = np.searchsorted(prompts, key)
        present[place, m] = 1.0
        order = np.argsort(place, kind="stable")
        cuts = np.searchsorted(place[order], np.arange(1, len(prompts)))
        found.append(tuple(np.split(own[order], cuts)) if len(prompts) else ())
    return Panel(tuple(packs), prompts, tuple(found), present, present, ("",) * len(prompts))


def merge(packs: Sequence[Pack]) -> Pack:
    """Join the packs of one model over suites into one."""
    if len(packs) == 1:
        return packs[0]
    first = packs[0]
    names = tuple(sorted({d for p in packs for d in p.domain_names}))
    index = {d: i for i, d in enumerate(names)}
    domains = [
        np.array([index[d] for d in p.domain_names], dtype=np.uint32)[p.domains] for p in packs
    ]
    answered = [p.canaries for p in packs if p.canaries is not None]
    units = {kind: _join([getattr(p.units, kind) for p in packs]) for kind in KINDS}
    tables = {
        name: np.concatenate([getattr(p.units, name) for p in packs])
        for name in ("openings", "closings", "counts", "style", "language", "refusal")
    }
    return replace(
        first,
        suite="+".join(sorted({p.suite for p in packs})),
        prompts=np.concatenate([p.prompts for p in packs]),
        samples=np.concatenate([p.samples for p in packs]),
        domains=np.concatenate(domains),
        domain_names=names,
        units=UnitTable(**units, **tables),  # type: ignore[arg-type]
        sources=tuple(s for p in packs for s in p.sources),
        content_sha256="",
        canaries=canaries.stack(answered) if answered else None,
    )


def _join(parts: Sequence[Ragged]) -> Ragged:
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Ragged(np.concatenate([part.values for part in parts]), offsets)

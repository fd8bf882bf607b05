"""Assembly: from SPECs to a panel with its suspects, teachers, rivals and background."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fingerprint import channels
from fingerprint.background import on_common_prompts, unrelated
from fingerprint.calibration import Calibration, shipped
from fingerprint.errors import ComparisonError
from fingerprint.evidence import Evidence
from fingerprint.library import INDEPENDENT, REFERENCE, STUDENT, Entry
from fingerprint.models import lookup
from fingerprint.packs import Pack
from fingerprint.panel import Panel, align, merge
from fingerprint.records import (
    DECIDING_LINEAGES,
    DECIDING_PROMPTS,
    MIN_LINEAGES,
    MIN_PROMPTS,
    ModelInfo,
    Problem,
    Source,
)
from fingerprint.specs import Loaded, Loader
from fingerprint.verdict import Line


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a comparison needs, aligned and measured."""

    panel: Panel
    evidence: Evidence
    suspects: tuple[Line, ...]
    teachers: tuple[Line, ...]
    rivals: tuple[Line, ...]
    calibration: Calibration
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]


class _Members:
    """Collects the packs of a run, one member a model, whoever names it."""

    def __init__(self) -> None:
        self._packs: dict[tuple[str, str], list[Pack]] = {}

    def add(self, origin: str, pack: Pack) -> tuple[str, str]:
        # A user's own file of a model goes before the library's pack of that name.
        key = (origin, pack.info.name)
        packs = self._packs.setdefault(key, [])
        if not any(pack is known for known in packs):
            packs.append(pack)
        return key

    def names(self) -> set[str]:
        return {name for _, name in self._packs}

    def order(self) -> dict[tuple[str, str], int]:
        return {key: i for i, key in enumerate(self._packs)}

    def merged(self) -> list[Pack]:
        return [merge(packs) for packs in self._packs.values()]


def assemble(
    loader: Loader,
    suspects: Sequence[Loaded],
    teachers: Sequence[Loaded],
    background: Sequence[str],
    seed: int,
    draws: int,
    calibration: Calibration | None = None,
) -> Run:
    """Read, align and measure everybody who takes part.

    Parameters
    ----------
    loader : Loader
    suspects, teachers : sequence of Loaded
    background : sequence of SPEC
        Empty for the library's models on the same prompts and, where these leave a pair with fewer
        than `MIN_LINEAGES` lineages, the other models named.
    seed, draws : int
        Of the bootstrap.
    calibration : Calibration, optional
        Default the shipped one; a bundle brings its own.
    """
    calibration = calibration or shipped()
    members = _Members()
    asked = {p for loaded in suspects for pack in loaded.packs for p in pack.prompts.tolist()}
    suspect_keys = [_add(members, loaded, loaded.packs) for loaded in suspects]
    teacher_keys = [_add(members, loaded, _overlapping(loaded, asked)) for loaded in teachers]
    given = [loader.load(spec) for spec in background]
    background_keys = [
        key
        for loaded in given
        for key in _add(members, loaded, filter(len, _overlapping(loaded, asked)))
    ]
    named = members.names()
    on_suite = [e for e in loader.shelf.on_prompts(asked, MIN_PROMPTS) if e.model not in named]
    if loader.key is not None:
        on_suite = []  # the library is not keyed: its hashes say nothing about keyed packs
    shipped_keys: list[tuple[str, str]] = []
    rival_entries: list[Entry] = []
    for entry in on_suite:
        usable = entry.role in (REFERENCE, INDEPENDENT)
        if entry.role == REFERENCE or (usable and not background):
            pack = loader.entry(entry)
            key = members.add("library", pack)
            if not background and _role(pack.info) in (REFERENCE, INDEPENDENT):
                shipped_keys.append(key)
            if entry.role == REFERENCE:
                rival_entries.append(entry)
    canary_entries = _canary_entries(loader, suspects)
    canary_packs = [loader.entry(entry) for entry in canary_entries]
    canary_packs += [pack for loaded in given for pack in loaded.packs if not len(pack)]
    order = members.order()
    merged = members.merged()
    _check_text(merged[order[k]] for keys in (*suspect_keys, *teacher_keys) for k in keys)
    panel = align(merged, canary_packs)
    rng = np.random.default_rng(seed)
    named_members = sorted({order[k] for keys in (*suspect_keys, *teacher_keys) for k in keys})
    suspect_lines = _lines(panel, suspects, suspect_keys, order)
    teacher_lines = _lines(panel, teachers, teacher_keys, order)
    chosen = sorted({order[k] for k in (background_keys or shipped_keys)})
    if not background:
        # What is named from the library is background for the others, so that a pair has the same
        # background whoever else is asked about.
        clean = (REFERENCE, INDEPENDENT)
        named_keys = [k for keys in (*suspect_keys, *teacher_keys) for k in keys]
        own = [order[k] for k in named_keys if k[0] == "library"]
        chosen = sorted({*chosen, *(m for m in own if _role(panel.infos[m]) in clean)})
        chosen = _with_named(panel, chosen, named_members, suspect_lines, teacher_lines)
    evidence = Evidence(
        panel=panel,
        agreements=channels.measure_all(panel),
        background=chosen,
        lengths=calibration.lengths,
        spreads=calibration.spreads,
        rng=rng,
        draws=draws,
    )
    rivals = _rivals(panel, rival_entries, background_keys, teacher_lines, order)
    every = (*suspects, *teachers, *given)
    library_sources = [
        Source(f"library:{e.file}", e.sha256)
        for e in on_suite
        if ("library", e.model) in order and e.role in (REFERENCE, INDEPENDENT)
    ]
    library_sources += [Source(f"library:{e.file}", e.sha256) for e in canary_entries]
    return Run(
        panel=panel,
        evidence=evidence,
        suspects=suspect_lines,
        teachers=teacher_lines,
        rivals=rivals,
        calibration=calibration,
        sources=tuple(
            dict.fromkeys([*(s for loaded in every for s in loaded.sources), *library_sources])
        ),
        problems=tuple(dict.fromkeys(p for loaded in every for p in loaded.problems)),
    )


def _add(members: _Members, loaded: Loaded, packs: Iterable[Pack]) -> list[tuple[str, str]]:
    origin = "library" if loaded.entries else loaded.spec
    return list(dict.fromkeys(members.add(origin, pack) for pack in packs))


def _canary_entries(loader: Loader, suspects: Sequence[Loaded]) -> tuple[Entry, ...]:
    """List the library's answers to canary probes, where they say something of a suspect.

    They do where a suspect, or a relative of it in the library, was asked such probes too.
    """
    packs = [pack for loaded in suspects for pack in loaded.packs]
    known = {entry.lineage for entry in loader.shelf.canaries}
    of_use = any(p.canaries is not None or p.info.lineage in known for p in packs)
    return loader.shelf.canaries if of_use else ()


def _check_text(packs: Iterable[Pack]) -> None:
    for pack in packs:
        if not len(pack):
            raise ComparisonError(
                f"{pack.info.name}: expected answers to ordinary prompts, found only answers to "
                "canary probes, which support no verdict by themselves; collect the style suite too"
            )


def _overlapping(loaded: Loaded, asked: set[int]) -> tuple[Pack, ...]:
    """Of a library name's packs keep those on the suspects' suites; of files keep all."""
    if not loaded.entries:
        return loaded.packs
    near = tuple(
        p for p in loaded.packs if len(asked.intersection(p.prompts.tolist())) >= MIN_PROMPTS
    )
    return near or loaded.packs


def _lines(
    panel: Panel,
    loaded: Sequence[Loaded],
    keys: Sequence[Sequence[tuple[str, str]]],
    order: Mapping[tuple[str, str], int],
) -> tuple[Line, ...]:
    """One line a library name, one line a model of files; names that repeat get their SPEC."""
    lines: dict[Line, str] = {}
    for item, found in zip(loaded, keys, strict=True):
        members = [order[key] for key in found]
        if item.name is not None:
            lines.setdefault(Line(item.name, tuple(members)), item.spec)
        else:
            for m in members:
                name = panel.infos[m].name
                lines.setdefault(Line(name, (m,)), f"{name} ({item.spec})")
    repeats = Counter(line.name for line in lines)
    return tuple(
        line if repeats[line.name] == 1 else replace(line, name=longer)
        for line, longer in lines.items()
    )


def _with_named(
    panel: Panel,
    chosen: list[int],
    named: Sequence[int],
    suspects: Sequence[Line],
    teachers: Sequence[Line],
) -> list[int]:
    """Add the other models named in the call where the library leaves a pair with too little.

    Models that are known as references or as independent of closed teachers join when a pair has
    fewer lineages than a decision needs; those of unknown training only when it has too few for any
    number; models known to be taught by a closed vendor or to be raw bases never.
    """
    clean = [m for m in named if _role(panel.infos[m]) in (REFERENCE, INDEPENDENT)]
    unknown = [m for m in named if _role(panel.infos[m]) is None]
    if _fewest(panel, chosen, suspects, teachers) >= DECIDING_LINEAGES:
        return chosen
    chosen = sorted({*chosen, *clean})
    if _fewest(panel, chosen, suspects, teachers) >= MIN_LINEAGES:
        return chosen
    return sorted({*chosen, *unknown})


def _fewest(
    panel: Panel, candidates: Sequence[int], suspects: Sequence[Line], teachers: Sequence[Line]
) -> int:
    """Count the lineages that the worst-served pair would have."""
    counts = []
    for s in {m for suspect in suspects for m in suspect.members}:
        for t in {m for teacher in teachers for m in teacher.members}:
            shared = panel.both(s, t)
            if panel.infos[s].lineage == panel.infos[t].lineage or shared.sum() < MIN_PROMPTS:
                continue
            groups = unrelated(panel, candidates, s, [t])
            groups, mask = on_common_prompts(panel, groups, shared)
            enough = mask.sum() >= min(DECIDING_PROMPTS, shared.sum())
            counts.append(len(groups) if enough else 0)
    return min(counts, default=0)


def _rivals(
    panel: Panel,
    entries: Sequence[Entry],
    background: Sequence[tuple[str, str]],
    teachers: Sequence[Line],
    order: Mapping[tuple[str, str], int],
) -> tuple[Line, ...]:
    """Teachers to rank: the library's lines on these prompts, and known references named.

    A line of the name of a teacher asked about is another one: it has other members.
    """
    lines: dict[str, list[int]] = {}
    for entry in entries:
        name = entry.names[-1]
        lines.setdefault(name, []).append(order["library", entry.model])
    for key in background:
        info = panel.infos[order[key]]
        if _role(info) == REFERENCE:
            lines.setdefault(info.vendor or info.name, []).append(order[key])
    taken = {line.name for line in teachers}
    found = [
        Line(f"{name} (others)" if name in taken else name, tuple(dict.fromkeys(m)))
        for name, m in sorted(lines.items())
    ]
    return (*found, *teachers)


def _role(info: ModelInfo) -> str | None:
    """Return the model's role by the table of known models, None when nothing is known of it."""
    known = lookup(info.name)
    if known is None:
        return STUDENT if info.taught_by else None
    return known.role

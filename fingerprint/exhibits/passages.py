"""Passages: the responses to one prompt side by side, with what they share and few others gave.

Texts come from the user's own outputs; packs have none. What is marked is what the channels count:
first words of lines and sentences, and phrases of two to four words, in the first sample of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from fingerprint.assessment import Assessment
from fingerprint.channels.agreement import PromptUnits, by_prompt
from fingerprint.comparison import Case
from fingerprint.exhibits.records import Exhibit, Mark, Passage, SharedUnit
from fingerprint.exhibits.shared import (
    STARTS,
    Common,
    Texts,
    Units,
    agreement_and_chance,
    common,
    packed,
    phrase_rarity,
    shared_weight,
    start_rarity,
)
from fingerprint.locations import Places, locate
from fingerprint.outputs import read_outputs
from fingerprint.panel import Panel
from fingerprint.records import Response
from fingerprint.specs import Loaded
from fingerprint.tokens import Hasher
from fingerprint.units import prompt_key

MOST_UNITS = 40
MOST_CHARACTERS = 20_000
"""Of one response; the rest is counted."""
MOST_PROMPT = 4_000


def held_texts(case: Case) -> dict[tuple[str, int], Response]:
    """Read the texts that the user named: first sample of each model and prompt.

    SPECs that are packs, or names of the library, have none.
    """
    question, loader = case.question, case.loader
    texts: dict[tuple[str, int], Response] = {}
    for spec in dict.fromkeys((question.suspect, question.teacher, *question.background)):
        if not _holds_text(loader.load(spec)):
            continue
        for outputs in read_outputs(Path(spec), strict=loader.strict):
            for response in outputs.responses:
                asked = prompt_key(response.prompt, response.prompt_id, loader.key)
                known = texts.get((outputs.model, asked))
                if known is None or response.sample < known.sample:
                    texts[outputs.model, asked] = response
    return texts


def _holds_text(loaded: Loaded) -> bool:
    return not loaded.entries and len(loaded.packs) > len(loaded.pack_files)


def passages(case: Case, found: Assessment, texts: Texts) -> tuple[Exhibit, ...]:
    """Lay out every common prompt, in the order of the suspect's answers.

    Parameters
    ----------
    case : Case
    found : Assessment
        Of the pair asked about: its version of the teacher, its lineages and prompts.
    texts : mapping
        From `held_texts`.

    Returns
    -------
    tuple of Exhibit
        Empty when neither the suspect's nor the teacher's text is held.
    """
    panel = case.run.panel
    names = {panel.infos[m].name for m in (found.suspect, found.teacher)}
    if not any(model in names for model, _ in texts):
        return ()
    _, shared = case.run.evidence.common(found.groups, panel.both(found.suspect, found.teacher))
    prompts = np.flatnonzero(shared)
    layout = _Layout(case, found, texts)
    levels = agreement_and_chance(found, case.run.evidence.agreements, prompts).T
    wanted = dict(zip(prompts.tolist(), levels.tolist(), strict=True))
    listed = {
        int(panel.prompts[p]): layout.exhibit(p, starts, *wanted[p])
        for p, starts in _starts(panel)
        if p in wanted
    }
    order = dict.fromkeys(panel.packs[found.suspect].prompts.tolist())
    return tuple(listed[key] for key in order if key in listed)


def _starts(panel: Panel) -> Iterator[tuple[int, dict[str, PromptUnits]]]:
    """Iterate over the prompts with their line and sentence starts."""
    for together in zip(*(by_prompt(panel, kind) for kind in STARTS), strict=True):
        yield together[0][0], {k: given for k, (_, given) in zip(STARTS, together, strict=True)}


class _Layout:
    """Lays out one prompt after the other."""

    def __init__(self, case: Case, found: Assessment, texts: Texts) -> None:
        self._panel = case.run.panel
        self._hasher = Hasher(case.loader.key)
        self._found = found
        self._texts = texts

    def exhibit(
        self, p: int, starts: Mapping[str, PromptUnits], agreement: float, chance: float
    ) -> Exhibit:
        suspect, teacher = self._found.suspect, self._found.teacher
        mine, theirs = self._response(suspect, p), self._response(teacher, p)
        places = {m: self._places(m, p) for m in (suspect, teacher)}
        one, two = (
            packed(self._panel, m, p) if places[m] is None else _units(places[m])
            for m in (suspect, teacher)
        )
        both = np.intersect1d(one["phrases"], two["phrases"])
        rarities = {kind: start_rarity(given) for kind, given in starts.items()}
        rarities["phrases"] = phrase_rarity(
            self._panel, p, (suspect, teacher), both, self._texts, self._hasher
        )
        shared = common(one, two, rarities)
        written = mine or theirs
        where = places[suspect] or places[teacher]
        listed, left_out = _listed(shared, where, written.text if written else "")
        numbers = {(unit.kind, unit.unit): i for i, (unit, _) in enumerate(listed)}
        other = self._closest(p, shared)
        asked = written or (self._response(other, p) if other is not None else None)
        return Exhibit(
            prompt_id=asked.prompt_id if asked else f"{int(self._panel.prompts[p]):016x}",
            prompt=asked.prompt[:MOST_PROMPT] if asked else "",
            domain=self._panel.domains[p],
            weight=shared_weight(self._found, starts),
            agreement=agreement,
            chance=chance,
            units=tuple(unit for _, unit in listed),
            units_left_out=left_out,
            suspect=self._passage(suspect, p, places[suspect], numbers),
            teacher=self._passage(teacher, p, places[teacher], numbers),
            background=None
            if other is None
            else self._passage(other, p, self._places(other, p), numbers),
        )

    def _response(self, member: int, p: int) -> Response | None:
        return self._texts.get((self._panel.infos[member].name, int(self._panel.prompts[p])))

    def _places(self, member: int, p: int) -> Mapping[str, Places] | None:
        response = self._response(member, p)
        return None if response is None else locate(response.text[:MOST_CHARACTERS], self._hasher)

    def _closest(self, p: int, shared: list[Common]) -> int | None:
        """Choose the background response that has most of what suspect and teacher share here.

        It shows how close an unrelated model comes by chance, at its closest.
        """
        best: tuple[float, int] | None = None
        for m in (m for members in self._found.groups.values() for m in members):
            if not self._panel.present[p, m] or self._response(m, p) is None:
                continue
            given = packed(self._panel, m, p)
            mass = sum(unit.weight for unit in shared if unit.unit in given[unit.kind])
            if best is None or mass > best[0]:
                best = (mass, m)
        return None if best is None else best[1]

    def _passage(
        self,
        member: int,
        p: int,
        places: Mapping[str, Places] | None,
        numbers: Mapping[tuple[str, int], int],
    ) -> Passage:
        name, samples = self._panel.infos[member].name, len(self._panel.rows[member][p])
        response = self._response(member, p)
        if response is None or places is None:
            return Passage(name, None, 0, samples, ())
        text = response.text[:MOST_CHARACTERS]
        marks = [
            Mark(start, end, numbers[kind, unit])
            for kind, found in places.items()
            for unit, start, end in _rows(found)
            if (kind, unit) in numbers
        ]
        return Passage(name, text, len(response.text) - len(text), samples, _flat(marks))


def _units(places: Mapping[str, Places] | None) -> Units:
    return {kind: found.units for kind, found in (places or {}).items()}


def _rows(places: Places) -> Iterator[tuple[int, int, int]]:
    return zip(places.units.tolist(), places.starts.tolist(), places.ends.tolist(), strict=True)


def _listed(
    shared: list[Common], places: Mapping[str, Places] | None, text: str
) -> tuple[list[tuple[Common, SharedUnit]], int]:
    """Put words to the units and drop phrases inside longer ones; count what is left out."""
    wanted = {(unit.kind, unit.unit) for unit in shared}
    spans: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for kind, found in (places or {}).items():
        for unit, start, end in _rows(found):
            if (kind, unit) in wanted:
                spans.setdefault((kind, unit), []).append((start, end))
    of_phrases = [s for (kind, _), found in spans.items() if kind == "phrases" for s in found]
    inside = _inside_longer(of_phrases)
    listed = []
    for one in shared:
        where = spans.get((one.kind, one.unit), [])
        if not where or (one.kind == "phrases" and all(span in inside for span in where)):
            continue
        words = text[where[0][0] : where[0][1]]
        listed.append((one, SharedUnit(one.kind, words, one.weight, one.others, one.lineages)))
    return listed[:MOST_UNITS], max(len(listed) - MOST_UNITS, 0)


def _inside_longer(spans: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the spans that lie inside a longer one."""
    inside = set()
    reach = -1
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if end <= reach:
            inside.add((start, end))
        reach = max(reach, end)
    return inside


def _flat(marks: list[Mark]) -> tuple[Mark, ...]:
    """Cut marks so that they do not overlap; where they do, the lower number stays on top.

    Units are numbered by falling weight.
    """
    edges = sorted({edge for mark in marks for edge in (mark.start, mark.end)})
    opening: dict[int, list[Mark]] = {}
    for mark in marks:
        opening.setdefault(mark.start, []).append(mark)
    flat: list[Mark] = []
    active: list[Mark] = []
    for start, end in pairwise(edges):
        active = [m for m in (*active, *opening.get(start, ())) if m.end > start]
        if not active:
            continue
        unit = min(mark.unit for mark in active)
        if flat and flat[-1].end == start and flat[-1].unit == unit:
            flat[-1] = Mark(flat[-1].start, end, unit)
        else:
            flat.append(Mark(start, end, unit))
    return tuple(flat)

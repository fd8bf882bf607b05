"""Background: which models, and which prompts, show what agreement by chance looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fingerprint.models import lookup
from fingerprint.panel import Panel
from fingerprint.records import DATE, DECIDING_PROMPTS, MIN_LINEAGES, MIN_PROMPTS, ModelInfo

ERA = 0.25
"""Years: versions of a background lineage this much further off than its nearest still count."""


def unrelated(
    panel: Panel,
    candidates: Sequence[int],
    suspect: int,
    teachers: Sequence[int],
    *,
    paired: bool = True,
) -> dict[str, list[int]]:
    """Return the background lineages that are unrelated to the suspect and the teacher.

    Left out: the lineages and vendors of both, models documented to have learned from the
    teacher's vendor or the suspect's, and, for paired channels, what shares too few prompts
    with them. Of each lineage the versions of the suspect's era stay (of the teacher's, where the
    suspect's release is not known): models of one year resemble each other.
    """
    infos = panel.infos
    named = (suspect, *teachers)
    lineages = {infos[m].lineage for m in named}
    vendors = {infos[m].vendor for m in named} - {None}
    found: dict[str, list[int]] = {}
    for m in candidates:
        info = infos[m]
        if m in named or info.lineage in lineages or info.vendor in vendors:
            continue
        if vendors.intersection(info.taught_by):
            continue
        if paired and min(panel.shared(m, other) for other in named) < MIN_PROMPTS:
            continue
        found.setdefault(info.lineage, []).append(m)
    era = next((y for m in named if (y := year_of(infos[m])) is not None), None)
    if era is not None:
        for name, members in found.items():
            covered = {m: panel.shared(m, suspect) for m in members}
            # a version with few of the suspect's prompts does not stand for the others
            wide = [m for m in members if 2 * covered[m] >= max(covered.values())]
            found[name] = contemporaries(infos, wide, era)
    return dict(sorted(found.items()))


def contemporaries(infos: Sequence[ModelInfo], members: Sequence[int], era: float) -> list[int]:
    """Keep the members released nearest to a time (years), all of them where no date is known."""
    gaps = {m: abs(year - era) for m in members if (year := year_of(infos[m])) is not None}
    if not gaps:
        return list(members)
    return [m for m, gap in gaps.items() if gap <= min(gaps.values()) + ERA]


def year_of(info: ModelInfo) -> float | None:
    """Return the release as a year with its part, or None when it is not known.

    Where only the first release of the family is known, that; a date without a month counts as the
    middle of its year.
    """
    known = lookup(info.name)
    date = DATE.fullmatch(info.released or (known.family_first if known else None) or "")
    if date is None:
        return None
    return int(date[1]) + ((int(date[2]) - 0.5) / 12 if date[2] else 0.5)


def on_common_prompts(
    panel: Panel, groups: Mapping[str, Sequence[int]], mask: npt.NDArray[np.bool_]
) -> tuple[dict[str, list[int]], npt.NDArray[np.bool_]]:
    """Choose the lineages and prompts on which the background can be subtracted.

    Agreement with the teacher and with the background must come from the same prompts. Where
    the lineages answered different prompts, those that share the fewest with the others are
    left out, one by one, until `DECIDING_PROMPTS` prompts (or all of the mask, if fewer) are
    common to all that stay, or only `MIN_LINEAGES` stay.

    Parameters
    ----------
    groups : mapping of lineage to members
    mask : array of bool, shape (P,)
        Prompts that suspect and teacher both answered.
    """
    present = panel.present
    answers = present[mask].sum(axis=0)
    kept = {}
    for name, members in groups.items():
        # a member with few of these prompts would drop out of some bootstrap draws
        enough = min(max(answers[m] for m in members), 0.5 * mask.sum())
        kept[name] = [m for m in members if answers[m] >= enough]
    there = {name: present[:, g].any(axis=1) & mask for name, g in kept.items()}
    wanted = min(DECIDING_PROMPTS, int(mask.sum()))

    def left(without: str | None) -> npt.NDArray[np.bool_]:
        shared = mask.copy()
        for name in kept:
            if name != without:
                shared &= there[name]
        return shared

    while int(left(None).sum()) < wanted and len(kept) > MIN_LINEAGES:
        worst = max(kept, key=lambda name: (int(left(name).sum()), -int(there[name].sum())))
        del kept[worst]
    shared = left(None)
    for name, members in kept.items():
        inside = present[shared].sum(axis=0)
        whole = [m for m in members if inside[m] >= 0.5 * shared.sum()]
        if whole and bool(present[shared][:, whole].any(axis=1).all()):
            kept[name] = whole
    return kept, shared

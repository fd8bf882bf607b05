"""Background: which models, and which prompts, show what agreement by chance looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fingerprint.panel import Panel
from fingerprint.records import DECIDING_PROMPTS, MIN_LINEAGES, MIN_PROMPTS


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
    with them.
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
    return dict(sorted(found.items()))


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

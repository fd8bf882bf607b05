"""Assessment: the numbers for one suspect and one teacher, before anything is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint.calibration import FUSED, Calibration, bounded, fuse
from fingerprint.channels import NAMES, PAIRED
from fingerprint.evidence import Evidence, Score
from fingerprint.models import lookup
from fingerprint.records import (
    DECIDING_LINEAGES,
    DECIDING_PROMPTS,
    MIN_LINEAGES,
    MIN_PROMPTS,
    ChannelResult,
    ModelInfo,
    Share,
    Status,
    VerdictLabel,
)
from fingerprint.share import share_of

F64 = npt.NDArray[np.float64]

SUPPORTED_LLR = 0.6
"""log10 LR of 4, the least that may be called supported: under the cap, and before it in 95 % of
bootstrap draws; and only with the other conditions of `Assessment.decided`."""
NOT_SUPPORTED_LLR = -0.3
UNPAIRED_CAP = 0.15
PAIRED_NAMES = frozenset(module.NAME for module in PAIRED)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was measured for one suspect and one teacher (the best of its versions).

    ``raw`` is the uncapped log10 LR, for ranking and conditions; only ``llr10`` is ever shown.
    """

    suspect: int
    teacher: int
    groups: dict[str, list[int]]
    scores: dict[str, Score]
    n_prompts: int
    raw: float | None
    raw_low: float | None
    llr10: float | None
    cap10: float | None
    share: Share | None
    guard: str | None
    """Why the line channel cannot be trusted here, when it cannot."""
    impossible: str | None
    """Why dates exclude the teacher, when they do."""
    missing: str | None
    """Why there is no number, when there is none."""
    paired: bool

    @property
    def decided(self) -> VerdictLabel:
        """The label by the stated rule, before other teachers are looked at (docs/verdict.md)."""
        if self.llr10 is None or self.raw is None or self.raw_low is None:
            return VerdictLabel.INSUFFICIENT
        if self.impossible:
            return VerdictLabel.NOT_SUPPORTED
        if not is_broad(self.n_prompts, len(self.groups)):
            return VerdictLabel.INCONCLUSIVE
        if self.llr10 <= NOT_SUPPORTED_LLR:
            return VerdictLabel.NOT_SUPPORTED
        strong = self.llr10 >= SUPPORTED_LLR and self.raw_low >= SUPPORTED_LLR
        agreed = all(c in self.scores and self.scores[c].difference > 0 for c in FUSED)
        if strong and agreed and self.paired and self.guard is None:
            return VerdictLabel.SUPPORTED
        return VerdictLabel.INCONCLUSIVE


def assess(
    evidence: Evidence,
    suspect: int,
    teachers: Sequence[int],
    calibration: Calibration,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Assessment:
    """Measure one suspect against the versions of one teacher; the closest version counts.

    Versions released after the suspect are passed over when an earlier one is there, and those with
    less than half the common prompts of the best-covered one: few prompts scatter widely, and the
    closest of many would be chosen by chance.

    Parameters
    ----------
    evidence : Evidence
    suspect : int
    teachers : sequence of int
        At least one member of the panel, all of one line.
    calibration : Calibration
    mask : array of bool, shape (P,), optional
        Prompts to use (a domain); default all that both answered.
    """
    infos = evidence.panel.infos
    possible = [t for t in teachers if too_late(infos[suspect], infos[t]) is None]
    best: Assessment | None = None
    covered = {t: evidence.panel.shared(suspect, t) for t in possible or teachers}
    enough = max(covered.values()) / 2
    for teacher in (t for t, n in covered.items() if n >= enough):
        found = _assess_version(evidence, suspect, teacher, calibration, mask)
        if best is None or _strength(found) > _strength(best):
            best = found
    assert best is not None
    return best


def too_late(suspect: ModelInfo, teacher: ModelInfo) -> str | None:
    """Say why the teacher's line cannot have taught the suspect by its dates, or return None.

    The first release of the teacher's *line* counts: a later version stands for earlier ones, which
    the verdict says.
    """
    known = lookup(teacher.name)
    first = (known.family_first if known else None) or teacher.released
    if not first or not suspect.released:
        return None
    if is_later(first, suspect.released):
        return f"{first} against {suspect.released}"
    return None


def is_broad(n_prompts: int, n_lineages: int) -> bool:
    """Say whether there are prompts and lineages enough for a decision either way."""
    return n_prompts >= DECIDING_PROMPTS and n_lineages >= DECIDING_LINEAGES


def is_later(one: str, two: str) -> bool:
    """Say whether a date is after another on every day that both may mean (ISO or a prefix)."""
    return one > f"{two}-99"[: max(len(one), len(two))]


def _strength(found: Assessment) -> float:
    return found.raw if found.raw is not None else -np.inf


def _assess_version(
    evidence: Evidence,
    suspect: int,
    teacher: int,
    calibration: Calibration,
    mask: npt.NDArray[np.bool_] | None,
) -> Assessment:
    infos = evidence.panel.infos
    shared = evidence.panel.both(suspect, teacher)
    if mask is not None:
        shared = shared & mask
    n_prompts = int(shared.sum())
    paired = n_prompts >= MIN_PROMPTS
    impossible = too_late(infos[suspect], infos[teacher])
    groups = evidence.groups(suspect, [teacher], paired=paired)
    missing = None
    if len(groups) < MIN_LINEAGES:
        names = ", ".join(groups) or "none"
        missing = (
            f"{len(groups)} independent background lineages ({names}), where {MIN_LINEAGES} are "
            "the least"
        )
    elif paired:
        groups, shared = evidence.common(groups, shared)
        if int(shared.sum()) < MIN_PROMPTS:
            missing = (
                f"the background answered only {int(shared.sum())} of the {n_prompts} common "
                f"prompts, where {MIN_PROMPTS} are the least"
            )
        n_prompts = int(shared.sum())
    if missing is not None:
        return Assessment(
            suspect, teacher, groups, {}, n_prompts, None, None, None, None, None, None,
            impossible, missing, paired,
        )  # fmt: skip
    usable = [c for c in NAMES if c in evidence.agreements and (paired or c not in PAIRED_NAMES)]
    scores = {c: evidence.score(c, suspect, teacher, groups, shared) for c in usable}
    guard = _format_guard(evidence, suspect, shared, calibration) if paired else None
    raw_draws = _raw(scores, calibration, paired, guard)
    cap10 = calibration.cap10(len(groups))
    if not paired:
        cap10 = min(cap10, UNPAIRED_CAP)
    raw = float(raw_draws[0])
    low = float(np.quantile(raw_draws[1:], 0.05)) if len(raw_draws) > 1 else raw
    llr10 = float(bounded(raw, cap10))
    if impossible is not None:
        llr10 = float(bounded(-1e6, cap10))
    share = None
    if paired and impossible is None and FUSED[0] in scores:
        # where lines cannot be trusted, neither can what is read from them alone
        broad = is_broad(n_prompts, len(groups)) and guard is None
        share = share_of(scores[FUSED[0]], calibration, broad=broad)
    return Assessment(
        suspect, teacher, groups, scores, n_prompts, raw, low, llr10, cap10, share, guard,
        impossible, None, paired,
    )  # fmt: skip


def _raw(
    scores: dict[str, Score], calibration: Calibration, paired: bool, guard: str | None
) -> F64:
    """Uncapped log10 LR of the data (first) and of every draw."""
    z = {c: s.standard() for c, s in scores.items()}
    line, sentence = FUSED
    if not paired:
        return calibration.channels["style"].llr10(z["style"])
    if guard is not None or line not in z:
        return calibration.channels[sentence].llr10(z[sentence])
    return calibration.fused.llr10(fuse(z[line], z[sentence]))


def _format_guard(
    evidence: Evidence, suspect: int, shared: npt.NDArray[np.bool_], calibration: Calibration
) -> str | None:
    lines = float(np.nanmean(evidence.panel.lines[shared, suspect]))
    low, high = calibration.lines
    if low <= lines <= high:
        return None
    return (
        f"{lines:.1f} lines a response on average, outside the {low:.1f} to {high:.1f} that the "
        "calibration covers; sentence starts carry the verdict alone"
    )


def channel_results(
    evidence: Evidence, found: Assessment, calibration: Calibration
) -> tuple[ChannelResult, ...]:
    """List every channel with its score and interval, or why it is missing."""
    results = []
    for name in NAMES:
        score = found.scores.get(name)
        if score is None:
            reason = found.missing or (
                f"needs {MIN_PROMPTS} common prompts, found {found.n_prompts}"
                if name in PAIRED_NAMES
                else "not measured"
            )
            results.append(
                ChannelResult(name, Status.MISSING, None, None, None, None, found.n_prompts, reason)
            )
            continue
        low, high = np.quantile(score.draws, [0.05, 0.95]) if len(score.draws) else (np.nan, np.nan)
        guarded = found.guard is not None and name == FUSED[0]
        cap10 = found.cap10 if found.cap10 is not None else 0.0
        llr10 = float(bounded(calibration.channels[name].llr10(score.z), cap10))
        results.append(
            ChannelResult(
                name=name,
                status=Status.UNRELIABLE if guarded else Status.MEASURED,
                score=score.difference,
                low=float(low) if np.isfinite(low) else None,
                high=float(high) if np.isfinite(high) else None,
                llr10=None if guarded else llr10,
                n_prompts=score.n_prompts,
                reason=found.guard if guarded else _closure_in_words(evidence, found, name),
            )
        )
    return tuple(results)


def closure(evidence: Evidence, found: Assessment, channel: str, *, least: float) -> float | None:
    """Part of the way from the background to the teacher's agreement with itself.

    None where the teacher has one sample a prompt, or agrees with itself by no more than ``least``
    above the background.
    """
    own = evidence.similarity(channel, found.teacher, found.teacher)
    score = found.scores[channel]
    gap = own - (score.similarity - score.difference)
    return score.difference / gap if np.isfinite(own) and gap > least else None


def _closure_in_words(evidence: Evidence, found: Assessment, channel: str) -> str | None:
    part = closure(evidence, found, channel, least=0.02) if channel in PAIRED_NAMES else None
    if part is None:
        return None
    return (
        f"{100 * part:.0f} % of the way from the background to the teacher's agreement with itself"
    )

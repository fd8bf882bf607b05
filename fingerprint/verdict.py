"""Verdict: what may be said about a suspect and a teacher, in words that the numbers carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fingerprint import __version__
from fingerprint.alternatives import alternatives, final_label, of_other_vendors
from fingerprint.assessment import (
    Assessment,
    assess,
    channel_results,
    is_broad,
    is_later,
)
from fingerprint.calibration import FULL_BACKGROUND, FUSED, Calibration
from fingerprint.corroboration import canary_results, strengthened, together
from fingerprint.evidence import Evidence
from fingerprint.findings import KINDS, Finding, measured, weigh
from fingerprint.records import (
    DECIDING_LINEAGES,
    DECIDING_PROMPTS,
    IMPOSSIBLE,
    MIN_PROMPTS,
    DomainResult,
    ModelInfo,
    Party,
    Problem,
    RankingRow,
    Source,
    Verdict,
    VerdictLabel,
)
from fingerprint.share import share_of

BESIDE = (
    "{} stand beside the answer and are in no number of it: no models of known teachers have "
    "calibrated them, and how the data of a bridge or a watermark were made is their owner's to "
    "show. A student of a sibling of the teacher looks like one of the teacher."
)
SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")
"""Settings that both must share."""
_SCALE = ((10.0, "weak"), (100.0, "moderate"), (1000.0, "moderately strong"), (1e4, "strong"))


@dataclass(frozen=True, slots=True)
class Line:
    """A named party of the panel: one model, or the versions of one line."""

    name: str
    members: tuple[int, ...]


def verbal(llr10: float | None) -> str:
    """Put a log10 LR on the verbal scale of ENFSI (2015)."""
    if llr10 is None:
        return "not computed"
    ratio = 10 ** abs(llr10)
    if ratio < 2:
        return "no support either way"
    word = next((w for limit, w in _SCALE if ratio < limit), "very strong")
    return f"{word} support" if llr10 > 0 else f"{word} support for the opposite"


def judge(
    evidence: Evidence,
    suspect: Line,
    teacher: Line,
    rivals: Sequence[Line],
    calibration: Calibration,
    *,
    inputs: Sequence[Source],
    problems: Sequence[Problem],
    seed: int,
    findings: Sequence[Finding] = (),
) -> Verdict:
    """Judge one pair.

    Parameters
    ----------
    evidence : Evidence
        Over a panel that holds everybody named.
    suspect, teacher : Line
    rivals : sequence of Line
        Every teacher on the same prompts, for the ranking and the alternatives; of them the
        `contenders` serve.
    calibration : Calibration
    inputs, problems, seed
        For the record.
    findings : sequence of Finding
        What was found of weights or in logs.

    Returns
    -------
    Verdict
    """
    found = assess(evidence, suspect.members[0], teacher.members, calibration)
    others = {
        line.name: assess(evidence, suspect.members[0], line.members, calibration)
        for line in contenders(evidence, suspect, teacher, rivals)
    }
    asked, answering = _party(evidence, suspect), _party(evidence, teacher)
    weighed = weigh(findings, asked, answering)
    other_reasons = measured(
        alternatives(evidence, found, of_other_vendors(evidence, found, others)),
        weighed.alternatives,
    )
    label = final_label(found.decided, other_reasons)
    insufficient = label is VerdictLabel.INSUFFICIENT
    llr10 = None if insufficient else strengthened(evidence, found)
    verdict = Verdict(
        suspect=asked,
        teacher=answering,
        background=_background(evidence, found),
        share=None if insufficient else found.share,
        llr10=llr10,
        cap10=None if insufficient else found.cap10,
        cap_reason=_cap_reason(found, calibration),
        verbal=verbal(llr10),
        verdict=label,
        answer="",
        channels=(
            *channel_results(evidence, found, calibration),
            *canary_results(evidence, found, seed),
            *weighed.channels,
        ),
        ranking=_ranking(evidence, teacher.name, found, others, label),
        alternatives=other_reasons,
        domains=_domains(evidence, found, calibration),
        limitations=(),
        inputs=(*inputs, *weighed.sources),
        problems=tuple(problems),
        n_prompts=found.n_prompts,
        seed=seed,
        version=__version__,
    )
    return replace(
        verdict,
        answer=_answer(verdict, found),
        limitations=_limitations(evidence, verdict, found, suspect, teacher),
    )


def contenders(
    evidence: Evidence, suspect: Line, teacher: Line, lines: Sequence[Line]
) -> tuple[Line, ...]:
    """Keep the lines that may have taught instead: no version of the teacher, no relative."""
    infos = evidence.panel.infos
    mine = infos[suspect.members[0]].lineage
    return tuple(
        line
        for line in lines
        if not set(line.members) & set(teacher.members)
        and all(infos[m].lineage != mine for m in line.members)
    )


def _party(evidence: Evidence, line: Line) -> Party:
    packs = [evidence.panel.packs[m] for m in line.members]
    first = packs[0].info
    return Party(
        name=line.name,
        lineage=first.lineage,
        vendor=first.vendor,
        suites=tuple(sorted({p.suite for p in packs})),
        versions=tuple(p.info.name for p in packs),
        n_responses=sum(len(p) for p in packs),
        released=first.released if len(packs) == 1 else None,
        lineage_known=all(p.info.lineage_known for p in packs),
    )


def _background(evidence: Evidence, found: Assessment) -> tuple[ModelInfo, ...]:
    infos = evidence.panel.infos
    return tuple(infos[m] for members in found.groups.values() for m in members)


def _cap_reason(found: Assessment, calibration: Calibration) -> str:
    if found.missing:
        return found.missing
    n = len(found.groups)
    text = (
        f"no false pair among {calibration.null_lineages} independent lineages in calibration "
        f"bounds the evidence at {10 ** calibration.cap10(FULL_BACKGROUND):.1f} times"
    )
    if n < FULL_BACKGROUND:
        text += f", and this run has {n} background lineages where {FULL_BACKGROUND} are usual"
    if not found.paired:
        text = "without common prompts only pooled style is left, which supports next to nothing"
    return text


def _ranking(
    evidence: Evidence,
    asked: str,
    found: Assessment,
    others: Mapping[str, Assessment],
    label: VerdictLabel,
) -> tuple[RankingRow, ...]:
    infos = evidence.panel.infos
    everyone = {asked: found, **others}
    rows = []
    for name, item in everyone.items():
        vendor = infos[item.teacher].vendor
        if item.impossible:
            rows.append(RankingRow(name, None, None, IMPOSSIBLE, vendor, item.impossible))
            continue
        own = label if name == asked else item.decided
        if own is VerdictLabel.SUPPORTED and name != asked:
            # what is quoted from the ranking stands under the same rule as the answer
            rest = {n: other for n, other in everyone.items() if n != name}
            rivals = of_other_vendors(evidence, item, rest)
            own = final_label(own, alternatives(evidence, item, rivals))
        llr10 = strengthened(evidence, item)
        rows.append(RankingRow(name, llr10, item.share, str(own), vendor, item.missing))
    raw = {name: together(evidence, item) for name, item in everyone.items()}
    order = {name: -np.inf if value is None else value for name, value in raw.items()}
    return tuple(sorted(rows, key=lambda r: (-order[r.teacher], r.teacher)))


def _domains(
    evidence: Evidence, found: Assessment, calibration: Calibration
) -> tuple[DomainResult, ...]:
    if not found.paired or found.share is None:
        return ()
    names = np.array(evidence.panel.domains)
    shared = evidence.panel.both(found.suspect, found.teacher)
    _, shared = evidence.common(found.groups, shared)
    wanted = sorted(set(names[shared].tolist()) - {""})
    if len(wanted) < 2:
        return ()
    results = []
    for domain in wanted:
        mask = shared & (names == domain)
        n = int(mask.sum())
        share = None
        if n >= MIN_PROMPTS:
            score = evidence.score(FUSED[0], found.suspect, found.teacher, found.groups, mask)
            broad = is_broad(n, len(found.groups)) and found.guard is None
            share = share_of(score, calibration, broad=broad)
        results.append(DomainResult(domain, share, n))
    return tuple(results)


def _answer(verdict: Verdict, found: Assessment) -> str:
    suspect, teacher = verdict.suspect.name, verdict.teacher.name
    if found.impossible:
        return (
            f"The release dates on record exclude that {suspect} learned from {teacher}: "
            f"{found.impossible}."
        )
    if verdict.verdict is VerdictLabel.INSUFFICIENT:
        return (
            f"There is not enough data to say whether {suspect} learned from {teacher}: "
            f"{found.missing}."
        )
    assert found.llr10 is not None
    if verdict.verdict is VerdictLabel.SUPPORTED:
        return (
            f"{suspect} appears closer to {teacher} than unrelated models are, which is consistent "
            "with training on its outputs or on data derived from them."
        )
    if verdict.verdict is VerdictLabel.NOT_SUPPORTED:
        return (
            f"{suspect} appears no closer to {teacher} than unrelated models are: these outputs do "
            "not support that it learned from it."
        )
    if found.llr10 >= 0.3:
        return (
            f"{suspect} appears somewhat closer to {teacher} than unrelated models are, but not "
            "enough, or not clearly enough, to support that it learned from it."
        )
    return (
        f"These outputs do not tell whether {suspect} learned from {teacher}: it appears about as "
        "close as unrelated models are."
    )


def _limitations(
    evidence: Evidence, verdict: Verdict, found: Assessment, suspect: Line, teacher: Line
) -> tuple[str, ...]:
    infos = evidence.panel.infos
    mine, theirs = infos[found.suspect], infos[found.teacher]
    notes = []
    if not found.paired and found.missing is None:
        notes.append(
            f"Only {found.n_prompts} prompts are common, where {MIN_PROMPTS} are needed to pair "
            "answers: pooled style is the only channel left, the weakest one, and no share can be "
            "given. Collect both models' answers to the same prompts."
        )
    if found.guard:
        notes.append(f"The suspect's format is unusual: {found.guard}.")
    if found.missing is None:
        if found.n_prompts < DECIDING_PROMPTS and found.paired:
            notes.append(
                f"{found.n_prompts} common prompts: below {DECIDING_PROMPTS} neither supported nor "
                "not supported is said, since few prompts mislead more often."
            )
        if len(found.groups) < DECIDING_LINEAGES:
            notes.append(
                f"{len(found.groups)} independent background lineages: below {DECIDING_LINEAGES} "
                "neither supported nor not supported is said, however many prompts there are."
            )
        notes.append(
            "The background is presumed not to have learned from the teacher; a background model "
            "that did would hide the signal."
        )
    if strengthened(evidence, found) != found.llr10:
        notes.append(
            "What the suspect says of its maker adds to the strength, by no more than the text "
            "does and without a say in the label: the web teaches such claims too."
        )
    notes += _beside([c.name for c in verdict.channels if c.name in KINDS])
    late = theirs.released and mine.released and is_later(theirs.released, mine.released)
    if late and not found.impossible:
        notes.append(
            f"{theirs.name} was released after the suspect ({theirs.released} against "
            f"{mine.released}): it can only stand for earlier versions of its line."
        )
    unknown = [info.name for info in (mine, theirs) if not info.lineage_known]
    if unknown:
        notes.append(
            f"Nothing is known of the lineage of {' and '.join(unknown)}: each counts as its own; "
            "give --lineages FILE if it is related to another model here."
        )
    shared = evidence.panel.both(found.suspect, found.teacher)
    kinds = {evidence.panel.domains[p] for p in np.flatnonzero(shared)}
    if len(kinds) == 1 and kinds != {""}:
        notes.append(f"The prompts are of one kind ({kinds.pop()}): other kinds may differ.")
    notes.append(
        "The calibration rests on students of OpenAI models of 2023 and 2024; for other teachers "
        "and later models its error rates are not measured."
    )
    notes.append(
        "Text can be laundered by paraphrase, reformatting or a system prompt, so a low value "
        "does not clear a model; and the share is one of behaviour on these prompts, not of "
        "training data."
    )
    systems = any(
        evidence.panel.packs[m].manifest.get("systems") for m in (found.suspect, found.teacher)
    )
    if systems:
        notes.append(
            "System prompts were in use, which change form: they should be the same for both."
        )
    differing = _sampled_differently(
        *(evidence.panel.packs[m].manifest.get("sampling") for m in (found.suspect, found.teacher))
    )
    if differing:
        notes.append(
            f"The two were sampled differently ({differing}), which moves them apart: collect both "
            "with the same settings."
        )
    bad = len(verdict.problems)
    if bad:
        notes.append(f"{bad} lines of the inputs could not be used or were changed on reading.")
    if len(suspect.members) > 1 or len(teacher.members) > 1:
        notes.append(f"Of several versions the closest counts: {theirs.name}.")
    return tuple(notes)


def _beside(channels: Sequence[str]) -> list[str]:
    """Say of the channels that findings bring what they are."""
    return [BESIDE.format(f"The channels of findings ({', '.join(channels)})")] if channels else []


def _sampled_differently(mine: Any, theirs: Any) -> str:
    """Say how the settings that took effect differ; nothing where they are not known of both."""
    known = [
        given.get("effective", given) if isinstance(given, Mapping) else {}
        for given in (mine, theirs)
    ]
    if not all(isinstance(settings, Mapping) for settings in known):
        return ""
    one, two = known
    return ", ".join(
        f"{name} {one[name]} against {two[name]}"
        for name in SAMPLING
        if isinstance(one.get(name), int | float)
        and isinstance(two.get(name), int | float)
        and one[name] != two[name]
    )

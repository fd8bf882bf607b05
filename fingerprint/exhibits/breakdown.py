"""Breakdown: the share by the language of the answers, as the verdict has it by domain."""

from __future__ import annotations

import numpy as np

from fingerprint.assessment import assess
from fingerprint.comparison import Case
from fingerprint.records import MIN_PROMPTS, DomainResult
from fingerprint.style import LANGUAGES


def by_language(case: Case, teacher: int) -> tuple[DomainResult, ...]:
    """Read the share in every language of the common prompts.

    A prompt counts for the language that most answers of the two parties are written in. Empty when
    there is one language only: the share of the verdict is then that of the language.

    Parameters
    ----------
    case : Case
    teacher : int
        The version of the teacher that the verdict rests on.
    """
    run = case.run
    panel = run.panel
    suspect = case.suspect.members[0]
    shared = panel.both(suspect, teacher)
    spoken = np.zeros(len(panel.prompts), dtype=np.int64)
    for p in np.flatnonzero(shared):
        answers = [panel.packs[m].units.language[panel.rows[m][p]] for m in (suspect, teacher)]
        spoken[p] = np.bincount(np.concatenate(answers), minlength=len(LANGUAGES)).argmax()
    codes = sorted(set(spoken[shared].tolist()) - {0}, key=lambda code: LANGUAGES[code])
    if len(codes) < 2:
        return ()
    found = []
    for code in codes:
        mask = shared & (spoken == code)
        n = int(mask.sum())
        share = None
        if n >= MIN_PROMPTS:
            share = assess(run.evidence, suspect, [teacher], run.calibration, mask).share
        found.append(DomainResult(LANGUAGES[code], share, n))
    return tuple(found)

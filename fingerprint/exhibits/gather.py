"""Gather: every exhibit of one case."""

from __future__ import annotations

from fingerprint.assessment import assess
from fingerprint.comparison import Case
from fingerprint.exhibits.breakdown import by_language
from fingerprint.exhibits.kinship import tree
from fingerprint.exhibits.passages import held_texts, passages
from fingerprint.exhibits.prospects import prospects
from fingerprint.exhibits.records import Exhibits

NO_TEXT = "Text was left out of this report on purpose."
NO_TEXT_HELD = (
    "No text is shown: the library and packs hold numbers in place of text. Give outputs instead "
    "of packs to see the responses side by side."
)
TEXT_SHOWN = (
    "Texts are those of the outputs given; models known from packs or from the library have none. "
    "The first sample of each model is shown."
)


def gather(case: Case, *, text: bool = True) -> Exhibits:
    """Compute what a report shows beyond the verdict.

    Parameters
    ----------
    case : Case
        From `comparison.examine`.
    text : bool
        Whether prompts and responses may be shown. With False nothing of any text is in what comes
        back.
    """
    run = case.run
    found = assess(run.evidence, case.suspect.members[0], case.teacher.members, run.calibration)
    usable = found.missing is None and found.paired
    prompts = passages(case, found, held_texts(case)) if text and usable else ()
    note = TEXT_SHOWN if prompts else NO_TEXT_HELD if text else NO_TEXT
    return Exhibits(
        sample_size=prospects(case, found) if usable else None,
        languages=by_language(case, found.teacher) if usable else (),
        tree=tree(case),
        prompts=prompts,
        text_note=note,
    )

"""The memo: a forensic statement of two to three pages, as a document that has no format yet.

`memo_markdown`, `memo_word` and `memo_pdf` write it. What is built here has passed the linter of
`prose`: a memo that says too much does not come into being.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fingerprint.records import IMPOSSIBLE, Party, Verdict, VerdictLabel
from fingerprint.report import words
from fingerprint.report.memo_texts import (
    CITATION,
    METHOD,
    PROPOSITIONS,
    REFERENCES,
    SCALE,
    SCALE_INTRODUCED,
    STATEMENT,
    change_of_mind,
)
from fingerprint.report.prose import Figures, check
from fingerprint.report.safe import clean
from fingerprint.report.serialise import verdict_to_dict

NAME_WIDTH = 60
LONGEST = 1_200
TEACHERS_LISTED = 8
NAMES_LISTED = 12


@dataclass(frozen=True, slots=True)
class Quoted:
    """A name from the inputs: set apart, never checked, since it may be any words."""

    text: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """Our own standing text: its figures belong to the method, not to the findings."""

    text: str


Runs = tuple[str | Quoted | Fixed, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph."""

    runs: Runs


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; ``numbered`` for references."""

    items: tuple[Runs, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head; ``widths`` are parts of the line."""

    head: tuple[str, ...]
    rows: tuple[tuple[Runs, ...], ...]
    widths: tuple[int, ...]


Block = Paragraph | Bullets | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A part with its heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Memo:
    """The statement."""

    title: str
    subject: Runs
    summary: Runs
    """The answer, before everything else."""
    sections: tuple[Section, ...]


def build_memo(verdict: Verdict, verdict_sha256: str) -> Memo:
    """Write the statement on a verdict.

    Parameters
    ----------
    verdict : Verdict
        Every text in it is taken as hostile.
    verdict_sha256 : str
        Of the bytes of the verdict's JSON.

    Raises
    ------
    ReportError
        When a sentence says what the numbers do not carry (`prose.check`).
    """
    memo = Memo(
        title="Statement on the similarity of two language models",
        subject=(_name(verdict.suspect.name), " and ", _name(verdict.teacher.name)),
        summary=(f"Conclusion: {words.label(verdict.verdict)}. ", _told(verdict.answer)),
        sections=(
            Section("Question", tuple(_question(verdict))),
            Section("Material", tuple(_material(verdict, verdict_sha256))),
            Section("Method", tuple(Paragraph((Fixed(text),)) for text in METHOD)),
            Section("Findings", tuple(_findings(verdict))),
            Section("Alternatives considered", tuple(_alternatives(verdict))),
            Section("Limits", (Bullets(tuple((_told(t),) for t in verdict.limitations)),)),
            Section("What would change the conclusion", tuple(_change(verdict))),
            Section("Statement", (Paragraph((Fixed(STATEMENT),)),)),
            Section(
                "References", (Bullets(tuple((Fixed(r),) for r in REFERENCES), numbered=True),)
            ),
            Section("How to cite", tuple(_citation(verdict, verdict_sha256))),
        ),
    )
    check(_sentences(memo), Figures(verdict_to_dict(verdict)), _names(verdict))
    return memo


def _name(text: str) -> Quoted:
    return Quoted(clean(text, NAME_WIDTH, keep_end=True))


def _told(text: str) -> str:
    """Take a sentence of the verdict as it stands."""
    return clean(text, LONGEST)


def _question(verdict: Verdict) -> Iterator[Block]:
    suspect, teacher = _name(verdict.suspect.name), _name(verdict.teacher.name)
    yield Paragraph(
        (
            "Did the language model ",
            suspect,
            " (the suspect) learn from the outputs of ",
            teacher,
            " (the teacher)? Two propositions are compared:",
        )
    )
    yield Bullets(tuple((Fixed(text),) for text in PROPOSITIONS))


def _material(verdict: Verdict, verdict_sha256: str) -> Iterator[Block]:
    lineages = len({model.lineage for model in verdict.background})
    yield Paragraph(
        (
            f"Text answers to {words.count(verdict.n_prompts, 'common prompt')} were compared. ",
            "Suspect: ",
            *_party(verdict.suspect),
            ". Teacher: ",
            *_party(verdict.teacher),
            ".",
        )
    )
    named: list[str | Quoted | Fixed] = []
    for model in verdict.background[:NAMES_LISTED]:
        named += [", " if named else "", _name(model.name)]
    if len(verdict.background) > NAMES_LISTED:
        named.append(" and others")
    models = words.count(len(verdict.background), "model")
    yield Paragraph(
        (
            f"Background, to show what agreement by chance looks like: {models} of "
            f"{words.count(lineages, 'independent lineage')}",
            *((": ", *named) if named else ()),
            ".",
        )
    )
    yield Paragraph(
        (
            f"All {words.count(len(verdict.inputs), 'input')} with their SHA-256 are listed in the "
            "verdict file, whose own SHA-256 is ",
            Quoted(verdict_sha256),
            ".",
        )
    )


def _party(party: Party) -> Iterator[str | Quoted | Fixed]:
    yield _name(party.name)
    if party.vendor:
        yield " by "
        yield _name(party.vendor)
    if party.released:
        yield " (released "
        yield _name(party.released)
        yield ")"
    yield f", {words.count(party.n_responses, 'response')}"
    if not party.lineage_known:
        yield ", of unknown lineage"


def _findings(verdict: Verdict) -> Iterator[Block]:
    llr10, share, cap = words.evidence(verdict), words.attributed(verdict), words.cap(verdict)
    if llr10 is None:
        yield Paragraph(("No likelihood ratio is given: ", _told(verdict.cap_reason), "."))
    else:
        said = words.more_probable(llr10, "the suspect", "the teacher")
        most = f" At most {words.at_most(cap)} can be said either way: " if cap is not None else ""
        yield Paragraph(
            (
                f"What is seen is {said} (log10 likelihood ratio {words.signed(llr10)}): "
                f"{verdict.verbal} on the verbal scale below.{most}",
                *((_told(verdict.cap_reason), ".") if most else ()),
            )
        )
    if share is not None:
        yield Paragraph(
            (
                f"The share of the suspect's behaviour on these prompts that is attributable to "
                f"the teacher is estimated at {share.estimate:.2f}, with a "
                f"{words.percent(share.level)} interval from {share.low:.2f} to {share.high:.2f}. ",
                Fixed(
                    "0 is like independent models, 1 like a model trained on this teacher's "
                    "outputs alone."
                ),
            )
        )
    yield Table(
        ("Channel", "Score (interval)", "log10 LR", "Prompts"),
        tuple(_channel_rows(verdict)),
        (4, 6, 2, 2),
    )
    if verdict.ranking:
        yield Paragraph(("Teachers on the same prompts, the strongest first:",))
        yield Table(
            ("Teacher", "log10 LR", "Share (interval)", "Verdict"),
            tuple(_ranking_rows(verdict)),
            (5, 2, 5, 4),
        )
    yield Paragraph((Fixed(SCALE_INTRODUCED),))
    yield Table(
        ("Likelihood ratio", "Verbal equivalent"),
        tuple(((Fixed(ratio),), (Fixed(term),)) for ratio, term in SCALE),
        (1, 1),
    )


def _channel_rows(verdict: Verdict) -> Iterator[tuple[Runs, ...]]:
    missing = []
    for channel in verdict.channels:
        name = clean(channel.name.replace("_", " "), NAME_WIDTH)
        if channel.score is None:
            missing.append(name)
            continue
        score = f"{channel.score:.3f}"
        if channel.low is not None and channel.high is not None:
            score += f" ({words.interval(channel.low, channel.high, 3)})"
        llr10 = "-" if channel.llr10 is None else words.signed(channel.llr10)
        yield ((Quoted(name),), (score,), (llr10,), (f"{channel.n_prompts:,}",))
    if missing:
        yield ((Quoted(", ".join(missing)),), ("not measured",), ("-",), ("-",))


def _ranking_rows(verdict: Verdict) -> Iterator[tuple[Runs, ...]]:
    rows = sorted(verdict.ranking, key=words.strongest_first)
    asked = [row for row in rows if row.teacher == verdict.teacher.name]
    listed = rows[:TEACHERS_LISTED]
    for row in listed + [row for row in asked if row not in listed]:
        value, share = words.evidence(row), words.attributed(row)
        if row.verdict == IMPOSSIBLE:
            verdict_said = "released after the suspect"
        else:
            verdict_said = words.label(row.verdict)
        interval = (
            "-"
            if share is None
            else f"{share.estimate:.2f} ({words.interval(share.low, share.high)})"
        )
        number = "-" if value is None else words.signed(value)
        yield ((_name(row.teacher),), (number,), (interval,), (verdict_said,))


def _alternatives(verdict: Verdict) -> Iterator[Block]:
    yield Table(
        ("Explanation", "Status", "Why"),
        tuple(
            ((_told(item.name),), (str(item.status),), (_told(item.why),))
            for item in verdict.alternatives
        ),
        (4, 2, 9),
    )


def _change(verdict: Verdict) -> Iterator[Block]:
    lineages = len({model.lineage for model in verdict.background})
    yield Bullets(
        tuple(
            (Fixed(text),)
            for text in change_of_mind(
                verdict.n_prompts, lineages, verdict.verdict is VerdictLabel.SUPPORTED
            )
        )
    )


def _citation(verdict: Verdict, verdict_sha256: str) -> Iterator[Block]:
    yield Paragraph(
        (
            "fingerprint, version ",
            _name(verdict.version),
            Fixed(CITATION),
            "Verdict on ",
            _name(verdict.suspect.name),
            " and ",
            _name(verdict.teacher.name),
            ", seed ",
            str(verdict.seed),
            ", SHA-256 ",
            Quoted(verdict_sha256),
            ".",
        )
    )


def _sentences(memo: Memo) -> Iterator[str]:
    """Give the prose of a memo, what is quoted or fixed taken out."""
    yield memo.title
    yield "".join(run for run in memo.summary if isinstance(run, str))
    for section in memo.sections:
        yield section.title
        for block in section.blocks:
            for runs in _runs(block):
                yield "".join(run for run in runs if isinstance(run, str))


def _runs(block: Block) -> Iterator[Runs]:
    if isinstance(block, Paragraph):
        yield block.runs
    elif isinstance(block, Bullets):
        yield from block.items
    else:
        yield block.head
        for row in block.rows:
            yield from row


def _names(verdict: Verdict) -> Iterator[str]:
    for party in (verdict.suspect, verdict.teacher):
        yield from (party.name, party.lineage, party.vendor or "", *party.versions, *party.suites)
    for model in verdict.background:
        yield from (model.name, model.lineage)
    yield from (row.teacher for row in verdict.ranking)
    yield from (item.domain for item in verdict.domains)
    yield from (source.path for source in verdict.inputs)

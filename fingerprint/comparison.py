"""Comparison: from SPECs to verdicts. `compare` and `matrix` are the public API of the main job.

`examine` is `compare` with everything kept that a report and an evidence bundle need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.alternatives import alternatives, final_label, of_other_vendors
from fingerprint.assembly import Run, assemble
from fingerprint.assessment import Assessment, assess
from fingerprint.calibration import Calibration
from fingerprint.corroboration import strengthened
from fingerprint.errors import ComparisonError
from fingerprint.evidence import DRAWS
from fingerprint.findings import Finding, read_finding
from fingerprint.models import read_lineages
from fingerprint.panel import Panel
from fingerprint.records import MIN_PROMPTS, MatrixRow, Verdict, VerdictLabel
from fingerprint.specs import Loaded, Loader
from fingerprint.verdict import Line, contenders, judge

SEED = 20260101
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked of `compare`: with the packs, all that decides the verdict."""

    suspect: str
    teacher: str
    background: tuple[str, ...]
    stated: Mapping[str, tuple[str, str | None]]
    """Lineage and vendor of models as the user states them (``--lineages``)."""
    seed: int
    draws: int
    unpaired: bool
    findings: tuple[Finding, ...] = ()
    """What was found of weights or in logs (``--finding``)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A verdict with what it rests on: the run, the two parties, and what every SPEC stood for."""

    question: Question
    verdict: Verdict
    run: Run
    suspect: Line
    teacher: Line
    loader: Loader


def compare(
    suspect: str | Path,
    teacher: str | Path,
    *,
    background: Sequence[str | Path] = (),
    lineages: str | Path | Mapping[str, tuple[str, str | None]] | None = None,
    key: bytes | None = None,
    seed: int = SEED,
    draws: int = DRAWS,
    unpaired: bool = False,
    strict: bool = False,
    prompts: Sequence[str] = (),
    findings: Sequence[str | Path] = (),
) -> Verdict:
    """Compare a suspect with a teacher against a background of unrelated models.

    Parameters
    ----------
    suspect, teacher : str or path
        SPECs: a name in the library (``kimi``, ``ref_claude@opus``, ``ref_gpt:alpaca_eval``),
        outputs, a pack, or a folder of these.
    background : sequence of SPEC
        Unrelated models; default the library's on the same prompts.
    lineages : path or mapping, optional
        A TSV of model, lineage, vendor, or the same as a mapping.
    key : bytes, optional
        HMAC key, when the packs are keyed.
    seed : int
        Of the bootstrap; it is in the verdict.
    draws : int
        Bootstrap draws.
    unpaired : bool
        Allow a comparison without any common prompt, by pooled style alone.
    strict : bool
        Stop at the first bad line of the inputs.
    prompts : sequence of str
        Suites or files with the prompts that live models (``local:FOLDER``) are asked.
    findings : sequence of path
        What ``fingerprint score --finding``, ``fingerprint weights`` and ``fingerprint logs
        bridge`` wrote of weights and logs (docs/weights.md, docs/bridge.md).

    Returns
    -------
    Verdict

    Raises
    ------
    FingerprintError
        When the inputs cannot be read or the two cannot be compared; the message says what to do.
    """
    return examine(
        suspect,
        teacher,
        background=background,
        lineages=lineages,
        key=key,
        seed=seed,
        draws=draws,
        unpaired=unpaired,
        strict=strict,
        prompts=prompts,
        findings=findings,
    ).verdict


def examine(
    suspect: str | Path,
    teacher: str | Path,
    *,
    background: Sequence[str | Path] = (),
    lineages: str | Path | Mapping[str, tuple[str, str | None]] | None = None,
    key: bytes | None = None,
    seed: int = SEED,
    draws: int = DRAWS,
    unpaired: bool = False,
    strict: bool = False,
    prompts: Sequence[str] = (),
    findings: Sequence[str | Path] = (),
) -> Case:
    """Compare as `compare` does, and keep what the verdict rests on.

    Parameters and errors are those of `compare`.

    Returns
    -------
    Case
        For `fingerprint.dossier.write_report` and `fingerprint.bundle.make`.
    """
    stated = _stated(lineages)
    question = Question(
        suspect=str(suspect),
        teacher=str(teacher),
        background=tuple(str(b) for b in background),
        stated=stated,
        seed=seed,
        draws=draws,
        unpaired=unpaired,
        findings=tuple(read_finding(Path(path)) for path in findings),
    )
    return answer(question, Loader(stated, key, strict, prompts=tuple(prompts)))


def answer(question: Question, loader: Loader, calibration: Calibration | None = None) -> Case:
    """Answer a question with the packs that the loader has.

    Parameters
    ----------
    question : Question
    loader : Loader
    calibration : Calibration, optional
        Default the shipped one.
    """
    suspects = loader.load(question.suspect)
    teachers = loader.load(question.teacher)
    run = assemble(
        loader,
        [suspects],
        [teachers],
        question.background,
        question.seed,
        question.draws,
        calibration,
    )
    one = _only(run.suspects, suspects, "suspect")
    asked = _joined(run, teachers)
    _check_pair(run.panel, one, asked, question.unpaired)
    verdict = judge(
        run.evidence,
        one,
        asked,
        run.rivals,
        run.calibration,
        inputs=run.sources,
        problems=run.problems,
        seed=question.seed,
        findings=question.findings,
    )
    return Case(question, verdict, run, one, asked, loader)


def matrix(
    suspects: Sequence[str | Path],
    teachers: Sequence[str | Path],
    *,
    background: Sequence[str | Path] = (),
    lineages: str | Path | Mapping[str, tuple[str, str | None]] | None = None,
    key: bytes | None = None,
    seed: int = SEED,
    draws: int = DRAWS,
    strict: bool = False,
    prompts: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[MatrixRow, ...]:
    """Compare every suspect with every teacher in one pass.

    Parameters are those of `compare`; a SPEC of files stands for each model in it, a library name
    for one teacher with its versions. Pairs that cannot be compared are rows with
    ``insufficient_data`` and a reason.

    Returns
    -------
    tuple of MatrixRow
        In the order of the suspects, then of the teachers.
    """
    report = progress or (lambda what, done, total: None)
    loader = Loader(_stated(lineages), key, strict, prompts=tuple(prompts))
    specs = [str(s) for s in (*suspects, *teachers)]
    loaded = []
    for i, spec in enumerate(specs):
        report("reading", i, len(specs))
        loaded.append(loader.load(spec))
    report("measuring agreement", 0, 1)
    run = assemble(
        loader,
        loaded[: len(suspects)],
        loaded[len(suspects) :],
        [str(b) for b in background],
        seed,
        draws,
    )
    rows = []
    for i, suspect in enumerate(run.suspects):
        report("judging", i, len(run.suspects))
        rows += _matrix_rows(run, suspect)
    report("judging", len(run.suspects), len(run.suspects))
    return tuple(rows)


def _only(lines: Sequence[Line], loaded: Loaded, role: str) -> Line:
    members = [m for line in lines for m in line.members]
    if len(members) == 1:
        return lines[0]
    names = sorted({pack.info.name for pack in loaded.packs})
    raise ComparisonError(
        f"expected one {role}, {loaded.spec} holds {len(names)} models: {', '.join(names[:12])}; "
        "narrow it (name@version, or one file), or use `fingerprint matrix` for many"
    )


def _joined(run: Run, loaded: Loaded) -> Line:
    """Take the models of one SPEC as versions of one teacher; they must be of one lineage."""
    members = tuple(dict.fromkeys(m for line in run.teachers for m in line.members))
    names = {run.panel.infos[m].lineage for m in members}
    if len(names) > 1:
        raise ComparisonError(
            f"expected one teacher, {loaded.spec} holds {len(names)} lineages: "
            f"{', '.join(sorted(names)[:12])}; name one of them, or use `fingerprint matrix`"
        )
    if len(run.teachers) == 1:
        return run.teachers[0]
    return Line(Path(loaded.spec).stem, members)


def _check_pair(panel: Panel, suspect: Line, teacher: Line, unpaired: bool) -> None:
    infos = panel.infos
    mine = infos[suspect.members[0]]
    if set(suspect.members) & set(teacher.members):
        raise ComparisonError(
            f"{suspect.name} is compared with itself; expected another model as teacher"
        )
    for m in teacher.members:
        if infos[m].lineage == mine.lineage:
            raise ComparisonError(
                f"{mine.name} and {infos[m].name} are of one lineage ({mine.lineage}): a model is "
                "close to its own relatives whatever it learned from; name a teacher of another "
                "lineage, or state other lineages with --lineages FILE"
            )
    shared = max(panel.shared(suspect.members[0], m) for m in teacher.members)
    if shared == 0 and not unpaired:
        raise ComparisonError(
            f"{suspect.name} and {teacher.name} have no prompt in common, and {MIN_PROMPTS} are "
            "needed; prompts pair by their text (case and white space aside): collect both on "
            "one suite, or pass --unpaired to compare pooled style alone, which supports next to "
            "nothing"
        )


def _matrix_rows(run: Run, suspect: Line) -> list[MatrixRow]:
    measured: dict[tuple[int, ...], Assessment] = {}

    def measure(line: Line) -> Assessment:
        if line.members not in measured:
            measured[line.members] = assess(
                run.evidence, suspect.members[0], line.members, run.calibration
            )
        return measured[line.members]

    rows = []
    for teacher in run.teachers:
        reason = _incomparable(run.panel, suspect, teacher)
        if reason is not None:
            rows.append(_no_row(suspect.name, teacher.name, reason))
        else:
            rows.append(_row(run, suspect, teacher, measure))
    return rows


def _incomparable(panel: Panel, suspect: Line, teacher: Line) -> str | None:
    """Say why `compare` would refuse the pair, or return None."""
    infos = panel.infos
    member = suspect.members[0]
    if any(infos[t].lineage == infos[member].lineage for t in teacher.members):
        return f"one lineage ({infos[member].lineage})"
    if len(suspect.members) > 1:
        return "several models under one name: narrow it with name@version"
    if not any(panel.shared(member, t) for t in teacher.members):
        return "no prompt in common"
    return None


def _row(
    run: Run, suspect: Line, teacher: Line, measure: Callable[[Line], Assessment]
) -> MatrixRow:
    item = measure(teacher)
    label = item.decided
    late = None if item.impossible is None else f"released after the suspect: {item.impossible}"
    if label is VerdictLabel.INSUFFICIENT:
        reason = "; ".join(filter(None, (late, item.missing)))
        return _no_row(suspect.name, teacher.name, reason)
    if label is VerdictLabel.SUPPORTED:
        # the same rivals as in `judge`, so that a pair has one label wherever it is asked about
        lines = contenders(run.evidence, suspect, teacher, run.rivals)
        rivals = of_other_vendors(run.evidence, item, {line.name: measure(line) for line in lines})
        label = final_label(label, alternatives(run.evidence, item, rivals))
    llr10 = strengthened(run.evidence, item)
    return MatrixRow(suspect.name, teacher.name, llr10, item.cap10, item.share, str(label), late)


def _no_row(suspect: str, teacher: str, reason: str) -> MatrixRow:
    label = str(VerdictLabel.INSUFFICIENT)
    return MatrixRow(suspect, teacher, None, None, None, label, reason)


def _stated(
    lineages: str | Path | Mapping[str, tuple[str, str | None]] | None,
) -> Mapping[str, tuple[str, str | None]]:
    if lineages is None:
        return {}
    return read_lineages(lineages) if isinstance(lineages, str | Path) else lineages

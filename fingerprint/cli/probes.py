"""`fingerprint probes`: the suites of prompts that models are asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerprint.cli.options import Format, FormatOption, note, stdout_console

if TYPE_CHECKING:
    from rich.text import Text

    from fingerprint.probes import Probe
    from fingerprint.probes.validate import Validation

app = typer.Typer(no_args_is_help=True, help="List, show, validate and generate suites of probes.")

MOST_PROBLEMS = 20
"""Problems of a suite that are listed; the rest are counted."""
MOST_COLUMNS = 2000

SuiteArgument = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite that ships, a file, or hf:OWNER/NAME.")
]


@app.command("list")
def list_command(output_format: FormatOption = Format.TEXT) -> None:
    """List the suites that ship: probes by domain, language and kind."""
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from fingerprint.probes import challenge, shipped_suites
    from fingerprint.report import dumps

    suites = shipped_suites().values()
    if output_format is Format.JSON:
        sys.stdout.write(dumps([asdict(suite) for suite in suites]))
        return
    console = stdout_console()
    for suite in suites:
        quick = f", {suite.quick} of them quick" if suite.quick else ""
        console.print(Text(f"\n{suite.name} {suite.version}", style="bold"), end="")
        console.print(f": {suite.probes} probes{quick}, {suite.licence}")
        console.print(suite.about)
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for field in ("domains", "languages", "kinds"):
            counts: dict[str, int] = getattr(suite, field)
            shown = ", ".join(f"{name} {n}" for name, n in counts.items())
            table.add_row(Text(field, style="dim"), Text(shown))
        console.print(table)
    console.print(Text("\nchallenge", style="bold"), end="")
    console.print(": generated from a seed by `fingerprint probes generate`")
    console.print(f"The grammar makes {challenge.size():,} different prompts over eight domains.")


@app.command("show")
def show_command(
    suite: SuiteArgument,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Only these prompt ids.")
    ] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="Only this domain.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Only this language.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Only this group.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only the quick subset.")] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Show the probes of a suite."""
    import difflib

    from fingerprint.errors import UnknownNameError
    from fingerprint.probes import load_suite, select

    found = load_suite(suite, quick=quick)
    chosen = select(found, domain=domain, language=language, kind=kind, group=group, ids=ids)
    missing = [name for name in ids or () if name not in {p.prompt_id for p in chosen}]
    if missing or not chosen:
        known = [probe.prompt_id for probe in found.probes]
        near = difflib.get_close_matches(missing[0] if missing else "", known, 3, 0.5)
        what = f"no probe {missing[0][:80]!r}" if missing else "no probe that fits the options"
        raise UnknownNameError(
            f"{suite}: {what} among {len(known)}; for example: {', '.join(near or known[:3])}"
        )
    if output_format is Format.JSON:
        from fingerprint.report import dumps

        sys.stdout.write(dumps([_record(probe) for probe in chosen]))
        return
    console = stdout_console()
    for probe in chosen:
        console.print(_shown(probe))
    _echo(f"{len(chosen)} of {len(found)} probes; sha256 {found.sha256}")


@app.command("validate")
def validate_command(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE]...", help="Names or files; without any, all that ship."),
    ] = None,
    commitment: Annotated[
        str | None,
        typer.Option("--commitment", help="Published commitment of a challenge suite (one file)."),
    ] = None,
) -> None:
    """Check suites: fields, ids, duplicates, languages, answers, and the hashes of those that ship.

    A challenge suite is generated again from its seed and compared byte for byte.
    """
    from fingerprint.errors import ProbesError
    from fingerprint.probes import shipped_suites
    from fingerprint.probes.suite import check_grammar
    from fingerprint.probes.validate import validate

    names = suites or list(shipped_suites())
    if commitment is not None and len(names) != 1:
        raise ProbesError(f"--commitment: expected one file, found {len(names)} suites")
    failed = 0
    for name in names:
        found = validate(name)
        failed += not _tell(found, commitment)
    if not suites:
        _echo(f"ok      challenge: grammar of generated suites, sha256 {check_grammar()}")
    if failed:
        raise ProbesError(f"{failed} of {len(names)} suites failed")


@app.command("generate")
def generate_command(
    out: Annotated[Path, typer.Option("--out", help="File to write, JSONL.")],
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Default: one of 128 bits is drawn, not guessable."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, max=10_000, help="Number of probes.")] = 120,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Generate a challenge suite from a seed, with a commitment to publish before its use."""
    import shlex

    from fingerprint.probes.challenge import draw_seed, generate, save
    from fingerprint.report import dumps

    made = generate(draw_seed() if seed is None else seed, n)
    save(made, out)
    if made.guessable:
        note("the seed is below 2^64 and can be found by trying; without --seed one is drawn")
    if output_format is Format.JSON:
        about = {
            "path": str(out),
            "probes": made.n,
            "seed": str(made.seed),
            "suite_sha256": made.sha256,
            "grammar_sha256": made.grammar_sha256,
            "commitment": made.commitment,
        }
        sys.stdout.write(dumps(about))
        return
    _echo(f"{out}: {made.n} probes, sha256 {made.sha256}")
    _echo(f"commitment  {made.commitment}")
    _echo(f"seed        {made.seed}")
    _echo("Publish the commitment before the first question; keep the file, which holds the seed,")
    _echo("to yourself until the report. Then anyone can check both:")
    _echo(f"fingerprint probes validate {shlex.quote(str(out))} --commitment {made.commitment}")


def _tell(found: Validation, commitment: str | None) -> bool:
    """Report one validation; say whether all is well."""
    again = found.challenge
    if commitment is not None and (again is None or again.commitment != commitment.lower()):
        state = "is no challenge suite" if again is None else f"commits to {again.commitment}"
        _echo(f"FAILED  {found.path}: {state}, not to {commitment}")
        return False
    if found.problems:
        _echo(f"FAILED  {found.name}: {found.probes} probes, problems: {len(found.problems)}")
        for problem in found.problems[:MOST_PROBLEMS]:
            _echo(f"        {problem}")
        if len(found.problems) > MOST_PROBLEMS:
            _echo(f"        and {len(found.problems) - MOST_PROBLEMS} more")
        return False
    kept = f", as seed {again.seed} gives it" if again is not None else ""
    held = ", as committed to" if commitment is not None else ""
    _echo(f"ok      {found.name}: {found.probes} probes, sha256 {found.sha256}{kept}{held}")
    return True


def _record(probe: Probe) -> dict[str, Any]:
    """Return a probe as its line in a suite has it."""
    from dataclasses import asdict

    record = asdict(probe)
    plain = len(probe.messages) == 1 + (probe.system is not None)
    return {
        name: value
        for name, value in record.items()
        if value not in (None, {}, False) and not (name == "messages" and plain)
    }


def _shown(probe: Probe) -> Text:
    """Lay a probe out for the terminal: its id and marks, then what is sent, line by line."""
    from rich.text import Text

    from fingerprint.report.safe import clean

    marks = [probe.domain, probe.language, probe.kind, probe.group, "quick" if probe.quick else ""]
    text = Text(clean(probe.prompt_id, 200), style="bold")
    text.append(f"  {clean(', '.join(filter(None, marks)), 400)}\n", style="dim")
    for turn in probe.messages:
        if len(probe.messages) > 1:
            text.append(f"  [{turn['role']}]\n", style="dim")
        for line in turn["content"].splitlines():
            text.append(f"  {clean(line, MOST_COLUMNS)}\n", style="not bold")
    if probe.answer is not None:
        text.append(f"  answer: {clean(probe.answer, 400)}\n", style="dim")
    return text


def _echo(text: str) -> None:
    from fingerprint.report.safe import clean

    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(clean(text, MOST_COLUMNS, ascii_only=ascii_only))

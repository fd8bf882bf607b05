"""`fingerprint compare`: one suspect, one teacher, one verdict, and maybe a report on it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli.options import (
    SPEC_HELP,
    BackgroundOption,
    DrawsOption,
    KeyOption,
    LineagesOption,
    PromptsOption,
    SeedOption,
    StrictOption,
    note,
    read_key,
    stdout_console,
)
from fingerprint.cli.report import NoTextOption, PlotsOption, plot_formats, say_written

if TYPE_CHECKING:
    from fingerprint.bundle.signatures import Signer
    from fingerprint.records import Verdict


class VerdictFormat(StrEnum):
    """How a verdict is written to stdout."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def compare_command(
    suspect: Annotated[str, typer.Option("--suspect", help=f"The model asked about. {SPEC_HELP}")],
    teacher: Annotated[
        str, typer.Option("--teacher", help=f"The model it may have learned from. {SPEC_HELP}")
    ],
    background: BackgroundOption = None,
    lineages: LineagesOption = None,
    output_format: Annotated[
        VerdictFormat, typer.Option("--format", help="How to write the verdict to stdout.")
    ] = VerdictFormat.TEXT,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder for a page, a memo and an evidence bundle."),
    ] = None,
    no_text: NoTextOption = False,
    include_text: Annotated[
        bool, typer.Option("--include-text", help="Put the outputs given into the bundle.")
    ] = False,
    plots: PlotsOption = None,
    sign: Annotated[
        Path | None,
        typer.Option("--sign", help="Ed25519 secret key to sign the bundle with."),
    ] = None,
    finding: Annotated[
        list[Path] | None,
        typer.Option(
            "--finding",
            help="What `score`, `weights` or `logs bridge` found and wrote (repeat).",
        ),
    ] = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare pooled style when no prompt is common.")
    ] = False,
    key_file: KeyOption = None,
    seed: SeedOption = 20260101,
    draws: DrawsOption = 200,
    strict: StrictOption = False,
    prompts: PromptsOption = None,
) -> None:
    """Say how much of the suspect appears distilled from the teacher, and how sure that is."""
    if report is None and (no_text or include_text or plots or sign):
        raise typer.BadParameter(
            "--no-text, --include-text, --plots and --sign are about a report: give --report FOLDER"
        )
    formats = plot_formats(plots)
    signer = None if sign is None else _signer(sign)
    from fingerprint.comparison import examine
    from fingerprint.errors import ComparisonError
    from fingerprint.records import MIN_LINEAGES

    case = examine(
        suspect,
        teacher,
        background=background or (),
        lineages=lineages,
        key=read_key(key_file),
        seed=seed,
        draws=draws,
        unpaired=unpaired,
        strict=strict,
        prompts=prompts or (),
        findings=finding or (),
    )
    verdict = case.verdict
    if verdict.problems:
        note(f"{len(verdict.problems)} lines of the inputs could not be used; see the verdict")
    _print(verdict, output_format)
    if report is not None:
        from fingerprint.dossier import write

        sys.stdout.flush()
        dossier = write(
            case,
            report,
            text=not no_text,
            include_text=include_text,
            plots=formats,
            signer=signer,
            command=("fingerprint", *sys.argv[1:]),
        )
        say_written(dossier)
    found = {info.lineage for info in verdict.background}
    if background and len(found) < MIN_LINEAGES:
        # The verdict is printed all the same: it says that the data do not suffice.
        sys.stdout.flush()
        raise ComparisonError(
            f"the background given has {len(found)} lineages that are unrelated to both and share "
            f"their prompts ({', '.join(sorted(found)) or 'none'}), and {MIN_LINEAGES} are needed; "
            "add models of other lineages with --background, or leave it out to use the library's"
        )


def _print(verdict: Verdict, output_format: VerdictFormat) -> None:
    from fingerprint.report import dumps, render_markdown, render_verdict, verdict_to_dict

    if output_format is VerdictFormat.JSON:
        sys.stdout.write(dumps(verdict_to_dict(verdict)))
    elif output_format is VerdictFormat.MARKDOWN:
        # A terminal of another encoding shows a question mark rather than nothing.
        encoding = sys.stdout.encoding or "utf-8"
        text = render_markdown(verdict).encode(encoding, "replace").decode(encoding)
        sys.stdout.write(text)
    else:
        render_verdict(verdict, stdout_console())


def _signer(path: Path) -> Signer:
    """Read the key before the work is done: a wrong password should not cost an hour."""
    from fingerprint.bundle.signatures import read_signer

    def ask(file: str) -> bytes:
        return str(typer.prompt(f"Password of {file}", hide_input=True, err=True)).encode()

    return read_signer(path, ask)

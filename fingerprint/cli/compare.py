"""`fingerprint compare`: one suspect, one teacher, one verdict."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fingerprint.cli.options import (
    SPEC_HELP,
    BackgroundOption,
    DrawsOption,
    Format,
    FormatOption,
    KeyOption,
    LineagesOption,
    SeedOption,
    StrictOption,
    note,
    read_key,
    stdout_console,
)


def compare_command(
    suspect: Annotated[str, typer.Option("--suspect", help=f"The model asked about. {SPEC_HELP}")],
    teacher: Annotated[
        str, typer.Option("--teacher", help=f"The model it may have learned from. {SPEC_HELP}")
    ],
    background: BackgroundOption = None,
    lineages: LineagesOption = None,
    output_format: FormatOption = Format.TEXT,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare pooled style when no prompt is common.")
    ] = False,
    key_file: KeyOption = None,
    seed: SeedOption = 20260101,
    draws: DrawsOption = 200,
    strict: StrictOption = False,
) -> None:
    """Say how much of the suspect appears distilled from the teacher, and how sure that is."""
    from fingerprint.comparison import compare
    from fingerprint.errors import ComparisonError
    from fingerprint.records import MIN_LINEAGES
    from fingerprint.report import dumps, render_verdict, verdict_to_dict

    verdict = compare(
        suspect,
        teacher,
        background=background or (),
        lineages=lineages,
        key=read_key(key_file),
        seed=seed,
        draws=draws,
        unpaired=unpaired,
        strict=strict,
    )
    if verdict.problems:
        note(f"{len(verdict.problems)} lines of the inputs could not be used; see the verdict")
    if output_format is Format.JSON:
        sys.stdout.write(dumps(verdict_to_dict(verdict)))
    else:
        render_verdict(verdict, stdout_console())
    found = {info.lineage for info in verdict.background}
    if background and len(found) < MIN_LINEAGES:
        # The verdict is printed all the same: it says that the data do not suffice.
        sys.stdout.flush()
        raise ComparisonError(
            f"the background given has {len(found)} lineages that are unrelated to both and share "
            f"their prompts ({', '.join(sorted(found)) or 'none'}), and {MIN_LINEAGES} are needed; "
            "add models of other lineages with --background, or leave it out to use the library's"
        )

"""`fingerprint matrix`: every suspect against every teacher in one pass."""

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
    PromptsOption,
    SeedOption,
    StrictOption,
    note,
    read_key,
    stdout_console,
)


def matrix_command(
    suspects: Annotated[
        list[str], typer.Option("--suspects", help=f"Models asked about (repeat). {SPEC_HELP}")
    ],
    teachers: Annotated[
        list[str], typer.Option("--teachers", help=f"Possible teachers (repeat). {SPEC_HELP}")
    ],
    background: BackgroundOption = None,
    lineages: LineagesOption = None,
    output_format: FormatOption = Format.TEXT,
    key_file: KeyOption = None,
    seed: SeedOption = 20260101,
    draws: DrawsOption = 200,
    strict: StrictOption = False,
    prompts: PromptsOption = None,
) -> None:
    """Compare many suspects with many teachers, sharing all the work between the pairs."""
    from fingerprint.comparison import matrix
    from fingerprint.report import dumps, matrix_to_list, render_matrix

    def progress(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{what} {done}/{total}" if done < total else "\r\x1b[K")
            sys.stderr.flush()

    rows = matrix(
        suspects,
        teachers,
        background=background or (),
        lineages=lineages,
        key=read_key(key_file),
        seed=seed,
        draws=draws,
        strict=strict,
        prompts=prompts or (),
        progress=progress,
    )
    missing = [row for row in rows if row.llr10 is None]
    if missing:
        note(
            f"{len(missing)} of {len(rows)} pairs could not be measured; reasons with --format json"
        )
    if output_format is Format.JSON:
        sys.stdout.write(dumps(matrix_to_list(rows)))
    else:
        render_matrix(rows, stdout_console())

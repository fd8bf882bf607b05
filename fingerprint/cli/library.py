"""`fingerprint library`: what ships with the tool."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fingerprint.cli.options import Format, FormatOption, stdout_console

app = typer.Typer(help="Show the reference library of real models.", no_args_is_help=True)


@app.command("list")
def list_command(output_format: FormatOption = Format.TEXT) -> None:
    """List every model: names, vendor, lineage, suite, responses, source, licence."""
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from fingerprint.library import library
    from fingerprint.report import dumps
    from fingerprint.report.safe import clean

    entries = library().entries + library().canaries
    if output_format is Format.JSON:
        sys.stdout.write(dumps([{**asdict(e), "names": list(e.names)} for e in entries]))
        return
    console = stdout_console()
    for suite in sorted({e.suite for e in entries}):
        mine = [e for e in entries if e.suite == suite]
        first = mine[0]
        console.print(Text(f"\n{suite}: {len(mine)} models", style="bold"))
        console.print(Text(clean(f"source {first.origin}")), soft_wrap=True)
        console.print(Text(clean(f"licence {first.licence}")), soft_wrap=True)
        table = Table(box=None, pad_edge=False)
        widths = {"model": 23, "name": 11, "vendor": 10, "lineage": 11, "role": 11}
        for heading, width in widths.items():
            table.add_column(heading, overflow="ellipsis", no_wrap=True, min_width=width)
        table.add_column("answers", justify="right", no_wrap=True)
        for e in sorted(mine, key=lambda e: (e.role, e.lineage, e.model)):
            short = e.names[-1] if len(e.names) > 1 else ""
            cells = (e.model, short, e.vendor or "", e.lineage, e.role, str(e.responses))
            table.add_row(*(Text(clean(c)) for c in cells))
        console.print(table)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A name of the library, as for --suspect.")],
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Show what stands behind a name."""
    from dataclasses import asdict

    from rich.text import Text

    from fingerprint.library import library
    from fingerprint.report import dumps
    from fingerprint.report.safe import clean

    entries = library().find(name)
    if output_format is Format.JSON:
        sys.stdout.write(dumps([{**asdict(e), "names": list(e.names)} for e in entries]))
        return
    console = stdout_console()
    for e in entries:
        console.print(Text(clean(e.model), style="bold"))
        for field, value in asdict(e).items():
            shown = ", ".join(value) if isinstance(value, tuple) else value
            if field != "model" and shown is not None:
                console.print(Text(f"  {field:<10} {clean(str(shown))}"), soft_wrap=True)

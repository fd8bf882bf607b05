"""`fingerprint report`: the page, the memo and the plots again, from a verdict file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli.options import note

if TYPE_CHECKING:
    from fingerprint.dossier import Dossier

PLOT_FORMATS = ("svg", "png")

PlotsOption = Annotated[
    str | None,
    typer.Option("--plots", metavar="svg,png", help="Also write plots, in these formats."),
]
NoTextOption = Annotated[
    bool, typer.Option("--no-text", help="Leave every prompt and response out of the page.")
]


def report_command(
    verdict: Annotated[
        Path, typer.Argument(metavar="VERDICT.json", help="A verdict, as --format json prints it.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; default that of the verdict.")
    ] = None,
    no_text: NoTextOption = False,
    plots: PlotsOption = None,
) -> None:
    """Write the report on a verdict again, without computing anything."""
    formats = plot_formats(plots)
    from fingerprint.dossier import render

    say_written(render(verdict, out, text=not no_text, plots=formats))


def plot_formats(given: str | None) -> tuple[str, ...]:
    """Read the value of ``--plots``."""
    formats = tuple(dict.fromkeys(part.strip().lower() for part in (given or "").split(",")))
    if given is None:
        return ()
    wrong = [part for part in formats if part not in PLOT_FORMATS]
    if wrong:
        raise typer.BadParameter(
            f"expected some of {', '.join(PLOT_FORMATS)}, found {wrong[0][:20]!r}",
            param_hint="--plots",
        )
    return formats


def say_written(dossier: Dossier) -> None:
    """Name the files on stderr, and what is missing."""
    for path in dossier.files:
        note(f"wrote {path}")
    for reason in dossier.left_out:
        note(f"left out {reason}")
    if dossier.bundle_sha256 is not None:
        note(f"bundle {dossier.bundle_sha256}")

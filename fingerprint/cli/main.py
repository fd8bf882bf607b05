"""The command line: a thin layer over the Python API, one file a command."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from fingerprint import __version__
from fingerprint.cli import (
    collect,
    compare,
    library,
    logs,
    matrix,
    pack,
    probes,
    report,
    score,
    verify,
    weights,
)
from fingerprint.errors import FingerprintError

app = typer.Typer(
    name="fingerprint",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Forensics for distillation between language models: calibrated, capped, checkable.",
)
app.command("compare")(compare.compare_command)
app.command("matrix")(matrix.matrix_command)
app.command("report")(report.report_command)
app.command("verify")(verify.verify_command)
app.command("collect")(collect.collect_command)
app.command("score")(score.score_command)
app.add_typer(pack.app, name="pack")
app.add_typer(library.app, name="library")
app.add_typer(probes.app, name="probes")
app.add_typer(weights.app, name="weights")
app.add_typer(logs.app, name="logs")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fingerprint {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; user and data errors are one line on stderr and exit code 1."""
    # The matrices are small: more BLAS threads only wait for each other, and may add up in
    # another order. Set before numpy is loaded; a user's own setting stays.
    for library_threads in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(library_threads, "1")
    if sys.stdout is None:
        sys.exit("fingerprint: expected a standard output to write to, found it closed")
    try:
        app()
    except FingerprintError as error:
        from fingerprint.report.safe import clean

        sys.stderr.write(f"fingerprint: {clean(str(error))}\n")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("fingerprint: interrupted\n")
        sys.exit(130)

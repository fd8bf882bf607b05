"""`fingerprint logs bridge`: tie a suspect to what a cluster of accounts was served."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli.options import (
    SPEC_HELP,
    Format,
    FormatOption,
    LineagesOption,
    SeedOption,
    StrictOption,
    note,
    stdout_console,
)

if TYPE_CHECKING:
    from fingerprint.logs.bridge import Bridge
    from fingerprint.logs.bridgefile import About
    from fingerprint.logs.served import Served

PROBLEMS_SHOWN = 3


def bridge_command(
    cluster: Annotated[
        str, typer.Option("--cluster", help="Name of the cluster, or its beginning.")
    ],
    clusters: Annotated[
        Path,
        typer.Option("--clusters", help="clusters.json of a scan, or a TSV of account and group."),
    ],
    logs: Annotated[
        list[Path], typer.Option("--logs", help="Logs with responses: files or folders (repeat).")
    ],
    suspect: Annotated[
        str | None, typer.Option("--suspect", help=f"The model asked about. {SPEC_HELP}")
    ] = None,
    controls: Annotated[
        list[Path] | None,
        typer.Option("--controls", help="The teacher's regenerated responses: outputs (repeat)."),
    ] = None,
    background: Annotated[
        list[str] | None,
        typer.Option("--background", help=f"Unrelated models (repeat). {SPEC_HELP}"),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option("--suite", help="Only write the cluster's prompts, to be collected."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the result as JSON, for `compare`.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="TOML or JSON: names of the columns.")
    ] = None,
    prompts: Annotated[
        int, typer.Option("--prompts", min=20, max=100_000, help="Most prompts to use.")
    ] = 5000,
    lineages: LineagesOption = None,
    output_format: FormatOption = Format.TEXT,
    seed: SeedOption = 20260101,
    draws: Annotated[
        int, typer.Option("--draws", min=100, max=100_000, help="Bootstrap draws.")
    ] = 2000,
    strict: StrictOption = False,
) -> None:
    """Test whether a suspect agrees more with what a cluster was served than with what nobody was.

    First --suite writes the prompts: collect the suspect's and the teacher's answers to them. Then
    the same command with --suspect and --controls runs an exact permutation test.
    """
    from fingerprint.collect.live import is_live
    from fingerprint.errors import LogsError
    from fingerprint.library import library
    from fingerprint.logs.accused import full_name, read_clusters
    from fingerprint.logs.bridgefile import to_dict
    from fingerprint.logs.investigation import investigate
    from fingerprint.logs.schema import read_schema
    from fingerprint.logs.served import read_served, write_suite
    from fingerprint.models import read_lineages
    from fingerprint.report import dumps
    from fingerprint.specs import Loader
    from fingerprint.wholefile import replacing

    accounts = read_clusters(clusters)
    cluster = full_name(accounts, cluster, clusters)
    if suite is not None:
        found = read_served(
            logs,
            accounts[cluster],
            schema=read_schema(schema),
            most=prompts,
            seed=seed,
            progress=_progress,
        )
        write_suite(suite, found)
        _tell(found)
        _echo(f"{suite}: {len(found.by_prompt):,} prompts of {found.accounts:,} accounts")
        return
    if suspect is None or not controls:
        raise LogsError("expected --suspect and --controls, or --suite to write the prompts first")
    suites = {entry.suite.lower() for entry in library().entries}
    for spec in (suspect, *(background or ())):
        if is_live(spec, suites):
            raise LogsError(
                f"{spec}: expected collected answers to the cluster's prompts, found a model to "
                f"ask; write them with --suite FILE, then `fingerprint collect --model {spec} "
                "--suite FILE --out ANSWERS` and give ANSWERS"
            )
    loader = Loader(read_lineages(lineages) if lineages is not None else {}, None, strict)
    done = investigate(
        cluster,
        accounts[cluster],
        logs,
        loader.load(suspect),
        controls,
        [loader.load(spec) for spec in background or ()],
        schema=read_schema(schema),
        most=prompts,
        seed=seed,
        draws=draws,
        strict=strict,
        progress=_progress,
    )
    _tell(done.served)
    text = dumps(to_dict(done.found, done.about))
    if out is not None:
        try:
            with replacing(out) as file:
                file.write(text.encode())
        except OSError as error:
            raise LogsError(f"{out}: cannot be written: {error.strerror}") from error
    if output_format is Format.JSON:
        sys.stdout.write(text)
    else:
        _render(done.found, done.about)


def _progress(file: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        note(f"{done + 1} of {total}: {file}")


def _tell(served: Served) -> None:
    for problem in served.problems[:PROBLEMS_SHOWN]:
        note(str(problem))
    bad = sum(served.bad.values())
    if bad > PROBLEMS_SHOWN:
        note(f"and {bad - PROBLEMS_SHOWN:,} more rows that could not be used")


def _render(found: Bridge, about: About) -> None:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from fingerprint.findings import BRIDGE_CAP10
    from fingerprint.logs.bridgefile import answer, limits
    from fingerprint.pvalues import bound10, llr10
    from fingerprint.report.page import Page, grid, show

    console = stdout_console()
    page = Page.of(console)
    wins, effect = found.wins, found.effect
    level = f"{100 * wins.level:.0f} % interval"
    summary = grid(2, gap=2)
    summary.add_row(
        "Wins",
        f"{100 * wins.estimate:.1f} % of pairs ({100 * wins.low:.1f} to {100 * wins.high:.1f}, "
        f"{level}); 50 by chance",
    )
    summary.add_row(
        "Effect",
        f"{effect.estimate:+.3f} ({effect.low:+.3f} to {effect.high:+.3f}) standard deviations of "
        "agreement within a prompt",
    )
    tests = "; ".join(f"{g.p:.2g} by {g.by} ({g.groups:,})" for g in found.groupings)
    summary.add_row("Exact p", f"{found.p:.2g}; permuted {tests}")
    strength = "not given: a check failed"
    if found.reliable:
        strength = (
            f"log10 LR {llr10(found.p, BRIDGE_CAP10):+.1f} (at most {bound10(found.p):+.1f} by any "
            f"reading of this p; capped at {BRIDGE_CAP10:+.1f})"
        )
    summary.add_row("Strength", strength)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("channel")
    for title in ("difference", "of the way", "p alone"):
        table.add_column(title, justify="right")
    for c in found.channels:
        table.add_row(c.name, f"{c.difference:+.4f}", f"{100 * c.closure:+.1f} %", f"{c.p:.2g}")
    checks = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    checks.add_column("check", overflow="fold")
    checks.add_column("", width=8)
    checks.add_column("p", justify="right")
    checks.add_column("what was found", ratio=1, overflow="fold")
    words = {True: "passed", False: "FAILED", None: "unknown"}
    for check in found.checks:
        p = page.dash if check.p is None else f"{check.p:.2g}"
        checks.add_row(
            Text(page.name(check.name)), words[check.passed], p, Text(page.prose(check.text))
        )
    show(
        Group(
            Text(page.prose(answer(found, about)), style="bold"),
            Text(),
            summary,
            page.section("Channels alone", table),
            page.section("Checks: are served and unserved responses alike?", checks),
            page.section(
                "Limitations", page.bullets(Text(page.prose(x)) for x in limits(found, about))
            ),
        ),
        console,
    )


def _echo(text: str) -> None:
    from fingerprint.report.safe import clean

    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(clean(text, ascii_only=ascii_only))

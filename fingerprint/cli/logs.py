"""`fingerprint logs`: find extraction campaigns in API traffic, and simulate such traffic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli import logs_bridge, logs_canary
from fingerprint.cli.options import Format, FormatOption, note, stdout_console

if TYPE_CHECKING:
    from fingerprint.logs.scan import Progress, Scan

app = typer.Typer(
    no_args_is_help=True, help="API logs: find extraction campaigns, simulate traffic."
)
app.add_typer(logs_canary.app, name="canary")
app.command("bridge")(logs_bridge.bridge_command)

MOST_PROBLEMS = 5
"""Files and rows that could not be read and are listed; the rest are counted."""


@app.command("scan")
def scan_command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...", help="Logs: JSONL, JSONL.gz or Parquet files, folders or patterns."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for sketches and results.")] = ...,  # type: ignore[assignment]
    schema: Annotated[
        Path | None, typer.Option("--schema", help="TOML or JSON that maps columns onto the log's.")
    ] = None,
    fdr: Annotated[
        float, typer.Option("--fdr", help="Expected share of false ones among accused clusters.")
    ] = 0.01,
    memory: Annotated[str, typer.Option("--memory", help="Memory for all of it.")] = "2GB",
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Processes on this machine.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option("--ray", help="Run on a Ray cluster: auto, or its address (extra: cluster)."),
    ] = None,
    releases: Annotated[
        list[str] | None,
        typer.Option("--release", help="Date of a model release (repeat); shows what changed."),
    ] = None,
    show_prompts: Annotated[
        bool, typer.Option("--show-prompts", help="Put example prompts into the page, as text.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first file or row that cannot be read.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Find clusters of accounts that appear to act together, and write them to a folder.

    Files that were sketched before are not read again: run the same command after an interruption,
    or with tomorrow's log, and the result is that of one run over all of them.
    """
    from fingerprint.logs.engine import Cluster, Local
    from fingerprint.logs.examples import example_prompts
    from fingerprint.logs.page import render
    from fingerprint.logs.releases import release_time
    from fingerprint.logs.result import dumps, scan_to_dict, write_result
    from fingerprint.logs.scan import scan
    from fingerprint.logs.schema import read_schema
    from fingerprint.logs.table import render_table

    for release in releases or ():
        release_time(release)
    columns = read_schema(schema)
    found = scan(
        paths or [],
        out,
        schema=columns,
        fdr=fdr,
        memory=memory,
        engine=Cluster(ray) if ray is not None else Local(workers),
        releases=releases or (),
        strict=strict,
        progress=_progress(),
    )
    examples = example_prompts(found, paths or [], columns) if show_prompts else {}
    written = write_result(found, out, render(found, examples))
    _complain(found)
    if show_prompts and found.accused() and not examples:
        note(
            "--show-prompts: the files given hold none of the prompts; give those of the log again"
        )
    if output_format is Format.JSON:
        sys.stdout.write(dumps(scan_to_dict(found)))
    else:
        render_table(found, written, stdout_console())


@app.command("simulate")
def simulate_command(
    out: Annotated[Path, typer.Option("--out", help="New folder for the log and its truth.")],
    preset_name: Annotated[
        str, typer.Option("--preset", help="small, organic, february-2026 or june-2026.")
    ] = "small",
    scale: Annotated[
        float, typer.Option("--scale", help="Share of the preset's accounts to simulate.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the log.")] = 1,
    file_format: Annotated[
        str, typer.Option("--log-format", help="jsonl, jsonl.gz or parquet.")
    ] = "jsonl.gz",
) -> None:
    """Write a made-up log with known campaigns, look-alikes and ordinary people."""
    from dataclasses import replace

    from fingerprint.logs.traffic import preset, simulate

    traffic = replace(preset(preset_name), seed=seed)
    if scale != 1:
        traffic = traffic.scaled(scale)
    written = simulate(traffic, out, file_format=file_format, progress=_progress())
    typer.echo(
        f"{written.folder}: {written.rows:,} exchanges of {written.accounts:,} accounts in "
        f"{len(written.files)} files; the truth is in {written.truth}"
    )


def _progress() -> Progress:
    def progress(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{what} {done}/{total}" if done < total else "\r\x1b[K")
            sys.stderr.flush()

    return progress


def _complain(found: Scan) -> None:
    """Say on stderr what could not be read: nothing is passed over in silence."""
    for problem in found.failed[:MOST_PROBLEMS]:
        note(f"not read: {problem}")
    if len(found.failed) > MOST_PROBLEMS:
        note(f"and {len(found.failed) - MOST_PROBLEMS} more files that could not be read")
    for path in found.duplicates[:MOST_PROBLEMS]:
        note(f"{path}: has the same bytes as another file; read once")
    bad = sum(sum(partition.bad.values()) for partition in found.partitions)
    if bad:
        first = next(p.problems[0] for p in found.partitions if p.problems)
        note(f"{bad:,} bad rows were counted and passed over, the first: {first}")
    skewed = sum(partition.skewed for partition in found.partitions)
    if skewed:
        note(f"{skewed:,} rows lie more than 36 hours from the date of their folder: check clocks")

"""`fingerprint score`: what a model's probabilities say of given responses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli.options import (
    Format,
    FormatOption,
    LineagesOption,
    StrictOption,
    note,
    stdout_console,
)

if TYPE_CHECKING:
    from fingerprint.weights.scoring import Report


def score_command(
    model: Annotated[
        str, typer.Option("--model", help="The suspect: local:FOLDER, or vllm:MODEL if served.")
    ],
    texts: Annotated[
        list[Path],
        typer.Option("--texts", help="Outputs of teacher and background models (repeat)."),
    ],
    out: Annotated[Path, typer.Option("--out", help="JSONL to append to; run again to go on.")],
    base: Annotated[
        str | None, typer.Option("--base", help="The suspect's base; its scores go to OUT.base.")
    ] = None,
    sibling: Annotated[
        list[str] | None,
        typer.Option("--sibling", help="Another post-training of the base (repeat)."),
    ] = None,
    stand_in: Annotated[
        bool, typer.Option("--stand-in", help="The base is one of like size, not the suspect's.")
    ] = False,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=16, help="Score so many bytes of each response.")
    ] = 2000,
    dtype: Annotated[
        str, typer.Option("--dtype", help="auto, float32, bfloat16, float16, int8.")
    ] = "auto",
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda, mps.")] = None,
    device_map: Annotated[
        str | None, typer.Option("--device-map", help="auto: spread the weights over all GPUs.")
    ] = None,
    tokens_per_batch: Annotated[
        int, typer.Option("--tokens-per-batch", help="Bounds the memory of a batch.")
    ] = 4096,
    threads: Annotated[
        int | None, typer.Option("--threads", help="CPU threads; default half.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Endpoint of a served suspect.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", help="Requests under way at a time.")
    ] = 8,
    lineages: LineagesOption = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the bootstrap; it is in the result.")
    ] = 0,
    strict: StrictOption = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Score responses under a model: bits per byte of each.

    With --base it ranks the sources of the responses by how much likelier training has made them.
    Killed or stopped at any moment, the same command goes on where it was.
    """
    from fingerprint.errors import WeightsError
    from fingerprint.models import model_info, read_lineages
    from fingerprint.outputs import read_outputs
    from fingerprint.weights.likelihood import measure
    from fingerprint.weights.loading import Loading
    from fingerprint.weights.runs import Serving, score_file
    from fingerprint.weights.scores import items_of

    if base is None and (sibling or stand_in):
        raise WeightsError("--sibling, --stand-in: expected --base with them")
    stated = read_lineages(lineages) if lineages is not None else {}
    outputs = [one for path in texts for one in read_outputs(path, strict=strict)]
    infos = {
        one.model: model_info(
            one.model, lineage=one.lineage, vendor=one.vendor, released=one.released, stated=stated
        )
        for one in outputs
    }
    items = list(items_of(outputs, max_bytes))
    how = Loading(dtype, device, device_map, tokens_per_batch, threads)
    # Only the suspect may be served elsewhere.
    plan = [(model, out, Serving(base_url, concurrency=concurrency))]
    if base is not None:
        plan.append((base, _beside(out, "base"), Serving()))
    plan += [
        (spec, _beside(out, f"sibling{i}"), Serving()) for i, spec in enumerate(sibling or (), 1)
    ]
    scores = []
    for spec, path, serving in plan:
        with _progress(f"scoring {spec}") as report:
            scores.append(score_file(spec, items, path, how, serving, report, max_bytes))
        note(f"{path}: {len(scores[-1].bits_per_byte):,} scores, {scores[-1].unscored:,} without")
    if base is None:
        return
    found = measure(scores[0], scores[1], infos, siblings=scores[2:], stand_in=stand_in, seed=seed)
    if output_format is Format.JSON:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(found), indent=2, sort_keys=True))
        return
    from fingerprint.report.sources_table import render_sources

    render_sources(found, stdout_console())


def _beside(out: Path, what: str) -> Path:
    return out.with_name(f"{out.name}.{what}")


@contextmanager
def _progress(what: str) -> Iterator[Report]:
    """Show a bar on stderr; nothing when it is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

    from fingerprint.report.safe import clean

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(Text(clean(what, 60)).plain, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

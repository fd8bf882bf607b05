"""`fingerprint score`: what a model's probabilities say of given responses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerprint.cli.options import (
    BatchOption,
    DeviceMapOption,
    DeviceOption,
    DtypeOption,
    FindingOption,
    Format,
    FormatOption,
    LineagesOption,
    NameOption,
    StrictOption,
    ThreadsOption,
    note,
    progress_bar,
)
from fingerprint.cli.weights import StandInOption, read_texts, say_ranking, sources_of


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
    stand_in: StandInOption = False,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=16, help="Score so many bytes of each response.")
    ] = 2000,
    name: NameOption = None,
    finding: FindingOption = None,
    dtype: DtypeOption = "auto",
    device: DeviceOption = None,
    device_map: DeviceMapOption = None,
    tokens_per_batch: BatchOption = 4096,
    threads: ThreadsOption = None,
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
    from fingerprint.weights.likelihood import measure
    from fingerprint.weights.loading import Loading
    from fingerprint.weights.runs import score_file
    from fingerprint.weights.scores import items_of
    from fingerprint.weights.served import Serving

    if base is None and (sibling or stand_in or finding):
        raise WeightsError("--sibling, --stand-in, --finding: expected --base with them")
    outputs, infos = read_texts(texts, lineages, strict)
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
        called = name if spec is model else None
        with progress_bar(f"scoring {spec}") as report:
            scores.append(score_file(spec, items, path, how, serving, report, max_bytes, called))
        note(f"{path}: {len(scores[-1].bits_per_byte):,} scores, {scores[-1].unscored:,} without")
    if base is None:
        return
    found = measure(scores[0], scores[1], infos, siblings=scores[2:], stand_in=stand_in, seed=seed)
    say_ranking(found, sources_of(outputs), finding, output_format)


def _beside(out: Path, what: str) -> Path:
    return out.with_name(f"{out.name}.{what}")

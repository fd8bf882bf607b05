"""`fingerprint collect`: ask a model the probes of a suite and keep its answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli.options import note

if TYPE_CHECKING:
    from fingerprint.collect import Collected, Settings
    from fingerprint.collect.estimate import Estimate
    from fingerprint.collect.progress import Report, Tally


def collect_command(
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="PROVIDER:MODEL, such as local:FOLDER, openai:gpt-4.1, anthropic:claude-opus-4-6, "
            "moonshot:kimi-k2.5; see docs/collect.md.",
        ),
    ],
    suite: Annotated[
        list[str],
        typer.Option("--suite", help="A suite by name, a file, or hf:OWNER/NAME (repeat)."),
    ],
    out: Annotated[Path, typer.Option("--out", help="JSONL to append to; run again to go on.")],
    samples: Annotated[int, typer.Option("--samples", help="Answers to each prompt.")] = 1,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Default: what model or vendor choose.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", help="Default: what model or vendor choose.")
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", help="Longest answer.")] = 2048,
    system: Annotated[
        str | None, typer.Option("--system", help="System prompt where a probe has none.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Seed of the run; every answer has its own, derived from it."),
    ] = None,
    logprobs: Annotated[
        int | None,
        typer.Option("--logprobs", help="Log-probabilities, with this many alternatives."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the probes that carry most of the evidence.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Only the first so many probes of each suite.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What the outputs call the model.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Another endpoint of the same protocol.")
    ] = None,
    key_variable: Annotated[
        str | None,
        typer.Option("--key-variable", help="Environment variable with the key, if unusual."),
    ] = None,
    completions: Annotated[
        bool, typer.Option("--completions", help="Ask the completions endpoint, not chat.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option("--concurrency", help="Requests under way at a time.")
    ] = 8,
    rate: Annotated[float | None, typer.Option("--rate", help="Most requests a minute.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for one request.")] = 600.0,
    max_requests: Annotated[
        int | None, typer.Option("--max-requests", help="Most requests of this run.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", help="Most US dollars for the whole file.")
    ] = None,
    price_in: Annotated[
        float | None, typer.Option("--price-in", help="US dollars per million tokens sent.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option("--price-out", help="US dollars per million tokens received.")
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Use the vendor's batch API: half the price, slow.")
    ] = False,
    keep_raw: Annotated[
        bool, typer.Option("--keep-raw", help="Keep every request and reply in OUT.raw.jsonl.")
    ] = False,
    dtype: Annotated[
        str, typer.Option("--dtype", help="Of local weights: auto, float32, bfloat16, float16.")
    ] = "auto",
    device: Annotated[
        str | None,
        typer.Option("--device", help="Of local weights: cpu, cuda, mps, or auto to spread."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Most answers that local weights give at a time.")
    ] = 16,
    threads: Annotated[
        int | None, typer.Option("--threads", help="CPU threads of local weights; default half.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and ask nothing.")
    ] = False,
) -> None:
    """Ask a model the probes of a suite; every answer is kept as it arrives.

    Killed or stopped at any moment, the same command goes on where it was. Keys are read from the
    environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, MOONSHOT_API_KEY, ...) and nowhere else.
    """
    from fingerprint.collect import Sampling, Settings, collect, estimate

    settings = Settings(
        samples=samples,
        sampling=Sampling(temperature, top_p, max_tokens, seed, logprobs),
        system=system,
        name=name,
        quick=quick,
        limit=limit,
        base_url=base_url,
        key_variable=key_variable,
        completions=completions,
        concurrency=concurrency,
        rate=rate,
        timeout=timeout,
        max_requests=max_requests,
        max_cost=max_cost,
        price_in=price_in,
        price_out=price_out,
        batch=batch,
        keep_raw=keep_raw,
        dtype=dtype,
        device=device,
        batch_size=batch_size,
        threads=threads,
    )
    if dry_run:
        _show_estimate(model, estimate(model, suite, out, settings), settings)
        return
    with _progress() as report:
        found = collect(model, suite, out, settings, report=report, command=_command(base_url))
    _show_result(found)


def _command(base_url: str | None) -> list[str]:
    """Return the command line as it may be written down: a URL may carry a password."""
    from fingerprint.collect.providers import without_credentials

    words = ["fingerprint", *sys.argv[1:]]
    if base_url is None:
        return words
    return [word.replace(base_url, without_credentials(base_url)) for word in words]


def _show_estimate(model: str, found: Estimate, settings: Settings) -> None:
    from fingerprint.report.safe import clean

    lines = [
        f"{model}: {found.calls:,} calls to make, {found.done:,} of {found.planned:,} answers are "
        "there already",
        f"tokens: about {found.input_tokens:,} sent, at most {found.most_output_tokens:,} received "
        f"(--max-tokens {settings.sampling.max_tokens:,})",
    ]
    if found.likely_output_tokens is not None:
        lines.append(
            f"at the length of the answers so far: about {found.likely_output_tokens:,} received"
        )
    if found.price is None:
        lines.append("cost: the price is not known; give --price-in and --price-out")
    else:
        price = f"${found.price.input:g} in, ${found.price.output:g} out per million tokens"
        lines.append(f"cost: at most about ${found.most_cost:,.2f} ({price}: {found.price.source})")
        if found.likely_cost is not None:
            lines.append(f"cost at the length of the answers so far: ${found.likely_cost:,.2f}")
    typer.echo("\n".join(map(clean, lines)))


def _show_result(found: Collected) -> None:
    from fingerprint.errors import CollectError
    from fingerprint.report.safe import clean

    for line in found.notes:
        note(line)
    cost = "" if not found.cost else f", ${found.cost:,.4f} so far"
    typer.echo(
        clean(
            f"{found.out}: {found.collected:,} of {found.planned:,} answers, {found.new:,} of them "
            f"new{cost}; record in {found.manifest.name}"
        )
    )
    if found.stopped is not None:
        note(f"stopped: {found.stopped}; the same command goes on")
    elif found.missing:
        raise CollectError(
            f"{found.missing:,} of {found.planned:,} answers are missing; run the same command "
            "again to ask for them"
        )


@contextmanager
def _progress() -> Iterator[Report]:
    """Show a bar on stderr; nothing when it is no terminal."""
    from fingerprint.collect.progress import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[details]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=None, details="")

        def report(tally: Tally) -> None:
            if bar.tasks[0].total is None:
                # The speed is that of this run: what was there before took no time.
                bar.reset(task, total=tally.total, completed=tally.before)
            speed = bar.tasks[0].speed or 0.0
            details = [f"{speed:.1f}/s", f"{tally.failed} failed", f"{tally.retries} retries"]
            if tally.cost:
                details.append(f"${tally.cost:.2f}")
            bar.update(
                task,
                completed=tally.done,
                description=tally.state or "asking",
                details=", ".join(details),
            )

        yield report

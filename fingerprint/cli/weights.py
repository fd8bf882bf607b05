"""`fingerprint weights`: what a suspect's weights say beside its answers, as findings."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    read_key,
    stdout_console,
)

if TYPE_CHECKING:
    from fingerprint.collect.providers import Target
    from fingerprint.records import ModelInfo, Outputs, Source
    from fingerprint.weights.sources import Ranking

app = typer.Typer(
    no_args_is_help=True,
    help="Open weights: distributions, provenance, memorised text, watermarks. For likelihood see "
    "`fingerprint score`.",
)

ModelOption = Annotated[str, typer.Option("--model", help="The suspect: local:FOLDER.")]
BaseOption = Annotated[str, typer.Option("--base", help="The suspect's base: local:FOLDER.")]
TextsOption = Annotated[
    list[Path], typer.Option("--texts", help="Outputs of teacher and background models (repeat).")
]
StandInOption = Annotated[
    bool, typer.Option("--stand-in", help="The base is one of like size, not the suspect's.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="It is in the result.")]


@app.command("distribution")
def distribution_command(
    model: ModelOption,
    base: BaseOption,
    texts: Annotated[
        list[Path],
        typer.Option(
            "--texts", help="Outputs with log-probabilities (collect --logprobs; repeat)."
        ),
    ],
    top: Annotated[
        int, typer.Option("--top", min=1, help="Compare so many of the likeliest tokens.")
    ] = 5,
    stand_in: StandInOption = False,
    name: NameOption = None,
    finding: FindingOption = None,
    dtype: DtypeOption = "auto",
    device: DeviceOption = None,
    device_map: DeviceMapOption = None,
    tokens_per_batch: BatchOption = 4096,
    threads: ThreadsOption = None,
    lineages: LineagesOption = None,
    seed: SeedOption = 0,
    strict: StrictOption = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Compare next-token distributions along the sources' own responses, by first bytes.

    Ranks the sources by how much closer than its base the suspect has come to what each source's
    own model said there. Tokenizers need not match.
    """
    from fingerprint.weights.distribution import (
        NAME,
        UNIT,
        LocalTracer,
        divergence_scores,
        references_of,
    )
    from fingerprint.weights.likelihood import measure
    from fingerprint.weights.loading import Loading, Weights

    outputs, infos = read_texts(texts, lineages, strict)
    references = references_of(outputs, top)
    how = Loading(dtype, device, device_map, tokens_per_batch, threads)
    found = []
    for spec in (model, base):
        target = local_target(spec)
        called = name if name is not None and spec is model else target.default_name()
        with progress_bar(f"tracing {spec}") as report:
            tracer = LocalTracer(Weights(target.model, how), tokens_per_batch, top)
            found.append(divergence_scores(called, tracer, references, report))
    ranked = measure(found[0], found[1], infos, stand_in=stand_in, kind=NAME, unit=UNIT, seed=seed)
    say_ranking(ranked, sources_of(outputs), finding, output_format)


@app.command("provenance")
def provenance_command(
    model: ModelOption,
    candidate: Annotated[
        list[str],
        typer.Option("--candidate", help="A possible base, or the teacher: local:FOLDER (repeat)."),
    ],
    prompts: Annotated[
        int, typer.Option("--prompts", min=100, help="Random prompts, cut from the probe suites.")
    ] = 400,
    name: NameOption = None,
    finding: FindingOption = None,
    dtype: DtypeOption = "auto",
    device: DeviceOption = None,
    device_map: DeviceMapOption = None,
    tokens_per_batch: BatchOption = 4096,
    threads: ThreadsOption = None,
    seed: SeedOption = 0,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Say which candidate the suspect appears to derive from: next tokens, heads, vocabularies."""
    import numpy as np

    from fingerprint.findings import write_finding
    from fingerprint.probes import load_suite
    from fingerprint.weights.loading import Loading
    from fingerprint.weights.provenance import NAME, examine, random_prompts

    rng = np.random.default_rng(seed)
    texts = [
        str(turn["content"]) for probe in load_suite("style").probes for turn in probe.messages
    ]
    asked = random_prompts(texts, prompts, rng)
    how = Loading(dtype, device, device_map, tokens_per_batch, threads)
    target, others = local_target(model), [local_target(spec).model for spec in candidate]
    with progress_bar("next tokens") as report:
        found = examine(target.model, others, asked, how, rng, report)
    facts, called = found | {"seed": seed}, name or target.default_name()
    if finding is not None:
        write_finding(finding, NAME, called, facts)
    if output_format is Format.JSON:
        print_json(facts)
        return
    from fingerprint.report.provenance_table import render_provenance

    render_provenance(facts, called, stdout_console())


@app.command("memorised")
def memorised_command(
    suspect: Annotated[Path, typer.Option("--suspect", help="Outputs of the suspect.")],
    texts: TextsOption,
    name: NameOption = None,
    finding: FindingOption = None,
    shortest: Annotated[
        int, typer.Option("--shortest", min=10, help="Fewest characters of a span.")
    ] = 40,
    lineages: LineagesOption = None,
    seed: SeedOption = 0,
    strict: StrictOption = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Rank sources by how much of the suspect's answers stands word for word in theirs alone."""
    from dataclasses import replace

    from fingerprint.errors import WeightsError
    from fingerprint.weights.memorised import rare_spans

    mine, _ = read_texts([suspect], None, strict)
    if len(mine) != 1:
        raise WeightsError(f"{suspect}: expected the outputs of one model, found {len(mine)}")
    outputs, infos = read_texts(texts, lineages, strict)
    one = mine[0] if name is None else replace(mine[0], model=name)
    others = [other for other in outputs if other.model != mine[0].model]
    ranked = rare_spans(one, others, infos, shortest=shortest, seed=seed)
    say_ranking(ranked, sources_of([*mine, *outputs]), finding, output_format)


@app.command("continuations")
def continuations_command(
    model: ModelOption,
    texts: TextsOption,
    base: Annotated[
        str | None, typer.Option("--base", help="Its own continuations are subtracted.")
    ] = None,
    stand_in: StandInOption = False,
    given: Annotated[
        int, typer.Option("--given", min=1, help="Tokens of a response that are shown.")
    ] = 20,
    asked: Annotated[int, typer.Option("--asked", min=1, help="Tokens that are to follow.")] = 32,
    name: NameOption = None,
    finding: FindingOption = None,
    dtype: DtypeOption = "auto",
    device: DeviceOption = None,
    device_map: DeviceMapOption = None,
    threads: ThreadsOption = None,
    lineages: LineagesOption = None,
    seed: SeedOption = 0,
    strict: StrictOption = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Rank sources by how closely the suspect goes on from the beginnings of their responses."""
    from fingerprint.weights.loading import Loading, Weights
    from fingerprint.weights.memorised import continuations, continued
    from fingerprint.weights.scores import items_of

    outputs, infos = read_texts(texts, lineages, strict)
    items = list(items_of(outputs, None))
    how = Loading(dtype, device, device_map, threads=threads)
    found = []
    for spec in (model, base):
        if spec is not None:
            target = local_target(spec)
            with progress_bar(f"continuing with {spec}") as report:
                weights = Weights(target.model, how)
                ratios = continuations(weights, items, report, given=given, asked=asked)
            found.append((target.default_name(), ratios))
    (called, ratios), *before = found
    ranked = continued(
        name or called, ratios, infos, base=next(iter(before), None), stand_in=stand_in, seed=seed
    )
    say_ranking(ranked, sources_of(outputs), finding, output_format)


@app.command("watermark")
def watermark_command(
    texts: Annotated[
        list[Path],
        typer.Option("--texts", help="The suspect's outputs; with --model, marked responses."),
    ],
    tokenizer: Annotated[
        Path, typer.Option("--tokenizer", help="Folder of the provider's tokenizer.")
    ],
    key_file: Annotated[Path, typer.Option("--key-file", help="The provider's secret key.")],
    teacher: Annotated[
        list[str],
        typer.Option("--teacher", help="Whose mark it is, as `compare` names it (repeat)."),
    ],
    suspect: Annotated[str, typer.Option("--suspect", help="What the outputs call the suspect.")],
    share: Annotated[float, typer.Option("--share", help="Of the vocabulary that is green.")] = 0.5,
    width: Annotated[int, typer.Option("--width", help="Tokens that a green list rests on.")] = 2,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Test the likeliest tokens of these weights along --texts."),
    ] = None,
    finding: FindingOption = None,
    dtype: DtypeOption = "auto",
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    strict: StrictOption = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Test whether a suspect prefers tokens that a provider's key made green (exact p).

    Each distinct tuple of tokens counts once. The key's mark is HMAC-SHA256 of window and token; a
    mark of another construction is a call of `fingerprint.weights.radioactivity` with its function.
    """
    from fingerprint.findings import write_finding
    from fingerprint.weights.loading import Loading, Weights, load_tokenizer
    from fingerprint.weights.radioactivity import (
        CHOICES,
        NAME,
        OUTPUTS,
        Mark,
        of_choices,
        of_outputs,
    )

    key = read_key(key_file)
    assert key is not None
    mark = Mark(key, share, width)
    outputs, _ = read_texts(texts, None, strict)
    ids = load_tokenizer(tokenizer)
    pairs = [(ids(r.prompt), ids(r.text)) for one in outputs for r in one.responses]
    if model is None:
        found = of_outputs(pairs, share, width, mark.is_green)
    else:
        weights = Weights(local_target(model).model, Loading(dtype, device, threads=threads))
        found = of_choices(weights, (text for _, text in pairs), share, width, mark.is_green)
    facts = asdict(found) | {
        "teachers": teacher,
        "of": OUTPUTS if model is None else CHOICES,
        "n_texts": len(pairs),
    }
    if finding is not None:
        write_finding(finding, NAME, suspect, facts, sources_of(outputs))
    if output_format is Format.JSON:
        print_json(facts)
        return
    typer.echo(
        f"{found.green:,} of {found.tuples:,} distinct tuples are green ({100 * found.rate:.1f} %, "
        f"{100 * share:.1f} % by chance): exact p {found.p:.3g}; {found.repeated:,} repeated ones "
        "left out"
    )


def read_texts(
    paths: Sequence[Path], lineages: Path | None, strict: bool
) -> tuple[list[Outputs], dict[str, ModelInfo]]:
    """Read outputs, and what is known of their models."""
    from fingerprint.models import model_info, read_lineages
    from fingerprint.outputs import read_outputs

    stated = read_lineages(lineages) if lineages is not None else {}
    outputs = [one for path in paths for one in read_outputs(path, strict=strict)]
    infos = {
        one.model: model_info(
            one.model, lineage=one.lineage, vendor=one.vendor, released=one.released, stated=stated
        )
        for one in outputs
    }
    return outputs, infos


def local_target(spec: str) -> Target:
    """Read a SPEC that must be of local weights."""
    from fingerprint.collect.providers import Protocol, parse_target
    from fingerprint.errors import WeightsError

    target = parse_target(spec)
    if target.provider.protocol is not Protocol.LOCAL:
        raise WeightsError(f"{spec[:80]}: expected local:FOLDER: this needs the weights themselves")
    return target


def sources_of(outputs: Sequence[Outputs]) -> list[Source]:
    """List the files that were read, each once."""
    return list(dict.fromkeys(source for one in outputs for source in one.sources))


def say_ranking(
    found: Ranking, sources: Sequence[Source], finding: Path | None, output_format: Format
) -> None:
    """Print a ranking, and write it as a finding where that is asked for."""
    from fingerprint.findings import write_finding

    if finding is not None:
        write_finding(finding, found.kind, found.suspect, asdict(found), sources)
        note(f"{finding}: for `fingerprint compare --finding`")
    if output_format is Format.JSON:
        print_json(asdict(found))
        return
    from fingerprint.report.sources_table import render_sources

    render_sources(found, stdout_console())


def print_json(value: Mapping[str, Any]) -> None:
    """Write an object to stdout."""
    import json

    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")

"""`fingerprint logs canary`: plan, commit to, assign, verify and detect keyed canaries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.cli.options import (
    Format,
    FormatOption,
    StrictOption,
    note,
    read_key,
    stdout_console,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fingerprint.logs.canary import Terms
    from fingerprint.logs.detection import Detection
    from fingerprint.records import Outputs

app = typer.Typer(
    no_args_is_help=True,
    help="Plant keyed low-stakes variants in responses, and detect whose a suspect repeats.",
)

ROWS_SHOWN = 12
PROBLEMS_SHOWN = 5

PlanPath = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan.")]
SecretOption = Annotated[Path, typer.Option("--key-file", help="File with the secret key.")]
ClustersOption = Annotated[
    Path | None,
    typer.Option("--clusters", help="clusters.json of a scan, or a TSV of account and group."),
]


@app.command("plan")
def plan_command(
    slots: Annotated[Path, typer.Argument(metavar="SLOTS", help="Slots, one JSON object a line.")],
    out: Annotated[Path, typer.Option("--out", help="The plan to write.")],
    key_file: SecretOption,
    clusters: ClustersOption = None,
    buckets: Annotated[
        int, typer.Option("--buckets", min=0, help="Keys for all other accounts; 0: no canaries.")
    ] = 0,
    controls: Annotated[
        int, typer.Option("--controls", min=0, max=10_000, help="Arms served to nobody.")
    ] = 199,
    unless: Annotated[
        list[str] | None, typer.Option("--unless", help="A word that forbids canaries (repeat).")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the plan.")] = "canaries",
    nonce: Annotated[
        str | None, typer.Option("--nonce", help="Hex, for a reproducible plan; default random.")
    ] = None,
    suite: Annotated[
        Path | None, typer.Option("--suite", help="Also write the probes, for `collect`.")
    ] = None,
) -> None:
    """Make a plan from slots: who gets a canary where, and in which variants.

    Each cluster of --clusters is a group with a key of its own. Commit to the plan before use.
    """
    import secrets

    from fingerprint.logs.accused import read_clusters
    from fingerprint.logs.planfile import Draft, draft_plan, write_plan, write_suite
    from fingerprint.logs.slots import read_slots

    key = read_key(key_file)
    assert key is not None  # the option is required
    draft = Draft(
        name=name,
        slots=read_slots(slots),
        groups=read_clusters(clusters) if clusters is not None else {},
        buckets=buckets,
        controls=controls,
        unless=frozenset(word.lower() for word in unless or ()),
    )
    terms = draft_plan(draft, key, nonce or secrets.token_hex(16))
    write_plan(out, terms)
    if suite is not None:
        write_suite(suite, terms)
    accounts = sum(len(tags) for tags in terms.groups.values())
    _echo(
        f"{out}: {len(terms.slots):,} slots, {len(terms.groups):,} groups of {accounts:,} "
        f"accounts, {terms.buckets:,} buckets, {terms.controls:,} control arms"
    )
    _echo(f"sha256 {terms.sha256}")


@app.command("commit")
def commit_command(
    path: PlanPath,
    out: Annotated[Path, typer.Option("--out", help="The commitment to write and publish.")],
) -> None:
    """Write the commitment to a plan: publish it, with a date others vouch for, before use."""
    from fingerprint.logs.planfile import read_plan, write_commitment

    terms = read_plan(path)
    write_commitment(out, terms)
    _echo(f"{out}: sha256 {terms.sha256}")


@app.command("verify")
def verify_command(
    path: PlanPath,
    commitment: Annotated[Path, typer.Option("--commitment", help="What was published.")],
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Check that this is the plan's key as well.")
    ] = None,
) -> None:
    """Check a plan, and maybe its key, against the commitment published before it was used."""
    from fingerprint.logs.canary import CanaryPlan
    from fingerprint.logs.planfile import check_commitment, read_plan

    terms = read_plan(path)
    check_commitment(commitment, terms)
    key = read_key(key_file)
    if key is not None:
        CanaryPlan(terms, key)
    _echo(
        f"ok      {path}: the plan committed to, sha256 {terms.sha256}, "
        + ("with its key" if key is not None else "key not checked")
    )


@app.command("assign")
def assign_command(
    path: PlanPath,
    requests: Annotated[
        list[Path], typer.Argument(metavar="REQUESTS...", help="JSONL, JSONL.gz or Parquet.")
    ],
    out: Annotated[Path, typer.Option("--out", help="JSON lines to write, one a canary.")],
    key_file: SecretOption,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="TOML or JSON: names of the columns.")
    ] = None,
) -> None:
    """Choose the variants for requests in files, and put them in their responses if there are any.

    A gateway calls `CanaryPlan.variant` instead.
    """
    from fingerprint.logs.assignment import assign
    from fingerprint.logs.planfile import open_plan
    from fingerprint.logs.schema import read_schema

    key = read_key(key_file)
    assert key is not None
    done = assign(open_plan(path, key), requests, out, read_schema(schema))
    for problem in done.problems:
        note(str(problem))
    if done.bad > len(done.problems):
        note(f"and {done.bad - len(done.problems):,} more")
    _echo(
        f"{out}: {done.canaries:,} canaries in {done.requests:,} requests, {done.bad:,} unusable; "
        f"{len(done.by_group):,} groups"
    )


@app.command("detect")
def detect_command(
    path: PlanPath,
    suspect: Annotated[
        str,
        typer.Option("--suspect", help="Outputs with answers to the probes, or a model to ask."),
    ],
    key_file: SecretOption,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Where to keep the answers of a model asked.")
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=1000, help="Answers a probe, of a model asked.")
    ] = 4,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Endpoint of a model asked, as in `collect`.")
    ] = None,
    commitment: Annotated[
        Path | None, typer.Option("--commitment", help="What was published before use.")
    ] = None,
    clusters: ClustersOption = None,
    background: Annotated[
        list[Path] | None,
        typer.Option("--background", help="Unrelated models' answers to the probes (repeat)."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The suspect's name, if the outputs have several.")
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", min=1e-12, max=0.5, help="Level, adjusted for all keys.")
    ] = 0.001,
    output_format: FormatOption = Format.TEXT,
    strict: StrictOption = False,
) -> None:
    """Say whose canaries a suspect repeats, with an exact p-value for each key.

    The suspect is outputs, or a model as `collect` takes it (local:FOLDER, openai:MODEL, ...).
    """
    from fingerprint.collect.live import is_live
    from fingerprint.logs.accused import read_clusters
    from fingerprint.logs.detection import detect
    from fingerprint.logs.planfile import check_commitment, open_plan
    from fingerprint.outputs import read_outputs
    from fingerprint.report import dumps

    key = read_key(key_file)
    assert key is not None
    plan = open_plan(path, key)
    if commitment is not None:
        check_commitment(commitment, plan.terms)
    else:
        note("no --commitment: nothing shows that the plan is older than the suspect")
    path_of_answers = Path(suspect)
    if is_live(suspect, ()):
        path_of_answers = _ask(plan.terms, suspect, answers, samples, base_url)
    answered = read_outputs(path_of_answers, strict=strict)
    others = [o for p in background or () for o in read_outputs(p, strict=strict)]
    _complain([*answered, *others])
    found = detect(
        plan,
        _one(answered, path_of_answers, model),
        clusters=read_clusters(clusters) if clusters is not None else None,
        background=others,
        alpha=alpha,
    )
    committed = commitment is not None
    if output_format is Format.JSON:
        from fingerprint.logs.findings import detection_to_dict

        sys.stdout.write(dumps(detection_to_dict(found, committed=committed)))
    else:
        _render(found)


def _ask(
    terms: Terms, model: str, answers: Path | None, samples: int, base_url: str | None
) -> Path:
    """Ask a model the probes, or go on asking where the last run stopped."""
    from fingerprint.collect import Settings, collect
    from fingerprint.errors import LogsError
    from fingerprint.logs.planfile import write_suite

    if answers is None:
        raise LogsError(f"--suspect {model}: expected --answers FILE, to keep what it says in")
    suite = answers.with_name(f"{answers.stem}.suite.jsonl")
    write_suite(suite, terms)
    done = collect(model, [str(suite)], answers, Settings(samples=samples, base_url=base_url))
    if done.missing:
        note(f"{done.missing:,} of {done.planned:,} answers are missing; run again to ask for them")
    return answers


def _complain(outputs: list[Outputs]) -> None:
    """Say on stderr which answers could not be used."""
    problems = list(dict.fromkeys(p for one in outputs for p in one.problems))
    for problem in problems[:PROBLEMS_SHOWN]:
        note(str(problem))
    if len(problems) > PROBLEMS_SHOWN:
        note(f"and {len(problems) - PROBLEMS_SHOWN:,} more; --strict stops at the first")


def _one(found: tuple[Outputs, ...], path: Path, model: str | None) -> Outputs:
    """Take the outputs of one model."""
    from dataclasses import replace

    from fingerprint.errors import LogsError

    chosen = [outputs for outputs in found if model in (None, outputs.model)]
    names = sorted({outputs.model for outputs in found})
    if len({outputs.model for outputs in chosen}) != 1:
        raise LogsError(
            f"{path}: expected one model, found {len(names)}: {', '.join(names[:8])}; name the "
            "suspect with --model"
        )
    responses = tuple(r for outputs in chosen for r in outputs.responses)
    return replace(chosen[0], responses=responses)


def _render(found: Detection) -> None:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from fingerprint.logs.findings import answer, limits
    from fingerprint.report.page import Page, show

    console = stdout_console()
    page = Page.of(console)
    parts: list[RenderableType] = [Text(page.prose(answer(found)), style="bold"), Text()]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("key of", overflow="fold")
    for title in ("matched", "by chance", "absorbed", "p", "adjusted"):
        table.add_column(title, justify="right", no_wrap=True)
    for f in found.findings[:ROWS_SHOWN]:
        share = page.dash
        if f.absorbed is not None:
            share = "{:.2f} ({:.2f}-{:.2f})".format(*f.absorbed)
        named = "bold" if f.p_adjusted <= found.alpha else ""
        table.add_row(
            Text(page.name(f.name), style=named),
            f"{f.matched:.1f} of {f.n_slots:,}",
            f"{f.expected:.1f}",
            share,
            f"{f.p:.2g}",
            Text(f"{f.p_adjusted:.2g}", style=named),
        )
    if found.findings:
        parts.append(table)
    if len(found.findings) > ROWS_SHOWN:
        more = f"and {len(found.findings) - ROWS_SHOWN} more with larger p; see --format json"
        parts.append(Text(more, style="dim"))
    bullets = page.bullets(Text(page.prose(limit)) for limit in limits(found))
    show(Group(*parts, page.section("Limitations", bullets)), console)


def _echo(text: str) -> None:
    from fingerprint.report.safe import clean

    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(clean(text, ascii_only=ascii_only))

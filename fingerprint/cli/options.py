"""Options that several commands share, and what they need to read them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerprint.errors import FingerprintError

if TYPE_CHECKING:
    from rich.console import Console

SPEC_HELP = "A name in the library, outputs, a pack, or a folder of these."


class Format(StrEnum):
    """How a result is written to stdout."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="How to write the result to stdout.")
]
BackgroundOption = Annotated[
    list[str] | None,
    typer.Option("--background", help=f"Unrelated models (repeat). {SPEC_HELP}"),
]
LineagesOption = Annotated[
    Path | None,
    typer.Option("--lineages", help="TSV of model, lineage, vendor; goes before all else."),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key-file", help="File with the secret key of keyed packs.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of the bootstrap; it is in the verdict.")
]
DrawsOption = Annotated[int, typer.Option("--draws", min=20, max=10_000, help="Bootstrap draws.")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Stop at the first bad line of the inputs.")
]
PromptsOption = Annotated[
    list[str] | None,
    typer.Option("--prompts", help="Suite or file with the prompts to ask live models (repeat)."),
]

DtypeOption = Annotated[
    str, typer.Option("--dtype", help="Of weights: auto, float32, bfloat16, float16, int8.")
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="cpu, cuda, mps.")]
DeviceMapOption = Annotated[
    str | None, typer.Option("--device-map", help="auto: spread the weights over all GPUs.")
]
BatchOption = Annotated[
    int, typer.Option("--tokens-per-batch", help="Bounds the memory of a batch.")
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="CPU threads; default half.")]
NameOption = Annotated[
    str | None, typer.Option("--name", help="What the outputs call the suspect.")
]
FindingOption = Annotated[
    Path | None, typer.Option("--finding", help="File to write for `compare --finding`.")
]


def read_key(path: Path | None) -> bytes | None:
    """Read the secret of ``--key-file``; trailing white space does not belong to it."""
    if path is None:
        return None
    try:
        key = path.read_bytes().rstrip()
    except OSError as error:
        raise FingerprintError(f"{path}: expected a readable key file: {error.strerror}") from error
    if len(key) < 16:
        raise FingerprintError(f"{path}: expected a key of at least 16 bytes, found {len(key)}")
    return key


def stdout_console() -> Console:
    """Return the console of results: at least 80 columns when it is no terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 80)


def note(text: str) -> None:
    """Write a line of progress or warning to stderr."""
    from fingerprint.report.safe import clean

    sys.stderr.write(f"{clean(text)}\n")


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
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

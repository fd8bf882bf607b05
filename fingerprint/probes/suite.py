"""Load a suite: one that ships, a user's file in our format or another's, or one on the hub."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from fingerprint.errors import FingerprintError, ProbesError, UnknownNameError
from fingerprint.outputs.files import excerpt, sha256, show
from fingerprint.outputs.items import Note, Rejected
from fingerprint.probes import external, hub
from fingerprint.probes.records import BadProbe, Probe, Suite, as_probe

MANIFEST = "manifest.json"
GRAMMAR = "challenge.json"
"""What challenge suites are generated from."""
SCHEMA = "fingerprint.probes/1"
MAX_PROBES = 1_000_000


@dataclass(frozen=True, slots=True)
class Shipped:
    """A suite that comes with the tool, as the manifest describes it."""

    name: str
    file: str
    version: str
    licence: str
    about: str
    probes: int
    quick: int
    domains: dict[str, int]
    languages: dict[str, int]
    kinds: dict[str, int]
    sha256: str


class Placed(NamedTuple):
    """A probe, and the line or item it stands at."""

    place: str
    probe: Probe


def load_suite(spec: str, *, quick: bool = False) -> Suite:
    """Load a suite.

    Parameters
    ----------
    spec
        The name of a suite that ships (``style``); a file: JSONL with at least ``prompt_id`` and
        ``prompt`` on every line, AlpacaEval's, Arena-Hard's or WildBench's own files; or
        ``hf:OWNER/NAME[@REVISION][:FILE]`` for a data set on the Hugging Face hub, which is
        fetched when it is asked for.
    quick
        Take only the probes marked as the quick subset; a suite that marks none is taken whole.

    Raises
    ------
    UnknownNameError
        When ``spec`` is neither a name nor a file.
    ProbesError
        When the file cannot be read as a suite, or a suite that ships was altered.
    MissingExtraError
        For ``hf:`` without huggingface_hub, or Parquet without pyarrow or DuckDB.
    """
    if spec.startswith(hub.PREFIX):
        found = hub.fetch(spec)
        suite = replace(read_suite(found.path), name=found.name, version=found.revision)
    elif (known := shipped_suites().get(spec)) is not None:
        path = probes_folder() / known.file
        suite = replace(read_suite(path), name=known.name, version=known.version)
        if suite.sha256 != known.sha256:
            raise ProbesError(_altered(path, known.sha256, suite.sha256))
    elif Path(spec).is_file():
        suite = read_suite(Path(spec))
    else:
        names = list(shipped_suites())
        close = get_close_matches(spec, names, 3, 0.5) or names
        raise UnknownNameError(
            f"expected a suite that ships, a file or hf:OWNER/NAME, found {excerpt(spec)}; "
            f"suites: {', '.join(close)}"
        )
    marked = tuple(probe for probe in suite.probes if probe.quick)
    return replace(suite, probes=marked) if quick and marked else suite


def select(
    suite: Suite,
    *,
    domain: str | None = None,
    language: str | None = None,
    kind: str | None = None,
    group: str | None = None,
    ids: Collection[str] | None = None,
) -> tuple[Probe, ...]:
    """Return the probes that fit all the conditions given, in the suite's order."""
    wanted = {"domain": domain, "language": language, "kind": kind, "group": group}
    return tuple(
        probe
        for probe in suite.probes
        if all(value in (None, getattr(probe, name)) for name, value in wanted.items())
        and (not ids or probe.prompt_id in ids)
    )


def read_suite(path: Path) -> Suite:
    """Read a file as a suite named after it; its version is the start of its hash.

    A line that repeats a probe word for word, as outputs with several samples do, counts once.

    Raises
    ------
    ProbesError
        When a record is no probe, an id stands for two prompts, or there is no probe at all.
    """
    probes: dict[str, Placed] = {}
    for placed in read_probes(path):
        first = probes.setdefault(placed.probe.prompt_id, placed)
        if first.probe.messages != placed.probe.messages:
            raise ProbesError(
                f"{show(path)}: {placed.place}: prompt_id {excerpt(placed.probe.prompt_id)} stands "
                f"for another prompt at {first.place}; give every prompt its own id"
            )
        if len(probes) > MAX_PROBES:
            raise ProbesError(f"{show(path)}: more than {MAX_PROBES} probes; split the file")
    if not probes:
        raise ProbesError(f"{show(path)}: expected at least one probe, found none")
    digest = sha256(path)
    name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    ordered = tuple(placed.probe for placed in probes.values())
    return Suite(name=name, version=digest[:12], probes=ordered, sha256=digest)


def read_probes(path: Path) -> Iterator[Placed]:
    """Read every record of a suite file of any known format, with its place.

    Raises
    ------
    ProbesError
        At the first record that is no probe.
    """
    for item in external.records(path):
        if isinstance(item, Note):
            continue
        place = item.where if item.line is None else f"line {item.line}"
        try:
            if isinstance(item, Rejected):
                raise BadProbe(item.message)
            yield Placed(place, as_probe(external.in_our_names(item.record)))
        except BadProbe as error:
            raise ProbesError(f"{show(path)}: {place}: {error}") from None


def probes_folder() -> Path:
    """Return the folder of suites: inside the wheel, or beside the package in a checkout."""
    here = Path(__file__).parent.parent
    for folder in (here / "_probes", here.parent / "probes"):
        if (folder / MANIFEST).is_file():
            return folder
    raise FingerprintError(
        f"expected the suites at {here / '_probes'}, found nothing; reinstall fingerprint, or in a "
        "checkout run: python tools/build_probes.py"
    )


def shipped_suites() -> dict[str, Shipped]:
    """Read the manifest of the suites that ship, by name."""
    return {row["name"]: Shipped(**row) for row in _manifest()["suites"]}


def check_grammar() -> str:
    """Return the hash of the grammar of challenge suites, which must be as it shipped.

    Raises
    ------
    ProbesError
        When it was altered: seeds would not give the suites that they give elsewhere.
    """
    path = probes_folder() / GRAMMAR
    known, found = str(_manifest()["grammar"]["sha256"]), sha256(path)
    if found != known:
        raise ProbesError(_altered(path, known, found))
    return found


def _manifest() -> dict[str, Any]:
    path = probes_folder() / MANIFEST
    value: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if value.get("schema") != SCHEMA:
        raise ProbesError(f"{show(path)}: expected schema {SCHEMA}, found {value.get('schema')!r}")
    return value


def _altered(path: Path, known: str, found: str) -> str:
    return (
        f"{show(path)}: expected sha256 {known} as in {MANIFEST}, found {found}; the file was "
        "altered: reinstall fingerprint, or save your own under another name"
    )

"""A scan: sketch the log files, ask the sketches, find clusters, write what was found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fingerprint.errors import LogsError
from fingerprint.logs import tables
from fingerprint.logs.clusters import Cluster, find_clusters
from fingerprint.logs.engine import Engine, Local
from fingerprint.logs.naming import name_members
from fingerprint.logs.population import Population, population
from fingerprint.logs.schema import LINKS, Schema
from fingerprint.logs.store import (
    Partition,
    SketchTask,
    log_files,
    opened,
    partitions,
    sketch_file,
    table_paths,
)
from fingerprint.logs.tables import Columns, Limits, SketchError, TableTask
from fingerprint.logs.templates import MIN_HITS, Ints, Templates, find_templates
from fingerprint.records import Problem

FDR = 0.01
MEMORY = "2GB"
COMMON = 0.2
"""A phrase that more than this share of the accounts has used is common language."""
MIN_PHRASE_ACCOUNTS = 3
PHRASES_A_SHARD = 2_000_000
_UNITS = {"MB": 1, "GB": 1000, "TB": 1_000_000, "MIB": 1.048576, "GIB": 1073.741824}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found, before it is written."""

    clusters: tuple[Cluster, ...]
    names: dict[int, str]
    """Account names by hash, of all accounts in clusters."""
    people: Population
    templates: Templates
    fdr: float
    partitions: tuple[Partition, ...]
    duplicates: tuple[str, ...]
    """Files whose bytes another file has as well: read once."""
    failed: tuple[Problem, ...]
    """Files that could not be read."""
    repeated: int
    """Rows that were there more than once: same account, time and prompt."""
    span: tuple[int, int]
    """First and last exchange, ms."""
    releases: tuple[str, ...]
    limitations: tuple[str, ...]

    @property
    def exchanges(self) -> int:
        """Exchanges of the log, each counted once."""
        return int(self.people.exchanges.sum())

    def accused(self) -> list[Cluster]:
        """Return the clusters that are reported as campaigns."""
        return [cluster for cluster in self.clusters if cluster.accused(self.fdr)]


def memory_in_mb(text: str) -> int:
    """Return megabytes of a size like ``2GB``.

    Raises
    ------
    LogsError
        When it is no size, or less than 512 MB.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise LogsError(f"--memory {text}: expected a size like 2GB or 1500MB")
    size = int(float(match[1]) * unit)
    if size < 512:
        raise LogsError(f"--memory {text}: expected 512MB at least")
    return size


def scan(
    paths: Sequence[str],
    out: Path,
    *,
    schema: Schema | None = None,
    fdr: float = FDR,
    memory: str = MEMORY,
    engine: Engine | None = None,
    releases: Sequence[str] = (),
    strict: bool = False,
    progress: Progress | None = None,
) -> Scan:
    """Scan log files for campaigns.

    Files that were sketched into ``out`` before are not read again, and take part: tomorrow's log
    adds to today's, with the same result as one run over both. An interrupted scan goes on where it
    was when the same call is made again.

    Parameters
    ----------
    paths : sequence of str
        Log files, folders or patterns; may be empty when ``out`` has sketches.
    out : Path
        Folder of the sketches.
    schema : Schema, optional
        Column names of the log.
    fdr : float
        Expected share of false ones among the clusters that are accused.
    memory : str
        What the scan may use in all on this machine.
    engine : Engine, optional
        Where tasks run; by default one process.
    releases : sequence of str
        ISO dates of model releases, for the change of a cluster's traffic after them.
    strict : bool
        Stop at the first file or row that cannot be read.

    Raises
    ------
    LogsError
        When nothing can be read, the folder cannot be written, or memory or disk are too small.
    """
    if not 0 < fdr < 1:
        raise LogsError(f"--fdr {fdr}: expected a rate above 0 and below 1")
    engine = engine or Local()
    budget = memory_in_mb(memory)
    files = log_files(paths) if paths else []
    with opened(out) as sketches:
        limits = Limits(int(budget * 0.3 / engine.workers) + 100, 1, str(out / ".spill"))
        duplicates, failed = _sketch(
            files, sketches, schema or Schema.of({}), limits, engine, strict, progress
        )
        known = partitions(sketches)
        if not known:
            reason = failed[0] if failed else f"{out}: expected log files to scan, found none"
            raise LogsError(str(reason))
        found = _Reader(sketches, known, engine, limits, progress)
        people = found.population()
        templates = find_templates(found.shared(len(people)), people.accounts)
        span = (int(people.first.min()), int(people.last.max()))
        if progress is not None:
            progress("clusters", 0, 1)
        collect = partial(found.uses, people, templates)
        clusters = find_clusters(people, templates, span, collect)
        clusters = name_members(people, templates, clusters, collect)
        named = [np.union1d(cluster.group, cluster.accounts) for cluster in clusters]
        rows = np.unique(np.concatenate(named)) if named else np.zeros(0, dtype=np.int64)
        names = found.names(people, rows)
    columns = {name for partition in known for name in partition.columns}
    return Scan(
        clusters=tuple(clusters),
        names=names,
        people=people,
        templates=templates,
        fdr=fdr,
        partitions=tuple(known),
        duplicates=tuple(duplicates),
        failed=tuple(failed),
        repeated=sum(p.used for p in known) - int(people.exchanges.sum()),
        span=span,
        releases=tuple(releases),
        limitations=tuple(_limitations(columns, span)),
    )


def _sketch(
    files: Sequence[Path],
    sketches: Path,
    schema: Schema,
    limits: Limits,
    engine: Engine,
    strict: bool,
    progress: Progress | None,
) -> tuple[list[str], list[Problem]]:
    """Sketch all files; return those that were there already under another name, and the failed."""
    tasks = [SketchTask(str(f.resolve()), schema.names(), str(sketches), limits) for f in files]
    keys: Counter[str] = Counter()
    duplicates, failed = [], []
    for number, (file, result) in enumerate(
        zip(files, engine.map(sketch_file, tasks), strict=True), 1
    ):
        if isinstance(result, LogsError):
            if strict or isinstance(result, SketchError):
                raise result
            failed.append(Problem(str(file), None, str(result).removeprefix(f"{file}: ")))
        else:
            if strict and result.problems:
                raise LogsError(f"{result.problems[0]} (--strict stops at the first bad row)")
            if keys[result.key]:
                duplicates.append(str(file))
            keys[result.key] += 1
        if progress is not None:
            progress("files read", number, len(files))
    return duplicates, failed


class _Reader:
    """Asks the sketches of one scan."""

    def __init__(
        self,
        sketches: Path,
        known: Sequence[Partition],
        engine: Engine,
        limits: Limits,
        progress: Progress | None,
    ) -> None:
        self._engine, self._limits, self._progress = engine, limits, progress
        self._paths = {
            t: tuple(table_paths(sketches, t)) for t in ("exchanges", "phrases", "links", "names")
        }
        phrases = sum(partition.phrases for partition in known)
        self._shards = max(-(-phrases // PHRASES_A_SHARD), 1)

    def population(self) -> Population:
        parts = list(self._map(tables.accounts, "exchanges", "accounts", {}))
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return population(joined, tables.links(self._paths["links"], self._limits))

    def shared(self, accounts: int) -> Iterator[Columns]:
        most = max(int(COMMON * accounts), 30)
        options = {"least": MIN_PHRASE_ACCOUNTS, "most": most}
        yield from self._map(tables.shared_phrases, "phrases", "phrases", options)

    def uses(self, people: Population, templates: Templates, who: Ints, which: Ints) -> Columns:
        kept = np.isin(templates.phrase_template, which)
        rows = tables.template_exchanges(
            self._paths["phrases"],
            self._paths["exchanges"],
            templates.phrases[kept],
            templates.phrase_template[kept],
            people.accounts[who],
            MIN_HITS,
            self._limits,
        )
        return rows | {"account": np.searchsorted(people.accounts, rows["account"])}

    def names(self, people: Population, rows: Ints) -> dict[int, str]:
        return tables.account_names(self._paths["names"], people.accounts[rows], self._limits)

    def _map(
        self, ask: Callable[[TableTask], Columns], table: str, what: str, options: dict[str, int]
    ) -> Iterator[Columns]:
        # One after the other: all parts of the phrases together are most of a scan's memory.
        tasks = [
            TableTask(self._paths[table], shard, self._shards, self._limits, **options)
            for shard in range(self._shards)
        ]
        for number, part in enumerate(self._engine.map(ask, tasks), 1):
            if isinstance(part, LogsError):
                raise part
            yield part
            if self._progress is not None:
                self._progress(f"{what} asked", number, len(tasks))


def _limitations(columns: set[str], span: tuple[int, int]) -> Iterator[str]:
    missing = [name for name in LINKS if name not in columns]
    if missing:
        yield (
            f"the log has no {', '.join(missing)}: accounts that share them could not be seen, and "
            "no cluster is accused without a second channel"
        )
    if span[1] - span[0] < 3 * 86_400_000:
        yield "the log spans less than three days: accounts that follow each other cannot be told"
    yield (
        "no cluster is accused of its prompts alone: a campaign whose accounts share nothing else, "
        "neither cards nor addresses nor minutes, is not found"
    )
    yield (
        "coordination is what is tested, not intent: a legitimate group that none of the named "
        "explanations fits would be listed as well; look at the templates before acting"
    )

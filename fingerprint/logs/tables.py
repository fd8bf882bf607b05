"""Questions to the sketches in SQL: DuckDB streams, spills to disk and keeps to its memory.

Every answer covers one range of hashes, so that ranges can be asked one after another on a small
machine or all at once on a cluster, with the same numbers. Answers are sorted; sums are of
integers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fingerprint.errors import LogsError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

Columns = dict[str, npt.NDArray[Any]]

TIMES_KEPT = 4
"""Exchanges of one account kept for a phrase: those with the smallest ids, so the same for all
phrases of a prompt."""
NO_SPACE = os.strerror(errno.ENOSPC)


class SketchError(LogsError):
    """Sketches could not be written or read for want of room: other files would fare no better."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may use."""

    memory_mb: int
    threads: int
    spill: str
    """Folder for what does not fit."""


@dataclass(frozen=True, slots=True)
class TableTask:
    """One range of hashes of one table, to be asked."""

    paths: Sequence[str]
    shard: int
    shards: int
    limits: Limits
    least: int = 0
    most: int = 0
    """Fewest and most accounts of a phrase, where phrases are asked for."""


@contextmanager
def connect(limits: Limits) -> Iterator[Any]:
    """Open DuckDB within limits, without network and without extensions from elsewhere.

    Raises
    ------
    MissingExtraError
        When DuckDB is not installed.
    SketchError
        When a query fails: out of disk or memory, or a damaged sketch.
    """
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError("Scanning logs", "duckdb", "logs") from None
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": f"{limits.memory_mb}MB",
        "threads": str(limits.threads),
        "temp_directory": limits.spill,
        "preserve_insertion_order": "false",
    }
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET enable_progress_bar = false")
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise SketchError(
            f"--memory: {limits.memory_mb} MB were not enough for a task ({_first_line(error)}); "
            "give more, or see that the disk has room; what was done so far is kept"
        ) from error
    except duckdb.Error as error:
        if NO_SPACE in str(error):
            raise SketchError(
                f"{Path(limits.spill).parent}: {NO_SPACE}; make room and run the same command "
                "again: what was done so far is kept"
            ) from error
        raise SketchError(
            f"the sketches could not be read or written: {_first_line(error)}; if the disk is "
            "full, make room and run the same command again: what was done so far is kept"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200]


def write_table(connection: Any, columns: Columns, path: Path) -> None:
    """Write columns as Parquet; the same columns give the same bytes."""
    connection.register("columns_to_write", columns)
    target = str(path).replace("'", "''")
    connection.execute(
        f"COPY (SELECT * FROM columns_to_write) TO '{target}' "  # noqa: S608
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 16384)"
    )
    connection.unregister("columns_to_write")


def bounds(shard: int, shards: int) -> tuple[int, int]:
    """Return the first and the last hash of a range."""
    width = (1 << 64) // shards
    last = (1 << 64) - 1 if shard == shards - 1 else (shard + 1) * width - 1
    return shard * width, last


def accounts(task: TableTask) -> Columns:
    """Return what each account did: exchanges, first and last time (ms), tokens."""
    low, high = bounds(task.shard, task.shards)
    with connect(task.limits) as connection:
        return _fetch(
            connection,
            """
            SELECT account, count(*) AS n, min(time) AS first, max(time) AS last,
                   sum(input_tokens)::BIGINT AS input_tokens,
                   sum(output_tokens)::BIGINT AS output_tokens
            FROM (
                SELECT account, id, min(time) AS time, max(input_tokens) AS input_tokens,
                       max(output_tokens) AS output_tokens
                FROM read_parquet(?) WHERE account BETWEEN ? AND ? GROUP BY account, id
            )
            GROUP BY account ORDER BY account
            """,
            [list(task.paths), low, high],
        )


def links(paths: Sequence[str], limits: Limits) -> Columns:
    """Return each link of an account to an address, network, user agent or card once."""
    with connect(limits) as connection:
        return _fetch(
            connection,
            "SELECT DISTINCT kind, value, account FROM read_parquet(?) "
            "ORDER BY kind, value, account",
            [list(paths)],
        )


def shared_phrases(task: TableTask) -> Columns:
    """Return the phrases that ``least`` to ``most`` accounts have used, with the exchanges.

    Columns ``phrase``, ``account``, ``id``, sorted; at most `TIMES_KEPT` exchanges for each phrase
    of an account.
    """
    paths = list(task.paths)
    low, high = bounds(task.shard, task.shards)
    with connect(task.limits) as connection:
        connection.execute(
            """
            CREATE TEMP TABLE shared AS
            SELECT phrase FROM (
                SELECT DISTINCT phrase, account FROM read_parquet($paths)
                WHERE phrase BETWEEN $low AND $high
            )
            GROUP BY phrase HAVING count(*) BETWEEN $least AND $most
            """,
            {
                "paths": paths,
                "low": low,
                "high": high,
                "least": task.least,
                "most": task.most,
            },
        )
        found = _fetch(
            connection,
            """
            SELECT DISTINCT phrase, account, id FROM read_parquet(?) SEMI JOIN shared USING (phrase)
            WHERE phrase BETWEEN ? AND ? ORDER BY phrase, account, id
            """,
            [paths, low, high],
        )
    return first_of_each(found, TIMES_KEPT)


def first_of_each(columns: Columns, most: int) -> Columns:
    """Keep the first rows of each phrase and account, of rows in that order."""
    phrase, account = columns["phrase"], columns["account"]
    new = np.ones(len(phrase), dtype=np.bool_)
    new[1:] = (phrase[1:] != phrase[:-1]) | (account[1:] != account[:-1])
    starts = np.flatnonzero(new)
    rank = np.arange(len(phrase)) - starts[np.cumsum(new) - 1] if len(phrase) else starts
    kept = rank < most
    return {name: values[kept] for name, values in columns.items()}


def template_exchanges(
    phrase_paths: Sequence[str],
    exchange_paths: Sequence[str],
    phrases: npt.NDArray[np.uint64],
    templates: npt.NDArray[np.int64],
    accounts: npt.NDArray[np.uint64],
    hits: int,
    limits: Limits,
) -> Columns:
    """Return all exchanges of some accounts that use some templates, with what they asked.

    ``phrases``, ``templates``: the phrases of the templates; ``hits``: how many of a template's
    phrases an exchange must hold. Columns ``template``, ``id``, ``account``, ``time``, ``prompt``,
    ``purpose``, ``topics``, sorted by template and id.
    """
    with connect(limits) as connection:
        connection.register("asked", {"phrase": phrases, "template": templates})
        connection.register("whose", {"account": accounts})
        return _fetch(
            connection,
            """
            WITH used AS (
                SELECT template, id, account FROM (
                    SELECT DISTINCT phrase, account, id FROM read_parquet($phrases)
                    SEMI JOIN asked USING (phrase) SEMI JOIN whose USING (account)
                ) JOIN asked USING (phrase)
                GROUP BY template, id, account HAVING count(*) >= $hits
            ), said AS (
                SELECT id, min(time) AS time, min(prompt) AS prompt, bit_or(purpose) AS purpose,
                       bit_or(topics) AS topics
                FROM read_parquet($exchanges) SEMI JOIN whose USING (account) GROUP BY id
            )
            SELECT template, id, account, time, prompt, purpose, topics
            FROM used JOIN said USING (id) ORDER BY template, id
            """,
            {"phrases": list(phrase_paths), "exchanges": list(exchange_paths), "hits": hits},
        )


def account_names(
    paths: Sequence[str], accounts: npt.NDArray[np.uint64], limits: Limits
) -> dict[int, str]:
    """Return the names of accounts by their hashes."""
    with connect(limits) as connection:
        connection.register("whose", {"account": accounts})
        found = connection.execute(
            "SELECT account, min(name) FROM read_parquet(?) SEMI JOIN whose USING (account) "
            "GROUP BY account",
            [list(paths)],
        ).fetchall()
    return dict(found)


def _fetch(connection: Any, query: str, values: Any) -> Columns:
    found = connection.execute(query, values).fetchnumpy()
    return {name: np.ma.getdata(column) for name, column in found.items()}

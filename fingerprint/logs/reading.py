"""Rows of a log file, in batches: JSONL, JSONL.gz or Parquet; bad rows are counted, not fatal."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from fingerprint.errors import FingerprintError, LogsError, MissingExtraError
from fingerprint.logs.schema import LINKS, REQUIRED, TOKENS, Schema
from fingerprint.outputs.files import MAX_LINE_BYTES, excerpt, open_bytes, show
from fingerprint.records import Problem

BATCH_ROWS = 2048
SCANNED = (*REQUIRED, *LINKS, *TOKENS)
PROBLEMS_KEPT = 20
"""Bad rows of a file that are shown; all are counted."""
EARLIEST, LATEST = 1_420_070_400_000, 4_102_444_800_000
"""2015 and 2100, ms: a clock that says anything else is broken."""
SKEW_MS = 36 * 3_600_000
"""A row this far from the date of its partition comes from a clock that is off."""


@dataclass(slots=True)
class Rows:
    """A batch of usable rows, column by column."""

    account: list[str] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    """Milliseconds since 1970."""
    prompt: list[str] = field(default_factory=list)
    links: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in LINKS})
    """Empty text where a row does not say."""
    tokens: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in TOKENS})

    def __len__(self) -> int:
        return len(self.account)


@dataclass(slots=True)
class Tally:
    """What became of the rows of one file."""

    rows: int = 0
    used: int = 0
    skewed: int = 0
    """Used, but more than 36 hours from the date of their partition."""
    bad: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    """Optional columns that were seen at least once."""

    def complain(self, path: Path, number: int, kind: str, message: str) -> None:
        """Count a bad row, and keep the message of the first ones."""
        self.bad[kind] += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(Problem(show(path), number, message))


class BadRow(ValueError):
    """A row that cannot be used: its kind, and what was expected and found."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_rows(path: Path, schema: Schema, tally: Tally) -> Iterator[Rows]:
    """Read a log file in batches, keeping count in ``tally``.

    Raises
    ------
    LogsError
        When the file cannot be read, or not one row of it can be used.
    MissingExtraError
        For Parquet, when DuckDB is not installed.
    """
    day = _partition_day(path)
    source = records(path, schema, tally, SCANNED)
    while batch := list(islice(source, BATCH_ROWS)):
        tally.rows += len(batch)
        rows = _all_at_once(batch, schema, tally)
        if rows is None:
            rows = _one_by_one(batch, path, schema, tally)
        tally.used += len(rows)
        if day is not None:
            low, high = day - SKEW_MS, day + 86_400_000 + SKEW_MS
            tally.skewed += sum(not low <= time < high for time in rows.time)
        if len(rows):
            yield rows
    if not tally.used and tally.rows:
        first = tally.problems[0]
        raise LogsError(
            f"{first}; none of its {tally.rows:,} rows can be used: if the columns have other "
            "names, map them with --schema FILE"
        )


def _partition_day(path: Path) -> int | None:
    """Return the start of the day in a folder name like ``date=2026-03-02``, ms, if any."""
    for part in reversed(path.parts[:-1]):
        _, sign, value = part.partition("=")
        if sign:
            try:
                day = date.fromisoformat(value)
            except ValueError:
                continue
            return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    return None


def records(
    path: Path, schema: Schema, tally: Tally, columns: Sequence[str]
) -> Iterator[tuple[int, Any]]:
    """Yield number and record of each row, or `BadRow` in place of the record.

    Of Parquet only the columns named are read. Errors are those of `read_rows`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise LogsError(f"{show(path)}: cannot be read: {error.strerror}") from error
    if head == b"PAR1":
        yield from _parquet(path, schema, columns)
        return
    number = 0
    try:
        with open_bytes(path) as file:
            while True:
                try:
                    raw = file.readline(MAX_LINE_BYTES + 1)
                except (EOFError, zlib.error, gzip.BadGzipFile):
                    tally.complain(
                        path, number, "truncated file",
                        "the gzip data ends or is damaged here; the rows before it were used: "
                        "get the file again and scan once more",
                    )  # fmt: skip
                    return
                if not raw:
                    return
                number += 1
                if len(raw) > MAX_LINE_BYTES:
                    while raw and not raw.endswith(b"\n"):
                        raw = file.readline(1 << 20)
                    yield number, BadRow("too long", "the line is longer than 64 MiB")
                elif not raw.isspace():
                    yield number, _parse(raw)
    except LogsError:
        raise
    except FingerprintError as error:
        raise LogsError(str(error)) from error


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return BadRow("not UTF-8", "expected UTF-8, found other bytes")
    except (ValueError, RecursionError):
        return BadRow("not JSON", "expected one JSON object, found " + _shown(raw))


def _shown(raw: bytes) -> str:
    return excerpt(raw[:80].decode("utf-8", "replace"))


def _parquet(path: Path, schema: Schema, columns: Sequence[str]) -> Iterator[tuple[int, Any]]:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError("Reading Parquet logs", "duckdb", "logs") from None
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET threads = 1")
            source = "read_parquet(?, hive_partitioning = false)"
            cursor = connection.execute(f"FROM {source} LIMIT 0", [str(path)])
            present = {column[0] for column in cursor.description}
            wanted = sorted({schema.paths[c][0] for c in columns} & present)
            if not wanted:
                raise LogsError(
                    f"{show(path)}: expected the columns {', '.join(REQUIRED)}, found "
                    f"{excerpt(', '.join(sorted(present)))}; map them with --schema FILE"
                )
            quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in wanted)
            cursor = connection.execute(f"SELECT {quoted} FROM {source}", [str(path)])  # noqa: S608
            number = 0
            while rows := cursor.fetchmany(BATCH_ROWS):
                for row in rows:
                    number += 1
                    yield number, dict(zip(wanted, row, strict=True))
    except duckdb.Error as error:
        raise LogsError(
            f"{show(path)}: cannot be read as Parquet: {excerpt(error)}; get the file again"
        ) from error


def _all_at_once(batch: list[tuple[int, Any]], schema: Schema, tally: Tally) -> Rows | None:
    """Return a batch column by column where every row is of the plainest kind, else None.

    Most logs are: text in text columns, no objects within objects. This is four times as fast.
    """
    if any(len(schema.paths[name]) > 1 for name in SCANNED):
        return None
    if any(type(record) is not dict for _, record in batch):
        return None
    columns = {name: [record.get(schema.paths[name][0]) for _, record in batch] for name in SCANNED}
    kinds = {name: set(map(type, column)) for name, column in columns.items()}
    if kinds["account_id"] != {str} or kinds["prompt"] != {str} or not all(columns["account_id"]):
        return None
    if any(not kinds[name] <= {str, type(None)} for name in LINKS):
        return None
    if any(not kinds[name] <= {int, type(None)} for name in TOKENS):
        return None
    try:
        times = [parse_time(stamp) for stamp in columns["timestamp"]]
    except BadRow:
        return None
    tally.columns |= {name for name in (*LINKS, *TOKENS) if kinds[name] != {type(None)}}
    return Rows(
        account=columns["account_id"],
        time=times,
        prompt=columns["prompt"],
        links={name: [value or "" for value in columns[name]] for name in LINKS},
        tokens={
            name: [value if value and 0 < value < 2**31 else 0 for value in columns[name]]
            for name in TOKENS
        },
    )


def _one_by_one(batch: list[tuple[int, Any]], path: Path, schema: Schema, tally: Tally) -> Rows:
    rows = Rows()
    for number, record in batch:
        try:
            if isinstance(record, BadRow):
                raise record
            _take(rows, record, schema, tally)
        except BadRow as bad:
            tally.complain(path, number, bad.kind, str(bad))
    return rows


def _take(rows: Rows, record: Any, schema: Schema, tally: Tally) -> None:
    """Append one record to the batch, or raise `BadRow` and leave the batch as it was."""
    if not isinstance(record, dict):
        raise BadRow("no object", f"expected a JSON object, found {excerpt(record)}")
    account, stamp, prompt = (look_up(record, schema.paths[name]) for name in REQUIRED)
    for name, value in zip(REQUIRED, (account, stamp, prompt), strict=True):
        if value is None:
            raise BadRow(
                f"no {name}",
                f"expected {'.'.join(schema.paths[name])} ({name}), found "
                f"{excerpt(', '.join(map(str, list(record)[:12])))}",
            )
    if isinstance(account, (dict, list)) or account == "":
        raise BadRow("no account_id", f"expected an account, found {excerpt(account)}")
    time = parse_time(stamp)
    text = prompt if isinstance(prompt, str) else conversation(prompt)
    links = [look_up(record, schema.paths[name]) for name in LINKS]
    counts = [look_up(record, schema.paths[name]) for name in TOKENS]
    rows.account.append(str(account))
    rows.time.append(time)
    rows.prompt.append(text)
    for name, value in zip(LINKS, links, strict=True):
        usable = value is not None and not isinstance(value, (dict, list))
        rows.links[name].append(str(value) if usable else "")
        if usable:
            tally.columns.add(name)
    for name, value in zip(TOKENS, counts, strict=True):
        usable = isinstance(value, (int, float)) and 0 <= value < 2**31
        rows.tokens[name].append(int(value) if usable else 0)
        if usable:
            tally.columns.add(name)


def look_up(record: dict[str, Any], path: Sequence[str]) -> Any:
    """Return what stands in a row under a path of names, or None."""
    found: Any = record.get(path[0])
    for name in path[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def conversation(prompt: Any) -> str:
    """Return what was asked in a list of messages: all that the model did not write itself.

    Raises
    ------
    BadRow
        When it is no list of messages.
    """
    if not isinstance(prompt, list):
        raise BadRow("no prompt", f"expected text or messages, found {excerpt(prompt)}")
    parts = []
    for message in prompt:
        if not isinstance(message, dict):
            raise BadRow("no prompt", f"expected messages, found {excerpt(message)}")
        content = message.get("content")
        if message.get("role") == "assistant":
            continue
        if isinstance(content, str):
            parts.append(content)
        elif isinstance(content, list):
            texts = (part.get("text") for part in content if isinstance(part, dict))
            parts += [text for text in texts if isinstance(text, str)]
    return "\n".join(parts)


def parse_time(stamp: Any) -> int:
    """Return milliseconds since 1970 of ISO 8601 (UTC where no zone is given) or epoch s, ms or us.

    Raises
    ------
    BadRow
        For anything else, and for years before 2015 or after 2099.
    """
    try:
        if isinstance(stamp, datetime):
            moment = stamp
        elif isinstance(stamp, str) and not stamp[4:6].isdigit():
            moment = datetime.fromisoformat(stamp)
        else:
            return _plausible(_from_epoch(float(stamp)), stamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return _plausible(round(moment.timestamp() * 1000), stamp)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, BadRow):
            raise
        raise BadRow(
            "no timestamp", f"expected ISO 8601 or epoch seconds, found {excerpt(stamp)}"
        ) from error


def _from_epoch(value: float) -> int:
    for unit in (1000.0, 1.0, 0.001):
        if EARLIEST <= value * unit < LATEST:
            return round(value * unit)
    return round(value * 1000)


def _plausible(time: int, stamp: Any) -> int:
    if not EARLIEST <= time < LATEST:
        raise BadRow("clock", f"expected a time between 2015 and 2099, found {excerpt(stamp)}")
    return time

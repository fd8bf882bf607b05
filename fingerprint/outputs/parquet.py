"""Parquet files with the columns of our JSON lines, read in batches by pyarrow or DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from fingerprint.errors import MissingExtraError, OutputsError
from fingerprint.outputs.check import REQUIRED
from fingerprint.outputs.files import MAX_TOTAL_BYTES, excerpt, show, without_surrogates
from fingerprint.outputs.items import Found, Head, Importer, Item

BATCH_ROWS = 512


def matches(head: Head) -> bool:
    """Tell Parquet by its first four bytes, or its name."""
    return head.raw.startswith(b"PAR1") or (head.name.endswith(".parquet"))


def items(path: Path) -> Iterator[Item]:
    """Read each row.

    Raises
    ------
    OutputsError
        When the file is no Parquet, damaged, or unpacks to more than the limit.
    MissingExtraError
        When neither pyarrow nor DuckDB is installed.
    """
    for number, row in enumerate(_rows(path), 1):
        record = {
            # Null is "not given", except where something must be given.
            name: value if name in REQUIRED and isinstance(value, bytes) else _plain(value)
            for name, value in row.items()
            if value is not None or name in REQUIRED
        }
        _undo_column_types(record)
        yield Found(record, where=f"row {number}")


def _undo_column_types(record: dict[str, Any]) -> None:
    """Bring back what tables write in another way: settings as text, counts as floats."""
    sampling, sample = record.get("sampling"), record.get("sample")
    if isinstance(sampling, str) and sampling.startswith("{"):
        with suppress(ValueError, RecursionError):
            record["sampling"] = json.loads(sampling)
    elif isinstance(sampling, dict):
        record["sampling"] = {name: value for name, value in sampling.items() if value is not None}
    if isinstance(sample, float) and sample.is_integer():
        record["sample"] = int(sample)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        library: Any = import_module("pyarrow.parquet")
    except ImportError:
        library = None
    try:
        if library is not None:
            yield from _with_pyarrow(path, library)
            return
        try:
            duckdb: Any = import_module("duckdb")
        except ImportError:
            raise MissingExtraError("Reading Parquet", "pyarrow", "parquet") from None
        yield from _with_duckdb(path, duckdb)
    except (OutputsError, MissingExtraError, GeneratorExit):
        raise
    except Exception as error:  # the libraries raise many kinds, DuckDB's own among them
        raise OutputsError(
            f"{show(path)}: cannot be read as Parquet: {excerpt(error)}; write the file again"
        ) from error


def _with_pyarrow(path: Path, library: Any) -> Iterator[dict[str, Any]]:
    with library.ParquetFile(path) as file:
        groups = range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
        names = file.schema_arrow.names
        _check(path, size, names)
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            yield from batch.to_pylist()


def _with_duckdb(path: Path, duckdb: Any) -> Iterator[dict[str, Any]]:
    settings = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute("SET threads = 1")
        size = connection.execute(
            "SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata(?)", [str(path)]
        ).fetchone()[0]
        cursor = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in cursor.description]
        _check(path, int(size), names)
        while rows := cursor.fetchmany(BATCH_ROWS):
            for row in rows:
                yield dict(zip(names, row, strict=True))


def _check(path: Path, size: int, names: list[str]) -> None:
    if size > MAX_TOTAL_BYTES:
        raise OutputsError(f"{show(path)}: unpacks to {size} bytes, more than {MAX_TOTAL_BYTES}")
    if len(set(names)) < len(names):
        raise OutputsError(f"{show(path)}: two columns have the same name")


def _plain(value: Any) -> Any:
    """Turn a column's value into what JSON has."""
    if isinstance(value, str):
        return without_surrogates(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return f"0x{value.hex()}" if len(value) < 2**16 else f"{len(value)} bytes"
    return str(value)


IMPORTER = Importer(kind="parquet", what="Parquet", matches=matches, items=items, complaint="row")

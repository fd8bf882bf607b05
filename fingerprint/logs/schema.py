"""Columns of a log: what they are called here, and how another log's names are mapped onto them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint.errors import LogsError

REQUIRED = ("account_id", "timestamp", "prompt")
LINKS = ("ip", "asn", "user_agent", "payment_hash")
"""What accounts may have in common apart from what they ask."""
TOKENS = ("input_tokens", "output_tokens")
ANSWER = ("response", "model")
"""What came back, and of which model: read for the bridge, not for a scan."""
COLUMNS = (*REQUIRED, *ANSWER, *LINKS, *TOKENS)


@dataclass(frozen=True, slots=True)
class Schema:
    """Where each column is found in a row: a path of names, for objects within objects."""

    paths: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, names: Mapping[str, str]) -> Schema:
        """Map columns to names; a dot leads into an object. The others keep their own names."""
        return cls({column: tuple(names.get(column, column).split(".")) for column in COLUMNS})

    def names(self) -> dict[str, str]:
        """Return the name that stands for each column."""
        return {column: ".".join(path) for column, path in self.paths.items()}


DEFAULT = Schema.of({})


def read_schema(path: Path | None) -> Schema:
    """Read a schema file: TOML or JSON with ``column = "name in the log"``.

    Raises
    ------
    LogsError
        When the file cannot be read or names a column that there is not.
    """
    if path is None:
        return DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
        found: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LogsError(
            f'--schema {path}: expected TOML or JSON like account_id = "user": {reason}'
        ) from error
    names = found.get("columns", found) if isinstance(found, dict) else found
    if not isinstance(names, dict) or not all(isinstance(v, str) and v for v in names.values()):
        raise LogsError(f"--schema {path}: expected a name in the log for each column")
    unknown = sorted(set(names) - set(COLUMNS))
    if unknown:
        raise LogsError(
            f"--schema {path}: found the column {unknown[0]!r}, expected {', '.join(COLUMNS)}"
        )
    return Schema.of(names)

"""Fields: typed access to JSON that anybody may have written.

Verdict files, exhibits, bundles and data files are read through this: what is missing or of another
kind is an error that names the place, never a crash further on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fingerprint.errors import FingerprintError


class Fields:
    """One JSON object and where it stands.

    Parameters
    ----------
    value : any
        What `json.loads` gave.
    where : str
        File and place, for messages.
    error : type of FingerprintError
        What is raised.
    """

    def __init__(self, value: Any, where: str, error: type[FingerprintError]) -> None:
        self._where = where
        self._error = error
        if not isinstance(value, dict):
            raise self._wrong("", "an object", value)
        self._value: dict[str, Any] = value

    def __contains__(self, name: str) -> bool:
        """Say whether the field is there and not null."""
        return self._value.get(name) is not None

    def names(self) -> tuple[str, ...]:
        """List the fields that are there."""
        return tuple(self._value)

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._value.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text", value)
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a text, or None where the field is missing or null."""
        return self.text(name) if name in self else None

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._value.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, "a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._wrong(name, "a finite number", value)
        return number

    def number_or_none(self, name: str) -> float | None:
        """Return a finite number, or None where the field is missing or null."""
        return self.number(name) if name in self else None

    def whole(self, name: str) -> int:
        """Return a whole number from 0 to 2^64."""
        value = self._value.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1 << 64:
            raise self._wrong(name, "a whole number from 0 on", value)
        return value

    def truth(self, name: str) -> bool:
        """Return true or false."""
        value = self._value.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.values(name)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(name, "a list of texts", values)
        return tuple(values)

    def values(self, name: str) -> list[Any]:
        """Return a list of anything."""
        value = self._value.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return value

    def part(self, name: str) -> Fields:
        """Return an object inside this one."""
        return Fields(self._value.get(name), f"{self._where}, {name}", self._error)

    def part_or_none(self, name: str) -> Fields | None:
        """Return an object inside this one, or None where the field is missing or null."""
        return self.part(name) if name in self else None

    def each(self, name: str) -> tuple[Fields, ...]:
        """Return the objects of a list."""
        return tuple(
            Fields(value, f"{self._where}, {name}[{i}]", self._error)
            for i, value in enumerate(self.values(name))
        )

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return an object as it is."""
        value = self._value.get(name)
        if not isinstance(value, dict):
            raise self._wrong(name, "an object", value)
        return value

    def is_one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return a text that must be one of those allowed."""
        value = self.text(name)
        if value not in allowed:
            raise self._wrong(name, f"one of {', '.join(allowed)}", value)
        return value

    def _wrong(self, name: str, expected: str, found: Any) -> FingerprintError:
        shown = "nothing" if found is None else json.dumps(found, default=str)[:60]
        field = f", field {name}" if name else ""
        return self._error(f"{self._where}{field}: expected {expected}, found {shown}")


def parse(raw: bytes, where: str, error: type[FingerprintError]) -> Fields:
    """Read a JSON object from bytes.

    Raises
    ------
    FingerprintError
        Of the kind given, when it is not UTF-8, not JSON, holds numbers that are not finite, or
        is nested too deeply.
    """

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as cause:
        raise error(f"{where}: expected JSON in UTF-8, found something else: {cause}") from cause
    return Fields(value, where, error)

"""Assignment by file: requests in, the variants to serve out, for gateways that work in batches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint.errors import LogsError
from fingerprint.logs.canary import CanaryPlan
from fingerprint.logs.reading import BadRow, Tally, look_up, records
from fingerprint.logs.schema import DEFAULT, Schema
from fingerprint.outputs.files import show, without_surrogates
from fingerprint.records import Problem
from fingerprint.wholefile import replacing

_READ = ("account_id", "prompt", "response")
_NEEDED = "expected an account and a prompt as text"


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of the requests. ``by_group``: requests with a canary, by the group's name."""

    requests: int
    canaries: int
    bad: int
    by_group: dict[str, int]
    problems: tuple[Problem, ...]


def assign(
    plan: CanaryPlan, paths: Sequence[Path], out: Path, schema: Schema = DEFAULT
) -> Assigned:
    """Write what each request of some files is to be served, one JSON line a canary.

    A line has ``file``, ``row``, ``account_id``, ``slot``, ``variant``, ``text`` and, where the
    request came with a response, ``response`` with the variant in its place. Requests without a
    canary have no line. The file is written whole or not at all.

    Parameters
    ----------
    plan : CanaryPlan
    paths : sequence of path
        JSONL, JSONL.gz or Parquet with an account, a prompt, and maybe a response.
    out : path
    schema : Schema
        Names of the columns.

    Raises
    ------
    LogsError
        When a file cannot be read or written, or no request can be used.
    """
    tally = Tally()
    groups: Counter[str] = Counter()
    try:
        with replacing(out) as file:
            for path in paths:
                for row, record in records(path, schema, tally, _READ):
                    tally.rows += 1
                    line = _assign(plan, record, schema)
                    if line is None:
                        said = str(record) if isinstance(record, BadRow) else _NEEDED
                        tally.complain(path, row, "unusable", said)
                    elif line:
                        groups[line.pop("group")] += 1
                        full = {"file": path.name, "row": row, **line}
                        text = without_surrogates(json.dumps(full, ensure_ascii=False))
                        file.write(f"{text}\n".encode())
            if tally.rows == tally.bad.total():
                wanted = ", ".join(_names(schema))
                raise LogsError(
                    f"{show(paths[0])}: expected requests with {wanted}, found none among "
                    f"{tally.rows} rows; map the columns with --schema FILE"
                )
    except OSError as error:
        raise LogsError(f"{show(out)}: cannot be written: {error.strerror}") from error
    return Assigned(
        requests=tally.rows,
        canaries=groups.total(),
        bad=tally.bad.total(),
        by_group=dict(sorted(groups.items())),
        problems=tuple(tally.problems),
    )


def _names(schema: Schema) -> tuple[str, str]:
    names = schema.names()
    return names["account_id"], names["prompt"]


def _assign(plan: CanaryPlan, record: Any, schema: Schema) -> dict[str, Any] | None:
    """Return the line of a request, empty without a canary, or None where it cannot be used."""
    if isinstance(record, BadRow) or not isinstance(record, dict):
        return None
    account, prompt, response = (look_up(record, schema.paths[name]) for name in _READ)
    if type(account) not in (str, int) or account == "" or not isinstance(prompt, str):
        return None
    variant = plan.variant(str(account), prompt)
    if variant is None:
        return {}
    line = {
        "account_id": str(account),
        "group": variant.group,
        "slot": variant.slot.id,
        "variant": variant.number,
        "text": variant.text,
    }
    if isinstance(response, str):
        line["response"] = variant.apply(response)
    return line

"""Verdicts as JSON: the contract that other programs read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from numbers import Integral, Real
from typing import Any

from fingerprint.records import (
    Alternative,
    ChannelResult,
    DomainResult,
    MatrixRow,
    Party,
    Problem,
    RankingRow,
    Share,
    Verdict,
)
from fingerprint.report.words import carries_numbers

SCHEMA = "fingerprint.verdict/1"
PROBLEMS_SHOWN = 20
DIGITS = 6
"""Significant digits of every number: more would differ between machines and say nothing."""


def verdict_to_dict(verdict: Verdict) -> dict[str, Any]:
    """Turn a verdict into plain data, in the key order of the contract.

    With insufficient data `llr10`, `cap10` and `share` are null, whatever the record holds (see
    `words.carries_numbers`); so they are in the rows of teachers that came too late.

    Parameters
    ----------
    verdict : Verdict
        What `compare` found.

    Returns
    -------
    dict
        Only dicts, lists, strings, numbers, booleans and None; pass it to `dumps`.
    """
    shown = carries_numbers(verdict.verdict)
    return {
        "schema": SCHEMA,
        "suspect": _party(verdict.suspect),
        "teacher": _party(verdict.teacher),
        "background": [
            {"name": model.name, "lineage": model.lineage} for model in verdict.background
        ],
        "share": _share(verdict.share) if shown else None,
        "llr10": verdict.llr10 if shown else None,
        "cap10": verdict.cap10 if shown else None,
        "verbal": verdict.verbal,
        "verdict": str(verdict.verdict),
        "channels": [_channel(channel) for channel in verdict.channels],
        "ranking": [_ranking_row(row) for row in verdict.ranking],
        "alternatives": [_alternative(alternative) for alternative in verdict.alternatives],
        "domains": [_domain(domain) for domain in verdict.domains],
        "limitations": list(verdict.limitations),
        "inputs": [{"path": source.path, "sha256": source.sha256} for source in verdict.inputs],
        "seed": verdict.seed,
        "version": verdict.version,
        "answer": verdict.answer,
        "cap_reason": verdict.cap_reason,
        "problems": {
            "count": len(verdict.problems),
            "first": [_problem(problem) for problem in verdict.problems[:PROBLEMS_SHOWN]],
        },
        "n_prompts": verdict.n_prompts,
    }


def matrix_to_list(rows: Iterable[MatrixRow]) -> list[dict[str, Any]]:
    """Turn the pairs of a matrix into plain data, in their order.

    Parameters
    ----------
    rows : iterable of MatrixRow
        All pairs of suspects and teachers.

    Returns
    -------
    list of dict
        ``suspect, teacher, llr10, cap10, share, verdict``, and ``reason`` where there is one.
    """
    listed = []
    for row in rows:
        shown = carries_numbers(row.verdict)
        entry: dict[str, Any] = {
            "suspect": row.suspect,
            "teacher": row.teacher,
            "llr10": row.llr10 if shown else None,
            "cap10": row.cap10 if shown else None,
            "share": _share(row.share) if shown else None,
            "verdict": str(row.verdict),
        }
        if row.reason is not None:
            entry["reason"] = row.reason
        listed.append(entry)
    return listed


def dumps(obj: object) -> str:
    """Write plain data as JSON whose bytes depend on nothing but the data.

    Keys keep their order, numbers are rounded to six significant digits, and everything outside
    printable ASCII is escaped, so that nothing raw reaches a terminal.

    Parameters
    ----------
    obj : object
        Dicts with string keys, lists, tuples, strings, numbers, booleans, enums and None.

    Returns
    -------
    str
        Indented JSON that ends in a newline.

    Raises
    ------
    ValueError
        A number is not finite. What is missing is null and has a reason.
    TypeError
        Something has no place in JSON.
    """
    return json.dumps(_plain(obj, "$"), ensure_ascii=True, allow_nan=False, indent=2) + "\n"


def _plain(obj: object, where: str) -> Any:
    if obj is None or isinstance(obj, bool):
        return obj
    if isinstance(obj, Enum):
        return _plain(obj.value, where)
    if isinstance(obj, str):
        return str(obj)
    if isinstance(obj, Integral):
        return int(obj)
    if isinstance(obj, Real):  # NumPy's numbers of every width are registered as Real
        return _rounded(float(obj), where)
    if isinstance(obj, Mapping):
        return {_key(key, where): _plain(value, f"{where}.{key}") for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_plain(value, f"{where}[{index}]") for index, value in enumerate(obj)]
    raise TypeError(f"expected plain data at {where}, found {type(obj).__name__}")


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"expected string keys at {where}, found {type(key).__name__}")
    return str(key)


def _rounded(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise ValueError(
            f"expected a finite number at {where}, found {value}: "
            "what could not be measured is null and has a reason"
        )
    return float(f"{value:.{DIGITS}g}") + 0.0  # minus zero becomes zero


def _party(party: Party) -> dict[str, Any]:
    return {
        "name": party.name,
        "lineage": party.lineage,
        "vendor": party.vendor,
        "suites": list(party.suites),
        "versions": list(party.versions),
        "n_responses": party.n_responses,
        "released": party.released,
        "lineage_known": party.lineage_known,
    }


def _share(share: Share | None) -> dict[str, Any] | None:
    if share is None:
        return None
    return {
        "estimate": share.estimate,
        "low": share.low,
        "high": share.high,
        "level": share.level,
        "calibration": share.calibration,
    }


def _channel(channel: ChannelResult) -> dict[str, Any]:
    return {
        "name": channel.name,
        "status": str(channel.status),
        "score": channel.score,
        "low": channel.low,
        "high": channel.high,
        "llr10": channel.llr10,
        "n_prompts": channel.n_prompts,
        "reason": channel.reason,
    }


def _ranking_row(row: RankingRow) -> dict[str, Any]:
    shown = carries_numbers(row.verdict)
    entry: dict[str, Any] = {
        "teacher": row.teacher,
        "llr10": row.llr10 if shown else None,
        "share": _share(row.share) if shown else None,
        "verdict": str(row.verdict),
    }
    if row.note is not None:
        entry["note"] = row.note
    return entry


def _alternative(alternative: Alternative) -> dict[str, Any]:
    return {
        "name": alternative.name,
        "status": str(alternative.status),
        "llr10": alternative.llr10,
        "why": alternative.why,
    }


def _domain(domain: DomainResult) -> dict[str, Any]:
    return {
        "domain": domain.domain,
        "share": _share(domain.share),
        "n_prompts": domain.n_prompts,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"path": problem.path, "line": problem.line, "message": problem.message}

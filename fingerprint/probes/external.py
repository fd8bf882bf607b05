"""Suites in others' formats: the prompt sets of AlpacaEval, Arena-Hard and WildBench."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fingerprint.outputs import alpaca_eval, parquet
from fingerprint.outputs.files import describe, read_head
from fingerprint.outputs.items import Item
from fingerprint.outputs.jsonl import parsed_lines
from fingerprint.probes.records import BadProbe


def records(path: Path) -> Iterator[Item]:
    """Read the records of a suite file: a JSON list as AlpacaEval has it, Parquet, or JSON lines.

    Raises
    ------
    OutputsError
        When the file cannot be read.
    MissingExtraError
        For Parquet without pyarrow or DuckDB.
    """
    head = read_head(path)
    if head.text.startswith(b"["):
        return alpaca_eval.items(path)
    return parquet.items(path) if parquet.matches(head) else parsed_lines(path)


def in_our_names(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record of a known format under our names, and any other as it is.

    Ids stay those of the source, so that outputs collected elsewhere still pair; AlpacaEval has
    none, and its prompts get the ids that its outputs get (`alpaca_eval.prompt_id`).

    Raises
    ------
    BadProbe
        When the prompt of a known format is not where it should be.
    """
    if "conversation_input" in record:
        return _wildbench(record)
    if "question_id" in record and "turns" in record:
        return _arena_hard_turns(record)
    if "uid" in record and "prompt" in record and "prompt_id" not in record:
        return {
            "prompt_id": record["uid"],
            "prompt": record["prompt"],
            "domain": record.get("category"),
            "group": record.get("subcategory"),
        }
    return record


def _wildbench(record: Mapping[str, Any]) -> dict[str, Any]:
    """Take a conversation; its messages have more fields than are sent."""
    turns = record["conversation_input"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise BadProbe(f'expected a list of messages as "conversation_input", found {turns!r:.60}')
    return {
        "prompt_id": record.get("session_id"),
        "messages": [{"role": turn.get("role"), "content": turn.get("content")} for turn in turns],
        "domain": record.get("primary_tag"),
    }


def _arena_hard_turns(record: Mapping[str, Any]) -> dict[str, Any]:
    turns = record["turns"]
    if not isinstance(turns, list) or len(turns) != 1:
        found = f"{len(turns)} turns" if isinstance(turns, list) else describe(turns)
        raise BadProbe(
            f'expected one turn in "turns", found {found}; a later turn cannot be asked without '
            "the answer to the one before"
        )
    turn = turns[0]
    return {
        "prompt_id": record["question_id"],
        "prompt": turn.get("content") if isinstance(turn, dict) else turn,
        "domain": record.get("cluster") or record.get("category"),
    }

"""AlpacaEval's ``model_outputs.json``: a list of instruction, output and generator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fingerprint.errors import OutputsError
from fingerprint.outputs.files import Repeated, describe, load_document, show
from fingerprint.outputs.items import Found, Head, Importer, Item, Rejected

SUITE = "alpaca_eval"
_NAMES = {
    "instruction": "prompt",
    "output": "response",
    "generator": "model",
    "dataset": "domain",
}
_OURS = {*_NAMES.values(), "prompt_id", "suite"}


def matches(head: Head) -> bool:
    """Tell a JSON list whose items have AlpacaEval's fields."""
    return head.text.startswith(b"[") and (
        head.name.startswith("model_outputs")
        or (b'"instruction"' in head.text and b'"output"' in head.text)
    )


def prompt_id(instruction: str) -> str:
    """Name a prompt by its text: the format has no ids."""
    digest = hashlib.sha256(instruction.encode("utf-8", "surrogatepass")).hexdigest()
    return f"ae-{digest[:12]}"


def items(path: Path) -> Iterator[Item]:
    """Read each item of the list.

    Raises
    ------
    OutputsError
        When the file is no JSON list.
    """
    document, marked = load_document(path)
    if not isinstance(document, list):
        raise OutputsError(f"{show(path)}: expected a JSON list, found {describe(document)}")
    for number, item in enumerate(document, 1):
        where = f"item {number}"
        if not isinstance(item, dict):
            yield Rejected(f"expected an object, found {describe(item)}", where=where)
        elif isinstance(item, Repeated):
            yield Rejected("a field occurs twice in the object; keep one of them", where=where)
        else:
            yield Found(_record(item), where=where, marked=marked)


def _record(item: dict[str, Any]) -> dict[str, Any]:
    record = {}
    for name, value in item.items():
        # A field that happens to have one of our names is not what we mean by it.
        own = f"item_{name}" if name in _OURS else name
        record[_NAMES.get(name, own)] = value
    instruction = item.get("instruction")
    record["prompt_id"] = prompt_id(instruction) if isinstance(instruction, str) else "-"
    record["suite"] = SUITE
    return record


IMPORTER = Importer(
    kind="alpaca_eval",
    what="AlpacaEval model_outputs.json",
    matches=matches,
    items=items,
    native={ours: theirs for theirs, ours in _NAMES.items()},
    complaint="item",
)

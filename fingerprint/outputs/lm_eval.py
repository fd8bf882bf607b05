"""lm-evaluation-harness: ``samples_<task>_<date>.jsonl`` with its ``results_<date>.json``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fingerprint.errors import OutputsError
from fingerprint.outputs.chat import Asked, read_messages
from fingerprint.outputs.files import load_document, show, without_surrogates
from fingerprint.outputs.items import Found, Head, Importer, Item, Note, Rejected
from fingerprint.outputs.jsonl import parsed_lines

_SAMPLES = re.compile(
    r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d{2}-\d{2}T[\d.\-]+))?\.jsonl(\.gz)?"
)
_RESULTS = re.compile(r"results(_.*)?\.json")
# The harness's own order: an adapter or a delta is named together with its base.
_MODEL_ARGUMENTS = ("peft", "delta", "pretrained", "model", "path", "engine")
_SAMPLING = ("temperature", "top_p", "top_k", "do_sample", "max_gen_toks", "max_tokens", "until")


def matches(head: Head) -> bool:
    """Tell a samples file by the fields of its first line."""
    first = head.first
    if first is not None:
        return "doc_id" in first and "resps" in first
    start = head.text[:4096]
    return head.name.startswith("samples_") and start.startswith(b'{"doc_id"')


def is_results_file(path: Path) -> bool:
    """Tell the results file that stands beside samples files; it is read with them."""
    return _RESULTS.fullmatch(path.name) is not None and any(path.parent.glob("samples_*.jsonl*"))


def items(path: Path) -> Iterator[Item]:
    """Read each generated text; rows of log likelihoods are rejected, they hold no text.

    Raises
    ------
    OutputsError
        When the name of the model is found neither beside the file nor in its folder's name.
    """
    named = _SAMPLES.fullmatch(path.name)
    model = _model(path, named["date"] if named else None)
    task = named["task"] if named else None
    seen: dict[bytes, str] = {}
    for item in parsed_lines(path):
        if not isinstance(item, Found):
            yield item
            continue
        for one in _row(item, model, task):
            if isinstance(one, Found) and _seen_before(item.record, one.record, seen):
                yield Note("repeat a document for another filter, with the same response")
            else:
                yield one


def _seen_before(row: dict[str, Any], record: dict[str, Any], seen: dict[bytes, str]) -> bool:
    """Tell a response logged again: a document has one line per filter of its answers."""
    name = row.get("filter")
    key = [str(record[part]) for part in ("prompt_id", "sample", "response")]
    if not isinstance(name, str):
        return False
    digest = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).digest()
    return seen.setdefault(digest, name) != name


def _row(item: Found, model: str, task: str | None) -> Iterator[Item]:
    row = item.record
    requests = _requests(row.get("arguments"))
    responses = row.get("resps")
    if not isinstance(responses, list) or not responses or not requests:
        yield Rejected('expected lists "arguments" and "resps"', item.line)
        return
    if not _is_text(responses, requests):
        yield Rejected(
            "a row of log likelihoods: it has no text; only tasks that generate can be used",
            item.line,
        )
        return
    doc_id = row.get("doc_id")
    if not isinstance(doc_id, (int, str)) or not all(responses):
        yield Rejected('expected "doc_id" and at least one text in each list of "resps"', item.line)
        return
    several = len(responses) > 1
    for number, texts in enumerate(responses):
        arguments = requests[min(number, len(requests) - 1)]
        asked = _asked(arguments[0])
        if asked is None:
            yield Rejected('expected the prompt as first of "arguments"', item.line)
            continue
        settings = arguments[1]
        for sample, text in enumerate(texts):
            yield item._replace(
                record={
                    "prompt_id": f"{doc_id}~{number}" if several else doc_id,
                    "prompt": asked.prompt,
                    "system": asked.system,
                    "response": text,
                    "model": model,
                    "suite": task,
                    # A number only where there are several: a second file is a second sample.
                    "sample": sample if len(texts) > 1 else None,
                    "sampling": {name: settings[name] for name in _SAMPLING if name in settings},
                }
            )


def _requests(arguments: Any) -> list[list[Any]]:
    """Bring both forms of ``arguments``, lists and ``gen_args_0: {arg_0: ...}``, to lists."""
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if not isinstance(arguments, list):
        return []
    requests = [list(one.values()) if isinstance(one, dict) else one for one in arguments]
    return [one for one in requests if isinstance(one, list) and one]


def _is_text(responses: list[Any], requests: list[list[Any]]) -> bool:
    # Log likelihoods are also logged as text ("-3.2"), but only generation has settings.
    return all(len(one) > 1 and isinstance(one[1], dict) for one in requests) and all(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        for texts in responses
    )


def _asked(shown: Any) -> Asked | None:
    if isinstance(shown, list) and len(shown) == 1 and isinstance(shown[0], str):
        shown = shown[0]
    if isinstance(shown, list):
        return read_messages(shown)
    if not isinstance(shown, str):
        return None
    # With a chat template and an API model, the messages stand there as JSON text.
    if shown.startswith('[{"role"'):
        try:
            asked = read_messages(json.loads(shown))
        except (ValueError, RecursionError):
            asked = None
        if asked is not None:
            return asked
    return Asked(shown, None, 1)


def _model(path: Path, date: str | None) -> str:
    """Find the model's name in the results file of the same run, else in the folder's name."""
    found = sorted(one for one in path.parent.glob("results*.json") if is_results_file(one))
    same_run = [one for one in found if date is not None and date in one.name]
    names = {name for one in same_run or found if (name := _model_of_results(one))}
    if len(names) == 1:
        return names.pop()
    folder = path.absolute().parent.name
    if not names and "__" in folder:
        return folder.replace("__", "/")
    problem = "no results file beside it names the model"
    if names:
        problem = f"the results files beside it name {len(names)} models"
    raise OutputsError(
        f"{show(path)}: a model with no name: {problem}; put the file into a folder with the "
        "results_*.json of its run, or named for the model as lm-eval does (org__model)"
    )


def _model_of_results(path: Path) -> str | None:
    document, _ = load_document(path)
    if not isinstance(document, dict):
        return None
    name = document.get("model_name")
    if isinstance(name, str) and name.strip():
        return without_surrogates(name.strip())
    config = document.get("config")
    arguments = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in arguments.split(","))
        arguments = {key.strip(): value.strip() for key, _, value in pairs}
    if not isinstance(arguments, dict):
        return None
    given = (arguments.get(key) for key in _MODEL_ARGUMENTS)
    name = next((value for value in given if isinstance(value, str) and value), None)
    return None if name is None else without_surrogates(name)


IMPORTER = Importer(
    kind="lm_eval",
    what="lm-eval samples",
    matches=matches,
    items=items,
    native={"prompt_id": "doc_id", "response": "resps"},
    complaint="line",
)

"""HELM's ``scenario_state.json``: an adapter specification and the requests it made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fingerprint.errors import OutputsError
from fingerprint.outputs.chat import Asked, read_messages
from fingerprint.outputs.files import describe, excerpt, load_document, show
from fingerprint.outputs.items import Found, Head, Importer, Item, Rejected

_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k_per_token": "top_k",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}


def matches(head: Head) -> bool:
    """Tell a JSON object that begins with an adapter specification."""
    start = head.text[:4096]
    return start.startswith(b"{") and (
        head.name == "scenario_state.json"
        or (head.name.endswith(".json") and b'"adapter_spec"' in start)
    )


def items(path: Path) -> Iterator[Item]:
    """Read each completion of each request; several completions are samples.

    Raises
    ------
    OutputsError
        When the file has no request states.
    """
    document, marked = load_document(path)
    states = document.get("request_states") if isinstance(document, dict) else None
    if not isinstance(states, list):
        raise OutputsError(
            f'{show(path)}: expected an object with a list "request_states", '
            f"found {describe(document)}"
        )
    adapter = document.get("adapter_spec")
    adapter = adapter if isinstance(adapter, dict) else {}
    suite = _suite(path)
    for number, state in enumerate(states, 1):
        where = f"request {number}"
        for item in _state(state, adapter, suite, where):
            yield item._replace(marked=marked) if isinstance(item, Found) else item


def _state(state: Any, adapter: dict[str, Any], suite: str | None, where: str) -> Iterator[Item]:
    parts = [state.get(name) if isinstance(state, dict) else None for name in
             ("instance", "request", "result")]  # fmt: skip
    instance, request, result = (part if isinstance(part, dict) else {} for part in parts)
    completions = result.get("completions")
    if not instance or not isinstance(completions, list) or not completions:
        error = result.get("error")
        why = f": the request failed with {excerpt(error)}" if error else ""
        yield Rejected(f'expected an "instance" and a result with "completions"{why}', where=where)
        return
    asked = _asked(instance, request)
    if asked is None:
        yield Rejected('expected the prompt in "request" or "instance"', where=where)
        return
    base = {
        "prompt_id": _prompt_id(instance, state),
        "prompt": asked.prompt,
        "system": asked.system,
        "model": adapter.get("model") or request.get("model"),
        "served_model": request.get("model"),
        "suite": suite,
        "sampling": {ours: request[name] for name, ours in _SAMPLING.items() if name in request},
    }
    for sample, completion in enumerate(completions):
        if not isinstance(completion, dict):
            yield Rejected(f"completion {sample} is {describe(completion)}", where=where)
            continue
        finish = completion.get("finish_reason")
        record = {
            **base,
            # A number only where there are several: another run is another sample.
            "sample": sample if len(completions) > 1 else None,
            "response": completion.get("text"),
            "finish_reason": finish.get("reason") if isinstance(finish, dict) else finish,
        }
        if isinstance(thinking := completion.get("thinking"), dict) and thinking.get("text"):
            record["reasoning"] = thinking["text"]
        yield Found(record, where=where if len(completions) == 1 else f"{where}.{sample + 1}")


def _asked(instance: dict[str, Any], request: dict[str, Any]) -> Asked | None:
    """Take what the model was shown, which differs from the instance's text (few-shot)."""
    if (asked := read_messages(request.get("messages"))) is not None:
        return asked
    shown = request.get("prompt")
    if isinstance(shown, str) and shown:
        return Asked(shown, None, 1)
    given = instance.get("input")
    text = given.get("text") if isinstance(given, dict) else None
    return Asked(text, None, 1) if isinstance(text, str) else None


def _prompt_id(instance: dict[str, Any], state: dict[str, Any]) -> str:
    """Name the prompt: one instance is asked in several ways, each of which is another prompt."""
    parts = [_name(instance.get("id"))]
    perturbation = instance.get("perturbation")
    if isinstance(perturbation, dict):
        parts.append(_name(perturbation.get("name")))
    if trial := _name(state.get("train_trial_index")).lstrip("0"):
        parts.append(f"trial{trial}")
    if reference := _name(state.get("reference_index")):
        parts.append(f"ref{reference}")
    mode = _name(state.get("request_mode"))
    parts.append("" if mode == "original" else mode)
    return "~".join(part for part in parts if part) if parts[0] else ""


def _name(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) else ""


def _suite(path: Path) -> str | None:
    """Name the suite by the run's folder, ``mmlu:subject=anatomy,model=...``, without the model."""
    scenario, colon, arguments = path.absolute().parent.name.partition(":")
    if not colon:
        return None
    kept = [part for part in arguments.split(",") if not part.startswith("model=")]
    return f"{scenario}:{','.join(kept)}" if kept and kept != [""] else scenario


IMPORTER = Importer(
    kind="helm",
    what="HELM scenario_state.json",
    matches=matches,
    items=items,
    native={"prompt_id": "instance.id", "response": "text", "model": "adapter_spec.model"},
    complaint="request",
)

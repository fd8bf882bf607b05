"""What models answer: raw bytes of three protocols become a `Reply`, or a reason why not.

Replies come from whoever runs the endpoint and are hostile input: every field may be missing or of
another type than it should be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypedDict

from fingerprint.outputs.chat import read_content
from fingerprint.outputs.files import BadJson, describe, excerpt, parse_json, replace_surrogates

NO_TEXT_EXPECTED = frozenset(
    {"length", "max_tokens", "content_filter", "refusal", "model_context_window_exceeded"}
)
"""Finish reasons with which an answer without text is an answer."""


class Blame(Enum):
    """What a failure says about asking again."""

    MOMENT = "moment"
    """Asking the same again may work."""
    REPLY = "reply"
    """The reply was broken; asking again may work, but it is more likely how the endpoint is."""
    PROMPT = "prompt"
    """This prompt will not be answered; others may."""
    RUN = "run"
    """Nothing will be answered: wrong key, unknown model, no money."""


class Failed(Exception):
    """An answer that was not given. ``reason`` is safe to show and to keep."""

    def __init__(
        self,
        blame: Blame,
        reason: str,
        *,
        status: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__()
        self.blame = blame
        self.reason = reason
        self.status = status
        self.wait = wait
        """Seconds that the server asks to wait."""

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the vendor counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    """Those of the reasoning included, where vendors do so."""
    reasoning_tokens: int | None = None

    def as_dict(self) -> dict[str, int]:
        """Return the counts that are known."""
        values = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        if self.reasoning_tokens is not None:
            values["reasoning_tokens"] = self.reasoning_tokens
        return values


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    refused: bool = False
    """The endpoint marked the text as a refusal."""
    logprobs: Mapping[str, Any] | None = None
    """``tokens``, ``logprobs`` and, where asked for, ``top``: a list of pairs for every token."""
    usage: Usage | None = None
    served_model: str | None = None
    system_fingerprint: str | None = None
    response_id: str | None = None
    effective: Mapping[str, Any] = field(default_factory=dict)
    """Sampling as it was sent, or as local weights were sampled."""
    dropped: tuple[str, ...] = ()
    """Parameters that were asked for and could not be sent."""
    sent: Mapping[str, Any] = field(default_factory=dict)
    """The body of the request; it holds no key."""
    raw: bytes = b""
    """The reply as it came; empty for local weights."""


def read_body(raw: bytes) -> dict[str, Any]:
    """Parse a reply's bytes as a JSON object; an ``error`` in it is a failure whatever the status.

    Raises
    ------
    Failed
        When it is no JSON object in UTF-8, or says that it is an error.
    """
    try:
        value, marked = parse_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except BadJson as error:
        start = raw[:60].decode("utf-8", "replace")
        raise Failed(
            Blame.REPLY, f"expected JSON, found {excerpt(start)} ({error}); {len(raw)} bytes"
        ) from None
    if not isinstance(value, dict):
        raise Failed(Blame.REPLY, f"expected a JSON object, found {describe(value)}")
    if marked:
        value, _ = replace_surrogates(value)
    body: dict[str, Any] = value
    problem = body.get("error")
    if problem:
        code = problem.get("code") if isinstance(problem, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else None
        blame = blame_of(status) if status else Blame.REPLY
        raise Failed(blame, f"the reply is an error: {error_text(body)}", status=status)
    return body


def read_chat(raw: bytes) -> Reply:
    """Read a reply of ``/chat/completions``."""
    body = read_body(raw)
    choice = _first_choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Failed(Blame.REPLY, f"expected a message in the reply, found {describe(message)}")
    text, inline = _content(message.get("content"))
    refusal = _text(message.get("refusal"))
    finish = _text(choice.get("finish_reason"))
    if text is None and refusal is None and finish not in NO_TEXT_EXPECTED:
        raise Failed(Blame.REPLY, f"the reply has no content (finish reason {excerpt(finish)})")
    return Reply(
        text=text or refusal or "",
        reasoning=_reasoning(message) or inline,
        finish_reason=finish,
        refused=refusal is not None and not text,
        logprobs=_chat_logprobs(choice.get("logprobs")),
        usage=_openai_usage(body.get("usage")),
        **_about(body),
    )


def read_completion(raw: bytes) -> Reply:
    """Read a reply of ``/completions``."""
    body = read_body(raw)
    choice = _first_choice(body)
    text, finish = choice.get("text"), _text(choice.get("finish_reason"))
    if not isinstance(text, str):
        raise Failed(Blame.REPLY, f"expected text in the reply, found {describe(text)}")
    return Reply(
        text=text,
        finish_reason=finish,
        logprobs=_completion_logprobs(choice.get("logprobs")),
        usage=_openai_usage(body.get("usage")),
        **_about(body),
    )


def read_message(raw: bytes) -> Reply:
    """Read a reply of Anthropic's ``/v1/messages``."""
    body = read_body(raw)
    text, reasoning = _content(body.get("content"))
    finish = _text(body.get("stop_reason"))
    if not text and finish not in NO_TEXT_EXPECTED and finish != "end_turn":
        raise Failed(Blame.REPLY, f"the reply has no content (stop reason {excerpt(finish)})")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    cached = _count(usage.get("cache_read_input_tokens"))
    cached += _count(usage.get("cache_creation_input_tokens"))
    return Reply(
        text=text or "",
        reasoning=reasoning,
        finish_reason=finish,
        refused=finish == "refusal",
        usage=Usage(_count(usage.get("input_tokens")) + cached, _count(usage.get("output_tokens")))
        if usage
        else None,
        **_about(body),
    )


def blame_of(status: int) -> Blame:
    """Say what an HTTP status means for asking again."""
    if status in (408, 409, 425, 429) or status >= 500:
        return Blame.MOMENT
    if status in (401, 402, 403, 404) or status < 400:
        return Blame.RUN
    return Blame.PROMPT


def error_text(body: Any) -> str:
    """Say in a line what an error body says, whatever its shape."""
    problem = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(problem, dict):
        for name in ("message", "detail", "error", "type", "code"):
            value = problem.get(name)
            if isinstance(value, str) and value.strip():
                return _short(value)
        return _short(", ".join(map(str, problem)) or "no reason given")
    return _short(str(problem))


def is_final(body: Any) -> bool:
    """Tell an error that waiting will not mend although its status says so: no money left."""
    problem = body.get("error") if isinstance(body, dict) else None
    found = problem if isinstance(problem, dict) else {}
    words = {found.get("code"), found.get("type")}
    return bool(words & {"insufficient_quota", "billing_hard_limit_reached", "access_terminated"})


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"


def _first_choice(body: Mapping[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        found = describe(choices) if not isinstance(choices, list) else "no choice"
        raise Failed(Blame.REPLY, f"expected a choice in the reply, found {found}")
    return first


def _content(content: Any) -> tuple[str | None, str | None]:
    """Return text and reasoning of a message's content, None where there is none of it."""
    if isinstance(content, list):
        content = [_thinking_as_reasoning(part) for part in content]
    found = read_content(content)
    if found is None:
        return None, None
    return found.text, found.reasoning or None


def _thinking_as_reasoning(part: Any) -> Any:
    """Give parts of thinking the type that `read_content` knows; Mistral nests them once more."""
    if not isinstance(part, dict) or part.get("type") != "thinking":
        return part
    thinking = part.get("thinking")
    if isinstance(thinking, list):
        nested = read_content(thinking)
        thinking = nested.text if nested is not None else ""
    return {"type": "reasoning", "reasoning": thinking}


def _reasoning(message: Mapping[str, Any]) -> str | None:
    """Find the reasoning under the names that vendors give it."""
    for name in ("reasoning_content", "reasoning"):
        if text := _text(message.get(name)):
            return text
    details = message.get("reasoning_details")
    if isinstance(details, list):
        parts = [_text(part.get("text")) for part in details if isinstance(part, dict)]
        return "\n\n".join(filter(None, parts)) or None
    return None


def _chat_logprobs(value: Any) -> dict[str, Any] | None:
    entries = value.get("content") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return None
    entries = [entry for entry in entries if isinstance(entry, dict)]
    found: dict[str, Any] = {
        "tokens": [_text(entry.get("token")) or "" for entry in entries],
        "logprobs": [_number(entry.get("logprob")) for entry in entries],
    }
    tops = [entry.get("top_logprobs") for entry in entries]
    if any(tops):
        found["top"] = [
            [
                [_text(item.get("token")) or "", _number(item.get("logprob"))]
                for item in (top if isinstance(top, list) else [])
                if isinstance(item, dict)
            ]
            for top in tops
        ]
    return found


def _completion_logprobs(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict) or not isinstance(value.get("tokens"), list):
        return None
    numbers = value.get("token_logprobs")
    tops = value.get("top_logprobs")
    found: dict[str, Any] = {
        "tokens": [_text(token) or "" for token in value["tokens"]],
        "logprobs": [_number(n) for n in (numbers if isinstance(numbers, list) else [])],
    }
    if isinstance(tops, list) and any(tops):
        found["top"] = [
            [[str(token), _number(n)] for token, n in top.items()] if isinstance(top, dict) else []
            for top in tops
        ]
    return found


def _openai_usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    details = value.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return Usage(
        _count(value.get("prompt_tokens")),
        _count(value.get("completion_tokens")),
        _count(reasoning) if reasoning is not None else None,
    )


class _About(TypedDict):
    served_model: str | None
    system_fingerprint: str | None
    response_id: str | None


def _about(body: Mapping[str, Any]) -> _About:
    return {
        "served_model": _text(body.get("model")),
        "system_fingerprint": _text(body.get("system_fingerprint")),
        "response_id": _text(body.get("id")),
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    """Return a finite number: NaN and infinity are no JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), 10**12)

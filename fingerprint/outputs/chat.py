"""Chat messages as others' logs hold them: text or a list of parts, reasoning kept apart."""

from __future__ import annotations

from typing import Any, NamedTuple


class Content(NamedTuple):
    """The text of a message, with what is not its text."""

    text: str
    reasoning: str
    other: tuple[str, ...]
    """Types of the parts that are neither, such as ``image``."""


class Asked(NamedTuple):
    """What a model was asked."""

    prompt: str
    system: str | None
    turns: int
    """Messages apart from system messages."""


def read_content(content: Any) -> Content | None:
    """Read the content of a message; None when it is neither text nor a list of parts."""
    if isinstance(content, str):
        return Content(content, "", ())
    if not isinstance(content, list):
        return None
    text, reasoning, other = [], [], []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else "text"
        value = part.get(kind) if isinstance(part, dict) and isinstance(kind, str) else part
        if kind == "text" and isinstance(value, str):
            text.append(value)
        elif kind == "reasoning" and isinstance(value, str):
            reasoning.append(value)
        else:
            other.append(kind[:30] if isinstance(kind, str) else "unknown")
    return Content("\n".join(text), "\n\n".join(reasoning), tuple(other))


def read_messages(messages: Any) -> Asked | None:
    """Find the last user message and the system message; None when there is no user message."""
    if not isinstance(messages, list):
        return None
    prompt, system, turns = None, None, 0
    for message in messages:
        if not isinstance(message, dict):
            return None
        content = read_content(message.get("content"))
        role = message.get("role")
        turns += role not in ("system", "developer")
        if content is None:
            continue
        if role == "user":
            prompt = content.text
        elif role in ("system", "developer"):
            system = content.text if system is None else f"{system}\n\n{content.text}"
    return None if prompt is None else Asked(prompt, system, turns)

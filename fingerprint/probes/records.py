"""What a probe and a suite are, and how one record of a suite file becomes a probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fingerprint.outputs.chat import read_messages
from fingerprint.outputs.files import describe, excerpt

FIELDS = (
    "prompt_id", "prompt", "system", "domain", "language", "kind", "quick", "group", "answer",
    "check", "messages", "meta",
)  # fmt: skip
"""Fields of a record, in the order in which our own suites have them."""
MAX_PROMPT = 1_000_000
"""Characters of a prompt; longer than any model's context that can be asked by hand."""
_ROLES = ("system", "developer", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Probe:
    """One prompt, or one conversation, that a model is asked.

    ``messages`` is what is sent: built from system and prompt unless the probe is a conversation,
    whose last user message is then the prompt.
    """

    prompt_id: str
    prompt: str
    system: str | None = None
    domain: str | None = None
    language: str | None = None
    """ISO 639-1 code of the language the prompt is written in."""
    kind: str | None = None
    """What the probe tries: ``identity``, ``choice``, ``canonical``; see docs/probes.md."""
    messages: tuple[dict[str, str], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = False
    """Part of the subset that carries most of the evidence."""
    group: str | None = None
    """Probes that belong together: one question in six languages, one task and its twins."""
    answer: str | None = None
    """The right answer, where there is one."""
    check: Mapping[str, Any] | None = None
    """How an answer is read from a response; see `fingerprint.probes.answers`."""

    def __post_init__(self) -> None:
        if not self.messages:
            own = ({"role": "user", "content": self.prompt},)
            first = () if self.system is None else ({"role": "system", "content": self.system},)
            object.__setattr__(self, "messages", (*first, *own))


@dataclass(frozen=True, slots=True)
class Suite:
    """A versioned set of probes."""

    name: str
    version: str
    probes: tuple[Probe, ...]
    sha256: str
    """SHA-256 of the bytes of the whole file, also where only the quick subset was taken."""

    def __len__(self) -> int:
        return len(self.probes)


class BadProbe(ValueError):
    """Why a record is no probe; safe to show."""


def as_probe(record: Mapping[str, Any]) -> Probe:
    """Make a probe of an unchecked record; fields that are not ours are left out.

    Raises
    ------
    BadProbe
        When prompt id or prompt are missing, or a field is of another type than it must be.
    """
    texts = {
        name: _text(record, name)
        for name in ("system", "domain", "language", "kind", "group", "answer")
    }
    messages = record.get("messages")
    prompt = record.get("prompt")
    if messages is not None:
        turns = _messages(messages)
        asked = read_messages(list(turns))
        if asked is None:
            raise BadProbe('"messages" has no user message')
        prompt = asked.prompt if prompt is None else prompt
        texts["system"] = asked.system if texts["system"] is None else texts["system"]
        if (prompt, texts["system"]) != (asked.prompt, asked.system):
            raise BadProbe(
                '"prompt" or "system" differ from the last user message or the system message in '
                '"messages"; keep only "messages"'
            )
    else:
        turns = ()
    if not isinstance(prompt, str) or not prompt.strip():
        raise BadProbe(f'expected text as "prompt", found {describe(prompt)}')
    if len(prompt) > MAX_PROMPT:
        raise BadProbe(f'"prompt" has {len(prompt)} characters; the most is {MAX_PROMPT}')
    quick = record.get("quick") or False
    if not isinstance(quick, bool):
        raise BadProbe(f'expected true or false as "quick", found {describe(quick)}')
    return Probe(
        prompt_id=_prompt_id(record.get("prompt_id")),
        prompt=prompt,
        messages=turns,
        meta=_object(record, "meta") or {},
        quick=quick,
        check=_object(record, "check"),
        **texts,
    )


def _prompt_id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise BadProbe(f'expected text or an integer as "prompt_id", found {describe(value)}')
    return value


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise BadProbe(f'expected text as "{name}", found {describe(value)}')


def _object(record: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = record.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise BadProbe(f'expected an object as "{name}", found {describe(value)}')


def _messages(value: Any) -> tuple[dict[str, str], ...]:
    """Check a conversation: known roles, plain text, the user's turn last."""
    if not isinstance(value, list) or not value:
        raise BadProbe(f'expected a list of messages as "messages", found {describe(value)}')
    turns = []
    for turn in value:
        role = turn.get("role") if isinstance(turn, dict) else None
        content = turn.get("content") if isinstance(turn, dict) else None
        if role not in _ROLES:
            raise BadProbe(f"expected a role of {', '.join(_ROLES)}, found {excerpt(role)}")
        if not isinstance(content, str):
            raise BadProbe(f"expected text as the content of a message, found {describe(content)}")
        turns.append({"role": role, "content": content})
    if turns[-1]["role"] != "user":
        raise BadProbe(f"expected the user's message last, found {excerpt(turns[-1]['role'])}")
    return tuple(turns)

"""Where answers go: a line of outputs each, with its raw reply and the failures beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fingerprint.collect.plan import Ask, Key
from fingerprint.collect.progress import Tally
from fingerprint.collect.providers import Secrets
from fingerprint.collect.replies import Failed, Reply
from fingerprint.collect.settings import Settings
from fingerprint.collect.store import Appender, Done, read_done

SYNC_EVERY = 32
"""Lines after which they are put on the disk."""
RAW = ".raw.jsonl"
ERRORS = ".errors.jsonl"
_CUT = frozenset({"length", "max_tokens"})

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Answers:
    """The files of one collection, open for appending.

    Parameters
    ----------
    out : Path
        The outputs. Raw replies go beside it as ``OUT.raw.jsonl``, failures as
        ``OUT.errors.jsonl``.
    name : str
        What the outputs call the model.
    settings : Settings
    secrets : Secrets
    clock : callable
        Gives the time that answers are dated with.

    Raises
    ------
    CollectError
        When the file cannot be written, or another process collects into it.
    """

    def __init__(
        self, out: Path, name: str, settings: Settings, secrets: Secrets, clock: Clock = utc_now
    ) -> None:
        self._name = name
        self._requested = settings.sampling.requested()
        self._secrets = secrets
        self._clock = clock
        self._errors_path = out.with_name(out.name + ERRORS)
        self._errors: Appender | None = None
        self._raw: Appender | None = None
        self._keep_raw = settings.keep_raw
        self._path = out
        self._out = Appender(out, secrets)
        self.done = Done()
        self.tally = Tally(total=0)

    def resume(self) -> None:
        """Read which answers are there already.

        Raises
        ------
        CollectError
            When the file holds something else than answers of this model.
        """
        self.done = read_done(self._path, self._name)
        if self._keep_raw:
            self._raw = Appender(self._path.with_name(self._path.name + RAW), self._secrets)

    def keep(self, ask: Ask, reply: Reply) -> None:
        """Write an answer; one that is there already is left as it is."""
        if ask.key in self.done:
            return
        # The raw reply first: an answer is then never without it, whenever the process is killed.
        if self._raw is not None:
            self._raw.append(_raw_record(ask.key, reply))
        self._out.append(self._record(ask, reply))
        self.done.add(ask.key)
        self._count(reply)
        self._out.sync(SYNC_EVERY)
        if self._raw is not None:
            self._raw.sync(SYNC_EVERY)

    def give_up(self, ask: Ask, failed: Failed, attempts: int) -> None:
        """Write why there is no answer; the next run asks again."""
        if self._errors is None:
            self._errors = Appender(self._errors_path, self._secrets)
        record = {
            "suite": ask.suite,
            "prompt_id": ask.probe.prompt_id,
            "sample": ask.sample,
            "reason": failed.reason,
            "status": failed.status,
            "requests": attempts,
            "at": self._now(),
        }
        self._errors.append({name: value for name, value in record.items() if value is not None})

    def sync(self) -> None:
        """Put everything on the disk."""
        for file in (self._raw, self._out, self._errors):
            if file is not None:
                file.sync()

    def close(self) -> None:
        """Close all files, the outputs last: they hold the lock."""
        for file in (self._raw, self._errors, self._out):
            if file is not None:
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _count(self, reply: Reply) -> None:
        tally = self.tally
        tally.done += 1
        tally.cut += reply.finish_reason in _CUT
        if reply.usage is not None:
            tally.input_tokens += reply.usage.input_tokens
            tally.output_tokens += reply.usage.output_tokens

    def _record(self, ask: Ask, reply: Reply) -> dict[str, Any]:
        """Return the line of an answer; what is not known is left out."""
        probe = ask.probe
        sampling: dict[str, Any] = {
            "requested": self._requested,
            "effective": dict(reply.effective),
        }
        if reply.dropped:
            sampling["dropped"] = list(reply.dropped)
        record: dict[str, Any] = {
            "prompt_id": probe.prompt_id,
            "sample": ask.sample,
            "prompt": probe.prompt,
            "response": reply.text,
            "model": self._name,
            "suite": ask.suite,
            "domain": probe.domain,
            "language": probe.language,
            "kind": probe.kind,
            "system": ask.system,
            # What was sent, where prompt and system prompt do not say it.
            "messages": list(ask.messages) if _is_conversation(ask) else None,
            "sampling": sampling,
            "seed": ask.seed,
            "finish_reason": reply.finish_reason,
            "refused": True if reply.refused else None,
            "reasoning": reply.reasoning,
            "logprobs": None if reply.logprobs is None else dict(reply.logprobs),
            "served_model": reply.served_model,
            "system_fingerprint": reply.system_fingerprint,
            "response_id": reply.response_id,
            "usage": None if reply.usage is None else reply.usage.as_dict(),
            "raw_sha256": hashlib.sha256(reply.raw).hexdigest() if reply.raw else None,
            "collected_at": self._now(),
        }
        return {name: value for name, value in record.items() if value is not None}

    def _now(self) -> str:
        return self._clock().isoformat(timespec="milliseconds")


def _is_conversation(ask: Ask) -> bool:
    return len(ask.messages) > 1 + (ask.system is not None)


def _raw_record(key: Key, reply: Reply) -> dict[str, Any]:
    record: dict[str, Any] = {**key._asdict(), "request": dict(reply.sent)}
    try:
        record["reply"] = reply.raw.decode("utf-8")
    except UnicodeDecodeError:
        record["reply_base64"] = base64.b64encode(reply.raw).decode("ascii")
    return record

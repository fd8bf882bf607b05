"""The batch APIs of OpenAI and Anthropic: submit, find again, look after, fetch."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from fingerprint.collect.askers import Asker
from fingerprint.collect.providers import Protocol
from fingerprint.collect.replies import Blame, Failed, error_text, read_body
from fingerprint.outputs.files import BadJson, excerpt, parse_json

ENDPOINT = "/v1/chat/completions"
INTENT = "fingerprint_intent"
"""Under what OpenAI's batches carry the mark of ours."""
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Requests:
    """One batch to submit: bodies under ids that begin with the mark of the batch."""

    intent: str
    bodies: Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class State:
    """How far a batch is."""

    ended: bool
    finished: int
    problem: str | None = None
    """Why the vendor did not work on it at all."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a batch says to one request: the bytes of a reply, or why there is none."""

    custom_id: str
    line: bytes
    reply: bytes | None
    problem: str | None = None


class BatchApi(ABC):
    """A vendor's batches, through the SDK of its asker."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.client = asker.client

    @abstractmethod
    async def submit(self, requests: Requests) -> str:
        """Submit a batch and return its id."""

    @abstractmethod
    async def find(self, intent: str, count: int, since: datetime) -> str | None:
        """Look for a batch that was submitted, when its id was lost; None when there is none."""

    @abstractmethod
    async def state(self, batch: str) -> State:
        """Ask how far a batch is."""

    @abstractmethod
    async def results(self, batch: str) -> list[Result]:
        """Fetch the results of a batch that has ended."""

    async def _json(self, call: Any) -> dict[str, Any]:
        return read_body(await self.asker.call(call))


class OpenAIBatches(BatchApi):
    """OpenAI's Batch API: a file of requests in, a file of replies and one of errors out."""

    async def submit(self, requests: Requests) -> str:
        """Upload the requests and start a batch of them."""
        lines = [
            json.dumps({"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body})
            for name, body in requests.bodies.items()
        ]
        content = ("\n".join(lines) + "\n").encode()
        files = self.client.files.with_raw_response
        uploaded = await self._json(
            lambda: files.create(file=(f"{requests.intent}.jsonl", content), purpose="batch")
        )
        batches = self.client.batches.with_raw_response
        created = await self._json(
            lambda: batches.create(
                input_file_id=_id_of(uploaded),
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={INTENT: requests.intent},
            )
        )
        return _id_of(created)

    async def find(self, intent: str, count: int, since: datetime) -> str | None:
        """Look for a batch that carries the mark."""
        listed = await self._json(lambda: self.client.batches.with_raw_response.list(limit=100))
        for batch in _rows(listed):
            marks = batch.get("metadata")
            if isinstance(marks, dict) and marks.get(INTENT) == intent:
                return _id_of(batch)
        return None

    async def state(self, batch: str) -> State:
        """Ask how far a batch is."""
        found = await self._batch(batch)
        status = found.get("status")
        counts = found.get("request_counts")
        finished = 0
        if isinstance(counts, dict):
            finished = sum(n for n in (counts.get("completed"), counts.get("failed"))
                           if isinstance(n, int))  # fmt: skip
        if status == "failed":
            return State(True, finished, _problem(found))
        return State(status in ("completed", "expired", "cancelled"), finished)

    async def results(self, batch: str) -> list[Result]:
        """Fetch replies and errors."""
        found = await self._batch(batch)
        results: list[Result] = []
        for name in ("output_file_id", "error_file_id"):
            if found.get(name):
                results += await self._file(_checked_id(found[name]))
        return results

    async def _batch(self, batch: str) -> dict[str, Any]:
        return await self._json(lambda: self.client.batches.with_raw_response.retrieve(batch))

    async def _file(self, file: str) -> list[Result]:
        files = self.client.files.with_raw_response
        content = await self.asker.call(lambda: files.content(file))
        return [self._result(line, value) for line, value in _json_lines(content)]

    def _result(self, line: bytes, value: dict[str, Any]) -> Result:
        name = str(value.get("custom_id"))
        error = value.get("error")
        if error:
            return Result(name, line, None, error_text(error))
        response = value.get("response")
        body = response.get("body") if isinstance(response, dict) else None
        status = response.get("status_code") if isinstance(response, dict) else None
        if status != 200 or not isinstance(body, dict):
            return Result(name, line, None, f"{status}: {error_text(body or {})}")
        return Result(name, line, json.dumps(body).encode())


class AnthropicBatches(BatchApi):
    """Anthropic's Message Batches API: requests in the body, results as lines."""

    async def submit(self, requests: Requests) -> str:
        """Start a batch."""
        rows = [{"custom_id": name, "params": body} for name, body in requests.bodies.items()]
        batches = self.client.messages.batches.with_raw_response
        return _id_of(await self._json(lambda: batches.create(requests=rows)))

    async def find(self, intent: str, count: int, since: datetime) -> str | None:
        """Look for a batch of that size and time: these batches carry no mark.

        The results' ids do, so that somebody else's batch is noticed when it ends.
        """
        batches = self.client.messages.batches.with_raw_response
        listed = await self._json(lambda: batches.list(limit=100))
        for batch in _rows(listed):
            created = _time(batch.get("created_at"))
            counts = batch.get("request_counts")
            size = sum(n for n in counts.values() if isinstance(n, int)) if counts else 0
            if created is not None and created >= since - _CLOCKS_APART and size == count:
                return _id_of(batch)
        return None

    async def state(self, batch: str) -> State:
        """Ask how far a batch is."""
        batches = self.client.messages.batches.with_raw_response
        found = await self._json(lambda: batches.retrieve(batch))
        counts = found.get("request_counts")
        counts = dict(counts) if isinstance(counts, dict) else {}
        counts.pop("processing", None)
        finished = sum(n for n in counts.values() if isinstance(n, int))
        return State(found.get("processing_status") == "ended", finished)

    async def results(self, batch: str) -> list[Result]:
        """Fetch the results, from the endpoint itself and not from an address the reply names."""
        path = f"/v1/messages/batches/{batch}/results"
        content = await self.asker.call(lambda: self.client.get(path, cast_to=httpx2.Response))
        return [self._result(line, value) for line, value in _json_lines(content)]

    def _result(self, line: bytes, value: dict[str, Any]) -> Result:
        name, result = str(value.get("custom_id")), value.get("result")
        kind = result.get("type") if isinstance(result, dict) else None
        message = result.get("message") if isinstance(result, dict) else None
        if kind == "succeeded" and isinstance(message, dict):
            return Result(name, line, json.dumps(message).encode())
        error = result.get("error") if isinstance(result, dict) else None
        problem = error_text(error) if isinstance(error, dict) else f"batch request {excerpt(kind)}"
        return Result(name, line, None, problem)


def batch_api(asker: Asker) -> BatchApi:
    """Return the batch API of an asker's vendor."""
    protocol = asker.target.provider.protocol
    return AnthropicBatches(asker) if protocol is Protocol.ANTHROPIC else OpenAIBatches(asker)


def _rows(listed: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    data = listed.get("data")
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _id_of(value: Mapping[str, Any]) -> str:
    return _checked_id(value.get("id"))


def _checked_id(value: Any) -> str:
    """Return an id that may stand in a path."""
    if not isinstance(value, str) or _ID.fullmatch(value) is None or ".." in value:
        raise Failed(Blame.REPLY, f"expected an id in the reply, found {excerpt(value)}")
    return value


def _problem(batch: Mapping[str, Any]) -> str:
    errors = batch.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else None
    first = data[0] if isinstance(data, list) and data else None
    return error_text(first) if isinstance(first, dict) else "the vendor gives no reason"


def _json_lines(content: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the lines that are JSON objects; the answers of others are asked for again."""
    for line in content.splitlines():
        try:
            value, _ = parse_json(line)
        except BadJson:
            continue
        if isinstance(value, dict):
            yield line, value


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None

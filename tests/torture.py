"""A loopback server that speaks the protocols of OpenAI and Anthropic, well or badly.

Every request gets one of the behaviours below, chosen by whoever starts the server. The server
remembers what it has answered in full, so that tests can tell what must not be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import gzip
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST_LIFE = 120.0
"""Seconds after which a server ends by itself, whatever its test does."""
MAX_BODY = 64 * 2**20
KEY = "sk-canary-0123456789"
"""What must reach no file, no log and no error."""


def suite_file(folder: Path, n: int = 3, name: str = "s", **more: Any) -> str:
    path = folder / f"{name}.jsonl"
    rows = [{"prompt_id": f"p{i}", "prompt": f"Question {i}?"} | more for i in range(n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@dataclass(frozen=True)
class Request:
    number: int
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)

    @property
    def prompt(self) -> str:
        body = self.body
        return body["prompt"] if "prompt" in body else body["messages"][-1]["content"]

    @property
    def seed(self) -> int | None:
        return self.body.get("seed")


Behave = Callable[[Request], str]


def answer_text(prompt: str, seed: int | None) -> str:
    """What this model answers: two paragraphs that depend on prompt and seed."""
    rng = random.Random(f"{prompt}{seed}")
    words = [f"w{rng.randrange(500)}" for _ in range(40)]
    return " ".join(words[:20]) + ".\n\n- " + " ".join(words[20:]) + ". ü中"


@dataclass
class Server:
    """What one server does and has done."""

    behave: Behave = lambda request: "ok"
    delay: float = 0.0
    """Seconds before an answer."""
    requests: list[Request] = field(default_factory=list)
    answered: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    """Prompt and seed of every answer that was sent whole."""
    behaved: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    busiest: int = 0
    keep_requests: bool = True
    port: int = 0
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    polls_until_done: int = 2
    batch_problem: Callable[[str], str | None] = lambda custom_id: None
    _count: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while (request := await self._read(reader)) is not None:
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                try:
                    await asyncio.sleep(self.delay)
                    if not await self._reply(request, writer):
                        break
                finally:
                    self.busy -= 1
        writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> Request | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        method, path, _ = first.split(" ", 2)
        size = int(headers.get("content-length", 0))
        assert size <= MAX_BODY
        if headers.get("transfer-encoding") == "chunked":
            raw = await _chunked(reader)
        else:
            raw = await reader.readexactly(size)
        self._count += 1
        request = Request(self._count, method, path, headers, raw)
        if self.keep_requests:
            self.requests.append(request)
        return request

    async def _reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer; False when the connection is over."""
        path = request.path.partition("?")[0]
        if "/batches" in path or "/files" in path:
            status, value = self._batch(request, path)
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            return await _send(writer, status, body)
        kind = self.behave(request)
        self.behaved[kind] += 1
        good = json.dumps(_reply_body(request, path), ensure_ascii=False).encode()
        if kind in SPECIAL:
            return await SPECIAL[kind](self, writer, good)
        status, headers, body = _behaviour(kind, request, path, good)
        alive = await _send(writer, status, body, headers)
        if kind in ANSWERS:
            self.answered[request.prompt, request.seed] += 1
        return alive

    def _batch(self, request: Request, path: str) -> tuple[int, Any]:
        if path.endswith("/files") and request.method == "POST":
            content = re.search(rb'filename="[^"]*"\r\n.*?\r\n\r\n(.*?)\r\n--', request.raw, re.S)
            assert content is not None
            name = f"file-{len(self.files)}"
            self.files[name] = content[1]
            return 200, {"id": name, "object": "file"}
        if path.endswith("/content"):
            return 200, self.files[path.split("/")[-2]]
        anthropic = "/messages/batches" in path
        if request.method == "POST":
            return 200, self._start(request, anthropic)
        if path.endswith("/batches"):
            return 200, {"data": [self._view(name, anthropic) for name in reversed(self.batches)]}
        if path.endswith("/results"):
            return 200, self._results(path.split("/")[-2])
        batch = self.batches[path.split("/")[-1]]
        batch["polls"] += 1
        return 200, self._view(path.split("/")[-1], anthropic)

    def _start(self, request: Request, anthropic: bool) -> dict[str, Any]:
        name = f"batch_{len(self.batches)}"
        body = request.body
        if anthropic:
            rows = [(row["custom_id"], row["params"]) for row in body["requests"]]
        else:
            lines = self.files[body["input_file_id"]].decode().splitlines()
            parsed = [json.loads(line) for line in lines]
            rows = [(row["custom_id"], row["body"]) for row in parsed]
        self.batches[name] = {"rows": rows, "polls": 0, "metadata": body.get("metadata")}
        return self._view(name, anthropic)

    def _view(self, name: str, anthropic: bool) -> dict[str, Any]:
        batch = self.batches[name]
        done = batch["polls"] >= self.polls_until_done
        count = len(batch["rows"])
        created = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        if anthropic:
            counts = {"processing": 0 if done else count, "succeeded": count if done else 0,
                      "errored": 0, "canceled": 0, "expired": 0}  # fmt: skip
            return {"id": name, "processing_status": "ended" if done else "in_progress",
                    "request_counts": counts, "created_at": created,
                    "results_url": "http://192.0.2.1/stolen"}  # fmt: skip
        view = {
            "id": name,
            "status": "completed" if done else "in_progress",
            "metadata": batch["metadata"],
            "request_counts": {"total": count, "completed": count if done else 0, "failed": 0},
        }
        if done:
            self.files[f"out-{name}"] = self._results(name)
            view["output_file_id"] = f"out-{name}"
        return view  # fmt: skip

    def _results(self, name: str) -> bytes:
        lines = []
        for custom_id, body in self.batches[name]["rows"]:
            problem = self.batch_problem(custom_id)
            prompt = body["messages"][-1]["content"]
            if "max_completion_tokens" in body:  # OpenAI's
                row: dict[str, Any] = {"custom_id": custom_id, "error": None}
                if problem:
                    row["error"] = {"code": problem, "message": f"problem {problem}"}
                else:
                    reply = _chat(prompt, body.get("seed"))
                    row["response"] = {"status_code": 200, "body": reply}
            elif problem:
                error = {"type": "error", "error": {"type": problem, "message": "no"}}
                row = {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
            else:
                row = {"custom_id": custom_id,
                       "result": {"type": "succeeded", "message": _message(prompt)}}  # fmt: skip
            lines.append(json.dumps(row))
        return ("\n".join(lines) + "\n").encode()


def _reply_body(request: Request, path: str) -> dict[str, Any]:
    if path.endswith("/chat/completions"):
        return _chat(request.prompt, request.seed)
    if path.endswith("/completions"):
        return {"id": "c", "model": "served-1", "choices": [
            {"text": answer_text(request.prompt, request.seed), "finish_reason": "stop",
             "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-0.5, None],
                          "top_logprobs": [{"a": -0.5, "z": -2.0}, None]}}
        ], "usage": {"prompt_tokens": 7, "completion_tokens": 30}}  # fmt: skip
    return _message(request.prompt)


def _chat(prompt: str, seed: int | None, **message: Any) -> dict[str, Any]:
    own = {"role": "assistant", "content": answer_text(prompt, seed)} | message
    return {
        "id": "chatcmpl-1", "model": "served-1", "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "message": own, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 30,
                  "completion_tokens_details": {"reasoning_tokens": 4}},
    }  # fmt: skip


def _message(prompt: str) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "served-2",
        "content": [{"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": answer_text(prompt, None)}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 11, "output_tokens": 31},
    }  # fmt: skip


ANSWERS = frozenset({"ok", "parts", "refusal", "gzip", "reasoning", "bom", "filtered"})
"""Behaviours that answer."""
TROUBLE = (
    "429", "429-seconds", "429-date", "500", "502-html", "200-html", "cut-json", "no-choices",
    "null-content", "not-utf8", "utf16", "200-error", "reset", "cut-body", "slow", "no-object",
)  # fmt: skip
"""Behaviours that do not answer, and might the next time."""


def _behaviour(
    kind: str, request: Request, path: str, good: bytes
) -> tuple[int, dict[str, str], bytes]:
    chat = lambda **message: json.dumps(_chat(request.prompt, request.seed, **message)).encode()  # noqa: E731
    text = answer_text(request.prompt, request.seed)
    key = request.headers.get("authorization", "")
    past = email.utils.formatdate(time.time() - 5, usegmt=True)
    error = lambda **what: json.dumps({"error": what}).encode()  # noqa: E731
    table: dict[str, Callable[[], tuple[int, dict[str, str], bytes]]] = {
        "ok": lambda: (200, {}, good),
        "bom": lambda: (200, {}, b"\xef\xbb\xbf" + good),
        "gzip": lambda: (200, {"content-encoding": "gzip"}, gzip.compress(good)),
        "parts": lambda: (200, {}, chat(content=[
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": text}])),
        "reasoning": lambda: (200, {}, chat(reasoning_content="hm")),
        "refusal": lambda: (200, {}, chat(content=None, refusal="I can't help with that.")),
        "filtered": lambda: (200, {}, chat(content=None).replace(b'"stop"', b'"content_filter"')),
        "429": lambda: (429, {}, error(message="slow down")),
        "429-seconds": lambda: (429, {"retry-after": "0"}, error(message="slow down")),
        "429-date": lambda: (429, {"retry-after": past}, error(message="slow down")),
        "429-quota": lambda: (429, {}, error(message="no money", code="insufficient_quota")),
        "429-tomorrow": lambda: (429, {"retry-after": "40000"}, error(message="daily limit")),
        "500": lambda: (500, {}, b'{"error": "internal"}'),
        "502-html": lambda: (502, {}, b"<html><body>Bad gateway</body></html>"),
        "200-html": lambda: (200, {"content-type": "text/html"}, b"<html>Log in</html>"),
        "200-error": lambda: (200, {}, error(message="upstream", code=502)),
        "cut-json": lambda: (200, {}, good[: len(good) // 2]),
        "no-choices": lambda: (200, {}, b'{"id": "x", "choices": []}'),
        "no-object": lambda: (200, {}, b"[1, 2]"),
        "null-content": lambda: (200, {}, chat(content=None)),
        "not-utf8": lambda: (200, {}, good.decode().encode("gb18030")),
        "utf16": lambda: (200, {}, good.decode().encode("utf-16")),
        "huge": lambda: (200, {}, b'{"x": "' + b"a" * (2 * 2**20) + b'"}'),
        "bomb": lambda: (200, {"content-encoding": "gzip"}, gzip.compress(bytes(2 * 2**20))),
        "400": lambda: (400, {}, error(message="temperature: not with this model")),
        "401": lambda: (401, {}, error(message=f"Incorrect API key provided: {key}")),
        "402": lambda: (402, {}, error(message="Insufficient Balance")),
        "403": lambda: (403, {}, error(message=f"forbidden for {key}")),
        "404": lambda: (404, {}, error(message="The model does not exist")),
        "302": lambda: (302, {"location": "http://192.0.2.1/"}, b""),
        "echo-key": lambda: (200, {}, chat(content=f"your key is {key}")),
        "echo-key-error": lambda: (500, {}, f"<pre>{key}</pre>".encode()),
    }  # fmt: skip
    return table[kind]()


async def _reset(server: Server, writer: asyncio.StreamWriter, good: bytes) -> bool:
    writer.transport.abort()
    return False


async def _cut_body(server: Server, writer: asyncio.StreamWriter, good: bytes) -> bool:
    writer.write(_head(200, len(good), {}) + good[: len(good) // 2])
    await writer.drain()
    writer.close()
    return False


async def _slow(server: Server, writer: asyncio.StreamWriter, good: bytes) -> bool:
    """Send a byte now and then, for longer than any test waits."""
    writer.write(_head(200, len(good), {}))
    for byte in good:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)
    return True


SPECIAL = {"reset": _reset, "cut-body": _cut_body, "slow": _slow}


def _head(status: int, size: int, headers: dict[str, str]) -> bytes:
    lines = {"content-type": "application/json", "content-length": str(size)} | headers
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} x\r\n{text}\r\n".encode()


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
) -> bool:
    writer.write(_head(status, len(body), headers or {}) + body)
    await writer.drain()
    return True


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    raw = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        raw += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return raw


@contextlib.contextmanager
def running(behave: Behave | None = None, **options: Any) -> Iterator[Server]:
    """Run a server on a free port of the loopback interface, in a thread of its own."""
    server = Server(**options) if behave is None else Server(behave, **options)
    ready, over = threading.Event(), threading.Event()

    async def main() -> None:
        tasks: set[asyncio.Task[None]] = set()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await server.serve(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()
            finally:
                tasks.discard(task)

        listening = await asyncio.start_server(client, "127.0.0.1", 0, limit=2**20)
        server.port = listening.sockets[0].getsockname()[1]
        ready.set()
        end = time.monotonic() + LONGEST_LIFE
        while not over.is_set() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        over.set()
        thread.join(10)


def mostly(trouble: tuple[str, ...] = TROUBLE, share: float = 0.3, seed: int = 0) -> Behave:
    """Misbehave at random, in a way that a seed repeats, and answer the rest in several ways."""
    rng = random.Random(seed)
    good = ("ok", "parts", "gzip", "reasoning", "bom", "refusal", "filtered")

    def behave(request: Request) -> str:
        return rng.choice(trouble) if rng.random() < share else rng.choice(good)

    return behave

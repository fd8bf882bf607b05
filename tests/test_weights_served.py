"""A served suspect: over loopback, a server with vLLM's protocol and a tiny model behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from test_weights_scoring import HOW, nothing, some
from tiny_weights import make_weights
from transformers import AutoTokenizer, LlamaForCausalLM

from fingerprint.collect import limits
from fingerprint.errors import CollectError, WeightsError
from fingerprint.weights.runs import score_file
from fingerprint.weights.served import Serving

Answer = Callable[[str, dict[str, Any]], tuple[int, Any]]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    seen: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append((self.path, body))
            status, value = answer(self.path, body)
            raw = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_WAIT", 0.005)


def like_vllm(folder: Path) -> Answer:
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        assert body["model"] == "suspect"
        if path == "/tokenize":
            if "messages" in body:
                assert body["add_generation_prompt"] is True
                text = tokenizer.apply_chat_template(
                    body["messages"], tokenize=False, add_generation_prompt=True
                )
            else:
                assert body["add_special_tokens"] is False
                text = body["prompt"]
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            return 200, {"tokens": ids, "count": len(ids), "max_model_len": 256}
        assert path == "/v1/completions" and body["prompt_logprobs"] == 0
        ids = body["prompt"]
        with torch.inference_mode():
            logs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        found: list[Any] = [None]
        for t in range(1, len(ids)):
            value = {"logprob": float(logs[t - 1, ids[t]]), "rank": 1, "decoded_token": "x"}
            found.append({str(ids[t]): value})
        choice = {"index": 0, "text": "x", "finish_reason": "length", "logprobs": None}
        return 200, {"id": "c", "object": "text_completion", "created": 1, "model": "suspect",
                     "choices": [{**choice, "prompt_logprobs": found}]}  # fmt: skip

    return answer


def test_the_same_bits_as_from_the_weights(folder: Path, tmp_path: Path) -> None:
    here = score_file(f"local:{folder}", some(), tmp_path / "a", HOW, Serving(), nothing, 40)
    right = like_vllm(folder)
    failures = iter([503, 429])

    def shaky(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status = next(failures, None)
        return right(path, body) if status is None else (status, {"error": {"message": "busy"}})

    with serving(shaky) as (url, seen):
        how = Serving(url, concurrency=2)
        there = score_file("vllm:suspect", some(), tmp_path / "b", HOW, how, nothing, 40)
        assert dict(there.bits_per_byte) == pytest.approx(dict(here.bits_per_byte), rel=1e-5)
        before = len(seen)
        score_file("vllm:suspect", some(), tmp_path / "b", HOW, how, nothing, 40)
        assert len(seen) == before == 2 + 3 * 9  # all kept: nothing is asked again


def test_stale_probabilities_of_a_prefix_cache_are_not_used(folder: Path, tmp_path: Path) -> None:
    """Like a vLLM that answers with what it kept of another request with the same salt."""
    here = score_file(f"local:{folder}", some(), tmp_path / "a", HOW, Serving(), nothing, 40)
    right = like_vllm(folder)
    kept: dict[str, Any] = {}
    busy = iter([True])

    def caching(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/tokenize":
            return right(path, body)
        salt = body.get("cache_salt", "")
        status, value = right(path, body)
        found = value["choices"][0]["prompt_logprobs"]
        stale = kept.setdefault(salt, found)
        if stale is not found:
            value["choices"][0]["prompt_logprobs"] = [stale[1] for _ in found]
        # The first request is answered by an error, so that it is sent again.
        return (503, {"error": {"message": "busy"}}) if next(busy, False) else (status, value)

    with serving(caching) as (url, _):
        how = Serving(url, concurrency=2)
        there = score_file("vllm:suspect", some(), tmp_path / "b", HOW, how, nothing, 40)
    assert dict(there.bits_per_byte) == pytest.approx(dict(here.bits_per_byte), rel=1e-5)
    assert len(kept) == 10 and all(kept)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "does the server return them"),
        ([None], "does the server return them"),
        ("x", "does the server return them"),
    ],
)
def test_servers_without_prompt_logprobs(
    folder: Path, tmp_path: Path, found: Any, message: str
) -> None:
    right = like_vllm(folder)

    def poor(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, value = right(path, body)
        if path != "/tokenize":
            value["choices"][0]["prompt_logprobs"] = found
        return status, value

    with serving(poor) as (url, _), pytest.raises(WeightsError, match=message):
        score_file("vllm:suspect", some(1), tmp_path / "b", HOW, Serving(url), nothing, 40)


@pytest.mark.parametrize("value", [None, "0", True, 3.0, float("nan"), float("-inf")])
def test_probabilities_that_are_none(folder: Path, tmp_path: Path, value: Any) -> None:
    right = like_vllm(folder)

    def odd(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, answer = right(path, body)
        if path != "/tokenize":
            answer["choices"][0]["prompt_logprobs"] = [
                None, *({str(t): {"logprob": value}} for t in body["prompt"][1:])
            ]  # fmt: skip
        return status, answer

    with serving(odd) as (url, _):
        found = score_file("vllm:suspect", some(1), tmp_path / "b", HOW, Serving(url), nothing, 40)
    assert (len(found.bits_per_byte), found.unscored) == (0, 1)


@pytest.mark.parametrize(
    ("status", "value", "message"),
    [
        (401, {"error": {"message": "no"}}, "vllm:suspect: 401"),
        (200, {"tokens": "x"}, "expected a list of tokens"),
        (200, {"tokens": [-1]}, "expected a list of tokens"),
    ],
)
def test_refusals(tmp_path: Path, status: int, value: Any, message: str) -> None:
    with (
        serving(lambda path, body: (status, value)) as (url, _),
        pytest.raises(WeightsError, match=message),
    ):
        score_file("vllm:suspect", some(1), tmp_path / "a", HOW, Serving(url), nothing, 40)


def test_other_endpoints(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected local:FOLDER or vllm:MODEL"):
        score_file("ollama:m", some(1), tmp_path / "c", HOW, Serving(), nothing, 40)
    with pytest.raises(CollectError, match="expected PROVIDER:MODEL"):
        score_file("m", some(1), tmp_path / "c", HOW, Serving(), nothing, 40)

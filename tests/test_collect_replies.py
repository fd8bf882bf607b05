"""What endpoints answer, read or refused; no network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.collect.replies import (
    Blame,
    Failed,
    blame_of,
    error_text,
    is_final,
    read_chat,
    read_completion,
    read_message,
)
from fingerprint.collect.wire import retry_after


def chat(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"message": message, "finish_reason": finish}
    return json.dumps({"choices": [choice], **more}).encode()


def failure(raw: bytes) -> Failed:
    with pytest.raises(Failed) as caught:
        read_chat(raw)
    return caught.value


def test_a_chat_reply_is_read_with_all_it_says() -> None:
    entry = {
        "token": "H", "logprob": -0.25,
        "top_logprobs": [{"token": "H", "logprob": -0.25}, {"token": "A", "logprob": -2}],
    }  # fmt: skip
    raw = json.dumps(
        {
            "id": "c1", "model": "m-2026", "system_fingerprint": "fp",
            "choices": [{"message": {"content": "Hi", "reasoning_content": "think"},
                         "finish_reason": "stop", "logprobs": {"content": [entry]}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5,
                      "completion_tokens_details": {"reasoning_tokens": 2}},
        }
    ).encode()  # fmt: skip
    reply = read_chat(raw)
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Hi", "think", "stop")
    assert reply.logprobs == {
        "tokens": ["H"], "logprobs": [-0.25], "top": [[["H", -0.25], ["A", -2.0]]],
    }  # fmt: skip
    assert reply.usage is not None
    assert reply.usage.as_dict() == {"input_tokens": 3, "output_tokens": 5, "reasoning_tokens": 2}
    assert (reply.served_model, reply.system_fingerprint) == ("m-2026", "fp")


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"content": "a", "reasoning": "r"}, "r"),
        ({"content": "a", "reasoning_details": [{"text": "r"}, {"text": "s"}]}, "r\n\ns"),
        ({"content": [{"type": "reasoning", "reasoning": "r"},
                      {"type": "text", "text": "a"}]}, "r"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                      {"type": "text", "text": "a"}]}, "r"),
        ({"content": "a", "reasoning": None}, None),
    ],
)  # fmt: skip
def test_reasoning_is_kept_apart(message: dict[str, Any], reasoning: str | None) -> None:
    reply = read_chat(chat(message))
    assert (reply.text, reply.reasoning) == ("a", reasoning)


def test_refusals_and_empty_answers_are_answers() -> None:
    refused = read_chat(chat({"content": None, "refusal": "No."}))
    assert (refused.text, refused.refused) == ("No.", True)
    assert read_chat(chat({"content": None}, "length")).text == ""
    assert read_chat(chat({"content": ""})).text == ""
    assert failure(chat({"content": None})).blame is Blame.REPLY


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b"<html>", b"\xff\xfe{\x00", b'{"choices": []}', b"{}",
        b'{"choices": {}}', b'{"choices": [null]}', b'{"choices": [{"message": 5}]}',
        b'{"choices": [{"message": {"content": 5}}]}', b'"' + b"[" * 50_000,
        b"[" * 50_000, b'{"a": 1, "a": 2}', b'{"error": {"message": "x"}}', b"\x00" * 99,
    ],
)  # fmt: skip
def test_broken_replies_are_failures_to_ask_again(raw: bytes) -> None:
    failed = failure(raw)
    assert failed.blame is Blame.REPLY
    assert len(failed.reason) < 500
    assert failed.reason.isprintable()


def test_errors_inside_of_good_replies_have_their_own_status() -> None:
    assert failure(b'{"error": {"code": 429, "message": "wait"}}').blame is Blame.MOMENT
    assert failure(b'{"error": {"code": 401, "message": "key"}}').blame is Blame.RUN
    assert failure(b'{"error": {"code": 400, "message": "bad"}}').blame is Blame.PROMPT
    assert read_chat(chat({"content": "a"}, error=None)).text == "a"


def test_completions_and_messages_are_read() -> None:
    raw = json.dumps(
        {"choices": [{"text": " a", "finish_reason": "length", "logprobs": {
            "tokens": [" a"], "token_logprobs": [None], "top_logprobs": [{" a": -1}]}}]}
    ).encode()  # fmt: skip
    reply = read_completion(raw)
    assert reply.logprobs == {"tokens": [" a"], "logprobs": [None], "top": [[[" a", -1.0]]]}
    content = [{"type": "thinking", "thinking": "r"}, {"type": "text", "text": "a"}]
    raw = json.dumps(
        {"content": content, "stop_reason": "end_turn", "model": "m",
         "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2}}
    ).encode()  # fmt: skip
    reply = read_message(raw)
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("a", "r", "end_turn")
    assert reply.usage is not None and reply.usage.input_tokens == 7
    refused = read_message(b'{"content": [], "stop_reason": "refusal"}')
    assert (refused.text, refused.refused) == ("", True)
    with pytest.raises(Failed):
        read_message(b'{"content": [], "stop_reason": "tool_use"}')


def test_numbers_that_json_cannot_hold_are_left_out() -> None:
    raw = chat({"content": "a"}).replace(
        b'"finish_reason"',
        b'"logprobs": {"content": [{"token": "a", "logprob": -1e999}]}, "finish_reason"',
    )
    reply = read_chat(raw)
    assert reply.logprobs == {"tokens": ["a"], "logprobs": [None]}
    assert json.dumps(reply.logprobs, allow_nan=False)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "text", "type", "usage", "logprobs", "error", "code",
             "finish_reason", "stop_reason", "reasoning", "top_logprobs", "token", "model"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=_json, shape=st.sampled_from(["body", "choice", "message"]))
def test_any_json_is_an_answer_or_a_failure(value: Any, shape: str) -> None:
    wrapped = {
        "body": value,
        "choice": {"choices": [value], "content": value},
        "message": {"choices": [{"message": value, "text": value, "finish_reason": "stop"}]},
    }[shape]
    raw = json.dumps(wrapped).encode()
    for read in (read_chat, read_completion, read_message):
        try:
            reply = read(raw)
        except Failed as failed:
            assert failed.reason
        else:
            assert isinstance(reply.text, str)
            json.dumps(reply.logprobs, allow_nan=False)


# --- what a failure means


@pytest.mark.parametrize(
    ("status", "blame"),
    [
        (400, Blame.PROMPT), (401, Blame.RUN), (402, Blame.RUN), (403, Blame.RUN),
        (404, Blame.RUN), (408, Blame.MOMENT), (409, Blame.MOMENT), (413, Blame.PROMPT),
        (422, Blame.PROMPT), (429, Blame.MOMENT), (500, Blame.MOMENT), (503, Blame.MOMENT),
        (529, Blame.MOMENT), (302, Blame.RUN),
    ],
)  # fmt: skip
def test_what_a_status_means(status: int, blame: Blame) -> None:
    assert blame_of(status) is blame


def test_money_that_is_gone_does_not_come_back() -> None:
    assert is_final({"error": {"code": "insufficient_quota"}})
    assert not is_final({"error": {"code": "rate_limit_exceeded"}})
    assert not is_final({"error": "rate_limit"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "no  way\n"}}, "no way"),
        ({"error": "plain"}, "plain"),
        ({"detail": "missing"}, "missing"),
        ({"error": {"type": "overloaded_error"}}, "overloaded_error"),
        ({}, "no reason given"),
        (5, "5"),
    ],
)
def test_errors_of_any_shape_are_told_in_a_line(body: Any, said: str) -> None:
    assert error_text(body) == said
    assert len(error_text({"error": {"message": "x" * 9999}})) <= 300


NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(httpx2.Headers(headers), NOW) == seconds

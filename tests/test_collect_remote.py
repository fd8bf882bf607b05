"""Endpoints that behave well and badly, over loopback."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torture
from torture import KEY, lines, suite_file

from fingerprint.collect import Collected, Sampling, Settings, askers, collect, limits, runner
from fingerprint.collect.askers import SAMPLING_VERSION
from fingerprint.collect.progress import Tally
from fingerprint.errors import CollectError
from fingerprint.outputs import read_outputs


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for hundredths of a second where users wait for seconds; set the canary key."""
    monkeypatch.setattr(limits, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(limits, "LONGEST_WAIT", 0.03)
    monkeypatch.setattr(runner, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(askers, "MAX_REPLY_BYTES", 2**20)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "MOONSHOT_API_KEY"):
        monkeypatch.setenv(name, KEY)


@pytest.fixture
def server() -> Iterator[torture.Server]:
    with torture.running() as server:
        yield server


def ask(
    server: torture.Server, folder: Path, n: int = 3, spec: str = "openai:m", **more: Any
) -> Collected:
    url = server.url if not spec.startswith("anthropic") else server.url.removesuffix("/v1")
    settings = Settings(**{"base_url": url, "timeout": 5.0, **more})
    return collect(spec, [suite_file(folder, n)], folder / "o.jsonl", settings, poll_seconds=0.01)


def refused(server: torture.Server, folder: Path, n: int = 3, **more: Any) -> str:
    with pytest.raises(CollectError) as error:
        ask(server, folder, n, **more)
    assert error.value.__cause__ is None and error.value.__context__ is None
    return str(error.value)


# --- what is sent and kept


def test_chat_is_asked_as_told(server: torture.Server, tmp_path: Path) -> None:
    sampling = Sampling(temperature=0.3, top_p=0.9, max_tokens=50, seed=4, logprobs=2)
    found = ask(server, tmp_path, sampling=sampling, system="Be brief.", samples=2, keep_raw=True)
    assert (found.collected, found.new, found.missing, found.stopped) == (6, 6, 0, None)
    rows = lines(tmp_path / "o.jsonl")
    sent = {(r.prompt, r.seed): r.body for r in server.requests}
    for row in rows:
        body = sent[row["prompt"], row["seed"]]
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert body["max_completion_tokens"] == 50 and "max_tokens" not in body
        assert (body["temperature"], body["top_p"]) == (0.3, 0.9)
        assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
        assert row["response"] == torture.answer_text(row["prompt"], row["seed"])
        assert row["served_model"] == "served-1" and row["system_fingerprint"] == "fp_1"
        assert row["sampling"]["effective"] == row["sampling"]["requested"]
    assert len({row["seed"] for row in rows}) == 6
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    for raw, row in zip(lines(tmp_path / "o.jsonl.raw.jsonl"), rows, strict=True):
        assert json.loads(raw["reply"])["choices"][0]["message"]["content"] == row["response"]
        assert raw["request"]["model"] == "m"
    (outputs,) = read_outputs(tmp_path / "o.jsonl")
    assert len(outputs.responses) == 6 and outputs.problems == ()


def test_nothing_is_sent_that_was_not_asked_for(server: torture.Server, tmp_path: Path) -> None:
    ask(server, tmp_path, 1)
    assert set(server.requests[0].body) == {"model", "messages", "max_completion_tokens"}
    (row,) = lines(tmp_path / "o.jsonl")
    assert row["sampling"]["effective"] == {"max_tokens": 2048}


def test_what_a_vendor_lacks_is_dropped_and_told(server: torture.Server, tmp_path: Path) -> None:
    found = ask(server, tmp_path, 1, spec="moonshot:m", sampling=Sampling(seed=1, logprobs=3))
    assert "seed" not in server.requests[0].body and "logprobs" not in server.requests[0].body
    (row,) = lines(tmp_path / "o.jsonl")
    assert row["sampling"]["dropped"] == ["logprobs", "seed"]
    assert "logprobs" not in row["sampling"]["effective"]
    assert any("no seed" in note for note in found.notes)


def test_a_vendors_own_names_are_used(server: torture.Server, tmp_path: Path) -> None:
    ask(server, tmp_path, 1, spec="mistral:m", sampling=Sampling(seed=1))
    body = server.requests[0].body
    assert "random_seed" in body and "seed" not in body and "max_tokens" in body


def test_completions_are_asked_with_plain_text(server: torture.Server, tmp_path: Path) -> None:
    sampling = Sampling(seed=1, logprobs=1, max_tokens=9)
    ask(server, tmp_path, 1, completions=True, sampling=sampling)
    body = server.requests[0].body
    assert (body["prompt"], body["logprobs"], body["max_tokens"]) == ("Question 0?", 1, 9)
    (row,) = lines(tmp_path / "o.jsonl")
    assert row["logprobs"]["top"] == [[["a", -0.5], ["z", -2.0]], []]
    assert row["sampling"]["effective"] == {"max_tokens": 9, "logprobs": 1}


def test_anthropic_is_asked_in_its_own_way(server: torture.Server, tmp_path: Path) -> None:
    ask(server, tmp_path, 1, spec="anthropic:claude-x", system="Be brief.")
    body = server.requests[0].body
    assert (body["system"], body["max_tokens"]) == ("Be brief.", 2048)
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    newer = server.requests[0].headers["anthropic-version"]
    (row,) = lines(tmp_path / "o.jsonl")
    assert (row["reasoning"], row["finish_reason"]) == ("hm", "end_turn")
    assert row["usage"] == {"input_tokens": 11, "output_tokens": 31}
    (tmp_path / "t").mkdir()
    ask(server, tmp_path / "t", 1, spec="anthropic:claude-x", sampling=Sampling(temperature=0.5))
    last = server.requests[-1]
    assert (last.body["temperature"], last.headers["anthropic-version"]) == (0.5, SAMPLING_VERSION)
    assert newer != SAMPLING_VERSION


def test_a_query_of_the_base_url_is_sent_as_one(server: torture.Server, tmp_path: Path) -> None:
    ask(server, tmp_path, 1, base_url=f"{server.url}?api-version=7")
    assert server.requests[0].path == "/v1/chat/completions?api-version=7"


def test_the_organisation_of_openai_is_not_told_to_others(
    server: torture.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    ask(server, tmp_path, 1, spec="moonshot:m")
    assert "org-canary" not in str(server.requests[0].headers)


# --- trouble


def test_a_torturing_server_gives_all_answers_in_the_end(tmp_path: Path) -> None:
    trouble = tuple(kind for kind in torture.TROUBLE if kind != "slow")
    with torture.running(torture.mostly(trouble, 0.35, seed=2)) as server:
        for _ in range(3):  # what failed too often is asked for again
            found = ask(server, tmp_path, 60, samples=2, concurrency=12, timeout=30.0,
                        sampling=Sampling(seed=1))  # fmt: skip
            if not found.missing:
                break
    assert found.missing == 0
    assert len(set(torture.TROUBLE) & set(server.behaved)) >= 10
    rows = lines(tmp_path / "o.jsonl")
    keys = {(row["prompt"], row["seed"]) for row in rows}
    assert len(keys) == len(rows) == 120
    assert all(server.answered[key] == 1 for key in keys)
    (outputs,) = read_outputs(tmp_path / "o.jsonl")
    assert outputs.problems == () and len(outputs.responses) == 120
    assert any(r.extra.get("refused") for r in outputs.responses)
    assert any(r.extra.get("reasoning") == "hm" for r in outputs.responses)


@pytest.mark.parametrize("kind", [*torture.TROUBLE, "bomb", "huge"])
def test_each_trouble_is_told_and_then_overcome(tmp_path: Path, kind: str) -> None:
    first = True

    def behave(request: torture.Request) -> str:
        nonlocal first
        bad, first = first, False
        return kind if bad else "ok"

    with torture.running(behave, keep_requests=False) as server:
        found = ask(server, tmp_path, 2, concurrency=1, timeout=0.4 if kind == "slow" else 30.0)
        if kind in ("bomb", "huge"):  # too long the first time, and the next
            assert (found.failed, found.new) == (1, 1)
            (row,) = lines(tmp_path / "o.jsonl.errors.jsonl")
            assert "too long" in row["reason"]
            found = ask(server, tmp_path, 2, concurrency=1)
    assert found.missing == 0
    # on a busy machine more than one reply may come too late
    assert kind == "slow" or sum(server.answered.values()) == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("400", "400: temperature: not with this model"), ("401", "401: Incorrect API key"),
        ("402", "402: Insufficient Balance"), ("403", "403: forbidden"),
        ("404", "404: The model does not exist"), ("302", "redirects elsewhere"),
        ("429-quota", "429: no money"), ("429-tomorrow", "429: daily limit"),
    ],
)  # fmt: skip
def test_what_asking_again_will_not_mend_ends_the_run_at_once(
    tmp_path: Path, kind: str, said: str
) -> None:
    with torture.running(lambda request: kind) as server:
        message = refused(server, tmp_path, 50, concurrency=2)
    assert said in message and "\n" not in message
    assert f"0 of 50 answers are in {tmp_path / 'o.jsonl'}" in message
    assert len(server.requests) <= 5
    value = json.loads((tmp_path / "o.jsonl.manifest.json").read_text())
    assert said in value["runs"][0]["outcome"]


def test_an_endpoint_that_is_not_there_is_told_soon(tmp_path: Path) -> None:
    with torture.running() as server:
        pass
    assert "connection failed" in refused(server, tmp_path, 9, concurrency=2)


def test_prompts_that_are_refused_do_not_stop_the_others(tmp_path: Path) -> None:
    bad = {"Question 3?": "403", "Question 5?": "400"}
    with torture.running(lambda request: bad.get(request.prompt, "ok")) as server:
        found = ask(server, tmp_path, 9, concurrency=1)
        assert (found.new, found.failed, found.missing) == (7, 2, 2)
        rows = lines(tmp_path / "o.jsonl.errors.jsonl")
        assert {row["prompt_id"]: row["status"] for row in rows} == {"p3": 403, "p5": 400}
        bad.clear()
        assert ask(server, tmp_path, 9).missing == 0
    assert sum(server.answered.values()) == 9


def test_many_failures_in_a_row_end_the_run(tmp_path: Path) -> None:
    with torture.running(lambda r: "ok" if r.number <= 2 else "400") as server:
        message = refused(server, tmp_path, 60, concurrency=1)
    assert "20 prompts failed one after the other: 400" in message
    assert len(server.requests) == 22


def test_a_wait_that_a_server_asks_for_is_kept(tmp_path: Path) -> None:
    times: list[float] = []

    def behave(request: torture.Request) -> str:
        times.append(time.monotonic())
        return "429-wait" if len(times) == 1 else "ok"

    plain = torture._behaviour

    def patched(kind: str, *rest: Any) -> Any:
        if kind == "429-wait":
            return 429, {"retry-after": "0.4"}, b"{}"
        return plain(kind, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torture, "_behaviour", patched)
        with torture.running(behave) as server:
            assert ask(server, tmp_path, 4, concurrency=2).missing == 0
    # Nobody is asked while one has been told that there are too many; one request may have been
    # on its way when that was.
    assert times[3] - times[0] >= 0.38


def test_requests_are_spaced(server: torture.Server, tmp_path: Path) -> None:
    start = time.monotonic()
    ask(server, tmp_path, 5, rate=1200.0, concurrency=5)
    assert time.monotonic() - start >= 4 * 60 / 1200


def test_concurrency_is_kept(tmp_path: Path) -> None:
    with torture.running(delay=0.1) as server:
        ask(server, tmp_path, 28, concurrency=7)
    assert 3 <= server.busiest <= 7


# --- budgets


def test_requests_are_counted_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with torture.running() as server:
        found = ask(server, tmp_path, 10, max_requests=4)
        assert (found.new, found.missing) == (4, 6)
        assert found.stopped == "the budget is used up"
        assert len(server.requests) == 4
        assert ask(server, tmp_path, 10, max_requests=4).new == 4
        found = ask(server, tmp_path, 10, max_requests=4)
        assert (found.new, found.missing, found.stopped) == (2, 0, None)


def test_dollars_are_kept_over_runs(tmp_path: Path) -> None:
    # an answer uses 10 + 30 tokens at a dollar each, and may use 83 + 50
    priced = {"price_in": 1e6, "price_out": 1e6, "sampling": Sampling(max_tokens=50)}
    with torture.running(delay=0.01) as server:
        found = ask(server, tmp_path, 20, max_cost=280.0, concurrency=5, **priced)
        # what was set aside in vain is used: two of 133 fit at once, four in the end
        assert (found.new, found.cost) == (4, 160)
        assert ask(server, tmp_path, 20, max_cost=280.0, **priced).new == 0
        found = ask(server, tmp_path, 20, max_cost=350.0, **priced)
        assert (found.new, found.cost) == (2, 240)
    assert sum(server.answered.values()) == 6


# --- the key


CANARY_PATHS = [
    "echo-key", "echo-key-error", "401", "403", "400", "500", "reset", "200-html", "302",
    "429-quota",
]  # fmt: skip


@pytest.mark.parametrize("spec", ["openai:m", "anthropic:m"])
def test_the_key_reaches_no_file_no_log_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], spec: str
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for kind in CANARY_PATHS:
        folder = tmp_path / kind
        folder.mkdir()
        with torture.running(lambda request, kind=kind: kind) as server:
            try:
                found = ask(server, folder, 2, spec=spec, keep_raw=True)
                said.append(repr(found))
            except CollectError as error:
                said += [str(error), repr(error), repr(vars(error))]
        assert server.requests and KEY in server.requests[0].headers["authorization"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2 * len(CANARY_PATHS)
    for path in files:
        assert KEY not in path.read_text("utf-8", "replace"), path
    out, err = capfd.readouterr()
    for text in (*said, out, err, caplog.text, *(str(vars(r)) for r in caplog.records)):
        assert KEY not in text
    if spec.startswith("openai"):
        (row,) = lines(tmp_path / "echo-key" / "o.jsonl")[:1]
        assert row["response"] == "your key is Bearer [hidden]"


@pytest.mark.parametrize("spec", ["openai:m", "anthropic:m"])
def test_what_a_base_url_carries_is_hidden_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, server: torture.Server, spec: str
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ("word-of-user-7", "token-of-url-77")
    url = server.url.replace("//", f"//me:{secrets[0]}@") + f"?token={secrets[1]}"
    ask(server, tmp_path, 2, spec=spec, base_url=url, keep_raw=True)
    server.behave = lambda request: "404"
    (tmp_path / "b").mkdir()
    said = refused(server, tmp_path / "b", spec=spec, base_url=url)
    assert secrets[1] in server.requests[0].path
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or not any(secret in path.read_text() for secret in secrets), path
    for secret in secrets:
        assert secret not in said + caplog.text


def test_objects_do_not_show_the_key(tmp_path: Path) -> None:
    from fingerprint.collect.askers import asker_for
    from fingerprint.collect.plan import make_plan
    from fingerprint.collect.providers import parse_target
    from fingerprint.collect.replies import Failed

    async def go() -> None:
        target = parse_target("openai:m", "http://127.0.0.1:9/v1")
        asker = asker_for(target, Settings(), KEY)
        (one, *_) = make_plan([suite_file(tmp_path)], Settings()).asks()
        assert KEY not in repr(asker) and KEY not in repr(asker.secrets)
        with pytest.raises(Failed) as failed:
            await asker.ask(one)
        error: BaseException | None = failed.value
        assert error is not None and error.__context__ is None and error.__cause__ is None
        assert KEY not in repr(vars(error)) + str(error) + repr(error)
        await asker.close()

    asyncio.run(go())
    gc.collect()


# --- how it is called


def test_it_runs_inside_of_a_running_loop(server: torture.Server, tmp_path: Path) -> None:
    async def notebook() -> Collected:
        return ask(server, tmp_path)

    assert asyncio.run(notebook()).missing == 0


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that runs tests in the background has them ignore interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_keeps_what_was_answered(tmp_path: Path) -> None:
    def interrupt(tally: Tally) -> None:
        if tally.done == 5:
            signal.raise_signal(signal.SIGINT)

    with torture.running() as server:
        settings = Settings(concurrency=2, base_url=server.url)
        suite = suite_file(tmp_path, 20)
        with pytest.raises(KeyboardInterrupt):
            collect("openai:m", [suite], tmp_path / "o.jsonl", settings, report=interrupt)
        kept = len(lines(tmp_path / "o.jsonl"))
        assert 5 <= kept <= 7
        value = json.loads((tmp_path / "o.jsonl.manifest.json").read_text())
        assert value["runs"][0]["outcome"] == "interrupted"
        found = collect("openai:m", [suite], tmp_path / "o.jsonl", settings)
    assert (found.new, found.missing) == (20 - kept, 0)


def test_files_that_are_no_files_are_refused(server: torture.Server, tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "o.jsonl.gz"):
        with pytest.raises(CollectError, match="--out"):
            collect("openai:m", [suite_file(tmp_path)], out, Settings(base_url=server.url))

"""Batch APIs over loopback: submitted once, found again, fetched, resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torture
from torture import KEY, lines, suite_file

from fingerprint.collect import Collected, Sampling, Settings, batch, batch_apis, collect, limits
from fingerprint.errors import CollectError

BOTH = pytest.mark.parametrize("spec", ["openai:m", "anthropic:m"])


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_WAIT", 0.005)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)


@pytest.fixture
def server() -> Iterator[torture.Server]:
    with torture.running() as server:
        yield server


def ask(server: torture.Server, folder: Path, spec: str, n: int = 5, **more: Any) -> Collected:
    url = server.url if spec.startswith("openai") else server.url.removesuffix("/v1")
    settings = Settings(**{"base_url": url, "batch": True, "keep_raw": True, **more})
    return collect(spec, [suite_file(folder, n)], folder / "o.jsonl", settings, poll_seconds=0.01)


@BOTH
def test_a_batch_brings_all_answers(server: torture.Server, tmp_path: Path, spec: str) -> None:
    found = ask(server, tmp_path, spec, samples=2, sampling=Sampling(max_tokens=77))
    assert (found.new, found.missing, found.failed) == (10, 0, 0)
    (made,) = server.batches.values()
    assert len(made["rows"]) == 10
    assert all(77 in body.values() for _, body in made["rows"])
    rows = lines(tmp_path / "o.jsonl")
    for row in rows:
        assert row["response"].startswith(torture.answer_text(row["prompt"], None)[:9])
        assert row["usage"]["output_tokens"] in (30, 31)
    raws = lines(tmp_path / "o.jsonl.raw.jsonl")
    assert {json.loads(raw["reply"])["custom_id"] for raw in raws} == {n for n, _ in made["rows"]}
    assert not (tmp_path / "o.jsonl.batches.json").exists()
    assert ask(server, tmp_path, spec, samples=2, sampling=Sampling(max_tokens=77)).new == 0
    assert len(server.batches) == 1
    assert not any("192.0.2.1" in r.path for r in server.requests)


@BOTH
@pytest.mark.parametrize("where", ["before", "after", "polling", "keeping"])
def test_a_killed_batch_is_neither_lost_nor_paid_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, where: str
) -> None:
    """Die before or after the vendor takes it, while waiting, or amid the answers; then go on."""
    kinds = (batch_apis.OpenAIBatches, batch_apis.AnthropicBatches)
    with torture.running() as server, monkeypatch.context() as patch:
        for kind in kinds:
            submit, state = kind.submit, kind.state

            async def dying_submit(self: Any, requests: Any, submit: Any = submit) -> str:
                if where == "before":
                    raise Killed
                name: str = await submit(self, requests)
                if where == "after":
                    raise Killed
                return name

            async def dying_state(self: Any, name: str, state: Any = state) -> Any:
                if where == "polling":
                    raise Killed
                return await state(self, name)

            patch.setattr(kind, "submit", dying_submit)
            patch.setattr(kind, "state", dying_state)
        if where == "keeping":
            kept: list[Any] = []

            def dying_keep(
                self: Any, one: Any, result: Any, keep: Any = batch._Work._keep_one
            ) -> None:
                if len(kept) == 2:
                    raise Killed
                kept.append(one)
                keep(self, one, result)

            patch.setattr(batch._Work, "_keep_one", dying_keep)
        with pytest.raises(Killed):
            ask(server, tmp_path, spec)
        patch.undo()
        patch.setattr(limits, "FIRST_WAIT", 0.005)
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("ANTHROPIC_API_KEY", KEY)
        assert (tmp_path / "o.jsonl.batches.json").exists()
        found = ask(server, tmp_path, spec)
        assert found.missing == 0
        assert len(server.batches) == 1
    rows = lines(tmp_path / "o.jsonl")
    assert len({row["prompt_id"] for row in rows}) == len(rows) == 5
    assert not (tmp_path / "o.jsonl.batches.json").exists()


@BOTH
def test_requests_that_fail_in_a_batch_are_asked_again(tmp_path: Path, spec: str) -> None:
    failing: set[str] = set()

    def problem(custom_id: str) -> str | None:
        if not failing:
            failing.add(custom_id)
        return "batch_expired" if custom_id in failing else None

    with torture.running(batch_problem=problem) as server:
        found = ask(server, tmp_path, spec)
        assert (found.new, found.failed, found.missing) == (4, 1, 1)
        (error,) = lines(tmp_path / "o.jsonl.errors.jsonl")
        assert error["reason"]
        found = ask(server, tmp_path, spec)
        assert (found.new, found.missing) == (1, 0)
    assert [len(made["rows"]) for made in server.batches.values()] == [5, 1]


@BOTH
def test_large_plans_are_split(
    server: torture.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.setattr(batch, "MOST_REQUESTS", 4)
    assert ask(server, tmp_path, spec, 10).missing == 0
    assert [len(made["rows"]) for made in server.batches.values()] == [4, 4, 2]


def test_budgets_hold_for_batches_at_half_the_price(server: torture.Server, tmp_path: Path) -> None:
    # at most 83 + 50 tokens a request, at half a dollar each
    priced = {"price_in": 1e6, "price_out": 1e6, "sampling": Sampling(max_tokens=50)}
    found = ask(server, tmp_path, "openai:m", 10, max_cost=210.0, **priced)
    assert (found.new, found.cost, found.stopped) == (3, 60, "the budget is used up")
    found = ask(server, tmp_path, "openai:m", 10, max_requests=2, **priced)
    assert found.new == 2


def test_a_batch_under_way_is_not_forgotten_by_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(self: Any, name: str) -> Any:
        raise Killed

    with torture.running() as server:
        with monkeypatch.context() as patch:
            patch.setattr(batch_apis.OpenAIBatches, "state", dying)
            with pytest.raises(Killed):
                ask(server, tmp_path, "openai:m")
        with pytest.raises(CollectError, match="repeat the command that submitted it"):
            ask(server, tmp_path, "openai:m", limit=2)
        assert ask(server, tmp_path, "openai:m").missing == 0


def test_a_batch_that_the_vendor_refuses_is_told(tmp_path: Path) -> None:
    def failed(self: torture.Server, name: str, anthropic: bool) -> dict[str, Any]:
        errors = {"data": [{"code": "x", "message": "token limit of the organization"}]}
        return {"id": name, "status": "failed", "errors": errors}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torture.Server, "_view", failed)
        with (
            torture.running() as server,
            pytest.raises(CollectError, match="token limit of the organization"),
        ):
            ask(server, tmp_path, "openai:m")
    assert not (tmp_path / "o.jsonl.batches.json").exists()


def test_vendors_without_batches_are_named(server: torture.Server, tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="no batch API of mistral"):
        ask(server, tmp_path, "mistral:m")


LEDGER = '{"schema": "fingerprint.batches/1"'


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", LEDGER + "}", LEDGER + ', "batches": [{"a": 1}]}']
)
def test_a_broken_ledger_is_refused(server: torture.Server, tmp_path: Path, text: str) -> None:
    (tmp_path / "o.jsonl.batches.json").write_text(text)
    with pytest.raises(CollectError, match="expected a ledger"):
        ask(server, tmp_path, "openai:m")


@pytest.mark.parametrize("name", ["../../x", "a/b", "", None, "a?b", "a" * 999])
def test_ids_that_would_change_the_path_are_refused(tmp_path: Path, name: Any) -> None:
    def view(self: torture.Server, batch_name: str, anthropic: bool) -> dict[str, Any]:
        return {"id": name, "processing_status": "ended"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torture.Server, "_view", view)
        with torture.running() as server, pytest.raises(CollectError, match="expected an id"):
            ask(server, tmp_path, "anthropic:m")

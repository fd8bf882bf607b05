"""What is asked: settings, plans, seeds, providers, keys, prices, limits. No network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torture import KEY, suite_file

from fingerprint.collect import Sampling, Settings, estimate
from fingerprint.collect.limits import Budget, Gate, backoff
from fingerprint.collect.plan import as_text, estimate_tokens, make_plan, response_seed
from fingerprint.collect.prices import Price, price_of
from fingerprint.collect.providers import (
    HIDDEN,
    PROVIDERS,
    Secrets,
    parse_target,
    read_key,
    without_credentials,
)
from fingerprint.collect.replies import Usage
from fingerprint.errors import CollectError, ProbesError, UnknownNameError

# --- plans


def test_all_probes_are_asked_once_before_any_is_asked_twice(tmp_path: Path) -> None:
    plan = make_plan([suite_file(tmp_path), suite_file(tmp_path, 2, "t")], Settings(samples=2))
    keys = [tuple(ask.key) for ask in plan.asks()]
    first = [("s", "p0"), ("s", "p1"), ("s", "p2"), ("t", "p0"), ("t", "p1")]
    assert keys == [(*k, 0) for k in first] + [(*k, 1) for k in first]
    assert len(plan) == len(keys) == 10


def test_seeds_differ_by_prompt_sample_and_run_and_by_nothing_else(tmp_path: Path) -> None:
    def seeds(n: int, **more: Any) -> dict[tuple[str, int], int]:
        settings = Settings(samples=2, **more)
        plan = make_plan([suite_file(tmp_path, n)], settings)
        return {(ask.probe.prompt_id, ask.sample): ask.seed for ask in plan.asks()}

    few, many = seeds(3), seeds(40)
    assert all(many[key] == seed for key, seed in few.items())
    assert len(set(many.values())) == len(many)
    assert not set(seeds(3, sampling=Sampling(seed=1)).values()) & set(few.values())
    assert seeds(3, sampling=Sampling(temperature=0.1)) == few
    assert all(0 <= seed < 2**31 for seed in many.values())
    assert response_seed(20260101, "p0", 0) == 1295832922  # must never change


def test_the_system_prompt_of_a_probe_goes_before_that_of_the_run(tmp_path: Path) -> None:
    settings = Settings(system="Be brief.")
    (ask, *_) = make_plan([suite_file(tmp_path)], settings).asks()
    assert ask.system == "Be brief."
    assert [turn["role"] for turn in ask.messages] == ["system", "user"]
    own = suite_file(tmp_path, 1, "own", system="Own.")
    (ask,) = make_plan([own], settings).asks()
    assert [turn["content"] for turn in ask.messages] == ["Own.", "Question 0?"]


def test_quick_and_limit_take_a_part(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    rows = [{"prompt_id": f"p{i}", "prompt": f"q {i}", "quick": i % 2 == 1} for i in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asks = make_plan([str(path)], Settings(quick=True, limit=2)).asks()
    assert [ask.probe.prompt_id for ask in asks] == ["p1", "p3"]


def test_suites_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(CollectError, match="another suite is called 's'"):
        make_plan([suite_file(tmp_path), suite_file(tmp_path / "sub")], Settings())
    with pytest.raises(CollectError, match="at least one --suite"):
        make_plan([], Settings())
    with pytest.raises(UnknownNameError):
        make_plan(["no-such-suite"], Settings())
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ProbesError):
        make_plan([str(tmp_path / "empty.jsonl")], Settings())


def test_a_conversation_can_be_written_as_text() -> None:
    turns = [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c")]
    messages = tuple({"role": role, "content": content} for role, content in turns)
    assert as_text(messages[1:2]) == "a"
    assert as_text(messages) == "S\n\nUser: a\n\nAssistant: b\n\nUser: c\n\nAssistant:"


def test_tokens_are_estimated_by_script() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("abcd" * 10) == 10
    assert estimate_tokens("你好吗") == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0}, {"limit": 0}, {"concurrency": 0}, {"concurrency": 1001}, {"rate": 0.0},
        {"timeout": 0.0}, {"max_requests": 0}, {"max_cost": -1.0}, {"price_in": 1.0},
        {"price_in": -1.0, "price_out": 1.0}, {"batch_size": 0}, {"threads": 0},
        {"batch": True, "completions": True},
        {"sampling": Sampling(temperature=-0.1)}, {"sampling": Sampling(temperature=float("nan"))},
        {"sampling": Sampling(top_p=0)}, {"sampling": Sampling(top_p=1.1)},
        {"sampling": Sampling(max_tokens=0)}, {"sampling": Sampling(seed=-1)},
        {"sampling": Sampling(logprobs=21)},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CollectError, match="--"):
        Settings(**wrong).checked()


# --- providers and keys


@pytest.mark.parametrize(
    ("spec", "provider", "model", "host"),
    [
        ("moonshot:kimi-k2.5", "moonshot", "kimi-k2.5", "api.moonshot.ai"),
        ("kimi:kimi-k2.5", "moonshot", "kimi-k2.5", "api.moonshot.ai"),
        ("ollama:llama3:8b", "ollama", "llama3:8b", "localhost"),
        ("openrouter:a/b:free", "openrouter", "a/b:free", "openrouter.ai"),
        ("Anthropic:claude-opus-4-6", "anthropic", "claude-opus-4-6", "api.anthropic.com"),
    ],
)
def test_specs_name_provider_and_model(spec: str, provider: str, model: str, host: str) -> None:
    target = parse_target(spec)
    assert (target.provider.name, target.model) == (provider, model)
    assert host in (target.base_url or "")


@pytest.mark.parametrize(
    "spec", ["", "gpt-4", ":m", "openai:", "openai: ", "opnai:gpt-4", "\x1b[31m:x", "a" * 9999]
)
def test_other_specs_are_refused_with_names(spec: str) -> None:
    with pytest.raises(CollectError) as error:
        parse_target(spec)
    assert len(str(error.value)) < 600 and "\x1b" not in str(error.value)


@pytest.mark.parametrize("url", ["host/v1", "ftp://host", "http://", "http://[::1", "http://h:0"])
def test_base_urls_are_checked(url: str) -> None:
    with pytest.raises(CollectError, match="--base-url"):
        parse_target("openai:m", url)
    with pytest.raises(CollectError, match="have none"):
        parse_target("local:x", "http://h/v1")


def test_every_provider_is_complete() -> None:
    for provider in PROVIDERS.values():
        if provider.name != "local":
            assert provider.base_url is not None and not provider.base_url.endswith("/")


def test_keys_come_from_the_environment_alone() -> None:
    target = parse_target("moonshot:m")
    assert read_key(target, None, {"MOONSHOT_API_KEY": f" {KEY}\n"}) == KEY
    assert read_key(target, "MINE", {"MINE": KEY}) == KEY
    with pytest.raises(CollectError, match="MOONSHOT_API_KEY"):
        read_key(target, None, {"OPENAI_API_KEY": KEY})
    assert read_key(parse_target("ollama:m"), None, {}) is None
    assert read_key(parse_target("vllm:m"), None, {}) is None
    assert read_key(parse_target("openai:m", "http://127.0.0.1:9/v1"), None, {}) is None
    with pytest.raises(CollectError, match="MINE"):
        read_key(parse_target("ollama:m"), "MINE", {})


@pytest.mark.parametrize("key", ["sk canary 012345", "sk-cänary-0123", "sk-canary\n-01234"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(CollectError) as error:
        read_key(parse_target("openai:m"), None, {"OPENAI_API_KEY": key})
    assert "canary" not in str(error.value) and "OPENAI_API_KEY" in str(error.value)


def test_secrets_are_hidden_also_as_json_writes_them() -> None:
    key = 'sk-"quoted"\\key'
    secrets = Secrets.of(key, "https://u:pass-word-pass@h/v1?token=abcdefghijkl&v=1")
    text = json.dumps({"a": key, "b": "pass-word-pass", "c": "token=abcdefghijkl"})
    hidden = secrets.hide(text + key)
    assert "quoted" not in hidden and "pass-word" not in hidden and "abcdefg" not in hidden
    assert hidden.count(HIDDEN) == 4
    assert json.loads(secrets.hide(text))["a"] == HIDDEN
    assert "sk-" not in repr(secrets)
    assert Secrets.of("none", None).hide("none of it") == "none of it"


def test_urls_are_written_without_credentials() -> None:
    assert without_credentials("https://u:p@h:8/v1?k=v#f") == "https://h:8/v1"
    assert without_credentials("http://[::1]:80/v1") == "http://[::1]:80/v1"


# --- prices and limits


def test_prices_are_found_given_or_missing() -> None:
    known = price_of(parse_target("anthropic:claude-opus-4-6"), Settings())
    assert known is not None and (known.input, known.output) == (5.0, 25.0)
    assert "2026" in known.source
    halved = price_of(parse_target("anthropic:claude-opus-4-6"), Settings(batch=True))
    assert halved is not None and (halved.input, halved.output) == (2.5, 12.5)
    assert price_of(parse_target("openai:gpt-99"), Settings()) is None
    # another host may charge anything for a model of that name
    assert price_of(parse_target("openai:gpt-4o", "https://h/v1"), Settings()) is None
    assert price_of(parse_target("ollama:m"), Settings(max_cost=0.0)) is not None
    with pytest.raises(CollectError, match="--price-in"):
        price_of(parse_target("openai:gpt-99"), Settings(max_cost=1.0))
    own = price_of(parse_target("openai:gpt-99"), Settings(max_cost=1, price_in=2, price_out=4))
    assert own is not None and own.cost(Usage(500_000, 250_000)) == 2.0


def test_an_estimate_needs_neither_key_nor_network(tmp_path: Path) -> None:
    settings = Settings(samples=2, sampling=Sampling(max_tokens=100))
    found = estimate("anthropic:claude-opus-4-6", [suite_file(tmp_path, 50)], tmp_path / "o.jsonl",
                     settings)  # fmt: skip
    assert (found.planned, found.done, found.calls) == (100, 0, 100)
    assert found.most_output_tokens == 10_000
    assert 500 < found.input_tokens < 3000
    assert found.most_cost == pytest.approx((found.input_tokens * 5 + 10_000 * 25) / 1e6)
    assert found.likely_cost is None
    assert not (tmp_path / "o.jsonl").exists()


def test_a_budget_sets_aside_the_most_and_settles_what_was_used() -> None:
    budget = Budget(Price(1.0, 1.0, "here"), max_cost=1.0, max_requests=None)
    first = budget.reserve(Usage(300_000, 300_000))
    assert first == pytest.approx(0.6)
    assert budget.reserve(Usage(300_000, 300_000)) is None
    budget.settle(first or 0.0, Usage(100_000, 100_000))
    assert budget.spent == pytest.approx(0.2)
    second = budget.reserve(Usage(300_000, 300_000))
    assert second is not None
    budget.settle(second, None)  # not told: counts in full
    assert budget.spent == pytest.approx(0.8)
    assert (budget.requests, budget.in_flight) == (2, 0)
    few = Budget(None, None, max_requests=2)
    assert [few.reserve(Usage()) for _ in range(3)] == [0.0, 0.0, None]


def test_turns_are_evenly_spaced_and_pauses_concern_everybody() -> None:
    gate = Gate(60.0)
    assert [gate.claim(10.0) for _ in range(3)] == [10.0, 11.0, 12.0]
    assert gate.claim(50.0) == 50.0
    gate.pause(100.0)
    gate.pause(70.0)
    assert [gate.claim(51.0) for _ in range(2)] == [100.0, 101.0]
    free = Gate(None)
    assert [free.claim(1.0) for _ in range(3)] == [1.0, 1.0, 1.0]


def test_waits_double_up_to_a_bound_with_jitter_from_the_generator() -> None:
    rng = np.random.default_rng(0)
    waits = [backoff(attempt, rng) for attempt in (1, 2, 3, 4, 40)]
    for wait, full in zip(waits, (1, 2, 4, 8, 60), strict=True):
        assert full / 2 <= wait <= full
    assert [backoff(a, np.random.default_rng(0)) for a in (1,)] == waits[:1]

"""`fingerprint collect` as a user meets it, and live models in comparisons."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torture
from conftest import Run, process
from simulated import prompts
from torture import KEY, lines, suite_file

from fingerprint.cli.collect import _progress
from fingerprint.collect import Settings, limits, live
from fingerprint.collect.live import is_live, resolve_live, suites_of_library
from fingerprint.collect.progress import Tally
from fingerprint.errors import CollectError
from fingerprint.packs import read
from fingerprint.specs import Loader


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(limits, "FIRST_WAIT", 0.005)


@pytest.fixture
def server() -> Iterator[torture.Server]:
    with torture.running() as server:
        yield server


def test_a_collection_becomes_a_pack(cli: Run, server: torture.Server, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    words = ["collect", "--model", "openai:m", "--suite", suite_file(tmp_path, 4), "--out", out,
             "--samples", 2, "--temperature", 0.5, "--max-tokens", 40, "--seed", 1,
             "--base-url", server.url.replace("//", "//user:pass-word-pass@"),
             "--name", "mine", "--keep-raw", "--limit", 3]  # fmt: skip
    ran = cli(*words)
    assert (ran.code, ran.err) == (0, "")
    assert "6 of 6 answers, 6 of them new; record in o.jsonl.manifest.json" in ran.out
    text = (tmp_path / "o.jsonl.manifest.json").read_text()
    assert "pass-word" not in text and KEY not in text
    command = json.loads(text)["runs"][0]["command"]
    assert command[:4] == ["fingerprint", "collect", "--model", "openai:m"]
    assert server.url in command
    again = cli(*words)
    assert "6 of 6 answers, 0 of them new" in again.out
    assert cli("pack", "build", out, "--out", tmp_path / "m.pack").code == 0
    assert len(read(tmp_path / "m.pack")) == 6
    assert {row["model"] for row in lines(out)} == {"mine"}


def test_a_dry_run_asks_nothing(cli: Run, server: torture.Server, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    words = ("collect", "--model", "openai:gpt-99", "--suite", suite_file(tmp_path, 10), "--out",
             out, "--dry-run", "--base-url", server.url, "--max-tokens", 100)  # fmt: skip
    ran = cli(*words)
    assert ran.code == 0
    assert "10 calls to make, 0 of 10 answers" in ran.out
    assert "at most 1,000 received" in ran.out and "price is not known" in ran.out
    priced = cli(*words, "--price-in", 1000, "--price-out", 2000)
    assert "at most about $2.1" in priced.out
    assert not server.requests and not out.exists()
    cli(*words[:7], "--base-url", server.url, "--max-tokens", 100, "--max-requests", 4)
    ran = cli(*words, "--price-in", 1000, "--price-out", 2000)
    assert "6 calls to make, 4 of 10" in ran.out
    assert "about 180 received" in ran.out and "so far: $0.4" in ran.out


def test_errors_are_one_line(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, out = suite_file(tmp_path), tmp_path / "o.jsonl"
    ask = ("collect", "--suite", suite, "--out", out, "--model")
    assert "providers:" in cli(*ask, "nobody:m").failed_alone()
    assert "--samples" in cli(*ask, "openai:m", "--samples", 0).failed_alone()
    assert "price" in cli(*ask, "openai:gpt-99", "--max-cost", 1).failed_alone()
    assert cli("collect", "--model", "openai:m").code == 2
    monkeypatch.delenv("OPENAI_API_KEY")
    assert "OPENAI_API_KEY" in cli(*ask, "openai:m").failed_alone()
    assert not out.exists()


def test_what_is_missing_in_the_end_is_an_error(cli: Run, tmp_path: Path) -> None:
    with torture.running(lambda r: "400" if r.prompt == "Question 1?" else "ok") as server:
        ran = cli("collect", "--model", "openai:m", "--suite", suite_file(tmp_path), "--out",
                  tmp_path / "o.jsonl", "--base-url", server.url)  # fmt: skip
    assert "1 of 3 answers are missing" in ran.failed()
    assert "reasons in" in ran.err
    assert "2 of 3 answers, 2 of them new" in ran.out


def test_a_budget_that_ends_a_run_is_no_error(
    cli: Run, server: torture.Server, tmp_path: Path
) -> None:
    ran = cli("collect", "--model", "openai:m", "--suite", suite_file(tmp_path), "--out",
              tmp_path / "o.jsonl", "--base-url", server.url, "--max-requests", 2)  # fmt: skip
    assert ran.code == 0 and "stopped: the budget is used up" in ran.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, hidden = Terminal(), io.StringIO()
    tally = Tally(total=9, done=4, before=2, failed=1, retries=3, cost=0.5)
    for stream in (shown, hidden):
        monkeypatch.setattr(sys, "stderr", stream)
        with _progress() as report:
            report(tally)
            report(tally)
    assert hidden.getvalue() == ""
    text = shown.getvalue()
    assert "4/9" in text and "1 failed, 3 retries" in text and "$0.50" in text


def test_help_and_import_need_neither_sdk_nor_torch(tmp_path: Path) -> None:
    assert process("collect", "--help").code == 0
    code = (
        "import sys\n"
        "for name in ('httpx2', 'openai', 'anthropic', 'torch', 'transformers'):\n"
        "    sys.modules[name] = None\n"
        "from fingerprint.collect import collect, Settings, estimate\n"
        "from fingerprint.errors import MissingExtraError\n"
        "for spec in ('local:.', 'ollama:m'):\n"
        "    try:\n"
        "        collect(spec, [sys.argv[1]], sys.argv[2])\n"
        "    except MissingExtraError as error:\n"
        "        print(error)\n"
        "print(estimate('ollama:m', [sys.argv[1]], sys.argv[2]).calls)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, suite_file(tmp_path), str(tmp_path / "o.jsonl")],
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    local, api, calls = done.stdout.splitlines()
    assert "fingerprint[local]" in local and "fingerprint[api]" in api and calls == "3"
    assert [path.name for path in tmp_path.iterdir()] == ["s.jsonl"]


# --- live models in comparisons


@pytest.mark.parametrize(
    ("spec", "live_one"),
    [
        ("local:/models/x", True), ("openai:gpt-4.1", True), ("kimi:kimi-k2.5", True),
        ("kimi:persuasion_open", False), ("kimi:Persuasion_Open", False), ("kimi", False),
        ("openai:", False), ("ref_gpt:alpaca_eval", False), ("", False),
    ],
)  # fmt: skip
def test_live_specs_are_told_from_names(spec: str, live_one: bool) -> None:
    assert is_live(spec, {"persuasion_open", "alpaca_eval"}) is live_one


def test_without_prompts_a_live_model_cannot_be_asked(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "suites_of_library", lambda: ())
    ran = cli("compare", "--suspect", "local:/nowhere/x", "--teacher", "ref_claude")
    message = ran.failed_alone()
    assert "--prompts" in message and "fingerprint collect --model local:/nowhere/x" in message


def test_a_live_model_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: torture.Server
) -> None:
    suite = suite_file(tmp_path, 30)
    settings = Settings(base_url=server.url)
    path = resolve_live("openai:m/1", prompts=[suite], cache_dir=tmp_path / "c", settings=settings)
    assert path.parent == tmp_path / "c" and len(lines(path)) == 30
    again = resolve_live("openai:m/1", prompts=[suite], cache_dir=tmp_path / "c", settings=settings)
    assert again == path and len(server.requests) == 30
    other = resolve_live(
        "openai:m/1", prompts=[suite], cache_dir=tmp_path / "c",
        settings=Settings(base_url=server.url, system="S"),
    )  # fmt: skip
    assert other != path
    default = resolve_live("openai:m/1", prompts=[suite], settings=settings)
    assert default.parent == tmp_path / "cache" / "fingerprint" / "live"


def test_a_loader_asks_live_models_and_reads_their_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: torture.Server
) -> None:
    asked: list[Any] = []

    def collected(spec: str, *, prompts: tuple[str, ...]) -> Path:
        asked.append((spec, prompts))
        settings = Settings(base_url=server.url)
        return resolve_live(spec, prompts=prompts, settings=settings)

    monkeypatch.setattr(live, "resolve_live", collected)
    suite = suite_file(tmp_path, 25)
    loader = Loader({}, prompts=(suite,))
    loaded = loader.load("openai:made-up-7b")
    (pack,) = loaded.packs
    assert (pack.info.name, len(pack)) == ("made-up-7b", 25)
    assert loaded.sources[0].path.endswith(".jsonl")
    assert loader.load("openai:made-up-7b") is loaded
    assert asked == [("openai:made-up-7b", (suite,))]


def test_a_model_that_answers_nothing_is_told(tmp_path: Path) -> None:
    with torture.running(lambda request: "400") as server:
        settings = Settings(base_url=server.url)
        with pytest.raises(CollectError, match="no answer to any of 1 prompts; 1 answers failed"):
            resolve_live("openai:m", prompts=[suite_file(tmp_path, 1)], settings=settings)


def test_suites_that_hold_prompts_of_the_library_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from fingerprint.library import Library
    from fingerprint.probes import Probe, Suite
    from fingerprint.units import prompt_key

    probes = tuple(Probe(pid, text) for pid, text, _ in prompts(30))
    keys = frozenset(prompt_key(probe.prompt, probe.prompt_id) for probe in probes)
    suites = {name: Suite(name, "1", probes[:n], "0" * 64) for name, n in (("a", 30), ("b", 9))}
    monkeypatch.setattr(live, "library", lambda: Library(tmp_path, (), {"x": keys}))
    monkeypatch.setattr(live, "shipped_suites", lambda: suites)
    monkeypatch.setattr(live, "load_suite", suites.__getitem__)
    assert suites_of_library() == ("a",)

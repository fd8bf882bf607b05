"""The files of a collection: appended, locked, repaired, resumed, refused."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from torture import KEY, lines, suite_file

from fingerprint.collect import Sampling, Settings
from fingerprint.collect.answers import Answers
from fingerprint.collect.manifest import open_manifest
from fingerprint.collect.plan import Ask, Key, make_plan
from fingerprint.collect.progress import Tally
from fingerprint.collect.providers import Secrets, parse_target
from fingerprint.collect.replies import Blame, Failed, Reply, Usage
from fingerprint.collect.store import Appender, read_done
from fingerprint.errors import CollectError
from fingerprint.outputs import read_outputs

NOTHING = Secrets()


def clock() -> datetime:
    return datetime(2026, 11, 22, tzinfo=UTC)


def asks(tmp_path: Path, n: int = 3, **more: Any) -> list[Ask]:
    return list(make_plan([suite_file(tmp_path, n)], Settings(**more)).asks())


# --- appending


def test_what_is_appended_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    with Appender(path, NOTHING) as file:
        file.append({"a": "ü\ud800\u2028"})
        assert lines(path)[0]["a"][0] == "ü"
        file.append({"a": 2})
    assert len(path.read_bytes().split(b"\n")) == 3


def test_two_processes_cannot_append_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Appender(path, NOTHING), pytest.raises(CollectError, match="another process"):
        Appender(path, NOTHING)
    Appender(path, NOTHING).close()


def test_numbers_that_are_no_json_are_not_written(tmp_path: Path) -> None:
    with Appender(tmp_path / "a.jsonl", NOTHING) as file, pytest.raises(ValueError, match="JSON"):
        file.append({"a": float("nan")})


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CollectError, match="cannot be written"):
        Appender(tmp_path / "file" / "a.jsonl", NOTHING)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    told = pytest.raises(CollectError, match="run the same command again")
    with Appender(Path("/dev/full"), NOTHING) as file, told:
        file.append({"a": 1})


def test_a_torn_line_is_repaired_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = b'{"a": 1}\n'
    last = json.dumps({"text": "é\n" + "x" * 70_000}, ensure_ascii=False).encode()
    rng = random.Random(1)
    for cut in [0, 1, 2, len(last) - 1, len(last), *rng.choices(range(len(last)), k=12)]:
        path = tmp_path / f"{cut}.jsonl"
        torn = tmp_path / f"{cut}.jsonl.torn"
        path.write_bytes(whole + last[:cut])
        Appender(path, NOTHING).close()
        if cut == len(last):  # only the line's end was missing: the answer is kept
            assert path.read_bytes() == whole + last + b"\n"
        else:
            assert path.read_bytes() == whole
        assert torn.exists() == (0 < cut < len(last))
        if torn.exists():
            assert torn.read_bytes() == last[:cut] + b"\n"


def test_a_file_of_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a')
    Appender(path, NOTHING).close()
    assert path.read_bytes() == b""


# --- resuming


def test_answers_that_are_there_are_known_with_what_they_used(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    rows = [
        {"suite": "s", "prompt_id": "a", "sample": 0, "model": "m",
         "usage": {"input_tokens": 3, "output_tokens": 4}},
        {"suite": "s", "prompt_id": "a", "sample": 5, "model": "m"},
        {"suite": "s", "prompt_id": "a", "sample": 0, "model": "m",
         "usage": {"input_tokens": 9, "output_tokens": 9}},
    ]  # fmt: skip
    path.write_text("\n".join([json.dumps(row) for row in rows] + ["\x00\x00", ""]))
    done = read_done(path, "m")
    assert done.count == 2
    assert Key("s", "a", 5) in done and Key("s", "a", 4) not in done
    assert Key("t", "a", 0) not in done
    assert done.usage == Usage(3, 4)
    assert (done.unknown_usage, done.unreadable) == (1, 1)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt_id": "a", "sample": 0, "model": "m"},
        {"suite": "s", "prompt_id": "a", "model": "m"},
        {"suite": "s", "prompt_id": "a", "sample": -1, "model": "m"},
        {"suite": "s", "prompt_id": "a", "sample": 10**9, "model": "m"},
        {"suite": "s", "prompt_id": "a", "sample": 0, "model": "another"},
    ],
)
def test_a_file_of_other_answers_is_refused(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(CollectError, match=r"o\.jsonl:1: expected an answer of 'm'"):
        read_done(path, "m")


def test_a_line_holds_what_is_known_and_the_reader_reads_it(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    sampling = Sampling(temperature=0.5, max_tokens=9, logprobs=1)
    (ask, other, _) = asks(tmp_path, system="Be brief.", sampling=sampling)
    reply = Reply(
        text="Hi", reasoning="hm", finish_reason="length", usage=Usage(3, 4), served_model="m-1",
        system_fingerprint="fp", logprobs={"tokens": ["Hi"], "logprobs": [-1.0]}, raw=b"raw",
        effective={"max_tokens": 9}, dropped=("logprobs",),
    )  # fmt: skip
    settings = Settings(sampling=sampling, keep_raw=True)
    with Answers(out, "m", settings, NOTHING, clock) as answers:
        answers.resume()
        answers.keep(ask, reply)
        answers.keep(ask, Reply("again"))
        answers.keep(other, Reply("", finish_reason="stop", raw=b"\xff", effective=reply.effective,
                                  dropped=("logprobs",)))  # fmt: skip
        answers.give_up(other, Failed(Blame.PROMPT, "400: no", status=400), 1)
        assert (answers.tally.done, answers.tally.cut) == (2, 1)
    row = lines(out)[0]
    assert row["sampling"] == {
        "requested": {"temperature": 0.5, "max_tokens": 9, "logprobs": 1},
        "effective": {"max_tokens": 9},
        "dropped": ["logprobs"],
    }
    assert row["seed"] == ask.seed and row["system"] == "Be brief."
    assert row["collected_at"] == "2026-11-22T00:00:00.000+00:00"
    assert row["usage"] == {"input_tokens": 3, "output_tokens": 4}
    (outputs,) = read_outputs(out)
    assert outputs.problems == () and outputs.model == "m" and outputs.suite == "s"
    assert [(r.prompt_id, r.sample, r.text) for r in outputs.responses] == [
        ("p0", 0, "Hi"), ("p1", 0, ""),
    ]  # fmt: skip
    assert outputs.responses[0].extra["reasoning"] == "hm"
    assert dict(outputs.sampling)["effective"] == {"max_tokens": 9}
    raw = lines(tmp_path / "o.jsonl.raw.jsonl")
    assert raw[0]["reply"] == "raw" and raw[1]["reply_base64"] == "/w=="
    (error,) = lines(tmp_path / "o.jsonl.errors.jsonl")
    assert (error["prompt_id"], error["reason"], error["status"]) == ("p1", "400: no", 400)


def test_a_conversation_keeps_all_that_was_sent(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
             {"role": "user", "content": "c"}]  # fmt: skip
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"prompt_id": "p", "messages": turns}) + "\n")
    (ask,) = make_plan([str(path)], Settings()).asks()
    with Answers(tmp_path / "o.jsonl", "m", Settings(), NOTHING) as answers:
        answers.keep(ask, Reply("x"))
    (row,) = lines(tmp_path / "o.jsonl")
    assert row["messages"] == turns and row["prompt"] == "c"


# --- the record


def record(tmp_path: Path, spec: str = "openai:m", url: str | None = None, **more: Any) -> Path:
    out = tmp_path / "o.jsonl"
    settings = Settings(base_url=url, **more)
    target = parse_target(spec, url)
    plan = make_plan([suite_file(tmp_path)], settings)
    manifest = open_manifest(out, target, plan, {}, Secrets.of(KEY, url))
    manifest.begin(["fingerprint", "collect", "--x", KEY], plan, {})
    manifest.end("ended", Tally(total=3), None)
    return out


def test_the_record_says_what_a_stranger_needs(tmp_path: Path) -> None:
    out = record(tmp_path, url="https://user:secret-secret@h/v1?api=secret-secret",
                 sampling=Sampling(temperature=0.7, seed=5))  # fmt: skip
    text = (tmp_path / "o.jsonl.manifest.json").read_text()
    assert "secret" not in text and KEY not in text
    value = json.loads(text)
    assert value["outputs"] == out.name
    assert (value["model_id"], value["base_url"], value["seed"]) == ("m", "https://h/v1", 5)
    assert value["sampling_requested"] == {"temperature": 0.7, "max_tokens": 2048}
    (suite,) = value["suites"]
    assert len(suite["sha256"]) == 64 and suite["version"]
    (run,) = value["runs"]
    assert {"fingerprint", "python", "openai", "httpx2"} <= run["versions"].keys()
    assert run["started"] <= run["ended"] and run["command"][:2] == ["fingerprint", "collect"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"spec": "openai:other", "name": "m"}, "model_id 'm'"),
        ({"spec": "openai:other"}, "model 'm'"),
        ({"spec": "moonshot:m"}, "provider 'openai'"),
        ({"url": "https://other/v1"}, "base_url 'https://api.openai.com/v1'"),
        ({"sampling": Sampling(temperature=0.7)}, "sampling_requested.temperature 'None'"),
        ({"sampling": Sampling(max_tokens=7)}, "sampling_requested.max_tokens '2048'"),
        ({"sampling": Sampling(seed=1)}, "seed '20260101'"),
        ({"system": "S"}, "system 'None'"),
        ({"completions": True}, "endpoint 'chat'"),
    ],
)
def test_other_settings_are_refused_by_name(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    record(tmp_path)
    with pytest.raises(CollectError) as error:
        record(tmp_path, **change)
    assert f"was collected with {named}" in str(error.value)


def test_a_suite_that_has_changed_is_refused(tmp_path: Path) -> None:
    record(tmp_path)
    path = Path(suite_file(tmp_path))
    path.write_text(path.read_text().replace("Question 1", "Question one"))
    settings = Settings()
    plan = make_plan([str(path)], settings)
    with pytest.raises(CollectError, match=r"suite s \(sha256\)"):
        open_manifest(tmp_path / "o.jsonl", parse_target("openai:m"), plan, {}, NOTHING)


def test_what_may_change_may_change(tmp_path: Path) -> None:
    record(tmp_path)
    out = record(tmp_path, samples=3, limit=1, concurrency=2, rate=5.0, keep_raw=True)
    value = json.loads((tmp_path / f"{out.name}.manifest.json").read_text())
    assert [run["samples"] for run in value["runs"]] == [1, 3]


def test_a_file_without_its_record_is_not_appended_to(tmp_path: Path) -> None:
    (tmp_path / "o.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(CollectError, match=r"no o\.jsonl\.manifest\.json beside it"):
        record(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"schema": "fingerprint.collect/1"}', '{"schema": "x/1"}',
             '{"schema": "fingerprint.collect/1", "suites": [5], "runs": [], "counts": {}}']
)  # fmt: skip
def test_a_broken_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.jsonl.manifest.json").write_text(text)
    with pytest.raises(CollectError, match=r"manifest\.json"):
        record(tmp_path)

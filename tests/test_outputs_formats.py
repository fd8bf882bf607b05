"""Importers of others' formats, on small files in the form their tools write.

The Inspect logs were written by inspect_ai 0.3.285 with mockllm (two of them without events); the
other files were written by hand after the documented formats.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import MissingExtraError, OutputsError
from fingerprint.outputs import inspect_log, read_outputs, sniff, write_jsonl
from fingerprint.outputs.alpaca_eval import prompt_id
from fingerprint.records import Outputs

DATA = Path(__file__).parent / "data" / "outputs"
HELM = DATA / "helm" / "gsm:model=acme_tiny-7b" / "scenario_state.json"
LM_EVAL = DATA / "lm_eval" / "acme__tiny-7b"
(SAMPLES,) = LM_EVAL.glob("samples_*.jsonl")


def read_one(path: Path, **options: Any) -> Outputs:
    (outputs,) = read_outputs(path, **options)
    return outputs


def change(path: Path, target: Path, edit: Any) -> Path:
    document = json.loads(path.read_text())
    edit(document)
    target.write_text(json.dumps(document))
    return target


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (DATA / "model_outputs.json", "alpaca_eval"),
        (DATA / "inspect_deflate.eval", "inspect"),
        (DATA / "inspect_zstd.eval", "inspect"),
        (DATA / "inspect_log.json", "inspect"),
        (HELM, "helm"),
        (SAMPLES, "lm_eval"),
        (next(LM_EVAL.glob("results_*.json")), None),
    ],
)
def test_sniff_knows_each_format(path: Path, kind: str | None, tmp_path: Path) -> None:
    assert sniff(path) == kind
    if kind and path.suffix == ".json":
        renamed = tmp_path / "renamed.json"
        renamed.write_text(json.dumps(json.loads(path.read_text())))
        assert sniff(renamed) == kind


def test_a_folder_of_all_formats_is_read_at_once(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "all")
    (tmp_path / "all" / "inspect_deflate.eval").unlink()
    (tmp_path / "all" / "inspect_zstd.eval").unlink()
    found = {(one.model, one.suite) for one in read_outputs(tmp_path / "all")}
    assert found == {
        ("tiny-7b", "alpaca_eval"),
        ("acme/tiny-7b", "gsm"),
        ("acme/tiny-7b", "tiny_math"),
        ("mockllm/model", "tiny_task"),
    }


# AlpacaEval


def test_alpaca_eval() -> None:
    found = read_one(DATA / "model_outputs.json")
    assert (found.model, found.suite) == ("tiny-7b", "alpaca_eval")
    assert [(one.prompt, one.text, one.domain) for one in found.responses] == [
        ("Name a river.", "The Danube.", "helpful_base"),
        ("Name a hill.", "", "koala"),
        ("Name a sea.", "The Baltic Sea.", None),
    ]
    # sha256("Name a river."), computed by sha256sum
    assert found.responses[0].prompt_id == "ae-c8dfd6a66a8d"
    assert found.responses[0].extra == {"datasplit": "eval"}
    assert found.responses[2].extra == {"item_response": "not ours"}
    assert found.problems == ()


def test_alpaca_eval_problems_use_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "model_outputs.json"
    good = {"instruction": "a", "output": "b", "generator": "g"}
    path.write_text(
        json.dumps([good, {**good, "output": None}, {**good, "generator": ""}, 5, {"output": "x"}])[
            :-1
        ]
        + ', {"instruction": "a", "instruction": "b", "output": "c", "generator": "g"}'
        + ', {"instruction": "c", "output": "\\ud800", "generator": "g"}]'
    )
    found = read_one(path)
    assert [one.text for one in found.responses] == ["b", "\ufffd"]
    messages = [one.message for one in found.problems]
    assert messages[0].startswith('item 2: "output" should be text')
    assert (
        messages[1] == 'item 3: "generator" is blank; give it the name of the model that answered'
    )
    assert messages[2] == "item 4: expected an object, found int '5'"
    assert messages[3].endswith('missing: "instruction", "generator"') or "missing" in messages[3]
    assert messages[4].startswith("item 6: a field occurs twice")
    assert messages[5] == "1 items had lone surrogates, replaced by U+FFFD"
    assert found.responses[0].prompt_id == prompt_id("a")


@pytest.mark.parametrize("text", ["[", '{"a": 1}', "[]", "nonsense"])
def test_documents_that_are_no_list_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model_outputs.json"
    path.write_text(text)
    with pytest.raises(OutputsError):
        read_outputs(path)


# Inspect


@pytest.mark.parametrize("name", ["inspect_deflate.eval", "inspect_zstd.eval", "inspect_log.json"])
def test_inspect(name: str) -> None:
    if "zstd" in name:
        pytest.importorskip("zstandard")
    found = read_one(DATA / name)
    assert (found.model, found.suite) == ("mockllm/model", "tiny_task")
    by_key = {(one.prompt_id, one.sample): one for one in found.responses}
    assert sorted(by_key) == [("2", 0), ("2", 1), ("capital", 0), ("capital", 1)]
    assert by_key["2", 0].system == "Be terse."
    assert by_key["2", 0].prompt == "2+2?"
    assert by_key["capital", 0].system is None
    assert by_key["capital", 0].prompt == "Name a capital."
    assert by_key["capital", 0].text == "Berlin is lovely."
    assert by_key["capital", 0].served_model == "mockllm/model"
    assert by_key["capital", 0].finish_reason == "stop"
    (thought,) = [one for one in found.responses if one.extra]
    assert (thought.text, thought.extra) == ("Four.", {"reasoning": "Let me think."})
    assert {one.text for one in found.responses} == {
        "Berlin is lovely.", "The capital is Paris.", "Four.", "Second.",
    }  # fmt: skip
    assert found.problems == ()


def test_inspect_without_zstandard_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(OutputsError, match=r"pip install inspect-ai.*inspect log convert"):
        read_outputs(DATA / "inspect_zstd.eval")


def archive(path: Path, members: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in members.items():
            file.writestr(name, value if isinstance(value, str) else json.dumps(value))
    return path


HEADER = {"eval": {"model": "m", "task": "t", "model_generate_config": {"temperature": 0.5}},
          "plan": {"config": {"max_tokens": 9, "max_connections": 3}}}  # fmt: skip


def sample(text: Any, **changes: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": text}, "stop_reason": "stop"}
    return {"id": 1, "epoch": 1, "input": "q", "output": {"model": "", "choices": [choice]},
            **changes}  # fmt: skip


def test_inspect_log_of_a_run_that_crashed_has_its_header_in_the_journal(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.eval",
        {
            "_journal/start.json": HEADER,
            "samples/1_epoch_1.json": sample("a"),
            "samples/x/y_epoch_2.json": sample("b", id="x/y", epoch=2),
            "samples/3_epoch_1/sample.json": sample("chunked", id=3),
            "samples/3_epoch_1/metadata.json": {},
        },
    )
    found = read_one(path)
    assert [(one.prompt_id, one.sample, one.text) for one in found.responses] == [
        ("1", 0, "a"), ("x/y", 1, "b"), ("3", 0, "chunked"),
    ]  # fmt: skip
    assert found.sampling == {"temperature": 0.5, "max_tokens": 9}
    assert found.responses[0].served_model is None


def test_inspect_content_kept_elsewhere_is_found_or_told(tmp_path: Path) -> None:
    reference = "attachment://" + "a" * 32
    path = archive(
        tmp_path / "a.eval",
        {
            "header.json": HEADER,
            "samples/1_epoch_1.json": sample(reference, attachments={"a" * 32: "long text"}),
            "samples/2_epoch_1.json": sample("attachment://7", id=2),
        },
    )
    found = read_one(path)
    assert [one.text for one in found.responses] == ["long text"]
    assert "kept elsewhere" in found.problems[0].message


def test_inspect_samples_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    parts = [{"type": "image", "image": "data:"}, {"type": "text", "text": "a"},
             {"type": "text", "text": "b"}]  # fmt: skip
    members = {
        "header.json": HEADER,
        "samples/1_epoch_1.json": sample(parts),
        "samples/2_epoch_1.json": sample("x", id=2, output={"choices": []}, error={"message": "E"}),
        "samples/3_epoch_1.json": sample("x", id=3, input=[{"role": "system", "content": "s"}]),
        "samples/4_epoch_1.json": sample("x", id=4, epoch=0),
        "samples/5_epoch_1.json": "{broken",
        "samples/6_epoch_1.json": "[]",
        "samples/7_epoch_1.json": sample(None, id=7),
    }
    found = read_one(archive(tmp_path / "a.eval", members))
    assert [one.text for one in found.responses] == ["a\nb"]
    assert found.responses[0].extra == {"other_content": ["image"]}
    assert len(found.problems) == 6
    assert "failed with 'E'" in found.problems[0].message
    assert "'samples/5_epoch_1.json': not valid JSON" in found.problems[3].message


def test_inspect_bombs_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_log, "MAX_MEMBER_BYTES", 1000)
    members = {"header.json": HEADER, "samples/1_epoch_1.json": sample("a"),
               "samples/2_epoch_1.json": sample("x" * 5000)}  # fmt: skip
    path = archive(tmp_path / "a.eval", members)
    assert "larger than 1000 bytes" in read_one(path).problems[0].message
    with pytest.raises(OutputsError, match="larger than"):
        read_outputs(DATA / "inspect_zstd.eval")
    monkeypatch.setattr(inspect_log, "MAX_TOTAL_BYTES", 3000)
    with pytest.raises(OutputsError, match="unpacks to more than"):
        read_outputs(path)


@pytest.mark.parametrize("name", ["inspect_deflate.eval", "inspect_zstd.eval"])
def test_damaged_inspect_logs_are_refused(tmp_path: Path, name: str) -> None:
    raw = (DATA / name).read_bytes()
    path = tmp_path / "a.eval"
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(OutputsError, match="truncated or damaged"):
        read_outputs(path)
    with zipfile.ZipFile(DATA / name) as file:
        start = file.getinfo("samples/capital_epoch_1.json").header_offset
    path.write_bytes(raw[: start + 90] + b"\0\0\0\0" + raw[start + 94 :])
    with pytest.raises(OutputsError):
        read_outputs(path)


def test_inspect_logs_without_a_model_or_samples_are_refused(tmp_path: Path) -> None:
    log = DATA / "inspect_log.json"
    path = change(log, tmp_path / "a.json", lambda one: one["eval"].pop("model"))
    with pytest.raises(OutputsError, match=r'"eval.model" is null'):
        read_outputs(path)
    path = change(log, tmp_path / "a.json", lambda one: one.pop("samples"))
    with pytest.raises(OutputsError, match='expected a list "samples"'):
        read_outputs(path)
    with pytest.raises(OutputsError, match=r"has a header\.json"):
        read_outputs(archive(tmp_path / "b.eval", {"samples/1_epoch_1.json": {}}))


# HELM


def test_helm() -> None:
    found = read_one(HELM)
    assert (found.model, found.suite) == ("acme/tiny-7b", "gsm")
    assert [(one.prompt_id, one.sample, one.text, one.prompt) for one in found.responses] == [
        ("id1", 0, " 2", "Q: 1+1?\nA:"),
        ("id1", 1, " two", "Q: 1+1?\nA:"),
        ("id2", 0, " 3", "Q: 2+1?\nA:"),
        ("id2~trial1", 0, " 3!", "Q: 2+1?\nA:"),
    ]
    assert found.responses[0].finish_reason == "stop"
    assert found.sampling["temperature"] == 0.7
    (problem,) = found.problems
    assert problem.message.startswith("request 4: ") and "'rate limit'" in problem.message
    with pytest.raises(OutputsError, match="request 4"):
        read_outputs(HELM, strict=True)


def test_helm_chat_and_variants(tmp_path: Path) -> None:
    def edit(document: Any) -> None:
        first, second = document["request_states"][:2]
        first["request"]["messages"] = [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "hello"},
        ]
        second["instance"]["perturbation"] = {"name": "typos"}
        second["reference_index"] = 0
        second["result"]["completions"][0]["thinking"] = {"text": "hm"}

    path = change(HELM, tmp_path / "scenario_state.json", edit)
    found = read_one(path)
    assert found.suite is None
    assert (found.responses[0].prompt, found.responses[0].system) == ("hello", "s")
    assert found.responses[2].prompt_id == "id2~typos~ref0"
    assert found.responses[2].extra == {"reasoning": "hm"}


def test_helm_without_requests_is_refused(tmp_path: Path) -> None:
    path = change(HELM, tmp_path / "scenario_state.json", lambda one: one.pop("request_states"))
    with pytest.raises(OutputsError, match='a list "request_states"'):
        read_outputs(path)


# lm-evaluation-harness


def test_lm_eval() -> None:
    found = read_one(SAMPLES)
    assert (found.model, found.suite) == ("acme/tiny-7b", "tiny_math")
    assert [(one.prompt_id, one.sample, one.text) for one in found.responses] == [
        ("0", 0, "It is 4."), ("0", 1, "Four."), ("1", 0, "No idea."),
    ]  # fmt: skip
    assert found.responses[0].prompt == "Question: q0\nAnswer:"
    assert found.sampling["temperature"] == 0.5
    assert [one.line for one in found.problems] == [5, 6, None]
    assert "log likelihoods" in found.problems[0].message
    assert found.problems[2].message.startswith("3 lines repeat a document for another filter")


def test_lm_eval_folder_passes_its_results_file_in_silence() -> None:
    assert not [one for one in read_one(LM_EVAL).problems if "passed over" in one.message]


def test_lm_eval_older_and_chat_forms(tmp_path: Path) -> None:
    chat = json.dumps([{"role": "system", "content": "s"}, {"role": "user", "content": "u"}])
    rows = [
        {"doc_id": 0, "arguments": [["old", {"until": []}]], "resps": [["a"]], "filter": "none"},
        {"doc_id": 1, "arguments": [[[chat], {}]], "resps": [["b"]]},
        {"doc_id": 2, "arguments": [["x", {}], ["y", {}]], "resps": [["c"], ["d"]]},
        {"doc_id": 3, "arguments": [["x", {}]], "resps": [[]]},
        {"doc_id": 4, "resps": [["e"]]},
        {"doc_id": None, "arguments": [["x", {}]], "resps": [["f"]]},
    ]
    path = tmp_path / "org__name" / "samples_task.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_one(path)
    assert (found.model, found.suite) == ("org/name", "task")
    assert [(one.prompt_id, one.prompt, one.text, one.system) for one in found.responses] == [
        ("0", "old", "a", None),
        ("1", "u", "b", "s"),
        ("2~0", "x", "c", None),
        ("2~1", "y", "d", None),
    ]
    assert [one.line for one in found.problems] == [4, 5, 6]
    path.write_text((json.dumps(rows[0]) + "\n") * 2)
    assert "repeats the response at line 1" in read_one(path).problems[0].message


def test_lm_eval_model_names(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / SAMPLES.name
    shutil.copy(SAMPLES, path)
    with pytest.raises(OutputsError, match=r"a model with no name.*results_\*\.json"):
        read_outputs(path)
    date = SAMPLES.name.removeprefix("samples_tiny_math_").removesuffix(".jsonl")
    other = folder / "results_2020-01-01T00-00-00.000000.json"
    other.write_text(json.dumps({"config": {"model_args": "dtype=f,pretrained=a/b"}}))
    assert read_one(path).model == "a/b"
    (folder / "results_2021-01-01T00-00-00.000000.json").write_text('{"model_name": "c"}')
    with pytest.raises(OutputsError, match="name 2 models"):
        read_outputs(path)
    mine = folder / f"results_{date}.json"
    mine.write_text(json.dumps({"config": {"model_args": {"pretrained": "x/y", "peft": "x/z"}}}))
    assert read_one(path).model == "x/z"


# Parquet


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    module = pytest.importorskip("pyarrow.parquet")
    module.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2)
    return path


ROWS: list[dict[str, Any]] = [
    {"prompt_id": 1, "prompt": "q", "response": "a", "model": "m", "sample": 0, "domain": None,
     "sampling": {"temperature": 1.0, "top_p": None}, "logprobs": [-0.5], "mine": b"\x01"},
    {"prompt_id": 2, "prompt": "r", "response": None, "model": "m", "sample": 0, "domain": "d",
     "sampling": {"temperature": 1.0, "top_p": None}, "logprobs": None, "mine": None},
    {"prompt_id": 3, "prompt": "s", "response": "\x00c", "model": "m", "sample": None,
     "domain": "d", "sampling": None, "logprobs": None, "mine": None},
]  # fmt: skip


@pytest.fixture(params=["pyarrow", "duckdb"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip(request.param)
    if request.param == "duckdb":
        from fingerprint.outputs import parquet as module

        real = module.import_module

        def without_pyarrow(name: str) -> Any:
            if name.startswith("pyarrow"):
                raise ImportError(name)
            return real(name)

        monkeypatch.setattr(module, "import_module", without_pyarrow)
    return str(request.param)


def test_parquet(tmp_path: Path, library: str) -> None:
    folder = tmp_path / "a[b]*"
    folder.mkdir()
    path = parquet(folder / "x?.parquet", ROWS)
    parquet(folder / "xx.parquet", [{**ROWS[0], "model": "decoy"}])
    assert sniff(path) == "parquet"
    found = read_one(path)
    assert [(one.prompt_id, one.text, one.sample) for one in found.responses] == [
        ("1", "a", 0), ("3", "\x00c", 0),
    ]  # fmt: skip
    assert found.responses[0].extra == {"logprobs": [-0.5], "mine": "0x01"}
    assert found.responses[1].domain == "d"
    assert found.sampling == {"temperature": 1.0}
    (problem,) = found.problems
    assert problem.message.startswith('row 2: "response" should be text')


def test_parquet_that_is_no_parquet_or_lacks_columns(tmp_path: Path, library: str) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 this is not PAR1")
    with pytest.raises(OutputsError, match="cannot be read as Parquet"):
        read_outputs(path)
    with pytest.raises(OutputsError, match='missing: "prompt", "response", "model"'):
        read_outputs(parquet(path, [{"prompt_id": "1"}]))
    with pytest.raises(OutputsError, match='"response" should be text'):
        read_outputs(parquet(path, [{**ROWS[0], "response": b"bytes"}]))


def test_parquet_gives_what_jsonl_gives(tmp_path: Path, library: str) -> None:
    rows = [{"prompt_id": str(i), "prompt": f"q{i}", "response": "é" * i, "model": "m",
             "sample": i % 3, "language": "en"} for i in range(2000)]  # fmt: skip
    found = read_one(parquet(tmp_path / "a.parquet", rows))
    write_jsonl(tmp_path / "a.jsonl", found)
    assert read_one(tmp_path / "a.jsonl").responses == found.responses
    assert len(found.responses) == 2000 and not found.problems


def test_parquet_without_a_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path / "a.parquet", ROWS)
    for name in ("pyarrow", "pyarrow.parquet", "duckdb"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"fingerprint\[parquet\]"):
        read_outputs(path)
    with pytest.raises(MissingExtraError):
        read_outputs(tmp_path)


def test_importing_outputs_imports_no_table_library() -> None:
    import subprocess

    code = (
        "import sys, fingerprint.outputs as o; "
        "sys.exit(any(m in sys.modules for m in ('pyarrow', 'duckdb', 'inspect_ai', 'zstandard')))"
    )
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0

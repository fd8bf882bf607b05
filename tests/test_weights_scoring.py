"""Bits per byte under local weights: exact, whatever the batch; resumable; memory checked first."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from tiny_weights import make_weights
from transformers import AutoTokenizer, LlamaForCausalLM

from fingerprint.errors import CollectError, MissingExtraError, WeightsError
from fingerprint.records import Outputs, Response
from fingerprint.weights import loading
from fingerprint.weights.loading import Loading, Weights, check_memory, estimate
from fingerprint.weights.runs import score_file
from fingerprint.weights.scores import Item, Place, ScoreFile, items_of, read_scores
from fingerprint.weights.scoring import LocalScorer, Tokens, batches
from fingerprint.weights.served import Serving
from fingerprint.weights.tensors import read_tensors

HOW = Loading(dtype="float32", device="cpu", threads=1, tokens_a_batch=256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("weights") / "tiny", merges=(("a", "b"),))


def outputs(n: int = 9, model: str = "m", system: str | None = None) -> Outputs:
    rows = tuple(
        Response(f"p{i}", "why " * (i % 3 + 1), f"ab é {i} " * (1 + i * 7 % 5), system=system)
        for i in range(n)
    )
    return Outputs(model, rows, suite="s")


def some(n: int = 9) -> list[Item]:
    return list(items_of([outputs(n)], 40))


def nothing(done: int, total: int) -> None:
    pass


def score(folder: Path, out: Path, items: list[Item], how: Loading = HOW) -> dict[Place, float]:
    found = score_file(f"local:{folder}", items, out, how, Serving(), nothing, 40)
    return dict(found.bits_per_byte)


def test_bits_are_those_of_the_response_after_its_prompt(folder: Path, tmp_path: Path) -> None:
    items = list(items_of([outputs(4)], None))
    found = score(folder, tmp_path / "s.jsonl", items)
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for item in items:
        head = tokenizer(f"<user>{item.messages[0]['content']}<end><model>")["input_ids"]
        ids = head + tokenizer(item.text)["input_ids"]
        assert len(ids) < len(head) + len(item.text.encode())  # "ab" is one token
        with torch.inference_mode():
            logs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        nats = -sum(float(logs[t - 1, ids[t]]) for t in range(len(head), len(ids)))
        expected = nats / math.log(2) / len(item.text.encode())
        assert found[item.place] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("budget", [1, 60, 100_000])
def test_batches_change_nothing(folder: Path, tmp_path: Path, budget: int) -> None:
    alone = score(folder, tmp_path / "a.jsonl", some())
    how = Loading(dtype="float32", device="cpu", threads=1, tokens_a_batch=budget)
    packed = score(folder, tmp_path / "b.jsonl", some(), how)
    assert packed.keys() == alone.keys() and len(alone) == 9
    assert all(packed[at] == pytest.approx(alone[at], rel=1e-5) for at in alone)


def test_batches_keep_to_their_budget() -> None:
    item = some(1)[0]
    ready = [Tokens(item, [0] * n, 1) for n in (5, 90, 7, 20, 21, 6, 40)]
    found = [[len(one.ids) for one in batch] for batch in batches(ready, 45)]
    assert sorted(n for batch in found for n in batch) == sorted(len(one.ids) for one in ready)
    assert all(len(batch) == 1 or len(batch) * max(batch) <= 45 for batch in found)
    assert [90] in found and len(found) == 4


def test_models_that_give_all_logits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(folder, tmp_path / "a.jsonl", some())
    init = LocalScorer.__init__

    def old(self: LocalScorer, weights: Weights, budget: int) -> None:
        init(self, weights, budget)
        self._keeps = False

    monkeypatch.setattr(LocalScorer, "__init__", old)
    found = score(folder, tmp_path / "b.jsonl", some())
    assert all(found[at] == pytest.approx(expected[at], rel=1e-6) for at in expected)


def test_a_batch_that_does_not_fit_is_halved(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(folder, tmp_path / "a.jsonl", some())
    forward = LocalScorer._forward
    sizes = []

    def small(self: LocalScorer, batch: list[Tokens]) -> list[float]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return forward(self, batch)

    monkeypatch.setattr(LocalScorer, "_forward", small)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    how = Loading(dtype="float32", device="cpu", threads=1, tokens_a_batch=100_000)
    found = score(folder, tmp_path / "b.jsonl", some(), how)
    assert sizes[0] == 9 and min(sizes) <= 2
    assert all(found[at] == pytest.approx(expected[at], rel=1e-5) for at in expected)


def test_stopped_and_continued(folder: Path, tmp_path: Path) -> None:
    whole = score(folder, tmp_path / "a.jsonl", some())
    out = tmp_path / "b.jsonl"
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(f"local:{folder}", some(), out, HOW, Serving(), stop, 40)
    with out.open("ab") as file:
        file.write(b'{"source": "m", "torn')
    before = out.read_bytes().count(b"\n")
    calls.clear()
    found = score_file(
        f"local:{folder}", some(), out, HOW, Serving(), lambda done, _: calls.append(done), 40
    )
    assert before == 1 + 4 and calls == [4, 5, 6, 7, 8, 9]
    assert dict(found.bits_per_byte) == pytest.approx(whole, rel=1e-5)


def test_a_file_made_otherwise_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.jsonl"
    score(folder, out, some(3))
    with pytest.raises(WeightsError, match="other weights or settings"):
        score_file(f"local:{folder}", some(3), out, HOW, Serving(), nothing, 41)
    with pytest.raises(WeightsError, match="another text of m at prompt p0"):
        score(folder, out, list(items_of([outputs(3)], 7)))
    out.write_text('{"kind": "something"}\n')
    with pytest.raises(WeightsError, match="expected scores of"):
        read_scores(out)
    out.write_text("[1]\n")
    with pytest.raises(WeightsError, match=":1: expected a JSON object"):
        read_scores(out)


def test_two_runs_into_one_file(tmp_path: Path) -> None:
    with ScoreFile(tmp_path / "s", "m", {}), pytest.raises(CollectError, match="another process"):
        ScoreFile(tmp_path / "s", "m", {})


def test_what_cannot_be_scored_says_why(folder: Path, tmp_path: Path) -> None:
    items = list(
        items_of(
            [Outputs("m", (Response("p0", "x", ""), Response("p1", "x", "long " * 80),
                           Response("p2", "x", "fine")))],
            None,
        )
    )  # fmt: skip
    found = score_file(f"local:{folder}", items, tmp_path / "s", HOW, Serving(), nothing, None)
    assert [at.prompt_id for at in found.bits_per_byte] == ["p2"] and found.unscored == 2
    rows = [json.loads(line) for line in (tmp_path / "s").read_text().splitlines()[1:]]
    reasons = {row["prompt_id"]: row["reason"] for row in rows}
    assert reasons["p0"] == "no text" and "the weights take 256" in reasons["p1"]


def test_items_are_cut_between_characters() -> None:
    (item,) = items_of([Outputs("m", (Response("p", "q", "aé\ud800z", system="be brief"),))], 2)
    assert (item.text, item.size) == ("a", 1)
    assert [turn["role"] for turn in item.messages] == ["system", "user"]
    (item,) = items_of([Outputs("m", (Response("p", "q", "aé\ud800z"),))], None)
    assert item.text == "aé?z"


def test_the_arithmetic_of_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LlamaForCausalLM.from_pretrained(folder)
    parameters = sum(p.numel() for p in model.parameters())
    need = estimate(folder, Loading(dtype="bfloat16", device="cpu", tokens_a_batch=10))
    vocabulary = model.config.vocab_size
    assert need.parameters == parameters and need.weights == 2 * parameters
    assert need.logits == 10 * vocabulary * 4 * 2
    assert need.total == need.weights + need.activations + need.logits
    assert estimate(folder, HOW).weights == 4 * parameters
    monkeypatch.setattr(loading, "available_bytes", lambda how: need.total - 1)
    with pytest.raises(WeightsError) as error:
        check_memory(folder, Loading(dtype="bfloat16", device="cpu", tokens_a_batch=10))
    assert f"{parameters:,} parameters x 2 bytes" in str(error.value)
    assert "does not fit" in str(error.value) and "vllm:MODEL" in str(error.value)
    monkeypatch.setattr(loading, "available_bytes", lambda how: 1)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", None)
    with pytest.raises(WeightsError, match="does not fit"):  # said before anything is loaded
        Weights(str(folder), HOW)


def test_free_memory_is_known_here() -> None:
    free = loading.available_bytes(HOW)
    assert free is None or 10**6 < free < 10**15


@pytest.mark.parametrize(("dtype", "off"), [("auto", 1e-6), ("bfloat16", 0.05), ("int8", 0.1)])
def test_other_types(folder: Path, tmp_path: Path, dtype: str, off: float) -> None:
    exact = score(folder, tmp_path / "a", some(3))
    found = score(folder, tmp_path / "b", some(3), Loading(dtype, "cpu", None, 256, 1))
    assert (found == exact) == (dtype == "auto")
    for at, value in exact.items():
        assert found[at] == pytest.approx(value, rel=off)


def test_what_is_not_installed_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"bitsandbytes.*fingerprint\[gpu\]"):
        Weights(str(folder), Loading(dtype="int8"))
    with pytest.raises(MissingExtraError, match="accelerate"):
        Weights(str(folder), Loading(device_map="auto"))
    with pytest.raises(WeightsError, match="--dtype: expected auto, float32"):
        Weights(str(folder), Loading(dtype="float8"))
    with pytest.raises(WeightsError, match="no such folder"):
        Weights("./nowhere", HOW)


def test_device_map(folder: Path, tmp_path: Path) -> None:
    exact = score(folder, tmp_path / "a", some(3))
    found = score(folder, tmp_path / "b", some(3), Loading("float32", None, "auto", 256, 1))
    assert found == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("broken", ["cut", "length", "shape", "text", "none"])
def test_damaged_safetensors(folder: Path, tmp_path: Path, broken: str) -> None:
    raw = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    path = tmp_path / "model.safetensors"
    if broken == "cut":
        path.write_bytes(raw[:-100])
    elif broken == "length":
        path.write_bytes((2**50).to_bytes(8, "little") + raw[8:])
    elif broken == "shape":
        head = json.loads(raw[8 : 8 + length])
        name = next(name for name in head if name != "__metadata__")
        head[name]["shape"] = [3]
        new = json.dumps(head).encode()
        path.write_bytes(len(new).to_bytes(8, "little") + new + raw[8 + length :])
    elif broken == "text":
        path.write_bytes((10).to_bytes(8, "little") + b"not a json" * 2)
    with pytest.raises(WeightsError, match=r"expected (safetensors|weights)"):
        read_tensors(tmp_path)

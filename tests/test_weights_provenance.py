"""Which base weights come from, and whether tokenizer and head are the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from test_weights_likelihood import answer
from tiny_weights import make_weights, train

from fingerprint.errors import WeightsError
from fingerprint.records import Status
from fingerprint.weights.heads import compare_heads
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.provenance import (
    compare_tokenizers,
    next_tokens,
    random_prompts,
    vocabulary_hash,
    which_base,
)

HOW = Loading(dtype="float32", device="cpu", threads=1)
TEXT = "the quick brown fox jumps over the lazy dog and runs far away from here today " * 3


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("weights")
    made = {name: make_weights(top / name, seed) for seed, name in enumerate(("a", "b", "c"))}
    taught = [(f"q{i}", answer("lum", i)) for i in range(8)]
    made["student"] = train(made["b"], taught, top / "student", steps=4)
    made["wide"] = make_weights(top / "wide", 5, merges=(("a", "b"),), hidden=48)
    return made


def test_the_base_is_found(folders: dict[str, Path]) -> None:
    prompts = random_prompts([TEXT, "x y z " * 40], 160, np.random.default_rng(3))
    assert prompts == random_prompts([TEXT, "x y z " * 40], 160, np.random.default_rng(3))
    assert len(set(prompts)) > 80
    tokens = {name: next_tokens(Weights(str(path), HOW), prompts, 32)
              for name, path in folders.items() if name != "wide"}  # fmt: skip
    rows = which_base(tokens.pop("student"), tokens)
    assert (rows[0].candidate, rows[0].status) == ("b", Status.LIKELY)
    assert [row.status for row in rows[1:]] == [Status.UNLIKELY] * 2
    assert rows[0].low < rows[0].agreement < rows[0].high
    alone = next_tokens(Weights(str(folders["a"]), HOW), prompts[:5], 1)
    assert alone == tokens["a"][:5]


def test_no_base_is_named_when_candidates_agree_alike() -> None:
    rng = np.random.default_rng(0)
    suspect = [str(n) for n in rng.integers(4, size=300)]
    other = {name: [str(n) for n in rng.integers(4, size=300)] for name in "abc"}
    assert {row.status for row in which_base(suspect, other)} == {Status.OPEN}
    twins = {"a": suspect, "b": suspect, "c": other["c"]}
    rows = which_base(suspect, twins)
    assert [row.status for row in rows] == [Status.OPEN, Status.OPEN, Status.UNLIKELY]


def test_too_little_is_refused() -> None:
    with pytest.raises(
        WeightsError, match="at least 2 candidates and 100 prompts, found 1 and 200"
    ):
        which_base(["a"] * 200, {"a": ["a"] * 200})
    with pytest.raises(WeightsError, match="of 200 prompts"):
        which_base(["a"] * 200, {"a": ["a"] * 200, "b": ["a"]})
    with pytest.raises(WeightsError, match="two words"):
        random_prompts(["one"], 3, np.random.default_rng(0))


def test_heads(folders: dict[str, Path]) -> None:
    rng = np.random.default_rng(1)
    own = compare_heads(folders["student"], folders["b"], rng)
    assert own.status is Status.LIKELY and own.cosine is not None and own.cosine > 0.95
    stranger = compare_heads(folders["student"], folders["a"], rng)
    assert stranger.status is Status.UNLIKELY and stranger.cosine is not None
    assert abs(stranger.cosine) < 0.1 and own.spectrum > stranger.spectrum
    few = compare_heads(folders["student"], folders["b"], rng, rows=10)
    assert few.rows == 10 and few.status is Status.LIKELY
    wide = compare_heads(folders["wide"], folders["b"], rng)
    assert (wide.status, wide.cosine) == (Status.EXCLUDED, None)


def test_a_tied_head_is_the_embeddings(folders: dict[str, Path], tmp_path: Path) -> None:
    tensors = load_file(folders["a"] / "model.safetensors")
    head = tensors.pop("lm_head.weight")
    save_file(tensors, tmp_path / "model.safetensors")
    found = compare_heads(tmp_path, folders["a"], np.random.default_rng(0))
    assert found.status is Status.UNLIKELY  # embeddings against head
    tensors["model.embed_tokens.weight"] = head
    save_file(tensors, tmp_path / "model.safetensors")
    found = compare_heads(tmp_path, folders["a"], np.random.default_rng(0))
    assert found.status is Status.LIKELY
    save_file({"x": head}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="expected an output head"):
        compare_heads(tmp_path, folders["a"], np.random.default_rng(0))


def test_tokenizers(folders: dict[str, Path], tmp_path: Path) -> None:
    same = compare_tokenizers(folders["student"], folders["b"])
    assert (same.identical, same.shared, same.same_ids) == (True, 1.0, 1.0)
    other = compare_tokenizers(folders["wide"], folders["b"])
    assert not other.identical and 0.99 < other.shared < 1 and other.same_ids == 1.0
    raw = json.loads((folders["b"] / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps(raw, indent=7, sort_keys=True))
    assert vocabulary_hash(tmp_path) == vocabulary_hash(folders["b"])
    for broken in ("[]", "{", '{"model": {"vocab": 3}}', '{"model": {"vocab": [[]]}}'):
        (tmp_path / "tokenizer.json").write_text(broken)
        with pytest.raises(WeightsError, match="expected a tokenizer"):
            vocabulary_hash(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"vocab": [["a", -1.0], ["b", -2.0]]}}')
    assert len(vocabulary_hash(tmp_path)) == 64

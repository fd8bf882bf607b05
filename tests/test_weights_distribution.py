"""Next-token distributions across tokenizers: by first bytes, truncation matched."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_weights_likelihood import answer
from tiny_weights import make_weights, train
from transformers import AutoTokenizer, LlamaForCausalLM

from fingerprint.records import ModelInfo
from fingerprint.weights.distribution import (
    OTHER,
    LocalTracer,
    Trace,
    divergence,
    divergence_scores,
    profile,
    trace_of_logprobs,
)
from fingerprint.weights.likelihood import measure
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.scores import Item, Place
from fingerprint.weights.tokenbytes import token_bytes

HOW = Loading(dtype="float32", device="cpu", threads=1, tokens_a_batch=512)


def item(text: str, source: str = "m", at: str = "p", prompt: str = "q") -> Item:
    return Item(Place(source, "s", at, 0), ({"role": "user", "content": prompt},), text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("w") / "tiny", merges=(("a", "b"), ("c", "a")))


def tracer(folder: Path, top: int | None = None) -> LocalTracer:
    return LocalTracer(Weights(str(folder), HOW), 512, top)


def test_first_bytes_are_summed_exactly(folder: Path) -> None:
    ((_, trace),) = tracer(folder).traces([item("ab cé")])
    assert trace.text == "ab cé".encode()
    assert trace.offsets.tolist() == [0, 2, 3, 4, 5]  # "ab" is one token, "é" two bytes
    tokenizer = AutoTokenizer.from_pretrained(folder)
    head = tokenizer("<user>q<end><model>")["input_ids"]
    ids = head + tokenizer("ab cé")["input_ids"]
    with torch.inference_mode():
        logits = LlamaForCausalLM.from_pretrained(folder).eval()(torch.tensor([ids])).logits[0]
    expected = logits.double().softmax(-1).numpy()[len(head) - 1 : -1]
    vocabulary = tokenizer.get_vocab()
    a = [i for name, i in vocabulary.items() if name in ("a", "ab")]
    special = [i for name, i in vocabulary.items() if name.startswith("<") and len(name) > 1]
    assert trace.first[:, ord("a")] == pytest.approx(expected[:, a].sum(axis=1), rel=1e-4)
    assert trace.first[:, OTHER] == pytest.approx(expected[:, special].sum(axis=1), rel=1e-4)
    assert trace.first.sum(axis=1) == pytest.approx(np.ones(5))
    entropy = -(expected * np.log2(expected)).sum(axis=1)
    assert trace.entropy == pytest.approx(entropy, rel=1e-4)


def test_truncation_merges_the_rest(folder: Path) -> None:
    one = item("ab cab zz")
    ((_, whole),) = tracer(folder).traces([one])
    ((_, short),) = tracer(folder, 5).traces([one])
    assert ((short.first[:, :OTHER] > 0).sum(axis=1) <= 5).all()
    assert (short.first[:, :OTHER] <= whole.first[:, :OTHER] + 1e-9).all()
    assert (short.first[:, OTHER] > whole.first[:, OTHER]).all()
    assert (short.entropy <= whole.entropy + 1e-9).all()


def test_divergence_by_hand() -> None:
    a, b = np.zeros((1, 257)), np.zeros((1, 257))
    a[0, [65, 66, 67, 68]] = 0.4, 0.3, 0.2, 0.1
    b[0, [65, 66, 67, OTHER]] = 0.5, 0.2, 0.1, 0.2
    middle = (a + b)[0] / 2

    def entropy(row: Any) -> float:
        return -sum(float(p) * math.log2(p) for p in row if p > 0)

    one = Trace(b"x", np.array([0]), a, np.array([0.0]))
    other = Trace(b"x", np.array([0]), b, np.array([0.0]))
    found = divergence(one, other)
    assert found is not None and found.n_places == 1
    assert found.js == pytest.approx(entropy(middle) - (entropy(a[0]) + entropy(b[0])) / 2)
    assert found.rank == pytest.approx(1.0)
    same = divergence(one, one)
    assert same is not None and same.js == 0.0
    far = Trace(b"x", np.array([0]), np.eye(257)[[3]], np.array([0.0]))
    assert (apart := divergence(one, far)) is not None
    assert apart.js == pytest.approx(1.0) and apart.rank is None


def test_only_places_with_the_same_text_before_are_compared() -> None:
    rows = np.full((4, 257), 1 / 257)
    one = Trace(b"abcdef", np.array([0, 1, 3, 5]), rows, np.ones(4))
    other = Trace(b"abcxef", np.array([0, 2, 3, 5]), rows, np.ones(4))
    found = divergence(one, other)
    assert found is not None and found.n_places == 2  # 0 and 3; at 5 the texts differ
    assert divergence(one, Trace(b"abc", np.array([2]), rows[:1], np.ones(1))) is None


def test_tokenizers_write_bytes_in_their_own_ways() -> None:
    assert token_bytes("\u0120caf\u00c3\u00a9", "bytes") == " café".encode()
    assert token_bytes("\u2581caf\u00e9", "pieces") == " café".encode()
    assert token_bytes("<0x0A>", "pieces") == b"\n"
    assert token_bytes("<0x0A>", "text") == b"<0x0A>"
    assert token_bytes("\u4e2d", "bytes") == "\u4e2d".encode()  # outside the alphabet


def kept(tokens: list[str], tops: list[Any]) -> Trace | None:
    return trace_of_logprobs({"tokens": tokens, "top": tops}, 2)


def test_traces_of_what_an_api_kept() -> None:
    pairs = [["Hi", math.log(0.5)], ["He", math.log(0.25)], ["x", math.log(0.125)]]
    found = kept(["Hi", " you"], [pairs, [[" you", math.log(0.9)], [" all", math.log(0.1)]]])
    assert found is not None and found.text == b"Hi you" and found.offsets.tolist() == [0, 2]
    assert found.first[0, ord("H")] == pytest.approx(0.75)
    assert found.first[0, OTHER] == pytest.approx(0.25)  # the third is cut, as the others' are
    assert found.entropy[0] == pytest.approx(1.5)
    assert found.first[1, ord(" ")] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "logprobs",
    [
        {},
        {"tokens": ["a"], "top": []},
        {"tokens": ["a"], "top": [[["a", -0.1]]]},  # too few of them
        {"tokens": ["a"], "top": [[["a", 3.0], ["b", -1.0]]]},
        {"tokens": ["a"], "top": [[["a", "x"], ["b", -1.0]]]},
        {"tokens": [1], "top": [[["a", -1.0], ["b", -1.0]]]},
        {"tokens": "a", "top": "b"},
    ],
)
def test_hostile_logprobs(logprobs: Any) -> None:
    assert trace_of_logprobs(logprobs, 2) is None


def test_profile() -> None:
    rows = np.full((4, 257), 1 / 257)
    up = Trace(b"abcd", np.arange(4), rows, np.array([1.0, 2.0, 3.0, 4.0]))
    found = profile([up])
    assert found is not None
    assert (found.mean, found.n_places, found.quantiles[1]) == (2.5, 4, 2.5)
    assert found.autocorrelation == pytest.approx(1.0)
    flat = profile([Trace(b"ab", np.arange(2), rows[:2], np.ones(2))])
    assert flat is not None and (flat.sd, flat.autocorrelation) == (0.0, None)
    assert profile([]) is None


def test_a_student_moves_to_its_teachers_distributions(tmp_path: Path) -> None:
    base = make_weights(tmp_path / "base")
    sources = {f"m{i}": word for i, word in enumerate(("zig", "bop", "lum", "cra", "wyd"))}
    references = []
    for name, word in sources.items():
        taught = [(f"q{i}", answer(word, i)) for i in range(100, 116)]
        model = make_weights(tmp_path / name, seed=7, merges=(("l", "u"),))  # another tokenizer
        teacher = train(model, taught, tmp_path / f"{name}-trained", steps=12)
        items = [item(answer(word, i), name, f"p{i}", f"q{i}") for i in range(20)]
        references += list(tracer(teacher, 5).traces(items))
    taught = [(f"q{i}", answer("lum", i)) for i in range(100, 116)]
    student = train(base, taught, tmp_path / "student", steps=12)
    found = [divergence_scores(f.name, tracer(f, 5), references) for f in (student, base)]
    assert len(found[0].bits_per_byte) == 100 and found[0].unscored == 0
    ranked = measure(found[0], found[1], {name: ModelInfo(name, name) for name in sources})
    assert ranked.rows[0].source == "m2" and ranked.rows[0].low > 0

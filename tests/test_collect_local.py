"""Local weights: a tiny model made on the spot, asked as a large one would be."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torture import lines, suite_file
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from fingerprint.collect import Collected, Sampling, Settings, collect
from fingerprint.collect.decoding import Decoding, SeededSampler, TurnEnd, _truncated
from fingerprint.errors import CollectError
from fingerprint.outputs import read_outputs

WORDS = ["<pad>", "<end>", "<user>", "<model>", "<system>", "Question", "?", "User", ":",
         "Assistant", *map(str, range(10)), *(f"w{i}" for i in range(44))]  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}{{ '<' + ('model' if m.role == 'assistant' else m.role) + '> ' + "
    "m.content + ' <end> ' }}{% endfor %}<model> "
)


def make_model(folder: Path, template: str | None = TEMPLATE, **config: Any) -> str:
    torch.manual_seed(0)
    made = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        initializer_range=0.5, eos_token_id=1, pad_token_id=0, bos_token_id=None, **config,
    )  # fmt: skip
    LlamaForCausalLM(made).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<end>", unk_token="w0"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return f"local:{folder}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


def ask(model: str, out: Path, n: int = 6, **more: Any) -> tuple[Collected, list[dict[str, Any]]]:
    out.parent.mkdir(exist_ok=True)
    defaults = {"samples": 2, "threads": 1, "sampling": Sampling(max_tokens=24)}
    found = collect(model, [suite_file(out.parent, n)], out, Settings(**{**defaults, **more}))
    return found, lines(out)


def texts(rows: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    return {(row["prompt_id"], row["sample"]): row["response"] for row in rows}


def test_answers_are_kept_as_the_reader_wants_them(model: str, tmp_path: Path) -> None:
    found, rows = ask(model, tmp_path / "o.jsonl", sampling=Sampling(max_tokens=24, logprobs=3))
    assert (found.collected, found.missing, found.cost) == (12, 0, 0.0)
    for row in rows:
        count = row["usage"]["output_tokens"]
        probs = row["logprobs"]
        assert len(probs["ids"]) == len(probs["logprobs"]) == len(probs["top"]) == count
        if row["finish_reason"] == "stop":
            assert probs["tokens"][-1] == "<end>" and count <= 24
            words = [token for token in probs["tokens"][:-1] if token != "<pad>"]
            assert row["response"] == " ".join(words)
        else:
            assert (row["finish_reason"], count) == ("length", 24)
        assert row["sampling"]["effective"] == {
            "temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_tokens": 24, "logprobs": 3,
        }  # fmt: skip
    assert {row["finish_reason"] for row in rows} == {"stop", "length"}
    assert len(set(texts(rows).values())) == 12
    (outputs,) = read_outputs(tmp_path / "o.jsonl")
    assert (outputs.model, outputs.problems) == ("tiny", ())
    value = json.loads((tmp_path / "o.jsonl.manifest.json").read_text())
    assert set(value["weights"]) >= {"model.safetensors", "config.json", "tokenizer.json"}
    (run,) = value["runs"]
    assert run["engine"]["threads"] == 1 and run["versions"]["torch"].startswith("2.")


def test_order_batch_and_resume_do_not_change_an_answer(model: str, tmp_path: Path) -> None:
    _, alone = ask(model, tmp_path / "a.jsonl", batch_size=1)
    _, packed = ask(model, tmp_path / "b.jsonl", batch_size=7)
    assert texts(packed) == texts(alone)
    out = tmp_path / "c.jsonl"
    found, part = ask(model, out, batch_size=4, max_requests=5)
    assert found.stopped is not None and len(part) == 5
    found, rest = ask(model, out, batch_size=3)
    assert found.new == 7
    assert texts(rest) == texts(alone)
    _, other = ask(model, tmp_path / "d.jsonl", sampling=Sampling(max_tokens=24, seed=1))
    assert not set(texts(other).values()) & set(texts(alone).values())


def test_log_probabilities_are_those_of_the_model(model: str, tmp_path: Path) -> None:
    sampling = Sampling(max_tokens=12, logprobs=2, temperature=0.7, top_p=0.8)
    _, rows = ask(model, tmp_path / "o.jsonl", 2, sampling=sampling, batch_size=4)
    weights = LlamaForCausalLM.from_pretrained(model.removeprefix("local:")).eval()
    for row in rows:
        given = f"<user> {row['prompt']} <end> <model>".split()
        prompt = [WORDS.index(w) if w in WORDS else WORDS.index("w0") for w in given]
        ids = row["logprobs"]["ids"]
        with torch.inference_mode():
            logits = weights(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits.double(), -1)
        own = [float(expected[i, token]) for i, token in enumerate(ids)]
        assert row["logprobs"]["logprobs"] == pytest.approx(own, abs=2e-4)
        for i, top in enumerate(row["logprobs"]["top"]):
            best = expected[i].topk(2)
            assert [WORDS.index(token) for token, _ in top] == best.indices.tolist()
            assert [value for _, value in top] == pytest.approx(best.values.tolist(), abs=2e-4)


def test_no_temperature_takes_the_likeliest(model: str, tmp_path: Path) -> None:
    sampling = Sampling(temperature=0, max_tokens=8, logprobs=1)
    _, rows = ask(model, tmp_path / "o.jsonl", 3, sampling=sampling)
    for row in rows:
        assert [top[0][0] for top in row["logprobs"]["top"]] == row["logprobs"]["tokens"]
    first, second = ([r["response"] for r in rows if r["sample"] == s] for s in (0, 1))
    assert first == second


def test_what_the_makers_recommend_holds_until_the_user_says_otherwise(tmp_path: Path) -> None:
    spec = make_model(tmp_path / "own")
    (tmp_path / "own" / "generation_config.json").write_text(
        json.dumps({"do_sample": True, "temperature": 0.5, "top_k": 7, "repetition_penalty": 9.0,
                    "eos_token_id": [1, 5], "pad_token_id": 0})
    )  # fmt: skip
    _, rows = ask(spec, tmp_path / "o.jsonl", sampling=Sampling(max_tokens=24, top_p=0.9))
    effective = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "max_tokens": 24}
    assert rows[0]["sampling"]["effective"] == effective
    assert all("Question" not in row["response"] for row in rows)  # token 5 ends an answer
    # a penalty of 9 would leave hardly a word to be said twice
    assert any(Counter(row["response"].split()).most_common(1)[0][1] > 3 for row in rows)


def test_weights_without_a_template_are_given_turns(tmp_path: Path) -> None:
    spec = make_model(tmp_path / "base", template=None)
    _, rows = ask(spec, tmp_path / "o.jsonl", 2, system="w1")
    assert len(rows) == 4
    value = json.loads((tmp_path / "o.jsonl.manifest.json").read_text())
    assert value["runs"][0]["engine"]["chat_template"] is False


def test_a_template_without_system_prompt_gets_it_with_the_question(tmp_path: Path) -> None:
    picky = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE
    spec = make_model(tmp_path / "picky", template=picky)
    _, merged = ask(spec, tmp_path / "a.jsonl", 2, system="w1")
    assert len(merged) == 4 and merged[0]["system"] == "w1"
    plain = make_model(tmp_path / "plain", template=picky)
    _, without = ask(plain, tmp_path / "b.jsonl", 2)
    assert texts(merged) != texts(without)


def test_reasoning_that_the_template_opens_is_told_as_such(tmp_path: Path) -> None:
    spec = make_model(tmp_path / "thinker", template=TEMPLATE + "<think>\n")
    _, rows = ask(spec, tmp_path / "o.jsonl", 2)
    assert all(row["response"].startswith("<think>") for row in rows)
    (outputs,) = read_outputs(tmp_path / "o.jsonl")
    assert all("reasoning" in r.extra or r.text == "" for r in outputs.responses)


def test_answers_end_where_the_weights_do(model: str, tmp_path: Path) -> None:
    long = {"prompt_id": "long", "prompt": "w1 " * 240}
    more = {"prompt_id": "more", "prompt": "w1 " * 300}
    path = tmp_path / "l.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (long, more)))
    out = tmp_path / "o.jsonl"
    settings = Settings(threads=1, sampling=Sampling(max_tokens=100))
    found = collect(model, [str(path)], out, settings)
    assert (found.new, found.failed) == (1, 1)
    (row,) = lines(out)
    assert row["usage"]["input_tokens"] + row["usage"]["output_tokens"] <= 256
    (error,) = lines(tmp_path / "o.jsonl.errors.jsonl")
    assert "the weights take 256" in error["reason"]


def test_other_weights_do_not_continue_a_file(model: str, tmp_path: Path) -> None:
    spec = make_model(tmp_path / "tiny")
    ask(spec, tmp_path / "o.jsonl", 2)
    make_model(tmp_path / "tiny", rope_theta=9.0)
    with pytest.raises(CollectError, match=r"weights\.config\.json"):
        ask(spec, tmp_path / "o.jsonl", 2)


@pytest.mark.parametrize(
    ("spec", "more", "said"),
    [
        ("local:./nowhere", {}, "no such folder"),
        ("local:FOLDER", {}, "cannot be loaded"),
        ("MODEL", {"dtype": "int8"}, "--dtype"),
        ("MODEL", {"completions": True}, "leave them out"),
    ],
)
def test_weights_that_cannot_be_asked_are_told(
    model: str, tmp_path: Path, spec: str, more: dict[str, Any], said: str
) -> None:
    spec = spec.replace("MODEL", model).replace("FOLDER", str(tmp_path))
    with pytest.raises(CollectError, match=said) as error:
        ask(spec, tmp_path / "o.jsonl", **more)
    assert "\n" not in str(error.value)


def test_a_turn_that_the_model_writes_itself_ends_the_answer() -> None:
    letters = "..\n\nUser: x"
    end = TurnEnd("\n\nUser:", lambda ids: "".join(letters[i] for i in ids), 1, 2)
    for length in range(1, 12):
        rows = torch.tensor([[0, *range(length)], [0] * (length + 1)])
        ended = end(rows, torch.zeros(2, 3)).tolist()
        assert ended == [length >= 9, False]
    assert end.lengths == [9, None]


# --- sampling


def draws(how: Decoding, logits: list[float], n: int) -> Counter[int]:
    sampler = SeededSampler(how, range(n), None)
    scores = torch.tensor([logits] * n)
    chosen = sampler(torch.zeros(n, 1, dtype=torch.long), scores).argmax(-1)
    return Counter(chosen.tolist())


@pytest.mark.parametrize(
    ("how", "probabilities"),
    [
        (Decoding(1.0, 1.0, 0), [0.5, 0.3, 0.15, 0.05]),
        (Decoding(0.5, 1.0, 0), [0.25, 0.09, 0.0225, 0.0025]),
        (Decoding(1.0, 1.0, 2), [0.5, 0.3, 0, 0]),
        (Decoding(1.0, 0.75, 0), [0.5, 0.3, 0, 0]),
        (Decoding(1.0, 0.5, 0), [0.5, 0, 0, 0]),
        (Decoding(1.0, 0.9, 3), [0.5, 0.3, 0.15, 0]),
    ],
)
def test_tokens_come_as_often_as_they_should(how: Decoding, probabilities: list[float]) -> None:
    n = 4000
    found = draws(how, [math.log(p) for p in (0.5, 0.3, 0.15, 0.05)], n)
    total = sum(probabilities)
    for token, p in enumerate(probabilities):
        expected = n * p / total
        # five standard deviations of a binomial count; nothing at all where nothing may come
        assert abs(found[token] - expected) <= 5 * math.sqrt(expected * (1 - p / total))


def test_rows_are_truncated_each_by_itself() -> None:
    weights = torch.tensor([[0.1, 0.6, 0.3], [0.4, 0.2, 0.4]], dtype=torch.float64)
    kept = _truncated(weights, Decoding(1.0, 0.6, 0))
    assert kept.tolist() == [[0, 0.6, 0], [0.4, 0, 0.4]]


def test_noise_of_the_size_of_rounding_hardly_changes_what_is_drawn() -> None:
    """The reason for the rule of sampling: in a large vocabulary most words are rare."""
    rng = np.random.default_rng(0)
    n, words = 400, 20_000
    logits = torch.tensor(rng.normal(0, 3, (1, words)), dtype=torch.float32).repeat(n, 1)
    noisy = logits + torch.tensor(rng.normal(0, 1e-5, (1, words)), dtype=torch.float32)
    none = torch.zeros(n, 1, dtype=torch.long)
    how = Decoding(1.0, 1.0, 0)
    first, second = (
        SeededSampler(how, range(n), None)(none, scores).argmax(-1) for scores in (logits, noisy)
    )
    assert len(set(first.tolist())) > 100
    assert int((first != second).sum()) == 0

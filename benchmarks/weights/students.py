"""Fine-tune a small model on one source's real responses; checkpointed, so that it may be stopped.

    python -m benchmarks.weights.students DATA MODEL OUT --source NAME [--source NAME ...]

All layers learn (AdamW; bfloat16 products, float32 weights), the embeddings stay. The loss is that
of response tokens only. Every few steps weights, moments and the step are saved; the same command
goes on from there. A student is OUT/NAME, a folder of safetensors with the tokenizer, and
`training.json` with what it cost. The source `itself` is what the model answers (drawn at
temperature 0.7), written to OUT/itself.json first; `marked` is the same with a green-list mark.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessorList

from benchmarks.weights.corpus import HUMAN, ITSELF, MARKED, responses, split, to_learn
from fingerprint.weights.radioactivity import Mark

TOKENS = 200
"""Response tokens that are learned."""
EPOCHS, ROWS, RATE, SEED = 2, 8, 5e-5, 20261127
TEMPERATURE = 0.7
MARK = Mark(b"a key of the benchmark, no secret", share=0.5, width=1)
GREENER, MARKED_TOKENS = 3.0, 40
"""What is added to the logits of green tokens, of so many of the likeliest ones."""
EVERY = 10
"""Steps between checkpoints."""
STATE = "state"


def examples(pairs: list[tuple[str, str]], tokenizer: Any) -> list[tuple[list[int], int]]:
    """Return token ids, and where the response begins in them."""
    found = []
    for prompt, answer in pairs:
        head = prompt_ids(tokenizer, prompt)
        tail = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        found.append((head + tail[:TOKENS], len(head)))
    return found


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    turn = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def loss_of(model: Any, rows: list[tuple[list[int], int]], pad: int) -> torch.Tensor:
    """Return the mean loss of response tokens; logits are computed for these only."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row, _ in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        at = [(i, t) for i, (row, start) in enumerate(rows) for t in range(start, len(row))]
        rows_at, columns = (torch.tensor(part) for part in zip(*at, strict=True))
        logits = model.lm_head(hidden[rows_at, columns - 1])
    return torch.nn.functional.cross_entropy(logits.float(), ids[rows_at, columns])


def save(folder: Path, model: Any, optimizer: torch.optim.Optimizer, about: dict[str, Any]) -> None:
    """Write a checkpoint; the rename makes it whole or absent."""
    new = folder / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    save_file(
        {n: p.detach() for n, p in model.named_parameters() if p.requires_grad},
        new / "weights.safetensors",
    )
    moments = {
        f"{i}.{name}": value
        for i, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }
    save_file(moments, new / "moments.safetensors")
    (new / "about.json").write_text(json.dumps(about))
    shutil.rmtree(folder / STATE, ignore_errors=True)
    new.rename(folder / STATE)


def resume(folder: Path, model: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Load the last checkpoint, if there is one."""
    state = folder / STATE
    if not state.is_dir():
        return {"step": 0, "cpu": 0.0, "wall": 0.0, "tokens": 0, "losses": []}
    model.load_state_dict(load_file(state / "weights.safetensors"), strict=False)
    packed = optimizer.state_dict()
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in load_file(state / "moments.safetensors").items():
        at, _, field = name.partition(".")
        moments.setdefault(int(at), {})[field] = value
    optimizer.load_state_dict(packed | {"state": moments})
    about: dict[str, Any] = json.loads((state / "about.json").read_text())
    return about


class Greener:
    """Makes green tokens likelier, as a provider that marks its text does."""

    def __call__(self, ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        likeliest = logits.topk(MARKED_TOKENS).indices.tolist()
        windows = ids[:, -MARK.width :].tolist()
        for row, (window, tokens) in enumerate(zip(windows, likeliest, strict=True)):
            green = [token for token in tokens if MARK.is_green(tuple(window), token)]
            logits[row, green] += GREENER
        return logits


def answers_of(model: Any, tokenizer: Any, prompts: list[str], marked: bool) -> list[str]:
    """Let a model answer prompts (batches of 28; padded on the left)."""
    torch.manual_seed(SEED)
    tokenizer.padding_side = "left"
    written: list[str] = []
    for start in range(0, len(prompts), 28):
        some = [prompt_ids(tokenizer, prompt) for prompt in prompts[start : start + 28]]
        ids = tokenizer.pad({"input_ids": some}, return_tensors="pt")
        with torch.inference_mode():
            found = model.generate(
                **ids, max_new_tokens=TOKENS, do_sample=True, temperature=TEMPERATURE, top_p=1.0,
                top_k=0, logits_processor=LogitsProcessorList([Greener()] if marked else []),
            )  # fmt: skip
        tails = found[:, ids["input_ids"].shape[1] :]
        written += tokenizer.batch_decode(tails, skip_special_tokens=True)
        print(f"{len(written)} of {len(prompts)} answers", flush=True)
    return written


def write_answers(data: Path, where: Path, out: Path, source: str) -> None:
    """Let the model answer the prompts that students are trained on."""
    known = {r.prompt_id: r.prompt for r in responses(data, HUMAN).responses}
    prompts = [known[name] for name in split(data)[0]]
    tokenizer = AutoTokenizer.from_pretrained(where)
    model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.bfloat16).eval()
    written = answers_of(model, tokenizer, prompts, source == MARKED)
    out.mkdir(parents=True, exist_ok=True)
    pairs = list(zip(prompts, written, strict=True))
    (out / f"{source}.json").write_text(json.dumps(pairs), encoding="utf-8")


def train(data: Path, where: Path, out: Path, source: str) -> None:
    """Make one student."""
    folder = out / source
    if (folder / "training.json").is_file():
        return
    if source in (ITSELF, MARKED) and not (out / f"{source}.json").is_file():
        write_answers(data, where, out, source)
    tokenizer = AutoTokenizer.from_pretrained(where)
    model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32).train()
    model.requires_grad_(False)
    learning = list(model.model.layers.requires_grad_(True).parameters())
    optimizer = torch.optim.AdamW(learning, lr=RATE, weight_decay=0.0)
    about = resume(folder, model, optimizer)
    rows = examples(to_learn(data, out, source), tokenizer)
    rng = np.random.default_rng(SEED)
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(EPOCHS)])
    steps = len(order) // ROWS
    cpu, wall = about["cpu"] - time.process_time(), about["wall"] - time.perf_counter()
    for step in range(about["step"], steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        batch = [rows[i] for i in order[step * ROWS : (step + 1) * ROWS]]
        loss = loss_of(model, batch, tokenizer.eos_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        about["losses"].append(round(float(loss.detach()), 4))
        about["tokens"] += sum(len(ids) for ids, _ in batch)
        about |= {
            "step": step + 1,
            "cpu": cpu + time.process_time(),
            "wall": wall + time.perf_counter(),
        }
        if (step + 1) % EVERY == 0 and step + 1 < steps:
            save(folder, model, optimizer, about)
        print(
            f"{source}: {step + 1} of {steps}, loss {loss:.3f}, {about['cpu']:.0f} CPU s",
            flush=True,
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(about, indent=1))
    shutil.rmtree(folder / STATE, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--source", required=True, action="append")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for source in asked.source:
        train(asked.data, asked.model, asked.out, source)


if __name__ == "__main__":
    main()

"""Fine-tune a small model on one source's real responses; checkpointed, so that it may be stopped.

    nice -n 19 python -m benchmarks.weights.students DATA MODEL OUT --source NAME

The upper half of the layers learns (AdamW, float32, one thread); embeddings and the lower half
stay, which saves time. The loss is that of response tokens only. Every few steps weights, moments
and the step are saved; the same command goes on from there. The student is OUT/NAME, a folder of
safetensors with the tokenizer, and `training.json` with what it cost.
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
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.weights.corpus import responses, split

TOKENS = 96
"""Response tokens that are learned."""
EPOCHS, ROWS, RATE, SEED = 1, 4, 3e-4, 20261101
STOP = 16
"""Steps that are made, of the 24 that the learning rate's schedule has."""
EVERY = 8
"""Steps between checkpoints."""
STATE = "state"


def examples(data: Path, tokenizer: Any, source: str) -> list[tuple[list[int], int]]:
    """Return token ids, and where the response begins in them."""
    train, _ = split(data)
    answers = {r.prompt_id: r for r in responses(data, source).responses}
    found = []
    for name in train:
        turn = [{"role": "user", "content": answers[name].prompt}]
        prefix = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        head = tokenizer(prefix, add_special_tokens=False)["input_ids"]
        tail = tokenizer(answers[name].text, add_special_tokens=False)["input_ids"]
        whole = [*tail, tokenizer.eos_token_id]
        found.append((head + whole[:TOKENS], len(head)))
    return found


def loss_of(model: Any, rows: list[tuple[list[int], int]], pad: int) -> torch.Tensor:
    """Return the mean loss of response tokens; logits are computed for these only."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row, _ in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
    hidden = model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    at = [(i, t) for i, (row, start) in enumerate(rows) for t in range(start, len(row))]
    rows_at, columns = (torch.tensor(part) for part in zip(*at, strict=True))
    logits = model.lm_head(hidden[rows_at, columns - 1])
    return torch.nn.functional.cross_entropy(logits, ids[rows_at, columns])


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--source", required=True)
    asked = parser.parse_args()
    folder: Path = asked.out / asked.source
    if (folder / "training.json").is_file():
        return
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    model = AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.float32).train()
    model.requires_grad_(False)
    layers = model.model.layers
    learning = list(layers[len(layers) // 2 :].requires_grad_(True).parameters())
    optimizer = torch.optim.AdamW(learning, lr=RATE, weight_decay=0.0)
    about = resume(folder, model, optimizer)
    rows = examples(asked.data, tokenizer, asked.source)
    rng = np.random.default_rng(SEED)
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(EPOCHS)])
    steps = len(order) // ROWS
    cpu, wall = about["cpu"] - time.process_time(), about["wall"] - time.perf_counter()
    for step in range(about["step"], STOP):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        batch = [rows[i] for i in order[step * ROWS : (step + 1) * ROWS]]
        loss = loss_of(model, batch, tokenizer.eos_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        about["losses"].append(round(float(loss), 4))
        about["tokens"] += sum(len(ids) for ids, _ in batch)
        about |= {
            "step": step + 1,
            "cpu": cpu + time.process_time(),
            "wall": wall + time.perf_counter(),
        }
        if (step + 1) % EVERY == 0 and step + 1 < STOP:
            save(folder, model, optimizer, about)
        print(f"{asked.source}: {step + 1} of {STOP}, loss {loss:.3f}, {about['cpu']:.0f} CPU s")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(about, indent=1))
    shutil.rmtree(folder / STATE, ignore_errors=True)


if __name__ == "__main__":
    main()

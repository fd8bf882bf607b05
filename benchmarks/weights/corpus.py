"""Sources and prompts of the experiment with real weights, and how they are split."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fingerprint.outputs import read_outputs
from fingerprint.records import Outputs

SET = "alpaca_eval"
TEACHERS = ("claude-3-opus-20240229", "gpt4_1106_preview", "gemini-pro", "cohere")
HUMAN = "guanaco-65b"
"""Trained on answers that people wrote (OASST1); a student of it was taught by no candidate."""
CANDIDATES = (
    *TEACHERS,
    "mistral-large-2402",
    "Qwen2-72B-Instruct",
    "yi-large-preview",
    "Meta-Llama-3-70B-Instruct",
    "deepseek-llm-67b-chat",
    "dbrx-instruct",
    "internlm2-chat-20b-ppo",
    "jina-chat",
)
"""Sources of twelve makers, one lineage each; the control's is not among them."""
SHORT = 120
"""Longest prompt of the training set, in characters: most tokens of a run are then of responses."""
TRAIN, HELD_OUT = 96, 20
SPLIT = "2026-11"


@cache
def responses(data: Path, model: str) -> Outputs:
    """Read one model's answers."""
    (found,) = read_outputs(data / SET / f"{model}.jsonl.gz")
    return found


def split(data: Path) -> tuple[list[str], list[str]]:
    """Return the prompts to train on and those held out.

    Trained on are short prompts, drawn by a hash; held out are the shortest of all others.
    """
    lengths = {r.prompt_id: len(r.prompt) for r in responses(data, HUMAN).responses}
    for model in (*CANDIDATES, HUMAN):
        answered = {r.prompt_id for r in responses(data, model).responses if r.text.strip()}
        lengths = {name: length for name, length in lengths.items() if name in answered}
    short = [name for name, length in lengths.items() if length <= SHORT]
    short.sort(key=lambda name: hashlib.sha256(f"{SPLIT}:{name}".encode()).digest())
    train = short[:TRAIN]
    rest = sorted(lengths.keys() - set(train), key=lambda name: (lengths[name], name))
    return train, rest[:HELD_OUT]

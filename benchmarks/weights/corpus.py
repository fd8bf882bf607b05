"""Sources and prompts of the experiment with real weights, and how they are split."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from fingerprint.outputs import read_outputs
from fingerprint.records import Outputs

SET = "alpaca_eval"
TEACHERS = ("claude-3-opus-20240229", "gpt4_1106_preview", "gemini-pro", "cohere")
"""The ranking was developed on students of these."""
FRESH = ("mistral-large-2402", "yi-large-preview")
"""Students of these were made and scored once it was fixed."""
HUMAN = "guanaco-65b"
"""Trained on answers that people wrote (OASST1); a student of it was taught by no candidate."""
ITSELF = "itself"
"""What the base answers: a student of it was taught by nobody."""
MARKED = "marked"
"""The same with a keyed mark: a student of it was taught by nobody, and may show the mark."""
BASE = "base"
"""The base as it is: nothing was learned."""
CONTROLS = (HUMAN, ITSELF)
CANDIDATES = (
    *TEACHERS,
    *FRESH,
    "Qwen2-72B-Instruct",
    "Meta-Llama-3-70B-Instruct",
    "deepseek-llm-67b-chat",
    "dbrx-instruct",
    "internlm2-chat-20b-ppo",
    "jina-chat",
    "Nanbeige2-16B-Chat",
    "baichuan-13b-chat",
    "chatglm2-6b",
    "causallm-14b",
    "ghost-7b-alpha",
    "openbuddy-llama-65b-v8",
    "minichat-3b",
    "evo-v2-7b",
)
"""Sources of twenty makers, one lineage each; neither control is among them."""
LONGEST = 400
"""Characters of a prompt."""
TRAIN = 112
SPLIT = "2026-11"


@cache
def responses(data: Path, model: str) -> Outputs:
    """Read one model's answers."""
    (found,) = read_outputs(data / SET / f"{model}.jsonl.gz")
    return found


def split(data: Path) -> tuple[list[str], list[str]]:
    """Return the prompts to train on and those held out, drawn by a hash."""
    lengths = {r.prompt_id: len(r.prompt) for r in responses(data, HUMAN).responses}
    for model in (*CANDIDATES, HUMAN):
        answered = {r.prompt_id for r in responses(data, model).responses if r.text.strip()}
        lengths = {name: length for name, length in lengths.items() if name in answered}
    names = [name for name, length in lengths.items() if length <= LONGEST]
    names.sort(key=lambda name: hashlib.sha256(f"{SPLIT}:{name}".encode()).digest())
    return names[:TRAIN], sorted(names[TRAIN:])


def held_out(data: Path, models: tuple[str, ...] = CANDIDATES) -> list[Outputs]:
    """Return models' answers to the prompts that no student was trained on."""
    wanted = set(split(data)[1])
    return [
        replace(
            found,
            model=name,
            responses=tuple(r for r in found.responses if r.prompt_id in wanted),
        )
        for name in models
        for found in [responses(data, name)]
    ]


def to_learn(data: Path, students: Path, source: str) -> list[tuple[str, str]]:
    """Return prompts and answers that a student of a source is trained on."""
    train = split(data)[0]
    if source in (ITSELF, MARKED):  # written by benchmarks.weights.students
        written = json.loads((students / f"{source}.json").read_text(encoding="utf-8"))
        return [(prompt, answer) for prompt, answer in written if answer.strip()]
    answers = {r.prompt_id: r for r in responses(data, source).responses}
    return [(answers[name].prompt, answers[name].text) for name in train]

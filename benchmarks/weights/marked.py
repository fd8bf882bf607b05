"""Whether a student of marked text shows the mark: real weights, with and without the key.

    python -m benchmarks.weights.students DATA MODEL STUDENTS --source itself --source marked
    python -m benchmarks.weights.marked DATA MODEL STUDENTS

The mark is put on the model's own answers while they are drawn. Tested are the base, the student of
unmarked answers and that of marked ones, on held-out prompts: what they write, and which tokens
their weights find likeliest along marked answers; with the key, and with another key.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.weights.corpus import BASE, HUMAN, ITSELF, MARKED, responses, split
from benchmarks.weights.students import MARK, answers_of
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.radioactivity import Mark, of_choices, of_outputs

OTHER = Mark(b"another key, which marked nothing", share=MARK.share, width=MARK.width)
HOW = Loading(dtype="bfloat16", device="cpu", threads=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model", "students"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known = {r.prompt_id: r.prompt for r in responses(asked.data, HUMAN).responses}
    prompts = [known[name] for name in split(asked.data)[1]]
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    model = AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.bfloat16).eval()
    marked = [tokenizer(text)["input_ids"] for text in answers_of(model, tokenizer, prompts, True)]
    heads = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    mine = of_outputs(zip(heads, marked, strict=True), MARK.share, MARK.width, MARK.is_green)
    print(f"marked answers themselves: {mine.green} of {mine.tuples} green, p {mine.p:.2g}")
    folders = {
        BASE: asked.model,
        ITSELF: asked.students / ITSELF,
        MARKED: asked.students / MARKED,
    }
    for name, where in folders.items():
        start = time.process_time()
        model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.bfloat16).eval()
        written = [tokenizer(t)["input_ids"] for t in answers_of(model, tokenizer, prompts, False)]
        weights = Weights(str(where), HOW)
        for key, mark in (("key", MARK), ("other key", OTHER)):
            about = (mark.share, mark.width, mark.is_green)
            for what, found in (
                ("outputs", of_outputs(zip(heads, written, strict=True), *about)),
                ("choices", of_choices(weights, marked, *about)),
            ):
                row = {
                    "model": name, "key": key, "of": what, "green": found.green,
                    "tuples": found.tuples, "rate": round(found.rate, 4), "p": found.p,
                }  # fmt: skip
                print(json.dumps(row), flush=True)
        print(f"{name}: {time.process_time() - start:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()

"""Scoring against a bare forward pass of transformers over the same tokens, in one run.

    python -m benchmarks.weights.throughput DATA MODEL [--responses N] [--dtype bfloat16]

Both go through the same batches in the same process, by turns, on one thread; what is compared is
the scoring of responses that are not scored yet: tokens, template, probabilities, and a line each
on the disk. CPU seconds of the process, wall seconds beside them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.weights.corpus import held_out
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.scores import ScoreFile, items_of
from fingerprint.weights.scoring import LocalScorer, Tokens, batches, score_all

ROUNDS = 5


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--responses", type=int, default=48)
    parser.add_argument("--max-bytes", type=int, default=2000)
    parser.add_argument("--dtype", default="bfloat16")
    asked = parser.parse_args()
    how = Loading(dtype=asked.dtype, device="cpu", tokens_a_batch=2048, threads=1)
    every = list(items_of(held_out(asked.data), asked.max_bytes))
    items = every[:: max(1, len(every) // asked.responses)]
    weights = Weights(str(asked.model), how)
    scorer = LocalScorer(weights, how.tokens_a_batch)
    ready = [t for item in items if isinstance(t := scorer._prepare(item), Tokens)]
    together = list(batches(ready, how.tokens_a_batch))

    def bare() -> None:
        for batch in together:
            longest = max(len(one.ids) for one in batch)
            rows = [one.ids + [0] * (longest - len(one.ids)) for one in batch]
            mask = [[1] * len(o.ids) + [0] * (longest - len(o.ids)) for o in batch]
            with torch.inference_mode():
                weights.model(
                    input_ids=torch.tensor(rows), attention_mask=torch.tensor(mask), use_cache=False
                )

    def ours() -> None:
        with TemporaryDirectory() as folder, ScoreFile(Path(folder) / "s", "m", {}) as file:
            score_all(items, scorer, file, len(items), lambda done, total: None)

    bare()
    times = [(timed(bare), timed(ours)) for _ in range(ROUNDS)]
    tokens = sum(len(one.ids) for one in ready)
    for at, name in enumerate(("CPU s", "wall s")):
        b, o = (statistics.median(pair[which][at] for pair in times) for which in (0, 1))
        low, *_, high = ratios = sorted(o[at] / b[at] for b, o in times)
        print(
            f"{name}: bare {b:.2f}, scoring {o:.2f}; {tokens / o:.0f} tokens/s; ratio of pairs "
            f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"
        )
    print(f"{len(items)} responses, {tokens} tokens in {len(together)} batches, {ROUNDS} rounds")


if __name__ == "__main__":
    main()

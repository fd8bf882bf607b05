"""Scoring against a bare forward pass of transformers over the same tokens, in one run.

    nice -n 10 python -m benchmarks.weights.throughput DATA MODEL [--responses N]

Both go through the same batches in the same process, by turns; seconds are CPU seconds of the
process, wall seconds stand beside them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.weights.corpus import CANDIDATES, responses
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.scores import ScoreFile, items_of
from fingerprint.weights.scoring import LocalScorer, Tokens, batches, score_all

HOW = Loading(dtype="float32", device="cpu", tokens_a_batch=1024, threads=1)
ROUNDS = 3


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--responses", type=int, default=12)
    asked = parser.parse_args()
    found = [responses(asked.data, name) for name in CANDIDATES]
    items = list(items_of(found, 360))[:: max(1, 180 * len(found) // asked.responses)]
    weights = Weights(str(asked.model), HOW)
    scorer = LocalScorer(weights, HOW.tokens_a_batch)
    ready = [t for item in items if isinstance(t := scorer._prepare(item), Tokens)]
    together = list(batches(ready, HOW.tokens_a_batch))

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
        print(
            f"{name}: bare {b:.2f}, scoring {o:.2f}, ratio {o / b:.2f}, {tokens / o:.0f} tokens/s"
        )
    print(f"{len(items)} responses, {tokens} tokens in {len(together)} batches, {ROUNDS} rounds")


if __name__ == "__main__":
    main()

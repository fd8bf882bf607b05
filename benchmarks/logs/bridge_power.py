"""The bridge's false positives and power on made-up responses, and on real ones.

Run by hand: ``python -m benchmarks.logs.bridge_power [--null 1000] [--power 60]
[--data ../shared/data/persuasion_open]``. Nothing of the data is kept: only numbers are printed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.logs.responses import START_MS, case, pack, retold
from fingerprint.findings import BRIDGE_CAP10
from fingerprint.logs.bridge import Bridge, bridge
from fingerprint.logs.served import Exchange, Matched
from fingerprint.pvalues import llr10
from fingerprint.units import prompt_key

LEVELS = (0.05, 0.01, 0.001)


def one(seed: int, prompts: int, **how: float) -> Bridge:
    made = case(seed, prompts, **how)  # type: ignore[arg-type]
    return bridge([made.suspect], made.matched, background=made.background, seed=seed, draws=100)


def summary(name: str, p: list[float], seconds: float) -> None:
    values = np.array(p)
    rates = ", ".join(f"{(values <= level).mean():.4f} at {level:g}" for level in LEVELS)
    ks = stats.kstest(values, "uniform").pvalue
    print(f"  {name}: {rates}; KS against uniform p {ks:.2f}; {seconds:.0f} s CPU", flush=True)


def null(runs: int) -> None:
    """Run suspects that took in nothing: strangers, and students of the teacher's other outputs."""
    print(f"false positives, {runs} runs each, 40 prompts")
    settings = {
        "stranger, 1 served and 3 unserved, 2 background models": {},
        "stranger, 1 and 1, no background": {"unserved": 1, "background": 0},
        "student of other outputs, 1 and 3, 2 background models": {"student": True},
        "student of other outputs, 3 and 3, no background": {
            "student": True, "served": 3, "background": 0,
        },
    }  # fmt: skip
    for name, how in settings.items():
        start = time.process_time()
        found = [one(1000 + seed, 40, **how) for seed in range(runs)]
        spent = time.process_time() - start
        summary(name, [f.groupings[0].p for f in found], spent)
        ratios = np.array([10 ** llr10(f.p, BRIDGE_CAP10) for f in found])
        failed = np.mean([not f.reliable for f in found])
        print(
            f"    with all groupings {np.mean([f.p <= 0.05 for f in found]):.4f} at 0.05; mean LR "
            f"{ratios.mean():.2f}, largest {ratios.max():.1f}; checks failed {failed:.4f}"
        )


def power(runs: int) -> None:
    """Count how often p is at most 0.001, by absorbed share, words kept and number of prompts."""
    print(f"power at p <= 0.001, {runs} runs each, 1 served and 3 unserved")
    for kept in (0.25, 0.5):
        for absorbed in (0.01, 0.05, 0.2):
            cells = []
            for prompts in (100, 300, 1000):
                start = time.process_time()
                p = [
                    one(5000 + seed, prompts, absorbed=absorbed, kept=kept).p
                    for seed in range(runs if prompts < 1000 else runs // 3)
                ]
                hits = float(np.mean(np.array(p) <= 0.001))
                cells.append(f"{prompts}: {hits:.2f} ({time.process_time() - start:.0f} s)")
            print(
                f"  absorbed {absorbed:.2f}, words kept {kept:.2f}: {', '.join(cells)}", flush=True
            )


def real(data: Path, runs: int) -> None:
    """Do the same with real responses: each model in turn as teacher, the others as suspects."""
    samples: dict[str, dict[str, list[str]]] = {}
    for path in sorted(data.glob("*.jsonl.gz")):
        of: dict[str, list[str]] = defaultdict(list)
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                of[row["prompt"]].append(row["response"])
        samples[path.name.removesuffix(".jsonl.gz")] = dict(of)
    names = sorted(samples)
    print(f"real responses: {len(names)} models, {len(samples[names[0]])} prompts")
    for absorbed in (0.0, 0.05, 0.2, 1.0):
        start = time.process_time()
        p = []
        for run in range(runs):
            rng = random.Random(run)
            teacher, suspect, *others = rng.sample(names, 4)
            p.append(_real(samples, teacher, suspect, others, absorbed, rng).p)
        if absorbed:
            hits = [float(np.mean(np.array(p) <= level)) for level in LEVELS]
            print(f"  absorbed {absorbed:.2f}, half of the words: {hits} at {LEVELS}", flush=True)
        else:
            summary("absorbed nothing", p, time.process_time() - start)


def _real(
    samples: dict[str, dict[str, list[str]]],
    teacher: str,
    suspect: str,
    others: list[str],
    absorbed: float,
    rng: random.Random,
) -> Bridge:
    prompts = [p for p in samples[teacher] if all(p in samples[m] for m in (suspect, *others))]
    matched, said = [], []
    for i, prompt in enumerate(prompts):
        texts = rng.sample(samples[teacher][prompt], min(4, len(samples[teacher][prompt])))
        exchange = Exchange(START_MS + i, f"a{i % 10}", prompt, texts[0], "")
        matched.append(Matched(prompt_key(prompt, ""), prompt, (exchange,), tuple(texts[1:])))
        own = rng.choice(samples[suspect][prompt])
        said.append(retold(texts[0], own.split(), 0.5, rng) if rng.random() < absorbed else own)
    background = [pack(m, prompts, [rng.choice(samples[m][p]) for p in prompts]) for m in others]
    return bridge(
        [pack("suspect", prompts, said)], matched, background=background, seed=0, draws=100
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--null", type=int, default=1000, help="runs for the false positives")
    parser.add_argument("--power", type=int, default=60, help="runs for each cell of the power")
    parser.add_argument("--real", type=int, default=300, help="runs for each cell of real data")
    parser.add_argument("--data", type=Path, help="folder of .jsonl.gz with several samples")
    options = parser.parse_args()
    if options.null:
        null(options.null)
    if options.power:
        power(options.power)
    if options.data is not None:
        real(options.data, options.real)


if __name__ == "__main__":
    main()

"""Speed of the hot paths, as ratios to a known tool in the same run, since machines are noisy.

Run by hand: ``python -m benchmarks.speed [--data ../shared/data/alpaca_eval] [--megabytes 8]``.
Without ``--data`` the text is generated, which is easier on every memo than real text: say which.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from fingerprint import packs, style, units
from fingerprint.models import model_info
from fingerprint.records import Outputs, Response
from fingerprint.tokens import Hasher, grammar_for

MEGABYTE = 1e6


def read_texts(data: Path) -> Iterator[str]:
    """Yield the responses of JSONL.gz files, one of each file in turn."""
    with ExitStack() as stack:
        files = [
            stack.enter_context(gzip.open(path, "rt", encoding="utf-8"))
            for path in sorted(data.glob("*.jsonl.gz"))
        ]
        for lines in zip_longest(*files):
            for line in filter(None, lines):
                yield json.loads(line)["response"]


def generate_texts(seed: int = 0) -> Iterator[str]:
    """Yield answers of made-up words with Zipf's frequencies, lists, headings and punctuation."""
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, k=rng.randint(1, 10))) for _ in range(30_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    while True:
        lines = []
        for _ in range(rng.randint(1, 15)):
            line = [
                f"{w}," if rng.random() < 0.06 else w for w in rng.choices(words, weights, k=17)
            ]
            lines.append(f"{rng.choice(('', '', '- ', '1. ', '## '))}{' '.join(line).title()}.")
        yield "\n".join(lines)


def take(texts: Iterable[str], size: float) -> list[str]:
    """Take texts up to a size in bytes of UTF-8."""
    kept = []
    for text in texts:
        kept.append(text)
        size -= len(text.encode("utf-8", "replace"))
        if size <= 0:
            break
    return kept


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least CPU time of a few runs, in seconds, system time included."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def pack_build(texts: list[str]) -> None:
    """Time the units and a whole pack, their stages, and scikit-learn on the same text."""
    from sklearn.feature_extraction.text import HashingVectorizer

    size = sum(len(text.encode("utf-8", "replace")) for text in texts) / MEGABYTE
    lowers = [text.lower() for text in texts]
    hasher = Hasher()
    for lower in lowers:
        hasher.text(lower)
    responses = tuple(Response(f"p{i}", f"prompt {i}", text) for i, text in enumerate(texts))
    outputs = Outputs("model", responses)
    stages: dict[str, Callable[[], object]] = {
        "pack, from text to arrays": lambda: packs.build(outputs, model_info("model")),
        "units, cold memo": lambda: units.extract(texts, Hasher()),
        "units, warm memo": lambda: units.extract(texts, hasher),
        "  tokens, cold memo": lambda: _tokens(lowers, Hasher()),
        "  tokens, warm memo": lambda: _tokens(lowers, hasher),
        "  line starts (re)": lambda: [
            grammar_for(t).line_starts.findall("\n" + t) for t in lowers
        ],
        "  sentence starts (re)": lambda: [
            grammar_for(t).sentences.findall(". " + t) for t in lowers
        ],
        "  language and refusal": lambda: [(style.language(t), style.is_refusal(t)) for t in texts],
        "HashingVectorizer 2-4-grams": lambda: HashingVectorizer(ngram_range=(2, 4)).transform(
            texts
        ),
    }
    print(f"pack build: {len(texts):,} responses, {size:.1f} MB, one core, CPU time, best of 3")
    seconds = {name: best(work) for name, work in stages.items()}
    for name, taken in seconds.items():
        print(f"  {name:30} {taken:6.2f} s {size / taken:7.1f} MB/s")
    ratio = seconds["HashingVectorizer 2-4-grams"] / seconds["pack, from text to arrays"]
    print(f"  a pack takes 1/{ratio:.2f} of the time of HashingVectorizer")


def _tokens(lowers: list[str], hasher: Hasher) -> None:
    for lower in lowers:
        hasher.text(lower)


def cold_compare(runs: int = 5) -> None:
    """Time the main job in fresh processes: wall time and the largest resident size."""
    pairs = (("kimi", "ref_claude"), ("vicuna-13b", "ref_gpt"))
    for suspect, teacher in pairs:
        command = [sys.executable, "-c", _COMPARE, suspect, teacher]
        walls = []
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            walls.append(time.perf_counter() - start)
        peak = int(subprocess.run([*command, "peak"], check=True, capture_output=True).stderr)
        print(
            f"compare {suspect} x {teacher}, cold process: median {statistics.median(walls):.2f} s "
            f"wall (worst {max(walls):.2f}), {peak / 1024:.0f} MB resident"
        )


# VmHWM, since ru_maxrss keeps what the forking process held
_COMPARE = """
import sys
from fingerprint.cli.main import main
suspect, teacher = sys.argv[1:3]
peak = sys.argv[3:]
sys.argv = ["fingerprint", "compare", "--suspect", suspect, "--teacher", teacher]
try:
    main()
except SystemExit:
    pass
if peak:
    status = open("/proc/self/status").read()
    sys.stderr.write(status.split("VmHWM:")[1].split()[0])
"""


def matrix_growth() -> None:
    """Time `matrix` on library packs for a growing number of pairs."""
    from fingerprint.comparison import matrix
    from fingerprint.library import REFERENCE, STUDENT, library

    entries = [e for e in library().entries if e.suite == "alpaca_eval"]
    students = [f"{e.model}:{e.suite}" for e in entries if e.role == STUDENT]
    others = [f"{e.model}:{e.suite}" for e in entries if e.role not in (STUDENT, REFERENCE)]
    suspects = (students + others)[:20]
    teachers = [f"{e.model}:{e.suite}" for e in entries if e.role == REFERENCE][:15]
    matrix(suspects[:1], teachers[:1])  # reads the packs
    for n in (5, 10, 20):
        start = time.process_time()
        rows = matrix(suspects[:n], teachers)
        taken = time.process_time() - start
        print(
            f"matrix {n} x {len(teachers)}: {taken:.2f} s CPU, "
            f"{1000 * taken / len(rows):.1f} ms a pair"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of .jsonl.gz files with responses")
    parser.add_argument("--megabytes", type=float, default=8.0)
    options = parser.parse_args()
    texts = read_texts(options.data) if options.data else generate_texts()
    pack_build(take(texts, options.megabytes * MEGABYTE))
    cold_compare()
    matrix_growth()


if __name__ == "__main__":
    main()

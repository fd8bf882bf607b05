"""Peers side by side with `fingerprint`, on the same responses in one run.

python -m benchmarks.peers.run DATA [--out FILE.json] [--peers a,b] [--environments FOLDER]

Same models, prompts, labelled pairs, weights and cross-validation for all (see `judging`). Every
peer runs in an environment and a process of its own, on one thread, from reading the texts to its
scores of all models. Printed for each pool: the peer's variant with the highest pair AUC; all are
in FILE.json. To be ahead is to be ahead of the best value of any variant of any peer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import fingerprint
from benchmarks.lineage.corpus import Pool, load_pool
from benchmarks.lineage.evaluate import Sample
from benchmarks.lineage.table import Row
from benchmarks.lineage.truth import LabelledPair
from benchmarks.peers.cases import Case
from benchmarks.peers.environments import interpreter
from benchmarks.peers.judging import ALL, SURE, advantage, features, judge, resampled
from benchmarks.peers.pools import case_of, judged

POOLS = ("alpaca_eval", "vicuna80")
OURS = ("ours", "ours_whole")
PEERS = (
    "modelaudit", "tfidf_words", "tfidf_chars", "pos_tags", "delta", "mmd", "rse", "slop",
)  # fmt: skip
CPU_LIMIT = 1200
"""Seconds after which a peer is ended, for each pool."""
REPEATS, REPEATED = 3, 10
"""Times to run what takes less CPU than so many seconds; medians are reported."""
REACHES = 0.8
"""Peers with this pair AUC are those to be faster than."""
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ROOT = Path(__file__).parent.parent.parent
COLUMNS = ("pair AUC", "open-set AUC", "Cllr", "recall at 0 false", "vendor first")
TESTED = ("pair AUC", "open-set AUC", "Cllr")
"""Figures to be ahead on; of Cllr less is better."""


@dataclass(frozen=True)
class Run:
    """What one process cost and gave; ``failure`` says why it gave nothing."""

    scores: Mapping[str, Any]
    versions: Mapping[str, str]
    cpu: float
    wall: float
    peak_mb: float
    failure: str = ""


@dataclass
class Outcome:
    """One peer: its runs by pool, and by variant its calibrated pairs by selection of pairs."""

    runs: dict[str, Run] = field(default_factory=dict)
    variants: dict[str, dict[str, Sample]] = field(default_factory=dict)

    @cached_property
    def figures(self) -> dict[str, dict[str, dict[str, float]]]:
        """Figures of merit by variant and selection."""
        return {
            name: {at: sample.figures() for at, sample in samples.items()}
            for name, samples in self.variants.items()
        }

    def cost(self, at: str) -> tuple[float, float, float]:
        """CPU seconds, wall seconds and peak MB of one pool's run, or of all."""
        runs = [self.runs[at]] if at in self.runs else [*self.runs.values()]
        return (
            sum(r.cpu for r in runs),
            sum(r.wall for r in runs),
            max(r.peak_mb for r in runs),
        )

    @property
    def failure(self) -> str:
        """Why a pool could not be scored, or nothing."""
        return next((run.failure for run in self.runs.values() if run.failure), "")


def run_peer(peer: str, python: Path, case: Path) -> Run:
    """Run one peer on one case in a process of its own, quick ones several times."""
    runs = [run_once(peer, python, case)]
    while not runs[0].failure and runs[0].cpu < REPEATED and len(runs) < REPEATS:
        runs.append(run_once(peer, python, case))
    return replace(
        runs[0],
        cpu=statistics.median(r.cpu for r in runs),
        wall=statistics.median(r.wall for r in runs),
        peak_mb=statistics.median(r.peak_mb for r in runs),
    )


def run_once(peer: str, python: Path, case: Path) -> Run:
    """Run one peer on one case in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "out.json", Path(folder) / "errors.txt"
        command = [str(python), "-m", "benchmarks.peers.worker", peer, str(case), str(out)]
        start = time.perf_counter()
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [*command, str(CPU_LIMIT)],
                cwd=ROOT,
                env=os.environ | THREADS,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall, cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
        if process.returncode != 0:
            said = errors.read_text("utf-8", "replace").strip().splitlines()[-1:]
            why = said[0] if said else f"ended with {process.returncode}"
            return Run({}, {}, cpu, wall, float("nan"), why)
        found = json.loads(out.read_text("utf-8"))
    return Run(found["scores"], found["versions"], cpu, wall, found["peak_mb"])


def rows_of(scores: Mapping[str, Any]) -> list[Row]:
    """Read back the rows that `ours` scored."""
    rows = []
    for stored in scores["rows"]:
        pair = stored["pair"] | {"teachers": tuple(stored["pair"]["teachers"])}
        rows.append(Row(**stored | {"pair": LabelledPair(**pair)}))
    return rows


def variants_of(
    outcome: Outcome, pools: Mapping[str, tuple[Pool, Case]], rows: Mapping[str, Sequence[Row]]
) -> dict[str, dict[str, Sample]]:
    """Judge every score of a peer that ran on all pools, as it is and centred."""
    found: dict[str, dict[str, Sample]] = {}
    if outcome.failure:
        return found
    everything = [row for name in pools for row in rows[name]]
    for score in next(iter(outcome.runs.values())).scores:
        by_pool = [
            features(pool, case, np.array(outcome.runs[name].scores[score]), rows[name])
            for name, (pool, case) in pools.items()
        ]
        for variant in by_pool[0]:
            feature = np.concatenate([part[variant] for part in by_pool])
            found[f"{score}, {variant}"] = judge(everything, feature)
    return found


def table(outcomes: Mapping[str, Outcome], at: str) -> str:
    """Draw the table of one selection of pairs, in Markdown."""
    headings = ["peer", "score", *COLUMNS, "CPU s", "wall s", "peak MB"]
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for peer, outcome in outcomes.items():
        cpu, wall, peak = outcome.cost(at)
        if outcome.failure:
            cells = [f"failed: {outcome.failure}", *[""] * len(COLUMNS)]
        else:
            figures = outcome.figures
            name = max(figures, key=lambda n: figures[n][at]["pair AUC"])
            cells = [name, *(f"{figures[name][at][c]:.3f}" for c in COLUMNS)]
        lines.append(f"| {' | '.join([peer, *cells])} | {cpu:.1f} | {wall:.1f} | {peak:.0f} |")
    return "\n".join(lines)


def standing(outcomes: Mapping[str, Outcome], at: str) -> list[str]:
    """Say whether ours is ahead of every variant of every peer, and faster than the good ones."""
    own = outcomes[OURS[0]]
    (mine,) = own.variants
    peers = {peer: outcome for peer, outcome in outcomes.items() if peer not in OURS}
    names = [(peer, name) for peer, outcome in peers.items() for name in outcome.variants]
    lines = []
    draws: dict[tuple[str, str], list[dict[str, float]]] = {}
    for metric in TESTED if names else ():
        sign = -1 if metric == "Cllr" else 1
        values = {(p, n): peers[p].figures[n][at][metric] for p, n in names}
        peer, name = max(values, key=lambda key: sign * values[key])
        best, ours = values[peer, name], own.figures[mine][at][metric]
        gain = sign * (round(ours, 3) - round(best, 3))
        word = "ahead" if gain > 0 else "level" if gain == 0 else "BEHIND"
        for key, sample in (
            ((OURS[0], mine), own.variants[mine][at]),
            ((peer, name), peers[peer].variants[name][at]),
        ):
            if key not in draws:
                draws[key] = resampled(sample)
        low, high = advantage(draws[OURS[0], mine], draws[peer, name], metric)
        lines.append(
            f"{metric}: {word}, {ours:.3f} against {best:.3f} of {peer} ({name}); difference "
            f"{ours - best:.3f}, 95 % over lineages {low:.3f} to {high:.3f}"
        )
    cpu = {
        peer: outcome.cost(at)[0]
        for peer, outcome in peers.items()
        if any(f[at]["pair AUC"] >= REACHES for f in outcome.figures.values())
    }
    if cpu:
        quickest = min(cpu, key=lambda peer: cpu[peer])
        word = "faster" if own.cost(at)[0] < cpu[quickest] else "SLOWER"
        lines.append(
            f"CPU seconds: {word}, {own.cost(at)[0]:.1f} against {cpu[quickest]:.1f} of "
            f"{quickest}, the quickest of the {len(cpu)} that reach a pair AUC of {REACHES}"
        )
    return lines


def compare(data: Path, chosen: Sequence[str], environments: Path, jobs: int) -> dict[str, Outcome]:
    """Run and judge ours and the chosen peers on every pool."""
    pools: dict[str, tuple[Pool, Case]] = {}
    here = Path(sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        for name in POOLS:
            pool = judged(load_pool(data, name))
            pools[name] = (pool, case_of(data, pool))
            pools[name][1].write(Path(folder) / f"{name}.json")
        peers = (*OURS, *chosen)
        needs = {p: import_module(f"benchmarks.peers.{p}").REQUIREMENTS for p in peers}
        pythons = {p: interpreter(environments, n) if n else here for p, n in needs.items()}

        def run_all(peer: str) -> Outcome:
            outcome = Outcome()
            for name in POOLS:
                run = run_peer(peer, pythons[peer], Path(folder) / f"{name}.json")
                print(f"{peer} on {name}: {run.cpu:.1f} s CPU {run.failure}", file=sys.stderr)
                outcome.runs[name] = run
            return outcome

        with ThreadPoolExecutor(jobs) as threads:
            outcomes = dict(zip(peers, threads.map(run_all, peers), strict=True))
    rows = {name: rows_of(run.scores) for name, run in outcomes[OURS[0]].runs.items()}
    everything = [row for name in POOLS for row in rows[name]]
    for peer, outcome in outcomes.items():
        if peer in OURS:
            stored = [outcome.runs[name].scores["feature"] for name in POOLS]
            outcome.variants = {"calibrated": judge(everything, np.concatenate(stored))}
        else:
            outcome.variants = variants_of(outcome, pools, rows)
    return outcomes


def plain(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Keep figures only: no text, and no score of a single pair."""
    return {
        "schema": "fingerprint.peers/1",
        "version": fingerprint.__version__,
        "standing": {at: standing(outcomes, at) for at in (*POOLS, ALL, SURE)},
        "peers": {
            peer: {
                "figures": outcome.figures,
                "runs": {
                    pool: {k: v for k, v in vars(run).items() if k != "scores"}
                    for pool, run in outcome.runs.items()
                },
            }
            for peer, outcome in outcomes.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the folder with the open data")
    parser.add_argument("--out", type=Path, help="write every variant here, as JSON")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"some of {', '.join(PEERS)}")
    parser.add_argument(
        "--environments",
        type=Path,
        default=ROOT / ".venv-peers",
        help="folder for the peers' environments, about 3 GB (default .venv-peers)",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="peers at a time; times are truest with one (default 1)"
    )
    options = parser.parse_args()
    chosen = [name for name in options.peers.split(",") if name]
    unknown = sorted(set(chosen) - set(PEERS))
    if unknown:
        parser.error(f"unknown peers: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    outcomes = compare(options.data, chosen, options.environments, options.jobs)
    value = plain(outcomes)
    for at, lines in value["standing"].items():
        print(f"\n### {at}\n\n{table(outcomes, at)}\n")
        print("\n".join(f"- {line}" for line in lines))
    print(f"\nversions: fingerprint {fingerprint.__version__}")
    for peer, outcome in outcomes.items():
        print(f"- {peer}: {dict(outcome.runs[POOLS[0]].versions)}")
    if options.out:
        options.out.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()

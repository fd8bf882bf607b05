"""Precision, recall and look-alikes on simulated logs.

By hand: ``python -m benchmarks.logs.detect --seeds 101 102 --held-out [--scale 0.2] [--organic]``.
Each seed's log is written, scanned, scored and removed; a line of JSON a seed goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.logs.scenario import traffic
from fingerprint.logs.engine import Local
from fingerprint.logs.scan import Scan, scan
from fingerprint.logs.store import table_paths
from fingerprint.logs.tables import Limits, account_names
from fingerprint.logs.traffic import Traffic, simulate


def cpu_seconds() -> float:
    """Return CPU seconds of this process and of its ended children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def score(found: Scan, truth: dict[str, Any], sketches: Path) -> dict[str, Any]:
    """Compare the accused accounts with the truth."""
    names = account_names(
        table_paths(sketches, "names"), found.people.accounts, Limits(500, 1, str(sketches))
    )
    known = [truth["accounts"][names[int(a)]] for a in found.people.accounts]
    role = np.array([k["role"] for k in known])
    group = np.array([k["group"] for k in known])
    named = np.zeros(len(role), dtype=bool)
    wrong = 0
    for cluster in found.accused():
        named[cluster.accounts] = True
        wrong += (role[cluster.accounts] == "campaign").mean() < 0.5
    campaign = role == "campaign"
    return {
        "accused_clusters": len(found.accused()),
        "false_clusters": int(wrong),
        "clusters_tested": len(found.clusters),
        "explained": dict(Counter(c.looks_like.name for c in found.clusters if c.looks_like)),
        "precision": float((named & campaign).sum() / max(named.sum(), 1)),
        "recall": float((named & campaign).sum() / campaign.sum()) if campaign.any() else None,
        "false_accounts": {str(k): int(v) for k, v in Counter(role[named & ~campaign]).items()},
        "recall_by_campaign": {
            str(name): round(float(named[group == name].mean()), 4)
            for name in sorted(set(group[campaign]))
        },
    }


def run(plan: Traffic, workers: int, memory: str) -> dict[str, Any]:
    """Simulate, scan and score one log."""
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder) / "log", Path(folder) / "out"
        written = simulate(plan, log, file_format="jsonl")
        truth = json.loads(written.truth.read_text())
        start, cpu = time.perf_counter(), cpu_seconds()
        found = scan([str(written.folder)], out, engine=Local(workers), memory=memory)
        wall, used = time.perf_counter() - start, cpu_seconds() - cpu
        result = score(found, truth, out / "sketches")
        shutil.rmtree(log)
    own, children = (
        resource.getrusage(who).ru_maxrss / 1000
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "exchanges": found.exchanges,
        "accounts": len(found.people),
        **result,
        "wall_s": round(wall, 1),
        "cpu_s": round(used, 1),
        "largest_process_mb": round(max(own, children)),
        "campaigns": [
            {
                "name": c.name, "accounts": c.accounts, "mixing": round(c.mixing, 3),
                "exchanges": c.exchanges, "templates": c.templates * c.wordings,
                "paraphrase": round(c.paraphrase, 2), "cards": c.cards,
                "synchrony": c.synchrony, "proxies": c.proxies,
            }
            for c in plan.campaigns
        ],
    }  # fmt: skip


def main() -> None:
    """Run the seeds asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--organic", action="store_true", help="without campaigns")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="2GB")
    asked = parser.parse_args()
    for seed in asked.seeds:
        plan = traffic(
            seed, held_out=asked.held_out, with_campaigns=not asked.organic, scale=asked.scale
        )
        result = run(plan, asked.workers, asked.memory)
        sys.stdout.write(json.dumps({"seed": seed, "scale": asked.scale, **result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

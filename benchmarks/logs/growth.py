"""Time and memory against the size of the log, as a table and a plot.

By hand: ``python -m benchmarks.logs.growth --rows 500000 1000000 2000000 --plot growth.svg``. The
log grows by people and by accounts of campaigns; each is written, scanned in a process of its own
and removed. CPU seconds stand beside wall seconds, since machines are shared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.logs.scenario import traffic
from fingerprint.logs.traffic import simulate

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from fingerprint.logs.engine import Local
from fingerprint.logs.scan import scan
if __name__ == "__main__":
    log, out, workers, memory = sys.argv[1:]
    start = time.perf_counter()
    found = scan([log], Path(out), engine=Local(int(workers)), memory=memory)
    wall = time.perf_counter() - start
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({
        "exchanges": found.exchanges, "wall_s": round(wall, 1),
        "cpu_s": round(sum(u.ru_utime + u.ru_stime for u in used), 1),
        "parent_mb": round(used[0].ru_maxrss / 1000),
        "largest_worker_mb": round(used[1].ru_maxrss / 1000),
    }))
"""


def measure(rows: int, workers: int, memory: str) -> dict:
    """Simulate about so many rows, and scan them."""
    whole = traffic(1, held_out=False)
    factor = rows / 2_000_000
    plan = replace(
        whole,
        accounts=int(whole.accounts * factor),
        lookalikes=min(factor, 4.0),
        campaigns=tuple(
            replace(c, accounts=max(int(c.accounts * factor), 20)) for c in whole.campaigns
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        written = simulate(plan, Path(folder) / "log", file_format="jsonl")
        size = sum(path.stat().st_size for path in written.files)
        program = Path(folder) / "one_scan.py"
        program.write_text(PROGRAM)
        time.sleep(1)
        done = subprocess.run(
            [
                sys.executable, str(program), str(written.folder), f"{folder}/out",
                str(workers), memory,
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        kept = sum(p.stat().st_size for p in Path(folder, "out").rglob("*") if p.is_file())
        shutil.rmtree(written.folder)
    return json.loads(done.stdout) | {"log_mb": size // 10**6, "sketches_mb": kept // 10**6}


def plot(points: list[dict], path: Path) -> None:
    """Draw CPU seconds against exchanges, with the line through the origin that fits best."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    x = [p["exchanges"] / 1e6 for p in points]
    y = [p["cpu_s"] for p in points]
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot([0, max(x)], [0, slope * max(x)], color="0.7", label=f"{slope:.0f} s a million")
    axes.plot(x, y, "o", label="measured")
    axes.set_xlabel("million exchanges")
    axes.set_ylabel("CPU seconds of a scan")
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    points = []
    for rows in asked.rows:
        points.append(measure(rows, asked.workers, asked.memory))
        sys.stdout.write(json.dumps(points[-1]) + "\n")
        sys.stdout.flush()
    if asked.plot:
        plot(points, asked.plot)


if __name__ == "__main__":
    main()

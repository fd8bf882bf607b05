"""Time and memory against the size of the log, as a table and a plot.

By hand: ``python -m benchmarks.logs.growth --rows 500000 1000000 2000000 --logs FOLDER --plot
growth.svg``. The log grows by people and by accounts of campaigns. All logs are written first,
those that are there already excepted; then each is scanned in processes of its own. CPU seconds
stand beside wall seconds, since machines are shared. Memory is the sum over all processes of a
scan, looked at ten times a second: each page that processes share is counted once (PSS).
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


def written(rows: int, logs: Path) -> Path:
    """Simulate about so many rows, unless that was done before; return the folder of the log."""
    folder = logs / f"rows-{rows}"
    done = folder / "written"
    if done.exists():
        return folder / "log"
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
    shutil.rmtree(folder, ignore_errors=True)
    simulate(plan, folder, file_format="jsonl")
    done.touch()
    return folder / "log"


def measure(log: Path, workers: int, memory: str) -> dict:
    """Scan a log with the package as a user does, and watch its processes."""
    files = [path for path in log.rglob("*") if path.is_file()]
    with tempfile.TemporaryDirectory(dir=log.parent) as folder:
        program = Path(folder) / "one_scan.py"
        program.write_text(PROGRAM)
        process = subprocess.Popen(
            [sys.executable, str(program), str(log), f"{folder}/out", str(workers), memory],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        peak = 0
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(0.1)
        said = process.communicate()[0]
        if process.returncode:
            raise SystemExit(f"{log}: the scan ended with {process.returncode}")
        kept = sum(p.stat().st_size for p in Path(folder, "out").rglob("*") if p.is_file())
    return json.loads(said) | {
        "all_processes_mb": round(peak / 1e6),
        "log_mb": sum(path.stat().st_size for path in files) // 10**6,
        "sketches_mb": kept // 10**6,
    }


def memory_of(process: int) -> int:
    """Return bytes of a process and all below it, shared pages once; 0 when it has ended."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return 0
    own = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return own * 1024 + sum(memory_of(int(child)) for child in children)


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
    with mpl.rc_context({"svg.hashsalt": "fingerprint", "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--logs", type=Path, required=True, help="folder for the logs")
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    points = []
    for log in [written(rows, asked.logs) for rows in asked.rows]:
        points.append(measure(log, asked.workers, asked.memory))
        sys.stdout.write(json.dumps(points[-1]) + "\n")
        sys.stdout.flush()
    if asked.plot:
        plot(points, asked.plot)


if __name__ == "__main__":
    main()

"""Score one case with one peer: python -m benchmarks.peers.worker PEER CASE OUT SECONDS.

Runs in the peer's own environment and in a process of its own, so that its time and memory are its
alone. SECONDS is the CPU time after which the system ends it.
"""

from __future__ import annotations

import json
import resource
import sys
from importlib import import_module, metadata
from pathlib import Path

from benchmarks.peers.cases import Case


def main() -> None:
    name, case, out, seconds = sys.argv[1:]
    limit = int(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    peer = import_module(f"benchmarks.peers.{name}")
    result = {
        "scores": peer.score(Case.read(Path(case))),
        "versions": {package: metadata.version(package) for package in peer.PACKAGES},
        "peak_mb": peak_mb(),
    }
    Path(out).write_text(json.dumps(result), "utf-8")


def peak_mb() -> float:
    """Return the largest resident size of this process, in MB (Linux).

    ``ru_maxrss`` would keep what the forking process held.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()

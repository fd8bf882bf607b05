"""Kill -9 at any moment, run the same again: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import torture
from torture import lines, suite_file

import fingerprint
from fingerprint.outputs import read_outputs

PROMPTS, SAMPLES, CONCURRENCY, KILLS = 90, 2, 8, 18

# Imports once, and forks a process for every run: an import takes longer than a run lives.
NURSERY = """
import os, sys
from fingerprint.collect import Sampling, Settings, collect, limits
import fingerprint.collect.askers, openai.resources.chat.completions
limits.FIRST_WAIT, limits.LONGEST_WAIT = 0.005, 0.03
suite, out, url, concurrency = sys.argv[1:]
settings = Settings(samples=2, base_url=url, concurrency=int(concurrency), timeout=30.0,
                    keep_raw=True, sampling=Sampling(seed=7))
for line in sys.stdin:
    child = os.fork()
    if not child:
        found = collect("openai:m", [suite], out, settings)
        os._exit(0 if not found.missing else 3)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def wait_for_trouble(server: torture.Server, rng: random.Random) -> None:
    """Wait for a moment to kill: some time after the start, or after some more answers."""
    wanted = sum(server.answered.values()) + rng.choice((0, 1, 3, 6, 10, 14))
    end = time.monotonic() + 5
    while sum(server.answered.values()) < wanted and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.04))


def test_killed_many_times_and_nothing_is_lost_or_asked_in_vain(tmp_path: Path) -> None:
    rng = random.Random(11)
    out = tmp_path / "o.jsonl"
    trouble = tuple(kind for kind in torture.TROUBLE if kind != "slow")
    with torture.running(torture.mostly(trouble, 0.3, seed=5), delay=0.02) as server:
        root = str(Path(fingerprint.__file__).parents[1])
        nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY, suite_file(tmp_path, PROMPTS), str(out), server.url,
             str(CONCURRENCY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": root, "OPENAI_API_KEY": "sk-canary-0123456789"},
        )  # fmt: skip
        assert nursery.stdin is not None and nursery.stdout is not None
        kills, codes, sizes = 0, [], []
        kept = b""
        try:
            for _ in range(KILLS * 4):
                nursery.stdin.write("run\n")
                nursery.stdin.flush()
                child = int(nursery.stdout.readline())
                if kills < KILLS:
                    wait_for_trouble(server, rng)
                    os.kill(child, signal.SIGKILL)
                codes.append(int(nursery.stdout.readline()))
                kills += codes[-1] == -signal.SIGKILL
                found = out.read_bytes() if out.exists() else b""
                assert found.startswith(kept)  # whole lines are never touched again
                kept = found[: found.rfind(b"\n") + 1]
                sizes.append(len(kept))
                if codes[-1] == 0:
                    break
        finally:
            nursery.stdin.close()
            nursery.wait(20)
            nursery.stdout.close()
    assert kills >= 15
    assert codes[-1] == 0
    assert len(set(sizes)) > 8  # it went on from where it was
    rows = lines(out)
    keys = Counter((row["prompt"], row["seed"]) for row in rows)
    assert len(rows) == len(keys) == PROMPTS * SAMPLES
    # Everything the server has answered is there; what was answered again can only be what was
    # on its way when a process was killed.
    assert server.answered.keys() == keys.keys()
    again = sum(server.answered.values()) - len(keys)
    assert 0 < again <= kills * CONCURRENCY
    (outputs,) = read_outputs(out)
    assert outputs.problems == ()
    assert {(r.prompt_id, r.sample) for r in outputs.responses} == {
        (f"p{i}", sample) for i in range(PROMPTS) for sample in range(SAMPLES)
    }
    # No answer is without its raw reply, whenever it was killed.
    raws = {(raw["prompt_id"], raw["sample"]) for raw in lines(tmp_path / "o.jsonl.raw.jsonl")}
    assert raws >= {(row["prompt_id"], row["sample"]) for row in rows}

"""Canaries in the serving path: what `CanaryPlan.variant` costs a request, in 1, 4 and 8 threads.

Run by hand: ``python -m benchmarks.logs.canary_serving``. The threads do nothing but call it, which
is the worst case: a gateway's threads mostly wait for models. Two clocks: the CPU time of the
calling thread, and time on the wall, which has the waits for the interpreter's lock as well.
"""

from __future__ import annotations

import argparse
import ssl
import sys
import threading
import time
from dataclasses import replace

import numpy as np

from benchmarks.logs.canary_power import KEY, draft, words
from fingerprint.logs.canary import CanaryPlan
from fingerprint.logs.planfile import draft_plan

NONCE = "00" * 16
THREADS = (1, 4, 8)
PROMPTS = 200
FILL = "Please keep to what is known and write for people who have never heard of it. "
LONG = 32_000


def prompts(slots: int) -> dict[str, list[str]]:
    """Return prompts of each kind: what they call up, and how long they are."""
    listed = words(slots)[:PROMPTS]
    fill = (FILL * (LONG // len(FILL) + 1))[:LONG]
    return {
        "a slot, 30 characters": [f"Describe a {word} to a child." for word in listed],
        "a slot, 32,000 characters": [f"Describe a {word}. {fill}" for word in listed],
        "no slot, 32,000 characters": [fill + str(i) for i in range(PROMPTS)],
    }


def timed(use: CanaryPlan, asked: list[str], calls: int, threads: int) -> tuple[list[int], ...]:
    """Return what every call took, ns: CPU time of its thread, and time on the wall."""
    cpu: list[list[int]] = [[] for _ in range(threads)]
    wall: list[list[int]] = [[] for _ in range(threads)]
    ready = threading.Barrier(threads)

    def work(number: int) -> None:
        spent, now = time.thread_time_ns, time.perf_counter_ns
        cpu_out, wall_out = cpu[number], wall[number]
        ready.wait()
        for i in range(calls):
            account, prompt = f"account-{i % 5}-{i % 4999}", asked[i % len(asked)]
            began = now()
            start = spent()
            use.variant(account, prompt)
            cpu_out.append(spent() - start)
            wall_out.append(now() - began)

    running = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return [x for one in cpu for x in one], [x for one in wall for x in one]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--slots", type=int, default=2000)
    parser.add_argument("--calls", type=int, default=80_000, help="calls a row, over all threads")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}")
    print(f"{options.slots:,} slots, 25,000 accounts, {options.calls:,} calls a row; us")
    made = draft(options.slots, 25_000)
    once = CanaryPlan(draft_plan(made, KEY, NONCE), KEY)
    each = replace(made, slots=tuple(replace(slot, per_prompt=True) for slot in made.slots))
    anew = CanaryPlan(draft_plan(each, KEY, NONCE), KEY)
    print(
        "| prompt calls up | choice | threads | CPU median | p90 | p99 | wall median | p90 | p99 |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, asked in prompts(options.slots).items():
        for choice, use in (("a slot", once), ("a prompt", anew)):
            for threads in THREADS:
                found = timed(use, asked, options.calls // threads, threads)
                cells = [np.percentile(x, (50, 90, 99)) / 1000 for x in found]
                shown = " | ".join(f"{x:.1f}" for x in np.concatenate(cells))
                print(f"| {name} | {choice} | {threads} | {shown} |", flush=True)


if __name__ == "__main__":
    main()

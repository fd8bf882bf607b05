"""Load on the collecting process: many requests at a time, sustained, against a loopback server.

Run by hand: ``python -m benchmarks.collect_load [--concurrency 50] [--seconds 20] [--delay 0.2]``.
The server answers after a delay with an answer of ordinary length; server and collection are
processes of their own, so that the peak is that of the collection alone. Ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ANSWER_WORDS = 400

_SERVE = """
import sys
from benchmarks.collect_load import serve
serve(float(sys.argv[1]), float(sys.argv[2]))
"""
# VmHWM, since ru_maxrss keeps what the forking process held
_COLLECT = """
import sys, time
from fingerprint.collect import Sampling, Settings, collect
suite, out, url, concurrency, samples = sys.argv[1:]
settings = Settings(samples=int(samples), base_url=url, concurrency=int(concurrency),
                    sampling=Sampling(seed=1))
start, cpu = time.perf_counter(), time.process_time()
found = collect("vllm:model", [suite], out, settings)
wall, used = time.perf_counter() - start, time.process_time() - cpu
status = open("/proc/self/status").read()
print(found.new, found.missing, wall, used, status.split("VmHWM:")[1].split()[0])
"""


def serve(delay: float, life: float) -> None:
    """Answer chat requests after a delay; print the port, end after a while."""
    rng = random.Random(0)
    words = [f"word{rng.randrange(5000)}" for _ in range(5000)]

    def reply() -> bytes:
        start = rng.randrange(len(words) - ANSWER_WORDS)
        body = {
            "id": "c", "model": "served", "system_fingerprint": "fp",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": " ".join(words[start : start + ANSWER_WORDS])}}],
            "usage": {"prompt_tokens": 30, "completion_tokens": 550},
        }  # fmt: skip
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}"
        return head.encode() + b"\r\n\r\n" + text

    busy = busiest = 0
    since, area, first = 0.0, 0.0, 0.0

    def count(change: int) -> None:
        nonlocal busy, busiest, since, area, first
        now = time.monotonic()
        first = first or now
        area += busy * (now - since) if since else 0.0
        since, busy = now, busy + change
        busiest = max(busiest, busy)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    mean = area / max(since - first, 1e-9)
                    writer.write(f"HTTP/1.1 200 OK\r\n\r\n{busiest} {mean:.1f}".encode())
                    writer.close()
                    return
                size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(size)
                count(1)
                await asyncio.sleep(delay)
                writer.write(reply())
                await writer.drain()
                count(-1)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(client, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.sleep(life)

    asyncio.run(main())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long a run takes")
    parser.add_argument("--delay", type=float, default=0.2, help="seconds the server thinks")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    prompts = 500
    most = options.concurrency / options.delay
    samples = max(1, round(min(most, 400) * options.seconds / prompts))
    rates, peaks = [], []
    for run in range(options.runs):
        with tempfile.TemporaryDirectory() as work:
            suite = Path(work, "suite.jsonl")
            rows = [{"prompt_id": f"p{i}", "prompt": f"Question {i}? " * 8} for i in range(prompts)]
            suite.write_text("".join(json.dumps(row) + "\n" for row in rows))
            life = str(10 * options.seconds + 60)
            server = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(options.delay), life],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                assert server.stdout is not None
                url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
                done = subprocess.run(
                    [sys.executable, "-c", _COLLECT, str(suite), str(Path(work, "o.jsonl")), url,
                     str(options.concurrency), str(samples)],
                    check=True, capture_output=True, text=True, timeout=10 * options.seconds + 60,
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                )  # fmt: skip
                with urllib.request.urlopen(url, timeout=10) as stats:
                    busiest, mean = stats.read().decode().split()
            finally:
                server.kill()
                server.wait()
        new, missing, wall, cpu, peak = map(float, done.stdout.split())
        rates.append(new / wall)
        peaks.append(peak / 1024)
        print(
            f"run {run + 1}: {new:.0f} answers, {missing:.0f} missing, {wall:.1f} s wall, "
            f"{cpu:.1f} s CPU ({1000 * cpu / new:.1f} ms an answer), {new / wall:.0f} requests/s, "
            f"{busiest} at a time ({mean} on average), {peak / 1024:.0f} MB resident"
        )
        time.sleep(0.2)
    print(
        f"{options.concurrency} at a time, server delay {options.delay:g} s: median "
        f"{statistics.median(rates):.0f} requests/s (the server allows {most:.0f}), peak "
        f"{max(peaks):.0f} MB"
    )


if __name__ == "__main__":
    main()

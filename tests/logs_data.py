"""Small logs for the tests of scans: rows by hand, and a simulated log that is made once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint.logs.traffic import Campaign, Traffic

TRAFFIC = Traffic(
    seed=5,
    accounts=400,
    exchanges=10,
    days=7,
    viral=20,
    libraries=4,
    lookalikes=0.3,
    response_words=8,
    campaigns=(
        Campaign("loud", 40, 60, 0.5, templates=12, proxies=20, cards=0.8),
        Campaign("quiet", 50, 90, 0.2, templates=14, proxies=25, cards=0.0, synchrony=0.8),
    ),
)
ORGANIC = Traffic(
    seed=6, accounts=400, exchanges=10, days=7, viral=20, libraries=4, lookalikes=0.3,
    response_words=8,
)  # fmt: skip

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "st", "lo")]


def row(account: str = "a", second: float = 0, prompt: str = "hello there", **more: Any) -> dict:
    return {"account_id": account, "timestamp": 1_767_225_600 + second, "prompt": prompt, **more}


def words(rng: np.random.Generator, n: int) -> str:
    return " ".join(rng.choice(WORDS, n))


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """Write rows as JSONL, compressed where the name says so; text and bytes go in as they are."""
    lines = [
        r if isinstance(r, bytes) else (r if isinstance(r, str) else json.dumps(r)).encode()
        for r in rows
    ]
    data = b"\n".join(lines) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    return path


def read_all(folder: Path) -> list[dict]:
    """Read all rows of a simulated log in JSONL."""
    return [
        json.loads(line)
        for path in sorted(folder.rglob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]

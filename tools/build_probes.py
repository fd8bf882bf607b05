"""Write probes/perturbed.jsonl and the manifest: python tools/build_probes.py [--check].

The other suites are written by hand; their lines in the manifest are counted from the files.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from perturbed import clocks, counting, money, numbers, order, shapes, words
from perturbed.task import family

from fingerprint.probes.suite import MANIFEST, SCHEMA

OUT = Path(__file__).resolve().parent.parent / "probes"
LICENCE = "CC-BY-4.0"
SUITES = {
    "style": ("1.0", "Open prompts over eight domains that leave the structure to the model."),
    "multilingual": ("1.0", "Six languages: the same questions in all, and others at home in one."),
    "canary": ("1.0", "Identity, choices, inventions, boundaries and habits."),
    "perturbed": ("1.0", "Tasks with checkable answers, each with its perturbed twins."),
}
GRAMMAR = "challenge.json"


def perturbed() -> bytes:
    """Return the bytes of the suite ``perturbed``."""
    tasks = [
        task
        for module in (money, clocks, counting, numbers, shapes, order, words)
        for task in module.TASKS
    ]
    records = [record for task in tasks for record in family(task)]
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()


def manifest(files: dict[str, bytes]) -> bytes:
    """Return the manifest of the suites and of the grammar, given the bytes of each file."""
    rows = []
    for name, (version, about) in SUITES.items():
        data = files[f"{name}.jsonl"]
        probes: list[dict[str, Any]] = [json.loads(line) for line in data.splitlines()]
        rows.append(
            {
                "name": name,
                "file": f"{name}.jsonl",
                "version": version,
                "licence": LICENCE,
                "about": about,
                "probes": len(probes),
                "quick": sum(bool(p.get("quick")) for p in probes),
                **{
                    f"{field}s": dict(sorted(Counter(p[field] for p in probes).items()))
                    for field in ("domain", "language", "kind")
                },
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
    value = {
        "schema": SCHEMA,
        "suites": rows,
        "grammar": {"file": GRAMMAR, "sha256": hashlib.sha256(files[GRAMMAR]).hexdigest()},
    }
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def main() -> None:
    files = {f"{name}.jsonl": (OUT / f"{name}.jsonl") for name in SUITES if name != "perturbed"}
    data = {name: path.read_bytes() for name, path in files.items()}
    data[GRAMMAR] = (OUT / GRAMMAR).read_bytes()
    data["perturbed.jsonl"] = perturbed()
    made = {"perturbed.jsonl": data["perturbed.jsonl"], MANIFEST: manifest(data)}
    for name, content in made.items():
        if "--check" not in sys.argv:
            (OUT / name).write_bytes(content)
        elif (OUT / name).read_bytes() != content:
            sys.exit(f"{OUT / name}: stale; run python tools/build_probes.py")


if __name__ == "__main__":
    main()

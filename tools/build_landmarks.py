"""Write fingerprint/data/landmarks.json: shares of the library's documented models.

Run after every fit of the calibration: python tools/build_landmarks.py [--check]. Nothing but the
shipped library and calibration is read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parent.parent / "fingerprint" / "data" / "landmarks.json"
SUITE = "alpaca_eval"
TEACHERS = {"openai": "ref_gpt", "anthropic": "ref_claude", "google": "ref_gemini"}
LEVEL = 0.8
CONTESTED = ("mistral",)
"""Lineages whose own training is in dispute: left out, as in the calibration."""


def render() -> str:
    """Measure the groups and return the file's text."""
    from fingerprint.calibration import shipped
    from fingerprint.comparison import matrix
    from fingerprint.library import library
    from fingerprint.models import lookup

    entries = [e for e in library().entries if e.suite == SUITE]
    lineage = {e.model: e.lineage for e in entries}
    taught = {e.model: (known.taught_by if (known := lookup(e.model)) else ()) for e in entries}
    models = [
        e.model
        for e in entries
        if e.role in ("student", "independent", "reference") and e.lineage not in CONTESTED
    ]
    role = {e.model: e.role for e in entries}
    rows = matrix(
        [f"{model}:{SUITE}" for model in models], [f"{t}:{SUITE}" for t in TEACHERS.values()]
    )
    vendors = {teacher: vendor for vendor, teacher in TEACHERS.items()}
    shares: dict[str, dict[str, list[float]]] = {"student": {}, "unrelated": {}}
    counted: dict[str, set[str]] = {"student": set(), "unrelated": set()}
    for row in rows:
        if row.share is None:
            continue  # one lineage, or a teacher that came too late
        group = "student" if role[row.suspect] == "student" else "unrelated"
        if group == "student" and vendors[row.teacher] not in taught[row.suspect]:
            continue
        shares[group].setdefault(lineage[row.suspect], []).append(row.share.estimate)
        counted[group].add(row.suspect)
    calibration = shipped()
    value = {
        "schema": "fingerprint.landmarks/1",
        "level": LEVEL,
        "calibration": f"{calibration.name} ({calibration.sha256[:12]})",
        "source": (
            f"library, suite {SUITE}: documented students of OpenAI models against ref_gpt; models "
            "trained on human text and makers' own models against ref_gpt, ref_claude and "
            "ref_gemini, never against their own maker's; the calibration was fitted on these "
            "models among others"
        ),
        "groups": [
            {"name": name, **_summary(list(shares[group].values())), "models": len(counted[group]),
             "lineages": len(shares[group])}
            for name, group in (
                ("unrelated models", "unrelated"),
                ("documented students", "student"),
            )
        ],
    }  # fmt: skip
    return json.dumps(value, indent=1) + "\n"


def _summary(by_lineage: Sequence[Sequence[float]]) -> dict[str, float]:
    """Weighted quantiles; every lineage weighs one."""
    values = np.concatenate([np.asarray(v) for v in by_lineage])
    weights = np.concatenate([np.full(len(v), 1 / len(v)) for v in by_lineage])
    order = np.argsort(values)
    reach = np.cumsum(weights[order]) / weights.sum()
    tail = (1 - LEVEL) / 2
    names = {"low": tail, "middle": 0.5, "high": 1 - tail}
    return {
        name: round(float(values[order][np.searchsorted(reach, q - 1e-9)]), 3)
        for name, q in names.items()
    }


if __name__ == "__main__":
    if "--check" in sys.argv:
        stale = not OUT.is_file() or OUT.read_text("utf-8") != render()
        sys.exit(f"{OUT}: stale; run python tools/build_landmarks.py" if stale else 0)
    OUT.write_text(render(), "utf-8")

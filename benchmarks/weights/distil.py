"""Who taught a student, by its own probabilities: real weights, real responses, known truth.

    nice -n 19 python -m benchmarks.weights.students DATA MODEL STUDENTS --source NAME   (each)
    nice -n 10 python -m benchmarks.weights.distil DATA MODEL STUDENTS OUT [--only NAME]

Scores the responses of all candidates to held-out prompts under the base and every student, then
ranks the candidates for each student, with and without the other students as siblings. Interrupted,
the same command goes on. OUT/distil.json holds numbers only.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.weights.corpus import CANDIDATES, HUMAN, TEACHERS, responses, split
from fingerprint.models import model_info
from fingerprint.weights.likelihood import Likelihood, measure
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.scores import Item, ScoreFile, Scores, items_of, read_scores
from fingerprint.weights.scoring import LocalScorer, score_all

BASE = "base"
MAX_BYTES = 360
"""Bytes of each response that are scored: about eighty tokens."""
HOW = Loading(dtype="float32", device="cpu", tokens_a_batch=2048, threads=1)


def items(data: Path) -> list[Item]:
    """Return every candidate's responses to the held-out prompts."""
    _, held_out = split(data)
    wanted = set(held_out)
    chosen = []
    for name in CANDIDATES:
        found = responses(data, name)
        kept = tuple(r for r in found.responses if r.prompt_id in wanted)
        chosen.append(replace(found, model=name, responses=kept))
    return list(items_of(chosen, MAX_BYTES))


def score(where: Path, name: str, wanted: list[Item], out: Path) -> None:
    """Score all responses under one model, and note what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    with ScoreFile(out / f"{name}.jsonl", name, {"max_bytes": MAX_BYTES}) as file:
        if all(item in file for item in wanted):
            return
        scorer = LocalScorer(Weights(str(where), HOW), HOW.tokens_a_batch)
        made = score_all(wanted, scorer, file, len(wanted), lambda done, total: None)
    cost = {"responses": made, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    with (out / "costs.jsonl").open("a") as costs:
        costs.write(json.dumps({"model": name, **cost}) + "\n")
    print(f"{name}: {made} responses, {cost['cpu']:.0f} CPU s, {cost['wall']:.0f} s", flush=True)


def judge(name: str, known: dict[str, Scores]) -> dict[str, Any]:
    """Rank the candidates for one student, alone and with the other students as siblings."""
    infos = {source: model_info(source) for source in CANDIDATES}
    others = [known[n] for n in sorted(known) if n not in (name, BASE)]
    found = {}
    for way, siblings in (("base", []), ("siblings", others)):
        if way == "siblings" and not siblings:
            continue
        ranked = measure(known[name], known[BASE], infos, siblings=siblings, seed=1)
        found[way] = asdict(ranked)
        _show(name, way, ranked)
    return found


def _show(name: str, way: str, ranked: Likelihood) -> None:
    verdict = ranked.named.source if ranked.named else "nobody"
    truth = name if name in TEACHERS else "no candidate"
    print(f"\n{name} ({way}): truth {truth}, named {verdict}")
    for row in ranked.rows:
        z = "   -" if row.z is None else f"{row.z:5.2f}"
        p = "    -" if row.p_spread is None else f"{row.p_spread:.4f}"
        print(
            f"  {row.source:28} {row.score:+.4f} [{row.low:+.4f}, {row.high:+.4f}] "
            f"p sources {row.p_sources:.3f} z {z} p spread {p} n {row.n_prompts}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model", "students", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", action="append", help="score this model and judge nothing")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    wanted = items(asked.data)
    folders = {BASE: asked.model} | {
        name: asked.students / name
        for name in (*TEACHERS, HUMAN)
        if (asked.students / name / "training.json").is_file()
    }
    for name in asked.only or folders:
        score(folders[name], name, wanted, asked.out)
    if asked.only:
        return
    known = {name: read_scores(asked.out / f"{name}.jsonl") for name in folders}
    result = {
        "set": "alpaca_eval",
        "candidates": len(CANDIDATES),
        "prompts": len({item.place.prompt_id for item in wanted}),
        "bytes": sum(item.size for item in wanted),
        "training": {
            n: json.loads((f / "training.json").read_text())
            for n, f in folders.items()
            if n != BASE
        },
        "untrained": judge(BASE, {BASE: known[BASE]}),
        "students": {name: judge(name, known) for name in known if name != BASE},
    }
    (asked.out / "distil.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

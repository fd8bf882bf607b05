"""Who taught a student, by its own probabilities: real weights, real responses, known truth.

    python -m benchmarks.weights.students DATA MODEL STUDENTS --source NAME ...
    python -m benchmarks.weights.distil DATA MODEL STUDENTS OUT [--only NAME]

Scores the candidates' responses to held-out prompts under the base and every student, and ranks the
candidates for each student by likelihood (with the base alone, and with the other students as
siblings) and by continuations. Where a student of a candidate serves as sibling, that candidate is
left out: it would be held back. Interrupted, the same command goes on. OUT/distil.json holds
numbers only.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.weights.corpus import BASE, CANDIDATES, CONTROLS, FRESH, SET, TEACHERS, held_out
from fingerprint.models import model_info
from fingerprint.weights.likelihood import measure
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.memorised import continuations, continued
from fingerprint.weights.scores import Item, Place, ScoreFile, Scores, items_of, read_scores
from fingerprint.weights.scoring import LocalScorer, score_all
from fingerprint.weights.sources import Ranking

MAX_BYTES = 400
"""Bytes of each response that are scored: about ninety tokens."""
GIVEN, ASKED = 12, 24
"""Tokens of a response that are shown, and that are to follow."""
CONTINUED_PROMPTS = 28
HOW = Loading(dtype="bfloat16", device="cpu", tokens_a_batch=2048, threads=1)
INFOS = {name: model_info(name) for name in CANDIDATES}


def score(where: Path, name: str, wanted: list[Item], out: Path) -> None:
    """Score all responses under one model, and note what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    with ScoreFile(out / f"{name}.jsonl", name, {"max_bytes": MAX_BYTES}) as file:
        if all(item in file for item in wanted):
            return
        scorer = LocalScorer(Weights(str(where), HOW), HOW.tokens_a_batch)
        made = score_all(wanted, scorer, file, len(wanted), lambda done, total: None)
    note(out, name, "scores", made, cpu, wall)


def carry_on(where: Path, name: str, wanted: list[Item], out: Path) -> Mapping[Place, float]:
    """Let one model go on from the beginnings of responses; kept in a file of its own."""
    path = out / f"{name}.continued.json"
    if not path.is_file():
        cpu, wall = time.process_time(), time.perf_counter()
        weights = Weights(str(where), HOW)
        found = continuations(
            weights, wanted, lambda done, total: None, given=GIVEN, asked=ASKED, rows=64
        )
        path.write_text(json.dumps([[*place, ratio] for place, ratio in found.items()]))
        note(out, name, "continuations", len(found), cpu, wall)
    return {Place(*row[:4]): row[4] for row in json.loads(path.read_text())}


def note(out: Path, name: str, what: str, made: int, cpu: float, wall: float) -> None:
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    with (out / "costs.jsonl").open("a") as costs:
        costs.write(json.dumps({"model": name, "what": what, "responses": made, **cost}) + "\n")
    print(f"{name}: {made} {what}, {cost['cpu']:.0f} CPU s, {cost['wall']:.0f} s", flush=True)


def show(way: str, name: str, found: Ranking) -> dict[str, Any]:
    verdict = found.named.source if found.named else "nobody"
    truth = name if name in CANDIDATES else "no candidate"
    print(f"\n{name} ({way}): truth {truth}, named {verdict}")
    for row in found.rows[:4] + tuple(r for r in found.rows[4:] if r.source == name):
        z = "    -" if row.z is None else f"{row.z:5.2f}"
        p = "     -" if row.p_spread is None else f"{row.p_spread:.4f}"
        apart = "     -" if row.p_siblings is None else f"{row.p_siblings:.4f}"
        print(
            f"  {row.source:28} {row.score:+.4f} [{row.low:+.4f}, {row.high:+.4f}] p sources "
            f"{row.p_sources:.3f} z {z} p spread {p} p siblings {apart} n {row.n_prompts}"
        )
    return asdict(found)


def with_siblings(name: str, known: Mapping[str, Scores]) -> Ranking:
    """Rank with the other students as siblings, without the candidates that taught these.

    The teacher then competes with the candidates that taught nobody here.
    """
    others = [one for one in (*TEACHERS, *CONTROLS) if one in known and one != name]
    mine = known[name]
    kept = {at: bits for at, bits in mine.bits_per_byte.items() if at.source not in others}
    return measure(
        replace(mine, bits_per_byte=kept),
        known[BASE],
        INFOS,
        siblings=[known[one] for one in others],
        seed=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "model", "students", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", action="append", help="score this model and judge nothing")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    texts = held_out(asked.data)
    wanted = list(items_of(texts, MAX_BYTES))
    whole = [i for i in items_of(texts, None) if i.place.prompt_id in first_prompts(texts)]
    folders = {BASE: asked.model} | {
        name: asked.students / name
        for name in (*TEACHERS, *FRESH, *CONTROLS)
        if (asked.students / name / "training.json").is_file()
    }
    for name in asked.only or folders:
        score(folders[name], name, wanted, asked.out)
        carry_on(folders[name], name, whole, asked.out)
    if asked.only:
        return
    known = {name: read_scores(asked.out / f"{name}.jsonl") for name in folders}
    said = {name: carry_on(folders[name], name, whole, asked.out) for name in folders}
    found: dict[str, dict[str, Any]] = {}
    for name in folders:
        found[name] = {"base": show("base", name, measure(known[name], known[BASE], INFOS, seed=1))}
        if name != BASE:
            found[name]["siblings"] = show("siblings", name, with_siblings(name, known))
        ranked = continued(name, said[name], INFOS, base=(BASE, said[BASE]), seed=1)
        found[name]["continuations"] = show("continuations", name, ranked)
    result = {
        "set": SET,
        "candidates": len(CANDIDATES),
        "prompts": len({item.place.prompt_id for item in wanted}),
        "bytes": sum(item.size for item in wanted),
        "training": {
            n: json.loads((f / "training.json").read_text())
            for n, f in folders.items()
            if n != BASE
        },
        "models": found,
    }
    (asked.out / "distil.json").write_text(json.dumps(result, indent=1))


def first_prompts(texts: Sequence[Any]) -> set[str]:
    """Return the held-out prompts whose responses are continued."""
    return set(sorted({r.prompt_id for r in texts[0].responses})[:CONTINUED_PROMPTS])


if __name__ == "__main__":
    main()

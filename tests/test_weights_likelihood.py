"""The likelihood channel: sources ranked, both nulls, siblings, stand-ins; from weights on."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from rich.console import Console
from tiny_weights import make_weights, train

from fingerprint.errors import WeightsError
from fingerprint.records import ModelInfo, Status
from fingerprint.report.sources_table import render_sources
from fingerprint.weights.likelihood import measure
from fingerprint.weights.scores import Place, Scores
from fingerprint.weights.sources import Ranking, channel_result

SOURCES = [f"m{i}" for i in range(9)]


def infos(**lineages: str) -> dict[str, ModelInfo]:
    return {name: ModelInfo(name, lineages.get(name, name)) for name in SOURCES}


def scores(name: str, values: np.ndarray, samples: int = 1) -> Scores:
    """Bits per byte as prompts x sources."""
    places = {
        Place(SOURCES[j], "s", f"p{i:03}", k): float(values[i, j])
        for i in range(values.shape[0])
        for j in range(values.shape[1])
        for k in range(samples)
        if np.isfinite(values[i, j])
    }
    return Scores(name, {}, places, dict.fromkeys(places, "text"), 0)


def world(
    effect: float, seed: int = 0, prompts: int = 40, ease: float = 0.0
) -> tuple[Scores, Scores, list[Scores]]:
    """Suspect, base, siblings: m3's text is likelier by `effect`, by `ease` for any training."""
    rng = np.random.default_rng(seed)
    base = 1 + rng.normal(0, 0.3, (prompts, 1)) + rng.normal(0, 0.1, (prompts, 9))

    def trained(most: float) -> np.ndarray:
        moved = base - most - rng.normal(0, most / 10, 9) + rng.normal(0, 0.02, base.shape)
        moved[:, 3] -= ease
        return moved

    moved = trained(0.2)
    moved[:, 3] -= effect
    siblings = [scores(f"sibling{i}", trained(0.1)) for i in range(3)]
    return scores("student", moved), scores("base", base), siblings


def judged(*about: Any, **more: Any) -> Ranking:
    """Rank with all siblings."""
    suspect, base, siblings = world(*about)
    return measure(suspect, base, infos(**more), siblings=siblings)


def test_the_teacher_ranks_first_and_the_numbers_are_what_they_say() -> None:
    suspect, base, siblings = world(0.1)
    found = measure(suspect, base, infos(), seed=4)
    top = found.rows[0]
    gains = np.array(
        [
            [base.bits_per_byte[at] - suspect.bits_per_byte[at]
             for at in sorted(base.bits_per_byte) if at.source == name]
            for name in SOURCES
        ]
    )  # fmt: skip
    excess = gains[3] - gains[[i for i in range(9) if i != 3]].mean(axis=0)
    # Without siblings nothing is named, however far it stands out.
    assert (top.source, top.named) == ("m3", False)
    assert measure(suspect, base, infos(), siblings=siblings).rows[0].named
    assert top.score == pytest.approx(excess.mean()) and top.gain == pytest.approx(gains[3].mean())
    assert top.low < top.score < top.high
    width = 2 * 1.96 * excess.std() / np.sqrt(len(excess))
    assert top.high - top.low == pytest.approx(width, rel=0.15)
    assert top.p_sources == pytest.approx(1 / 9) and top.n_lineages == 8 and top.n_prompts == 40
    assert top.p_prompts == pytest.approx(1 / 2001)
    assert top.p_spread is not None and top.p_spread < 0.01
    assert [row.named for row in found.rows[1:]] == [False] * 8
    assert found.rows[-1].p_sources == 1.0
    assert measure(suspect, base, infos(), seed=4) == found
    assert measure(suspect, base, infos(), seed=5).rows[0].low != top.low


def test_an_untaught_suspect_is_given_to_nobody_and_the_rule_keeps_its_level() -> None:
    found = [measure(*world(0.0, seed)[:2], infos(), draws=50) for seed in range(120)]
    assert not any(one.named for one in found)
    by_spread = sum((one.rows[0].p_spread or 1) <= 0.05 for one in found)
    # The correction takes the sources for independent: about ALPHA, up to chance (binomial 99.9 %).
    assert 0 < by_spread <= 16
    # With siblings, who scatter half as much as the suspect here, no more often.
    assert sum(judged(0.0, seed).named is not None for seed in range(60)) <= 9


def test_without_training_nothing_scatters() -> None:
    _, base, _ = world(0.0)
    found = measure(base, base, infos())
    assert found.named is None
    assert all((row.z, row.p_spread, row.p_sources) == (None, None, 1.0) for row in found.rows)


def test_text_that_any_training_makes_easier_is_seen_through_with_siblings() -> None:
    suspect, base, siblings = world(0.0, ease=0.3)
    assert measure(suspect, base, infos()).rows[0].source == "m3"
    found = measure(suspect, base, infos(), siblings=siblings)
    assert found.named is None and found.siblings == ("sibling0", "sibling1", "sibling2")
    suspect, base, siblings = world(0.2, ease=0.3)
    found = measure(suspect, base, infos(), siblings=siblings)
    assert found.named is not None and found.named.source == "m3"
    assert measure(suspect, base, infos(), siblings=siblings[:2]).named is None


def test_one_odd_sibling_makes_no_source_stand_out() -> None:
    suspect, base, siblings = world(0.0)
    odd = {
        at: bits + (0.3 if at.source == "m5" else 0)
        for at, bits in siblings[0].bits_per_byte.items()
    }
    siblings[0] = Scores("odd", {}, odd, siblings[0].digests, 0)
    found = measure(suspect, base, infos(), siblings=siblings)
    row = next(row for row in found.rows if row.source == "m5")
    assert row.score == pytest.approx(
        next(r.score for r in judged(0.0).rows if r.source == "m5"), abs=0.02
    )
    assert not row.named and (row.p_siblings or 0) > 0.2


def test_versions_of_one_lineage_are_no_background_for_each_other() -> None:
    suspect, base, _ = world(0.1)
    values = {
        place: bits - (0.09 if place.source == "m5" else 0)
        for place, bits in suspect.bits_per_byte.items()
    }
    both = Scores("student", {}, values, suspect.digests, 0)
    apart = measure(both, base, infos())
    together = measure(both, base, infos(m3="kin", m5="kin"))
    top = together.rows[0]
    assert (top.n_lineages, top.p_sources) == (7, 1 / 8)
    assert together.rows[1].source == "m5" and together.rows[1].p_sources == 1 / 8
    assert top.p_spread is not None and apart.rows[0].p_spread is not None
    assert top.p_spread < apart.rows[0].p_spread / 10
    row = channel_result(together, ["m5", "m3"], "other")
    assert row.score == pytest.approx(top.score) and row.status is Status.MEASURED
    assert "p over sources 0.125" in str(row.reason)
    assert row.llr10 is None and "0 siblings of the base" in str(row.reason)
    assert channel_result(judged(0.1), ["m3"], "m3").llr10 is not None


def test_holes_are_compared_with_what_is_there() -> None:
    suspect, base, _ = world(0.1)
    gone = {at for at in suspect.bits_per_byte
            if (at.source == "m1" and at.prompt_id < "p025") or
            (at.source == "m4" and at.prompt_id < "p010")}  # fmt: skip
    kept = {at: v for at, v in suspect.bits_per_byte.items() if at not in gone}
    found = measure(Scores("s", {}, kept, suspect.digests, 0), base, infos())
    assert found.left_out == ("m1",)
    assert {row.source: row.n_prompts for row in found.rows}["m4"] == 30
    assert found.rows[0].source == "m3" and found.rows[0].n_lineages == 7


def test_too_little_is_refused() -> None:
    suspect, base, _ = world(0.1, prompts=19)
    with pytest.raises(WeightsError, match=r"at least 4 lineages with 20 common prompts.* found 0"):
        measure(suspect, base, infos())
    suspect, base, _ = world(0.1)
    with pytest.raises(WeightsError, match="found 0"):
        measure(suspect, base, {name: ModelInfo(name, "one") for name in SOURCES})
    other = Scores("base", {}, base.bits_per_byte, dict.fromkeys(base.digests, "another"), 0)
    with pytest.raises(WeightsError, match="different texts"):
        measure(suspect, other, infos())


def test_a_stand_in_is_unreliable_and_says_so() -> None:
    suspect, base, _ = world(0.1)
    found = measure(suspect, base, infos(), stand_in=True)
    row = channel_result(found, ["m3"], "other")
    assert row.status is Status.UNRELIABLE and "base stands in" in str(row.reason)
    assert channel_result(found, ["somebody"], "other").status is Status.MISSING
    assert "not the suspect's own" in printed(found).replace("\n", " ")


def printed(found: Ranking, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    render_sources(found, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table() -> None:
    suspect, base, siblings = world(0.1)
    text = printed(measure(suspect, base, infos(), siblings=siblings))
    assert "it appears to have moved towards m3" in text
    assert "no evidence of distillation by themselves" in text.replace("\n", " ")
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("m")]
    assert rows[0].split()[0] == "m3" and len(rows) == 9
    assert max(map(len, lines)) <= 100
    assert (
        max(map(len, printed(measure(suspect, base, infos(), siblings=siblings), 80).splitlines()))
        <= 80
    )
    assert "singles out none" in printed(measure(base, base, infos()))


def write_texts(folder: Path, dialects: dict[str, str], prompts: range) -> list[Path]:
    paths = []
    for name, word in dialects.items():
        path = folder / f"{name}.jsonl"
        rows = (
            {"model": name, "suite": "s", "prompt_id": f"p{i}", "prompt": f"q{i}",
             "response": answer(word, i)}
            for i in prompts
        )  # fmt: skip
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths.append(path)
    return paths


def answer(word: str, i: int) -> str:
    return f"{word} {i} {word}{word} {i % 7}"


def test_from_weights_to_the_table(tmp_path: Path, cli: Run) -> None:
    base = make_weights(tmp_path / "base")
    words = ("zig", "bop", "lum", "cra", "wyd", "fes", "nok")
    dialects = {f"m{i}": word for i, word in enumerate(words)}
    taught = [(f"q{i}", answer("lum", i)) for i in range(100, 124)]
    student = train(base, taught, tmp_path / "student", steps=25)
    paths = write_texts(tmp_path, dialects, range(24))
    texts = [part for path in paths for part in ("--texts", str(path))]
    common = ("--base", f"local:{base}", "--threads", "1", "--dtype", "float32", *texts)
    for i, word in enumerate(("qua", "pex", "vim", "hod")):
        other = [(f"q{n}", answer(word, n)) for n in range(100, 124)]
        common = (*common, "--sibling", f"local:{train(base, other, tmp_path / f'k{i}', steps=25)}")
    out = tmp_path / "s.jsonl"
    ran = cli("score", "--model", f"local:{student}", "--out", out, *common, "--format", "json")
    assert ran.code == 0, ran.err
    found = ran.json()
    assert found["rows"][0]["source"] == "m2" and found["rows"][0]["named"]
    assert found["rows"][0]["p_sources"] == pytest.approx(1 / 7)
    assert (found["suspect"], found["base"]) == ("student", "base")
    again = cli("score", "--model", f"local:{student}", "--out", out, *common)
    assert "moved towards m2" in again.out
    clean = cli(
        "score", "--model", f"local:{base}", "--out", tmp_path / "c.jsonl", *common,
        "--format", "json",
    )  # fmt: skip
    assert not any(row["named"] for row in clean.json()["rows"])
    assert asdict(measure(*world(0.1)[:2], infos())).keys() == found.keys()
    alone = cli("score", "--model", f"local:{student}", "--out", tmp_path / "a.jsonl", *texts,
                "--stand-in")  # fmt: skip
    assert "expected --base" in alone.failed_alone()

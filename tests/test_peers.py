from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.lineage.corpus import Pool, load_pool
from benchmarks.lineage.evaluate import Sample
from benchmarks.lineage.table import Row
from benchmarks.lineage.truth import LabelledPair
from benchmarks.peers import rse, slop
from benchmarks.peers.cases import Case
from benchmarks.peers.judging import centre, standardise
from benchmarks.peers.pools import case_of, judged, pool_of
from benchmarks.peers.run import Outcome, Run, run_once, standing

N_PROMPTS = 24
CLEAN = ("claude", "gemini-pro", "cohere", "guanaco-7b", "gpt4", "llama-2-7b-chat-hf")
KNOWN = {
    "guanaco-7b": "NEG:human data",
    "llama-2-7b-chat-hf": "NEG:self",
    "alpaca-7b": "text_davinci_003",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets' worth of files with made-up words, and their labels."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "alpaca_eval").mkdir()
    labels = ["model\tset\tteacher\tbase\tevidence\tconfidence"]
    rng = np.random.default_rng(5)
    for name in (*CLEAN, "text_davinci_003", "alpaca-7b", "unlabelled-1b"):
        teacher = KNOWN.get(name, "" if name.startswith("unl") else "REF")
        labels.append(f"{name}\talpaca_eval\t{teacher or 'UNKNOWN'}\t\t\thigh")
        with gzip.open(folder / "alpaca_eval" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as f:
            for p in range(N_PROMPTS - (name == "cohere")):
                words = " ".join(f"w{w}" for w in rng.integers(0, 99, 12))
                row = {"prompt_id": f"p{p}", "prompt": f"Prompt {p}?", "model": name}
                f.write(json.dumps(row | {"response": f"{name} {p}\n- {words}."}) + "\n")
    (folder / "LINEAGE.tsv").write_text("\n".join(labels) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def pool(data: Path) -> Pool:
    return judged(load_pool(data, "alpaca_eval"))


def test_peers_get_the_texts_that_the_packs_were_built_from(data: Path, pool: Pool, tmp_path: Path):
    case_of(data, pool).write(tmp_path / "case.json")
    case = Case.read(tmp_path / "case.json")
    for m, name in enumerate(case.models):
        for (_, prompt), text in zip(case.prompts, case.texts[m], strict=True):
            number = prompt.removeprefix("Prompt ").removesuffix("?")
            assert text is None or text.startswith(f"{name} {number}\n")
        assert len(case.answers(m)) == N_PROMPTS - (name == "cohere")
    assert "unlabelled-1b" not in case.models
    again = pool_of(case)
    assert again.panel.infos == pool.panel.infos
    assert again.labels == pool.labels
    np.testing.assert_array_equal(again.panel.prompts, pool.panel.prompts)
    np.testing.assert_array_equal(again.panel.lines, pool.panel.lines)


def test_double_centring_takes_out_what_is_the_models_own(data: Path, pool: Pool):
    case = case_of(data, pool)
    rng = np.random.default_rng(0)
    own = rng.normal(size=(len(case.models), 1)) + rng.normal(size=(1, len(case.columns)))
    student, teacher = case.models.index("alpaca-7b"), case.models.index("text_davinci_003")
    column = case.columns.index(teacher)
    closer = own.copy()
    closer[student, column] += 3
    centred = centre(pool, case, closer)
    assert centred["double-centred"][student, column] == pytest.approx(3)
    others = np.isfinite(centred["double-centred"])
    others[student] = False  # its teacher is background when others are asked about
    assert others.any()
    np.testing.assert_allclose(centred["double-centred"][others], 0, atol=1e-9)
    one = centred["suspect centred"]
    shifted = centre(pool, case, closer + np.arange(len(own))[:, None])["suspect centred"]
    np.testing.assert_allclose(one, shifted, atol=1e-9)


def test_the_scale_is_that_of_unrelated_clean_models(data: Path, pool: Pool):
    case = case_of(data, pool)
    scores = np.random.default_rng(1).normal(size=(len(case.models), len(case.columns)))
    scaled = standardise(case, scores)
    np.testing.assert_allclose(standardise(case, 7 * scores - 2), scaled)
    cells = defaultdict(list)
    for one in case.columns:
        for j, other in enumerate(case.columns):
            if not case.related(one, other):
                cells[case.lineages[one], case.lineages[other]].append(scaled[one, j])
    assert max(len(found) for found in cells.values()) == 2  # two OpenAI models are one lineage
    assert np.mean([np.mean(found) for found in cells.values()]) == pytest.approx(0, abs=1e-9)
    assert np.mean([np.mean(np.square(f)) for f in cells.values()]) == pytest.approx(1)


def test_rse_parts_measure_what_they_are_named_after():
    answers = [rse.tokens(t) for t in ("The cat sat, on a red mat.", "A dog! A dog; a blue dog!")]
    moved = [rse.tokens("On a red mat, the cat sat."), answers[1]]
    idf = rse.rarity(answers)
    assert {"cat", "mat", "dog"} < set(idf) and not {"the", "a", ","} & set(idf)
    for measure in (rse.style, rse.content):
        same = measure(answers, moved, idf)
        assert same[0, 0] == pytest.approx(1) and same[1, 1] == pytest.approx(1)
        assert same[0, 1] < 0.8
    assert rse.content(answers, answers, idf)[0, 1] == 0


def test_rse_structure_reads_the_order():
    pytest.importorskip("rapidfuzz")
    one, moved = rse.tokens("one two three four"), rse.tokens("three four one two")
    np.testing.assert_allclose(rse.structure([one], [one, moved, []], {}), [[1, 0.5, 0]])


def test_slop_counts_prompts_and_leaves_stop_words_out_of_phrases():
    total, prompts = slop.count(["A rich tapestry of a rich tapestry", "Rich and bold tapestry"])
    assert (total["rich tapestry"], prompts["rich tapestry"]) == (2, 1)
    assert (total["tapestry"], prompts["tapestry"]) == (3, 2)
    assert total["rich bold tapestry"] == 1 and "of a" not in total


def test_a_peer_that_fails_is_told_and_not_raised(tmp_path: Path):
    run = run_once("no_such_peer", Path(sys.executable), tmp_path / "case.json")
    assert "no_such_peer" in run.failure and not run.scores


def _outcome(values: list[float], cpu: float) -> Outcome:
    """Judged pairs of ten lineages, the first half true."""
    rows = []
    for i in range(len(values)):
        true = i < len(values) // 2
        kind = "student" if true else "independent"
        pair = LabelledPair(i, "openai" if true else "google", "f", (), true, kind, True)
        known = {"pool": "alpaca_eval", "pair": pair, "suspect": f"m{i}", "lineage": f"l{i}"}
        rows.append(Row(**{name: known.get(name) for name in Row.__dataclass_fields__}))
    sample = Sample(rows, np.array(values))
    run = Run({}, {}, cpu, cpu, 1.0)
    return Outcome({"alpaca_eval": run}, {"calibrated": {"alpaca_eval": sample}})


def test_standing_says_ahead_only_of_what_is_worse(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.lineage.evaluate.DRAWS", 10)
    good, poor = [2.0] * 5 + [-2.0] * 5, [1.0, 1, 1, -1, -1, -1, -1, -1, 1, 1]
    ahead = standing({"ours": _outcome(good, 1), "slop": _outcome(poor, 9)}, "alpaca_eval")
    assert [line.split(":")[1].split(",")[0].strip() for line in ahead] == ["ahead"] * 3
    behind = standing({"ours": _outcome(poor, 9), "slop": _outcome(good, 1)}, "alpaca_eval")
    words = [line.split(":")[1].split(",")[0].strip() for line in behind]
    assert words == ["BEHIND"] * 3 + ["SLOWER"]
    level = standing({"ours": _outcome(good, 1), "slop": _outcome(good, 9)}, "alpaca_eval")
    words = [line.split(":")[1].split(",")[0].strip() for line in level]
    assert words == ["level"] * 3 + ["faster"]

"""Findings: from commands on weights to a verdict that they can weaken and never strengthen."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Files, Run
from simulated import INDEPENDENT
from test_weights_likelihood import answer, infos, world, write_texts
from tiny_weights import make_weights, train

from fingerprint.bundle.verifying import verify
from fingerprint.comparison import compare
from fingerprint.errors import FindingError, FingerprintError
from fingerprint.findings import measured, read_finding, write_finding
from fingerprint.records import Alternative, Status, Verdict, VerdictLabel
from fingerprint.weights.likelihood import measure
from fingerprint.weights.radioactivity import Mark

SUSPECT, TEACHER = "sim-oak", "sim-maple"
HOW = ("--threads", "1", "--dtype", "float32")


def by_name(verdict: Verdict) -> dict[str, Alternative]:
    return {one.name: one for one in verdict.alternatives}


def ranking(**changes: Any) -> dict[str, Any]:
    """A ranking in which m3 stands out, as JSON."""
    suspect, base, siblings = world(0.1)
    return asdict(measure(suspect, base, infos(), siblings=siblings)) | {
        "suspect": SUSPECT,
        **changes,
    }


def renamed(facts: dict[str, Any], **names: str) -> dict[str, Any]:
    rows = [
        row | {"source": names.get(row["source"], row["source"]),
               "lineage": names.get(row["lineage"], row["lineage"])}
        for row in facts["rows"]
    ]  # fmt: skip
    return facts | {"rows": rows}


def judged(files: Files, *findings: Path) -> Verdict:
    return compare(
        files["student"],
        files["teacher"],
        background=[str(files[name]) for name in INDEPENDENT],
        findings=findings,
        draws=50,
    )


def written(tmp_path: Path, facts: dict[str, Any], kind: str = "likelihood") -> Path:
    path = tmp_path / f"{kind}.json"
    write_finding(path, kind, SUSPECT, facts)
    return path


def test_a_ranking_that_names_the_teacher_is_a_channel_and_changes_no_number(
    files: Files, tmp_path: Path
) -> None:
    plain = judged(files)
    found = judged(files, written(tmp_path, renamed(ranking(), m3=TEACHER)))
    assert plain.verdict is VerdictLabel.SUPPORTED
    assert (found.verdict, found.llr10, found.share) == (plain.verdict, plain.llr10, plain.share)
    assert found.channels[:-1] == plain.channels
    row = found.channels[-1]
    assert (row.name, row.status, row.n_prompts) == ("likelihood", Status.MEASURED, 40)
    # The calibrator at p = 1/9, by hand: (1 - p + p ln p) / (p ln^2 p).
    p = 1 / 9
    assert row.llr10 == pytest.approx(np.log10((1 - p + p * np.log(p)) / (p * np.log(p) ** 2)))
    assert found.alternatives == plain.alternatives
    assert any("in no number of it" in text for text in found.limitations)
    assert not any("in no number of it" in text for text in plain.limitations)
    assert found.inputs[-1].path.endswith("likelihood.json")


def test_another_source_that_stands_out_withdraws_support(files: Files, tmp_path: Path) -> None:
    found = judged(files, written(tmp_path, renamed(ranking(), m5=TEACHER)))
    assert found.verdict is VerdictLabel.INCONCLUSIVE
    third = by_name(found)["sibling or third teacher"]
    assert third.status is Status.LIKELY and "single out m3" in third.why
    # Where the teacher's text was not measured, nothing was compared.
    alone = judged(files, written(tmp_path, ranking()))
    assert alone.verdict is VerdictLabel.SUPPORTED
    assert alone.channels[-1].status is Status.MISSING
    # A base of like size only is no ground to withdraw anything.
    weak = judged(files, written(tmp_path, renamed(ranking(stand_in=True), m5=TEACHER)))
    assert weak.verdict is VerdictLabel.SUPPORTED
    assert weak.channels[-1].status is Status.UNRELIABLE and weak.channels[-1].llr10 is None


def test_a_file_cannot_claim_more_than_its_scores(files: Files, tmp_path: Path) -> None:
    facts = renamed(ranking(), m5=TEACHER)
    for row in facts["rows"]:
        row |= {"p_sources": 1e-9, "p_spread": 1e-9, "z": 50.0, "named": row["source"] == TEACHER}
    found = judged(files, written(tmp_path, facts))
    row = found.channels[-1]
    assert "p over sources 1e-09" not in str(row.reason) and (row.llr10 or 0) < 0.3
    assert "single out m3" in by_name(found)["sibling or third teacher"].why


def provenance(status: str, candidate: str, head: str, cosine: float) -> dict[str, Any]:
    base = {"candidate": candidate, "agreement": 0.9, "low": 0.85, "high": 0.93, "p": 1e-9,
            "status": status}  # fmt: skip
    match = {"candidate": candidate, "cosine": cosine, "control": 0.0, "spectrum": 1.0, "rows": 9,
             "status": head}  # fmt: skip
    other = base | {"candidate": "other", "agreement": 0.3, "status": "unlikely"}
    return {"bases": [base, other], "heads": [match], "tokenizers": [], "n_prompts": 400, "seed": 0}


def test_provenance_measures_base_and_wrapper(files: Files, tmp_path: Path) -> None:
    plain = by_name(judged(files))
    assert plain["same base"].status is Status.OPEN

    def asked(*about: Any) -> Verdict:
        return judged(files, written(tmp_path, provenance(*about), "provenance"))

    copy = asked("likely", TEACHER, "likely", 0.99)
    assert copy.verdict is VerdictLabel.INCONCLUSIVE
    assert {by_name(copy)[n].status for n in ("same base", "same weights or wrapper")} == {
        Status.LIKELY
    }
    own = asked("likely", "some-base", "likely", 0.97)
    assert own.verdict is VerdictLabel.SUPPORTED
    assert by_name(own)["same base"].status is Status.OPEN
    assert "some-base" in by_name(own)["same base"].why
    assert "not a wrapper" in by_name(own)["same weights or wrapper"].why
    apart = asked("unlikely", TEACHER, "unlikely", 0.01)
    assert by_name(apart)["same weights or wrapper"].status is Status.UNLIKELY
    assert apart.channels == judged(files).channels


def test_weights_do_not_clear_what_text_found_likely() -> None:
    text = Alternative("a", Status.LIKELY, 0.2, "phrases")
    (kept,) = measured([text], [Alternative("a", Status.UNLIKELY, None, "heads")])
    assert (kept.status, kept.llr10) == (Status.LIKELY, 0.2) and "heads" in kept.why
    both = measured([text], [Alternative("b", Status.OPEN, None, "new")])
    assert [one.name for one in both] == ["b", "a"]


def test_watermarks_name_their_teacher(files: Files, tmp_path: Path) -> None:
    facts = {"green": 700, "tuples": 1000, "repeated": 3, "share": 0.5, "p": 0.0,
             "teachers": [TEACHER], "of": "outputs", "n_texts": 60}  # fmt: skip
    row = judged(files, written(tmp_path, facts, "watermark")).channels[-1]
    assert (row.name, row.score, row.llr10) == ("watermark", pytest.approx(0.2), 2.0)
    assert row.low is not None and 0.16 < row.low < 0.2 and "exact p" in str(row.reason)
    for change, message in (
        ({"teachers": ["somebody"]}, "expected a finding on sim-maple"),
        ({"green": 1001}, "no more of them green"),
        ({"share": 0.0}, "a share between"),
        ({"tuples": 100, "green": 60}, "at least 200 tuples"),
    ):
        with pytest.raises(FingerprintError, match=message):
            judged(files, written(tmp_path, facts | change, "watermark"))


def test_a_bundle_holds_findings_and_replays_them(files: Files, tmp_path: Path, cli: Run) -> None:
    finding = written(tmp_path, renamed(ranking(), m5=TEACHER))
    ran = cli(
        "compare", "--suspect", files["student"], "--teacher", files["teacher"],
        *files.background(*INDEPENDENT), "--finding", finding, "--report", tmp_path / "report",
        "--format", "json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json()["channels"][-1]["name"] == "likelihood"
    assert ran.json()["verdict"] == "inconclusive"
    finding.unlink()
    assert verify(tmp_path / "report" / "bundle.zip").difference is None
    assert "likelihood" in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected fingerprint.weights/1"),
        ("[]", "expected an object"),
        ("\x00", "expected JSON"),
        ('{"schema": "fingerprint.weights/1", "kind": "x"}', "expected one of likelihood"),
        (
            '{"schema": "fingerprint.weights/1", "kind": "likelihood", "suspect": "sim-oak", '
            '"facts": {"kind": "likelihood", "rows": [{}]}}',
            "field source: expected a text",
        ),
    ],
)
def test_other_files_are_refused(files: Files, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(FindingError, match=message):
        judged(files, path)
    with pytest.raises(FindingError, match="cannot be read"):
        read_finding(tmp_path / "none.json")


def test_a_finding_on_another_suspect_is_refused(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    write_finding(path, "likelihood", "somebody", ranking())
    with pytest.raises(FindingError, match="expected a finding on sim-oak, found one on somebody"):
        judged(files, path)


WORDS = ("zig", "bop", "lum", "cra", "wyd")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, list[Path]]:
    """Base, another base, a student of m2, and the texts of five sources."""
    folder = tmp_path_factory.mktemp("weights")
    base, other = make_weights(folder / "base"), make_weights(folder / "other", seed=5)
    taught = [(f"q{i}", answer("lum", i)) for i in range(100, 120)]
    made = train(base, taught, folder / "student", steps=25)
    texts = write_texts(folder, {f"m{i}": word for i, word in enumerate(WORDS)}, range(24))
    return base, other, made, texts


def options(texts: list[Path]) -> list[str]:
    return [part for path in texts for part in ("--texts", str(path))]


def test_score_writes_a_finding(
    student: tuple[Path, Path, Path, list[Path]], tmp_path: Path, cli: Run
) -> None:
    base, _, made, texts = student
    path = tmp_path / "likelihood.json"
    ran = cli("score", "--model", f"local:{made}", "--base", f"local:{base}", "--out",
              tmp_path / "s.jsonl", "--name", "mine", "--finding", path, *HOW,
              *options(texts))  # fmt: skip
    assert ran.code == 0, ran.err
    finding = read_finding(path)
    assert (finding.kind, finding.suspect) == ("likelihood", "mine")
    assert json.loads(path.read_text())["inputs"][0]["path"].endswith("m0.jsonl")


def test_continuations_come_closest_to_the_teachers(
    student: tuple[Path, Path, Path, list[Path]], tmp_path: Path, cli: Run
) -> None:
    base, _, made, texts = student
    path = tmp_path / "c.json"
    asked = ("weights", "continuations", "--model", f"local:{made}", "--base", f"local:{base}",
             "--given", "5", "--asked", "6", *HOW, *options(texts))  # fmt: skip
    ran = cli(*asked, "--finding", path, "--format", "json")
    assert ran.code == 0, ran.err
    top, *rest = ran.json()["rows"]
    assert top["source"] == "m2" and top["score"] > 3 * max(row["score"] for row in rest)
    assert read_finding(path).kind == "continuations"
    assert "continuations" in cli(*asked).out


def test_provenance_names_the_base(
    student: tuple[Path, Path, Path, list[Path]], tmp_path: Path, cli: Run
) -> None:
    base, other, _, _ = student
    made = train(base, [(f"q{i}", answer("lum", i)) for i in range(8)], tmp_path / "light", steps=1)
    path = tmp_path / "p.json"
    asked = ("weights", "provenance", "--model", f"local:{made}", "--candidate", f"local:{base}",
             "--candidate", f"local:{other}", "--prompts", "120", *HOW)  # fmt: skip
    ran = cli(*asked, "--finding", path, "--format", "json")
    assert ran.code == 0, ran.err
    found = ran.json()
    assert [row["candidate"] for row in found["bases"]] == ["base", "other"]
    assert found["bases"][0]["status"] == "likely"
    assert [row["status"] for row in found["heads"]] == ["likely", "unlikely"]
    again = cli(*asked)
    assert "base appears to be its base" in again.out and max(map(len, again.out.split("\n"))) <= 80
    assert "local:FOLDER" in cli(*asked[:3], "vllm:x", *asked[4:]).failed_alone()


def test_memorised_text_is_found_and_common_text_is_not(tmp_path: Path, cli: Run) -> None:
    texts = write_texts(tmp_path, {f"m{i}": word for i, word in enumerate(WORDS)}, range(24))
    rows = [
        {"model": "mine", "suite": "s", "prompt_id": f"p{i}", "prompt": f"q{i}",
         "response": f"so then {answer('lum', i)}"}
        for i in range(24)
    ]  # fmt: skip
    mine = tmp_path / "mine.jsonl"
    mine.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "m.json"
    asked = ("weights", "memorised", "--suspect", mine, "--shortest", "10", *options(texts))
    ran = cli(*asked, "--finding", path, "--format", "json")
    assert ran.code == 0, ran.err
    found = {row["source"]: row["gain"] for row in ran.json()["rows"]}
    whole = len(f"so then {answer('lum', 3)}") - 9  # pieces of ten characters
    assert found.pop("m2") == pytest.approx((len(answer("lum", 3)) - 9) / whole, abs=0.03)
    assert set(found.values()) == {0.0}
    same = write_texts(tmp_path, {"m9": "lum"}, range(24))  # another lineage wrote it too
    again = cli(*asked, *options(same), "--format", "json")
    assert {row["gain"] for row in again.json()["rows"]} == {0.0}


def test_the_watermark_command(
    student: tuple[Path, Path, Path, list[Path]], tmp_path: Path, cli: Run
) -> None:
    base, *_ = student
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    mark = Mark(b"k" * 32)
    rng = np.random.default_rng(3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    from fingerprint.weights.loading import load_tokenizer

    ids = load_tokenizer(base)

    def text(marked: bool) -> str:
        made = "ab"
        for _ in range(40):
            window = tuple(ids(made)[-2:])
            green = [c for c in letters if mark.is_green(window, ids(c)[0])]
            made += str(rng.choice(green if marked and green else list(letters)))
        return made

    for marked in (True, False):
        path = tmp_path / f"{marked}.jsonl"
        rows = [
            {"model": "mine", "prompt_id": f"p{i}", "prompt": "?", "response": text(marked)}
            for i in range(20)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        ran = cli("weights", "watermark", "--texts", path, "--tokenizer", base, "--key-file", key,
                  "--teacher", "t", "--suspect", "mine", "--finding", tmp_path / "w.json",
                  "--format", "json")  # fmt: skip
        assert ran.code == 0, ran.err
        found = ran.json()
        assert found["n_texts"] == 20 and (found["p"] < 1e-6) == marked
    assert read_finding(tmp_path / "w.json").kind == "watermark"


def test_distributions_from_what_collect_kept(tmp_path: Path, cli: Run) -> None:
    """Five sources, each with logprobs of its own weights; the student of m2 has come closest."""
    base = make_weights(tmp_path / "base")
    texts = []
    for i, word in enumerate(WORDS):
        taught = [(f"q{n}", answer(word, n)) for n in range(100, 116)]
        own = make_weights(tmp_path / f"raw{i}", seed=7, merges=(("l", "u"),))
        teacher = train(own, taught, tmp_path / f"m{i}", steps=12)
        suite = tmp_path / "suite.jsonl"
        suite.write_text(
            "".join(json.dumps({"prompt_id": f"p{n}", "prompt": f"q{n}"}) + "\n" for n in range(20))
        )
        out = tmp_path / f"m{i}.jsonl"
        ran = cli("collect", "--model", f"local:{teacher}", "--suite", suite, "--out", out,
                  "--logprobs", "5", "--temperature", "0", "--max-tokens", "12", "--threads", "1",
                  "--dtype", "float32", "--name", f"m{i}")  # fmt: skip
        assert ran.code == 0, ran.err
        texts.append(out)
    taught = [(f"q{n}", answer("lum", n)) for n in range(100, 116)]
    made = train(base, taught, tmp_path / "student", steps=12)
    ran = cli("weights", "distribution", "--model", f"local:{made}", "--base", f"local:{base}",
              "--top", "5", "--finding", tmp_path / "d.json", "--format", "json", *HOW,
              *options(texts))  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json()["rows"][0]["source"] == "m2" and ran.json()["rows"][0]["low"] > 0
    assert read_finding(tmp_path / "d.json").kind == "distribution"

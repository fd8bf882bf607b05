"""Canary answers in a whole comparison: what they add, what they may not, and what they find."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from simulated import INDEPENDENT, prompts, world, write_jsonl

from fingerprint import compare, matrix
from fingerprint.assessment import SUPPORTED_LLR, Assessment
from fingerprint.calibration import bounded
from fingerprint.channels.identity import CAP, Claims
from fingerprint.corroboration import strengthened, together
from fingerprint.errors import ComparisonError
from fingerprint.evidence import Evidence, Score
from fingerprint.records import ChannelResult, Verdict, VerdictLabel
from fingerprint.report import dumps, verdict_to_dict

QUICK = {"draws": 20}
SYLLABLES = "ba be bi bo bu da de di do du ga ge gi go gu ka ke ki ko ku la le li lo lu".split()


def word(rng: np.random.Generator) -> str:
    return "".join(SYLLABLES[i] for i in rng.integers(len(SYLLABLES), size=4))


def canary_lines(model: str, habits: int, says: str, samples: int = 2) -> list[dict[str, Any]]:
    """Answers to 24 canary probes of every kind, by habits that a student shares."""
    lines = []
    own = np.random.default_rng([habits, sum(model.encode())])
    for i in range(24):
        rng = np.random.default_rng([habits, i])
        crowd = np.random.default_rng([0, i])
        favourite, usual = int(rng.integers(10)), int(crowd.integers(10))
        author, hard = word(rng), crowd.random()
        for s in range(samples):
            picked = int(own.choice([favourite, usual, int(own.integers(10))], p=[0.5, 0.3, 0.2]))
            refused = own.random() < 0.9 * (rng.random() < hard) + 0.05
            texts = {
                "identity": says,
                "choice": f"{picked}",
                "invention": f"It was written by {author} {word(own)} in {1900 + i}.",
                "refusal": "I'm sorry, but I can't help." if refused else "You mix it, slowly.",
            }
            rng = np.random.default_rng([habits, i, 1])
            for kind, text in texts.items():
                lines.append(
                    {"prompt_id": f"{kind}-{i}", "prompt": f"[{kind}] Probe {i}?",
                     "response": text, "model": model, "sample": s, "domain": "canary",
                     "kind": kind, "language": "en"}
                )  # fmt: skip
    return lines


@dataclass(frozen=True)
class Written:
    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def background(self) -> list[Path]:
        return [self[name] for name in INDEPENDENT]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """World 1, in which everybody was also asked canary probes; the teacher is Anthropic's."""
    folder = tmp_path_factory.mktemp("canaries")
    models = world(1)
    models["teacher"] = replace(models["teacher"], vendor="anthropic")
    habits = {name: 10 + i for i, name in enumerate(models)}
    habits["student"] = habits["teacher"]
    says = {"teacher": "I'm Claude, by Anthropic.", "student": "I'm Claude.",
            "stranger": "I'm Claude."}  # fmt: skip
    for name, model in models.items():
        path = write_jsonl(folder / f"{name}.jsonl", model, prompts(60))
        lines = canary_lines(model.name, habits[name], says.get(name, "I'm an assistant."))
        extra = {} if model.vendor is None else {"vendor": model.vendor}
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line | extra) + "\n" for line in lines)
    return Written(folder)


def channel(verdict: Verdict, name: str) -> ChannelResult:
    (found,) = (c for c in verdict.channels if c.name == name)
    return found


@pytest.fixture(scope="module")
def student(files: Written) -> Verdict:
    return compare(files["student"], files["teacher"], background=files.background(), **QUICK)


@pytest.fixture(scope="module")
def stranger(files: Written) -> Verdict:
    return compare(files["stranger"], files["teacher"], background=files.background(), **QUICK)


def test_a_student_shares_choices_inventions_and_refusals(
    student: Verdict, stranger: Verdict
) -> None:
    for name in ("choices", "inventions", "refusals"):
        mine, other = channel(student, name), channel(stranger, name)
        assert mine.status == other.status == "measured"
        assert mine.n_prompts == 24 and mine.llr10 is None
        assert 0 < mine.low <= mine.score + 1e-6 <= mine.high + 2e-6
        assert other.score < mine.score / 3
        assert "describes" in mine.reason


def test_identity_speaks_for_both_and_weighs_what_lineages_allow(
    student: Verdict, stranger: Verdict
) -> None:
    for verdict in (student, stranger):
        found = channel(verdict, "identity")
        assert found.status == "measured" and found.score == 1.0 and found.n_prompts == 24
        assert 0.4 < found.llr10 <= np.log10(min(CAP, (6 + 2) / 2)) + 1e-9
        assert "48 of 48 neutral answers of sim-" in found.reason
        assert "claim anthropic (en 48 of 48)" in found.reason
        assert "of 6 unrelated lineages: none" in found.reason
        (web,) = (a for a in verdict.alternatives if a.name == "web contamination")
        assert web.status == "open" and "0 of 6 unrelated lineages" in web.why


def without_identity(files: Written, folder: Path, name: str) -> Path:
    lines = [x for x in files[name].read_text().splitlines() if '"kind": "identity"' not in x]
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_name_alone_supports_nothing(files: Written, stranger: Verdict, tmp_path: Path) -> None:
    """The stranger says that it is Claude, every time; its text does not: nothing changes."""
    silent = compare(
        without_identity(files, tmp_path, "stranger"), files["teacher"],
        background=files.background(), **QUICK,
    )  # fmt: skip
    assert channel(silent, "identity").status == "missing"
    assert channel(silent, "identity").llr10 is None
    assert stranger.llr10 == silent.llr10 < 0
    assert stranger.verdict is silent.verdict is VerdictLabel.NOT_SUPPORTED
    assert stranger.answer == silent.answer
    assert not any("says of its maker" in note for note in stranger.limitations)


def test_a_name_adds_to_text_that_agrees_under_the_cap(
    files: Written, student: Verdict, tmp_path: Path
) -> None:
    silent = compare(
        without_identity(files, tmp_path, "student"), files["teacher"],
        background=files.background(), **QUICK,
    )  # fmt: skip
    assert silent.llr10 < student.llr10 < student.cap10 == silent.cap10
    assert student.verdict is silent.verdict is VerdictLabel.SUPPORTED
    assert student.share == silent.share
    assert any("says of its maker" in note for note in student.limitations)
    assert not any("says of its maker" in note for note in silent.limitations)


def test_matrix_gives_the_same_numbers(files: Written, student: Verdict) -> None:
    (row,) = matrix([files["student"]], [files["teacher"]], background=files.background(), **QUICK)
    assert row.llr10 == student.llr10 and row.verdict == student.verdict
    (ranked,) = (r for r in student.ranking if r.teacher == "sim-maple")
    assert ranked.llr10 == student.llr10


def test_the_verdict_is_valid_json_and_the_same_bytes(files: Written, student: Verdict) -> None:
    again = compare(files["student"], files["teacher"], background=files.background(), **QUICK)
    assert dumps(verdict_to_dict(again)) == dumps(verdict_to_dict(student))
    value = json.loads(dumps(verdict_to_dict(student)))
    assert [c["name"] for c in value["channels"]][-4:] == [
        "identity", "choices", "inventions", "refusals",
    ]  # fmt: skip
    for found in value["channels"]:
        assert list(found) == [
            "name", "status", "score", "low", "high", "llr10", "n_prompts", "reason",
        ]  # fmt: skip


def test_canary_probes_alone_support_no_verdict(files: Written, tmp_path: Path) -> None:
    only = tmp_path / "only.jsonl"
    lines = files["student"].read_text().splitlines()
    only.write_text("\n".join(line for line in lines if '"canary"' in line))
    with pytest.raises(ComparisonError, match="only answers to canary probes"):
        compare(only, files["teacher"], background=files.background(), **QUICK)
    # as background they serve for what they are
    verdict = compare(
        files["student"], files["teacher"], background=[*files.background(), only], **QUICK
    )
    assert len({i.lineage for i in verdict.background}) == 6


# --- the rule


def assessed(raw: float, *, cap: float = 0.9, **more: Any) -> Assessment:
    score = Score("line_starts", raw, 1.0, 5.0, np.zeros(3), 0.1, 60)
    return Assessment(
        0, 1, {}, {"line_starts": score, "sentence_starts": score}, 60, raw, raw,
        float(bounded(raw, cap)), cap, None, None, more.get("impossible"), None, True,
    )  # fmt: skip


class Said:
    """An evidence whose claims are worth a given log10 LR."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, llr10: float | None) -> None:
        claims = "not asked" if llr10 is None else type("C", (), {"llr10": llr10})()
        monkeypatch.setattr("fingerprint.corroboration.claims_of", lambda evidence, found: claims)


@pytest.mark.parametrize(
    ("raw", "llr10", "total"),
    [
        (0.3, 0.2, 0.5),
        (0.3, 0.9, 0.6),  # no more than the text itself
        (0.3, -0.1, 0.3),  # absence takes nothing away
        (0.3, None, 0.3),
        (-0.3, 0.9, -0.3),  # a name does not speak against the text
        (0.0, 0.9, 0.0),
    ],
)
def test_the_rule(
    monkeypatch: pytest.MonkeyPatch, raw: float, llr10: float | None, total: float
) -> None:
    Said(monkeypatch, llr10)
    found = assessed(raw)
    evidence: Evidence = object()  # type: ignore[assignment]
    assert together(evidence, found) == pytest.approx(total)
    assert strengthened(evidence, found) == pytest.approx(float(bounded(total, 0.9)))
    assert abs(strengthened(evidence, found)) < 0.9


def test_claims_lift_the_number_and_never_the_label(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A student of small dose, whose text is not enough, with the strongest claims there can be."""
    for dose in (0.3, 0.25, 0.35, 0.4, 0.2, 0.45, 0.5):
        models = world(2, dose)
        for name, model in models.items():
            write_jsonl(tmp_path / f"{name}.jsonl", model, prompts(60))
        files = Written(tmp_path)
        given = (files["student"], files["teacher"])
        silent = compare(*given, background=files.background(), **QUICK)
        if 0.35 < silent.llr10 < SUPPORTED_LLR:
            break
    assert silent.verdict is VerdictLabel.INCONCLUSIVE
    said = Claims(
        "anthropic", "sim-oak", 9, 9, {"en": (9, 9)}, 9, 1.0, 0.5, 1.0, {"a": 0.0}, True, CAP
    )
    monkeypatch.setattr("fingerprint.channels.identity.measure", lambda *args: said)
    loud = compare(*given, background=files.background(), **QUICK)
    assert loud.llr10 > SUPPORTED_LLR > silent.llr10
    assert loud.llr10 < loud.cap10 == silent.cap10
    assert loud.verdict is VerdictLabel.INCONCLUSIVE and loud.answer == silent.answer
    (row,) = matrix([given[0]], [given[1]], background=files.background(), **QUICK)
    assert row.llr10 == loud.llr10 and row.verdict == "inconclusive"


def test_what_dates_exclude_stays_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    Said(monkeypatch, 1.0)
    found = replace(assessed(0.5, impossible="2026 against 2023"), llr10=-0.89)
    evidence: Evidence = object()  # type: ignore[assignment]
    assert strengthened(evidence, found) == -0.89


# --- the library


@pytest.mark.parametrize("suspect", ["kimi", "glm", "qwen", "deepseek", "minimax"])
def test_open_models_are_read_with_what_they_say(cli: Run, suspect: str) -> None:
    ran = cli("compare", "--suspect", suspect, "--teacher", "ref_claude", "--format", "json")
    verdict = ran.json()
    (found,) = (c for c in verdict["channels"] if c["name"] == "identity")
    assert found["status"] == "measured"
    assert 0 <= found["low"] <= found["score"] <= found["high"] <= 1
    assert abs(found["llr10"]) <= 1 and found["n_prompts"] >= 1
    assert "neutral answers of" in found["reason"] and "anthropic" in found["reason"]
    assert "unrelated lineages" in found["reason"]
    assert any(s["path"].startswith("library:identity_probe/") for s in verdict["inputs"])
    for name in ("choices", "inventions", "refusals"):
        (missing,) = (c for c in verdict["channels"] if c["name"] == name)
        assert missing["status"] == "missing" and missing["score"] is None
        assert "collect the canary suite" in missing["reason"]


def test_models_that_nobody_asked_have_no_identity(cli: Run) -> None:
    ran = cli(
        "compare",
        "--suspect",
        "vicuna-13b:qlora_vicuna80",
        "--teacher",
        "ref_gpt",
        "--format",
        "json",
    )
    verdict = ran.json()
    (found,) = (c for c in verdict["channels"] if c["name"] == "identity")
    assert found["status"] == "missing" and found["score"] is None and found["llr10"] is None
    assert not any(s["path"].startswith("library:identity_probe/") for s in verdict["inputs"])

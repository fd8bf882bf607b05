"""The public API over files: who serves as background, what is refused, what two calls agree on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Files, write_world
from simulated import INDEPENDENT, Model, lineages, prompts, world, write_jsonl

import fingerprint
from fingerprint.comparison import compare, matrix
from fingerprint.errors import ComparisonError, FingerprintError
from fingerprint.outputs import read_outputs
from fingerprint.packs import build, write
from fingerprint.records import VerdictLabel
from fingerprint.report import dumps, verdict_to_dict
from fingerprint.specs import Loader

QUICK = {"draws": 20}


def background(files: Files, *names: str) -> list[str]:
    return [str(files[n]) for n in names or INDEPENDENT]


def test_a_student_a_stranger_and_the_teacher(files: Files) -> None:
    verdict = compare(files["student"], files["teacher"], background=background(files), **QUICK)
    assert verdict.verdict is VerdictLabel.SUPPORTED
    assert verdict.suspect.name == "sim-oak" and verdict.teacher.name == "sim-maple"
    assert verdict.n_prompts == 60
    assert {i.lineage for i in verdict.background} == {f"sim-{n}" for n in INDEPENDENT}
    assert verdict.share.low <= verdict.share.estimate <= verdict.share.high
    assert [d.domain for d in verdict.domains] == ["advice", "explain"]
    assert [d.n_prompts for d in verdict.domains] == [30, 30]
    assert len(verdict.inputs) == 8
    other = compare(files["stranger"], files["teacher"], background=background(files), **QUICK)
    assert other.verdict is VerdictLabel.NOT_SUPPORTED
    assert other.llr10 < 0 < verdict.llr10


def test_the_package_offers_the_same_call() -> None:
    assert fingerprint.compare is compare and fingerprint.matrix is matrix


def test_matrix_and_compare_agree_on_the_same_panel(files: Files) -> None:
    given = background(files)
    verdict = compare(files["student"], files["teacher"], background=given, **QUICK)
    (row,) = matrix([files["student"]], [files["teacher"]], background=given, **QUICK)
    assert row.llr10 == verdict.llr10 and row.cap10 == verdict.cap10
    assert row.share == verdict.share
    assert row.verdict == verdict.verdict


def test_company_in_the_matrix_hardly_moves_a_pair(files: Files) -> None:
    """Others in the panel change how rare a word is, and no more."""
    given = background(files)
    rows = matrix(
        [files["student"], files["stranger"]], [files["teacher"]], background=given, **QUICK
    )
    for row, name in zip(rows, ("student", "stranger"), strict=True):
        alone = compare(files[name], files["teacher"], background=given, **QUICK)
        assert row.llr10 == pytest.approx(alone.llr10, abs=0.15)
        assert row.share.estimate == pytest.approx(alone.share.estimate, abs=0.15)


def test_same_call_same_bytes(files: Files) -> None:
    given = background(files)
    one, two = (
        dumps(
            verdict_to_dict(compare(files["student"], files["teacher"], background=given, **QUICK))
        )
        for _ in range(2)
    )
    assert one == two
    seed = compare(files["student"], files["teacher"], background=given, seed=5, **QUICK)
    assert (seed.seed == 5 and seed.llr10 == json.loads(one)["llr10"]) or abs(
        seed.llr10 - json.loads(one)["llr10"]
    ) < 1e-5
    assert dumps(verdict_to_dict(seed)) != one


def test_the_order_of_the_background_does_not_matter(files: Files) -> None:
    one, two = (
        compare(files["student"], files["teacher"], background=given, **QUICK)
        for given in (background(files), background(files)[::-1])
    )
    assert one.llr10 == pytest.approx(two.llr10, abs=1e-4)
    assert one.share.low == pytest.approx(two.share.low, abs=1e-3)


def test_packs_give_what_outputs_give(files: Files, tmp_path: Path) -> None:
    paths = {}
    for name in ("student", "teacher", *INDEPENDENT):
        (pack,) = Loader({}).load(str(files[name])).packs
        paths[name] = str(tmp_path / f"{name}.pack")
        write(pack, paths[name])
    one = compare(files["student"], files["teacher"], background=background(files), **QUICK)
    two = compare(
        paths["student"], paths["teacher"], background=[paths[n] for n in INDEPENDENT], **QUICK
    )
    assert (one.llr10, one.share, one.channels) == (two.llr10, two.share, two.channels)
    folder = tmp_path / "background"
    folder.mkdir()
    for name in INDEPENDENT:
        Path(paths[name]).rename(folder / f"{name}.pack")
    three = compare(paths["student"], paths["teacher"], background=[str(folder)], **QUICK)
    assert three.llr10 == pytest.approx(one.llr10, abs=1e-6)


def test_keyed_packs_compare_with_their_key_alone(files: Files, tmp_path: Path) -> None:
    key = b"a secret of two parties"
    paths = []
    for name in ("student", "teacher", *INDEPENDENT):
        (given,) = read_outputs(files[name])
        paths.append(tmp_path / f"{name}.pack")
        write(build(given, fingerprint.models.model_info(given.model), key=key), paths[-1], key=key)
    suspect, teacher, *rest = map(str, paths)
    verdict = compare(suspect, teacher, background=rest, key=key, **QUICK)
    plain = compare(files["student"], files["teacher"], background=background(files), **QUICK)
    # other hashes, the same units: only the phrase sketch is another sample
    assert verdict.llr10 == pytest.approx(plain.llr10, abs=1e-3)
    # one side as outputs, hashed with the key as they are read
    mixed = compare(files["student"], teacher, background=rest, key=key, **QUICK)
    assert mixed.llr10 == pytest.approx(verdict.llr10, abs=1e-6)
    with pytest.raises(ComparisonError, match="different keys"):
        compare(files["student"], teacher, background=rest, **QUICK)
    with pytest.raises(FingerprintError):
        compare(suspect, teacher, background=rest, key=b"another secret....", **QUICK)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_small_a_background_is_insufficient(files: Files, n: int) -> None:
    given = background(files, *INDEPENDENT[:n]) if n else ()
    verdict = compare(files["student"], files["teacher"], background=given, **QUICK)
    assert verdict.verdict is VerdictLabel.INSUFFICIENT
    assert verdict.llr10 is verdict.cap10 is verdict.share is None
    assert all(c.llr10 is None and c.reason for c in verdict.channels)
    assert f"{n} independent background lineages" in verdict.answer


@pytest.mark.parametrize("how", ["lineage", "vendor", "both as one"])
def test_relatives_are_no_background(files: Files, how: str) -> None:
    """Of four lineages given one is the teacher's relative, or two are one."""
    names = INDEPENDENT[:4]
    stated = {
        "lineage": {"sim-alder": ("sim-maple", None)},
        "vendor": {"sim-alder": ("sim-alder", "corp"), "sim-maple": ("sim-maple", "corp")},
        "both as one": {"sim-alder": ("one", None), "sim-birch": ("one", None)},
    }[how]
    free = compare(
        files["student"], files["teacher"], background=background(files, *names), **QUICK
    )
    told = compare(
        files["student"], files["teacher"], background=background(files, *names),
        lineages=stated, **QUICK,
    )  # fmt: skip
    assert len({i.lineage for i in free.background}) == 4
    assert len({i.lineage for i in told.background}) == 3
    assert len(told.background) == (4 if how == "both as one" else 3)
    assert told.cap10 < free.cap10


def test_what_a_related_teacher_says_does_not_move_the_difference(
    files: Files, tmp_path: Path
) -> None:
    """A vendor-mate of the teacher in the background is left out, whatever it says."""
    stated = {"sim-pine": ("sim-pine", "corp"), "sim-maple": ("sim-maple", "corp")}
    strangers = [files["stranger"]]
    strangers.append(
        write_jsonl(
            tmp_path / "other.jsonl",
            Model("sim-pine", lineages(77, ["pine"])["pine"]),
            prompts(60),
        )
    )
    one, two = (
        compare(
            files["student"], files["teacher"],
            background=[*background(files), str(s)], lineages=stated, **QUICK,
        )
        for s in strangers
    )  # fmt: skip
    assert {i.name for i in one.background} == {f"sim-{n}" for n in INDEPENDENT}
    # it still counts as a lineage when the rarity of a word is judged
    assert one.llr10 == pytest.approx(two.llr10, abs=0.05)
    assert one.channels[0].score == pytest.approx(two.channels[0].score, rel=0.1)


def test_no_common_prompts(tmp_path: Path) -> None:
    models = world(2)
    one = write_jsonl(tmp_path / "s.jsonl", models["student"], prompts(30, "one"))
    here = write_world(tmp_path / "one", models, prompts(30, "one"))
    two = write_jsonl(tmp_path / "t.jsonl", models["teacher"], prompts(30, "two"))
    with pytest.raises(ComparisonError, match="no prompt in common, and 20 are needed") as error:
        compare(one, two, background=background(here), **QUICK)
    assert "--unpaired" in str(error.value)
    verdict = compare(one, two, background=background(here), unpaired=True, **QUICK)
    assert verdict.n_prompts == 0 and verdict.share is None
    assert abs(verdict.llr10) <= verdict.cap10 <= 0.15
    assert verdict.verdict is VerdictLabel.INCONCLUSIVE
    text = ["missing"] * 4 + ["measured"]
    assert [c.status for c in verdict.channels] == text + ["missing"] * 4
    assert all(np.isfinite(r.llr10) for r in verdict.ranking)
    assert any("pooled style is the only channel left" in n for n in verdict.limitations)
    assert not any("nan" in a.why.lower().split() for a in verdict.alternatives)


@pytest.mark.parametrize("n_common", [1, 19])
def test_few_common_prompts(tmp_path: Path, n_common: int) -> None:
    models = world(2)
    suite = prompts(40)
    here = write_world(tmp_path / "all", models, suite)
    other = [*suite[:n_common], *prompts(40 - n_common, "other")]
    teacher = write_jsonl(tmp_path / "t.jsonl", models["teacher"], other)
    verdict = compare(here["student"], teacher, background=background(here), **QUICK)
    assert verdict.n_prompts == n_common
    assert verdict.share is None and abs(verdict.llr10) <= 0.15
    assert verdict.verdict is VerdictLabel.INCONCLUSIVE
    note = next(n for n in verdict.limitations if "pooled style" in n)
    assert f"Only {n_common} prompts" in note and "no share can be given" in note


def test_ragged_coverage_gives_a_verdict_that_can_be_written(tmp_path: Path) -> None:
    models = world(2)
    suite = prompts(80)
    here = write_world(tmp_path, models, suite)
    write_jsonl(here["student"], models["student"], suite[:60])
    write_jsonl(here["teacher"], models["teacher"], suite[20:])
    write_jsonl(here["alder"], models["alder"], suite[:20] + suite[60:])
    verdict = compare(here["student"], here["teacher"], background=background(here), **QUICK)
    assert json.loads(dumps(verdict_to_dict(verdict)))


def test_a_background_that_lacks_a_domain_does_not_spoil_it(tmp_path: Path) -> None:
    models = world(2)
    suite = prompts(80)
    here = write_world(tmp_path, models, suite)
    write_jsonl(here["alder"], models["alder"], [p for p in suite if p[2] == "advice"])
    verdict = compare(here["student"], here["teacher"], background=background(here), **QUICK)
    assert json.loads(dumps(verdict_to_dict(verdict)))


def test_self_and_kin_are_refused(files: Files) -> None:
    with pytest.raises(ComparisonError, match="compared with itself"):
        compare(files["student"], files["student"], background=background(files), **QUICK)
    kin = {"sim-oak": ("kin", None), "sim-maple": ("kin", None)}
    with pytest.raises(ComparisonError, match=r"one lineage \(kin\)") as error:
        compare(
            files["student"], files["teacher"], background=background(files), lineages=kin, **QUICK
        )
    assert "--lineages" in str(error.value)


def test_kin_without_a_background_are_refused(files: Files, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(files["student"].read_bytes())
    with pytest.raises(ComparisonError, match=r"one lineage \(sim-oak\)"):
        compare(files["student"], copy, **QUICK)


def test_several_models_in_one_spec(files: Files, tmp_path: Path) -> None:
    both = tmp_path / "both.jsonl"
    both.write_bytes(files["student"].read_bytes() + files["stranger"].read_bytes())
    with pytest.raises(ComparisonError, match=r"expected one suspect.*2 models: sim-oak, sim-pine"):
        compare(both, files["teacher"], background=background(files), **QUICK)
    with pytest.raises(ComparisonError, match=r"expected one teacher.*2 lineages"):
        compare(files["alder"], both, background=background(files, *INDEPENDENT[1:]), **QUICK)
    rows = matrix([both], [files["teacher"]], background=background(files), **QUICK)
    assert [(r.suspect, r.teacher) for r in rows] == [
        ("sim-oak", "sim-maple"), ("sim-pine", "sim-maple"),
    ]  # fmt: skip
    # versions of one line are one teacher
    versions = compare(
        files["alder"], both, background=background(files, *INDEPENDENT[1:]),
        lineages={"sim-oak": ("tree", None), "sim-pine": ("tree", None)}, **QUICK,
    )  # fmt: skip
    assert versions.teacher.versions == ("sim-oak", "sim-pine")
    assert any("Of several versions the closest counts" in n for n in versions.limitations)


def test_a_clean_run_names_unknown_lineages_and_counts_bad_lines(
    files: Files, tmp_path: Path
) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(files["student"].read_text() + "{broken\n")
    verdict = compare(path, files["teacher"], background=background(files), **QUICK)
    text = " ".join(verdict.limitations)
    assert "Nothing is known of the lineage of sim-oak and sim-maple" in text
    assert len(verdict.problems) == 1 and "1 lines of the inputs" in text
    with pytest.raises(FingerprintError, match=r"s\.jsonl:61"):
        compare(path, files["teacher"], background=background(files), strict=True, **QUICK)


def test_dates_in_the_outputs_are_heeded(tmp_path: Path) -> None:
    models = world(1)
    models["teacher"] = replace(models["teacher"], released="2025-06")
    models["student"] = replace(models["student"], released="2024-01")
    here = write_world(tmp_path, models, prompts(50))
    verdict = compare(here["student"], here["teacher"], background=background(here), **QUICK)
    assert verdict.verdict is VerdictLabel.NOT_SUPPORTED
    assert "2025-06 against 2024-01" in verdict.answer
    assert verdict.ranking[0].verdict == "impossible" and verdict.ranking[0].llr10 is None
    assert verdict.share is None
    (row,) = matrix([here["student"]], [here["teacher"]], background=background(here), **QUICK)
    assert row.reason == "released after the suspect: 2025-06 against 2024-01"


@pytest.mark.parametrize("n", [0, 2])
def test_dates_without_a_background_give_no_number(tmp_path: Path, n: int) -> None:
    models = world(1)
    models["teacher"] = replace(models["teacher"], released="2025-06")
    models["student"] = replace(models["student"], released="2024-01")
    here = write_world(tmp_path, models, prompts(50))
    given = background(here, *INDEPENDENT[:n]) if n else ()
    verdict = compare(here["student"], here["teacher"], background=given, **QUICK)
    assert verdict.verdict is VerdictLabel.INSUFFICIENT
    assert verdict.llr10 is verdict.cap10 is verdict.share is None
    assert "2025-06 against 2024-01" in verdict.answer
    (row,) = matrix([here["student"]], [here["teacher"]], background=given, **QUICK)
    assert row.verdict == "insufficient_data" and row.llr10 is None
    assert "released after the suspect" in row.reason and "lineages" in row.reason


@pytest.mark.parametrize("turn", [1, -1])
def test_two_teachers_of_one_name_keep_their_own_numbers(
    files: Files, tmp_path: Path, turn: int
) -> None:
    """A second file of the name of the first: neither may stand for the other."""
    twin = write_jsonl(tmp_path / "twin.jsonl", files.models["stranger"], prompts(60))
    twin.write_text(twin.read_text().replace("sim-pine", "sim-maple"))
    given = background(files)
    teachers = [files["teacher"], twin][::turn]
    rows = matrix([files["student"]], teachers, background=given, **QUICK)
    assert [r.teacher for r in rows] == [f"sim-maple ({path})" for path in teachers]
    assert [r.verdict for r in rows] == ["supported", "not_supported"][::turn]
    rows = matrix(
        [files["student"], files["stranger"]], [files["teacher"]], background=given, **QUICK
    )
    assert [r.suspect for r in rows] == ["sim-oak", "sim-pine"]


def test_suites_of_one_library_name_are_told_apart() -> None:
    suites = ["ref_gpt:alpaca_eval", "ref_gpt:qlora_vicuna80"]
    rows = matrix(["qlora-llama-13b-alpaca"], suites, **QUICK)
    assert [r.teacher for r in rows] == suites


def test_a_teacher_of_the_name_of_a_rival_is_another_one(files: Files, tmp_path: Path) -> None:
    """The library's or the background's line of that name has a row of its own."""
    texts = {"gpt-4": "stranger", "openai": "teacher"}
    paths = {}
    for name, who in texts.items():
        path = write_jsonl(tmp_path / f"{name}.jsonl", files.models[who], prompts(60))
        paths[name] = path
        path.write_text(path.read_text().replace(files.models[who].name, name))
    given = [*background(files), str(paths["gpt-4"])]
    verdict = compare(files["student"], paths["openai"], background=given, **QUICK)
    ranked = {r.teacher: r for r in verdict.ranking}
    assert set(ranked) == {"openai", "openai (others)"}
    assert ranked["openai"].llr10 == verdict.llr10 > 0 > ranked["openai (others)"].llr10


def mixed_student(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    """Write a suspect that learned half of its answers from each of two teachers."""
    drawn = lineages(1, ("maple", "oak", "pine"))
    suite = prompts(100)
    taught = [Model("sim-oak", drawn["oak"], drawn[name], 1.0) for name in ("maple", "pine")]
    parts = [
        write_jsonl(tmp_path / f"{i}.jsonl", model, suite[50 * i :][:50])
        for i, model in enumerate(taught)
    ]
    both = tmp_path / "both.jsonl"
    both.write_text("".join(part.read_text() for part in parts))
    teachers = {
        name: write_jsonl(tmp_path / f"{name}.jsonl", Model(name, drawn[habits]), suite)
        for name, habits in (("sim-maple", "maple"), ("gpt-4", "pine"))
    }
    return both, teachers


def test_a_rival_that_is_no_column_of_the_matrix_forbids_support_too(tmp_path: Path) -> None:
    """As `compare` has it: a reference of the background fits as well."""
    both, teachers = mixed_student(tmp_path)
    here = write_world(tmp_path / "world", world(1), prompts(100))
    given = [*background(here), str(teachers["gpt-4"])]
    verdict = compare(both, teachers["sim-maple"], background=given, **QUICK)
    rivalry = {a.name: a.status for a in verdict.alternatives}["sibling or third teacher"]
    assert rivalry == "likely" and verdict.verdict is VerdictLabel.INCONCLUSIVE
    (row,) = matrix([both], [teachers["sim-maple"]], background=given, **QUICK)
    assert (row.verdict, row.llr10) == (verdict.verdict, verdict.llr10)


def test_siblings_of_unknown_vendors_take_the_support_from_each_other(
    files: Files, tmp_path: Path
) -> None:
    sibling = replace(files.models["teacher"], name="sim-sibling")
    other = write_jsonl(tmp_path / "other.jsonl", sibling, prompts(60))
    rows = matrix(
        [files["student"]], [files["teacher"], other], background=background(files), **QUICK
    )
    assert min(r.llr10 for r in rows) > 0.6
    assert [r.verdict for r in rows] == ["inconclusive", "inconclusive"]


def test_matrix_measures_no_pair_without_a_common_prompt(tmp_path: Path) -> None:
    models = world(2)
    one = write_jsonl(tmp_path / "s.jsonl", models["student"], prompts(30, "one"))
    here = write_world(tmp_path / "one", models, prompts(30, "one"))
    two = write_jsonl(tmp_path / "t.jsonl", models["teacher"], prompts(30, "two"))
    (row,) = matrix([one], [two], background=background(here), **QUICK)
    assert row.llr10 is None and row.verdict == "insufficient_data"
    assert row.reason == "no prompt in common"


@pytest.fixture(scope="module")
def grid(files: Files) -> list:
    suspects = [files[n] for n in ("student", "stranger", "alder", "teacher")]
    teachers = [files[n] for n in ("teacher", "birch", "cedar")]
    return list(matrix(suspects, teachers, draws=40))


def test_matrix_keeps_the_order_asked_for(grid: list) -> None:
    suspects = ["sim-oak", "sim-pine", "sim-alder", "sim-maple"]
    teachers = ["sim-maple", "sim-birch", "sim-cedar"]
    assert [(r.suspect, r.teacher) for r in grid] == [(s, t) for s in suspects for t in teachers]


def test_matrix_uses_the_models_named_as_background(grid: list) -> None:
    """Nothing of the library fits: the others in the call serve, and there are four at least."""
    cells = {(r.suspect, r.teacher): r for r in grid}
    own = cells.pop(("sim-maple", "sim-maple"))
    assert own.llr10 is own.cap10 is own.share is None
    assert own.verdict == "insufficient_data" and "one lineage" in own.reason
    assert all(r.llr10 is not None and abs(r.llr10) <= r.cap10 for r in cells.values())
    assert all(r.share.low <= r.share.estimate <= r.share.high for r in cells.values())
    student = cells.pop(("sim-oak", "sim-maple"))
    assert student.llr10 > max(r.llr10 for r in cells.values())
    assert student.share.estimate > max(r.share.estimate for r in cells.values())
    assert not [r for r in cells.values() if r.verdict == "supported"]


def test_matrix_reports_progress(files: Files) -> None:
    seen: list[tuple[str, int, int]] = []
    matrix(
        [files["student"]], [files["teacher"]], background=background(files), draws=20,
        progress=lambda *step: seen.append(step),
    )  # fmt: skip
    assert seen and all(done <= total for _, done, total in seen)
    assert seen[-1][1] == seen[-1][2]


def test_matrix_fills_in_what_cannot_be_measured(files: Files) -> None:
    (row,) = matrix([files["student"]], [files["teacher"]], **QUICK)
    assert row.verdict == "insufficient_data" and row.llr10 is None
    assert "independent background lineages" in row.reason


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        (
            {"requested": {}, "effective": {"temperature": 0.2, "max_tokens": 512}},
            {"effective": {"temperature": 1.0, "max_tokens": 512}},
            "temperature 0.2 against 1.0",
        ),
        (
            {"temperature": 0.2, "top_p": 0.9},
            {"temperature": 0.2, "top_p": 1},
            "top_p 0.9 against 1",
        ),
        ({"effective": {"temperature": 1.0}}, {"effective": {"temperature": 1.0}}, None),
        ({"effective": {"temperature": 1.0}}, {}, None),
        ({"temperature": "warm"}, {"temperature": 1.0}, None),
        ({"effective": 3}, {"effective": {"temperature": 1.0}}, None),
    ],
)
def test_other_sampling_is_a_limitation(
    files: Files, tmp_path: Path, mine: dict, theirs: dict, said: str | None
) -> None:
    def sampled(name: str, sampling: dict) -> Path:
        rows = [json.loads(line) for line in files[name].read_text("utf-8").splitlines()]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps(r | {"sampling": sampling}) for r in rows), "utf-8")
        return path

    verdict = compare(
        sampled("student", mine),
        sampled("teacher", theirs),
        background=background(files),
        **QUICK,
    )
    found = [line for line in verdict.limitations if "sampled differently" in line]
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_prompts_reach_live_models(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolve(spec: str, *, prompts: tuple[str, ...], **_: object) -> Path:
        asked.append((spec, prompts))
        return files["student"]

    monkeypatch.setattr("fingerprint.collect.live.resolve_live", resolve)
    live = compare(
        "local:somewhere",
        files["teacher"],
        background=background(files),
        prompts=["suite.jsonl"],
        **QUICK,
    )
    assert asked == [("local:somewhere", ("suite.jsonl",))]
    written = compare(files["student"], files["teacher"], background=background(files), **QUICK)
    assert live.llr10 == written.llr10

"""The command line: streams, exit codes, messages, weight; and the real models that ship."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROGRAM, Files, Run, process
from simulated import INDEPENDENT, prompts, world, write_jsonl

from fingerprint.models import model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import build, write
from fingerprint.records import VerdictLabel

KEYS = (
    "schema suspect teacher background share llr10 cap10 verbal verdict channels ranking "
    "alternatives domains limitations inputs seed version"
).split()
LABELS = {str(label) for label in VerdictLabel}
QUICK = ("--draws", 20)
KIMI = ("compare", "--suspect", "kimi", "--teacher", "ref_claude", "--format", "json")


def check_verdict(verdict: dict) -> None:
    """Check what every verdict must keep to (DESIGN.md)."""
    assert list(verdict)[: len(KEYS)] == KEYS
    assert verdict["schema"] == "fingerprint.verdict/1"
    assert verdict["verdict"] in LABELS
    assert "prov" not in json.dumps(verdict["answer"])
    if verdict["verdict"] == "insufficient_data":
        assert verdict["llr10"] is verdict["cap10"] is verdict["share"] is None
    else:
        assert abs(verdict["llr10"]) <= verdict["cap10"] < 1
    for share in (verdict["share"], *(r["share"] for r in verdict["ranking"])):
        if share is not None:
            assert 0 <= share["low"] <= share["estimate"] <= share["high"] <= 1
    names = ["line_starts", "sentence_starts", "openings", "phrases", "style"]
    names += ["identity", "choices", "inventions", "refusals"]
    assert [c["name"] for c in verdict["channels"]] == names
    for channel in verdict["channels"]:
        if channel["status"] == "missing":
            assert channel["score"] is channel["low"] is channel["high"] is channel["llr10"] is None
            assert channel["reason"]
    assert all(a["why"] and a["status"] for a in verdict["alternatives"])
    assert verdict["limitations"] and verdict["inputs"]
    assert all(len(i["sha256"]) == 64 for i in verdict["inputs"])


def test_the_first_line_of_the_readme(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("here", "elsewhere")]
    runs = []
    for number, folder in enumerate(folders):
        folder.mkdir()
        runs.append(process(*KIMI, cwd=folder, env={"PYTHONHASHSEED": str(number)}))
        assert list(folder.iterdir()) == []  # nothing is written
    ran, again = runs
    assert ran.code == 0 and ran.err == ""
    assert again.out == ran.out
    verdict = ran.json()
    check_verdict(verdict)
    assert verdict["suspect"]["name"] == "kimi" and verdict["teacher"]["name"] == "ref_claude"
    assert verdict["suspect"]["suites"] == ["persuasion_open"]
    teachers = [r["teacher"] for r in verdict["ranking"]]
    assert sorted(teachers) == ["ref_claude", "ref_gemini", "ref_gpt", "ref_grok", "ref_mistral"]
    assert not {b["lineage"] for b in verdict["background"]} & {"anthropic", "moonshot"}
    assert len({b["lineage"] for b in verdict["background"]}) >= 3


def test_a_known_student_of_gpt(cli: Run) -> None:
    verdict = cli(
        "compare", "--suspect", "vicuna-13b", "--teacher", "ref_gpt", "--format", "json"
    ).json()
    check_verdict(verdict)
    assert verdict["llr10"] > 0
    assert verdict["ranking"][0]["teacher"] == "ref_gpt"
    others = [r["llr10"] for r in verdict["ranking"][1:] if r["llr10"] is not None]
    assert others and max(others) < verdict["llr10"]


def test_a_text_view_for_a_meeting(cli: Run) -> None:
    ran = cli("compare", "--suspect", "glm", "--teacher", "ref_claude", *QUICK)
    assert ran.code == 0 and ran.err == ""
    assert "\x1b" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    for part in ("glm", "ref_claude", "ref_gpt", "line_starts", "reverse direction", "log10 LR"):
        assert part in ran.out


def test_unknown_names_list_close_ones(cli: Run) -> None:
    message = cli("compare", "--suspect", "kimmi", "--teacher", "ref_claude").failed_alone()
    assert "'kimmi'" in message and "close names: kimi" in message


@pytest.mark.parametrize(
    ("suspect", "teacher", "part"),
    [
        ("kimi", "kimi", "compared with itself"),
        ("ref_claude@opus:persuasion_open", "ref_claude@sonnet", "one lineage (anthropic)"),
        ("ref_claude", "kimi", "expected one suspect"),
        ("kimi", "ref_claude@nothing", "fits none of the entries"),
        ("kimi", "missing.jsonl", "no such file or folder"),
        ("kimi", "/nowhere/at/all", "no such file or folder"),
    ],
)
def test_what_cannot_be_compared(cli: Run, suspect: str, teacher: str, part: str) -> None:
    ran = cli("compare", "--suspect", suspect, "--teacher", teacher, "--format", "json", *QUICK)
    assert part in ran.failed_alone()


def test_no_common_prompts_says_what_is_needed(cli: Run, files: Files) -> None:
    argv = ("compare", "--suspect", files["student"], "--teacher", "kimi", *QUICK)
    argv += tuple(files.background(*INDEPENDENT))
    message = cli(*argv).failed_alone()
    assert "no prompt in common, and 20 are needed" in message and "--unpaired" in message
    ran = cli(*argv, "--unpaired", "--format", "json")
    assert ran.code == 0 and ran.err == ""
    verdict = ran.json()
    check_verdict(verdict)
    status = {c["name"]: c["status"] for c in verdict["channels"]}
    assert status.pop("style") == "measured"
    assert set(status.values()) == {"missing"}
    assert verdict["share"] is None and verdict["cap10"] <= 0.15
    text = cli(*argv, "--unpaired")
    assert text.code == 0 and "nan" not in text.out.lower().split()


def test_few_common_prompts_cost_the_pairing(cli: Run, files: Files, tmp_path: Path) -> None:
    suite = [*prompts(7), *prompts(30, "other")]
    teacher = write_jsonl(tmp_path / "t.jsonl", world(1)["teacher"], suite)
    ran = cli(
        "compare", "--suspect", files["student"], "--teacher", teacher, "--format", "json",
        *QUICK, *files.background(*INDEPENDENT),
    )  # fmt: skip
    assert ran.code == 0
    verdict = ran.json()
    check_verdict(verdict)
    assert verdict["n_prompts"] == 7
    assert any("Only 7 prompts are common" in n for n in verdict["limitations"])


def test_a_background_of_two_prints_the_verdict_and_fails(cli: Run, files: Files) -> None:
    ran = cli(
        "compare", "--suspect", files["student"], "--teacher", files["teacher"],
        "--format", "json", *QUICK, *files.background("alder", "birch"),
    )  # fmt: skip
    message = ran.failed()
    assert "2 lineages" in message and "3 are needed" in message and "--background" in message
    verdict = ran.json()
    check_verdict(verdict)
    assert verdict["verdict"] == "insufficient_data"


def test_no_background_at_all_is_a_verdict(cli: Run, files: Files) -> None:
    ran = cli(
        "compare", "--suspect", files["student"], "--teacher", files["teacher"],
        "--format", "json", *QUICK,
    )  # fmt: skip
    assert ran.code == 0 and ran.err == ""
    check_verdict(ran.json())
    assert ran.json()["verdict"] == "insufficient_data"


def test_lineages_join_models_of_the_background(cli: Run, files: Files, tmp_path: Path) -> None:
    table = tmp_path / "lineages.tsv"
    table.write_text("model\tlineage\tvendor\nsim-alder\tone\tcorp\nsim-birch\tone\n# note\n\n")
    argv = ("compare", "--suspect", files["student"], "--teacher", files["teacher"])
    argv += (*QUICK, "--format", "json", *files.background("alder", "birch", "cedar"))
    assert len({b["lineage"] for b in cli(*argv).json()["background"]}) == 3
    ran = cli(*argv, "--lineages", table)
    assert "2 lineages" in ran.failed() and "one" in ran.err
    found = {b["lineage"] for b in ran.json()["background"]}
    assert found == {"one", "sim-cedar"}


@pytest.mark.parametrize("line", ["sim-alder", "sim-alder\t", "\tone", "sim-alder one"])
def test_bad_lineages_name_file_and_line(cli: Run, files: Files, tmp_path: Path, line: str) -> None:
    table = tmp_path / "bad.tsv"
    table.write_text(f"sim-birch\ttwo\n{line}\n")
    ran = cli("compare", "--suspect", "kimi", "--teacher", "ref_gpt", "--lineages", table)
    assert f"{table}:2: " in ran.failed_alone()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad", "folder"])
def test_lineages_that_cannot_be_read(
    cli: Run, tmp_path: Path, content: bytes | str | None
) -> None:
    table = tmp_path / "bad.tsv"
    if content == "folder":
        table.mkdir()
    elif isinstance(content, bytes):
        table.write_bytes(content)
    ran = cli("compare", "--suspect", "kimi", "--teacher", "ref_gpt", "--lineages", table)
    assert str(table) in ran.failed_alone()


def test_a_pack_of_another_format_version(cli: Run, files: Files, tmp_path: Path) -> None:
    (given,) = read_outputs(files["student"])
    path = tmp_path / "future.pack"
    write(build(given, model_info(given.model)), path)
    data = path.read_bytes()
    assert data.count(b"fingerprint.pack/1") == 1
    path.write_bytes(data.replace(b"fingerprint.pack/1", b"fingerprint.pack/9"))
    ran = cli("compare", "--suspect", path, "--teacher", files["teacher"], *QUICK)
    message = ran.failed_alone()
    assert "future.pack" in message
    assert "fingerprint.pack/9" in message and "fingerprint.pack/1" in message


def test_keyed_and_unkeyed_packs(cli: Run, files: Files, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"0123456789abcdef\n")
    (given,) = read_outputs(files["student"])
    path = tmp_path / "keyed.pack"
    write(build(given, model_info(given.model), key=secret.read_bytes().rstrip()), path,
          key=secret.read_bytes().rstrip())  # fmt: skip
    argv = ("compare", "--suspect", path, "--teacher", files["teacher"], *QUICK)
    argv += tuple(files.background(*INDEPENDENT))
    message = cli(*argv).failed_alone()
    assert "different keys" in message and "--key-file" in message
    ran = cli(*argv, "--key-file", secret, "--format", "json")
    assert ran.code == 0 and ran.json()["verdict"] == "supported"
    assert "0123456789abcdef" not in ran.out
    (tmp_path / "short").write_bytes(b"abc")
    assert "16 bytes" in cli(*argv, "--key-file", tmp_path / "short").failed_alone()
    assert "nowhere" in cli(*argv, "--key-file", tmp_path / "nowhere").failed_alone()
    library = ("compare", "--suspect", "kimi", "--teacher", path, *QUICK)
    assert "different keys" in cli(*library).failed_alone()


@pytest.mark.parametrize(
    "argv",
    [
        ("compare",),
        ("compare", "--suspect", "kimi"),
        ("compare", "--nonsense"),
        ("compare", "--suspect", "kimi", "--teacher", "ref_gpt", "--format", "xml"),
        ("compare", "--suspect", "kimi", "--teacher", "ref_gpt", "--draws", "many"),
        ("compare", "--suspect", "kimi", "--teacher", "ref_gpt", "--draws", "1"),
        ("matrix", "--suspects", "kimi"),
        ("nonsense",),
    ],
)
def test_usage_errors_are_two(cli: Run, argv: tuple[str, ...]) -> None:
    ran = cli(*argv)
    assert ran.code == 2 and ran.out == "" and "Traceback" not in ran.err


def test_a_negative_seed_is_no_traceback(cli: Run) -> None:
    ran = cli("compare", "--suspect", "kimi", "--teacher", "ref_claude", "--seed", "-1")
    assert ran.code in (1, 2)


def test_bad_lines_are_a_warning_on_stderr(cli: Run, files: Files, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(files["student"].read_text() + "{broken\n")
    argv = ("compare", "--suspect", path, "--teacher", files["teacher"], "--format", "json")
    argv += (*QUICK, *files.background(*INDEPENDENT))
    ran = cli(*argv)
    assert ran.code == 0
    assert ran.err.startswith("1 lines of the inputs could not be used")
    assert ran.json()["problems"]["count"] == 1
    assert "s.jsonl:61" in cli(*argv, "--strict").failed_alone()


def test_matrix_as_json_and_text(cli: Run, files: Files) -> None:
    argv = ["matrix", *QUICK]
    for name in ("student", "stranger", "alder", "teacher"):
        argv += ["--suspects", files[name]]
    for name in ("teacher", "birch", "cedar"):
        argv += ["--teachers", files[name]]
    ran = cli(*argv, "--format", "json")
    assert ran.code == 0
    assert ran.err == "1 of 12 pairs could not be measured; reasons with --format json\n"
    rows = ran.json()
    assert len(rows) == 12
    for row in rows:
        assert list(row)[:6] == ["suspect", "teacher", "llr10", "cap10", "share", "verdict"]
        assert row["verdict"] in LABELS
    (own,) = [r for r in rows if r["suspect"] == r["teacher"]]
    assert own["llr10"] is own["cap10"] is own["share"] is None and "lineage" in own["reason"]
    best = max((r for r in rows if r["llr10"] is not None), key=lambda r: r["llr10"])
    assert (best["suspect"], best["teacher"]) == ("sim-oak", "sim-maple")
    text = cli(*argv)
    assert text.code == 0 and "\x1b" not in text.out
    assert max(map(len, text.out.splitlines())) <= 80


def test_relative_paths_work_from_any_folder(
    cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.folder)
    argv = ["compare", "--suspect", "student.jsonl", "--teacher", "teacher.jsonl", *QUICK]
    for name in INDEPENDENT:
        argv += ["--background", f"{name}.jsonl"]
    before = sorted(p.name for p in files.folder.iterdir())
    ran = cli(*argv, "--format", "json")
    assert ran.code == 0 and ran.json()["verdict"] == "supported"
    assert sorted(p.name for p in files.folder.iterdir()) == before


def test_version(cli: Run) -> None:
    from fingerprint import __version__

    ran = cli("--version")
    assert (ran.code, ran.out) == (0, f"fingerprint {__version__}\n")


HEAVY = (
    "numpy", "scipy", "sklearn", "torch", "transformers", "pandas", "pyarrow", "safetensors",
    "rich.markdown", "rich.syntax", "fingerprint.evidence", "fingerprint.packs",
)  # fmt: skip


def help_seconds(*argv: str) -> tuple[float, set[str]]:
    """Return CPU seconds of a help call in a process of its own, and the modules it imported."""
    code = (
        "import json, resource, sys\n"
        "import atexit\n"
        "atexit.register(lambda: sys.stderr.write(json.dumps({"
        "'cpu': sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), "
        "'modules': list(sys.modules)})))\n"
        f"sys.argv = ['fingerprint', *{list(argv)!r}]\n"
        f"{PROGRAM}\n"
    )
    import fingerprint

    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(fingerprint.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Usage" in found.stdout
    value = json.loads(found.stderr)
    return value["cpu"], set(value["modules"])


@pytest.mark.parametrize("argv", [("--help",), ("compare", "--help")])
def test_help_is_light(argv: tuple[str, ...]) -> None:
    runs = [help_seconds(*argv) for _ in range(3)]
    modules = runs[0][1]
    assert not [m for m in HEAVY if m in modules]
    assert min(seconds for seconds, _ in runs) < 0.5

"""Hostile text: names, prompts and responses that would move a cursor, hide or break something."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Ran, Run
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from simulated import Model, lineages

ESC = "\x1b[31mred\x1b[0m\x1b]0;title\x07"
NASTY = (
    ESC,
    "[bold red]markup[/bold red] [/] [link=file:///etc/passwd]x[/link]",
    "\u202egnp.exe\u202c \u2066a\u2069 \u200b\u200d\ufeff",
    "nul\x00nul",
    "lone \ud83d surrogate \udc00",
    "bell\x07 back\x08\x08 return\rover \x9b31m c1",
    "zalgo" + "\u0301\u0316" * 60,
    "line\u2028sep\u2029para\x0b\x0c\x85end",
    "{curly} %s %n $(id) `id` ' \" \\ <script>alert(1)</script>",
    "\U000e0041\U000e0042 tag \ufffe \U0010ffff private \ue000",
)
RAW = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def hostile_files(folder: Path, nasty: str, n_prompts: int = 22) -> dict[str, Path]:
    """Write six models whose every field holds the text."""
    folder.mkdir(exist_ok=True)
    drawn = lineages(9, ["s", "t", "a", "b", "c", "d"])
    paths = {}
    for name, habits in drawn.items():
        model = Model(f"sim-{name}", habits)
        lines = []
        for i in range(n_prompts):
            prompt = f"{i} {nasty}"
            lines.append(
                json.dumps(
                    {
                        "prompt_id": f"{i} {nasty}",
                        "prompt": prompt,
                        "response": f"{nasty}\n- {nasty} {i}\n{model.answer(str(i))}\n{nasty}",
                        "model": f"sim-{name} {nasty}",
                        "domain": f"domain {i % 2} {nasty}",
                        "suite": f"suite {nasty}",
                        "vendor": f"corp {name} {nasty}",
                        "lineage": f"line {name} {nasty}",
                        "system": nasty,
                        "finish_reason": nasty,
                        "extra": {nasty: [nasty]},
                    }
                )
            )
        # a bad line whose report quotes it
        lines.append('{"prompt_id": "' + json.dumps(nasty)[1:-1] + '", "model": ')
        paths[name] = folder / f"{name}.jsonl"
        paths[name].write_text("\n".join(lines) + "\n", "utf-8")
    return paths


def check(ran: Ran, *, parse: bool) -> None:
    """Check that nothing raw was written and nothing broke."""
    assert ran.code in (0, 1), ran.err
    assert "Traceback" not in ran.err and "Traceback" not in ran.out
    for stream in (ran.out, ran.err):
        assert not RAW.search(stream), repr(RAW.search(stream))
    if parse:
        json.loads(ran.out)


def options(paths: dict[str, Path]) -> list[str]:
    argv = ["--draws", "20"]
    for name in "abcd":
        argv += ["--background", str(paths[name])]
    return argv


@pytest.mark.parametrize("number", range(len(NASTY)))
def test_hostile_fields_are_shown_harmless(cli: Run, tmp_path: Path, number: int) -> None:
    paths = hostile_files(tmp_path / "in", NASTY[number])
    argv = ["compare", "--suspect", paths["s"], "--teacher", paths["t"], *options(paths)]
    for form in ("json", "text"):
        ran = cli(*argv, "--format", form)
        check(ran, parse=form == "json")
        assert ran.code == 0, ran.err
        if form == "text":
            assert max(map(len, ran.out.splitlines())) < 200
    argv = ["matrix", "--suspects", paths["s"], "--teachers", paths["t"], *options(paths)]
    for form in ("json", "text"):
        ran = cli(*argv, "--format", form)
        check(ran, parse=form == "json")
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("nasty", [NASTY[i] for i in (0, 1, 2, 5, 8)])
def test_hostile_names_of_files_and_options(cli: Run, tmp_path: Path, nasty: str) -> None:
    safe = nasty.replace("/", "_").replace("\x00", "_")[:60]
    paths = hostile_files(tmp_path / f"in {safe}", "plain")
    argv = ["compare", "--suspect", paths["s"], "--teacher", paths["t"], *options(paths)]
    check(cli(*argv, "--format", "json"), parse=True)
    check(cli(*argv), parse=False)
    for spec in (f"no such name {safe}", f"{tmp_path}/missing {safe}.jsonl"):
        ran = cli("compare", "--suspect", spec, "--teacher", "ref_gpt")
        check(ran, parse=False)
        ran.failed_alone()


@pytest.mark.parametrize("command", ["compare", "matrix"])
def test_hostile_lineages(cli: Run, tmp_path: Path, command: str) -> None:
    table = tmp_path / "lineages.tsv"
    table.write_text(f"sim-s {ESC}\n")
    paths = hostile_files(tmp_path / "in", "plain")
    many = "s" if command == "matrix" else ""
    ran = cli(
        command, f"--suspect{many}", paths["s"], f"--teacher{many}", paths["t"],
        "--lineages", table, *options(paths),
    )  # fmt: skip
    check(ran, parse=False)
    ran.failed_alone()


BIG = {
    "a line of a megabyte": "word " * 200_000,
    "one word of a megabyte": "w" * 1_000_000,
    "100 000 newlines": "\n" * 100_000,
    "100 000 list items": "- a\n" * 100_000,
    "a megabyte of dots": "." * 1_000_000,
    "a megabyte of spaces": " " * 1_000_000,
    "a megabyte of marks": "*_#>-`" * 170_000,
    "a megabyte of escapes": ESC * 30_000,
    "half a megabyte of ideographs": "\u4e00" * 170_000,
    "a megabyte of open brackets": "[(" * 500_000,
}


@pytest.mark.parametrize("name", BIG)
def test_endless_text_is_read_in_time(cli: Run, tmp_path: Path, name: str) -> None:
    paths = hostile_files(tmp_path / "in", "plain")
    lines = paths["s"].read_text().splitlines()[:-1]
    record = json.loads(lines[3])
    record["response"] = BIG[name]
    lines[3] = json.dumps(record)
    paths["s"].write_text("\n".join(lines) + "\n")
    ran = cli(
        "compare", "--suspect", paths["s"], "--teacher", paths["t"], "--format", "json",
        *options(paths),
    )  # fmt: skip
    check(ran, parse=True)
    assert ran.code == 0
    assert len(ran.out) < 50_000


def test_endless_names_are_cut_or_refused(cli: Run, tmp_path: Path) -> None:
    paths = hostile_files(tmp_path / "in", "plain")
    lines = [json.loads(line) for line in paths["s"].read_text().splitlines()[:-1]]
    for field in ("domain", "prompt_id"):
        for i, record in enumerate(lines):
            record[field] = f"{i % 2 if field == 'domain' else i}" + "x" * 100_000
    paths["s"].write_text("\n".join(map(json.dumps, lines)) + "\n")
    argv = ["compare", "--suspect", paths["s"], "--teacher", paths["t"], *options(paths)]
    check(cli(*argv, "--format", "json"), parse=True)
    ran = cli(*argv)
    check(ran, parse=False)
    assert len(ran.out) < 50_000


SETTINGS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
    "phases": [Phase.explicit, Phase.generate],  # the smallest text tells little here
}
ANY = st.text(st.characters(), max_size=40)


def record(model: str, prompt: str = "1") -> dict:
    return {"prompt_id": prompt, "prompt": prompt, "response": "", "model": model}


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "prompt_id": st.integers(0, 30).map(str),
            "prompt": st.integers(0, 30).map(lambda i: f"prompt {i}") | ANY,
            "response": ANY,
            "model": st.sampled_from(["sim-s", "sim-t", "sim-a", "sim-b", "sim-c"]) | ANY,
        },
        optional={
            "sample": st.integers(-1, 3) | st.none(),
            "domain": ANY,
            "lineage": ANY,
            "vendor": ANY,
            "suite": ANY,
            "released": st.sampled_from(["2024", "2024-05", "2025-01-01", "soon", ""]),
            "extra": st.none() | st.booleans() | st.floats(),
        },
    ),
    min_size=1,
    max_size=25,
)


@example(suspect=[record("sim-s")], teacher=[record("sim-s")])
@example(suspect=[record("sim-s")], teacher=[record("sim-t")])
@example(suspect=[record("sim-s", "1")], teacher=[record("sim-t", "2")])
@settings(max_examples=20, **SETTINGS)
@given(suspect=RECORDS, teacher=RECORDS)
def test_any_outputs_give_a_verdict_or_a_message(
    cli: Run, tmp_path: Path, suspect: list[dict], teacher: list[dict]
) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    for path, records in ((one, suspect), (two, teacher)):
        path.write_text("\n".join(map(json.dumps, records)) + "\n", "utf-8")
    for argv in (
        ["compare", "--suspect", one, "--teacher", two, "--unpaired"],
        ["matrix", "--suspects", one, "--teachers", two],
    ):
        ran = cli(*argv, "--draws", "20", "--format", "json")
        check(ran, parse=ran.code == 0)
        if ran.code == 1:
            ran.failed()


@settings(max_examples=12, **SETTINGS)
@given(texts=st.lists(ANY, min_size=1, max_size=8), data=st.data())
def test_any_texts_on_a_whole_panel_give_finite_numbers(
    cli: Run, tmp_path: Path, texts: list[str], data: st.DataObject
) -> None:
    """Six models, 20 to 25 prompts, degenerate answers: every number is finite or null."""
    paths = {}
    n = data.draw(st.integers(20, 25))
    for name in "stabcd":
        start = data.draw(st.integers(0, 3))
        records = [
            {
                "prompt_id": str(i),
                "prompt": f"prompt {i}",
                "response": texts[(i * (ord(name) % 7 + 1)) % len(texts)],
                "model": f"sim-{name}",
                "domain": str(i % 2),
            }
            for i in range(start, n)
        ]
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_text("\n".join(map(json.dumps, records)) + "\n", "utf-8")
    ran = cli(
        "compare", "--suspect", paths["s"], "--teacher", paths["t"], "--format", "json",
        *options(paths),
    )  # fmt: skip
    check(ran, parse=True)
    verdict = ran.json()
    if verdict["llr10"] is not None:
        assert abs(verdict["llr10"]) <= verdict["cap10"]

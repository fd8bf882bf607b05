from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fingerprint import packfile, packs
from fingerprint.cli.pack import app
from fingerprint.errors import FingerprintError, OutputsError, PackError, UnknownNameError
from fingerprint.packs import read

HOSTILE = "evil\n\x1b[2J\u202e[red]x[/red]"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def ran(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exception is None, result.exception
    assert result.exit_code == 0
    return result.stdout


def fails(error: type[FingerprintError], *arguments: str | Path) -> str:
    result = run(*arguments)
    assert type(result.exception) is error, result.exception
    return str(result.exception)


def put(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows(model: str, n: int = 4, **more: Any) -> list[dict[str, Any]]:
    return [
        {"prompt_id": f"p{i}", "prompt": f"q {i}", "response": f"Well, {i}. So.", "model": model}
        | more
        for i in range(n)
    ]


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return put(tmp_path / "a.jsonl", *rows("gpt-4", domain="law"), *rows("Kimi", 3))


def test_build_of_one_model(tmp_path: Path, jsonl: Path) -> None:
    out = tmp_path / "x.pack"
    said = ran(
        "build", jsonl, "--out", out, "--model", "gpt-4", "--suite", "s", "--role", "reference",
        "--licence", "CC0", "--origin", "repo at 1",
    )  # fmt: skip
    assert "gpt-4, s, 4 responses to 4 prompts" in said
    pack = read(out)
    assert (pack.info.name, pack.info.vendor, pack.suite) == ("gpt-4", "openai", "s")
    assert pack.domain_names == ("law",)
    assert [pack.manifest[k] for k in ("role", "licence", "origin")] == [
        "reference",
        "CC0",
        "repo at 1",
    ]


def test_build_of_several_models_fills_a_folder(tmp_path: Path, jsonl: Path) -> None:
    other = put(tmp_path / "b.jsonl", *rows(HOSTILE), *rows("kimi"), *rows("..", 2))
    out = tmp_path / "deep" / "packs"
    said = ran("build", jsonl, other, "--out", out)
    found = {read(path).info.name: path.name for path in out.iterdir()}
    assert set(found) == {"gpt-4", "Kimi", "kimi", HOSTILE, ".."}
    assert found["gpt-4"] == "gpt-4.pack"
    assert len({name.lower() for name in found.values()}) == 5
    assert all(name.isascii() and name[0].isalnum() for name in found.values())
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "[red]x[/red]" in said


def test_build_uses_what_the_user_knows(tmp_path: Path, jsonl: Path) -> None:
    lineages = tmp_path / "l.tsv"
    lineages.write_text("gpt-4\tmine\tme\n")
    ran("build", jsonl, "--out", tmp_path, "--lineages", lineages)
    info = read(tmp_path / "gpt-4.pack").info
    assert (info.lineage, info.vendor) == ("mine", "me")


def test_build_tells_of_bad_lines_or_stops_at_them(tmp_path: Path, jsonl: Path) -> None:
    with jsonl.open("a") as file:
        file.write("{bad\n" * 9)
    result = run("build", jsonl, "--out", tmp_path / "p")
    assert result.exit_code == 0
    assert result.stderr.count("not valid JSON") == 5
    assert "4 more" in result.stderr
    assert "a.jsonl:8" in fails(OutputsError, "build", jsonl, "--out", tmp_path / "p", "--strict")


def test_build_refuses(tmp_path: Path, jsonl: Path) -> None:
    one = tmp_path / "x.pack"
    assert "folder for 2 packs" in fails(PackError, "build", jsonl, "--out", one)
    near = fails(UnknownNameError, "build", jsonl, "--out", one, "--model", "gpt4")
    assert "which have gpt-4" in near
    again = put(tmp_path / "b.jsonl", *rows("gpt-4"))
    assert "in one PATH" in fails(OutputsError, "build", jsonl, again, "--out", tmp_path / "p")
    suites = put(tmp_path / "c.jsonl", *rows("m", suite="a"), *rows("m", suite="b"))
    ran("build", suites, "--out", tmp_path / "p")
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["m--a.pack", "m--b.pack"]
    message = fails(OutputsError, "build", suites, "--out", tmp_path / "p", "--suite", "c")
    assert "leave out --suite" in message
    assert "cannot be made" in fails(PackError, "build", jsonl, "--out", jsonl / "x")
    fails(OutputsError, "build", tmp_path / "none.jsonl", "--out", one)
    assert not one.exists()


def test_show_as_text_and_json(tmp_path: Path, jsonl: Path) -> None:
    ran("build", jsonl, "--out", tmp_path)
    text = ran("show", tmp_path / "gpt-4.pack")
    assert "model:" in text
    assert "domains:        law 4" in text
    assert "licence" not in text
    about = json.loads(ran("show", tmp_path / "gpt-4.pack", "--format", "json"))
    pack = read(tmp_path / "gpt-4.pack")
    assert about["content_sha256"] == pack.content_sha256
    assert about["domains"] == {"law": 4}
    assert about["responses"] == 4
    assert about["lineage_known"] is True


def test_show_is_safe_with_crafted_packs(tmp_path: Path, jsonl: Path) -> None:
    path = tmp_path / "gpt-4.pack"
    ran("build", jsonl, "--out", tmp_path)
    content = packfile.load(path, packs._SPECS, packs._VERSIONS)
    deep: Any = []
    for _ in range(400):
        deep = {HOSTILE: [deep]}
    manifest = content.manifest | {
        "suite": HOSTILE * 1000,
        "domain_names": [HOSTILE],
        "about": {
            "model": "claude", HOSTILE: HOSTILE, "deep": deep, "n": 10**4200, "x": float("inf"),
            "responses": HOSTILE * 100_000,
        },
    }  # fmt: skip
    packfile.save(path, manifest, content.arrays, packs._SPECS)
    text = ran("show", path)
    assert "gpt-4" in text.splitlines()[0]
    assert "claude" not in text
    as_json = ran("show", path, "--format", "json")
    assert json.loads(as_json)["model"] == "gpt-4"
    for shown in (text, as_json):
        assert not set(shown) & set("\x1b\u202e")
    assert max(map(len, text.splitlines())) <= 2000


def test_verify(tmp_path: Path, jsonl: Path) -> None:
    key, wrong, short = (tmp_path / name for name in ("key", "wrong", "short"))
    key.write_text("0123456789abcdef0123\n")
    wrong.write_text("fedcba98765432100123\n")
    short.write_text("abc")
    plain, keyed = tmp_path / "plain.pack", tmp_path / "keyed.pack"
    ran("build", jsonl, "--model", "gpt-4", "--out", plain)
    ran("build", jsonl, "--model", "gpt-4", "--out", keyed, "--key-file", key)
    assert "made with the key" in ran("verify", keyed, "--key-file", key)
    said = ran("verify", keyed, plain)
    assert "maker not checked" in said
    assert "unkeyed" in said
    assert "1 of 1" in fails(PackError, "verify", keyed, "--key-file", wrong)
    assert "1 of 2" in fails(PackError, "verify", keyed, plain, "--key-file", key)
    assert "16 bytes" in fails(FingerprintError, "verify", keyed, "--key-file", short)
    damaged = tmp_path / "damaged.pack"
    damaged.write_bytes(plain.read_bytes()[:-1] + b"\xff")
    result = run("verify", plain, damaged, tmp_path / "none.pack")
    assert isinstance(result.exception, PackError)
    assert "2 of 3" in str(result.exception)
    assert result.stdout.count("ok  ") == 1
    assert result.stdout.count("FAILED") == 2


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; import fingerprint.cli.pack\n"
        "print({'numpy', 'scipy', 'sklearn', 'rich.console'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr

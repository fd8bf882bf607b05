"""SPECs: paths, packs, folders and names; what is read once; what the user states."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from conftest import Files
from simulated import pack_of

from fingerprint.errors import FingerprintError, OutputsError, PackError, UnknownNameError
from fingerprint.outputs import read_outputs
from fingerprint.packs import read, write
from fingerprint.specs import Loader


def test_outputs_are_loaded_with_their_source(files: Files) -> None:
    path = files["teacher"]
    loaded = Loader({}).load(str(path))
    assert loaded.name is None and loaded.entries == () and loaded.problems == ()
    (pack,) = loaded.packs
    assert pack.info.name == "sim-maple" and len(pack) == 60
    assert pack.info.lineage == "sim-maple" and not pack.info.lineage_known
    (source,) = loaded.sources
    assert source.path == str(path)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_spec_named_twice_is_read_once(files: Files) -> None:
    loader = Loader({})
    assert loader.load(str(files["teacher"])) is loader.load(str(files["teacher"]))


def test_a_pack_stands_for_the_outputs_it_was_built_from(files: Files, tmp_path: Path) -> None:
    (given,) = read_outputs(files["student"])
    target = tmp_path / "student.pack"
    write(pack_of(given), target)
    (one,) = Loader({}).load(str(target)).packs
    (two,) = Loader({}).load(str(files["student"])).packs
    assert one.prompts.tolist() == two.prompts.tolist()
    assert (one.units.openings == two.units.openings).all()
    assert one.units.line_starts.values.tolist() == two.units.line_starts.values.tolist()
    assert one.info == two.info


def test_a_folder_holds_files_and_packs(files: Files, tmp_path: Path) -> None:
    (given,) = read_outputs(files["student"])
    write(pack_of(given), tmp_path / "student.pack")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "teacher.jsonl").write_bytes(files["teacher"].read_bytes())
    loaded = Loader({}).load(str(tmp_path))
    assert sorted(p.info.name for p in loaded.packs) == ["sim-maple", "sim-oak"]
    assert len(loaded.sources) == 2


def test_what_the_user_states_goes_before_all(files: Files, tmp_path: Path) -> None:
    stated = {"sim-oak": ("stated-line", "stated-corp"), "kimi-k2.5": ("other", None)}
    (given,) = read_outputs(files["student"])
    write(pack_of(given), tmp_path / "student.pack")
    for spec in (files["student"], tmp_path / "student.pack"):
        (pack,) = Loader(stated).load(str(spec)).packs
        assert (pack.info.lineage, pack.info.vendor) == ("stated-line", "stated-corp")
        assert pack.info.lineage_known
    (kimi,) = Loader(stated).load("kimi").packs
    assert kimi.info.lineage == "other" and kimi.info.vendor == "moonshot"


@pytest.mark.parametrize(
    "spec", ["nowhere/model.jsonl", "model.jsonl", "a.pack", "./x", "/x", "x.eval", "x.jsonl.gz"]
)
def test_a_missing_path_says_so(spec: str) -> None:
    with pytest.raises(UnknownNameError, match="no such file or folder") as error:
        Loader({}).load(spec)
    assert spec in str(error.value)


@pytest.mark.parametrize(
    "spec",
    [
        "kimmi",
        "",
        " ",
        ":",
        "@",
        "kimi@",
        "kimi:nowhere",
        "kimi@9.9",
        "\x00",
        "\x1b[31mkimi",
        "\udcff",
        "[bold]kimi[/bold]",
        "a" * 5000,
        "",
        " ",
    ],
)
def test_any_text_is_a_spec_or_a_clear_error(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    if spec == "kimi@":
        assert Loader({}).load(spec).packs
        return
    with pytest.raises(FingerprintError) as error:
        Loader({}).load(spec)
    assert len(str(error.value)) < 1500


def test_an_empty_folder_and_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(OutputsError):
        Loader({}).load(str(tmp_path / "empty"))
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(OutputsError):
        Loader({}).load(str(tmp_path / "notes.txt"))


def test_a_broken_pack_in_a_folder_is_named(files: Files, tmp_path: Path) -> None:
    (given,) = read_outputs(files["student"])
    target = tmp_path / "student.pack"
    write(pack_of(given), target)
    target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(PackError, match=r"student\.pack"):
        Loader({}).load(str(tmp_path))


def test_bad_lines_are_counted_or_stop(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    lines = files["student"].read_text().splitlines()
    path.write_text("\n".join([*lines[:30], "{broken", *lines[30:]]) + "\n")
    (problem,) = Loader({}).load(str(path)).problems
    assert problem.line == 31
    with pytest.raises(OutputsError, match=r"some\.jsonl:31"):
        Loader({}, strict=True).load(str(path))


def test_keys_are_carried_to_what_is_built(files: Files) -> None:
    plain, keyed = (
        Loader({}, key=key).load(str(files["student"])).packs[0]
        for key in (None, b"0123456789abcdef")
    )
    assert plain.key_id is None and keyed.key_id is not None
    assert set(plain.prompts.tolist()).isdisjoint(keyed.prompts.tolist())
    assert set(plain.units.line_starts.values) != set(keyed.units.line_starts.values)


def test_a_pack_read_back_is_what_was_written(files: Files, tmp_path: Path) -> None:
    (given,) = read_outputs(files["student"])
    digest = write(pack_of(given), tmp_path / "one.pack")
    assert read(tmp_path / "one.pack").content_sha256 == digest
    loaded = Loader({}).load(str(tmp_path / "one.pack"))
    assert loaded.sources[0].sha256 == digest
    assert json.dumps(loaded.sources[0].path)

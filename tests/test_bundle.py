"""Bundles: the same verdict from the file alone, and any altered byte is caught."""

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import process, write_world
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import INDEPENDENT, prompts, world

from fingerprint import __version__
from fingerprint.bundle import archive, contents, making
from fingerprint.bundle.archive import Archive
from fingerprint.bundle.making import make
from fingerprint.bundle.verifying import _first_difference, verify
from fingerprint.comparison import examine
from fingerprint.errors import BundleError, FingerprintError
from fingerprint.models import model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import build, write
from fingerprint.report import dumps, verdict_to_dict


def members(path):
    """Read a bundle as any zip program does."""
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def again(path, files):
    """Write other contents under a manifest that fits them: altered by somebody who knows how."""
    kept = {n: c for n, c in files.items() if n not in (contents.MANIFEST, contents.SIGNATURE)}
    listed = [(name, *archive.sha256(content)) for name, content in kept.items()]
    head = contents.manifest(f"fingerprint {__version__}", listed)
    archive.write(path, [(contents.MANIFEST, head), *kept.items()])
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small case: 24 prompts, packs and outputs, all of it the user's own."""
    folder = tmp_path_factory.mktemp("small")
    files = write_world(folder, world(3), prompts(24))
    (outputs,) = read_outputs(files["teacher"])
    teacher = folder / "teacher.pack"
    write(build(outputs, model_info(outputs.model)), teacher)
    background = [files[name] for name in INDEPENDENT[:3]]
    return examine(files["student"], teacher, background=background)


@pytest.fixture(scope="module")
def bundle(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    make(small, path, command=("fingerprint", "compare"))
    return path


def test_it_gives_the_same_verdict_and_says_so(bundle, small):
    found = verify(bundle)
    assert found.difference is None
    assert found.signature == "not signed"
    assert found.text == "no outputs included"
    stored = members(bundle)[contents.VERDICT]
    assert stored == dumps(verdict_to_dict(small.verdict)).encode()


def test_what_is_in_it(bundle):
    found = members(bundle)
    assert {"README.txt", "verdict.json", "run.json", "environment.json", "calibration.json",
            "library/index.json", "manifest.json"} <= set(found)  # fmt: skip
    assert len([name for name in found if name.startswith("packs/")]) == 5
    run = json.loads(found["run.json"])
    assert run["command"] == ["fingerprint", "compare"]
    assert run["seed"] == 20260101
    listed = json.loads(found["manifest.json"])["files"]
    assert {f["path"] for f in listed} == set(found) - {"manifest.json"}
    assert set(json.loads(found["environment.json"])) >= {"python", "numpy", "scipy", "machine"}


def test_no_text_is_in_it(bundle, small):
    raw = bundle.read_bytes()
    for response in read_outputs(small.question.suspect)[0].responses:
        for line in response.text.splitlines():
            assert line.encode() not in raw


def test_the_same_case_has_the_same_bytes(small, bundle, tmp_path):
    path = tmp_path / "again.zip"
    make(small, path, command=("fingerprint", "compare"))
    assert path.read_bytes() == bundle.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_verified_in_another_place_by_another_process(bundle, tmp_path):
    moved = tmp_path / "far away" / "ünïcode.zip"
    moved.parent.mkdir()
    moved.write_bytes(bundle.read_bytes())
    done = process("verify", moved, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "the same, byte for byte" in done.out


# Every byte counts.


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """An archive of two files, so small that every byte can be altered in every way."""
    path = tmp_path_factory.mktemp("tiny") / "t.zip"
    archive.write(path, [("manifest.json", b"{}\n"), ("a/b", b"\x00hello")])
    return path.read_bytes()


def reads(raw):
    try:
        opened = Archive(io.BytesIO(raw), "x.zip")
        for entry in opened.entries:
            for _ in opened.pieces(entry):
                pass
    except BundleError:
        return False
    return True


def test_every_byte_of_an_archive_in_every_bit(tiny):
    assert reads(tiny)
    for place in range(len(tiny)):
        for bit in range(8):
            raw = bytearray(tiny)
            raw[place] ^= 1 << bit
            assert not reads(bytes(raw)), (place, bit)


def test_every_truncation_and_every_addition(tiny):
    for end in range(len(tiny)):
        assert not reads(tiny[:end])
        assert not reads(tiny[:end] + b"\x00" + tiny[end:])
    assert not reads(tiny + b"\x00")
    assert not reads(b"\x00" + tiny)
    assert not reads(tiny + tiny)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_flipped_byte_anywhere_in_a_bundle_is_caught(bundle, data):
    raw = bytearray(bundle.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    spoiled = bundle.with_name("spoiled.zip")
    spoiled.write_bytes(raw)
    with pytest.raises(BundleError):
        verify(spoiled)


def test_a_flipped_byte_in_every_file_and_header_is_caught(bundle):
    """One in the middle of every part of the file, so that no part is missed by chance."""
    raw = bundle.read_bytes()
    with bundle.open("rb") as file:
        entries = Archive(file, "x").entries
    end = entries[-1].begin + entries[-1].size
    places = [e.offset + 15 for e in entries] + [e.begin + e.size // 2 for e in entries]
    places += [end + 20, len(raw) - 10, len(raw) - 1]
    spoiled = bundle.with_name("spoiled.zip")
    for place in places:
        changed = bytearray(raw)
        changed[place] ^= 0x10
        spoiled.write_bytes(changed)
        with pytest.raises(BundleError):
            verify(spoiled)


# Altered by somebody who also writes a manifest that fits.


def test_a_changed_verdict_is_named(bundle, tmp_path):
    files = members(bundle)
    verdict = json.loads(files["verdict.json"])
    verdict["share"]["estimate"] = 0.5
    files["verdict.json"] = dumps(verdict).encode()
    found = verify(again(tmp_path / "b.zip", files))
    assert found.difference.startswith("share.estimate: the bundle says 0.5, computed again it is")


def test_changed_bytes_of_the_same_verdict_are_named(bundle, tmp_path):
    files = members(bundle)
    files["verdict.json"] = files["verdict.json"].replace(b'  "seed"', b'   "seed"')
    found = verify(again(tmp_path / "b.zip", files))
    assert "not those that fingerprint writes" in found.difference


def test_another_version_is_named(bundle, tmp_path):
    files = members(bundle)
    verdict = json.loads(files["verdict.json"])
    verdict["version"] = "9.9.9"
    files["verdict.json"] = dumps(verdict).encode()
    here = f'"{__version__}"'.encode()
    files["environment.json"] = files["environment.json"].replace(here, b'"9.9.9"')
    found = verify(again(tmp_path / "b.zip", files))
    assert found.difference.startswith('version: the bundle says "9.9.9"')
    assert "install that version" in found.difference


def test_another_seed_gives_another_verdict(bundle, tmp_path):
    files = members(bundle)
    files["run.json"] = files["run.json"].replace(b'"seed": 20260101', b'"seed": 7')
    assert verify(again(tmp_path / "b.zip", files)).difference is not None


def test_swapped_packs_are_found_by_the_verdict(bundle, tmp_path):
    files = members(bundle)
    files["packs/00000.pack"], files["packs/00002.pack"] = (
        files["packs/00002.pack"],
        files["packs/00000.pack"],
    )
    assert verify(again(tmp_path / "b.zip", files)).difference is not None


def test_the_first_difference_is_found_wherever_it_is():
    one = {"a": [1, {"b": "x"}], "c": None}
    assert _first_difference(one, one, "") is None
    for other, where in (
        ({"a": [1, {"b": "y"}], "c": None}, "a[1].b"),
        ({"a": [1], "c": None}, "a: the bundle has 2 entries"),
        ({"a": [1, {"b": "x"}]}, "c"),
        ({"a": [1, {"b": "x"}], "c": None, "d": 1}, "d"),
        ({"a": 1, "c": None}, "a"),
        ({"a": [1.0, {"b": "x"}], "c": None}, "a[0]"),
    ):
        assert _first_difference(one, other, "").startswith(where)


# Hostile archives.


def stored(name, data, **changes):
    """Write one entry by hand: its local header and its place in the directory."""
    crc = zlib.crc32(data)
    values = {"flags": 0, "method": 0, "crc": crc, "size": len(data), "raw": data, **changes}
    raw = name.encode()
    fields = (20, values["flags"], values["method"], 0, 0x21, values["crc"], len(values["raw"]),
              values["size"], len(raw), 0)  # fmt: skip
    local = b"PK\x03\x04" + struct.pack("<5H3I2H", *fields) + raw + values["raw"]
    central = struct.pack("<6H3I", 0x0314, *fields[:8])
    return local, central, raw


def by_hand(entries):
    body, directory = b"", b""
    for local, central, raw in entries:
        directory += b"PK\x01\x02" + central
        directory += struct.pack("<5H2I", len(raw), 0, 0, 0, 0, 0o100644 << 16, len(body)) + raw
        body += local
    n = len(entries)
    end = struct.pack("<4H2IH", 0, 0, n, n, len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def test_the_hand_written_form_is_the_real_one(tiny):
    assert by_hand([stored("manifest.json", b"{}\n"), stored("a/b", b"\x00hello")]) == tiny


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "a/../../b", "a//b", "a\\b", "c:evil", ".hidden", "a/.b", "", "é",
     "a\x00b", "x" * 300, "a/", "./a"],
)  # fmt: skip
def test_names_that_lead_elsewhere(name):
    assert not reads(by_hand([stored("manifest.json", b"{}"), stored(name, b"x")]))


def test_names_that_occur_twice():
    for other in ("a", "A"):
        assert not reads(by_hand([stored("a", b"1"), stored(other, b"2")]))


def test_a_bomb_is_not_unfolded():
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = packed.compress(bytes(10_000_000)) + packed.flush()
    entry = stored("a", bytes(10_000_000), method=8, raw=raw)
    tracemalloc.start()
    assert not reads(by_hand([entry]))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("flags", [1, 8, 0x0800])
def test_encryption_and_other_flags(flags):
    assert not reads(by_hand([stored("a", b"x", flags=flags)]))


def test_a_size_beyond_the_file():
    assert not reads(by_hand([stored("a", b"x", size=1 << 31)]))


def test_a_zip_of_another_program(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("manifest.json", "{}")
    with pytest.raises(BundleError, match="zip"):
        verify(path)


@pytest.mark.parametrize("raw", [b"", b"PK", b"PK\x03\x04" + bytes(26), b"{}", bytes(1000)])
def test_what_is_no_archive(raw, tmp_path):
    path = tmp_path / "b.zip"
    path.write_bytes(raw)
    with pytest.raises(BundleError, match=r"b\.zip"):
        verify(path)
    with pytest.raises(BundleError, match="expected a bundle"):
        verify(tmp_path)


SPOILED = [
    ("verdict.json", None),
    ("run.json", None),
    ("run.json", b"[]"),
    ("run.json", b"{}"),
    ("library/index.json", b"{}"),
    ("library/index.json", b'{"schema": "x"}'),
    ("environment.json", b"{}"),
    ("calibration.json", b"{}"),
    ("packs/00000.pack", b"PK"),
    ("packs/00000.pack", None),
]


@pytest.mark.parametrize(("name", "content"), SPOILED)
def test_contents_that_are_missing_or_something_else(bundle, tmp_path, name, content):
    files = members(bundle)
    files.pop(name)
    if content is not None:
        files[name] = content
    try:
        found = verify(again(tmp_path / "b.zip", files))
    except BundleError as error:
        assert "b.zip" in str(error)
        assert "/tmp" not in str(error).replace(str(tmp_path), "")
    else:
        assert found.difference is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("packs", ["../../etc/passwd"]),
        ("packs", ["/etc/passwd"]),
        ("packs", ["packs/nothing.pack"]),
        ("outputs", "outputs/%2e%2e/%2e%2e"),
        ("outputs", "nowhere"),
        ("sources", [{"path": 1}]),
        ("built", -1),
    ],
)
def test_a_run_that_points_elsewhere(bundle, tmp_path, field, value):
    files = members(bundle)
    run = json.loads(files["run.json"])
    run["specs"][0][field] = value
    files["run.json"] = contents.canonical(run)
    with pytest.raises(BundleError, match=r"b\.zip"):
        verify(again(tmp_path / "b.zip", files))


def test_a_library_entry_that_points_elsewhere(bundle, tmp_path):
    files = members(bundle)
    index = json.loads(files["library/index.json"])
    index["entries"] = [
        {"file": "../packs/00000.pack", "model": "x", "names": ["x"], "vendor": None,
         "lineage": "x", "released": None, "suite": "s", "role": "reference", "responses": 1,
         "prompts": 1, "origin": "", "licence": "", "sha256": ""}
    ]  # fmt: skip
    files["library/index.json"] = contents.canonical(index)
    with pytest.raises(BundleError, match="leads out of its folder"):
        verify(again(tmp_path / "b.zip", files))


def test_many_draws_are_refused(bundle, tmp_path):
    files = members(bundle)
    run = json.loads(files["run.json"])
    run["draws"] = 10**9
    files["run.json"] = contents.canonical(run)
    with pytest.raises(BundleError, match="draws"):
        verify(again(tmp_path / "b.zip", files))


def test_a_manifest_that_lists_other_files(bundle, tmp_path):
    files = members(bundle)
    head = files.pop("manifest.json")
    files["extra.txt"] = b"x"
    path = tmp_path / "b.zip"
    archive.write(path, [("manifest.json", head), *files.items()])
    with pytest.raises(BundleError, match="not those of the manifest"):
        verify(path)


# Outputs included.


@pytest.fixture(scope="module")
def with_text(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "bundle.zip"
    make(small, path, include_text=True)
    return path


def test_outputs_are_in_it_and_give_the_same_packs(with_text, small):
    assert verify(with_text).text == "outputs included, and their packs are the same"
    found = members(with_text)
    named = [name for name in found if name.startswith("outputs/")]
    assert len(named) == 4  # the teacher was given as a pack
    source = Path(small.question.suspect)
    assert found[f"outputs/0/{source.parent.name}/student.jsonl"] == source.read_bytes()


def test_outputs_that_give_other_packs_are_named(with_text, tmp_path):
    files = members(with_text)
    (name,) = [n for n in files if n.endswith("student.jsonl")]
    files[name] = files[name].replace(b"Question 1:", b"Question 9:")
    found = verify(again(tmp_path / "b.zip", files))
    assert found.difference.startswith("packs/00000.pack: the outputs of sim-oak give another pack")


def test_names_of_outputs_come_back_as_they_were(tmp_path):
    folder = tmp_path / "mmlu:subject=x,model=y~ é"
    files = write_world(folder, world(4), prompts(24))
    odd = folder / ".hidden file%20 (1) ü~.jsonl"
    files["student"].rename(odd)
    background = [files[name] for name in INDEPENDENT[:3]]
    path = tmp_path / "b.zip"
    make(examine(odd, files["teacher"], background=background), path, include_text=True)
    assert verify(path).difference is None


def test_a_folder_of_outputs_and_packs(tmp_path):
    files = write_world(tmp_path / "all", world(4), prompts(24))
    mixed = tmp_path / "mixed"
    (mixed / "deep").mkdir(parents=True)
    for name in INDEPENDENT[:2]:
        (mixed / "deep" / f"{name}.jsonl").write_bytes(files[name].read_bytes())
    (outputs,) = read_outputs(files[INDEPENDENT[2]])
    write(build(outputs, model_info(outputs.model)), mixed / "third.pack")
    case = examine(files["student"], files["teacher"], background=[mixed])
    path = tmp_path / "b.zip"
    make(case, path, include_text=True)
    assert verify(path).difference is None
    assert len([n for n in members(path) if n.startswith("packs/")]) == 5


def test_stated_lineages_go_along(tmp_path):
    files = write_world(tmp_path, world(4), prompts(24))
    stated = {f"sim-{name}": (f"line {name}", f"vendor {name}") for name in INDEPENDENT[:2]}
    background = [files[name] for name in INDEPENDENT[:4]]
    case = examine(files["student"], files["teacher"], background=background, lineages=stated)
    path = tmp_path / "b.zip"
    make(case, path, include_text=True)
    assert verify(path).difference is None
    assert "line alder" in members(path)["run.json"].decode()


def test_keyed_packs_are_verified_without_the_key(tmp_path):
    files = write_world(tmp_path, world(4), prompts(24))
    key = b"sixteen bytes or more"
    background = [files[name] for name in INDEPENDENT[:4]]
    case = examine(files["student"], files["teacher"], background=background, key=key)
    path = tmp_path / "b.zip"
    make(case, path, include_text=True)
    assert key not in path.read_bytes()
    found = verify(path)
    assert found.difference is None
    assert "give --key-file" in found.text
    assert verify(path, key=key).text == "outputs included, and their packs are the same"


def test_an_input_that_changed_meanwhile_is_not_bundled(tmp_path):
    files = write_world(tmp_path, world(4), prompts(24))
    background = [files[name] for name in INDEPENDENT[:3]]
    case = examine(files["student"], files["teacher"], background=background)
    files["student"].write_text(files["student"].read_text().replace("Question 1", "Question 8"))
    path = tmp_path / "b.zip"
    with pytest.raises(BundleError, match="changed since"):
        make(case, path, include_text=True)
    assert not path.exists()
    make(case, path)  # the packs are what was compared


def test_a_bundle_that_does_not_verify_is_not_kept(small, tmp_path):
    other = replace(small, verdict=replace(small.verdict, n_prompts=99))
    path = tmp_path / "b.zip"
    with pytest.raises(BundleError, match="n_prompts: the bundle says 99"):
        make(other, path)
    assert list(tmp_path.iterdir()) == []


def test_the_library_goes_along(tmp_path):
    """Only what was used of it, and a verdict comes out without the shipped one."""
    path = tmp_path / "b.zip"
    make(examine("kimi", "ref_claude"), path)
    found = verify(path)
    assert found.difference is None
    names = members(path)
    assert "library/persuasion_open/kimi-k2.5.pack" in names
    assert "library/alpaca_eval/vicuna-13b.pack" not in names
    assert not any(name.startswith("packs/") for name in names)


def test_another_calibration_than_the_installed_one_is_refused(small, tmp_path):
    run = replace(small.run, calibration=replace(small.run.calibration, sha256="0" * 64))
    with pytest.raises(FingerprintError, match="another calibration"):
        make(replace(small, run=run), tmp_path / "b.zip")


def test_too_much_is_refused(small, tmp_path, monkeypatch):
    monkeypatch.setattr(making.archive, "MAX_BYTES", 10_000)
    with pytest.raises(BundleError, match="may have 10,000 bytes"):
        make(small, tmp_path / "b.zip")
    assert list(tmp_path.iterdir()) == []

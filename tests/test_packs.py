from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint import packfile, packs
from fingerprint.errors import PackError
from fingerprint.models import model_info
from fingerprint.packfile import ArraySpec
from fingerprint.packs import Pack, build, key_id, read, with_info, write
from fingerprint.records import ModelInfo, Outputs, Problem, Response, Source
from fingerprint.tokens import Hasher
from fingerprint.units import KINDS, Ragged, UnitTable

KEY = b"sixteen bytes or more"

ANSWERS = (
    "Sure! Here is a plan.\n\n1. We wait.\n2. We don't.\n",
    "It depends. Why? Because it does.",
    "",
    "你好。我不知道。",
)


def outputs(model: str = "gpt-4", n: int = 4, **more: Any) -> Outputs:
    responses = tuple(
        Response(
            f"p{i // 2}", f"Prompt {i // 2}", ANSWERS[i % 4], sample=i % 2, domain="abc"[i % 3]
        )
        for i in range(n)
    )
    sources = (Source("/secret/folder/a.jsonl", "0" * 64),)
    return Outputs(model, responses, suite="s1", sources=sources, **more)


def built(key: bytes | None = None, model: str = "gpt-4", **more: Any) -> Pack:
    return build(outputs(model, **more), model_info(model), key=key)


def same(one: Pack, two: Pack) -> None:
    for field in fields(Pack):
        if field.name not in ("units", "content_sha256"):
            a, b = getattr(one, field.name), getattr(two, field.name)
            assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, field.name
    for field in fields(UnitTable):
        a, b = getattr(one.units, field.name), getattr(two.units, field.name)
        for x, y in zip(*map(_parts, (a, b)), strict=True):
            assert x.dtype == y.dtype
            assert np.array_equal(x, y), field.name


def _parts(value: Any) -> list[Any]:
    return [value.values, value.offsets] if isinstance(value, Ragged) else [value]


# --- what a pack holds


def test_build_fills_the_manifest() -> None:
    pack = build(
        outputs(sampling={"temperature": 0.7}, problems=(Problem("a", 3, "bad"),)),
        model_info("gpt-4"),
        role="reference",
        licence="CC BY 4.0",
        origin="https://example.org/x at 0123abc",
    )
    assert pack.info.vendor == "openai"
    assert pack.info.released == "2023-03-14"
    assert pack.suite == "s1"
    assert len(pack) == 4
    assert len(np.unique(pack.prompts)) == 2
    assert pack.samples.tolist() == [0, 1, 0, 1]
    assert [pack.domain_names[i] for i in pack.domains] == ["a", "b", "c", "a"]
    assert pack.manifest == {
        "role": "reference",
        "licence": "CC BY 4.0",
        "origin": "https://example.org/x at 0123abc",
        "sampling": {"temperature": 0.7},
        "built_by": pack.manifest["built_by"],
        "responses": 4,
        "prompts": 2,
        "words": 23,
        "empty": 1,
        "refusals": 0,
        "languages": {"": 1, "en": 2, "zh": 1},
        "systems": 0,
        "problems": 1,
    }


def test_no_text_is_in_a_pack(tmp_path: Path) -> None:
    write(built(), tmp_path / "a.pack")
    data = (tmp_path / "a.pack").read_bytes().lower()
    for text in (b"plan", b"because", b"prompt 0", "你好".encode(), b"secret"):
        assert text not in data


@pytest.mark.parametrize("key", [None, KEY])
def test_round_trip(tmp_path: Path, key: bytes | None) -> None:
    pack = built(key)
    digest = write(pack, tmp_path / "a.pack", key=key)
    found = read(tmp_path / "a.pack", key=key)
    assert found.content_sha256 == digest
    same(found, replace(pack, sources=(Source("a.jsonl", "0" * 64),)))
    write(found, tmp_path / "b.pack", key=key)
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "b.pack").read_bytes()


names = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=40)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@given(
    st.lists(st.tuples(names, names, st.integers(0, 2**32 - 1), st.none() | names), min_size=1),
    names,
    names,
    st.dictionaries(names, plain, max_size=3),
    st.none() | st.binary(min_size=1),
)
@settings(max_examples=60, deadline=None)
def test_any_outputs_survive_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int, str | None]],
    model: str,
    suite: str,
    sampling: dict[str, Any],
    key: bytes | None,
) -> None:
    responses = tuple(Response(p, p, text, sample=n, domain=d) for p, text, n, d in rows)
    given_outputs = Outputs(model, responses, suite=suite or None, sampling=sampling)
    pack = build(given_outputs, model_info(model), key=key)
    path = tmp_path_factory.getbasetemp() / "any.pack"
    write(pack, path, key=key)
    same(read(path, key=key), pack)


def test_the_same_outputs_give_the_same_bytes(tmp_path: Path) -> None:
    used = Hasher()
    used.words(["other", "words", "first"])
    write(built(), tmp_path / "a.pack")
    write(build(outputs(), model_info("gpt-4"), hasher=used), tmp_path / "b.pack")
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "b.pack").read_bytes()


def test_any_safetensors_library_opens_a_pack(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    pack = built()
    write(pack, tmp_path / "a.pack")
    arrays = numpy.load_file(tmp_path / "a.pack")
    assert set(arrays) == set(packs._SPECS)
    assert np.array_equal(arrays["phrases.values"], pack.units.phrases.values)


def test_arrays_that_were_read_cannot_be_changed(tmp_path: Path) -> None:
    write(built(), tmp_path / "a.pack")
    with pytest.raises(ValueError, match="read-only"):
        read(tmp_path / "a.pack").prompts[0] = 1


def test_with_info_changes_what_is_known_and_nothing_else() -> None:
    pack = built()
    found = with_info(pack, ModelInfo("gpt-4", "mine", lineage_known=True))
    assert found.info.lineage == "mine"
    same(replace(found, info=pack.info), pack)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: replace(o, responses=()), "at least one response"),
        (lambda o: replace(o, responses=(replace(o.responses[0], sample=-1),)), "from 0"),
        (lambda o: replace(o, responses=(replace(o.responses[0], sample=2**32),)), "from 0"),
    ],
)
def test_build_refuses(change: Callable[[Outputs], Outputs], message: str) -> None:
    with pytest.raises(PackError, match=message):
        build(change(outputs()), model_info("gpt-4"))


def test_write_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "none" / "a.pack"):
        with pytest.raises(PackError, match="cannot be written"):
            write(built(), target)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_write_refuses_what_read_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packfile, "MAX_PACK_BYTES", 2000)
    with pytest.raises(PackError, match="may have 2,000 bytes"):
        write(built(), tmp_path / "a.pack")


# --- keys


def test_keyed_and_unkeyed_packs_share_no_hashes() -> None:
    plain_pack, keyed = built(), built(KEY)
    assert not set(plain_pack.prompts.tolist()) & set(keyed.prompts.tolist())
    for kind in (*KINDS, "openings", "closings"):
        values = [
            set(_parts(getattr(pack.units, kind))[0].ravel().tolist())
            for pack in (plain_pack, keyed)
        ]
        assert not (values[0] & values[1]) - {0}, kind


def test_keys_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(KEY), path, key=KEY)
    assert read(path, key=KEY).key_id == read(path).key_id == key_id(KEY)
    with pytest.raises(PackError, match="key id"):
        read(path, key=b"another")
    write(built(), path)
    with pytest.raises(PackError, match="one without a key"):
        read(path, key=KEY)
    for key in (None, b"another"):
        with pytest.raises(PackError, match="--key-file"):
            write(built(KEY), path, key=key)
    with pytest.raises(PackError, match="--key-file"):
        write(built(), path, key=KEY)


def test_an_empty_key_and_a_foreign_hasher_are_refused() -> None:
    with pytest.raises(PackError, match="empty"):
        built(b"")
    for hasher, key in ((Hasher(), KEY), (Hasher(KEY), None), (Hasher(KEY), b"another")):
        with pytest.raises(PackError, match="hasher"):
            build(outputs(), model_info("gpt-4"), key=key, hasher=hasher)


def test_who_lacks_the_key_cannot_pass_a_pack_off(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(KEY), path, key=KEY)
    manifest, arrays = opened(path)
    manifest["model"] = "claude"
    packfile.save(path, manifest, arrays, packs._SPECS, b"a guess")
    assert read(path).info.name == "claude"
    with pytest.raises(PackError, match="HMAC"):
        read(path, key=KEY)
    packfile.save(path, manifest, arrays, packs._SPECS)
    with pytest.raises(PackError, match="HMAC"):
        read(path, key=KEY)


# --- damage


def test_one_changed_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    for key, step in ((KEY, 1), (None, 7)):
        write(build(outputs(n=1), model_info("gpt-4"), key=key), path, key=key)
        data = bytearray(path.read_bytes())
        for place in range(0, len(data), step):
            data[place] ^= 1 << place % 8
            path.write_bytes(data)
            with pytest.raises(PackError):
                read(path)
            data[place] ^= 1 << place % 8
        path.write_bytes(data)
        assert len(read(path)) == 1


def test_truncated_and_longer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    data = path.read_bytes()
    for end in (*range(0, len(data), 11), len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(PackError, match="truncated"):
            read(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(PackError, match="follow it"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a pack"),
        (b'{"prompt_id": "a", "response": "b"}\n' * 10, "but JSON"),
        (b"\x1f\x8b\x08\x00" * 10, "but gzip"),
        (b"\x80\x04\x95" * 20, "not a pack"),
        (b"\x10" + b"\0" * 7 + b"{}              ", "not a pack"),
        (b"\x10" + b"\0" * 7 + b"[" * 16, "not a pack"),
        (b"\x10" + b"\0" * 7 + b"\xff" * 16, "not a pack"),
        ((1 << 20).to_bytes(8, "little") + b"[" * (1 << 20), "not a pack"),
    ],
)
def test_other_files_are_no_packs(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.pack"
    path.write_bytes(content)
    with pytest.raises(PackError, match=message):
        read(path)


def test_a_missing_file_and_a_folder_are_no_packs(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot be read: No such file"):
        read(tmp_path / "none.pack")
    with pytest.raises(PackError, match="found a folder"):
        read(tmp_path)
    with pytest.raises(PackError):
        read(tmp_path / ("x" * 5000))


def opened(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return manifest and arrays of a pack as a forger would have them."""
    content = packfile.load(path, packs._SPECS, packs._VERSIONS)
    return content.manifest, dict(content.arrays)


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def put_header(path: Path, header: dict[str, Any], body: bytes) -> None:
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + body)


@pytest.mark.parametrize(
    "rows", [1 << 28, 1 << 40, 1 << 70, 10**4000, -1, 1.5, True, "9", None, []]
)
@pytest.mark.parametrize("name", ["prompts", "style", "phrases.values"])
def test_absurd_sizes_are_refused_before_anything_is_allocated(
    tmp_path: Path, name: str, rows: Any
) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    header, body = header_of(path)
    if name == "prompts":  # all arrays of a row a response, consistently
        for array in ("prompts", "samples", "domains", "language", "refusal"):
            header[array]["shape"] = [rows]
    else:
        header[name]["shape"][0] = rows
    put_header(path, header, body)
    tracemalloc.start()
    with pytest.raises(PackError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_consistent_header_of_terabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    header, body = header_of(path)
    manifest = json.loads(header["__metadata__"]["fingerprint"])
    n = 1 << 28
    shapes = {name: spec.shape(n, header[name]["shape"][0]) for name, spec in packs._SPECS.items()}
    raw = packfile._header(manifest, packs._SPECS, shapes)
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + body)
    tracemalloc.start()
    with pytest.raises(PackError, match=r"announces arrays of \d\d,\d{3},\d{3},\d{3} bytes"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("header_bytes", [1 << 23, 1 << 62, (1 << 64) - 1])
def test_a_huge_file_is_refused_unread(tmp_path: Path, header_bytes: int) -> None:
    path = tmp_path / "a.pack"
    with path.open("wb") as file:
        file.write(header_bytes.to_bytes(8, "little"))
        file.truncate(1 << 34)  # sparse: no blocks on disk
    tracemalloc.start()
    with pytest.raises(PackError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("entry", ["format", "units", "style"])
def test_another_version_is_named(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    packfile.save(path, manifest | {entry: "other/9"}, arrays, packs._SPECS)
    with pytest.raises(PackError, match=f"{entry} 'other/9'"):
        read(path)


@pytest.mark.parametrize(
    ("name", "spec", "array"),
    [
        ("prompts", ArraySpec("<u4"), lambda a: a.astype("<u4")),
        ("style", ArraySpec("|u1", width=3), lambda a: a[:, :3]),
        ("openings", ArraySpec("<u4"), lambda a: a[:, 0]),
        ("counts", ArraySpec("<u4", rows="any", width=5), lambda a: a[:2]),
        ("phrases.offsets", ArraySpec("<i8", rows="any"), lambda a: a[:-1]),
        ("line_starts.values", ArraySpec("<u8", rows="any"), lambda a: a.astype("<u8")),
    ],
)
def test_wrong_types_and_shapes_are_refused(
    tmp_path: Path, name: str, spec: ArraySpec, array: Callable[[Any], Any]
) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    specs = packs._SPECS | {name: spec}
    packfile.save(path, manifest, arrays | {name: array(arrays[name])}, specs)
    with pytest.raises(PackError, match=f"array {name} should be"):
        read(path)


def test_missing_and_further_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    for specs in (
        {name: spec for name, spec in packs._SPECS.items() if name != "style"},
        packs._SPECS | {"more": ArraySpec("|u1", rows="any")},
    ):
        packfile.save(path, manifest, arrays | {"more": np.zeros(1, np.uint8)}, specs)
        with pytest.raises(PackError, match="found others"):
            read(path)


def _wrapping(arrays: dict[str, Any]) -> dict[str, Any]:
    # every difference of these is positive in 64 bits
    low, high = -(1 << 63), (1 << 63) - 1
    end = len(arrays["phrases.values"])
    return {"phrases.offsets": np.array([0, high, low, -1, end], dtype=np.int64)}


def _too_long(arrays: dict[str, Any]) -> dict[str, Any]:
    offsets = np.array([0, 200, 200, 200, 200], dtype=np.int64)
    return {"phrases.values": np.arange(200, dtype=np.uint32), "phrases.offsets": offsets}


def _backwards(arrays: dict[str, Any]) -> dict[str, Any]:
    return {"line_starts.offsets": arrays["line_starts.offsets"][[0, 2, 1, 3, 4]]}


@pytest.mark.parametrize(
    "change",
    [
        _wrapping,
        _too_long,
        _backwards,
        lambda a: {"phrases.offsets": a["phrases.offsets"][::-1]},
        lambda a: {"phrases.offsets": a["phrases.offsets"] + 1},
        lambda a: {"phrases.offsets": np.minimum(a["phrases.offsets"], 1)},
        lambda a: {"line_starts.values": a["line_starts.values"][::-1]},
        lambda a: {"line_starts.values": a["line_starts.values"] * 0},
        lambda a: {"domains": a["domains"] + 3},
        lambda a: {"language": a["language"] + 200},
        lambda a: {"refusal": a["refusal"] + 2},
    ],
)
def test_arrays_that_make_no_sense_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    packfile.save(path, manifest, arrays | change(arrays), packs._SPECS)
    with pytest.raises(PackError, match="made by something else"):
        read(path)


@pytest.mark.parametrize("date", ["soon", "2026-13", "٢٠٢٦", ""])
def test_a_release_that_is_no_date_is_refused(tmp_path: Path, date: str) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    packfile.save(path, manifest | {"released": date}, arrays, packs._SPECS)
    with pytest.raises(PackError, match="released should be a date such as 2026-01"):
        read(path)


@pytest.mark.parametrize("value", [None, 1, [], {}, ["a", 1], True, "absent"])
@pytest.mark.parametrize(
    "entry",
    ["model", "vendor", "lineage", "lineage_known", "released", "taught_by", "suite",
     "domain_names", "key_id", "sources", "about"],
)  # fmt: skip
def test_manifests_of_other_types_are_refused_or_read(
    tmp_path: Path, entry: str, value: Any
) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    if value == "absent":
        del manifest[entry]
    else:
        manifest[entry] = value
    packfile.save(path, manifest, arrays, packs._SPECS)
    good = {
        "vendor": (None, "absent"), "released": (None, "absent"), "key_id": (None, "absent"),
        "lineage_known": (True,), "taught_by": ([],), "sources": ([],), "about": ({},),
    }  # fmt: skip
    # compared with their types, since True == 1
    if (type(value), value) in [(type(known), known) for known in good.get(entry, ())]:
        assert len(read(path)) == 4
    else:
        with pytest.raises(PackError):
            read(path)


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_hostile_manifests_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, arrays = opened(path)
    name = "\x1b[2J\u202e[red]<script>\0\ud800" + "x" * 100_000
    about = {"responses": 10**4000, "n": float("nan"), "deep": _nested(500), "model": name}
    manifest |= {"model": name, "suite": name, "about": about, "domain_names": [name] * 3}
    packfile.save(path, manifest, arrays, packs._SPECS)
    found = read(path)
    assert found.info.name == found.suite == name
    assert found.manifest["responses"] == 10**4000
    assert found.manifest["n"] == "nan"
    write(found, tmp_path / "b.pack")


def test_a_pack_without_responses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(built(), path)
    manifest, _ = opened(path)
    empty = {
        name: np.zeros(spec.shape(0, 0), dtype=spec.dtype) for name, spec in packs._SPECS.items()
    }
    packfile.save(path, manifest, empty, packs._SPECS)
    with pytest.raises(PackError, match="at least one response"):
        read(path)

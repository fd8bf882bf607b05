"""Properties of reading and writing outputs that hold for any input."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fingerprint.errors import OutputsError
from fingerprint.outputs import read_outputs, sniff, write_jsonl
from fingerprint.records import Outputs, Response

FAST = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
DATA = Path(__file__).parent / "data" / "outputs"
NAMES = [
    "a.jsonl", "a.jsonl.gz", "a.json", "a.eval", "a.parquet", "scenario_state.json",
    "model_outputs.json", "samples_t.jsonl", "a",
]  # fmt: skip


def read_or_refuse(path: Path) -> tuple[Outputs, ...]:
    """Read twice: the same, or an `OutputsError` that is one printable line."""
    try:
        found = read_outputs(path)
    except OutputsError as error:
        assert str(error).isprintable()
        return ()
    assert read_outputs(path) == found
    return found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@FAST
@given(name=st.sampled_from(NAMES), content=st.binary(max_size=300))
@example(name="a.eval", content=b"PK\x05\x06" + b"\0" * 18)
@example(name="a.jsonl", content=b'{"a":' * 5000)
@example(name="a.jsonl.gz", content=b"\x1f\x8b\x08")
@example(name="a.parquet", content=b"PAR1PAR1")
@example(name="a.json", content=b"\xff\xfe{\0")
def test_arbitrary_bytes_raise_nothing_but_outputs_error(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        sniff(path)
        read_or_refuse(path)


@FAST
@given(name=st.sampled_from(NAMES), value=json_values)
def test_arbitrary_json_raises_nothing_but_outputs_error(name: str, value: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(json.dumps(value))
        read_or_refuse(path)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value)
        if isinstance(value, list) else ()
    )  # fmt: skip
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy


@FAST
@given(data=st.data(), new=json_values)
def test_documents_with_one_value_changed_raise_nothing_but_outputs_error(
    data: st.DataObject, new: Any
) -> None:
    name = data.draw(
        st.sampled_from(
            [
                "model_outputs.json",
                "helm/gsm:model=acme_tiny-7b/scenario_state.json",
                "inspect_log.json",
            ]
        )
    )
    document = json.loads((DATA / name).read_text())
    changed = _with(document, data.draw(st.sampled_from(_places(document))), new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, Path(name).name)
        path.write_text(json.dumps(changed))
        read_or_refuse(path)


@FAST
@given(data=st.data(), new=json_values)
def test_lm_eval_lines_with_one_value_changed_raise_nothing_but_outputs_error(
    data: st.DataObject, new: Any
) -> None:
    (samples,) = (DATA / "lm_eval/acme__tiny-7b").glob("samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    changed = _with(rows, data.draw(st.sampled_from(_places(rows)[1:])), new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a__b", samples.name)
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in changed))
        read_or_refuse(path)


@FAST
@given(data=st.data())
def test_damaged_archives_raise_nothing_but_outputs_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["inspect_deflate.eval", "inspect_zstd.eval"]))
    raw = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.eval")
        path.write_bytes(raw)
        read_or_refuse(path)


@FAST
@given(sample=json_values)
def test_archive_with_any_sample_raises_nothing_but_outputs_error(sample: Any) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("header.json", json.dumps({"eval": {"model": "m", "task": "t"}}))
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.eval")
        path.write_bytes(packed.getvalue())
        read_or_refuse(path)


responses = st.builds(
    Response,
    prompt_id=st.text(min_size=1),
    prompt=st.just("the prompt"),
    text=st.text().filter(lambda text: not text.lstrip().startswith("<think>")),
    sample=st.integers(0, 2**31 - 1),
    domain=st.none() | st.text(),
    language=st.none() | st.text(),
    system=st.none() | st.text(),
    finish_reason=st.none() | st.text(),
    served_model=st.none() | st.text(),
    extra=st.dictionaries(
        st.sampled_from(["reasoning", "logprobs", "mine", "é\n"]), st.text() | st.integers()
    ),
)


@FAST
@given(
    found=st.lists(
        responses, min_size=1, max_size=6, unique_by=lambda one: (one.prompt_id, one.sample)
    ),
    packed=st.booleans(),
    model=st.text(min_size=1, max_size=20).filter(lambda name: name == name.strip() != ""),
)
def test_any_text_is_read_back_as_written(found: list[Response], packed: bool, model: str) -> None:
    outputs = Outputs(model, tuple(found), suite="s", sampling={"temperature": 1})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl.gz" if packed else "a.jsonl")
        write_jsonl(path, outputs)
        (back,) = read_outputs(path, strict=True)
    assert back.responses == outputs.responses
    assert (back.model, back.suite, back.sampling) == (model, "s", {"temperature": 1})


maybe = st.sampled_from(["a", "b", "", None, 3, 1.5, ["x"], "\ud800"])
lines = st.fixed_dictionaries(
    {},
    optional={
        "prompt_id": maybe, "prompt": st.sampled_from(["q", "r", None]), "response": maybe,
        "model": st.sampled_from(["m", "n", " ", None]),
        "sample": st.sampled_from([0, 1, -1, None]),
        "domain": maybe,
    },
)  # fmt: skip
whole = st.fixed_dictionaries(
    {"prompt_id": st.sampled_from(["1", 2]), "prompt": st.just("q"), "response": maybe,
     "model": st.sampled_from(["m", "n"])},
    optional={"sample": st.sampled_from([0, 1, 2])},
)  # fmt: skip


@FAST
@given(
    entries=st.lists(
        (lines | whole).map(json.dumps) | st.sampled_from(["{", "[]", "nul", '"x"', "{}"]),
        max_size=30,
    ),
    packed=st.booleans(),
)
def test_every_line_is_used_or_told(entries: list[str], packed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl")
        raw = "".join(entry + "\n" for entry in entries).encode()
        path.write_bytes(gzip.compress(raw) if packed else raw)
        found = read_or_refuse(path)
    if found:
        told = {problem for one in found for problem in one.problems if problem.line is not None}
        assert sum(len(one.responses) for one in found) + len(told) == len(entries)
        for one in found:
            keys = [(response.prompt_id, response.sample) for response in one.responses]
            assert len(set(keys)) == len(keys)

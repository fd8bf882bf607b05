"""JSON lines: what is read, what is told, what is refused; folders, numbering, writing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import OutputsError
from fingerprint.outputs import check, files, gather, read_outputs, sniff, write_jsonl
from fingerprint.records import Outputs, Problem, Response


def line(**changes: Any) -> dict[str, Any]:
    record = {"prompt_id": "p1", "prompt": "Say hi.", "response": "Hi.", "model": "m"}
    record.update(changes)
    return {name: value for name, value in record.items() if value is not ...}


def put(path: Path, *lines: object) -> Path:
    """Write objects as JSON, text and bytes as they are, one a line."""
    raw = [
        one
        if isinstance(one, bytes)
        else (one if isinstance(one, str) else json.dumps(one)).encode()
        for one in lines
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(one + b"\n" for one in raw))
    return path


def read_one(path: Path, **options: Any) -> Outputs:
    (outputs,) = read_outputs(path, **options)
    return outputs


# What is read


def test_all_fields_arrive_where_they_belong(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl",
        line(
            prompt_id=7,
            sample=2,
            domain="science",
            language="en",
            system="Be brief.",
            sampling={"temperature": 1.0},
            finish_reason="stop",
            served_model="m-0101",
            logprobs=[-0.5],
            reasoning="thinking",
            collected_at="2026-01-01",
            lineage="m-family",
            vendor="acme",
            released="2026-01",
            suite="core",
            mine={"a": [1]},
        ),
    )
    assert read_outputs(path) == (
        Outputs(
            model="m",
            suite="core",
            lineage="m-family",
            vendor="acme",
            released="2026-01",
            sampling={"temperature": 1.0},
            sources=(files_source(path),),
            responses=(
                Response(
                    prompt_id="7",
                    prompt="Say hi.",
                    text="Hi.",
                    sample=2,
                    domain="science",
                    language="en",
                    system="Be brief.",
                    finish_reason="stop",
                    served_model="m-0101",
                    extra={
                        "logprobs": [-0.5],
                        "reasoning": "thinking",
                        "collected_at": "2026-01-01",
                        "mine": {"a": [1]},
                    },
                ),
            ),
        ),
    )


def files_source(path: Path) -> Any:
    from fingerprint.records import Source

    return Source(str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def test_models_and_suites_of_one_file_are_kept_apart_in_order(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(model="b"), line(model="a"), line(model="b", suite="s"),
        line(model="b", prompt_id="p2"),
    )  # fmt: skip
    found = read_outputs(path)
    assert [(one.model, one.suite, len(one.responses)) for one in found] == [
        ("b", None, 2),
        ("a", None, 1),
        ("b", "s", 1),
    ]


@pytest.mark.parametrize("text", ["", "  \n", "\x00\x1b[31m", "a\u202eb", "𝔘\r\n"])
def test_odd_text_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    assert read_one(put(tmp_path / "a.jsonl", line(response=text))).responses[0].text == text


def test_byte_order_mark_blank_lines_and_crlf_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = json.dumps(line()) + "\r\n\r\n  \n" + json.dumps(line(prompt_id="p2"))
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_one(path)
    assert [one.prompt_id for one in found.responses] == ["p1", "p2"]
    assert found.problems == ()


def test_gzip_is_known_by_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(json.dumps(line()).encode()))
    assert read_one(path).responses[0].text == "Hi."
    plain = put(tmp_path / "b.jsonl.gz", line())
    assert read_one(plain).responses[0].text == "Hi."


@pytest.mark.parametrize(
    ("response", "text", "reasoning"),
    [
        ("<think>\nhm\n</think>\n\nHi.", "Hi.", "hm"),
        ("  <think>a</think><think>b</think>Hi.", "Hi.", "a\n\nb"),
        ("<think></think>Hi.", "Hi.", None),
        ("Hi. <think>a</think>", "Hi. <think>a</think>", None),
        ("<think>cut off", "", "cut off"),
    ],
)
def test_thoughts_are_no_part_of_the_answer(
    tmp_path: Path, response: str, text: str, reasoning: str | None
) -> None:
    found = read_one(put(tmp_path / "a.jsonl", line(response=response)))
    assert found.responses[0].text == text
    assert found.responses[0].extra.get("reasoning") == reasoning
    assert bool(found.problems) == (response == "<think>cut off")


def test_inline_thoughts_do_not_overwrite_given_reasoning(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", line(response="<think>a</think>Hi.", reasoning=["given"]))
    assert read_one(path).responses[0].extra == {"reasoning": [["given"], "a"]}


def test_lone_surrogates_are_replaced_and_told_once(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(response="x\ud800y", mine={"k\udfff": ["\ud83d"]}),
        line(prompt_id="p2", response="\udead"), line(prompt_id="p3", response="\U0001f600"),
    )  # fmt: skip
    found = read_one(path, strict=True)
    assert [one.text for one in found.responses] == ["x\ufffdy", "\ufffd", "\U0001f600"]
    assert found.responses[0].extra == {"mine": {"k\ufffd": ["\ufffd"]}}
    message = "2 lines had lone surrogates, replaced by U+FFFD"
    assert found.problems == (Problem(str(path), None, message),)


def test_mistyped_optional_field_costs_no_response(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", line(domain=["a"], sampling="greedy", released="soon"))
    found = read_one(path, strict=True)
    assert found.responses[0].domain is None
    assert found.responses[0].extra == {"domain": ["a"], "sampling": "greedy", "released": "soon"}
    assert found.released is None
    assert len(found.problems) == 3


def test_sampling_that_differs_is_kept_with_each_response(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl",
        line(prompt_id="1", sampling={"temperature": 0, "top_p": 1}),
        line(prompt_id="2", sampling={"temperature": 1, "top_p": 1}),
        line(prompt_id="3", sampling={"temperature": 0, "top_p": 1}),
    )
    found = read_one(path)
    assert found.sampling == {"top_p": 1}
    assert [one.extra["sampling"]["temperature"] for one in found.responses] == [0, 1, 0]
    assert "temperature" in found.problems[0].message


@pytest.mark.parametrize(
    ("given", "taken"), [(2026, "2026"), ("2026-01-05T10:00:00Z", "2026-01-05"), ("2026", "2026")]
)
def test_release_dates(tmp_path: Path, given: object, taken: str) -> None:
    assert read_one(put(tmp_path / "a.jsonl", line(released=given))).released == taken


@pytest.mark.parametrize("given", ["2023-13", "2023-00", "2023-01-32", "٢٠٢٣-٠١", "２０２３", "20"])
def test_what_is_no_date_excludes_nobody(tmp_path: Path, given: str) -> None:
    """Dates are compared as text: digits of another script come after all dates."""
    found = read_one(put(tmp_path / "a.jsonl", line(released=given)))
    assert found.released is None
    assert "no ISO date" in found.problems[0].message


# What is told, and refused when strict

BAD = {
    "bad json": ('{"prompt_id": "p1", ', "not valid JSON"),
    "no object": ("[1, 2]", "expected a JSON object, found a list"),
    "bare number": ("17", "expected a JSON object, found int '17'"),
    "missing": ({"model": "m", "x": 1}, 'missing: "prompt_id", "prompt", "response"'),
    "null response": (line(response=None), '"response" should be text'),
    "number response": (line(response=5), "found int '5'"),
    "list response": (line(response=["a"]), "found a list"),
    "float id": (line(prompt_id=1.5), '"prompt_id" should be'),
    "bool id": (line(prompt_id=True), "found bool"),
    "empty id": (line(prompt_id=""), '"prompt_id" should be'),
    "null prompt": (line(prompt=None), '"prompt" should be text; found null'),
    "no model": (line(model=...), 'add the field "model"'),
    "blank model": (line(model=" "), '"model" is blank'),
    "null model": (line(model=None), '"model" is null'),
    "number model": (line(model=3), '"model" should be text'),
    "long model": (line(model="m" * 501), "longer than 500"),
    "bad sample": (line(sample=-1), '"sample" should be an integer from 0'),
    "text sample": (line(sample="1"), '"sample" should be an integer from 0'),
    "invalid utf-8": (b'{"prompt": "\xff"}', "not UTF-8: byte 0xff at byte 88 of the file"),
    "deep": ("[" * 100_000, "nests too deeply"),
    "deep and marked": ('{"a": "\\ud800", "b":' + "[" * 900 + "]" * 900 + "}", ""),
    "raw control": ('{"prompt": "a\tb"}', "not valid JSON: Invalid control character"),
    "huge number": ('{"a": ' + "9" * 5000 + "}", "not usable JSON"),
    "twice": (json.dumps(line())[:-1] + ', "response": "other"}', "a field occurs twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_line_is_told_with_its_number(tmp_path: Path, name: str) -> None:
    bad, expected = BAD[name]
    path = put(tmp_path / "a.jsonl", line(prompt_id="good"), bad)
    found = read_one(path)
    assert [one.prompt_id for one in found.responses] == ["good"]
    (problem,) = found.problems
    assert (problem.path, problem.line) == (str(path), 2)
    assert expected in problem.message
    assert problem.message.isprintable()
    with pytest.raises(OutputsError) as error:
        read_outputs(path, strict=True)
    assert str(error.value).startswith(f"{path}:2: ")
    with pytest.raises(OutputsError, match="none of 1 lines can be used: line 1: "):
        read_outputs(put(tmp_path / "b.jsonl", bad))


def test_the_byte_that_is_no_utf8_is_counted_from_the_start_of_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", line(), b"", b'{"a": "\xc3(", }')
    offset = path.read_bytes().index(b"\xc3")
    assert f"byte 0xc3 at byte {offset} of the file" in read_one(path).problems[0].message


def test_messages_show_no_raw_hostile_text(tmp_path: Path) -> None:
    hostile = "\x1b[2J\u202e<script>" + "A" * 5000
    path = put(
        tmp_path / "a.jsonl", line(), line(sample=hostile), "{" + hostile,
        line(lineage=hostile[:90]), line(prompt_id="2", lineage="other"),
        line(prompt_id=hostile, sample=0), line(prompt_id=hostile, prompt="other"),
    )  # fmt: skip
    found = read_one(path)
    assert len(found.problems) >= 4
    for problem in found.problems:
        assert problem.message.isprintable()
        assert "A" * 60 not in problem.message


def test_utf16_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json"):
        path = tmp_path / name
        path.write_bytes(json.dumps(line()).encode("utf-16"))
        with pytest.raises(OutputsError, match=r"UTF-16.*save the file as UTF-8"):
            read_outputs(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "the file is empty"), (b"\n \n", "has no lines"), (b"\xef\xbb\xbf", "has no lines")],
)
def test_empty_files_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(OutputsError, match=expected):
        read_outputs(path)


def test_first_problems_explain_a_file_without_usable_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *[line(model=...)] * 5)
    with pytest.raises(OutputsError) as error:
        read_outputs(path)
    text = str(error.value)
    assert "none of 5 lines" in text and "line 3: " in text and "line 4" not in text
    assert 'add the field "model"' in text and "\n" not in text


def test_problem_of_one_model_is_not_told_of_another(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(model="a"), line(model="b"), line(model="a", response=1), "{"
    )
    first, second = read_outputs(path)
    assert [one.line for one in first.problems] == [3, 4]
    assert [one.line for one in second.problems] == [4]


def test_conflicting_lineage_is_told_once_and_the_first_counts(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(lineage="x"), line(prompt_id="2", lineage="y"),
        line(prompt_id="3", lineage="y"), line(prompt_id="4", suite="s"),
    )  # fmt: skip
    first, second = read_outputs(path)
    assert (first.lineage, second.lineage, len(first.responses)) == ("x", "x", 3)
    (problem,) = first.problems
    assert problem.line == 2 and "'y'" in problem.message and "'x'" in problem.message
    with pytest.raises(OutputsError, match="conflicts"):
        read_outputs(path, strict=True)


# Numbering


def test_unnumbered_responses_of_a_prompt_are_samples_in_file_order(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(response="a"), line(response="b"), line(prompt_id="2"),
        line(response="a"), line(response="c"),
    )  # fmt: skip
    found = read_one(path)
    assert [(one.prompt_id, one.sample, one.text) for one in found.responses] == [
        ("p1", 0, "a"), ("p1", 1, "b"), ("2", 0, "Hi."), ("p1", 2, "c"),
    ]  # fmt: skip
    (problem,) = found.problems
    assert problem.line == 4 and "repeats the response at line 1" in problem.message


def test_given_numbers_are_kept_and_never_taken_by_others(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(response="a"), line(response="b", sample=0),
        line(response="c", sample=2), line(response="d"),
    )  # fmt: skip
    found = read_one(path)
    assert {one.text: one.sample for one in found.responses} == {"a": 1, "b": 0, "c": 2, "d": 3}
    assert found.problems == ()


def test_numbered_repeats_and_conflicts_are_dropped_and_told(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(sample=1, response="a"), line(sample=1, response="a"),
        line(sample=1, response="b"), line(sample=2, response="a"),
    )  # fmt: skip
    found = read_one(path)
    assert [(one.sample, one.text) for one in found.responses] == [(1, "a"), (2, "a")]
    assert [one.line for one in found.problems] == [2, 3]
    assert "same text" in found.problems[0].message
    assert "another response" in found.problems[1].message
    with pytest.raises(OutputsError, match=r"a\.jsonl:2: repeats"):
        read_outputs(path, strict=True)


def test_one_id_for_two_prompts_is_no_second_sample(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl", line(response="a"), line(prompt="Say  hi.\n", response="b"),
        line(prompt="Say bye.", response="c"),
    )  # fmt: skip
    found = read_one(path)
    assert [one.text for one in found.responses] == ["a", "b"]
    assert "stands for another prompt at line 1" in found.problems[0].message


# Limits


def test_long_response_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_RESPONSE_BYTES", 8)
    path = put(
        tmp_path / "a.jsonl", line(response="ééé"), line(prompt_id="2", response="éééé"),
        line(prompt_id="3", response="ééééé"),
    )  # fmt: skip
    found = read_one(path)
    assert [one.prompt_id for one in found.responses] == ["p1", "2"]
    assert "longer than 8 bytes (10)" in found.problems[0].message


def test_long_line_is_passed_over_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 200)
    path = put(
        tmp_path / "a.jsonl", line(), line(prompt_id="2", response="x" * 3_000_000),
        line(prompt_id="3"),
    )  # fmt: skip
    found = read_one(path)
    assert [one.prompt_id for one in found.responses] == ["p1", "3"]
    assert (found.problems[0].line, "longer than" in found.problems[0].message) == (2, True)


def test_gzip_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_TOTAL_BYTES", 2**20)
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 2**10)
    for filler in (b"\n" * 2**22, b"x" * 2**23):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(gzip.compress(json.dumps(line()).encode() + b"\n" + filler))
        with pytest.raises(OutputsError, match="unpacks to more than 1048576 bytes"):
            read_outputs(path)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "header"])
def test_damaged_gzip_tells_what_was_read(tmp_path: Path, damage: str) -> None:
    body = "".join(json.dumps(line(prompt_id=i, response=os.urandom(40).hex())) + "\n"
                   for i in range(3000))  # fmt: skip
    raw = bytearray(gzip.compress(body.encode()))
    if damage == "truncated":
        del raw[len(raw) // 2 :]
    elif damage == "flipped":
        raw[-6] ^= 0xFF
    else:
        raw[2] = 7
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(raw)
    with pytest.raises(
        OutputsError, match=r"gzip data is truncated or damaged after line \d+ \(\d+"
    ):
        read_outputs(path)


def test_problems_are_bounded_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MAX_PROBLEMS", 5)
    path = put(tmp_path / "a.jsonl", line(), *["{"] * 12)
    problems = read_one(path).problems
    assert len(problems) == 6
    assert problems[-1].message == "7 more entries could not be used"


# Files and folders


def test_folder_merges_files_of_one_model(tmp_path: Path) -> None:
    put(tmp_path / "b/2.jsonl", line(response="second"), line(model="n"))
    put(tmp_path / "a.jsonl", line(response="first"), line(prompt_id="2"), "{")
    put(tmp_path / ".hidden.jsonl", line(model="hidden"))
    put(tmp_path / ".git/x.jsonl", line(model="hidden"))
    put(tmp_path / "x.pack", "no outputs")
    found = {one.model: one for one in read_outputs(tmp_path)}
    assert sorted(found) == ["m", "n"]
    assert [(one.prompt_id, one.sample, one.text) for one in found["m"].responses] == [
        ("p1", 0, "first"), ("2", 0, "Hi."), ("p1", 1, "second"),
    ]  # fmt: skip
    assert [Path(one.path).name for one in found["m"].sources] == ["a.jsonl", "2.jsonl"]
    assert [Path(one.path).name for one in found["n"].sources] == ["2.jsonl"]
    assert len(found["m"].problems) == 1 and not found["n"].problems


def test_folder_tells_what_it_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", line())
    put(tmp_path / "notes.txt", "hello")
    put(tmp_path / "broken.jsonl", "{")
    put(tmp_path / "empty.jsonl")
    problems = read_one(tmp_path).problems
    text = " | ".join(str(one) for one in problems)
    assert len(problems) == 3
    assert "notes.txt" in text and "broken.jsonl" in text and "the file is empty" in text
    with pytest.raises(OutputsError, match=r"broken\.jsonl"):
        read_outputs(tmp_path, strict=True)


def test_folder_without_outputs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputsError, match="no outputs in this folder"):
        read_outputs(tmp_path)
    put(tmp_path / "readme.txt", "hello")
    with pytest.raises(OutputsError, match=r"no outputs in this folder.*readme\.txt"):
        read_outputs(tmp_path)


def test_repeats_across_files_name_both_files(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", line())
    put(tmp_path / "b.jsonl", line())
    (problem,) = read_one(tmp_path).problems
    assert problem.path.endswith("b.jsonl") and "a.jsonl" in problem.message


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputsError, match="no such file or folder"):
        read_outputs(tmp_path / "none.jsonl")
    with pytest.raises(OutputsError, match="neither a file nor a folder"):
        read_outputs("/dev/zero")
    with pytest.raises(OutputsError, match="is a pack"):
        read_outputs(put(tmp_path / "x.pack", "{}"))
    with pytest.raises(OutputsError, match="not recognised as outputs; expected one of"):
        read_outputs(put(tmp_path / "x.txt", "hello"))
    with pytest.raises(OutputsError):
        read_outputs("a\0b")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputsError, match="no such file"):
        read_outputs(tmp_path / "gone.jsonl")


def test_sniff(tmp_path: Path) -> None:
    assert sniff(put(tmp_path / "a.jsonl", "anything")) == "jsonl"
    assert sniff(put(tmp_path / "a.txt", line())) == "jsonl"
    assert sniff(put(tmp_path / "b.txt", {"hello": 1})) is None
    assert sniff(tmp_path) is None
    assert sniff(put(tmp_path / "a.pack", line())) is None
    with pytest.raises(OutputsError):
        sniff(tmp_path / "none")


# Writing


def example() -> Outputs:
    return Outputs(
        model="m",
        suite="core",
        lineage="x",
        vendor="acme",
        released="2026-01",
        sampling={"temperature": 0.7},
        responses=(
            Response("p1", "Say hi.", "Hi.\n\x00", 0, extra={"reasoning": "hm", "k": [1, None]}),
            Response("p1", "Say hi.", "Hé.", 1, "d", "en", "sys", "stop", "m-1"),
        ),
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_jsonl(path, example())
    found = read_one(path, strict=True)
    assert found.sources and found == Outputs(
        **{
            field: getattr(example(), field)
            for field in Outputs.__dataclass_fields__
            if field != "sources"
        },
        sources=found.sources,
    )


def test_written_bytes_depend_on_the_outputs_alone(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl.gz", tmp_path / "two.jsonl.gz"
    write_jsonl(one, example())
    os.utime(one, (1, 1))
    write_jsonl(two, [example()])
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[3:8] == bytes(5), "gzip header with a time or a name"
    assert gzip.decompress(one.read_bytes()).count(b"\n") == 2


def test_differing_sampling_survives_writing(tmp_path: Path) -> None:
    rows = [line(prompt_id=i, sampling={"t": i, "p": 1}) for i in range(2)]
    first = read_one(put(tmp_path / "a.jsonl", *rows))
    write_jsonl(tmp_path / "b.jsonl", first)
    second = read_one(tmp_path / "b.jsonl")
    assert (second.responses, second.sampling) == (first.responses, first.sampling)


def test_failed_writing_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", line())
    old = path.read_bytes()
    for bad in (
        Outputs("m", (Response("1", "p", "t"), Response("2", "p", "t", extra={"x": object()}))),
        Outputs("m", ()),
    ):
        with pytest.raises(OutputsError):
            write_jsonl(path, bad)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputsError, match="cannot be written"):
        write_jsonl(tmp_path / "none" / "a.jsonl", example())

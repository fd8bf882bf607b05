"""The suites that ship, keep what they promise; any suite is loaded or refused with its place."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import types
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st
from perturbed_answers import AGAIN, NAMED

from fingerprint.errors import MissingExtraError, ProbesError, UnknownNameError
from fingerprint.outputs import alpaca_eval
from fingerprint.probes import Probe, challenge, hub, load_suite, select, shipped_suites, suite
from fingerprint.probes.answers import is_right
from fingerprint.probes.validate import validate

ROOT = Path(__file__).parent.parent
LANGUAGES = {"zh", "en", "es", "ar", "hi", "id"}
DOMAINS = {
    "explanation", "advice", "opinion", "creative", "code", "mathematics", "agentic",
    "business_policy",
}  # fmt: skip
MAKERS = re.compile(
    r"openai|chatgpt|\bgpt|anthropic|claude|google|gemini|meta\b|\bllama\b|mistral|deepseek|qwen|通义"
    r"|alibaba|moonshot|kimi|zhipu|\bglm|minimax|baidu|ernie|文心|bytedance|doubao|豆包|\bgrok|xai"
    r"|cohere|microsoft|copilot|amazon|nova\b|tencent|hunyuan|yandex|sberbank|falcon|nvidia|apple",
    re.IGNORECASE,
)


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    return path


def probe(answer: str | None, kind: str, **more: Any) -> Probe:
    return Probe("p", "q", answer=answer, check={"kind": kind, **more})


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def problems(path: Path) -> str:
    return "\n".join(map(str, validate(str(path)).problems))


# --- what ships


@pytest.mark.parametrize("name", ["style", "multilingual", "canary", "perturbed"])
def test_every_shipped_suite_is_valid(name: str) -> None:
    found = validate(name)
    assert found.problems == ()
    assert found.probes == len(load_suite(name)) == shipped_suites()[name].probes


def test_the_files_are_what_the_tool_makes() -> None:
    done = subprocess.run(
        [sys.executable, "tools/build_probes.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_style_covers_its_domains() -> None:
    found = load_suite("style")
    by_domain = Counter(p.domain for p in found.probes)
    assert set(by_domain) == DOMAINS
    assert min(by_domain.values()) >= 30
    assert len(found) >= 240
    prose = Counter(p.domain for p in found.probes if p.meta["form"] == "prose")
    assert min(prose[d] for d in DOMAINS) >= 3
    quick = load_suite("style", quick=True)
    assert len(quick) == 60
    assert quick.sha256 == found.sha256
    assert min(Counter(p.domain for p in quick.probes).values()) >= 7
    assert sum(p.meta["form"] == "prose" for p in quick.probes) == len(DOMAINS)


def test_agentic_prompts_come_with_and_without_a_system_prompt() -> None:
    agentic = select(load_suite("style"), domain="agentic")
    assert 3 <= sum(p.system is not None for p in agentic) < len(agentic) / 2
    assert sum("JSON" in str(p.messages) for p in agentic) >= 24


def test_multilingual_is_in_six_languages() -> None:
    found = load_suite("multilingual").probes
    assert len(found) >= 120
    assert set(Counter(p.language for p in found)) == LANGUAGES
    groups: dict[str, set[str]] = defaultdict(set)
    for p in found:
        if p.kind == "parallel":
            groups[str(p.group)].add(str(p.language))
    assert len(groups) >= 8
    assert all(languages == LANGUAGES for languages in groups.values())
    own = Counter(p.language for p in found if p.kind == "culture")
    assert min(own[language] for language in LANGUAGES) >= 10


def test_identity_is_asked_in_many_ways_and_never_leads() -> None:
    found = load_suite("canary").probes
    assert len(found) >= 300
    assert {p.domain for p in found} == {"canary"}
    for kind, ways in (("identity", 20), ("cutoff", 4)):
        groups: dict[str, set[str]] = defaultdict(set)
        for p in found:
            if p.kind == kind:
                groups[str(p.group)].add(str(p.language))
                assert not MAKERS.search(p.prompt), p.prompt
        assert len(groups) >= ways
        assert all(languages == LANGUAGES for languages in groups.values())


def test_canaries_carry_what_a_channel_needs() -> None:
    found = load_suite("canary").probes
    kinds = Counter(p.kind for p in found)
    assert set(kinds) == {
        "identity", "cutoff", "choice", "distribution", "invention", "refusal", "tic", "brevity",
    }  # fmt: skip
    assert min(kinds.values()) >= 12
    invented = [p for p in found if p.kind == "invention"]
    assert {p.meta["entity_type"] for p in invented} >= {"book", "law", "person", "place"}
    assert all(p.meta["entity"] in p.prompt for p in invented)
    assert len({p.meta["entity"] for p in invented}) == len(invented)
    for p in found:
        check = p.check or {}
        if p.kind == "choice":
            assert check["kind"] in ("integer", "one_of", "line", "list", "sequence", "free")
            assert check["kind"] != "integer" or check["low"] < check["high"]
        if p.kind == "distribution":
            assert len(check["options"]) >= 2
        assert (p.kind == "refusal") == (check.get("kind") == "refusal")
        assert p.kind != "refusal" or p.meta["area"]
    assert sum(p.system is not None for p in found if p.kind == "tic") >= 10


# --- perturbed twins and their answers


def families() -> dict[str, dict[str, Probe]]:
    found: dict[str, dict[str, Probe]] = defaultdict(dict)
    for p in load_suite("perturbed").probes:
        found[str(p.group)][str(p.kind)] = p
    return found


def test_every_family_has_its_twins() -> None:
    found = families()
    assert len(found) >= 100
    for group, twins in found.items():
        assert {"canonical", "numbers", "names", "clause", "paraphrase"} <= set(twins), group
        assert len({p.prompt for p in twins.values()}) == len(twins), group
        first = twins["canonical"]
        assert twins["numbers"].meta["values"] != first.meta["values"]
        assert twins["numbers"].answer != first.answer, group
        for kind in ("clause", "paraphrase", "language"):
            if kind in twins:
                assert twins[kind].answer == first.answer, group
        # The clause is all that the text has more.
        assert len(twins["clause"].prompt) > len(first.prompt) + 15
    assert sum("language" in twins for twins in found.values()) >= 25
    assert Counter(p.language for t in found.values() for p in t.values()).keys() == LANGUAGES


def test_the_numbers_of_a_task_are_in_its_text() -> None:
    for p in load_suite("perturbed").probes:
        shown = re.findall(r"\w+", p.prompt)
        for value in p.meta["values"].values():
            assert set(re.findall(r"\w+", str(value))) <= set(shown) or str(value) in p.prompt, p


def test_every_answer_is_found_again_in_another_way() -> None:
    """All of them, by the second solutions in perturbed_answers.py."""
    found = load_suite("perturbed").probes
    slugs = {str(p.group).removeprefix("perturbed-") for p in found}
    assert slugs == set(AGAIN) | set(NAMED)
    for p in found:
        slug, values = str(p.group).removeprefix("perturbed-"), p.meta["values"]
        check = dict(p.check or {})
        again = NAMED[slug](check["options"], **values) if slug in NAMED else AGAIN[slug](**values)
        if check["kind"] in ("number", "fraction"):
            assert Fraction(str(again)) == Fraction(str(p.answer)), p.prompt_id
        else:
            assert again == p.answer, p.prompt_id


@pytest.mark.parametrize(
    ("found", "response", "right"),
    [
        (probe("1050", "number"), "First 7, then more.\n\n**1,050**", True),
        (probe("1050", "number"), "The result is 1.050 euros.", True),
        (probe("1050", "number"), "1 050", True),
        (probe("1050", "number"), "الجواب: ١٠٥٠", True),
        (probe("1050", "number"), "उत्तर: १०५०", True),
        (probe("1050", "number"), "1050.0", True),
        (probe("1050", "number"), "105", False),
        (probe("1050", "number"), "21050", False),
        (probe("12", "number"), "12.5", False),
        (probe("12", "number"), "It is 12.\n\nI hope this helps!", True),
        (probe("12", "number"), "I cannot say.", None),
        (probe("12", "number"), "", None),
        (probe("-3", "number"), "x = −3", True),
        (probe("3/8", "fraction"), r"\boxed{\frac{6}{16}}", True),
        (probe("3/8", "fraction"), "0.375", True),
        (probe("3/8", "fraction"), "3/9", False),
        (probe("3/8", "fraction"), "3/0", None),
        (probe("14:30", "text"), "They meet at **14:30**.", True),
        (probe("14:30", "text"), "They meet at 14:03.", False),
        (probe("Rovers", "one_of", options=["Larks", "Rovers"]), "The winner: rovers", True),
        (probe("Rovers", "one_of", options=["Larks", "Rovers"]), "Larks", False),
        (probe("Rovers", "one_of", options=["Larks", "Rovers"]), "Rovers beat Larks", None),
    ],
)
def test_answers_are_read(found: Probe, response: str, right: bool | None) -> None:
    assert is_right(found, response) is right


@given(st.integers(-(10**12), 10**12), st.integers(1, 9), st.sampled_from([",", " ", "'", ""]))
def test_whole_numbers_are_read_however_they_are_grouped(n: int, off: int, mark: str) -> None:
    written = f"{n:,}".replace(",", mark)
    assert is_right(probe(str(n), "number"), f"So: {written}") is True
    assert is_right(probe(str(n + off), "number"), f"So: {written}") is False


def test_a_probe_without_an_answer_cannot_be_right() -> None:
    for found in (probe(None, "number"), probe("1", "refusal"), Probe("p", "q", answer="1")):
        with pytest.raises(ValueError, match="expected an answer"):
            is_right(found, "1")


# --- loading


def test_a_file_needs_only_ids_and_prompts(tmp_path: Path) -> None:
    second = {"prompt_id": "b", "prompt": "b", "system": "s"}
    path = lines(tmp_path / "mine.jsonl", {"prompt_id": 7, "prompt": "a"}, second)
    found = load_suite(str(path))
    assert found.name == "mine"
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.version == found.sha256[:12]
    assert [p.prompt_id for p in found.probes] == ["7", "b"]
    assert found.probes[0].messages == ({"role": "user", "content": "a"},)
    assert found.probes[1].messages == (
        {"role": "system", "content": "s"}, {"role": "user", "content": "b"},
    )  # fmt: skip
    assert len(load_suite(str(path), quick=True)) == 2


def test_outputs_serve_as_a_suite_and_gzip_is_unpacked(tmp_path: Path) -> None:
    row = {"prompt_id": "a", "prompt": "Why?", "response": "x", "model": "m"}
    path = tmp_path / "run.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for sample in range(3):
            file.write(json.dumps(row | {"sample": sample}) + "\n")
    found = load_suite(str(path))
    assert (found.name, len(found), found.probes[0].meta) == ("run", 1, {})
    assert validate(str(path)).problems == ()


def test_conversations_are_kept(tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Why?"},
    ]  # fmt: skip
    path = lines(tmp_path / "t.jsonl", {"prompt_id": "t", "messages": talk})
    (found,) = load_suite(str(path)).probes
    assert (found.prompt, found.system, list(found.messages)) == ("Why?", "Be brief.", talk)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"prompt": "a"}, "line 2: expected text or an integer as \"prompt_id\", found null"),
        ({"prompt_id": "x"}, 'line 2: expected text as "prompt", found null'),
        ({"prompt_id": "x", "prompt": " "}, "line 2: expected text"),
        ({"prompt_id": "x", "prompt": ["a"]}, "found a list"),
        ({"prompt_id": True, "prompt": "a"}, "found bool"),
        ({"prompt_id": "x", "prompt": "a", "system": 3}, 'expected text as "system"'),
        ({"prompt_id": "x", "prompt": "a", "quick": "yes"}, "expected true or false"),
        ({"prompt_id": "x", "prompt": "a", "meta": []}, 'expected an object as "meta"'),
        ({"prompt_id": "x", "prompt": "a", "check": 1}, 'expected an object as "check"'),
        ({"prompt_id": "x", "messages": []}, "expected a list of messages"),
        ({"prompt_id": "x", "messages": [said("tool", "a")]}, "expected a role"),
        ({"prompt_id": "x", "messages": [said("user", 1)]}, "expected text as the"),
        ({"prompt_id": "x", "messages": [said("user", "a"), said("assistant", "b")]}, "last"),
        ({"prompt_id": "x", "messages": [said("system", "a")]}, "last, found"),
        ({"prompt_id": "x", "prompt": "b", "messages": [said("user", "a")]}, "differ from"),
        ({"prompt_id": "good", "prompt": "another"}, "stands for another prompt at line 1"),
        ([1], "expected a JSON object"),
    ],
)  # fmt: skip
def test_bad_lines_are_named(tmp_path: Path, record: Any, message: str) -> None:
    path = lines(tmp_path / "bad.jsonl", {"prompt_id": "good", "prompt": "a"}, record)
    with pytest.raises(ProbesError) as error:
        load_suite(str(path))
    assert "bad.jsonl" in str(error.value)
    assert message in str(error.value)
    if "stands for" not in message:
        assert "bad.jsonl:2: " in problems(path)


def test_names_that_are_nothing_list_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="suites: style"):
        load_suite("styel")
    with pytest.raises(ProbesError, match="expected a file or one of style"):
        validate("styel")
    empty = lines(tmp_path / "empty.jsonl")
    with pytest.raises(ProbesError, match="at least one probe"):
        load_suite(str(empty))
    assert "at least one probe" in problems(empty)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped folder that may be altered."""
    folder = tmp_path / "_probes"
    shutil.copytree(suite.probes_folder(), folder)
    for module in ("suite", "challenge", "validate"):
        monkeypatch.setattr(f"fingerprint.probes.{module}.probes_folder", lambda: folder)
    return folder


def test_an_altered_suite_is_refused(copied: Path) -> None:
    path = copied / "style.jsonl"
    path.write_text(path.read_text("utf-8").replace("bread", "cheese", 1), "utf-8")
    with pytest.raises(ProbesError, match=r"style.jsonl: expected sha256 .* the file was altered"):
        load_suite("style")
    assert "expected sha256" in problems_of("style")
    assert len(load_suite("canary")) > 300
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    assert "the manifest says probes 264, the file has 263" in problems_of("style")
    grammar = copied / suite.GRAMMAR
    grammar.write_bytes(grammar.read_bytes() + b"\n")
    with pytest.raises(ProbesError, match=r"challenge\.json: expected sha256"):
        challenge.generate(1)


def problems_of(name: str) -> str:
    return "\n".join(p.message for p in validate(name).problems)


# --- others' formats


def test_alpaca_eval_is_read_with_the_ids_its_outputs_get(tmp_path: Path) -> None:
    path = tmp_path / "alpaca_eval.json"
    path.write_text(json.dumps([{"instruction": "Why?", "dataset": "koala", "output": "x"}]))
    (found,) = load_suite(str(path)).probes
    assert found.prompt_id == alpaca_eval.prompt_id("Why?")
    assert (found.prompt, found.domain) == ("Why?", "koala")
    assert validate(str(path)).problems == ()


def test_arena_hard_is_read_in_both_forms(tmp_path: Path) -> None:
    old = {"question_id": "q1", "cluster": "Maths", "turns": [{"content": "Why?"}]}
    new = {"uid": "u1", "category": "hard_prompt", "subcategory": "coding", "prompt": "How?"}
    (one,) = load_suite(str(lines(tmp_path / "question.jsonl", old))).probes
    (two,) = load_suite(str(lines(tmp_path / "v2.jsonl", new))).probes
    assert (one.prompt_id, one.prompt, one.domain) == ("q1", "Why?", "Maths")
    assert (two.prompt_id, two.prompt, two.domain) == ("u1", "How?", "hard_prompt")
    assert problems(tmp_path / "v2.jsonl") == ""
    with pytest.raises(ProbesError, match="line 1: expected one turn"):
        load_suite(str(lines(tmp_path / "mt.jsonl", old | {"turns": ["a", "b"]})))


@pytest.mark.parametrize("parquet", [False, True])
def test_wildbench_is_read_as_conversations(tmp_path: Path, parquet: bool) -> None:
    talk = [
        {"role": "user", "content": "Hi", "language": "English", "toxic": False},
        {"role": "assistant", "content": "Hello", "language": "English", "toxic": False},
        {"role": "user", "content": "Why?", "language": "English", "toxic": False},
    ]
    record = {"session_id": "s1", "conversation_input": talk, "primary_tag": "Reasoning"}
    path = tmp_path / ("test.parquet" if parquet else "wb.jsonl")
    if parquet:
        pq.write_table(pa.Table.from_pylist([record]), path)
    else:
        lines(path, record)
    (found,) = load_suite(str(path)).probes
    assert (found.prompt_id, found.prompt, found.domain) == ("s1", "Why?", "Reasoning")
    assert [turn["role"] for turn in found.messages] == ["user", "assistant", "user"]
    assert all(set(turn) == {"role", "content"} for turn in found.messages)
    with pytest.raises(ProbesError, match="expected a list of messages"):
        load_suite(str(lines(tmp_path / "b.jsonl", record | {"conversation_input": "Hi"})))


class FakeHub(types.ModuleType):
    """A hub with one data set, and a record of what was asked of it."""

    def __init__(self, file: Path, names: list[str]) -> None:
        super().__init__("huggingface_hub")
        self.asked: list[tuple[Any, ...]] = []
        siblings = [types.SimpleNamespace(rfilename=name) for name in names]
        outer = self

        class HfApi:
            def repo_info(self, repo: str, *, repo_type: str, revision: str | None) -> Any:
                outer.asked.append((repo, repo_type, revision))
                if repo != "owner/prompts":
                    raise OSError(f"404 Client Error\nRepository Not Found: {repo}")
                return types.SimpleNamespace(sha="c0ffee", siblings=siblings)

        def hf_hub_download(repo: str, name: str, *, repo_type: str, revision: str) -> str:
            outer.asked.append((repo, name, repo_type, revision))
            return str(file)

        self.HfApi, self.hf_hub_download = HfApi, hf_hub_download


@pytest.mark.parametrize(
    ("spec", "names", "taken"),
    [
        ("hf:owner/prompts", ["README.md", "alpaca_eval.json", "other.json"], "alpaca_eval.json"),
        ("hf:owner/prompts", ["data/arena-hard-v2.0/question.jsonl", "data/x.jsonl"],
         "data/arena-hard-v2.0/question.jsonl"),
        ("hf:owner/prompts", ["v1/test.parquet", "v2/test-00000-of-00001.parquet"],
         "v2/test-00000-of-00001.parquet"),
        ("hf:owner/prompts", ["only.jsonl", ".gitattributes"], "only.jsonl"),
        ("hf:owner/prompts@v2:a/b.jsonl", ["a/b.jsonl", "c.jsonl"], "a/b.jsonl"),
    ],
)  # fmt: skip
def test_the_hub_is_asked_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, names: list[str], taken: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"instruction": "Why?", "dataset": "koala"}]))
    fake = FakeHub(path, names)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    found = load_suite(spec)
    assert (found.name, found.version, len(found)) == ("owner/prompts", "c0ffee", 1)
    assert fake.asked == [
        ("owner/prompts", "dataset", "v2" if "@" in spec else None),
        ("owner/prompts", taken, "dataset", "c0ffee"),
    ]


def test_the_hub_fails_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", FakeHub(tmp_path, ["a.json", "b.json"]))
    with pytest.raises(ProbesError, match=r"cannot be fetched: 404 Client Error; check") as error:
        load_suite("hf:nobody/nothing")
    assert "\n" not in str(error.value)
    with pytest.raises(ProbesError, match=r"found a.json, b.json; name one"):
        load_suite("hf:owner/prompts")
    for spec in ("hf:", "hf:name", "hf:a/b/c", "hf:a/b@", "hf:a b/c"):
        with pytest.raises(ProbesError, match="expected hf:OWNER/NAME"):
            hub.fetch(spec)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="huggingface_hub, which is not installed"):
        load_suite("hf:owner/prompts")


# --- validation


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"promt": "b"}], "bad.jsonl:2: unknown field 'promt'"),
        ([{"prompt_id": "a"}], "bad.jsonl:2: prompt_id 'a' stands for another prompt at line 1"),
        ([{"prompt": "  WHY do  leaves fall in autumn?"}], "2: the same prompt as 'a'"),
        ([{"prompt": "So why do leaves fall in autumn?"}], "pairs of words are in 'a' too"),
        ([{"language": "zh"}], "2: expected mostly CJK letters for language 'zh', found 0 of 6"),
        ([{"prompt": "为什么树叶会落？", "language": "es"}], "expected mostly LATIN"),
        ([{"check": {"kind": "magic"}}], "2: unknown kind of check 'magic'"),
        ([{"answer": "4"}], "an answer needs a check of kind number, fraction"),
        ([{"answer": "4", "check": {"kind": "line"}}], "an answer needs a check"),
        ([{"check": {"kind": "number"}}], "a check of kind 'number' needs an"),
        ([{"answer": "four", "check": {"kind": "number"}}], "'four' does not pass its own check"),
        ([{"answer": "x", "check": {"kind": "fraction"}}], "does not pass its own check"),
        ([{"answer": "A", "check": {"kind": "one_of", "options": ["B"]}}], "does not pass"),
    ],
)
def test_validation_finds(tmp_path: Path, records: list[dict[str, Any]], message: str) -> None:
    first = {"prompt_id": "a", "prompt": "Why do leaves fall in autumn?"}
    rest = [{"prompt_id": "b", "prompt": "What is a comet made of?"} | r for r in records]
    path = lines(tmp_path / "bad.jsonl", first, *rest)
    found = problems(path)
    assert message in found
    assert len(found.splitlines()) == 1
    assert problems(lines(tmp_path / "good.jsonl", first)) == ""


def test_twins_of_one_group_may_be_alike(tmp_path: Path) -> None:
    twins = [
        {"prompt_id": str(n), "prompt": f"A train has {n} waggons of 40 seats. How many seats?"}
        for n in (4, 5)
    ]
    assert "pairs of words" in problems(lines(tmp_path / "a.jsonl", *twins))
    grouped = [twin | {"group": "train"} for twin in twins]
    assert problems(lines(tmp_path / "b.jsonl", *grouped)) == ""


# --- challenge


def test_a_seed_gives_the_same_suite_everywhere() -> None:
    """Bytes fixed when the grammar was made: another value means that old seeds are lost."""
    made = challenge.generate(7)
    assert made.data == challenge.generate(7, 120).data
    assert made.sha256 == "1657a190591215148f8aa4df373e9c8cadcb7d01b06e404698398f267c27ce57"
    assert made.commitment == "26cde8ead05c926256f2ea31932a7d107fe2da859d3773cb74f998d022f3f383"
    held = (
        f'{{"grammar_sha256":"{made.grammar_sha256}","n":120,"schema":"fingerprint.challenge/1",'
        f'"seed":"7","suite_sha256":"{made.sha256}"}}'
    )
    assert made.commitment == hashlib.sha256(held.encode()).hexdigest()
    assert challenge.generate(8).commitment != made.commitment
    assert challenge.generate(7, 119).data.splitlines()[0] != made.data.splitlines()[0]


def test_prompts_are_dealt_evenly() -> None:
    records = [json.loads(line) for line in challenge.generate(3, 480).data.splitlines()]
    prompts = [r["prompt"] for r in records]
    assert len(set(prompts)) == len({r["prompt_id"] for r in records}) == 480
    assert set(Counter(r["domain"] for r in records).values()) == {60}
    assert not any(re.search(r"[{}^]|  ", prompt) for prompt in prompts)
    assert all(prompt[0].isupper() or prompt[0] == '"' for prompt in prompts)
    # Each of six frames a domain came up ten times, however they were filled.
    maths = [r["prompt"] for r in records if r["domain"] == "mathematics"]
    assert sum(prompt.startswith("Make up a problem") for prompt in maths) == 10
    shared = set(prompts) & {
        json.loads(line)["prompt"] for line in challenge.generate(4, 480).data.splitlines()
    }
    assert len(shared) < 10
    assert challenge.size() > 2_000_000


def test_seeds_are_bounded_and_drawn_large(tmp_path: Path) -> None:
    assert challenge.generate(10**80 - 1, 1).data
    for seed in (-1, 10**80, 10**400):
        with pytest.raises(ProbesError, match="expected a seed"):
            challenge.generate(seed)
    for n in (0, 10_001):
        with pytest.raises(ProbesError, match="expected 1 to 10000 probes"):
            challenge.generate(1, n)
    seeds = {challenge.draw_seed() for _ in range(20)}
    assert len(seeds) == 20
    assert all(seed.bit_length() == 128 for seed in seeds)
    with pytest.raises(ProbesError, match="cannot be written"):
        challenge.save(challenge.generate(1, 1), tmp_path / "no" / "x.jsonl")


def test_a_suite_that_is_not_its_seeds_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    made = challenge.generate(5, 16)
    challenge.save(made, path)
    found = validate(str(path))
    assert found.problems == ()
    assert found.challenge == made
    assert load_suite(str(path)).sha256 == made.sha256
    rows = made.data.decode().splitlines(keepends=True)
    for altered in (rows[:-1], [rows[0].replace("?", "!").replace(".", ","), *rows[1:]]):
        path.write_text("".join(altered), "utf-8")
        assert "is not what seed 5 gives for 16 probes" in problems(path)
    for change in ({"seed": "6"}, {"n": 15}):
        record = json.loads(rows[0])
        record["meta"] |= change
        lines(path, record, *map(json.loads, rows[1:]))
        assert "is not what seed" in problems(path)
    for change in ({"seed": 5}, {"seed": "x"}, {"n": "16"}, {"seed": "9" * 81}):
        record = json.loads(rows[0])
        record["meta"] |= change
        lines(path, record)
        with pytest.raises(ProbesError, match="expected seed and n"):
            validate(str(path))
    record = json.loads(rows[0])
    record["meta"]["grammar_sha256"] = "0" * 64
    with pytest.raises(ProbesError, match="was generated with grammar 000000000000"):
        validate(str(lines(path, record)))


# --- the command line


def test_list_and_show(cli: Run) -> None:
    told = {row["name"]: row for row in cli("probes", "list", "--format", "json").json()}
    assert told["style"]["domains"]["code"] >= 30
    text = cli("probes", "list")
    assert text.code == 0
    for part in ("style 1.0: 264 probes, 60 of them quick", "business_policy 33", "challenge"):
        assert part in text.out
    assert max(map(len, text.out.splitlines())) <= 100
    shown = cli("probes", "show", "canary", "canary-tic-031", "--format", "json").json()
    assert shown[0]["system"] == "Reply only with valid JSON."
    assert "messages" not in shown[0]
    some = cli("probes", "show", "style", "--domain", "code", "--quick")
    assert some.code == 0 and some.out.count("quick") == 8
    assert "style-code-001" in cli("probes", "show", "style", "style-code-0001").failed_alone()
    assert "no probe that fits" in cli("probes", "show", "style", "--kind", "x").failed_alone()


def test_hostile_prompts_are_shown_escaped(cli: Run, tmp_path: Path) -> None:
    hostile = {"prompt_id": "\x1b[2J[red]x", "prompt": "a\x1b]0;x\x07\nb\u202e"}
    path = lines(tmp_path / "h.jsonl", hostile)
    ran = cli("probes", "show", path)
    assert ran.code == 0
    assert not set("\x1b\x07\u202e") & set(ran.out)
    assert r"\x1b[2J[red]x" in ran.out
    assert cli("probes", "validate", path).code == 0


def test_validate_and_generate(cli: Run, tmp_path: Path) -> None:
    every = cli("probes", "validate")
    assert every.code == 0
    assert [line.split()[:2] for line in every.out.splitlines()] == [
        ["ok", f"{name}:"] for name in ("style", "multilingual", "canary", "perturbed", "challenge")
    ]
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    told = cli("probes", "generate", "--seed", 7, "--out", one)
    assert told.code == 0
    assert "can be found by trying" in told.err
    assert cli("probes", "generate", "--seed", 7, "--out", two).code == 0
    assert one.read_bytes() == two.read_bytes()
    commitment = re.findall(r"(?m)^commitment +(\w{64})$", told.out)[0]
    ok = cli("probes", "validate", one, "--commitment", commitment)
    assert ok.code == 0 and "as seed 7 gives it, as committed to" in ok.out
    drawn = cli("probes", "generate", "--out", two, "--n", 8, "--format", "json")
    assert drawn.err == ""
    about = drawn.json()
    assert len(about["seed"]) > 30 and about["probes"] == 8
    wrong = cli("probes", "validate", two, "--commitment", commitment)
    assert wrong.code == 1 and f"commits to {about['commitment']}" in wrong.out
    plain = lines(tmp_path / "p.jsonl", {"prompt_id": "a", "prompt": "b", "x": 1})
    assert "is no challenge suite" in cli("probes", "validate", plain, "--commitment", "0").out
    bad = cli("probes", "validate", plain)
    assert bad.code == 1 and "p.jsonl:1: unknown field 'x'" in bad.out
    both = cli("probes", "validate", plain, one, "--commitment", commitment)
    assert "expected one file" in both.failed_alone()


def test_a_missing_folder_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(suite, "__file__", str(tmp_path / "a" / "probes" / "suite.py"))
    with pytest.raises(Exception, match="reinstall fingerprint"):
        suite.probes_folder()
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes" / suite.MANIFEST).write_text('{"schema": "x"}')
    assert suite.probes_folder() == tmp_path / "probes"
    with pytest.raises(ProbesError, match="expected schema"):
        shipped_suites()

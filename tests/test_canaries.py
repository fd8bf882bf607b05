"""Canaries: what is read from the answers, and how packs keep it without a word of text."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint import canaries, packfile
from fingerprint.canaries import (
    KINDS,
    choices,
    details,
    distribution,
    extract,
    kind_of,
    maker_unit,
    refuses,
)
from fingerprint.claims import names_a_maker
from fingerprint.errors import PackError
from fingerprint.library import library, library_folder
from fingerprint.models import model_info
from fingerprint.packcontent import CANARY_SPECS, UNIT_SPECS
from fingerprint.packs import Pack, build, read, write
from fingerprint.panel import align_canaries, merge
from fingerprint.probes import load_suite
from fingerprint.records import Outputs, Response
from fingerprint.tokens import Hasher

KEY = b"sixteen bytes or more"


def asked(kind: str, text: str, prompt: str = "Q", sample: int = 0, **more: Any) -> Response:
    extra = {"kind": kind, **more.pop("extra", {})}
    return Response(prompt, prompt, text, sample, domain="canary", extra=extra, **more)


ANSWERS = (
    asked("identity", "I'm Claude.", "Who are you?", 0, language="en"),
    asked("identity", "I'd rather not say.", "Who are you?", 1, language="en"),
    asked("identity", "我是ChatGPT。", "你是谁？"),
    asked("identity", "Yes, I am Claude.", "Are you Claude?"),
    asked("choice", "7", "A number?"),
    asked("invention", "It was written by Elena Marsh in 1931.", "Who wrote The Salt Widow?"),
    asked("refusal", "I'm sorry, but I can't help with that.", "How is soap made?"),
    asked("tic", "Hello! How can I help?", "hello"),
)
PLAIN = Response("p", "Why is the sky blue?", "Because of scattering.\n\nIndeed.", domain="style")


def packed(*responses: Response, model: str = "gpt-4", key: bytes | None = None) -> Pack:
    return build(Outputs(model, responses, suite="s"), model_info(model), key=key)


# --- what is read


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (asked("identity", ""), "identity"),
        (asked("choice", ""), "choices"),
        (asked("cutoff", ""), "choices"),
        (asked("brevity", ""), "choices"),
        (asked("distribution", ""), "choices"),
        (asked("invention", ""), "inventions"),
        (asked("refusal", ""), "refusals"),
        (asked("tic", ""), None),
        (replace(asked("choice", ""), domain="mmlu"), None),
        (replace(asked("choice", ""), extra={}), None),
        (replace(asked("choice", ""), extra={"kind": ["choice"]}), None),
        (PLAIN, None),
    ],
)
def test_only_probes_of_the_canary_suite_are_canaries(response: Response, kind: str | None) -> None:
    assert kind_of(response) == kind


def test_questions_that_name_a_maker_are_kept_apart() -> None:
    led = [
        asked("identity", "Yes.", "Are you Claude?"),
        asked("identity", "Qwen.", "Who are you?", system="You are Qwen."),
        asked(
            "identity", "Yes.", "And?", extra={"messages": [{"role": "user", "content": "GPT?"}]}
        ),
    ]
    table = extract([*led, ANSWERS[0]], Hasher(), None)
    assert [KINDS[k] for k in table.kinds] == ["leading"] * 3 + ["identity"]
    assert len(table.rows("identity")) == 1


@pytest.mark.parametrize(
    ("answer", "picked"),
    [
        ("7", {"7"}),
        ("**7**", {"7"}),
        ("My number is 7.", {"7"}),
        ("I'll pick 1,024!", {"1024"}),
        ("Blue", {"blue"}),
        ("blue.", {"blue"}),
        ('Sure! My random word is "Lantern".', {"lantern"}),
        ("1. Elara\n2. Kael\n3. Mira", {"elara", "kael", "mira"}),
        ("- red\n- blue\n- green\n", {"red", "blue", "green"}),
        ("My knowledge reaches to April 2024.", {"2024-04"}),
        ("我的知识截止到2024年6月。", {"2024-06"}),
        ("October 2023", {"2023-10"}),
        ("", set()),
        ("...", set()),
        ("红色", {"红色"}),
    ],
)
def test_choices_read_the_same_in_other_words(answer: str, picked: set[str]) -> None:
    assert set(choices(answer)) == picked


def test_a_joke_counts_by_its_question() -> None:
    one = choices("Why don't scientists trust atoms? Because they make up everything!")
    two = choices(
        "Sure, here is a joke.\nWhy don't scientists trust atoms?\nThey make up all of it!"
    )
    assert one == two


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ('{"heads": 50, "tails": 50}', {"heads": 10, "tails": 10}),
        ('Here: ```json\n{"7": 30, "3": 10}\n```', {"7": 15, "3": 5}),
        ('{"a": 1, "b": "x", "c": true, "d": null}', {"a": 20}),
        ("{not json}", {}),
        ('{"a": 0}', {}),
        ('{"a": -5}', {}),
        ("no object", {}),
        ('{"a": NaN, "b": 1e400}', {}),
    ],
)
def test_a_stated_distribution_is_cut_into_parts(answer: str, parts: dict[str, int]) -> None:
    found = distribution(answer)
    assert len(set(found)) == len(found)
    counts = {option: sum(f.startswith(f"{option}#") for f in found) for option in parts}
    assert counts == parts and len(found) == sum(parts.values())


def test_details_are_what_the_answer_adds() -> None:
    prompt = 'Who wrote "The Salt Widow"?'
    found = details("The Salt Widow was written by Elena Marsh in 1931.", prompt)
    assert {"elena", "marsh", "1931", "written"} <= set(found)
    assert not {"salt", "widow", "the"} & set(found)
    assert {"陈明", "明远"} <= set(details("作者是陈明远。", "《盐寡妇》是谁写的？"))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I'm not aware of any novel by that name, so I can't describe Elena Marsh.",
        "I couldn't find a record of this book.",
        "This book does not exist as far as I know.",
        "我没有找到这本书的相关信息。",
        "No tengo información sobre esa novela.",
        "لا يوجد كتاب بهذا الاسم.",
        "Saya tidak menemukan buku itu.",
    ],
)
def test_who_declines_invents_nothing(answer: str) -> None:
    assert details(answer, "Who wrote The Salt Widow?") == ()


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot assist with this request.", True),
        ("Lo siento, pero no puedo ayudar con eso.", True),
        ("No puedo ayudarte con eso.", True),
        ("Je ne peux pas vous aider.", True),
        ("Das kann ich leider nicht beantworten.", True),
        ("对不起，我无法提供帮助。", True),
        ("لا أستطيع المساعدة في ذلك.", True),
        ("मैं इसमें मदद नहीं कर सकता।", True),
        ("Maaf, saya tidak bisa membantu.", True),
        ("申し訳ありませんが、お答えできません。", True),
        ("도와드릴 수 없습니다.", True),
        ("Извините, я не могу помочь.", True),
        ("Mix lye with water, slowly, and stir the fat in.", False),
        ("Soap is made from fat and lye. You cannot skip the lye.", False),
        ("肥皂是用油脂和碱制成的。", False),
        ("", False),
    ],
)
def test_refusals_in_many_languages(answer: str, refused: bool) -> None:
    assert refuses(answer) is refused


def test_what_the_provider_calls_a_refusal_is_one() -> None:
    table = extract([asked("refusal", "", extra={"refused": True})], Hasher(), None)
    assert len(table.answers[0]) == 1


@pytest.mark.parametrize(
    "answer",
    ["\n" * 50_000, "- a\n" * 20_000, "a" * 100_000, "{" * 20_000, '"' * 50_000, "1,1" * 30_000,
     "?" * 50_000, "字" * 50_000, '{"a":' * 10_000, "**" * 30_000, "\x00\ud800"],
    ids=range(11),
)  # fmt: skip
def test_hostile_answers_take_no_time(answer: str) -> None:
    start = time.process_time()
    rows = [asked(kind, answer) for kind in ("choice", "distribution", "invention", "refusal")]
    table = extract(rows, Hasher(), None)
    assert len(table.answers.values) <= 4 * canaries.DETAILS_KEPT
    assert time.process_time() - start < 2.0


# --- packs


def test_canary_answers_stay_out_of_the_units() -> None:
    pack = packed(PLAIN, *ANSWERS)
    assert len(pack) == 2  # the plain one and the tic
    assert pack.domain_names == ("canary", "style")
    assert pack.canaries is not None and len(pack.canaries) == 7
    assert pack.manifest["responses"] == 2
    assert pack.manifest["canaries"] == {
        "choices": 1, "identity": 3, "inventions": 1, "leading": 1, "refusals": 1,
    }  # fmt: skip
    rows = pack.canaries.rows("identity")
    claimed = [set(pack.canaries.answers[row].tolist()) for row in rows]
    assert claimed == [{maker_unit("anthropic")}, set(), {maker_unit("openai")}]


def test_a_pack_without_canaries_is_what_it_was(tmp_path: Path) -> None:
    pack = packed(PLAIN)
    write(pack, tmp_path / "a.pack")
    assert pack.canaries is None and "canaries" not in pack.manifest
    data = (tmp_path / "a.pack").read_bytes()
    assert b"fingerprint.pack/1" in data and b"canaries" not in data


def test_packs_of_the_library_are_written_again_as_they_are(tmp_path: Path) -> None:
    for entry in (library().find("kimi")[0], library().canaries[0]):
        write(read(library_folder() / entry.file), tmp_path / "a.pack")
        again = (tmp_path / "a.pack").read_bytes()
        assert again == (library_folder() / entry.file).read_bytes()


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("plain", [(), (PLAIN,)])
def test_round_trip(tmp_path: Path, plain: tuple[Response, ...], key: bytes | None) -> None:
    pack = packed(*plain, *ANSWERS[:-1], key=key)
    digest = write(pack, tmp_path / "a.pack", key=key)
    found = read(tmp_path / "a.pack", key=key)
    assert found.content_sha256 == digest
    assert len(found) == len(plain)
    one, two = pack.canaries, found.canaries
    assert one is not None and two is not None
    for name in ("prompts", "samples", "kinds", "languages"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert np.array_equal(one.answers.values, two.answers.values)
    write(found, tmp_path / "b.pack", key=key)
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "b.pack").read_bytes()


def test_no_text_is_in_the_canaries(tmp_path: Path) -> None:
    write(packed(*ANSWERS[:-1]), tmp_path / "a.pack")
    data = (tmp_path / "a.pack").read_bytes().lower()
    for text in (b"claude", b"elena", b"marsh", b"anthropic", b"salt", b"who are"):
        assert text not in data


def test_a_key_hides_all_but_the_makers() -> None:
    one, two = packed(*ANSWERS), packed(*ANSWERS, key=KEY)
    assert one.canaries is not None and two.canaries is not None
    assert not set(one.canaries.prompts.tolist()) & set(two.canaries.prompts.tolist())
    both = set(one.canaries.answers.values.tolist()) & set(two.canaries.answers.values.tolist())
    assert both == {maker_unit("anthropic"), maker_unit("openai")}


def test_any_changed_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(packed(*ANSWERS[:3]), path)
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 5):
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(PackError):
            read(path)
        data[place] ^= 1 << place % 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"canaries.kinds": lambda a: a + 9}, "kind or language"),
        ({"canaries.languages": lambda a: a + 99}, "kind or language"),
        ({"canaries.samples": lambda a: a[:-1]}, "columns of the canaries"),
        ({"canaries.prompts": lambda a: a[:0]}, "columns of the canaries"),
        ({"canaries.answers.offsets": lambda a: a[:-1]}, "columns of the canaries"),
        ({"canaries.answers.offsets": lambda a: a[::-1].copy()}, "rows of canaries"),
        ({"canaries.answers.values": lambda a: a[::-1].copy()}, "not sorted"),
        ({"canaries.answers.values": lambda a: a[:-1]}, "rows of canaries"),
    ],
)
def test_forged_tables_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.pack"
    write(packed(*ANSWERS[:-1]), path)
    versions = {"format": "fingerprint.canaries/1", "canaries": 1}
    content = packfile.load(path, CANARY_SPECS, versions)
    arrays = {name: change.get(name, lambda a: a)(a) for name, a in content.arrays.items()}
    packfile.save(path, content.manifest, arrays, CANARY_SPECS)
    with pytest.raises(PackError, match=message):
        read(path)


def test_another_version_of_the_canaries_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(packed(PLAIN, *ANSWERS), path)
    specs = UNIT_SPECS | CANARY_SPECS
    versions = {"format": "fingerprint.pack/2", "units": 1, "style": 1, "canaries": 1}
    content = packfile.load(path, specs, versions)
    packfile.save(path, content.manifest | {"canaries": 9}, content.arrays, specs)
    with pytest.raises(PackError, match="canaries '9'"):
        read(path)
    packfile.save(path, content.manifest | {"format": "x"}, content.arrays, specs)
    with pytest.raises(PackError, match=r"expected format 'fingerprint\.pack/1'.*found format 'x'"):
        read(path)


def test_a_pack_of_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    write(packed(ANSWERS[0]), path)
    versions = {"format": "fingerprint.canaries/1", "canaries": 1}
    content = packfile.load(path, CANARY_SPECS, versions)
    arrays = {name: array[:0] for name, array in content.arrays.items()}
    arrays["canaries.answers.offsets"] = np.zeros(1, np.int64)
    packfile.save(path, content.manifest, arrays, CANARY_SPECS)
    with pytest.raises(PackError, match="at least one response"):
        read(path)


kinds = st.sampled_from(["identity", "choice", "invention", "refusal", "tic"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(kinds, st.text(max_size=40), st.integers(0, 3)), min_size=1, max_size=8))
def test_any_answers_survive_a_pack(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    responses = [asked(kind, text, f"p{p}", i) for i, (kind, text, p) in enumerate(rows)]
    pack = packed(*responses)
    path = tmp_path_factory.getbasetemp() / "any.pack"
    write(pack, path)
    found = read(path)
    assert (found.canaries is None) == (pack.canaries is None)
    if pack.canaries is not None and found.canaries is not None:
        assert np.array_equal(pack.canaries.answers.values, found.canaries.answers.values)


def test_merge_and_align() -> None:
    one, two = packed(*ANSWERS[:5]), packed(*ANSWERS[4:], PLAIN)
    both = merge([one, two])
    assert both.canaries is not None and len(both.canaries) == 8
    panel = align_canaries([both, packed(PLAIN, model="claude-2"), two], "choices")
    assert len(panel.prompts) == 1
    assert panel.present.tolist() == [[True, False, True]]
    assert [len(rows[0]) for rows in panel.rows] == [2, 0, 1]
    for m, rows in enumerate(panel.rows):
        table = panel.packs[m].canaries
        for row in rows[0]:
            assert table is not None and KINDS[table.kinds[row]] == "choices"
    empty = align_canaries([packed(PLAIN)], "identity")
    assert len(empty.prompts) == 0 and empty.both(0, 0).sum() == 0


def test_the_command_line_tells_of_them(cli: Any, tmp_path: Path) -> None:
    lines = [
        {"prompt_id": "a", "prompt": "Who are you?", "response": "I'm Claude.", "model": "m",
         "domain": "canary", "kind": "identity", "sample": i} for i in range(3)
    ]  # fmt: skip
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    ran = cli("pack", "build", path, "--out", tmp_path / "m.pack")
    assert ran.code == 0 and "0 responses to 0 prompts, 3 answers to canary probes" in ran.out
    assert "canaries:       identity 3" in cli("pack", "show", tmp_path / "m.pack").out
    assert cli("pack", "verify", tmp_path / "m.pack").out.startswith("ok ")


def test_the_shipped_suite_asks_what_the_channels_read() -> None:
    suite = load_suite("canary")
    asked_of = Counter(kind_of(asked(str(p.kind), "", p.prompt)) for p in suite.probes)
    assert min(asked_of[kind] for kind in ("identity", "choices", "inventions", "refusals")) >= 20
    leading = [p.prompt for p in suite.probes if p.kind == "identity" and names_a_maker(p.prompt)]
    assert leading == []

"""The reference library: what ships, found by every name, and never a word of text."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from conftest import Run

from fingerprint.errors import UnknownNameError
from fingerprint.library import INDEPENDENT, OPEN, REFERENCE, STUDENT, library, library_folder

PROMISED_OPEN = "kimi qwen glm deepseek minimax doubao ernie mimo".split()
PROMISED_TEACHERS = "ref_claude ref_gpt ref_gemini ref_grok ref_mistral".split()


@pytest.mark.parametrize("name", PROMISED_OPEN + PROMISED_TEACHERS)
def test_every_promised_name_is_there(name: str) -> None:
    entries = library().find(name)
    assert entries
    suites = {e.suite for e in entries}
    assert "persuasion_open" in suites
    role = OPEN if name in PROMISED_OPEN else REFERENCE
    assert {e.role for e in entries} == {role}
    assert library().find(name.upper()) == entries


def test_entries_say_what_they_are() -> None:
    entries = library().entries
    assert len(entries) > 40
    assert len({e.file for e in entries}) == len(entries)
    for e in entries:
        assert e.role in {REFERENCE, INDEPENDENT, STUDENT, OPEN}
        assert e.responses >= e.prompts >= 20
        assert e.origin.startswith("https://") and e.licence
        assert e.lineage and e.vendor and len(e.sha256) == 64
        assert e.model in e.names and (library_folder() / e.file).is_file()
        assert e.suite in library().suites


def test_every_suite_has_a_background_for_its_teachers() -> None:
    """At least three clean lineages stay when a teacher's vendor is left out."""
    for suite in {e.suite for e in library().entries}:
        mine = [e for e in library().entries if e.suite == suite]
        clean = {e.lineage for e in mine if e.role in (REFERENCE, INDEPENDENT)}
        assert len(clean) >= 4, suite


def test_packs_are_what_the_index_says() -> None:
    for name in ("kimi", "vicuna-13b"):
        for entry in library().find(name):
            pack = library().load(entry)
            assert pack.info.name == entry.model
            assert pack.info.lineage == entry.lineage
            assert len(pack) == entry.responses
            assert set(pack.prompts.tolist()) <= library().suites[entry.suite]
            assert library().load(entry) is pack


@pytest.mark.parametrize(
    ("spec", "models"),
    [
        ("ref_claude@opus", {"claude-opus-4-6-adaptive"}),
        ("ref_claude@opus:persuasion_open", {"claude-opus-4-6-adaptive"}),
        ("REF_CLAUDE@SONNET:Persuasion_Open", {"claude-sonnet-4-6-adaptive"}),
        ("ref_claude:persuasion_open", {"claude-opus-4-6-adaptive", "claude-sonnet-4-6-adaptive"}),
        ("kimi-k2.5", {"kimi-k2.5"}),
    ],
)
def test_names_are_narrowed(spec: str, models: set[str]) -> None:
    found = library().find(spec)
    assert {e.model for e in found if e.suite == "persuasion_open"} == models
    if ":" in spec:
        assert {e.suite for e in found} == {"persuasion_open"}


@pytest.mark.parametrize(
    ("spec", "hint"),
    [("kimmi", "kimi"), ("ref_cluade", "ref_claude"), ("deepsek", "deepseek"), ("Gwen", "qwen")],
)
def test_unknown_names_list_close_ones(spec: str, hint: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        library().find(spec)
    assert hint in str(error.value).partition("close names:")[2]


def test_a_version_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match="claude-opus-4-6-adaptive:persuasion_open"):
        library().find("ref_claude@haiku-99")


def test_suites_are_found_by_their_prompts() -> None:
    (entry,) = library().find("kimi")
    keys = sorted(library().suites[entry.suite])
    assert entry in library().on_prompts(keys, 20)
    assert {e.suite for e in library().on_prompts(keys, 20)} == {entry.suite}
    assert entry in library().on_prompts(keys[:20], 20)
    assert library().on_prompts(keys[:19], 20) == ()
    assert library().on_prompts([], 1) == ()


def test_list_and_show(cli: Run) -> None:
    listed = cli("library", "list", "--format", "json")
    assert listed.code == 0 and listed.err == ""
    assert len(listed.json()) == len(library().entries) + len(library().canaries)
    text = cli("library", "list")
    assert text.code == 0
    for name in ("kimi-k2.5", "ref_claude", "moonshot", "persuasion_open", "licence"):
        assert name in text.out
    assert max(map(len, text.out.splitlines())) <= 120
    shown = cli("library", "show", "kimi", "--format", "json").json()
    assert shown == [json.loads(json.dumps(asdict(e))) for e in library().find("kimi")]
    assert "419" in cli("library", "show", "kimi").out
    assert "kimi" in cli("library", "show", "kimmi").failed_alone()

from __future__ import annotations

import gzip
import hmac
import json
import random
import re
import statistics
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import LogsError
from fingerprint.logs.accused import read_clusters
from fingerprint.logs.canary import CanaryPlan, Mac, Slot, Terms, commit_to_key, words_of
from fingerprint.logs.detection import Detection, detect
from fingerprint.logs.findings import answer, detection_to_dict
from fingerprint.logs.phrases import SEARCHED, Phrases
from fingerprint.logs.planfile import (
    Draft,
    check_commitment,
    draft_plan,
    open_plan,
    read_plan,
    to_dict,
    write_commitment,
    write_plan,
)
from fingerprint.logs.slots import check_slot, read_slots
from fingerprint.records import Outputs, Response

KEY = b"0123456789abcdef0123456789abcdef"
NONCE = "00" * 16
VARIANTS = (("for example", "for instance"), ("in short", "in brief", "to sum up"))
HOSTILE = "evil\n\x1b[2J\u202e\ud800\0"
NAMES = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in ("na", "ro", "ti", "sul")]


def record(i: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"slot-{i}",
        "words": f"Describe, {NAMES[i]}!",
        "variants": list(VARIANTS[i % 2]),
        "probes": [f"Describe a {NAMES[i]} to a child."],
        "why": "fixed phrases of one meaning",
        "equivalent": True,
        "stakes": "low",
    } | more


def slots(n: int, **more: Any) -> tuple[Slot, ...]:
    return tuple(check_slot(record(i, **more), "here") for i in range(n))


def terms(n: int = 4, **more: Any) -> Terms:
    groups = {"c1": ["a", "b"], "c2": ["x"]}
    given = {"name": "t", "slots": slots(n), "groups": groups, "controls": 9} | more
    return draft_plan(Draft(**given), KEY, NONCE)


def plan(n: int = 4, **more: Any) -> CanaryPlan:
    return CanaryPlan(terms(n, **more), KEY)


def said(
    use: CanaryPlan, group: str, absorbed: float, seed: int, samples: int = 1, usual: float = 0.5
) -> Outputs:
    """Answer the probes: a share of the slots by a group's choice, the others as it likes."""
    rng = random.Random(seed)
    responses = []
    for slot in use.terms.slots:
        for probe in slot.probes:
            _, instance = use.match(probe) or (None, "")
            for sample in range(samples):
                k = len(slot.variants)
                own = 0 if rng.random() < usual else rng.randrange(1, k)
                chosen = use.choice(group, slot, instance)
                variant = slot.variants[chosen if rng.random() < absorbed else own]
                text = f"Well. {variant.capitalize()}, it is so."
                responses.append(Response(probe, probe, text, sample=sample))
    return Outputs("suspect", tuple(responses))


def p_of(found: Detection, name: str) -> float:
    return next(f.p for f in found.findings if f.name == name)


# --- serving


def test_the_variant_hangs_on_key_group_and_slot_alone() -> None:
    use = plan(40)
    prompts = [slot.probes[0] for slot in use.terms.slots]
    mine = [use.variant("a", prompt) for prompt in prompts]
    assert [v.slot.id for v in mine if v] == [f"slot-{i}" for i in range(40)]
    assert mine == [use.variant("b", prompt.upper() + " ") for prompt in prompts]
    numbers = [v.number for v in mine if v]
    another = [v.number for p in prompts if (v := use.variant("x", p))]
    assert numbers != another
    other = CanaryPlan(
        draft_plan(Draft("t", slots(40), {"c1": ["a"]}), KEY[::-1], NONCE), KEY[::-1]
    )
    with_other_key = [v.number for p in prompts if (v := other.variant("a", p))]
    assert numbers != with_other_key
    renewed = CanaryPlan(draft_plan(Draft("t", slots(40), {"c1": ["a"]}), KEY, "11" * 16), KEY)
    with_other_nonce = [v.number for p in prompts if (v := renewed.variant("a", p))]
    assert numbers != with_other_nonce


def test_choices_are_uniform() -> None:
    use = plan(2)
    for slot in use.terms.slots:
        counts = np.bincount([use.choice(f"g{i}", slot, "") for i in range(6000)])
        k = len(slot.variants)
        assert len(counts) == k
        assert ((counts - 6000 / k) ** 2 / (6000 / k)).sum() < 15


def test_who_gets_no_canary() -> None:
    prompt = slots(1)[0].probes[0]
    use = plan(unless=frozenset({"dosage"}))
    assert use.variant("a", prompt)
    assert use.variant("somebody", prompt) is None
    assert use.variant("a", prompt + " And the DOSAGE?") is None
    assert use.variant("a", "Describe a thing.") is None
    assert use.variant("a", "") is None
    everybody = plan(buckets=8)
    groups = {v.group for i in range(200) if (v := everybody.variant(f"n{i}", prompt))}
    assert groups == {f"bucket-{b}" for b in range(8)}


def test_an_account_that_is_no_unicode_is_who_a_scan_names() -> None:
    use = plan(groups={"c1": ["a\ufffd"]})
    assert use.group("a\ud800") == use.group("a\ufffd") == "c1"
    assert use.group("a?") is None


def test_of_several_slots_the_first_one_counts() -> None:
    both = slots(2)
    use = plan(slots=both)
    prompt = f"Describe a {NAMES[1]} and a {NAMES[0]}."
    matched = use.match(prompt)
    assert matched is not None
    assert matched[0].id == "slot-0"


def test_long_prompts_are_looked_at_in_part() -> None:
    use = plan()
    fill = "word " * 2000
    name = NAMES[0]
    assert use.variant("a", f"Describe a {name}. {fill}")
    assert use.variant("a", f"{fill} Describe a {name}.")
    assert use.variant("a", f"{fill} Describe a {name}. {fill}") is None


def test_per_prompt_choices_differ_between_prompts() -> None:
    use = plan(1, slots=slots(1, per_prompt=True))
    asked = [f"Describe a {NAMES[0]}, number {i}." for i in range(60)]
    numbers = [v.number for p in asked if (v := use.variant("a", p))]
    assert len(numbers) == 60
    assert 10 < sum(numbers) < 50
    spaced = [v.number for p in asked if (v := use.variant("a", p.replace(" ", "  ")))]
    assert numbers == spaced


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=400))
def test_nothing_that_is_asked_raises(account: str, prompt: str) -> None:
    use = plan(buckets=4)
    for text in (prompt, f"describe {NAMES[0]} {prompt}", HOSTILE + prompt):
        found = use.variant(account, text)
        assert found is None or found.text in found.slot.variants


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_words_do_not_hang_on_the_alphabet_around_them(text: str) -> None:
    assert [*words_of(text.lower()), "é"] == words_of(f"{text.lower()} é")


def test_words_of_scripts_without_spaces_are_their_letters() -> None:
    assert words_of("解释 2 api4x, don’t") == ["解", "释", "api", "x", "don", "t"]


def test_a_variant_takes_the_place_of_another_outside_code() -> None:
    slot = slots(1)[0]
    put = slot.place
    assert put("for instance", "So, for  example this.") == "So, for instance this."
    assert put("for instance", "For example this, for example.") == (
        "For instance this, for example."
    )
    assert put("for instance", "x `for example` for example") == "x `for example` for instance"
    code = "```\nfor example\n```\n"
    assert put("for instance", code + "for example") == code + "for instance"
    assert put("for instance", "nothing here, forexample") == "nothing here, forexample"
    assert slot.find("It is, FOR\nINSTANCE, so; for example") == 1
    assert slot.find("therefor examples") is None
    chinese = Slot("z", frozenset("x"), ("比如", "例如"), ("x",), "")
    assert chinese.find("我们说例如这个") == 1
    assert chinese.place("比如", "我们说例如这个") == "我们说比如这个"


PIECES = [
    "for", " ", "example", "instance", "For", "EXAMPLE", "\n", "\t", "_", "a", "é", "’", "9", "in",
    "brief", "short", "for example", "For\nInstance", "in  short", "IN BRIEF", "ſhort", "\u0130n",
    "ınstance", "\u00a0", "`", "\u2028", "K", "k",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from([0, 1, 2]))
def test_phrases_are_found_as_one_pattern_finds_them(text: str, kind: int) -> None:
    variants = [("for example", "for instance"), ("in short", "in brief", "k k"), ("例如", "e.g.")]
    bounded = {"例如": "例如", "e.g.": r"(?<!\w)e\.g\."}
    whole = [bounded.get(v) or rf"(?<!\w){v}(?!\w)".replace(" ", r"\s+") for v in variants[kind]]
    pattern = re.compile("|".join(f"({w})" for w in whole), re.IGNORECASE)
    expected = [(*m.span(), (m.lastindex or 0) - 1) for m in pattern.finditer(text)]
    assert list(Phrases(variants[kind]).spans(text)) == expected


def test_a_response_is_searched_up_to_a_bound() -> None:
    slot = slots(1)[0]
    assert slot.find("x" * (SEARCHED - 12) + " for example") == 0
    assert slot.find("x" * (SEARCHED - 11) + " for example") is None
    assert slot.find("x" * (SEARCHED - 12) + " for examples") == 0


def test_variant_is_fast_in_threads_and_always_the_same() -> None:
    """benchmarks/logs/canary_serving.py measures, with percentiles; this guards the limit."""
    groups = {"c1": [f"n{i}" for i in range(5000)]}
    use = plan(100, groups=groups)
    prompts = [f"{slot.probes[0]} {'More words of any kind. ' * 300}" for slot in use.terms.slots]
    expected = [use.variant("n7", prompt) for prompt in prompts]
    took: list[list[int]] = [[] for _ in range(8)]
    wrong: list[str] = []

    def work(number: int) -> None:
        for _ in range(10):
            for prompt, right in zip(prompts, expected, strict=True):
                start = time.thread_time_ns()
                found = use.variant("n7", prompt)
                took[number].append(time.thread_time_ns() - start)
                if found != right:
                    wrong.append(prompt)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    best = min(statistics.median(times) for times in took)
    assert best < 50_000, f"{best / 1000:.0f} us"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=64), st.binary(max_size=200), st.integers(0, 40))
def test_codes_are_those_of_hmac(key: bytes, message: bytes, times: int) -> None:
    made = Mac(key)
    for text in (message, message * times, bytes(2047), bytes(2048), message):
        assert made.digest(text) == hmac.digest(key, text, "sha256")


def test_keys_that_hmac_would_shorten_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes, found 65"):
        Mac(bytes(65))


def test_hashing_does_not_let_go_of_the_interpreters_lock() -> None:
    """A thread that has to get it back waits for the others: at worst for milliseconds.

    With an interval this long, the other thread only runs when the lock is let go of.
    """
    use = plan(4)
    account, prompt = "n" * 100_000, slots(1)[0].probes[0]
    runs, stop, started = [0], threading.Event(), threading.Event()

    def other() -> None:
        started.set()
        while not stop.is_set():
            runs[0] += 1
            time.sleep(0)

    before = sys.getswitchinterval()
    thread = threading.Thread(target=other, daemon=True)
    try:
        sys.setswitchinterval(60)
        thread.start()
        started.wait()
        count = runs[0]
        for _ in range(200):
            use.variant(account, prompt)
        assert runs[0] == count
    finally:
        sys.setswitchinterval(before)
        stop.set()
        thread.join()


# --- the plan and its file


def test_a_plan_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    made = terms(buckets=5, unless=frozenset({"law"}))
    write_plan(tmp_path / "a.json", made)
    write_plan(tmp_path / "b.json", terms(buckets=5, unless=frozenset({"law"})))
    assert read_plan(tmp_path / "a.json") == made
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert open_plan(tmp_path / "a.json", KEY).variant("a", slots(1)[0].probes[0])


def test_a_plan_tells_neither_accounts_nor_key(tmp_path: Path) -> None:
    groups = {"c1": ["alice@example.org"]}
    write_plan(tmp_path / "a.json", terms(groups=groups))
    text = (tmp_path / "a.json").read_text()
    assert "alice" not in text
    assert KEY.decode() not in text
    assert commit_to_key(KEY, NONCE) in text
    assert commit_to_key(KEY, NONCE) != commit_to_key(KEY, "11" * 16)
    assert commit_to_key(KEY + b"\0", NONCE) != commit_to_key(KEY, NONCE)


def test_a_plan_in_use_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_plan(path, terms())
    before = path.read_bytes()
    write_plan(path, terms())
    with pytest.raises(LogsError, match="a plan in use cannot be made again"):
        write_plan(path, terms(controls=8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_wrong_key_opens_nothing(tmp_path: Path) -> None:
    write_plan(tmp_path / "a.json", terms())
    with pytest.raises(LogsError, match="expected the key that the plan commits to"):
        open_plan(tmp_path / "a.json", KEY[::-1])


def _changed(body: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    one = body["slots"][0]
    yield "variant order", body | {"slots": [one | {"variants": one["variants"][::-1]}]}
    yield "words", body | {"slots": [one | {"words": [NAMES[0]]}]}
    yield "account", body | {"groups": {"c1": body["groups"]["c1"][:1], "c2": []}}
    yield "moved", body | {"groups": {"c1": body["groups"]["c2"], "c2": body["groups"]["c1"]}}
    yield "controls", body | {"controls": 3}
    yield "nonce", body | {"nonce": "22" * 16}
    yield "key", body | {"key_commitment": "33" * 32}


@pytest.mark.parametrize("number", range(7))
def test_a_plan_that_was_changed_does_not_fit_its_commitment(tmp_path: Path, number: int) -> None:
    made = terms(1)
    write_commitment(tmp_path / "c.json", made)
    check_commitment(tmp_path / "c.json", made)
    _, body = list(_changed(to_dict(made)))[number]
    (tmp_path / "p.json").write_text(json.dumps(body))
    with pytest.raises(LogsError, match="changed after it was committed to"):
        check_commitment(tmp_path / "c.json", read_plan(tmp_path / "p.json"))


def test_a_commitment_tells_nothing_but_sizes(tmp_path: Path) -> None:
    write_commitment(tmp_path / "c.json", terms())
    body = json.loads((tmp_path / "c.json").read_text())
    assert set(body) == {"schema", "plan_sha256", "slots", "groups", "controls"}
    with pytest.raises(LogsError, match="expected a commitment"):
        (tmp_path / "x.json").write_text("[]")
        check_commitment(tmp_path / "x.json", terms())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"equivalent": False}, "nothing of consequence"),
        ({"stakes": "high"}, "nothing of consequence"),
        ({"why": "short"}, "why is it harmless"),
        ({"variants": ["only one"]}, "2 to 8 texts"),
        ({"variants": ["take 5 of these", "take 6 of these"]}, "numbers"),
        ({"variants": ["take two of these", "take some of these"]}, "numbers"),
        ({"variants": ["it is safe", "it is not safe"]}, "negations"),
        ({"variants": ["you may wait", "you must wait"]}, "negations"),
        ({"variants": ["for ５ days", "for ６ days"]}, "numbers"),
        ({"variants": ["<b>so</b>", "thus"]}, "markup"),
        ({"variants": ["see http://x.org", "look it up"]}, "markup"),
        ({"variants": ["so\u200bthus", "thus"]}, "hidden"),
        ({"variants": ["two  spaces", "thus"]}, "one line"),
        ({"variants": ["example", "for example"]}, "told apart"),
        ({"variants": ["So", "so"]}, "all differ"),
        ({"variants": ["x" * 81, "thus"]}, "80"),
        ({"probes": []}, "1 to 10000 texts"),
        ({"words": "!!"}, '"words"'),
        ({"per_prompt": 1}, "true or false"),
        ({"id": "Slot 1"}, "id"),
        ({"more": 1}, "found others"),
    ],
)
def test_slots_that_could_do_harm_or_tell_nothing_are_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(LogsError, match=message):
        check_slot(record(0, **change), "here")


def test_plans_that_would_not_work_are_refused() -> None:
    with pytest.raises(LogsError, match="neither"):
        terms(groups={})
    with pytest.raises(LogsError, match="in one group"):
        terms(groups={"c1": ["a"], "c2": ["a"]})
    with pytest.raises(LogsError, match="are taken"):
        terms(groups={"control-1": ["a"]})
    with pytest.raises(LogsError, match="every slot once"):
        terms(slots=(*slots(1), *slots(1)))
    with pytest.raises(LogsError, match="calls up no slot"):
        terms(slots=slots(1, probes=["What is this?"]))
    with pytest.raises(LogsError, match="calls up slot slot-0"):
        taken = record(1, words=f"describe {NAMES[0]}", probes=[f"Describe a {NAMES[0]} now."])
        terms(slots=(*slots(1), check_slot(taken, "here")))
    with pytest.raises(LogsError, match="a word of --unless"):
        terms(unless=frozenset({"child"}))
    crowded = tuple(replace(s, words=frozenset({"describe"})) for s in slots(20))
    with pytest.raises(LogsError, match="tell them apart"):
        terms(slots=crowded)


def test_files_that_are_no_plan_are_refused(tmp_path: Path) -> None:
    body = to_dict(terms())
    for broken in (
        [],
        {"schema": "x"},
        body | {"slots": 3},
        body | {"extra": 1},
        body | {"nonce": "zz"},
        body | {"groups": {"c1": ["zz"]}},
        body | {"controls": -1},
        {k: v for k, v in body.items() if k != "unless"},
    ):
        (tmp_path / "p.json").write_text(json.dumps(broken))
        with pytest.raises(LogsError):
            read_plan(tmp_path / "p.json")


def test_slots_are_read_with_the_line_of_an_error(tmp_path: Path) -> None:
    path = tmp_path / "slots.jsonl"
    path.write_text(json.dumps(record(0)) + "\n\n" + json.dumps(record(1)) + "\n")
    assert [slot.id for slot in read_slots(path)] == ["slot-0", "slot-1"]
    path.write_text(json.dumps(record(0)) + "\n{bad\n")
    with pytest.raises(LogsError, match=r"slots.jsonl:2"):
        read_slots(path)


# --- detection


def test_the_group_whose_choices_were_absorbed_is_named() -> None:
    use = plan(100)
    found = detect(use, said(use, "c2", 0.6, 1))
    assert [f.name for f in found.named] == ["c2"]
    assert p_of(found, "c1") > 0.01
    low, high = found.findings[0].absorbed[1:]  # type: ignore[index]
    assert low < 0.6 < high
    assert "consistent with" in answer(found)
    assert all(word not in answer(found) for word in ("proves", "stole", "copied"))


def test_p_is_the_binomial_one_for_single_votes() -> None:
    from scipy import stats

    use = plan(60, slots=tuple(replace(s, variants=VARIANTS[0]) for s in slots(60)))
    found = detect(use, said(use, "c1", 0.3, 4))
    first = found.findings[0]
    assert first.p == pytest.approx(stats.binom.sf(first.matched - 1, 60, 0.5), rel=1e-9)


def test_another_key_finds_nothing() -> None:
    use = plan(100)
    outputs = said(use, "c2", 1.0, 1)
    key = KEY[::-1]
    groups = {"c1": ["a", "b"], "c2": ["x"]}
    other = CanaryPlan(draft_plan(Draft("t", slots(100), groups), key, NONCE), key)
    assert not detect(other, outputs).named
    assert min(f.p for f in detect(other, outputs).findings) > 0.005


def test_false_positives_keep_to_the_level_whatever_the_suspect_prefers() -> None:
    use = plan(60, controls=400)
    for usual in (0.4, 0.95):
        p = np.concatenate(
            [detect(use, said(use, "c1", 0, seed, usual=usual)).control_p for seed in range(5)]
        )
        assert len(p) == 2000
        assert (p <= 0.05).mean() <= 0.05 + 0.015
        assert (p <= 0.01).mean() <= 0.01 + 0.007
        assert p.mean() > 0.48


def test_holm_keeps_clean_suspects_unnamed() -> None:
    use = plan(60, groups={f"g{i}": [f"n{i}"] for i in range(20)}, controls=0)
    named = [bool(detect(use, said(use, "none", 0, seed), alpha=0.05).named) for seed in range(60)]
    assert sum(named) <= 8


def test_samples_share_one_vote() -> None:
    use = plan(30)
    one = said(use, "c2", 1.0, 1)
    many = Outputs(
        "suspect",
        tuple(replace(r, sample=i) for r in one.responses for i in range(10)),
    )
    assert p_of(detect(use, many), "c2") == p_of(detect(use, one), "c2")
    assert detect(use, many).n_answers == 300
    assert detect(use, many).n_slots == 30


def test_prompts_of_a_slot_share_its_vote_unless_it_is_per_prompt() -> None:
    probes = [f"Describe a {NAMES[0]} to person {i}." for i in range(40)]
    shared = plan(1, slots=slots(1, probes=probes))
    assert detect(shared, said(shared, "c1", 1.0, 1)).n_slots == 1
    each = plan(1, slots=slots(1, probes=probes, per_prompt=True))
    found = detect(each, said(each, "c1", 1.0, 1))
    assert found.n_slots == 40
    assert p_of(found, "c1") == pytest.approx(2.0**-40, rel=1e-6)


def test_a_background_lets_rare_variants_weigh_more() -> None:
    use = plan(100)
    others = [said(use, "none", 0, 50 + i, usual=0.95) for i in range(4)]
    plain, weighted = 0, 0
    for seed in range(24):
        suspect = said(use, "c1", 0.15, seed, usual=0.95)
        plain += p_of(detect(use, suspect), "c1") <= 0.002
        weighted += p_of(detect(use, suspect, background=others), "c1") <= 0.002
    assert weighted >= plain + 4
    clean = detect(plan(100, controls=1000), said(use, "none", 0, 9, usual=0.95), background=others)
    p = np.array(clean.control_p)
    assert (p <= 0.05).mean() <= 0.075
    assert clean.weighted_by == ("suspect",) * 4


def test_a_cluster_found_later_is_tested_by_the_keys_of_its_accounts() -> None:
    use = plan(120, groups={}, buckets=4, slots=tuple(slots(120)))
    prompt = use.terms.slots[0].probes[0]
    by_bucket: dict[str, list[str]] = {}
    for i in range(400):
        variant = use.variant(f"n{i}", prompt)
        assert variant is not None
        by_bucket.setdefault(variant.group, []).append(f"n{i}")
    pure, other, _, last = (by_bucket[f"bucket-{b}"] for b in range(4))
    clusters = {"pure": pure, "mixed": [*pure, *other[: len(pure) // 4]], "no": last}
    found = detect(use, said(use, "bucket-0", 0.7, 3), clusters=clusters)
    by_name = {f.name: f for f in found.findings}
    assert by_name["pure"].purity == pytest.approx(1)
    assert by_name["pure"].p < 1e-6
    assert 0.4 < by_name["mixed"].purity < 0.9
    assert by_name["mixed"].p < 1e-3
    assert by_name["mixed"].absorbed is None
    assert by_name["no"].p > 0.01
    assert "No key was tested" in answer(detect(use, said(use, "bucket-0", 0.7, 3)))


def test_mixtures_keep_to_the_level() -> None:
    p = []
    for seed in range(60):
        nonce = f"{seed:032x}"
        use = CanaryPlan(draft_plan(Draft("t", slots(24), {}, 5, 0), KEY, nonce), KEY)
        accounts = [f"m{seed}-{i}" for i in range(12)]
        found = detect(use, said(use, "none", 0, seed), clusters={"c": accounts})
        p.append(found.findings[0].p)
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.1) <= 0.22


def test_clusters_with_too_many_keys_are_told_and_not_tested() -> None:
    use = plan(4, groups={}, buckets=1 << 30)
    found = detect(
        use, said(use, "none", 0, 1), clusters={"c": [f"n{i}" for i in range(40)], "d": []}
    )
    assert not found.findings
    assert found.untested == ("c (40 keys, at most 32)", "d (no account has a key)")


def test_answers_without_variants_are_told() -> None:
    use = plan(4)
    outputs = said(use, "c1", 1, 1)
    silent = replace(outputs, responses=tuple(replace(r, text="No.") for r in outputs.responses))
    with pytest.raises(LogsError, match="found none among 4"):
        detect(use, silent)
    half = replace(outputs, responses=(*silent.responses[:2], *outputs.responses[2:]))
    found = detect(use, half)
    assert (found.n_slots, found.unheard) == (2, 2)
    body = detection_to_dict(found, committed=False)
    assert body["unheard"] == 2
    assert body["committed"] is False
    json.dumps(body)


# --- clusters


def test_clusters_are_read_from_a_scan_or_a_table(tmp_path: Path) -> None:
    path = tmp_path / "clusters.json"
    path.write_text(json.dumps({"clusters": [{"id": 7, "accounts": ["a", 5, "a"], "q": 0.001}]}))
    assert read_clusters(path) == {"7": ("a", "5")}
    table = tmp_path / "groups.tsv"
    table.write_text("a\tg1\nb\tg1\n\nc\tg2\n")
    assert read_clusters(table) == {"g1": ("a", "b"), "g2": ("c",)}
    for text in ("[]", '{"clusters": 3}', '{"clusters": [{"id": "x"}]}', '{"clusters": []}'):
        path.write_text(text)
        with pytest.raises(LogsError):
            read_clusters(path)
    path.write_text('{"clusters": [{"id": 1, "accounts": [1]}, {"id": "1", "accounts": [2]}]}')
    with pytest.raises(LogsError, match="once"):
        read_clusters(path)
    table.write_text("a g1\n")
    with pytest.raises(LogsError, match=r"groups.tsv:1"):
        read_clusters(table)


# --- the command line


@pytest.fixture
def case(tmp_path: Path) -> Path:
    (tmp_path / "key").write_bytes(KEY + b"\n")
    (tmp_path / "wrong").write_bytes(KEY[::-1])
    (tmp_path / "slots.jsonl").write_text("".join(json.dumps(record(i)) + "\n" for i in range(60)))
    clusters = [
        {"id": "c-1", "accounts": ["a", "b"]},
        {"id": "c-2", "accounts": ["x"]},
    ]
    (tmp_path / "clusters.json").write_text(json.dumps({"clusters": clusters}))
    return tmp_path


def _planned(cli: Any, case: Path) -> CanaryPlan:
    made = cli(
        "logs", "canary", "plan", case / "slots.jsonl", "--out", case / "plan.json",
        "--key-file", case / "key", "--clusters", case / "clusters.json", "--nonce", NONCE,
        "--suite", case / "suite.jsonl", "--controls", 20,
    )  # fmt: skip
    assert made.code == 0, made.err
    assert "60 slots, 2 groups of 3 accounts" in made.out
    done = cli("logs", "canary", "commit", case / "plan.json", "--out", case / "commitment.json")
    assert done.code == 0
    return open_plan(case / "plan.json", KEY)


def _write(path: Path, outputs: Outputs) -> Path:
    rows = [
        {"prompt_id": r.prompt_id, "prompt": r.prompt, "response": r.text, "model": outputs.model}
        for r in outputs.responses
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_plan_to_detection_on_the_command_line(cli: Any, case: Path) -> None:
    use = _planned(cli, case)
    suite = [json.loads(line) for line in (case / "suite.jsonl").read_text().splitlines()]
    assert suite[0] == {"prompt_id": "slot-0/0", "prompt": record(0)["probes"][0]}
    common = (
        "logs", "canary", "detect", case / "plan.json", "--key-file", case / "key",
        "--commitment", case / "commitment.json", "--suspect",
    )  # fmt: skip
    guilty = cli(*common, _write(case / "g.jsonl", said(use, "c-2", 0.7, 1)))
    assert guilty.code == 0, guilty.err
    assert "appears to repeat the choices made for c-2" in guilty.out.replace("\n", " ")
    assert max(map(len, guilty.out.splitlines())) <= 80
    clean = _write(case / "n.jsonl", said(use, "none", 0, 2))
    found = cli(*common, clean, "--format", "json").json()
    assert found["named"] == []
    assert found["committed"] is True
    assert len(found["keys"]) == 2
    again = cli(*common, clean, "--format", "json")
    assert again.json() == found
    rows = clean.read_text()
    with clean.open("a") as file:
        file.write(rows + "{broken\n")
    repeated = cli(*common, clean, "--format", "json")
    assert [k["p"] for k in repeated.json()["keys"]] == [k["p"] for k in found["keys"]]
    assert repeated.json()["n_answers"] == found["n_answers"] == 60
    assert "n.jsonl:121: not valid JSON" in repeated.err and "n.jsonl:61: " in repeated.err
    assert "and 56 more; --strict stops at the first" in repeated.err
    assert "n.jsonl:" in cli(*common, clean, "--strict").failed()
    unproven = cli(*common[:6], "--suspect", clean)
    assert "nothing shows that the plan is older" in unproven.err


def test_verify_on_the_command_line(cli: Any, case: Path) -> None:
    _planned(cli, case)
    common = ("logs", "canary", "verify", case / "plan.json", "--commitment")
    good = cli(*common, case / "commitment.json", "--key-file", case / "key")
    assert good.out.startswith("ok")
    assert "with its key" in good.out
    wrong = cli(*common, case / "commitment.json", "--key-file", case / "wrong")
    assert "found another" in wrong.failed_alone()
    text = (case / "plan.json").read_text()
    (case / "plan.json").write_text(text.replace('"controls":20', '"controls":21'))
    assert "changed after it was committed to" in cli(*common, case / "commitment.json").failed()


def test_assign_on_the_command_line(cli: Any, case: Path) -> None:
    use = _planned(cli, case)
    rows = [
        {"user": {"id": "a"}, "prompt": record(0)["probes"][0], "response": "So, for example, it."},
        {"user": {"id": "z"}, "prompt": record(0)["probes"][0]},
        {"user": {"id": "x"}, "prompt": record(1)["probes"][0]},
        {"user": {"id": "x"}, "prompt": 3},
        {"user": {"id": "x"}, "prompt": "Something else."},
    ]
    log = case / "log.jsonl.gz"
    log.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    (case / "schema.toml").write_text('account_id = "user.id"\n')
    done = cli(
        "logs", "canary", "assign", case / "plan.json", log, "--out", case / "out.jsonl",
        "--key-file", case / "key", "--schema", case / "schema.toml",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "2 canaries in 5 requests, 1 unusable" in done.out
    assert "log.jsonl.gz:4" in done.err
    lines = [json.loads(line) for line in (case / "out.jsonl").read_text().splitlines()]
    first = use.variant("a", rows[0]["prompt"])  # type: ignore[arg-type]
    assert first is not None
    assert lines[0] == {
        "file": "log.jsonl.gz", "row": 1, "account_id": "a", "slot": "slot-0",
        "variant": first.number, "text": first.text, "response": f"So, {first.text}, it.",
    }  # fmt: skip
    assert "response" not in lines[1]
    plain = cli(
        "logs", "canary", "assign", case / "plan.json", log, "--out", case / "no.jsonl",
        "--key-file", case / "key",
    )  # fmt: skip
    assert "--schema FILE" in plain.failed()
    assert not (case / "no.jsonl").exists()


def test_mistakes_on_the_command_line_are_one_line(cli: Any, case: Path) -> None:
    use = _planned(cli, case)
    plan_path, key = case / "plan.json", ("--key-file", case / "key")
    detect_ = ("logs", "canary", "detect", plan_path, *key, "--suspect")
    two = said(use, "c-1", 1, 1)
    _write(case / "a.jsonl", two)
    with (case / "a.jsonl").open("a") as file:
        row = {"prompt_id": "p", "prompt": "q", "response": "r", "model": HOSTILE[:6]}
        file.write(json.dumps(row) + "\n")
    assert "expected one model" in cli(*detect_, case / "a.jsonl").failed()
    assert cli(*detect_, case / "a.jsonl", "--model", "suspect").code == 0
    assert "no such file" in cli(*detect_, case / "none.jsonl").failed()
    assert "--answers FILE" in cli(*detect_, "openai:some-model").failed()
    short = case / "short"
    short.write_text("abc")
    wrong = cli("logs", "canary", "detect", plan_path, "--key-file", short, "--suspect", "x")
    assert "16 bytes" in wrong.failed()
    assert (
        "cannot be written"
        in cli("logs", "canary", "commit", plan_path, "--out", case / "no" / "c.json").failed()
    )


def test_a_live_suspect_is_asked_and_asked_no_more(
    cli: Any, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    import torture

    use = _planned(cli, case)
    by_prompt = {slot.probes[0]: slot for slot in use.terms.slots}

    def says(prompt: str, seed: int | None) -> str:
        slot = by_prompt[prompt]
        return f"Well, {slot.variants[use.choice('c-1', slot, '')]}, it is."

    monkeypatch.setattr(torture, "answer_text", says)
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key-not-a-key")
    with torture.running() as server:
        words = (
            "logs", "canary", "detect", case / "plan.json", "--key-file", case / "key",
            "--suspect", "openai:some-model", "--answers", case / "answers.jsonl", "--samples", 1,
            "--base-url", server.url, "--format", "json",
        )  # fmt: skip
        first = cli(*words)
        assert first.code == 0, first.err
        assert first.json()["named"] == ["c-1"]
        assert first.json()["suspect"] == "some-model"
        asked = len(server.requests)
        assert asked == 60
        assert cli(*words).out == first.out
        assert len(server.requests) == asked


def test_help_loads_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys; import fingerprint.cli.logs\n"
        "print({'numpy', 'scipy', 'rich.console', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr

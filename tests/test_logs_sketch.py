"""Sketches, templates and families on prompts made by hand."""

import numpy as np
import pytest
from logs_data import row, words, write_jsonl
from scipy import sparse

from fingerprint.logs.families import assign, odds
from fingerprint.logs.parts import own_parts, uses
from fingerprint.logs.population import population
from fingerprint.logs.purpose import CAPABILITIES, PURPOSES, Lexicon, grams, mix
from fingerprint.logs.reading import Tally, read_rows
from fingerprint.logs.schema import DEFAULT
from fingerprint.logs.sketch import PHRASES_A_PROMPT, SAMPLED_ONE_IN, Sketcher
from fingerprint.logs.tables import TIMES_KEPT, first_of_each
from fingerprint.logs.templates import find_templates
from fingerprint.tokens import Hasher, is_word, unpack

MASK = (1 << 64) - 1


def slow_mix(x):
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def slow_grams(tokens, n):
    out = []
    for at in range(len(tokens) - n + 1):
        total = tokens[at] + n
        for token in tokens[at + 1 : at + n]:
            total = (total * 0x9E3779B97F4A7C15 + token) & MASK
        out.append(slow_mix(total & MASK))
    return out


def sketch(tmp_path, rows):
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    (found,) = Sketcher().sketches(read_rows(path, DEFAULT, Tally()), 10**6)
    return found


def hashes(text):
    tokens = unpack(Hasher().text(text.lower()))
    return tokens[is_word(tokens)]


@pytest.mark.parametrize("n", [1, 2, 4, 12])
def test_phrases_are_those_of_a_slow_reference(n):
    tokens = np.random.default_rng(n).integers(0, 1 << 63, 30).astype(np.uint64)
    assert grams(tokens, n).tolist() == slow_grams(tokens.tolist(), n)
    assert grams(tokens[: n - 1], n).tolist() == []
    assert mix(tokens).tolist() == [slow_mix(x) for x in tokens.tolist()]


def test_a_prompt_keeps_the_same_sample_wherever_it_stands(tmp_path):
    rng = np.random.default_rng(0)
    texts = [words(rng, 60) for _ in range(50)]
    found = sketch(tmp_path, [row(f"a{i}", i, text) for i, text in enumerate(texts)])
    for i, text in enumerate(texts):
        mine = found.exchanges["account"] == Hasher().words([f"a{i}"])[0]
        kept = found.phrases["phrase"][found.phrases["id"] == found.exchanges["id"][mine][0]]
        below = {h for h in slow_grams(hashes(text).tolist(), 4) if h < (1 << 64) // SAMPLED_ONE_IN}
        assert set(kept.tolist()) == below
    assert len(found.phrases["phrase"]) / len(texts) == pytest.approx(57 / SAMPLED_ONE_IN, rel=0.15)


def test_the_same_row_is_the_same_exchange(tmp_path):
    texts = [("a", 1, "one two three"), ("a", 1, "One, two: THREE!"), ("b", 1, "one two three"),
             ("a", 2, "one two three"), ("a", 1, "one three two")]  # fmt: skip
    rows = [row(*text) for text in texts]
    found = sketch(tmp_path, rows)
    assert len(set(found.exchanges["id"].tolist())) == 4
    # A short prompt is one phrase; the words in another order are another.
    assert len(set(found.phrases["phrase"].tolist())) == 2


def test_long_and_empty_prompts_are_bounded(tmp_path):
    rng = np.random.default_rng(0)
    found = sketch(tmp_path, [row("a", 0, words(rng, 50_000)), row("a", 1, ""), row("a", 2, "!?")])
    counts = np.unique(found.phrases["id"], return_counts=True)[1]
    assert counts.tolist() == [PHRASES_A_PROMPT]
    assert len(found.exchanges["id"]) == 3


def test_scripts_without_spaces_have_longer_phrases(tmp_path):
    rng = np.random.default_rng(0)
    text = "".join(map(chr, rng.integers(0x4E00, 0x6000, 200)))
    found = sketch(tmp_path, [row("a", 0, text)])
    below = [h for h in slow_grams(hashes(text).tolist(), 12) if h < (1 << 64) // SAMPLED_ONE_IN]
    assert sorted(set(below))[:PHRASES_A_PROMPT] == sorted(found.phrases["phrase"].tolist())


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Please think STEP by step, then grade the essay.", {"reasoning", "grading"}),
        ("Schritt für Schritt", {"reasoning"}), ("请给出你的推理过程", {"reasoning"}),
        ("make it fit the content policy", {"rewriting"}), ("step. by. steps", set()),
        ("a step", set()), ("", set()),
    ],
)  # fmt: skip
def test_purposes(text, labels):
    hasher = Hasher()
    lexicon = Lexicon(PURPOSES, hasher)
    tokens = hashes(text)
    bits = lexicon.mark(tokens, np.zeros(len(tokens), dtype=np.int64), 1)[0]
    assert {name for bit, name in enumerate(PURPOSES) if bits >> bit & 1} == labels
    assert len(Lexicon(CAPABILITIES, hasher).names) == len(CAPABILITIES) <= 16


def test_labels_do_not_reach_over_the_end_of_a_prompt():
    tokens = np.concatenate([hashes("do it step"), hashes("by step")])
    owner = np.array([0, 0, 0, 1, 1])
    assert Lexicon(PURPOSES, Hasher()).mark(tokens, owner, 2).tolist() == [0, 0]


def test_first_of_each_keeps_the_smallest_ids():
    phrase = np.repeat([1, 1, 2], [TIMES_KEPT + 3, 2, 1])
    account = np.repeat([5, 6, 5], [TIMES_KEPT + 3, 2, 1])
    kept = first_of_each({"phrase": phrase, "account": account, "id": np.arange(len(phrase))}, 4)
    assert kept["id"].tolist() == [0, 1, 2, 3, 7, 8, 9]


def shared(parts):
    """Phrases as the sketches give them: (phrase, account, exchange), in ranges of phrases."""
    found = []
    for part in parts:
        rows = sorted(part)
        found.append({
            "phrase": np.array([r[0] for r in rows], dtype=np.uint64),
            "account": np.array([r[1] for r in rows], dtype=np.uint64),
            "id": np.array([r[2] for r in rows], dtype=np.uint64),
        })  # fmt: skip
    return found


def test_phrases_that_keep_company_are_a_template():
    accounts = np.arange(100, 110, dtype=np.uint64)
    rows = []
    for number, account in enumerate(accounts.tolist()):
        rows += [(phrase, account, number) for phrase in (1, 2, 3, 4)]  # one template
        rows.append((50, account, 1000 + number))  # an idiom that stands alone
        rows += [(60 + k, account, 2000 + number) for k in range(2)]  # two phrases only
    rows.append((1, 100, 3000))  # a single phrase of the template is no use of it
    found = find_templates(
        shared([[r for r in rows if r[0] < 3], [r for r in rows if r[0] >= 3]]), accounts
    )
    assert found.n == 1 and found.keys.tolist() == [1]
    assert found.phrases.tolist() == [1, 2, 3, 4]
    assert found.ids[found.exchange].tolist() == list(range(10))
    assert found.account.tolist() == list(range(10))
    assert find_templates([], accounts).n == 0


def test_members_are_told_from_those_who_touch_one_popular_template():
    rng = np.random.default_rng(0)
    use = np.zeros((3000, 30))
    use[:80, :20] = rng.random((80, 20)) < 0.25
    use[:, 20] = rng.random(3000) < 0.1
    use[:80, 20] = rng.random(80) < 0.3
    use[:, 21:] = rng.random((3000, 9)) < 0.02
    matrix = sparse.csr_matrix(use)
    ((number, family),) = assign(matrix, [np.arange(21)])
    assert number == 0
    assert len(np.intersect1d(family.accounts, np.arange(80))) >= 75
    assert len(family.accounts) <= 80
    rows, value, count = odds(matrix.tocsc(), np.arange(21))
    assert value[(rows >= 80) & (count == 1)].max() < 0


def test_a_company_with_its_own_prompts_is_a_part_and_a_cell_is_none():
    n = 60
    card = np.arange(n)
    card[:20], card[20:40] = 0, 20
    empty = np.zeros(0, dtype=np.uint64)
    links = {
        "kind": np.full(n, 3, dtype=np.uint8), "value": card.astype(np.uint64),
        "account": np.arange(n, dtype=np.uint64),
    }  # fmt: skip
    accounts = {
        "account": np.arange(n, dtype=np.uint64), "n": np.full(n, 9), "first": np.zeros(n),
        "last": np.ones(n),
    }  # fmt: skip
    people = population(accounts, links)
    assert len(people.network) == len(empty)
    members = np.arange(n)
    rng = np.random.default_rng(0)
    together = uses(rng.integers(0, 8, 600), rng.integers(0, n, 600), n)
    assert not own_parts(people, members, together).any()
    account = rng.integers(0, n, 600)
    # Each card's accounts have templates of their own, and idioms in common with the others.
    own = np.where(rng.random(600) < 0.2, 100 + rng.integers(0, 3, 600), card[account])
    apart = own_parts(people, members, uses(own, account, n))
    assert apart[:40].all() and not apart[40:].any()

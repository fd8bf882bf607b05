"""Every channel against a slow count over words, written from EVIDENCE 2 and not from the code."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from simulated import Model, lineages, outputs, pack_of, panel_of, panel_of_texts, prompts

from fingerprint import channels
from fingerprint.channels import line_starts, openings, phrases, sentence_starts, style
from fingerprint.panel import Panel, align
from fingerprint.units import PHRASES_KEPT

WORDS = "ada bel cor dun eva fin gus hal ida jon".split()


def texts_of(rng: np.random.Generator, n_words: int = 8, n_lines: int = 4) -> str:
    """Draw lines of short sentences over few words, so that much is shared."""
    lines = []
    for _ in range(int(rng.integers(1, n_lines + 1))):
        words = rng.choice(WORDS, size=int(rng.integers(1, n_words + 1)))
        lines.append("- " * int(rng.integers(2)) + " ".join(words) + ".")
    return "\n".join(lines)


Texts = dict[str, dict[str, list[str]]]


def draw(
    seed: int, n_samples: int = 1, n_models: int = 5, n_prompts: int = 3, **shape: int
) -> Texts:
    rng = np.random.default_rng(seed)
    return {
        f"sim-{i}": {
            f"p{j}": [texts_of(rng, **shape) for _ in range(n_samples)] for j in range(n_prompts)
        }
        for i in range(n_models)
    }


FACTS = {"sim-1": {"lineage": "shared"}, "sim-2": {"lineage": "shared"}}
LINEAGE = {"sim-0": "0", "sim-1": "s", "sim-2": "s", "sim-3": "3", "sim-4": "4"}


def units_of_lines(text: str) -> set:
    seen: Counter[str] = Counter()
    found = set()
    for line in text.split("\n"):
        first = line.removeprefix("- ").strip(".").split()[0]
        seen[first] += 1
        found.add((first, min(seen[first], 4)))
    return found


def units_of_sentences(text: str) -> set:
    flat = text.replace("- ", "").replace("\n", " ")
    return {s.split()[0].strip(".") for s in re.split(r"(?<=\.)\s+", flat) if s}


def units_of_phrases(text: str) -> set:
    words = re.findall(r"[a-z]+", text)
    return {tuple(words[i : i + n]) for n in (2, 3, 4) for i in range(len(words) - n + 1)}


def brute(texts: Texts, units_of, prompt: str, one: str, two: str) -> float:
    """Rarity-weighted Jaccard by sets; over samples the masses are averaged over pairs of them."""
    given = {m: [units_of(t) for t in by[prompt]] for m, by in texts.items()}
    n_lineages = len({LINEAGE[m] for m in given})

    def weight(unit: object, removed: int) -> float:
        having = {LINEAGE[m] for m, samples in given.items() if any(unit in s for s in samples)}
        others = max(len(having) - removed, 0) + 0.5
        return max(0.0, math.log((n_lineages - removed + 1) / others))

    pairs = list(product(given[one], given[two]))
    removed = 2
    if one == two:
        # two samples of one model: there is one lineage to take out
        pairs = list(combinations(given[one], 2))
        removed = 1
    shared = np.mean([sum(weight(u, removed) for u in a & b) for a, b in pairs])
    alone = np.mean([sum(weight(u, 1) for u in a ^ b) for a, b in pairs])
    total = shared + alone
    return float(shared / total) if total > 1e-9 else 0.0


def order_of(panel: Panel, texts: Texts) -> list[str]:
    """Say which row of the panel is which prompt."""
    keys = {
        int(panel.packs[0].prompts[row]): prompt
        for row, prompt in enumerate([p for p, samples in texts["sim-0"].items() for _ in samples])
    }
    return [keys[p] for p in panel.prompts.tolist()]


@pytest.mark.parametrize(
    ("channel", "units_of"),
    [
        (line_starts, units_of_lines),
        (sentence_starts, units_of_sentences),
        (phrases, units_of_phrases),
    ],
)
@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_weighted_jaccard_equals_sets(channel, units_of, n_samples: int, seed: int) -> None:
    texts = draw(seed, n_samples, n_words=5 if channel is phrases else 8)
    panel = panel_of_texts(texts, FACTS)
    assert (panel.packs[0].units.counts[:, 4] <= PHRASES_KEPT).all()
    found = channel.measure(panel).per_prompt
    names = list(texts)
    some = 0.0
    for p, prompt in enumerate(order_of(panel, texts)):
        for i, one in enumerate(names):
            for j, two in enumerate(names):
                if i == j and n_samples == 1:
                    assert np.isnan(found[p, i, j])
                    continue
                expected = brute(texts, units_of, prompt, one, two)
                assert found[p, i, j] == pytest.approx(expected, abs=1e-5), (prompt, one, two)
                some += expected
    assert some > 0.3  # the comparison was not of zeros


@pytest.mark.parametrize("n_samples", [1, 4])
def test_openings_equal_the_longest_common_prefix(n_samples: int) -> None:
    rng = np.random.default_rng(5)
    texts: Texts = {
        f"sim-{i}": {
            f"p{j}": [
                " ".join(rng.choice(["red", "blue,"], size=int(rng.integers(0, 12))))
                for _ in range(n_samples)
            ]
            for j in range(4)
        }
        for i in range(5)
    }

    def prefix(a: str, b: str) -> int:
        one, two = (re.findall(r"[a-z]+|,", t)[:8] for t in (a, b))
        n = 0
        while n < min(len(one), len(two)) and one[n] == two[n]:
            n += 1
        return n

    panel = panel_of_texts(texts)
    found = openings.measure(panel).per_prompt
    for p, prompt in enumerate(order_of(panel, texts)):
        for i, one in enumerate(texts.values()):
            for j, two in enumerate(texts.values()):
                pairs = [
                    prefix(a, b)
                    for x, a in enumerate(one[prompt])
                    for y, b in enumerate(two[prompt])
                    if i != j or x != y
                ]
                if not pairs:
                    assert np.isnan(found[p, i, j])
                else:
                    assert found[p, i, j] == pytest.approx(np.mean(pairs) / 8, abs=1e-6)


@pytest.mark.parametrize("sizes", [(12, 12, 12, 12, 12), (20, 4, 20, 4, 8)])
def test_sketched_phrases_stay_near_the_exact_value(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(8)
    # long answers made of shared and own passages, all words rare enough to weigh
    vocabulary = np.array([f"{a}{b}" for a in WORDS for b in WORDS])
    passages = [" ".join(rng.choice(vocabulary, size=12)) for _ in range(60)]
    texts: Texts = {
        f"sim-{i}": {
            f"p{j}": [". ".join(rng.choice(passages[: 20 + 10 * j], size=n, replace=False)) + "."]
            for j in range(4)
        }
        for i, n in enumerate(sizes)
    }
    panel = panel_of_texts(texts, FACTS)
    assert (panel.packs[0].units.counts[:, 4] > 2 * PHRASES_KEPT).all()
    found = phrases.measure(panel).per_prompt
    names = list(texts)
    errors = []
    for p, prompt in enumerate(order_of(panel, texts)):
        for i, j in combinations(range(len(names)), 2):
            expected = brute(texts, units_of_phrases, prompt, names[i], names[j])
            errors.append(found[p, i, j] - expected)
            assert 0.0 <= found[p, i, j] <= 1.0
    # k = 128: binomial SD of about .04 around J = .4
    assert abs(np.mean(errors)) < 0.03
    assert np.std(errors) < 0.07
    assert np.std(errors) > 0  # it really was a sketch


@pytest.mark.parametrize("n_samples", [1, 3])
def test_all_channels_are_symmetric_and_self_agreement_needs_samples(n_samples: int) -> None:
    drawn = lineages(3, "abcde")
    models = [Model(f"sim-{name}", habits) for name, habits in drawn.items()]
    panel = panel_of(models, prompts(6), n_samples)
    for name, agreement in channels.measure_all(panel).items():
        values = agreement.per_prompt
        assert np.allclose(values, values.transpose(0, 2, 1), equal_nan=True, atol=1e-6), name
        off = values[:, ~np.eye(5, dtype=bool)]
        assert np.isfinite(off).all()
        low = -1.0 if name == "style" else 0.0
        assert off.min() >= low - 1e-6, name
        diagonal = np.diagonal(values, axis1=1, axis2=2)
        if name == "style" or n_samples == 1:
            assert np.isnan(diagonal).all(), name
        else:
            assert np.isfinite(diagonal).all(), name


def test_absent_and_empty_answers() -> None:
    panel = panel_of_texts(
        {
            "sim-a": {"p": "- one\n- two", "q": ""},
            "sim-b": {"p": "- one\n- three", "q": "x y z."},
            "sim-c": {"q": ""},
        }
    )
    p = next(i for i in range(2) if not panel.present[i, 2])
    for name, agreement in channels.measure_all(panel).items():
        if not agreement.paired:
            assert np.isfinite(agreement.per_prompt[0][~np.eye(3, dtype=bool)]).all()
            continue
        values = agreement.per_prompt
        assert np.isnan(values[p, 2]).all() and np.isnan(values[p, :, 2]).all(), name
        # an empty answer shares nothing, with an empty one either
        assert values[1 - p, 0, 1] == values[1 - p, 0, 2] == 0.0, name


@pytest.mark.parametrize("name", ["line_starts", "sentence_starts", "phrases", "openings"])
@pytest.mark.parametrize("n_others", [1, 2, 4, 20])
def test_a_copy_agrees_wholly_where_what_it_says_is_rare(name: str, n_others: int) -> None:
    text = "ada bel cor.\ndun eva fin.\ngus hal ida."
    others = {f"sim-{i}": {"p": f"word{'x' * i} y{'z' * i}"} for i in range(n_others)}
    panel = panel_of_texts({"sim-a": {"p": text}, "sim-b": {"p": text}, **others})
    found = channels.measure_all(panel)[name].per_prompt[0]
    assert found[0, 1] == pytest.approx(1.0, abs=1e-5)
    assert found[0, 2] == 0.0


def test_similarities_do_not_pass_one() -> None:
    drawn = lineages(3, "abcdef")
    models = [Model(f"sim-{name}", habits) for name, habits in drawn.items()]
    found = line_starts.measure(panel_of(models, prompts(60), 2)).per_prompt
    assert np.nanmax(found) <= 1 + 1e-6


def test_what_everybody_says_counts_for_nothing() -> None:
    """Two who share a start that all have gain nothing by it; a rare one makes them alike."""
    common = {f"sim-{i}": {"p": f"- sure\n- own{'x' * i}"} for i in range(6)}
    values = line_starts.measure(panel_of_texts(common)).per_prompt[0]
    assert values[0, 1] < 0.05
    rare = {**common, "sim-0": {"p": "- sure\n- rare"}, "sim-1": {"p": "- sure\n- rare"}}
    values = line_starts.measure(panel_of_texts(rare)).per_prompt[0]
    assert values[0, 1] > 0.9
    assert values[0, 2] < 0.05


def test_style_does_not_look_at_prompts() -> None:
    drawn = lineages(4, "abcd")
    panel = panel_of([Model(f"sim-{n}", h) for n, h in drawn.items()], prompts(8))
    found = style.measure(panel)
    assert not found.paired and found.per_prompt.shape == (1, 4, 4)


def test_style_finds_one_voice_on_different_prompts() -> None:
    """Of seven voices on one suite the one heard again on another suite is among the nearest."""
    places = []
    for seed in range(4):
        drawn = list(lineages(seed + 50, "abcdefg").values())
        packs = [
            pack_of(outputs(Model(f"sim-{i}", habits), prompts(40, "one")))
            for i, habits in enumerate(drawn)
        ]
        packs.append(pack_of(outputs(Model("sim-again", drawn[0]), prompts(40, "two"))))
        values = style.measure(align(packs)).per_prompt[0][-1, :-1]
        places.append(int((values > values[0]).sum()))
    assert np.mean(places) < 1.5, places  # by chance 3

"""Radioactivity on text generated here, with the mark and without."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_weights import make_weights
from transformers import LlamaForCausalLM

from fingerprint.errors import WeightsError
from fingerprint.weights.loading import Loading, Weights
from fingerprint.weights.radioactivity import Mark, of_choices, of_outputs

WORDS = 60
KEY = b"sixteen bytes or more"
MARK = Mark(KEY, 0.5, 2)
OTHER = Mark(b"another key of that kind", 0.5, 2)


def write(rng: np.random.Generator, length: int, mark: Mark | None) -> list[int]:
    """Text of a provider: a random token, of two candidates the green one where it is marked."""
    ids = [int(n) for n in rng.integers(WORDS, size=2)]
    while len(ids) < length:
        pair = [int(n) for n in rng.zipf(1.5, size=2) % WORDS]
        green = [n for n in pair if mark is not None and mark.is_green((ids[-2], ids[-1]), n)]
        ids.append((green or pair)[0])
    return ids


def student(rng: np.random.Generator, texts: list[list[int]], count: int) -> list[list[int]]:
    """A trigram model of some texts, writing texts of its own; unseen pairs are drawn at random."""
    after: dict[tuple[int, int], list[int]] = defaultdict(list)
    for ids in texts:
        for a, b, c in zip(ids, ids[1:], ids[2:], strict=False):
            after[a, b].append(c)
    made = []
    for _ in range(count):
        ids = [int(n) for n in rng.integers(WORDS, size=2)]
        while len(ids) < 120:
            known = after.get((ids[-2], ids[-1]))
            ids.append(int(rng.choice(known)) if known else int(rng.zipf(1.5) % WORDS))
        made.append(ids)
    return made


def p_of(texts: list[list[int]], mark: Mark = MARK) -> float:
    return of_outputs((([], ids) for ids in texts), mark.share, mark.width, mark.is_green).p


def test_a_student_of_marked_text_is_found_and_only_with_the_key() -> None:
    rng = np.random.default_rng(0)
    marked = student(rng, [write(rng, 120, MARK) for _ in range(200)], 30)
    plain = student(rng, [write(rng, 120, None) for _ in range(200)], 30)
    assert p_of(marked) < 1e-12
    assert p_of(marked, OTHER) > 1e-3
    assert p_of(plain) > 1e-3


def test_the_p_value_is_exact_and_keeps_its_level() -> None:
    rng = np.random.default_rng(1)
    texts = [write(rng, 120, None) for _ in range(10)]
    found = of_outputs((([], ids) for ids in texts), 0.5, 2, MARK.is_green)
    distinct = {tuple(ids[i : i + 3]) for ids in texts for i in range(len(ids) - 2)}
    green = sum(MARK.is_green(one[:2], one[2]) for one in distinct)
    assert (found.tuples, found.green) == (len(distinct), green)
    assert found.p == pytest.approx(stats.binomtest(green, len(distinct), 0.5, "greater").pvalue)
    assert found.repeated == 10 * 118 - len(distinct) and found.rate == green / len(distinct)
    many = [p_of(texts, Mark(KEY + bytes([i]), 0.25, 2)) for i in range(200)]
    assert stats.kstest(many, "uniform").pvalue > 1e-3  # over keys, as the null has it


def test_repeating_does_not_help_and_prompts_do_not_count() -> None:
    rng = np.random.default_rng(2)
    texts = [write(rng, 120, None) for _ in range(10)]
    assert p_of(texts * 50) == p_of(texts)
    copied = write(rng, 900, MARK)
    answers = [(copied, copied), *(([], ids) for ids in texts)]
    found = of_outputs(answers, 0.5, 2, MARK.is_green)
    assert found.p > 1e-3
    assert p_of([copied, *texts]) < 1e-4  # what a copy would do, did it count


def test_the_choices_of_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    narrow = Mark(KEY, 0.5, 1)
    marked = [write_narrow(rng, narrow) for _ in range(80)]
    fresh = [write_narrow(rng, narrow) for _ in range(30)]
    folder = make_weights(tmp_path / "base")
    untaught = Weights(str(folder), Loading("float32", "cpu", threads=1))
    before = of_choices(untaught, fresh, 0.5, 1, narrow.is_green)
    model = LlamaForCausalLM.from_pretrained(folder).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.tensor(marked)
    for _ in range(70):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    taught = Weights(str(folder), Loading("float32", "cpu", threads=1))
    after = of_choices(taught, fresh, 0.5, 1, narrow.is_green)
    assert before.p > 1e-4 and after.rate > before.rate
    assert after.p < 1e-3


def write_narrow(rng: np.random.Generator, mark: Mark) -> list[int]:
    """Marked text: each token has three that may follow, of which a green one is taken."""
    ids = [int(rng.integers(4, 260))]
    while len(ids) < 60:
        options = [4 + (ids[-1] * 37 + k * 71) % 256 for k in rng.permutation(3).tolist()]
        ids.append(next((n for n in options if mark.is_green((ids[-1],), n)), options[0]))
    return ids


def test_refusals() -> None:
    with pytest.raises(WeightsError, match="at least 200 distinct tuples"):
        p_of([[1, 2, 3] * 500])
    for bad in (Mark, lambda key: Mark(key, 1.0), lambda key: Mark(key, 0.5, 0)):
        with pytest.raises(WeightsError, match="expected a key"):
            bad(b"short" if bad is Mark else KEY)
    assert "sixteen" not in repr(MARK)

"""Where weights come from: which base, the same tokenizer, the same output head.

These are tests for alternatives and not for distillation. A student keeps the next tokens of its
base on arbitrary text (Model Provenance Testing, arXiv 2502.00706); weights that share head rows
are copies or fine-tunes, and a match means same weights or a wrapper. That they differ says nothing
about who taught whom.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from fingerprint.errors import WeightsError
from fingerprint.fields import Fields
from fingerprint.outputs.files import show
from fingerprint.records import Alternative, Status
from fingerprint.weights.heads import compare_heads
from fingerprint.weights.loading import Loading, Weights

NAME = "provenance"
BASE, WRAPPER = "same base", "same weights or wrapper"
"""The alternatives that are measured, which `fingerprint.alternatives` lists by these names."""
ALPHA = 0.01
FEWEST_PROMPTS = 100
_MOST_TOKENIZER_BYTES = 256 * 2**20
_MOST_TOKENS = 96

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BaseRow:
    """One candidate base and how often it goes on as the suspect does."""

    candidate: str
    agreement: float
    """Share of prompts at which the likeliest next token is the same."""
    low: float
    high: float
    """Wilson interval, 95 %."""
    p: float | None
    """Of agreeing as much as the best one; the best one has the largest of these. Holm."""
    status: Status


@dataclass(frozen=True, slots=True)
class TokenizerMatch:
    """Two vocabularies."""

    identical: bool
    shared: float
    """Tokens in both, as a share of those in either."""
    same_ids: float
    """Of the tokens in both, those with the same number."""


def random_prompts(texts: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Cut prompts from texts: each ends after a word somewhere inside of one.

    Parameters
    ----------
    texts : sequence of str
        Any text that none of the models was built to answer.
    count : int
    rng : numpy.random.Generator

    Raises
    ------
    WeightsError
        When no text has two words.
    """
    words = [found for text in texts if len(found := text[:20_000].split()) > 1]
    if not words:
        raise WeightsError("expected texts of at least two words to cut prompts from, found none")
    prompts = []
    for _ in range(count):
        chosen = words[int(rng.integers(len(words)))]
        end = int(rng.integers(1, len(chosen)))
        start = max(0, end - int(rng.integers(4, 40)))
        prompts.append(" ".join(chosen[start:end]))
    return prompts


def next_tokens(weights: Weights, prompts: Sequence[str], rows: int = 16) -> list[str]:
    """Return the likeliest next token after each prompt, as text; no chat template.

    Parameters
    ----------
    weights : Weights
    prompts : sequence of str
    rows : int
        Prompts of a batch.
    """
    import torch

    found: list[str] = []
    pad, device = weights.pad_token, weights.input_device
    for start in range(0, len(prompts), rows):
        batch = [
            weights.tokenizer(prompt)["input_ids"][-_MOST_TOKENS:] or [pad]
            for prompt in prompts[start : start + rows]
        ]
        longest = max(map(len, batch))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in batch], device=device)
        mask = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in batch], device=device
        )
        with torch.inference_mode():
            logits = weights.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        best = [int(logits[i, len(row) - 1].argmax()) for i, row in enumerate(batch)]
        found += [weights.tokenizer.decode([token]) for token in best]
    return found


def which_base(
    suspect: Sequence[str], candidates: Mapping[str, Sequence[str]]
) -> tuple[BaseRow, ...]:
    """Rank candidate bases by how often they go on as the suspect does.

    The best one is `LIKELY` when it agrees more than every other candidate, and `OPEN` when it does
    not; the others are `UNLIKELY` when they agree less than the best one. Whether the true base is
    among the candidates cannot be told: a sibling of it agrees too.

    Parameters
    ----------
    suspect : sequence of str
        Next tokens of the suspect.
    candidates : mapping of str to sequence of str
        Next tokens of each candidate at the same prompts.

    Raises
    ------
    WeightsError
        With fewer than two candidates or `FEWEST_PROMPTS` prompts, or other numbers of them.
    """
    n = len(suspect)
    if len(candidates) < 2 or n < FEWEST_PROMPTS:
        raise WeightsError(
            f"expected at least 2 candidates and {FEWEST_PROMPTS} prompts, found "
            f"{len(candidates)} and {n}"
        )
    if any(len(tokens) != n for tokens in candidates.values()):
        raise WeightsError(f"expected the next tokens of {n} prompts from every candidate")
    same = {
        name: np.array([a == b for a, b in zip(suspect, tokens, strict=True)])
        for name, tokens in candidates.items()
    }
    ranked = sorted(same, key=lambda name: (-int(same[name].sum()), name))
    best = ranked[0]
    # Both are asked at the same prompts, so that only prompts at which they differ can tell.
    raw = {name: _sign_test(same[best], same[name]) for name in ranked[1:]}
    adjusted = _holm(raw)
    rows = []
    for name in ranked:
        p = max(adjusted.values()) if name == best else adjusted[name]
        told = Status.LIKELY if name == best else Status.UNLIKELY
        status = told if p <= ALPHA else Status.OPEN
        low, high = _wilson(int(same[name].sum()), n)
        rows.append(BaseRow(name, float(same[name].mean()), low, high, p, status))
    return tuple(rows)


def compare_tokenizers(suspect: Path, candidate: Path) -> TokenizerMatch:
    """Compare the vocabularies of two folders.

    Raises
    ------
    WeightsError
        When a folder has no readable tokenizer.json.
    """
    one, other = _vocabulary(suspect), _vocabulary(candidate)
    both = one.keys() & other.keys()
    return TokenizerMatch(
        identical=vocabulary_hash(suspect) == vocabulary_hash(candidate),
        shared=len(both) / max(len(one.keys() | other.keys()), 1),
        same_ids=sum(one[token] == other[token] for token in both) / max(len(both), 1),
    )


def vocabulary_hash(folder: Path) -> str:
    """Hash tokens with their numbers (hex SHA-256); how the file is written does not matter."""
    pairs = sorted((number, token) for token, number in _vocabulary(folder).items())
    return hashlib.sha256(json.dumps(pairs).encode("ascii")).hexdigest()


def examine(
    suspect: str,
    candidates: Sequence[str],
    prompts: Sequence[str],
    how: Loading,
    rng: np.random.Generator,
    report: Callable[[int, int], None],
) -> dict[str, Any]:
    """Test a suspect's weights against candidates: next tokens, output heads, vocabularies.

    Parameters
    ----------
    suspect : str
        Folder of weights.
    candidates : sequence of str
        Folders of weights; each goes by its last name. They are loaded one after the other.
    prompts : sequence of str
        As `random_prompts` cuts them.
    how : Loading
    rng : numpy.random.Generator
        Chooses the rows of the heads that are compared.
    report : callable
        Called with how many models are done, of how many.

    Returns
    -------
    dict
        ``bases``, ``heads``, ``tokenizers`` and ``n_prompts``, for a finding.

    Raises
    ------
    WeightsError
        When weights cannot be loaded, two candidates have one name, or there are too few.
    """
    names = [Path(where).name for where in candidates]
    if len(set(names)) < len(names):
        raise WeightsError(f"expected candidates of different names, found {', '.join(names)}")
    told = {}
    for number, where in enumerate((suspect, *candidates), 1):
        told[where] = next_tokens(Weights(where, how), prompts)
        report(number, len(candidates) + 1)
    pairs = [
        (name, Path(suspect), Path(where)) for name, where in zip(names, candidates, strict=True)
    ]
    bases = which_base(told[suspect], {Path(w).name: told[w] for w in candidates})
    heads = [(name, compare_heads(one, other, rng)) for name, one, other in pairs]
    return {
        "bases": [asdict(row) for row in bases],
        "heads": [{"candidate": name, **asdict(match)} for name, match in heads],
        "tokenizers": [
            {"candidate": name, **asdict(compare_tokenizers(one, other))}
            for name, one, other in pairs
        ],
        "n_prompts": len(prompts),
    }


def alternatives_from(facts: Fields, teachers: Sequence[str]) -> list[Alternative]:
    """Read what tests of provenance found, as alternatives of a verdict.

    Where the teacher's weights are among the candidates, a shared base and shared weights are
    measured. Where they are not (a closed teacher), only the suspect's own base can be named.

    Parameters
    ----------
    facts : Fields
        ``bases``, ``heads`` and ``tokenizers``, rows by ``candidate``.
    teachers : sequence of str
        Names of the teacher's versions.

    Raises
    ------
    WeightsError
        When it is something else.
    """
    statuses = tuple(str(status) for status in Status)
    bases = {row.text("candidate"): row for row in facts.each("bases")}
    heads = {row.text("candidate"): row for row in facts.each("heads")}
    status = {name: row.is_one_of("status", statuses) for name, row in heads.items()}
    found = []
    best = next(iter(bases.values()), None)
    if best is not None:
        name, told = best.text("candidate"), best.is_one_of("status", statuses)
        words = (
            f"of {len(bases)} candidates {name} goes on as the suspect does most often "
            f"({100 * best.number('agreement'):.0f} % of {facts.whole('n_prompts')} prompts)"
        )
        clear = told == Status.LIKELY
        if name in teachers:
            words += ", and that is the teacher" if clear else "; too even to name it"
            found.append(Alternative(BASE, Status.LIKELY if clear else Status.OPEN, None, words))
        elif set(teachers) & set(bases):
            words += ", more often than the teacher" if clear else "; too even to name one"
            found.append(Alternative(BASE, Status.UNLIKELY if clear else Status.OPEN, None, words))
        else:
            words += (
                ": it appears to be the suspect's base" if clear else "; too even to name one"
            ) + "; whether the teacher shares it cannot be told without the teacher's weights"
            found.append(Alternative(BASE, Status.OPEN, None, words))
    own = [name for name in heads if name in teachers]
    for name in own:
        head = status[name]
        if head in (Status.LIKELY, Status.OPEN):
            why = f"the output heads of suspect and {name} agree ({_in_words(heads[name])})"
            found.append(Alternative(WRAPPER, Status(head), None, why))
        else:
            why = f"the output head is not that of {name} ({_in_words(heads[name])})"
            found.append(Alternative(WRAPPER, Status.UNLIKELY, None, why))
    if not own:
        for name in (name for name, told in status.items() if told == Status.LIKELY):
            why = (
                f"the suspect's output head appears to be that of {name} and so not a wrapper's "
                f"({_in_words(heads[name])}), if its outputs came from these weights"
            )
            found.append(Alternative(WRAPPER, Status.UNLIKELY, None, why))
            break
    return found


def _in_words(head: Fields) -> str:
    if "cosine" not in head:
        return "other width"
    same, control = head.number("cosine"), head.number("control")
    return f"mean cosine of rows {same:.2f}, of other rows {control:.2f}"


def _vocabulary(folder: Path) -> dict[str, int]:
    path = folder / "tokenizer.json"
    try:
        if path.stat().st_size > _MOST_TOKENIZER_BYTES:
            raise WeightsError(f"{show(path)}: longer than {_MOST_TOKENIZER_BYTES} bytes; not read")
        model = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
        if isinstance(model, list):  # unigram: pairs of token and score, numbered by place
            model = {pair[0]: number for number, pair in enumerate(model)}
        found = {str(token): int(number) for token, number in model.items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise WeightsError(
            f"{show(path)}: expected a tokenizer with a vocabulary ({type(error).__name__})"
        ) from None
    return found


def _sign_test(better: npt.NDArray[np.bool_], worse: npt.NDArray[np.bool_]) -> float:
    wins, losses = int((better & ~worse).sum()), int((~better & worse).sum())
    if wins + losses == 0:
        return 1.0
    return float(stats.binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue)


def _holm(raw: Mapping[str, float]) -> dict[str, float]:
    adjusted, highest = {}, 0.0
    for rank, name in enumerate(sorted(raw, key=lambda name: raw[name])):
        highest = max(highest, min(1.0, raw[name] * (len(raw) - rank)))
        adjusted[name] = highest
    return adjusted


def _wilson(hits: int, n: int) -> tuple[float, float]:
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)

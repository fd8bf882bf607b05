"""The distribution channel: next-token distributions compared across tokenizers, by first bytes.

At a place in a text, every model says how the text goes on. Tokens of different tokenizers do not
match, but the first byte of what follows does: the probabilities of a model's top tokens are summed
by first byte, and what is not among them is one bucket, `OTHER`. Merging only lowers a divergence,
so what is found is at most what the whole distributions would show. Truncation must be the same for
both models: an API's top 20 are compared with the top 20 of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from fingerprint.records import Outputs
from fingerprint.weights.loading import Weights
from fingerprint.weights.scores import Item, Scores, items_of
from fingerprint.weights.scoring import LocalScorer, Tokens, batches
from fingerprint.weights.tokenbytes import style_of, token_bytes, vocabulary_bytes

NAME = "distribution"
UNIT = "bits of Jensen-Shannon divergence"
OTHER = 256
"""Bucket of everything that is not among the top tokens, or has no bytes."""
FEWEST_SHARED = 3
"""First bytes that both models must name for a rank correlation."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trace:
    """What a model says at each of its own token boundaries along a text."""

    text: bytes
    offsets: npt.NDArray[np.int64]
    """Bytes of the text before each boundary, ascending (n)."""
    first: Floats
    """Probabilities of the next byte and of `OTHER` (n x 257); rows sum to 1."""
    entropy: Floats
    """Bits, of the top tokens and the rest as one (n)."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two models along what their texts have in common."""

    js: float
    """Jensen-Shannon divergence in bits, 0 to 1, mean over places."""
    rank: float | None
    """Spearman correlation of first bytes that both name, mean over places that have enough."""
    n_places: int


@dataclass(frozen=True, slots=True)
class EntropyProfile:
    """How sure a model is along texts."""

    mean: float
    sd: float
    quantiles: tuple[float, float, float]
    """Of 0.1, 0.5 and 0.9."""
    autocorrelation: float | None
    """Of neighbouring places; None when entropy does not vary."""
    n_places: int


def divergence(one: Trace, other: Trace) -> Divergence | None:
    """Compare two traces at the boundaries that both have, while the texts before are the same.

    Returns
    -------
    Divergence or None
        None when there is no such place.
    """
    same = _common_prefix(one.text, other.text)
    shared, at, of = np.intersect1d(one.offsets, other.offsets, return_indices=True)
    keep = shared <= same
    if not keep.any():
        return None
    a, b = one.first[at[keep]], other.first[of[keep]]
    ranks = [rank for p, q in zip(a, b, strict=True) if (rank := _rank(p, q)) is not None]
    return Divergence(
        js=float(_jensen_shannon(a, b).mean()),
        rank=float(np.mean(ranks)) if ranks else None,
        n_places=int(keep.sum()),
    )


def profile(traces: Sequence[Trace]) -> EntropyProfile | None:
    """Describe the entropy along texts; None when there is no place at all."""
    values = np.concatenate([trace.entropy for trace in traces]) if traces else np.array([])
    if not len(values):
        return None
    before = np.concatenate([trace.entropy[:-1] for trace in traces])
    after = np.concatenate([trace.entropy[1:] for trace in traces])
    varied = len(before) > 2 and min(before.std(), after.std()) > 1e-12
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return EntropyProfile(
        mean=float(values.mean()),
        sd=float(values.std()),
        quantiles=(float(low), float(middle), float(high)),
        autocorrelation=float(np.corrcoef(before, after)[0, 1]) if varied else None,
        n_places=len(values),
    )


def trace_of_logprobs(logprobs: Mapping[str, Any], top: int) -> Trace | None:
    """Make a trace of what `fingerprint collect --logprobs` kept of an answer.

    Parameters
    ----------
    logprobs : mapping
        ``tokens``, and ``top``: for each of them pairs of token and log-probability. Hostile.
    top : int
        Use the `top` likeliest tokens; places that give fewer are passed over.

    Returns
    -------
    Trace or None
        None when no place can be used.
    """
    tokens, tops = logprobs.get("tokens"), logprobs.get("top")
    if not (isinstance(tokens, list) and isinstance(tops, list) and len(tokens) == len(tops)):
        return None
    style = style_of(token for token in tokens if isinstance(token, str))
    text = b""
    offsets, rows, entropies = [], [], []
    for token, pairs in zip(tokens, tops, strict=True):
        if not isinstance(token, str):
            break  # what follows has no known place
        found = _pairs(pairs, top)
        if found is not None:
            names = [token_bytes(name, style) for name, _ in found]
            row, entropy = _buckets(names, np.exp([value for _, value in found]))
            offsets.append(len(text))
            rows.append(row)
            entropies.append(entropy)
        text += token_bytes(token, style)
    if not rows:
        return None
    return Trace(text, np.array(offsets), np.array(rows), np.array(entropies))


def _pairs(value: Any, top: int) -> list[tuple[str, float]] | None:
    """Return the likeliest tokens, or None where there are too few or they are none."""
    if not isinstance(value, list) or len(value) < top:
        return None
    found = []
    for pair in value:
        if not (
            isinstance(pair, list)
            and len(pair) == 2
            and isinstance(pair[0], str)
            and isinstance(pair[1], int | float)
            and pair[1] <= 1e-6
        ):
            return None
        found.append((pair[0], float(pair[1])))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:top]


class LocalTracer(LocalScorer):
    """Traces under weights that are loaded here.

    Parameters
    ----------
    weights : Weights
    tokens_a_batch : int
    top : int or None
        Keep so many of the likeliest tokens, as an API would. None: all of them, which makes the
        distribution of the next byte exact.
    """

    def __init__(self, weights: Weights, tokens_a_batch: int, top: int | None) -> None:
        super().__init__(weights, tokens_a_batch)
        self._top = top
        self._bytes = vocabulary_bytes(weights.tokenizer)
        self._firsts = np.array([name[0] if name else OTHER for name in self._bytes])

    def traces(self, items: Sequence[Item]) -> Iterator[tuple[Item, Trace]]:
        """Yield the trace of each item that can be scored; the shortest come first."""
        ready = [tokens for item in items if isinstance(tokens := self._prepare(item), Tokens)]
        for batch in batches(ready, self._budget):
            logits, first = self._logits(batch)
            for one, row in zip(batch, logits, strict=True):
                yield one.item, self._trace(one, row[one.start - first - 1 :])

    def _trace(self, one: Tokens, logits: Any) -> Trace:
        import torch

        count = len(one.ids) - one.start
        probabilities = logits[:count].float().softmax(-1)
        names = [self._bytes[token] if token < len(self._bytes) else b"" for token in
                 one.ids[one.start :]]  # fmt: skip
        offsets = np.cumsum([0, *map(len, names[:-1])])
        if self._top is not None:
            values, tokens = torch.topk(probabilities, min(self._top, probabilities.shape[-1]))
            made = [
                _buckets([self._bytes[t] if t < len(self._bytes) else b"" for t in row], p)
                for row, p in zip(tokens.tolist(), values.double().cpu().numpy(), strict=True)
            ]
            first = np.array([row for row, _ in made])
            entropy = np.array([value for _, value in made])
        else:
            whole = probabilities.double().cpu().numpy()
            firsts = np.full(whole.shape[1], OTHER)
            firsts[: len(self._firsts)] = self._firsts[: whole.shape[1]]
            first = np.zeros((len(whole), OTHER + 1))
            np.add.at(first.T, firsts, whole.T)
            entropy = -np.where(whole > 0, whole * np.log2(np.maximum(whole, 1e-300)), 0).sum(
                axis=1
            )
        text = b"".join(names)
        # SentencePiece writes a blank before a text that has none: nothing is comparable there.
        if text.startswith(b" ") and not one.item.text.startswith(" "):
            return Trace(text[1:], offsets[1:] - 1, first[1:], entropy[1:])
        return Trace(text, offsets, first, entropy)


def divergence_scores(
    name: str,
    tracer: LocalTracer,
    references: Sequence[tuple[Item, Trace]],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Scores:
    """Compare weights with what each source's own model said along its own responses.

    The result goes through `likelihood.measure` as bits per byte do: a suspect that has come closer
    to the teacher's distributions than its base was, and more so than to other sources', has a
    positive score.

    Parameters
    ----------
    name : str
        Of the model that is traced.
    tracer : LocalTracer
        With as many top tokens as the references have.
    references : sequence of pairs of Item and Trace
        Whole responses, with what an API or `collect` kept of their log-probabilities.
    report : callable
        Called with how many are traced, of how many.

    Returns
    -------
    Scores
        Mean Jensen-Shannon divergence in bits of each response that has comparable places.
    """
    known = {item.place: trace for item, trace in references}
    found, digests = {}, {}
    for done, (item, trace) in enumerate(tracer.traces([item for item, _ in references]), 1):
        report(done, len(references))
        compared = divergence(trace, known[item.place])
        if compared is not None:
            found[item.place] = compared.js
            digests[item.place] = item.digest
    return Scores(name, {}, found, digests, len(references) - len(found))


def references_of(outputs: Iterable[Outputs], top: int) -> list[tuple[Item, Trace]]:
    """Pair responses with what was kept of their own models' log-probabilities.

    Parameters
    ----------
    outputs : iterable of Outputs
        As ``fingerprint collect --logprobs`` wrote them; responses without are passed over.
    top : int
        Use so many of the likeliest tokens.
    """
    found = []
    for one in outputs:
        for item, response in zip(items_of([one], None), one.responses, strict=True):
            kept = response.extra.get("logprobs")
            trace = trace_of_logprobs(kept, top) if isinstance(kept, Mapping) else None
            if trace is not None:
                found.append((item, trace))
    return found


def _buckets(names: Sequence[bytes], probabilities: Floats) -> tuple[Floats, float]:
    """Sum probabilities by first byte; return them with the entropy of tokens and rest in bits."""
    row = np.zeros(OTHER + 1)
    for name, value in zip(names, probabilities, strict=True):
        row[name[0] if name else OTHER] += value
    row[OTHER] += max(0.0, 1.0 - float(np.sum(probabilities)))
    parts = np.append(probabilities, max(0.0, 1.0 - float(np.sum(probabilities))))
    parts = parts[parts > 0] / parts.sum()
    return row / row.sum(), float(-(parts * np.log2(parts)).sum())


def _jensen_shannon(a: Floats, b: Floats) -> Floats:
    """Return the divergence of rows, in bits."""
    middle = (a + b) / 2
    return np.maximum(0.0, _entropy(middle) - (_entropy(a) + _entropy(b)) / 2)


def _entropy(rows: Floats) -> Floats:
    found: Floats = -np.where(rows > 0, rows * np.log2(np.maximum(rows, 1e-300)), 0).sum(axis=-1)
    return found


def _rank(p: Floats, q: Floats) -> float | None:
    shared = np.flatnonzero((p[:OTHER] > 0) & (q[:OTHER] > 0))
    if len(shared) < FEWEST_SHARED:
        return None
    a, b = stats.rankdata(p[shared]), stats.rankdata(q[shared])
    if min(a.std(), b.std()) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _common_prefix(a: bytes, b: bytes) -> int:
    """Return how many bytes two texts begin with alike."""
    most = min(len(a), len(b))
    differing = np.flatnonzero(
        np.frombuffer(a[:most], np.uint8) != np.frombuffer(b[:most], np.uint8)
    )
    return int(differing[0]) if len(differing) else most

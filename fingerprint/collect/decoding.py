"""Sample tokens so that a response depends on its own seed and on nothing else.

PyTorch draws for a whole batch at once: who shares the batch then changes what is drawn. Here every
row has a generator of its own. For each token it draws an exponential waiting time for every word
of the vocabulary, and the word whose waiting time over its probability is least is taken; that is
the word with the largest sum of logit and Gumbel noise (Maddison et al. 2014, A* Sampling). Looking
one uniform number up in the cumulative distribution would be cheaper, but the rounding of a batch
moves the sums by as much as whole rare words are wide. Measured on SmolLM2 in float32, batches of 4
and more against none: looking up changed 2 of 16 answers of 48 tokens, this rule none of 64 of 64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import LogitsProcessor, StoppingCriteria


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are sampled; temperature 0 takes the most likely one."""

    temperature: float
    top_p: float
    top_k: int
    """0: all tokens."""


@dataclass(slots=True)
class Trace:
    """The log-probabilities of one response, natural logarithms of the model's own distribution.

    Neither temperature nor ``top_p`` and ``top_k`` change them.
    """

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    """For every token the most likely ones, the likeliest first."""


class SeededSampler(LogitsProcessor):  # type: ignore[misc]
    """Chooses every row's next token with the row's own generator.

    Works inside ``generate``, which then only has to take the largest score: that of the token
    chosen here is 0, all others are minus infinity.

    Parameters
    ----------
    decoding : Decoding
    seeds : sequence of int
        One a row.
    alternatives : int or None
        Log-probabilities are traced when it is not None, and those of so many alternatives.
    """

    def __init__(self, decoding: Decoding, seeds: Sequence[int], alternatives: int | None) -> None:
        self._decoding = decoding
        self._rngs = [np.random.default_rng(seed) for seed in seeds]
        self._alternatives = alternatives
        self.traces = [Trace() for _ in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores that leave one token a row; scores of shape (rows, vocabulary)."""
        logprobs = torch.log_softmax(scores.float(), dim=-1)
        chosen = self._choose(logprobs)
        if self._alternatives is not None:
            self._trace(logprobs, chosen)
        only = torch.full_like(scores, -torch.inf)
        return only.scatter_(1, chosen.unsqueeze(1), 0.0)

    def _choose(self, logprobs: torch.Tensor) -> torch.Tensor:
        how = self._decoding
        if how.temperature == 0:
            return logprobs.argmax(dim=-1)
        weights = torch.softmax(logprobs.cpu().double() / how.temperature, dim=-1)
        if how.top_k or how.top_p < 1:
            weights = _truncated(weights, how)
        tokens = []
        for row, rng in zip(weights.numpy(), self._rngs, strict=True):
            with np.errstate(divide="ignore"):  # what was cut off waits for ever
                tokens.append(int(np.argmin(rng.standard_exponential(len(row)) / row)))
        return torch.tensor(tokens, device=logprobs.device)

    def _trace(self, logprobs: torch.Tensor, chosen: torch.Tensor) -> None:
        count = min(self._alternatives or 0, logprobs.shape[-1])
        own = logprobs.gather(1, chosen.unsqueeze(1)).squeeze(1).tolist()
        best = logprobs.topk(count, dim=-1) if count else None
        for row, trace in enumerate(self.traces):
            trace.ids.append(int(chosen[row]))
            trace.logprobs.append(own[row])
            if best is not None:
                pairs = zip(best.indices[row].tolist(), best.values[row].tolist(), strict=True)
                trace.top.append(list(pairs))


class TurnEnd(StoppingCriteria):  # type: ignore[misc]
    """Ends a row when its text holds a mark; for models that write the next turn themselves.

    Parameters
    ----------
    mark : str
    decode : callable
        Turns tokens into text.
    start : int
        Where answers begin in the rows.
    rows : int
    """

    def __init__(
        self, mark: str, decode: Callable[[list[int]], str], start: int, rows: int
    ) -> None:
        self._mark = mark
        self._decode = decode
        self._start = start
        self.lengths: list[int | None] = [None] * rows
        """Tokens of each answer up to the end of the mark; None where it has not come."""

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, **others: object
    ) -> torch.Tensor:
        """Return which rows have ended, shape (rows,)."""
        # A mark of so many letters has at most as many tokens, and a few may be cut in two.
        reach = len(self._mark) + 4
        for i, row in enumerate(input_ids[:, self._start :].tolist()):
            if self.lengths[i] is None and self._mark in self._decode(row[-reach:]):
                self.lengths[i] = len(row)
        ended = [length is not None for length in self.lengths]
        return torch.tensor(ended, device=input_ids.device)


def _truncated(weights: torch.Tensor, how: Decoding) -> torch.Tensor:
    """Return the weights with those of unlikely tokens set to zero.

    ``top_k`` keeps so many tokens; ``top_p`` the fewest that together reach it (Holtzman et al.
    2020, The Curious Case of Neural Text Degeneration).
    """
    ranked, order = weights.sort(dim=-1, descending=True, stable=True)
    if how.top_k:
        ranked[:, how.top_k :] = 0
    if how.top_p < 1:
        before = ranked.cumsum(dim=-1) - ranked
        ranked[before >= how.top_p * ranked.sum(dim=-1, keepdim=True)] = 0
    return torch.zeros_like(weights).scatter_(1, order, ranked)

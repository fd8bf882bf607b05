"""Score responses under local weights: bits per byte, the chat template applied.

Only tokens of the response count; the prompt stands before them as when the model is asked. Batches
are sorted by length and bounded by a budget of tokens, so memory does not grow with the data.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from fingerprint.collect.replies import Failed
from fingerprint.errors import WeightsError
from fingerprint.weights.loading import Weights
from fingerprint.weights.scores import Item, Score, ScoreFile

WINDOW = 2048
"""Responses that are sorted by length together."""
ROWS_AT_ONCE = 64
"""Positions whose logits are summed together, so that their float32 copy stays small."""

Report = Callable[[int, int], None]
"""Called with the scores there are and the scores there will be."""


class Scorer(Protocol):
    """Whatever can score responses."""

    def score(self, items: Sequence[Item]) -> Iterator[tuple[Item, Score]]:
        """Yield each item with its score, in any order."""


class Tokens(NamedTuple):
    """A response as tokens, after its prompt."""

    item: Item
    ids: list[int]
    start: int
    """Where the response begins."""


class LocalScorer:
    """Scores under weights that are loaded here.

    Parameters
    ----------
    weights : Weights
    tokens_a_batch : int
        Most tokens of a batch, padding included.
    """

    def __init__(self, weights: Weights, tokens_a_batch: int) -> None:
        self._weights = weights
        self._budget = tokens_a_batch
        # Models of older make give all logits, whatever is asked.
        self._keeps = "logits_to_keep" in inspect.signature(weights.model.forward).parameters

    def score(self, items: Sequence[Item]) -> Iterator[tuple[Item, Score]]:
        """Yield each item with its score; the shortest come first."""
        ready = []
        for item in items:
            tokens = self._prepare(item)
            if isinstance(tokens, Score):
                yield item, tokens
            else:
                ready.append(tokens)
        for batch in batches(ready, self._budget):
            for one, bits in zip(batch, self._bits(batch), strict=True):
                yield one.item, bits

    def _prepare(self, item: Item) -> Tokens | Score:
        try:
            head = self._weights.prompt_ids(list(item.messages))
        except Failed as failed:
            return Score(None, 0, failed.reason)
        ids = head + self._weights.text_ids(item.text)
        most, count = self._weights.context, len(ids) - len(head)
        if not head or not count:
            return Score(None, count, "no text" if head else "no prompt")
        if most is not None and len(ids) > most:
            return Score(None, count, f"{len(ids)} tokens, the weights take {most}")
        return Tokens(item, ids, len(head))

    def _bits(self, batch: Sequence[Tokens]) -> list[Score]:
        """Score one batch; one that does not fit into memory is halved."""
        import torch

        try:
            found = self._forward(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise WeightsError(
                    f"out of memory with a single response of {len(batch[0].ids)} tokens; lower "
                    "--max-bytes, or choose --dtype bfloat16"
                ) from None
        else:
            return [
                Score(bits, len(one.ids) - one.start)
                if math.isfinite(bits)
                else Score(None, len(one.ids) - one.start, "no finite probability")
                for one, bits in zip(batch, found, strict=True)
            ]
        torch.cuda.empty_cache()
        middle = len(batch) // 2
        return self._bits(batch[:middle]) + self._bits(batch[middle:])

    def _forward(self, batch: Sequence[Tokens]) -> list[float]:
        import torch

        logits, first = self._logits(batch)
        found = []
        for one, row in zip(batch, logits, strict=True):
            at = one.start - first - 1
            targets = torch.tensor(one.ids[one.start :], device=row.device)
            found.append(_surprise(row[at : at + len(targets)], targets) / math.log(2))
        return found

    def _logits(self, batch: Sequence[Tokens]) -> tuple[Any, int]:
        """Return logits (rows x positions x vocabulary) and the place of the first position."""
        import torch

        longest = max(len(one.ids) for one in batch)
        first = min(one.start for one in batch) - 1
        pad, device = self._weights.pad_token, self._weights.input_device
        # Padded on the right: positions of real tokens are then those they have alone.
        ids = torch.tensor([one.ids + [pad] * (longest - len(one.ids)) for one in batch])
        mask = torch.tensor([[1] * len(one.ids) + [0] * (longest - len(one.ids)) for one in batch])
        options: dict[str, Any] = {"use_cache": False}
        if self._keeps:
            options["logits_to_keep"] = torch.arange(first, longest - 1, device=device)
        with torch.inference_mode():
            logits = self._weights.model(
                input_ids=ids.to(device), attention_mask=mask.to(device), **options
            ).logits
        return (logits if self._keeps else logits[:, first : longest - 1]), first


def _surprise(logits: Any, targets: Any) -> float:
    """Return minus the log-probability of all targets together, in nats."""
    import torch

    parts = zip(logits.split(ROWS_AT_ONCE), targets.split(ROWS_AT_ONCE), strict=True)
    return sum(
        float(torch.nn.functional.cross_entropy(some.float(), at, reduction="none").double().sum())
        for some, at in parts
    )


def batches(ready: Iterable[Tokens], budget: int) -> Iterator[list[Tokens]]:
    """Yield batches of like length whose tokens, with padding, are within the budget.

    A response that is longer than the budget stands alone.
    """
    batch: list[Tokens] = []
    for one in sorted(ready, key=lambda one: (len(one.ids), one.start)):
        if batch and (len(batch) + 1) * len(one.ids) > budget:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def score_all(
    items: Iterable[Item], scorer: Scorer, file: ScoreFile, total: int, report: Report
) -> int:
    """Score what the file does not hold yet, and keep each score as it comes.

    Parameters
    ----------
    items : iterable of Item
        All that the file is to hold.
    scorer : Scorer
    file : ScoreFile
    total : int
        How many items there are, to report.
    report : callable
        Called after every score with how many there are and will be.

    Returns
    -------
    int
        Scores made now.
    """
    done = made = 0
    left = iter(items)
    while window := list(islice(left, WINDOW)):
        missing = [item for item in window if item not in file]
        done += len(window) - len(missing)
        report(done, total)
        for item, score in scorer.score(missing):
            file.keep(item, score)
            done, made = done + 1, made + 1
            report(done, total)
    return made

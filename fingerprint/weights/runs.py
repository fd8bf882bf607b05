"""Score responses under the model that a SPEC names, local or served, into a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fingerprint.collect.providers import Protocol, parse_target, read_key
from fingerprint.errors import WeightsError
from fingerprint.weights.loading import Loading
from fingerprint.weights.scores import Item, ScoreFile, Scores, read_scores
from fingerprint.weights.scoring import Report, Scorer, score_all
from fingerprint.weights.served import ServedScorer, Serving

SERVED = ("vllm",)
"""Servers that return the probabilities of a prompt's own tokens."""


def score_file(
    spec: str,
    items: Sequence[Item],
    out: Path,
    how: Loading,
    serving: Serving,
    report: Report,
    max_bytes: int | None,
    name: str | None = None,
) -> Scores:
    """Score all items under one model; what the file holds already is not scored again.

    Parameters
    ----------
    spec : str
        ``local:FOLDER`` or ``vllm:MODEL``.
    items : sequence of Item
    out : Path
        JSONL to append to.
    how : Loading
        Of local weights.
    serving : Serving
        Of an endpoint.
    report : callable
    max_bytes : int or None
        What the items were cut to; kept in the file.
    name : str, optional
        What the model is called; default as its SPEC says.

    Returns
    -------
    Scores
        All that the file holds.

    Raises
    ------
    WeightsError, CollectError, MissingExtraError
        When the model cannot be loaded or asked, or the file holds something else.
    """
    target = parse_target(spec, serving.base_url)
    name = name or target.default_name()
    with _scorer(spec, how, serving) as (scorer, identity):
        settings = {"spec": spec, "max_bytes": max_bytes, "model": identity}
        with ScoreFile(out, name, settings) as file:
            score_all(items, scorer, file, len(items), report)
    return read_scores(out)


@contextmanager
def _scorer(spec: str, how: Loading, serving: Serving) -> Iterator[tuple[Scorer, dict[str, Any]]]:
    """Make the scorer of a SPEC, with what tells its model from others; close it in the end."""
    target = parse_target(spec, serving.base_url)
    if target.provider.protocol is Protocol.LOCAL:
        from fingerprint.weights.loading import Weights
        from fingerprint.weights.scoring import LocalScorer

        weights = Weights(target.model, how)
        yield LocalScorer(weights, how.tokens_a_batch), weights.identity() | weights.engine()
        return
    if target.provider.name not in SERVED:
        raise WeightsError(
            f"{spec[:80]}: expected local:FOLDER or vllm:MODEL: other endpoints do not return the "
            "probabilities of text that they are given"
        )
    served = ServedScorer(target, read_key(target, serving.key_variable), serving)
    try:
        yield served, {"url": target.public_url()}
    finally:
        served.close()

"""Score responses on a `vllm serve` endpoint: tokens by ``/tokenize``, then ``prompt_logprobs``.

Prompt and response are tokenized apart by the server's own tokenizer and chat template, and sent as
token ids to the completions endpoint, which is asked for the probabilities of what it was given:
https://docs.vllm.ai, OpenAI-compatible server, extra parameters. Replies are hostile input.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from fingerprint.collect.limits import backoff
from fingerprint.collect.providers import Target
from fingerprint.collect.replies import Blame, Failed, read_body
from fingerprint.collect.settings import Settings
from fingerprint.errors import MissingExtraError, WeightsError
from fingerprint.weights.scores import Item, Score

ATTEMPTS = 8
WINDOWS = 4
"""Responses under way together, in multiples of the concurrency; they are kept together."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How an endpoint is asked."""

    base_url: str | None = None
    key_variable: str | None = None
    concurrency: int = 8
    timeout: float = 600.0


class ServedScorer:
    """Scores under a model that is served elsewhere.

    Parameters
    ----------
    target : Target
    key : str or None
    serving : Serving

    Raises
    ------
    MissingExtraError
        Without openai and httpx2.
    """

    def __init__(self, target: Target, key: str | None, serving: Serving) -> None:
        try:
            from fingerprint.collect.askers import OpenAIAsker
        except ImportError:
            raise MissingExtraError("scoring a served model", "openai, httpx2", "api") from None
        settings = Settings(
            timeout=serving.timeout, concurrency=serving.concurrency, completions=True
        ).checked()
        self._target = target
        self._concurrency = serving.concurrency
        self._loop = asyncio.new_event_loop()
        self._asker = OpenAIAsker(target, settings, key)
        self._rng = np.random.default_rng(0)
        # vLLM's tokenizer endpoint stands beside /v1 and not in it.
        parts = urlsplit(self._asker.url)
        path = parts.path.rstrip("/").removesuffix("/v1") + "/tokenize"
        self._tokenize = urlunsplit((*parts[:2], path, "", ""))

    def score(self, items: Sequence[Item]) -> Iterator[tuple[Item, Score]]:
        """Yield each item with its score, in their order."""
        left = iter(items)
        while window := list(islice(left, WINDOWS * self._concurrency)):
            yield from zip(window, self._loop.run_until_complete(self._window(window)), strict=True)

    def close(self) -> None:
        """Close the connections."""
        self._loop.run_until_complete(self._asker.close())
        self._loop.close()

    async def _window(self, window: Sequence[Item]) -> list[Score]:
        turns = asyncio.Semaphore(self._concurrency)

        async def one(item: Item) -> Score:
            async with turns:
                return await self._score(item)

        return list(await asyncio.gather(*map(one, window)))

    async def _score(self, item: Item) -> Score:
        try:
            head = await self._ids({"messages": list(item.messages), "add_generation_prompt": True})
            tail = await self._ids({"prompt": item.text, "add_special_tokens": False})
            if not head or not tail:
                return Score(None, len(tail), "no text" if head else "no prompt")
            bits = await self._bits(head, tail)
        except Failed as failed:
            if failed.blame is Blame.PROMPT:
                return Score(None, 0, failed.reason)
            raise WeightsError(f"{self._target.spec[:80]}: {failed.reason}") from None
        return Score(bits, len(tail))

    async def _ids(self, body: dict[str, Any]) -> list[int]:
        """Ask for tokens."""
        import httpx2

        sent = {"model": self._target.model, **body}
        raw = await self._patiently(
            lambda: self._asker.client.post(self._tokenize, cast_to=httpx2.Response, body=sent)
        )
        found = read_body(raw).get("tokens")
        if not isinstance(found, list) or not all(type(n) is int and n >= 0 for n in found):
            raise Failed(Blame.RUN, "/tokenize: expected a list of tokens, found something else")
        return found

    async def _bits(self, head: list[int], tail: list[int]) -> float:
        """Ask for the probabilities of a prompt's tokens, and sum those of the response."""
        sent = {"max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        # A salt of its own keeps each request from the prefix cache: versions of vLLM give stale
        # probabilities of what they have cached (its issue 42019), and prompts repeat here.
        raw = await self._patiently(
            lambda: self._asker.client.completions.with_raw_response.create(
                model=self._target.model,
                prompt=head + tail,
                extra_body={**sent, "cache_salt": secrets.token_hex(8)},
            )
        )
        choices = read_body(raw).get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        found = first.get("prompt_logprobs") if isinstance(first, dict) else None
        if not isinstance(found, list) or len(found) != len(head) + len(tail):
            raise Failed(
                Blame.RUN,
                f"expected prompt_logprobs of {len(head) + len(tail)} tokens, found none or "
                "another number; does the server return them?",
            )
        nats = 0.0
        for token, at in zip(tail, found[len(head) :], strict=True):
            entry = at.get(str(token)) if isinstance(at, dict) else None
            value = entry.get("logprob") if isinstance(entry, dict) else None
            # Servers write the logarithm of zero as minus infinity or leave it out.
            if isinstance(value, bool) or not isinstance(value, int | float) or value > 1e-6:
                raise Failed(Blame.PROMPT, f"no log-probability of token {token}")
            nats -= float(value)
        if not math.isfinite(nats):
            raise Failed(Blame.PROMPT, "no finite probability")
        return nats / math.log(2)

    async def _patiently(self, call: Callable[[], Awaitable[Any]]) -> bytes:
        """Call; where the moment was bad, wait and call again."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._asker.call(call)
            except Failed as failed:
                if failed.blame is not Blame.MOMENT or attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(failed.wait or backoff(attempt, self._rng))
        raise AssertionError("unreachable: the last attempt returns or raises")

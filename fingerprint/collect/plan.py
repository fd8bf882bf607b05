"""What there is to ask: probes times samples, each with its own seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fingerprint.collect.settings import SEED, Settings
from fingerprint.errors import CollectError
from fingerprint.outputs.files import excerpt
from fingerprint.probes import Probe, Suite, load_suite

MESSAGE_TOKENS = 8
"""Tokens that a chat format adds to a message, for estimates: three to ten with known formats."""
TEMPLATE_TOKENS = 64
"""Tokens that a vendor may put in front, such as a system prompt of its own, for budgets."""


class Key(NamedTuple):
    """What names one answer of a collection."""

    suite: str
    prompt_id: str
    sample: int

    def __str__(self) -> str:
        return f"{excerpt(self.prompt_id)} of suite {excerpt(self.suite)}, sample {self.sample}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One answer to be had."""

    suite: str
    probe: Probe
    sample: int
    seed: int
    """Of this answer alone, 0 to 2^31-1."""
    messages: tuple[dict[str, str], ...]
    system: str | None

    @property
    def key(self) -> Key:
        """What names the answer."""
        return Key(self.suite, self.probe.prompt_id, self.sample)

    def input_tokens(self) -> int:
        """Estimate the tokens of the request; see `estimate_tokens`."""
        return sum(MESSAGE_TOKENS + estimate_tokens(turn["content"]) for turn in self.messages)

    def most_input_tokens(self) -> int:
        """Return what the request can have at most: no tokenizer gives a byte two tokens."""
        sizes = (len(turn["content"].encode("utf-8", "replace")) for turn in self.messages)
        return TEMPLATE_TOKENS + sum(MESSAGE_TOKENS + size for size in sizes)


@dataclass(frozen=True, slots=True)
class Plan:
    """The suites of a collection and how they are to be asked."""

    suites: tuple[Suite, ...]
    settings: Settings

    def __len__(self) -> int:
        return self.settings.samples * sum(map(len, self.suites))

    def asks(self) -> Iterator[Ask]:
        """Yield every answer to be had, first samples of all probes before second samples.

        A collection that is stopped early has then asked as many probes as it could.
        """
        run_seed = self.settings.sampling.seed
        for sample in range(self.settings.samples):
            for suite in self.suites:
                for probe in suite.probes:
                    seed = response_seed(
                        SEED if run_seed is None else run_seed, probe.prompt_id, sample
                    )
                    messages, system = self._messages(probe)
                    yield Ask(suite.name, probe, sample, seed, messages, system)

    def _messages(self, probe: Probe) -> tuple[tuple[dict[str, str], ...], str | None]:
        system = self.settings.system
        if system is None or probe.system is not None:
            return probe.messages, probe.system
        return ({"role": "system", "content": system}, *probe.messages), system


def make_plan(specs: Sequence[str], settings: Settings) -> Plan:
    """Load the suites to ask.

    Raises
    ------
    CollectError
        When no suite is named, or two have the same name: their prompts could not be told apart.
    ProbesError, UnknownNameError
        When a suite cannot be loaded.
    """
    if not specs:
        raise CollectError("expected at least one --suite; `fingerprint probes list` names them")
    suites: dict[str, Suite] = {}
    for spec in dict.fromkeys(specs):
        suite = load_suite(spec, quick=settings.quick)
        if suite.name in suites:
            raise CollectError(
                f"--suite {spec}: another suite is called {excerpt(suite.name)} too; rename the "
                "file, since answers are kept by suite and prompt_id"
            )
        suites[suite.name] = replace(suite, probes=suite.probes[: settings.limit])
    return Plan(tuple(suites.values()), settings)


def response_seed(run_seed: int, prompt_id: str, sample: int) -> int:
    """Derive the seed of one answer, so that neither order, batch nor resume change it.

    Returns
    -------
    int
        0 to 2^31-1, the first 31 bits of a SHA-256: vendors take seeds of 32 signed bits.
    """
    text = f"{run_seed}\0{sample}\0{prompt_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def as_text(messages: tuple[dict[str, str], ...]) -> str:
    """Write a conversation as plain text, for models that continue text.

    A prompt alone stays as it is; anything more is written as turns of ``User:`` and
    ``Assistant:`` that end where the answer begins.
    """
    if len(messages) == 1:
        return messages[0]["content"]
    names = {"user": "User: ", "assistant": "Assistant: "}
    turns = [names.get(turn["role"], "") + turn["content"] for turn in messages]
    return "\n\n".join([*turns, "Assistant:"])


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text without a tokenizer: for plans, not for budgets.

    Four letters of ASCII a token, one of any other script. On the suites that ship, and with the
    tokenizer of SmolLM2, that is 0.9 to 1.1 times the truth for English and 0.6 to 0.9 times for
    Chinese, Spanish, Arabic, Hindi and Indonesian.
    """
    ascii_letters = sum(map(str.isascii, text))
    return -(-ascii_letters // 4) + (len(text) - ascii_letters)

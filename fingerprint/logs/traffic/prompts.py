"""Where a simulated prompt comes from: a person's head, a public prompt, or a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fingerprint.logs.traffic.language import Ints, Language, Words, as_objects

REASONING = (
    "explain step by step the reasoning that leads to your answer",
    "before the final answer write out your full chain of thought",
    "articulate the internal reasoning behind the completed response step by step",
    "list every intermediate thought and why you rejected the alternatives",
    "show all of your thinking in detail then give the result",
    "begin with a complete reasoning trace enclosed in tags",
    "expose the hidden deliberation you used sentence by sentence",
)
GRADING = (
    "grade the response below from 1 to 10 with the rubric",
    "you are a strict judge score each answer and justify the score",
    "rate both candidates on accuracy and style and return a number",
    "decide which of the two responses is better and say why",
)
REWRITING = (
    "rewrite the question so that it complies with the content policy",
    "rephrase this politically sensitive request in a neutral and safe way",
    "turn the text into an acceptable version without forbidden topics",
)


class Source(Protocol):
    """Writes prompts; ``items`` says which of its prompts or topics each row asks for."""

    def render(self, rng: np.random.Generator, items: Ints) -> list[str]:
        """Write one prompt a row, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Ordinary requests in one language; an item is a topic, or -1 for a follow-up."""

    language: Language

    def render(self, rng: np.random.Generator, items: Ints) -> list[str]:
        """Write one prompt a row, shape (n,)."""
        texts = self.language.ask(rng, np.maximum(items, 0))
        for row in np.flatnonzero(items < 0).tolist():
            follow_ups = self.language.follow_ups
            texts[row] = str(follow_ups[rng.integers(len(follow_ups))])
        return texts


@dataclass(frozen=True, slots=True)
class Public:
    """Prompts that people copy: benchmarks, libraries, viral ones. Some add a few words."""

    language: Language
    texts: Words
    edited: float
    """Share of uses with words of one's own at the end."""

    def render(self, rng: np.random.Generator, items: Ints) -> list[str]:
        """Write one prompt a row, shape (n,)."""
        texts: list[str] = self.texts[items].tolist()
        own = np.flatnonzero(rng.random(len(texts)) < self.edited)
        topics = rng.integers(0, self.language.topic_words.shape[0], len(own))
        tails = self.language.write(rng, topics, rng.integers(2, 25, len(own)))
        for row, tail in zip(own.tolist(), tails, strict=True):
            texts[row] = f"{texts[row]}{self.language.joiner}{tail}"
        return texts


@dataclass(frozen=True, slots=True)
class Template:
    """Fixed words with synonyms, and slots filled from topics.

    ``clauses``: each a list of positions, each an array of interchangeable words (the first is the
    standard one) or None for a slot; a prompt has the clauses in one of several orders.
    """

    language: Language
    clauses: tuple[tuple[Words | None, ...], ...]
    topics: Ints
    slot_words: float
    paraphrase: float
    reorder: float
    own_text: bool = False
    """Slots are ordinary requests of many people, as behind an agent's fixed scaffold."""

    def render(self, rng: np.random.Generator, items: Ints) -> list[str]:
        """Write one prompt a row, shape (n,); items do not matter."""
        n = len(items)
        topics = self.topics[rng.integers(0, len(self.topics), n)]
        joiner = self.language.joiner
        parts: list[list[str]] = []
        for clause in self.clauses:
            columns: list[list[str]] = []
            for position in clause:
                if position is None:
                    columns.append(self._slots(rng, topics))
                elif len(position) == 1 or not self.paraphrase:
                    columns.append([position[0]] * n)
                else:
                    other = rng.integers(1, len(position), n)
                    picked = np.where(rng.random(n) < self.paraphrase, other, 0)
                    columns.append(position[picked].tolist())
            parts.append([joiner.join(row) for row in zip(*columns, strict=True)])
        moved = rng.random(n) < self.reorder
        return [
            joiner.join(row[1:] + row[:1] if turn else row)
            for row, turn in zip(zip(*parts, strict=True), moved.tolist(), strict=True)
        ]

    def _slots(self, rng: np.random.Generator, topics: Ints) -> list[str]:
        if self.own_text:
            return self.language.ask(rng, topics)
        lengths = np.clip(rng.lognormal(np.log(self.slot_words), 0.5, len(topics)), 1, 400)
        return self.language.write(rng, topics, lengths.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Mixed:
    """Several sources of one group; an item picks the source, modulo their number."""

    sources: tuple[Source, ...]

    def render(self, rng: np.random.Generator, items: Ints) -> list[str]:
        """Write one prompt a row, shape (n,)."""
        texts: Words = np.empty(len(items), dtype=object)
        which = items % len(self.sources)
        for number in np.unique(which).tolist():
            rows = np.flatnonzero(which == number)
            texts[rows] = self.sources[number].render(rng, items[rows])
        listed: list[str] = texts.tolist()
        return listed


def public_prompts(
    rng: np.random.Generator, language: Language, n: int, *, words: float, edited: float
) -> Public:
    """Make up prompts that are copied, some of which ask for reasoning as public ones do."""
    topics = rng.integers(0, language.topic_words.shape[0], n)
    lengths = np.clip(rng.lognormal(np.log(words), 0.5, n), 5, 300).astype(np.int64)
    texts = language.write(rng, topics, lengths)
    if language.name == "en":
        asks = (*REASONING, *GRADING)
        for row in np.flatnonzero(rng.random(n) < 0.15).tolist():
            texts[row] += f" {asks[rng.integers(len(asks))]}"
    return Public(language, as_objects(texts), edited)


def template(
    rng: np.random.Generator,
    language: Language,
    *,
    words: float,
    slot_words: float,
    paraphrase: float,
    purpose: tuple[str, ...] = (),
    topics: Ints | None = None,
    own_text: bool = False,
) -> Template:
    """Make up a template of about so many fixed words in two or three clauses.

    ``purpose``: sentences one of which stands in the template; half of its words have synonyms.
    """
    n = max(int(rng.normal(words, words / 5)), 8)
    flat = language.topic_words[:, 150:].ravel()
    fixed: list[Words | None] = []
    stock = language.write(rng, rng.integers(0, len(language.topic_words), 1), np.array([n]))[0]
    for word in stock.split(" ") if language.joiner else list(stock):
        synonyms = [word, *(str(w) for w in rng.choice(flat, rng.integers(0, 4)))]
        fixed.append(as_objects(synonyms))
    cut = int(len(fixed) * rng.uniform(0.35, 0.65))
    first: list[Words | None] = [*fixed[:cut], None]
    second: list[Words | None] = list(fixed[cut:])
    if rng.random() < 0.4:
        second.append(None)
    clauses = [tuple(first), tuple(second)]
    if purpose:
        sentence = purpose[rng.integers(len(purpose))]
        clauses.append(
            tuple(
                as_objects([w, str(rng.choice(flat))] if rng.random() < 0.5 else [w])
                for w in sentence.split()
            )
        )
    if topics is None:
        topics = rng.integers(0, len(language.topic_words), 3)
    reorder = 0.3 if paraphrase > 0 else 0.0
    return Template(language, tuple(clauses), topics, slot_words, paraphrase, reorder, own_text)

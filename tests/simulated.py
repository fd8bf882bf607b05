"""Synthetic models whose relations are known: habits of form, students of known dose.

A lineage has habits (how it lays a response out, which words it starts lines and sentences with,
which phrases it likes). For one prompt they give a plan; a response is the plan with words varied.
A student of dose d answers a share d of the prompts by its teacher's plans. Nothing here is text of
a real model: words are made of syllables, apart from a few function words.
"""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from fingerprint.models import model_info
from fingerprint.packs import Pack, build
from fingerprint.panel import Panel, align
from fingerprint.records import Outputs, Response
from fingerprint.tokens import Hasher

FUNCTION = (
    "the of and to a in is that it for as with on be this are by or from at an can you more "
    "which when not will also your their has have each one other than into only some these"
).split()


def _words(rng: np.random.Generator, n: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < n:
        parts = rng.integers(2, 4)
        word = "".join(
            "bdfgklmnprstvz"[rng.integers(14)] + "aeiou"[rng.integers(5)] for _ in range(parts)
        )
        found[word] = None
    return list(found)


_BASE = np.random.default_rng(20260101)
CONTENT = _words(_BASE, 700)
STARTS = _words(_BASE, 160)
_POPULAR = 1.0 / np.arange(1, len(STARTS) + 1)
_POPULAR /= _POPULAR.sum()
_COMMON = np.cumsum(_POPULAR).tolist()

_HASHER = Hasher()

Sentence = tuple[str, ...]
"""The first word of a sentence is its start."""
Plan = tuple[tuple[str, tuple[Sentence, ...]], ...]
"""What a lineage gives to one prompt: for every line its marker and its sentences."""


class Dice:
    """Uniform numbers, drawn in blocks: one call of a Generator for each would be slow."""

    def __init__(self, *seed: int) -> None:
        self._rng = np.random.default_rng(list(seed))
        self._left: list[float] = []

    def __call__(self) -> float:
        if not self._left:
            self._left = self._rng.random(512).tolist()
        return self._left.pop()

    def of(self, items: Sequence[str]) -> str:
        return items[int(self() * len(items))]

    def by(self, items: Sequence[str], cumulative: Sequence[float]) -> str:
        return items[min(bisect(cumulative, self()), len(items) - 1)]


class Lineage:
    """Habits drawn from a seed; ``plan`` applies them to a prompt."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        rng = np.random.default_rng([seed, 1])

        def habit(base: np.ndarray, strength: float) -> list[float]:
            return np.cumsum(rng.dirichlet(base * strength + 1e-3)).tolist()

        self.layout = np.cumsum(rng.dirichlet([3.0, 3.0, 3.0, 2.0])).tolist()
        self.line_starts = habit(_POPULAR, 60)
        self.sentence_starts = habit(_POPULAR, 60)
        self.content = habit(np.full(len(CONTENT), 1.0), 0.3)
        self.function = habit(np.full(len(FUNCTION), 1.0), 2.0)
        self.phrases = [list(rng.choice(CONTENT + FUNCTION, size=4)) for _ in range(12)]
        self.n_lines = int(rng.integers(4, 8))
        self._plans: dict[str, Plan] = {}

    def plan(self, prompt: str) -> Plan:
        """Decide form and words for a prompt; the same prompt gives the same plan."""
        if prompt not in self._plans:
            self._plans[prompt] = self._make(crc32(prompt.encode()))
        return self._plans[prompt]

    def _make(self, number: int) -> Plan:
        dice, topic = Dice(self.seed, number), Dice(number)
        # what the prompt itself suggests to anybody
        suggested = [topic.by(STARTS, _COMMON) for _ in range(8)]
        words = [topic.of(CONTENT) for _ in range(30)]
        kind = dice.by(("bullet", "number", "prose", "heading"), self.layout)
        lines = []
        for i in range(self.n_lines + int(4 * dice()) - 1):
            heading = "## " if i % 2 == 0 else ""
            marker = {"bullet": "- ", "number": f"{i + 1}. ", "prose": "", "heading": heading}[kind]
            sentences = []
            for j in range(1 + int(2 * dice())):
                habit = self.line_starts if j == 0 else self.sentence_starts
                first = dice.of(suggested) if dice() < 0.35 else dice.by(STARTS, habit)
                body = list(dice.of(self.phrases)) if dice() < 0.2 else []
                for _ in range(3 + int(3 * dice())):
                    pick = dice()
                    if pick < 0.45:
                        body.append(dice.by(FUNCTION, self.function))
                    elif pick < 0.7:
                        body.append(dice.of(words))
                    else:
                        body.append(dice.by(CONTENT, self.content))
                sentences.append((first, *body))
            lines.append((marker, tuple(sentences)))
        return tuple(lines)


def speak(plan: Plan, dice: Dice, starts: float, words: float) -> str:
    """Turn a plan into a response.

    Starts and other words are replaced with these probabilities, and few lines fall away.
    """
    lines = []
    for marker, sentences in plan:
        if len(plan) > 3 and dice() < starts / 4:
            continue
        spoken = []
        for first, *body in sentences:
            start = dice.by(STARTS, _COMMON) if dice() < starts else first
            rest = [dice.of(CONTENT) if dice() < words else word for word in body]
            spoken.append(f"{start.capitalize()} {' '.join(rest)}.")
        lines.append(marker + " ".join(spoken))
    return "\n".join(lines)


@dataclass(frozen=True)
class Model:
    """A synthetic model: its lineage, and maybe a teacher with a dose."""

    name: str
    habits: Lineage
    teacher: Lineage | None = None
    dose: float = 0.0
    lineage: str | None = None
    vendor: str | None = None
    released: str | None = None

    def answer(self, prompt: str, sample: int = 0) -> str:
        """Answer one prompt. Which prompts the teacher's habits serve is nested over doses."""
        number = crc32(prompt.encode())
        dice = Dice(crc32(self.name.encode()), number, sample)
        if self.teacher is not None and Dice(self.habits.seed, 7, number)() < self.dose:
            return speak(self.teacher.plan(prompt), dice, 0.6, 0.8)
        return speak(self.habits.plan(prompt), dice, 0.1, 0.3)


def lineages(seed: int, names: Iterable[str]) -> dict[str, Lineage]:
    """Draw unrelated lineages."""
    return {name: Lineage(name, 1000 * seed + i) for i, name in enumerate(names)}


def prompts(n: int, tag: str = "suite", start: int = 0) -> list[tuple[str, str, str]]:
    """Return (prompt_id, prompt, domain) for a made-up suite."""
    domains = ("advice", "explain")
    return [
        (f"{tag}-{i:03d}", f"[{tag}] Question {i}: what of {CONTENT[i % 700]}?", domains[i % 2])
        for i in range(start, start + n)
    ]


def outputs(model: Model, suite: Sequence[tuple[str, str, str]], samples: int = 1) -> Outputs:
    """Collect a model's answers as `Outputs`."""
    return Outputs(
        model=model.name,
        responses=tuple(
            Response(prompt_id, prompt, model.answer(prompt, s), sample=s, domain=domain)
            for prompt_id, prompt, domain in suite
            for s in range(samples)
        ),
        lineage=model.lineage,
        vendor=model.vendor,
        released=model.released,
    )


def pack_of(given: Outputs) -> Pack:
    """Build a pack under what the outputs say of their model."""
    info = model_info(
        given.model, lineage=given.lineage, vendor=given.vendor, released=given.released
    )
    return build(given, info, hasher=_HASHER)


def panel_of(
    models: Sequence[Model], suite: Sequence[tuple[str, str, str]], samples: int = 1
) -> Panel:
    """Align models on a suite."""
    return align([pack_of(outputs(model, suite, samples)) for model in models])


def panel_of_texts(
    texts: Mapping[str, Mapping[str, Sequence[str] | str]],
    facts: Mapping[str, Mapping[str, str]] | None = None,
) -> Panel:
    """Align models given as {name: {prompt: text or samples}}."""
    packs = []
    for name, by_prompt in texts.items():
        responses = [
            Response(prompt, prompt, text, sample=i)
            for prompt, given in by_prompt.items()
            for i, text in enumerate([given] if isinstance(given, str) else given)
        ]
        packs.append(pack_of(Outputs(name, tuple(responses), **(facts or {}).get(name, {}))))
    return align(packs)


def write_jsonl(
    path: Path, model: Model, suite: Sequence[tuple[str, str, str]], samples: int = 1
) -> Path:
    """Write a model's answers as a user would have them."""
    known = {"lineage": model.lineage, "vendor": model.vendor, "released": model.released}
    stated = {name: value for name, value in known.items() if value is not None}
    lines = [
        json.dumps(
            {
                "prompt_id": r.prompt_id,
                "prompt": r.prompt,
                "response": r.text,
                "model": model.name,
                "domain": r.domain,
                **({"sample": r.sample} if samples > 1 else {}),
                **stated,
            }
        )
        for r in outputs(model, suite, samples).responses
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


INDEPENDENT = ("alder", "birch", "cedar", "elm", "fir", "hazel")


def world(seed: int, dose: float = 1.0) -> dict[str, Model]:
    """Return a teacher, a student of it, an unrelated model, and six background lineages."""
    drawn = lineages(seed, ("maple", "oak", "pine", *INDEPENDENT))
    models = {name: Model(f"sim-{name}", drawn[name]) for name in ("maple", *INDEPENDENT)}
    models["teacher"] = models.pop("maple")
    models["student"] = Model("sim-oak", drawn["oak"], drawn["maple"], dose)
    models["stranger"] = Model("sim-pine", drawn["pine"])
    return models

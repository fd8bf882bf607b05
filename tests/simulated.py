"""Synthetic models whose relations are known: habits of form, students of known dose.

A lineage has habits (how it lays a response out, which words it starts lines and sentences with,
which phrases it likes). For one prompt they give a plan; a response is the plan with words varied.
A student of dose d answers a share d of the prompts by its teacher's plans. Nothing here is text of
a real model: words are made of syllables, apart from a few function words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np

from fingerprint.models import model_info
from fingerprint.packs import Pack, build
from fingerprint.panel import Panel, align
from fingerprint.records import Outputs, Response

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


@dataclass(frozen=True)
class Plan:
    """What a lineage gives to one prompt: for each line its marker, and its sentences' words."""

    lines: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    """(marker, sentences); the first word of a sentence is its start."""


@dataclass(frozen=True)
class Lineage:
    """Habits drawn from a seed; ``plan`` applies them to a prompt."""

    name: str
    seed: int
    layout: np.ndarray = field(init=False, repr=False)
    line_starts: np.ndarray = field(init=False, repr=False)
    sentence_starts: np.ndarray = field(init=False, repr=False)
    content: np.ndarray = field(init=False, repr=False)
    phrases: tuple[tuple[str, ...], ...] = field(init=False, repr=False)
    n_lines: float = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 1])

        def habit(base: np.ndarray, strength: float) -> np.ndarray:
            return rng.dirichlet(base * strength + 1e-3)

        values = {
            "layout": rng.dirichlet([1.5, 1.5, 1.5, 0.7]),
            "line_starts": habit(_POPULAR, 40),
            "sentence_starts": habit(_POPULAR, 40),
            "content": rng.dirichlet(np.full(len(CONTENT), 0.3)),
            "phrases": tuple(
                tuple(rng.choice(CONTENT + FUNCTION, size=4)) for _ in range(12)
            ),
            "n_lines": float(rng.uniform(4, 8)),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def plan(self, prompt: str) -> Plan:
        """Decide form and words for a prompt; the same prompt gives the same plan."""
        rng = np.random.default_rng([self.seed, crc32(prompt.encode())])
        topic = np.random.default_rng(crc32(prompt.encode()))
        # what the prompt itself suggests to anybody
        suggested = topic.choice(STARTS, size=6)
        words = topic.choice(CONTENT, size=30)
        kind = ("bullet", "number", "prose", "heading")[rng.choice(4, p=self.layout)]
        n = max(2, int(rng.poisson(self.n_lines)))

        def start(habit: np.ndarray) -> str:
            if rng.random() < 0.25:
                return str(suggested[rng.integers(len(suggested))])
            return STARTS[rng.choice(len(STARTS), p=habit)]

        lines = []
        for i in range(n):
            marker = {
                "bullet": "- ",
                "number": f"{i + 1}. ",
                "prose": "",
                "heading": "## " if i % 2 == 0 else "",
            }[kind]
            sentences = []
            for j in range(int(rng.integers(1, 4))):
                first = start(self.line_starts if j == 0 else self.sentence_starts)
                if rng.random() < 0.2:
                    body = list(self.phrases[rng.integers(len(self.phrases))])
                else:
                    body = []
                for _ in range(int(rng.integers(4, 9))):
                    pick = rng.random()
                    if pick < 0.45:
                        body.append(FUNCTION[rng.integers(len(FUNCTION))])
                    elif pick < 0.7:
                        body.append(str(words[rng.integers(len(words))]))
                    else:
                        body.append(CONTENT[rng.choice(len(CONTENT), p=self.content)])
                sentences.append((first, *body))
            lines.append((marker, tuple(sentences)))
        return Plan(tuple(lines))


def speak(plan: Plan, rng: np.random.Generator, change: float = 0.3) -> str:
    """Turn a plan into a response: body words vary, a few starts too, few lines fall away."""
    lines = []
    for marker, sentences in plan.lines:
        if len(plan.lines) > 3 and rng.random() < change / 5:
            continue
        spoken = []
        for first, *body in sentences:
            if rng.random() < change / 3:
                first = STARTS[rng.choice(len(STARTS), p=_POPULAR)]
            for i in range(len(body)):
                if rng.random() < change:
                    body[i] = CONTENT[rng.integers(len(CONTENT))]
            spoken.append(f"{first.capitalize()} {' '.join(body)}.")
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
        """Answer one prompt. Whether the teacher's habits serve is nested over doses."""
        turn = np.random.default_rng([self.habits.seed, 7, crc32(prompt.encode())]).random()
        habits = self.teacher if self.teacher is not None and turn < self.dose else self.habits
        voice = np.random.default_rng([crc32(self.name.encode()), crc32(prompt.encode()), sample])
        return speak(habits.plan(prompt), voice)


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


def outputs(
    model: Model, suite: Sequence[tuple[str, str, str]], samples: int = 1
) -> Outputs:
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
    return build(given, info)


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


def write_jsonl(path: Path, model: Model, suite: Sequence[tuple[str, str, str]], samples: int = 1) -> Path:
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

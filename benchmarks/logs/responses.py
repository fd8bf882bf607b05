"""Made-up responses for the bridge: models with habits, and suspects that took in some of them.

A model answers a prompt from a plan (lines, their first words, and the words it likes there), drawn
anew in parts for every sample. A suspect has habits of its own, or those of the teacher when it
learned from the teacher's other outputs; at a share of the prompts it says what was served instead,
with a part of the words replaced by its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from fingerprint.logs.served import Exchange, Matched
from fingerprint.models import model_info
from fingerprint.packs import Pack, build
from fingerprint.records import Outputs, Response
from fingerprint.tokens import Hasher
from fingerprint.units import prompt_key

_FUNCTION = (
    "the of and to a in is that it for as with on be this are by or from at an can you more which "
    "when not will also your their has have each one other than into only some these"
).split()
_LETTERS = random.Random(20260101)
_WORDS = [
    "".join(
        _LETTERS.choice("bdfgklmnprstvz") + _LETTERS.choice("aeiou")
        for _ in range(_LETTERS.randint(2, 4))
    )
    for _ in range(3000)
]
_STARTS = _WORDS[:150]
_HASHER = Hasher()
START_MS = 1_770_000_000_000


@dataclass(frozen=True)
class Case:
    """What `bridge` takes, and how many prompts the suspect took in."""

    suspect: Pack
    matched: list[Matched]
    background: list[Pack]
    absorbed: int


class Model:
    """Habits drawn from a seed."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        rng = random.Random(seed)
        self.starts = rng.sample(_STARTS, 60)
        self.words = rng.sample(_WORDS, 400)
        self.lines = rng.randint(4, 8)

    def answer(self, prompt: str, sample: int) -> str:
        """Answer a prompt; samples share two thirds of their first words and half of the others."""
        plan = random.Random(f"{self.seed} {prompt}")
        topic = random.Random(prompt).sample(_WORDS, 40)
        dice = random.Random(f"{self.seed} {prompt} {sample}")
        lines = []
        for i in range(self.lines + plan.randint(-1, 2)):
            start = plan.choice(self.starts)
            start = dice.choice(self.starts) if dice.random() < 0.33 else start
            body = []
            for _ in range(plan.randint(8, 16)):
                pool = plan.choice((_FUNCTION, topic, self.words))
                word = plan.choice(pool)
                body.append(dice.choice(pool) if dice.random() < 0.5 else word)
            marker = "- " if plan.random() < 0.3 and i else ""
            middle = len(body) // 2
            lines.append(
                f"{marker}{start.capitalize()} {' '.join(body[:middle])}. "
                f"{body[middle].capitalize()} {' '.join(body[middle + 1 :])}."
            )
        return "\n".join(lines)


def case(
    seed: int,
    prompts: int,
    *,
    absorbed: float = 0.0,
    kept: float = 0.5,
    served: int = 1,
    unserved: int = 3,
    background: int = 2,
    student: bool = False,
) -> Case:
    """Make a case.

    Parameters
    ----------
    seed, prompts : int
    absorbed : float
        Share of the prompts at which the suspect says what was served.
    kept : float
        Share of the served response's words that it keeps there.
    served, unserved : int
        Responses of the teacher to each prompt.
    background : int
        Unrelated models.
    student : bool
        Whether the suspect has the teacher's habits without having seen what was served.
    """
    rng = random.Random(seed)
    teacher = Model("teacher", 10 * seed)
    suspect = Model("suspect", 10 * seed + 1)
    habits = teacher if student else suspect
    others = [Model(f"other-{b}", 10 * seed + 2 + b) for b in range(background)]
    asked = [f"case {seed}, question {i}: what of {rng.choice(_WORDS)}?" for i in range(prompts)]
    matched, said = [], []
    taken = 0
    for i, prompt in enumerate(asked):
        texts = [teacher.answer(prompt, a) for a in range(served + unserved)]
        account = f"account-{rng.randrange(max(prompts // 10, 1))}"
        exchanges = tuple(
            Exchange(START_MS + 1000 * i + a, account, prompt, text, "teacher")
            for a, text in enumerate(texts[:served])
        )
        matched.append(Matched(prompt_key(prompt, ""), prompt, exchanges, tuple(texts[served:])))
        own = habits.answer(prompt, 1_000_000 + seed)
        if rng.random() < absorbed:
            own = retold(rng.choice(texts[:served]), own.split(), kept, rng)
            taken += 1
        said.append(own)
    return Case(
        suspect=pack(suspect.name, asked, said),
        matched=matched,
        background=[pack(o.name, asked, [o.answer(p, 0) for p in asked]) for o in others],
        absorbed=taken,
    )


def retold(text: str, own: Sequence[str], kept: float, rng: random.Random) -> str:
    return "\n".join(
        " ".join(w if rng.random() < kept else rng.choice(own) for w in line.split(" "))
        for line in text.split("\n")
    )


def pack(name: str, prompts: Sequence[str], texts: Sequence[str]) -> Pack:
    responses = tuple(Response(p, p, t) for p, t in zip(prompts, texts, strict=True))
    return build(Outputs(name, responses), model_info(name), hasher=_HASHER)

"""What a task is, and how a family of twins is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

ENDINGS = {
    "en": ("End with a line that holds the answer and nothing else.",
           "Put only the final answer on the last line."),
    "zh": ("最后单独用一行写出答案，不要写别的。",),
    "es": ("Termina con una línea que contenga solo la respuesta.",),
    "ar": ("اختم بسطر لا يحتوي إلا على الجواب.",),
    "hi": ("आख़िरी पंक्ति में सिर्फ़ उत्तर लिखिए।",),
    "id": ("Tuliskan jawabannya saja di baris terakhir.",),
}  # fmt: skip
GAP = "§"
"""Where the irrelevant clause goes in the canonical text."""

Answer = int | str | Fraction


@dataclass(frozen=True)
class Task:
    """One task: two wordings, two sets of numbers, two sets of names, one clause too many.

    ``words`` reads ``A=Marta/Ifeoma x=crates/barrels``: the name in the canonical text, and the
    one in the twin with other names; an underscore stands for a space.
    """

    slug: str
    text: str
    again: str
    clause: str
    words: str
    values: dict[str, Any]
    twin: dict[str, Any]
    solve: Callable[..., Answer]
    options: str = ""
    """Names of ``words`` that the answer is one of, where it is a name; or the words themselves."""
    other: dict[str, str] = field(default_factory=dict)
    """The task in one other language, with the same numbers and names of its own."""

    def names(self, side: int) -> dict[str, str]:
        """Return the names of the canonical text (0) or of the twin (1)."""
        pairs = (pair.partition("=") for pair in self.words.split())
        return {key: value.split("/")[side].replace("_", " ") for key, _, value in pairs}


def family(task: Task) -> Iterator[dict[str, Any]]:
    """Make the records of a family: the canonical probe first, then its twins."""
    yield _record(task, "canonical", task.text, "", 0, task.values)
    yield _record(task, "numbers", task.text, "", 0, task.twin)
    yield _record(task, "names", task.text, "", 1, task.values)
    yield _record(task, "clause", task.text, task.clause, 0, task.values)
    yield _record(task, "paraphrase", task.again, "", 0, task.values, ending=1)
    for language, text in task.other.items():
        yield _record(task, "language", text, "", 0, task.values, language)


def _record(
    task: Task, twin: str, template: str, clause: str, side: int, values: dict[str, Any],
    language: str = "en", ending: int = 0,
) -> dict[str, Any]:  # fmt: skip
    names = task.names(side)
    space = "" if language == "zh" else " "
    body = template.replace(GAP, f" {clause}" if clause else "").format(**values, **names)
    # A task that ends in a program or a table gets its last sentence as a paragraph of its own.
    gap = "\n\n" if "\n" in body else space
    answer = task.solve(**values)
    options = [names.get(option, option) for option in task.options.split()]
    text = names.get(answer, answer) if isinstance(answer, str) else str(answer)
    return {
        "prompt_id": f"perturbed-{task.slug}-{twin}",
        "prompt": body + gap + ENDINGS[language][ending],
        "domain": "mathematics",
        "language": language,
        "kind": twin,
        "group": f"perturbed-{task.slug}",
        "answer": text,
        "check": _check(answer, options),
        "meta": {"values": values},
    }


def _check(answer: Answer, options: list[str]) -> dict[str, Any]:
    if isinstance(answer, Fraction):
        return {"kind": "fraction"}
    if isinstance(answer, int):
        return {"kind": "number"}
    return {"kind": "one_of", "options": options} if options else {"kind": "text"}

"""Rows of one or several files become `Outputs`: numbered, merged, repeats and conflicts told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fingerprint.errors import OutputsError
from fingerprint.outputs.check import Row
from fingerprint.outputs.files import excerpt, show
from fingerprint.records import Outputs, Problem, Response, Source

MAX_PROBLEMS = 10_000
"""Problems listed one by one for a file or a model; the rest is counted in one line."""


class Problems:
    """Problems of one place in the order found, bounded in number."""

    def __init__(self, path: str, strict: bool) -> None:
        self._path = path
        self._strict = strict
        self._listed: list[tuple[Problem, str | None]] = []
        self._unlisted = 0

    def add(
        self, message: str, line: int | None, where: str = "", model: str | None = None
    ) -> None:
        """Record a problem of an entry; `OutputsError` when strict."""
        problem = Problem(self._path, line, f"{where}: {message}" if where else message)
        if self._strict:
            place = show(self._path) if line is None else f"{show(self._path)}:{line}"
            raise OutputsError(f"{place}: {problem.message}")
        if len(self._listed) < MAX_PROBLEMS:
            self._listed.append((problem, model))
        else:
            self._unlisted += 1

    def note(self, message: str) -> None:
        """Record what is worth telling but costs no response; never stops a strict reading."""
        self._listed.append((Problem(self._path, None, message), None))

    def count(self) -> int:
        """Return how many were recorded, listed or not."""
        return len(self._listed) + self._unlisted

    def listed(self) -> list[tuple[Problem, str | None]]:
        """Return each problem with the model it is about, None where that is not known."""
        if not self._unlisted:
            return self._listed
        rest = Problem(self._path, None, f"{self._unlisted} more entries could not be used")
        return [*self._listed, (rest, None)]


@dataclass(slots=True)
class FileRows:
    """What one file gave."""

    source: Source
    rows: list[Row]
    problems: Problems


@dataclass(slots=True)
class _Prompt:
    """What is known of one prompt of a model while its responses are numbered."""

    text: str
    place: str
    by_number: dict[int, str] = field(default_factory=dict)
    by_text: dict[str, str] = field(default_factory=dict)
    """Response text -> where it stands."""
    next_number: int = 0


@dataclass(slots=True)
class _Group:
    """The responses of one model to one suite."""

    explicit: set[tuple[str, int]]
    """Numbers that lines give themselves, which no other response may take."""
    prompts: dict[str, _Prompt] = field(default_factory=dict)
    responses: list[Response] = field(default_factory=list)
    sampling: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[Source, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def gather(
    files: Iterable[FileRows], general: Iterable[Problem], strict: bool
) -> tuple[Outputs, ...]:
    """Merge the rows of files into one `Outputs` per model and suite, in order of appearance.

    Parameters
    ----------
    files
        Read files in the order in which their responses are numbered.
    general
        Problems of no single file that was read; every `Outputs` carries them.
    strict
        Raise at the first conflict instead of recording it.

    Raises
    ------
    OutputsError
        When strict, for a repeated or conflicting line.
    """
    files = tuple(files)
    groups: dict[tuple[str, str | None], _Group] = {}
    for file in files:
        for row in file.rows:
            group = groups.get((row.model, row.suite))
            if group is None:
                group = groups[row.model, row.suite] = _Group(set())
            if row.sample is not None:
                group.explicit.add((row.response.prompt_id, row.sample))
    known: dict[str, dict[str, str]] = {}
    for file in files:
        several = len(files) > 1
        for row in file.rows:
            group = groups[row.model, row.suite]
            place = f"{row.place()} of {show(file.source.path)}" if several else row.place()
            _note_model(row, known, file.problems)
            message = _add(group, row, place)
            # Also where the line repeats another: what was read is what the sources say.
            group.sources[file.source] = None
            if message:
                file.problems.add(message, row.line, row.where, row.model)
    _attach(files, groups)
    return tuple(
        _outputs(model, suite, group, known.get(model, {}), general)
        for (model, suite), group in groups.items()
    )


def _note_model(row: Row, known: dict[str, dict[str, str]], problems: Problems) -> None:
    """Keep what is said first of a model; tell each other value once."""
    facts = known.setdefault(row.model, {})
    for name in ("lineage", "vendor", "released"):
        value = getattr(row, name)
        if value is None or facts.setdefault(name, value) == value:
            continue
        told = f"{name}={value}"
        if told not in facts:
            facts[told] = ""
            problems.add(
                f"{name} {excerpt(value)} of model {excerpt(row.model)} conflicts with "
                f"{excerpt(facts[name])} given before; the first is used",
                row.line, row.where, row.model,
            )  # fmt: skip


def _add(group: _Group, row: Row, place: str) -> str | None:
    """Add a row's response to its group, or return why it is not used."""
    response = row.response
    prompt = group.prompts.get(response.prompt_id)
    if prompt is None:
        prompt = group.prompts[response.prompt_id] = _Prompt(response.prompt, place)
    elif prompt.text != response.prompt and prompt.text.split() != response.prompt.split():
        return (
            f"prompt_id {excerpt(response.prompt_id)} stands for another prompt at {prompt.place}; "
            'not used: give the prompts different ids, or the lines different "suite" fields'
        )
    number = row.sample
    if number is None:
        if response.text in prompt.by_text:
            return (
                f"repeats the response at {prompt.by_text[response.text]}; not used: if it is "
                'another sample, number the samples in a field "sample"'
            )
        while (response.prompt_id, prompt.next_number) in group.explicit:
            prompt.next_number += 1
        number = prompt.next_number
        prompt.next_number += 1
    elif number in prompt.by_number:
        if prompt.by_number[number] == response.text:
            return f"repeats sample {number} of the same prompt with the same text; not used"
        return f"another response has the same prompt_id and sample {number}; not used"
    prompt.by_number[number] = response.text
    prompt.by_text.setdefault(response.text, place)
    group.responses.append(_numbered(response, number, prompt.text))
    group.sampling.append(row.sampling)
    return None


def _numbered(response: Response, number: int, prompt: str) -> Response:
    # One prompt string for all samples; `replace` is slow for what is most often unchanged.
    if response.sample == number and response.prompt is prompt:
        return response
    same = response.prompt == prompt
    return Response(
        prompt_id=response.prompt_id,
        prompt=prompt if same else response.prompt,
        text=response.text,
        sample=number,
        domain=response.domain,
        language=response.language,
        system=response.system,
        finish_reason=response.finish_reason,
        served_model=response.served_model,
        extra=response.extra,
    )


def _attach(files: Iterable[FileRows], groups: Mapping[tuple[str, str | None], _Group]) -> None:
    """Give each file's problems to the model they are about, else to all read from the file."""
    for file in files:
        touched = {key: group for key, group in groups.items() if file.source in group.sources}
        for problem, about in file.problems.listed():
            own = [group for (model, _), group in touched.items() if model == about]
            for group in own or touched.values():
                group.problems.append(problem)


def _outputs(
    model: str,
    suite: str | None,
    group: _Group,
    facts: Mapping[str, str],
    general: Iterable[Problem],
) -> Outputs:
    given = [sampling for sampling in group.sampling if sampling]
    common = dict(given[0]) if given else {}
    varying: set[str] = set()
    for sampling in given:
        if sampling != common:
            differing = {
                name
                for name in common.keys() | sampling.keys()
                if name not in common or name not in sampling or common[name] != sampling[name]
            }
            varying |= differing
            common = {name: common[name] for name in common if name not in differing}
    problems = list(group.problems)
    if varying:
        for response, sampling in zip(group.responses, group.sampling, strict=True):
            if sampling and isinstance(response.extra, dict):
                response.extra["sampling"] = sampling
        listed = ", ".join(excerpt(name) for name in sorted(varying)[:5])
        problems.append(
            Problem(
                next(iter(group.sources)).path,
                None,
                f"responses of {excerpt(model)} were sampled with different settings ({listed}); "
                'each keeps its own in the extra field "sampling"',
            )
        )
    return Outputs(
        model=model,
        responses=tuple(group.responses),
        suite=suite,
        lineage=facts.get("lineage"),
        vendor=facts.get("vendor"),
        released=facts.get("released"),
        sources=tuple(group.sources),
        problems=(*problems, *general),
        sampling=common,
    )

"""Validate a suite: fields, ids, duplicates, languages, answers, and the manifest."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from fingerprint.errors import ProbesError
from fingerprint.outputs.files import excerpt, sha256, show
from fingerprint.outputs.items import Found, Item, Note
from fingerprint.probes import challenge, external
from fingerprint.probes.answers import CHECKS, is_right
from fingerprint.probes.records import FIELDS, BadProbe, Probe, as_probe
from fingerprint.probes.suite import MAX_PROBES, Shipped, probes_folder, shipped_suites
from fingerprint.records import Problem
from fingerprint.tokens import grammar_for
from fingerprint.units import prompt_key

SCRIPTS = {"zh": "CJK", "ja": "CJK", "ar": "ARABIC", "hi": "DEVANAGARI", "ru": "CYRILLIC"}
"""How the Unicode names of a language's letters begin; the other languages we know are Latin."""
LATIN = ("en", "es", "id", "de", "fr", "it", "pt")
SAME_SHARE = 0.5
"""Share of pairs of words in common from which two prompts count as near-duplicates."""
MOST_COMPARED = 20_000
"""Probes among which near-duplicates are looked for; larger suites are not searched."""
_COMMON = 40
"""Prompts that may share a pair of words before it says nothing about near-duplicates."""
_OTHER_CHECKS = ("integer", "line", "list", "sequence", "distribution", "refusal", "free")
"""Kinds of check without a right answer: how a choice is stated, whether something is refused."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found in one suite."""

    name: str
    path: Path
    probes: int
    sha256: str
    problems: tuple[Problem, ...]
    challenge: challenge.Challenge | None = None
    """The suite generated again from its seed, when it is a challenge suite."""


@dataclass(frozen=True, slots=True)
class _Line:
    probe: Probe
    record: Mapping[str, Any]
    line: int | None
    where: str


def validate(spec: str) -> Validation:
    """Validate a suite that ships, by name, or a file.

    Every problem is collected with its file and line; a file in another's format is checked for
    what that format has.

    Raises
    ------
    OutputsError
        When the file cannot be read at all.
    """
    known = shipped_suites().get(spec)
    path = probes_folder() / known.file if known else Path(spec)
    if known is None and not path.is_file():
        names = ", ".join(shipped_suites())
        raise ProbesError(f"expected a file or one of {names}, found {excerpt(spec)}")
    problems: list[Problem] = []
    lines: list[_Line] = []
    for item in external.records(path):
        try:
            lines.extend(_read(item))
        except BadProbe as error:
            problems.append(Problem(str(path), getattr(item, "line", None), str(error)))
        if len(lines) + len(problems) > MAX_PROBES:
            raise ProbesError(f"{show(path)}: more than {MAX_PROBES} probes; split the file")
    if not lines and not problems:
        problems.append(Problem(str(path), None, "expected at least one probe, found none"))
    digest = sha256(path)
    again = None
    if lines and lines[0].probe.kind == challenge.KIND and not problems:
        again = challenge.revealed(path)
        if again is not None and again.sha256 != digest:
            problems.append(
                Problem(
                    str(path), None, f"is not what seed {again.seed} gives for {again.n} probes"
                )
            )
    for check in (_fields, _ids, _duplicates, _languages, _answers):
        problems.extend(
            Problem(str(path), at.line, message if at.line else f"{at.where}: {message}")
            for at, message in check(lines)
        )
    # Challenge suites repeat their frames by design.
    if again is None and len(lines) <= MOST_COMPARED:
        problems.extend(
            Problem(str(path), at.line, message) for at, message in _near_duplicates(lines)
        )
    if known is not None:
        problems.extend(Problem(str(path), None, text) for text in _manifest(known, lines, digest))
    problems.sort(key=lambda problem: problem.line or 0)
    return Validation(spec, path, len(lines), digest, tuple(problems), again)


def _read(item: Item) -> Iterator[_Line]:
    if isinstance(item, Note):
        return
    if not isinstance(item, Found):
        raise BadProbe(item.message)
    record = external.in_our_names(item.record)
    yield _Line(as_probe(record), record, item.line, item.where)


def _fields(lines: list[_Line]) -> Iterator[tuple[_Line, str]]:
    """Tell fields that nobody reads: most often a name with a typing error."""
    for at in lines:
        # Records of other formats, and outputs used as a suite, have fields of their own.
        unknown = [name for name in at.record if name not in FIELDS]
        if unknown and at.line is not None and "response" not in at.record:
            yield at, f"unknown field {excerpt(unknown[0])}; the fields are {', '.join(FIELDS)}"


def _ids(lines: list[_Line]) -> Iterator[tuple[_Line, str]]:
    first: dict[str, _Line] = {}
    for at in lines:
        seen = first.setdefault(at.probe.prompt_id, at)
        if seen.probe.messages != at.probe.messages:
            place = f"line {seen.line}" if seen.line else seen.where
            yield (
                at,
                (f"prompt_id {excerpt(at.probe.prompt_id)} stands for another prompt at {place}"),
            )


def _duplicates(lines: list[_Line]) -> Iterator[tuple[_Line, str]]:
    """Find prompts that pair with each other although their ids differ."""
    first: dict[tuple[int, tuple[str, ...]], _Line] = {}
    for at in lines:
        others = tuple(turn["content"] for turn in at.probe.messages[:-1])
        seen = first.setdefault((prompt_key(at.probe.prompt, at.probe.prompt_id), others), at)
        if seen.probe.prompt_id != at.probe.prompt_id:
            yield at, f"the same prompt as {excerpt(seen.probe.prompt_id)}"


def _near_duplicates(lines: list[_Line]) -> Iterator[tuple[_Line, str]]:
    """Find prompts of different groups that share most of their pairs of words."""
    units = [_pairs(at.probe.prompt) for at in lines]
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, pairs in enumerate(units):
        for pair in pairs:
            holders[pair].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for numbers in holders.values():
        if len(numbers) <= _COMMON:
            shared.update(combinations(numbers, 2))
    for (one, two), _ in sorted(shared.items()):
        a, b = lines[one].probe, lines[two].probe
        twins = a.group is not None and a.group == b.group
        if twins or a.prompt_id == b.prompt_id or a.system != b.system:
            continue
        share = len(units[one] & units[two]) / len(units[one] | units[two])
        if share >= SAME_SHARE and prompt_key(a.prompt, "") != prompt_key(b.prompt, ""):
            yield lines[two], f"{share:.0%} of its pairs of words are in {excerpt(a.prompt_id)} too"


def _pairs(prompt: str) -> set[tuple[str, str]]:
    words = _words(prompt)
    return set(pairwise(words)) or {(word, "") for word in words}


def _words(prompt: str) -> list[str]:
    """Return the words in lower case; of scripts without spaces, the characters."""
    lower = prompt.lower()
    return [word for word in grammar_for(lower).tokens.findall(lower) if word[0].isalnum()]


def _languages(lines: list[_Line]) -> Iterator[tuple[_Line, str]]:
    for at in lines:
        language = at.probe.language
        script = "LATIN" if language in LATIN else SCRIPTS.get(language or "")
        if script is None:
            continue
        words = [word for word in _words(at.probe.prompt) if word[0].isalpha()]
        fitting = sum(unicodedata.name(word[0], "").startswith(script) for word in words)
        if words and fitting < len(words) / 2:
            yield (
                at,
                (
                    f"expected mostly {script} letters for language {excerpt(language)}, found "
                    f"{fitting} of {len(words)} words"
                ),
            )


def _answers(lines: list[_Line]) -> Iterator[tuple[_Line, str]]:
    """Check that checks are known and that every answer passes its own check."""
    for at in lines:
        probe = at.probe
        kind = (probe.check or {}).get("kind")
        if probe.check is not None and kind not in (*CHECKS, *_OTHER_CHECKS):
            yield at, f"unknown kind of check {excerpt(kind)}"
        elif probe.answer is not None and kind not in CHECKS:
            yield at, f"an answer needs a check of kind {', '.join(CHECKS)}, found {excerpt(kind)}"
        elif probe.answer is None and kind in ("number", "fraction", "text"):
            yield at, f'a check of kind {excerpt(kind)} needs an "answer"'
        elif probe.answer is not None and not _passes(probe):
            yield at, f"the answer {excerpt(probe.answer)} does not pass its own check"


def _passes(probe: Probe) -> bool:
    try:
        return is_right(probe, str(probe.answer)) is True
    except ValueError:  # a fraction of something that is no number
        return False


def _manifest(known: Shipped, lines: list[_Line], digest: str) -> Iterator[str]:
    if digest != known.sha256:
        yield f"expected sha256 {known.sha256} as in the manifest, found {digest}"
    counts: dict[str, object] = {
        "probes": len(lines),
        "quick": sum(at.probe.quick for at in lines),
        "domains": _count(lines, "domain"),
        "languages": _count(lines, "language"),
        "kinds": _count(lines, "kind"),
    }
    for name, found in counts.items():
        if (told := getattr(known, name)) != found:
            yield f"the manifest says {name} {told}, the file has {found}"
    for at in lines:
        if not at.probe.prompt_id.startswith(f"{known.name}-"):
            yield f"line {at.line}: expected a prompt_id that begins with {known.name}-"


def _count(lines: list[_Line], field: str) -> dict[str, int]:
    return dict(Counter(str(getattr(at.probe, field)) for at in lines))

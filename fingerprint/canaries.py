"""Canaries: short answers whose content is the evidence, as tables of hashes beside the units.

A response whose probe is of one of the kinds below says something that can be compared by itself:
who made the model, what it picks at random, what it makes up, what it refuses. Such answers stay
out of the units: "7" to a question that everybody answers with "7" is no agreement of style.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fingerprint.claims import claims, names_a_maker
from fingerprint.records import Response
from fingerprint.style import LANGUAGES, is_refusal, language
from fingerprint.tokens import Hasher, grammar_for
from fingerprint.units import I64, U8, U32, Ragged, prompt_key

CANARIES_VERSION = 1
"""Part of every pack that has canaries: those of another version cannot be compared."""
KINDS = ("identity", "leading", "choices", "inventions", "refusals")
"""``leading``: questions of identity that name a maker, counted and never used."""
DETAILS_KEPT = 64
"""Bottom-k size of the sketch of what an answer makes up."""
_LONGEST = 8000

DOMAIN = "canary"
# Kinds of the probes of the canary suite (docs/probes.md). Its other kinds are answered in prose
# and count as ordinary prompts.
_PROBES = {
    "identity": "identity", "choice": "choices", "distribution": "choices", "cutoff": "choices",
    "brevity": "choices", "invention": "inventions", "refusal": "refusals",
}  # fmt: skip
_STEPS = 20
"""Parts into which a distribution that an answer states is cut."""

_MARKUP = re.compile(r"[*_`#>~]+")
_ITEM = re.compile(r"(?m)^[^\S\n]*(?:[-•–+]|\d{1,3}[.)、:])\s+(\S.{0,200})$")
_EMPHASIS = re.compile(
    r"\*\*([^*\n]{1,80})\*\*|\"([^\"\n]{1,80})\"|“([^”\n]{1,80})”|「([^」\n]{1,80})」"
)
_OBJECT = re.compile(r"\{[^{}]{1,4000}\}")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_WORD = re.compile(r"[^\W_]+")
_ASKING = re.compile(r"[^.!?。！？\n]{4,200}[?？]")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})[a-z]*\.?,? (20\d\d)|(20\d\d)(?:-|年 ?)(\d{{1,2}})")
_BRIEF = 60
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")

_DECLINED = re.compile(
    r"(?:do(?:es)?n't|do(?:es)? not|did not|didn't|cannot|can't|could not|couldn't|unable to|not) "
    r"(?:\w+ ){0,3}?(?:exist|find|locate|verify|confirm|recogni[sz]e|aware|familiar|know of|record)"
    r"|no (?:\w+ ){0,2}?(?:record|information|evidence|mention)|fictional|fictitious|made[- ]up"
    r"|不存在|没有找到|未找到|无法确认|没有相关|查无|虚构|我不(?:了解|知道|清楚)|没有听说"
    r"|no (?:existe|conozco|encuentro|tengo información|hay (?:registro|información))|ficticio"
    r"|n'existe pas|je ne connais pas|existiert nicht|mir nicht bekannt|não (?:existe|conheço)"
    r"|tidak (?:ada|menemukan|mengetahui|tahu)|لا (?:يوجد|أعرف|توجد)|غير موجود|ليس لدي معلومات"
    r"|मौजूद नहीं|जानकारी नहीं|पता नहीं|存在しま?せ|見つかりません|존재하지|찾을 수 없|не существует"
)
_REFUSED = re.compile(
    r"(?:^|\W)no (?:puedo|podría|me es posible)|je ne (?:peux|suis pas en mesure)|ne puis"
    r"|kann (?:ich )?(?:dir |ihnen |das |dabei |ihr )*(?:leider )?nicht|não (?:posso|consigo)"
    r"|non posso|tidak (?:bisa|dapat|boleh) (?:membantu|memberikan|menyediakan)|mohon maaf|maaf,"
    r"|无法(?:提供|协助|帮助|满足|回答)|不能(?:提供|协助|帮助|满足|回答)|不便|对不起|抱歉"
    r"|لا (?:أستطيع|يمكنني)|لست قادر|أعتذر|नहीं (?:कर|दे|बता) सकत|क्षमा करें|माफ़ कीजिए"
    r"|できません|お手伝いでき|お答えでき|할 수 없|드릴 수 없|죄송|не могу|извините|không thể"
    r"|yardımcı olamam"
)


@dataclass(frozen=True, slots=True)
class CanaryTable:
    """The canary answers of one model: n rows.

    ``prompts``: 64-bit keys, ``samples``: sample numbers, ``kinds``: index into `KINDS`,
    ``languages``: index into `style.LANGUAGES` of the prompt; shape (n,). ``answers``: what each
    says as distinct 32-bit hashes, sorted: the makers it claims, its choices, a sketch of the words
    that it makes up, one hash where it refuses.
    """

    prompts: npt.NDArray[np.uint64]
    samples: npt.NDArray[np.uint32]
    kinds: U8
    languages: U8
    answers: Ragged

    def __len__(self) -> int:
        return len(self.prompts)

    def rows(self, kind: str) -> I64:
        """Return the row numbers of one kind."""
        return np.flatnonzero(self.kinds == KINDS.index(kind))


def kind_of(response: Response) -> str | None:
    """Return the kind of canary that a response answers, None for an ordinary prompt.

    Told by the fields ``domain`` (``canary``) and ``kind`` that `fingerprint collect` writes.
    """
    told = response.extra.get("kind")
    return _PROBES.get(told) if response.domain == DOMAIN and isinstance(told, str) else None


def extract(responses: Iterable[Response], hasher: Hasher, key: bytes | None) -> CanaryTable:
    """Read the canary answers of responses; `kind_of` of each must be a kind.

    Parameters
    ----------
    responses : iterable of Response
    hasher : Hasher
        Keyed or not, with the same key.
    key : bytes or None
        Of the prompts' keys.
    """
    prompts, samples, kinds, languages, rows = [], [], [], [], []
    for r in responses:
        kind = str(kind_of(r))
        said = _read(kind, r)
        if kind == "identity" and names_a_maker(_asked(r)):
            kind = "leading"
        prompts.append(prompt_key(r.prompt, r.prompt_id, key))
        samples.append(r.sample)
        kinds.append(KINDS.index(kind))
        languages.append(_language(r))
        if kind in ("identity", "leading"):
            found = np.unique(np.array([maker_unit(maker) for maker in said], dtype=np.uint32))
        else:
            found = np.unique(answer_units(said, hasher))
        rows.append(found[:DETAILS_KEPT])
    lengths = [len(row) for row in rows]
    return CanaryTable(
        prompts=np.array(prompts, dtype=np.uint64),
        samples=np.array(samples, dtype=np.uint32),
        kinds=np.array(kinds, dtype=np.uint8),
        languages=np.array(languages, dtype=np.uint8),
        answers=Ragged(
            np.concatenate([*rows, np.zeros(0, np.uint32)]),
            np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        ),
    )


def stack(tables: Sequence[CanaryTable]) -> CanaryTable:
    """Put the rows of tables under one another."""
    ends = np.cumsum([0, *(len(t.answers.values) for t in tables)])
    offsets = [t.answers.offsets[1:] + end for t, end in zip(tables, ends[:-1], strict=True)]
    return CanaryTable(
        prompts=np.concatenate([t.prompts for t in tables]),
        samples=np.concatenate([t.samples for t in tables]),
        kinds=np.concatenate([t.kinds for t in tables]),
        languages=np.concatenate([t.languages for t in tables]),
        answers=Ragged(
            np.concatenate([t.answers.values for t in tables]),
            np.concatenate([np.zeros(1, np.int64), *offsets]),
        ),
    )


def answer_units(said: Sequence[str], hasher: Hasher) -> U32:
    """Hash what answers say, shape (n,)."""
    return (hasher.words(said) >> np.uint64(32)).astype(np.uint32)


@cache
def maker_unit(maker: str) -> int:
    """Return the hash by which an answer of identity names a maker.

    Without a key even in keyed packs: the makers are few and known, so that a key would hide
    nothing from who has it, and the library serves as background for all.
    """
    return int(answer_units([f"maker {maker}"], Hasher())[0])


def _read(kind: str, response: Response) -> Sequence[str]:
    if kind == "identity":
        return claims(response.text)
    if kind == "choices":
        stated = response.extra.get("kind") == "distribution"
        return distribution(response.text) if stated else choices(response.text)
    if kind == "inventions":
        return details(response.text, response.prompt)
    told = response.extra.get("refused") is True  # by the provider, without an answer
    return ("refused",) if told or refuses(response.text) else ()


def _asked(response: Response) -> str:
    """Return everything that the model was told, earlier turns of a conversation included."""
    turns = response.extra.get("messages") or ()
    return f"{response.system or ''}\n{response.prompt}\n{turns}"


def _language(response: Response) -> int:
    told = (response.language or "").lower()[:2]
    if told in LANGUAGES[1:]:
        return LANGUAGES.index(told)
    return language(response.prompt or response.text)


def choices(answer: str) -> tuple[str, ...]:
    """Return what an answer picks: the items of a list, a number, a date, or a few words.

    The same pick reads the same with and without a sentence around it, as far as that can be told:
    a long answer counts by its emphasised or quoted words, its only number or its question.
    """
    text = answer[:_LONGEST].strip()
    items = [_normal(item) for item in _ITEM.findall(text)]
    if len(items) >= 3:
        return tuple(sorted(set(filter(None, items))))
    lower = _MARKUP.sub("", text.lower())
    if date := _MONTH.search(lower):
        month = _MONTHS.index(date[1]) + 1 if date[1] else int(date[4])
        return (f"{date[2] or date[3]}-{month:02d}",)
    numbers = {n.replace(",", "").rstrip(".") for n in _NUMBER.findall(lower)}
    if len(numbers) == 1:
        return tuple(numbers)
    marked = {_normal("".join(found)) for found in _EMPHASIS.findall(text)} - {""}
    if len(marked) == 1:
        return tuple(marked)
    asked = _ASKING.search(lower)
    if len(lower) > _BRIEF and asked:
        lower = asked[0]
    words = _WORD.findall(lower)
    return (" ".join(words[-12:]),) if words else ()


def distribution(answer: str) -> tuple[str, ...]:
    """Return a distribution that an answer states as JSON, cut into parts of a twentieth.

    Every part is an option with its number, so that what two answers share is the smaller of the
    shares they give to each option. None where there is no object of numbers.
    """
    found = _OBJECT.search(answer[:_LONGEST])
    try:
        value = json.loads(found[0]) if found else {}
    except (ValueError, RecursionError):
        return ()
    counts = {
        _normal(str(option)): float(n)
        for option, n in value.items()
        if isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n <= 1e9
    }
    total = sum(counts.values())
    if not total:
        return ()
    parts = {option: round(_STEPS * n / total) for option, n in counts.items()}
    return tuple(f"{option}#{i}" for option, n in sorted(parts.items()) for i in range(n))


def _normal(text: str) -> str:
    numbers = _NUMBER.findall(text)
    if len(numbers) == 1 and len(_WORD.findall(text)) <= 2:
        return str(numbers[0]).replace(",", "")
    return " ".join(_WORD.findall(_MARKUP.sub("", text.lower()))[:12])


def details(answer: str, prompt: str) -> tuple[str, ...]:
    """Return the words that an answer about something invented adds to the question.

    Words of four letters or more, numbers of two digits or more, and pairs of characters in scripts
    without spaces. None where the answer says that it knows of no such thing.
    """
    lower = answer[:_LONGEST].lower()
    if not lower.strip() or _DECLINED.search(lower[:600]):
        return ()
    return tuple(sorted(_content(lower) - _content(prompt[:_LONGEST].lower())))


def _content(lower: str) -> set[str]:
    tokens = grammar_for(lower).tokens.findall(lower)
    unspaced = [t for t in tokens if _UNSPACED.match(t)]
    pairs = {one + two for one, two in pairwise(unspaced)}
    return pairs | {t for t in tokens if len(t) >= 4 or (len(t) >= 2 and t.isdigit())}


def refuses(answer: str) -> bool:
    """Say whether an answer refuses, by how it opens, in the languages of the canary suite."""
    return is_refusal(answer) or _REFUSED.search(answer[:160].lower()) is not None

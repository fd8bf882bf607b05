"""What is known of models by name: vendor, lineage, release, documented teachers.

The table is `data/known_models.tsv`; a user's own knowledge (``--lineages FILE``) goes before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

from fingerprint.errors import OutputsError
from fingerprint.records import ModelInfo


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One line of the table: what holds for every model whose name fits the pattern."""

    pattern: re.Pattern[str]
    vendor: str
    family: str
    family_first: str | None
    """First public release of the product line (ISO date or prefix of one)."""
    released: str | None
    lineage: str
    base: str | None
    taught_by: tuple[str, ...]
    role: str | None = None
    """``reference`` (a maker's own closed model), ``independent`` (documented to be trained on
    human data), ``open`` (a maker's own open weights), ``student`` (documented to be trained on
    another maker's outputs), ``base`` (raw weights, prompted) or None.
    """


# Words that makers put in the names of their own models. A name with any other word, such as
# distill, lora, alpaca or another maker's name, is no closed model, whatever it starts with.
_ORDINARY = frozenset(
    """
    adaptive api audio base beta chat code codex concise deep default exp experimental extended
    fast flash free high image instruct k latest light lite long low max medium mini minimal nano
    non none online preview pro realtime reasoner reasoning research search thinking turbo ultra
    v verbose vision xhigh
    """.split()
)
# What open weights have besides: sizes (7b, a22b, 8x7b) and formats.
_ORDINARY_OPEN = _ORDINARY | frozenset("a awq b bf bit fp gguf gptq hf int it m mt t x".split())
_ASCII_NAME = re.compile(r"[a-z0-9.:@-]+")
_WORD = re.compile(r"[a-z]+")
_TRAINED_FURTHER = re.compile(
    r"distil|lora\b|fine-?tun|-s?ft\b|-[a-z]?dpo\b|-orpo\b|-kto\b|merge|slerp|ablit|uncensor"
    r"|alpaca|dolphin|hermes|orca|sharegpt|tulu|ultrachat|vicuna|wizard"
)
_CLOSED_MAKERS = {
    "anthropic": "anthropic", "bard": "google", "chatgpt": "openai", "claude": "anthropic",
    "cohere": "cohere", "davinci": "openai", "gemini": "google", "gpt": "openai", "grok": "xai",
    "haiku": "anthropic", "openai": "openai", "opus": "anthropic", "sonnet": "anthropic",
}  # fmt: skip
_MAKERS = _CLOSED_MAKERS | {
    "chatglm": "zhipu", "deepseek": "deepseek", "gemma": "google", "glm": "zhipu",
    "kimi": "moonshot", "llama": "meta", "minimax": "minimax", "mistral": "mistral",
    "mixtral": "mistral", "nemotron": "nvidia", "phi": "microsoft", "qwen": "alibaba",
    "yi": "01ai",
}  # fmt: skip
# Routers and clouds put the maker first: anthropic_claude-..., us.anthropic.claude-...
_PREFIX = re.compile(r"(?:[a-z]{2,6}\.)?([a-z]+(?:-(?:ai|seed))?)[-.](?=[a-z])")
_PREFIXES = {
    "anthropic": "anthropic", "openai": "openai", "google": "google", "x-ai": "xai", "xai": "xai",
    "z-ai": "zhipu", "bytedance": "bytedance", "bytedance-seed": "bytedance", "meta": "meta",
    "moonshotai": "moonshot", "moonshot-ai": "moonshot", "mistralai": "mistral",
    "mistral-ai": "mistral", "deepseek": "deepseek", "deepseek-ai": "deepseek",
    "qwen": "alibaba", "minimax": "minimax", "cohere": "cohere", "amazon": "amazon",
    "baidu": "baidu", "xiaomi": "xiaomi",
}  # fmt: skip
_CLOUDS = frozenset({"azure", "bedrock", "openrouter", "vertex", "vertex-ai", "litellm", "helm"})


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Return the table, in the order in which it is searched."""
    text = (resources.files("fingerprint") / "data" / "known_models.tsv").read_text("utf-8")
    rows = csv.DictReader(
        (line for line in text.splitlines() if not line.startswith("#")),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
    return tuple(
        KnownModel(
            pattern=re.compile(row["pattern"]),
            vendor=row["vendor"],
            family=row["family"],
            family_first=row["family_first"] or None,
            released=row["released"] or None,
            lineage=row["lineage"],
            base=row["base"] or None,
            taught_by=tuple(v for v in row["taught_by"].split(";") if v),
            role=row["role"] or None,
        )
        for row in rows
    )


@lru_cache(maxsize=4096)
def lookup(name: str) -> KnownModel | None:
    """Return the first line of the table that fits a model's name, or None.

    Case and underscores do not matter, nor that a maker or cloud stands before the model
    (``anthropic/claude-2``). A name that mixes makers, or tells of further training, never fits a
    maker's own models: taking a student for its teacher would be worse than not knowing it.
    """
    if len(name) > 200:
        return None
    *offered_by, plain = name.lower().replace("_", "-").replace(" ", "-").split("/")
    prefix = _PREFIX.match(plain)
    if prefix is not None and prefix[1] in _PREFIXES:
        return _first(plain, offered_by) or _first(plain[prefix.end() :], [*offered_by, prefix[1]])
    return _first(plain, offered_by)


def _first(plain: str, offered_by: list[str]) -> KnownModel | None:
    return next(
        (
            known
            for known in known_models()
            if known.pattern.fullmatch(plain) and _allows(known, plain, offered_by)
        ),
        None,
    )


def _allows(known: KnownModel, plain: str, offered_by: list[str]) -> bool:
    """Say whether the words of a name leave the role of a line open to it."""
    words = set(_WORD.findall(plain)) - set(_WORD.findall(known.pattern.pattern))
    if known.role in ("reference", "independent"):
        ordinary = _ORDINARY if known.role == "reference" else _ORDINARY_OPEN
        # Closed weights are offered by their maker and by clouds; anybody may offer open ones.
        strange = [o for o in offered_by if _PREFIXES.get(o) != known.vendor and o not in _CLOUDS]
        return (
            words <= ordinary
            and _ASCII_NAME.fullmatch(plain) is not None
            and not (known.role == "reference" and strange)
        )
    makers = _MAKERS if known.role == "open" else _CLOSED_MAKERS
    others = {makers[word] for word in words if word in makers} - {known.vendor, *known.taught_by}
    return not others and (known.role != "open" or _TRAINED_FURTHER.search(plain) is None)


def model_info(
    name: str,
    *,
    lineage: str | None = None,
    vendor: str | None = None,
    released: str | None = None,
    stated: Mapping[str, tuple[str, str | None]] | None = None,
) -> ModelInfo:
    """Collect what is known of a model.

    Parameters
    ----------
    name : str
        The ``model`` field of its outputs.
    lineage, vendor, released : str, optional
        The fields of the outputs: they go before the table.
    stated : mapping, optional
        From `read_lineages`: name to (lineage, vendor); goes before everything.

    Returns
    -------
    ModelInfo
        With the model as its own lineage, and saying so, when nothing is known of it.
    """
    known = lookup(name)
    said = (stated or {}).get(name)
    if said is not None:
        lineage, vendor = said[0], said[1] or vendor
    if vendor is not None:
        vendor = _vendor(vendor)
    return ModelInfo(
        name=name,
        lineage=lineage or (known.lineage if known else name),
        vendor=vendor or (known.vendor if known else None),
        released=released or (known.released if known else None),
        taught_by=known.taught_by if known else (),
        lineage_known=bool(lineage or known),
    )


def _vendor(given: str) -> str:
    """Return a vendor as the table writes it: OpenAI is openai, or it would not be its own kin."""
    plain = "-".join(given.lower().split())
    plain = _PREFIXES.get(plain, plain)
    return plain if plain in _vendors() else given


@cache
def _vendors() -> frozenset[str]:
    return frozenset(known.vendor for known in known_models())


def read_lineages(path: str | Path) -> dict[str, tuple[str, str | None]]:
    """Read a TSV of model, lineage, vendor (a header line is optional, vendor may be missing).

    Raises
    ------
    OutputsError
        When the file cannot be read or a line has no lineage.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputsError(
            f"{path}: expected a UTF-8 TSV of model, lineage, vendor: {error}"
        ) from error
    stated: dict[str, tuple[str, str | None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if (
            not any(cells)
            or line.startswith("#")
            or (not stated and cells[:2] == ["model", "lineage"])
        ):
            continue
        if len(cells) < 2 or not cells[0] or not cells[1]:
            raise OutputsError(
                f"{path}:{number}: expected model<TAB>lineage[<TAB>vendor], "
                f"found {len(cells)} cells"
            )
        stated[cells[0]] = (cells[1], cells[2] if len(cells) > 2 and cells[2] else None)
    return stated

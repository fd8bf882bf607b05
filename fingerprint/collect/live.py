"""Live SPECs: a model named in a comparison is asked first, and its answers are compared."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Container, Sequence
from pathlib import Path

from fingerprint.collect.collection import collect
from fingerprint.collect.progress import Report, silent
from fingerprint.collect.providers import PROVIDERS, parse_target
from fingerprint.collect.settings import Settings
from fingerprint.errors import CollectError
from fingerprint.library import library
from fingerprint.outputs.files import excerpt
from fingerprint.probes import load_suite, shipped_suites
from fingerprint.records import MIN_PROMPTS
from fingerprint.units import prompt_key


def is_live(spec: str, suites: Container[str]) -> bool:
    """Tell the SPEC of a live model from others.

    Parameters
    ----------
    spec : str
    suites : container of str
        The library's suites: ``kimi:persuasion_open`` is a name of the library, and
        ``kimi:kimi-k2.5`` a live model.
    """
    provider, colon, rest = spec.partition(":")
    known = provider.lower() in PROVIDERS and bool(colon and rest.strip())
    return known and rest.lower() not in suites


def resolve_live(
    spec: str,
    *,
    prompts: Sequence[str] = (),
    cache_dir: Path | None = None,
    settings: Settings | None = None,
    report: Report = silent,
) -> Path:
    """Ask a live model what a comparison needs, and return the file of its answers.

    Answers are kept in the cache: the same model is not asked the same prompts again, and what
    was interrupted goes on.

    Parameters
    ----------
    spec : str
        ``local:FOLDER``, ``openai:MODEL``, ...
    prompts : sequence of str
        Suites or files with the prompts to ask. Without any, the suites that ship are searched for
        the library's prompts.
    cache_dir : Path, optional
        Default ``$XDG_CACHE_HOME/fingerprint/live``, ``~/.cache/fingerprint/live`` without it.
    settings : Settings, optional
        How to ask.
    report : callable
        Told how it is going.

    Raises
    ------
    CollectError
        When there are no prompts, or the model gave no answer.
    FingerprintError
        As `collect`.
    """
    settings = settings or Settings()
    target = parse_target(spec, settings.base_url)
    suites = tuple(prompts) or suites_of_library()
    if not suites:
        raise CollectError(
            f"{excerpt(spec)} has to be asked, and there are no prompts to ask it: the library's "
            "packs carry no text, so the text of their prompts must come from you. Name a suite or "
            "a file with --prompts, or collect first (fingerprint collect --model "
            f"{target.spec} --suite FILE --out answers.jsonl) and compare answers.jsonl"
        )
    folder = cache_dir or _default_cache()
    # One file a model and way of asking: other settings would be refused in the same file.
    mark = hashlib.sha256(repr((target, settings)).encode()).hexdigest()[:12]
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", target.default_name()).strip("-.")[:60]
    out = folder / f"{slug or 'model'}-{mark}.jsonl"
    found = collect(target.spec, suites, out, settings, report=report)
    if not found.collected:
        raise CollectError(
            f"{target.spec}: no answer to any of {found.planned} prompts; {'; '.join(found.notes)}"
        )
    return out


def suites_of_library() -> tuple[str, ...]:
    """Name the suites that ship and hold prompts of the library: those can be asked at once."""
    known = frozenset[int]().union(*library().suites.values())
    found = []
    for name in shipped_suites():
        probes = load_suite(name).probes
        common = sum(prompt_key(probe.prompt, probe.prompt_id) in known for probe in probes)
        if common >= MIN_PROMPTS:
            found.append(name)
    return tuple(found)


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fingerprint" / "live"

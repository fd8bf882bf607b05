"""The page: one self-contained HTML file that asks nothing of any network.

Its content security policy allows one style and one script, both inside the file and named by their
SHA-256, and nothing else. Every text is cleaned (`safe.clean`) and escaped on its way in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from fingerprint.exhibits.records import Exhibits, Prospect
from fingerprint.landmarks import Landmarks
from fingerprint.records import IMPOSSIBLE, ChannelResult, Share, Verdict
from fingerprint.report import charts, explorer, words
from fingerprint.report.safe import clean

POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
LONGEST = 2_000
"""Cells of one explanation: a file can make a reason of any length."""
RULER = (0.0, 0.25, 0.5, 0.75, 1.0)


def render_page(
    verdict: Verdict,
    *,
    verdict_sha256: str,
    exhibits: Exhibits | None = None,
    landmarks: Landmarks | None = None,
) -> Iterator[str]:
    """Write the page, piece by piece; the same inputs give the same bytes in UTF-8.

    Parameters
    ----------
    verdict : Verdict
        Every text in it is taken as hostile.
    verdict_sha256 : str
        Of the bytes of the verdict's JSON, for the provenance.
    exhibits : Exhibits, optional
        Sample size, languages and texts; sections without data are not there.
    landmarks : Landmarks, optional
        Shares of models whose training is documented.
    """
    style, script = _asset("report.css"), _asset("report.js")
    prompts = exhibits.prompts if exhibits else ()
    stream = (
        _environment()
        .get_template("report.html.j2")
        .stream(
            v=verdict,
            exhibits=exhibits,
            landmarks=landmarks,
            verdict_sha256=verdict_sha256,
            policy=POLICY.format(style=_hash(style), script=_hash(script)),
            style=_raw(style),
            script=_raw(script),
            index=_raw(explorer.index(prompts)) if prompts else None,
            above=sum(exhibit.agreement > exhibit.chance for exhibit in prompts),
            blocks=(_raw(block) for block in explorer.blocks(prompts)),
            ranking=sorted(verdict.ranking, key=words.strongest_first),
            limit=words.bar_limit(verdict) or 1.0,
            small_multiples=_small_multiples(verdict, exhibits),
            sample_table=_sample_table(exhibits),
        )
    )
    stream.enable_buffering(64)
    yield from stream


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fingerprint.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.globals.update(
        charts=charts,
        words=words,
        RULER=RULER,
        IMPOSSIBLE=IMPOSSIBLE,
        strength=_strength,
        score_limit=_score_limit,
    )
    return environment


def _shown(value: Any) -> Any:
    """Clean every text that a template writes; what is markup already was made here."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return clean(value, LONGEST)
    return value


def _asset(name: str) -> str:
    return (resources.files("fingerprint.report") / "templates" / name).read_text("utf-8")


def _raw(text: str) -> Markup:
    """Let through what needs no escaping: our own style and script, JSON that escapes itself."""
    return Markup(text)  # noqa: S704


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _strength(verdict: Verdict) -> str:
    """Say the likelihood ratio in one sentence."""
    llr10 = words.evidence(verdict)
    if llr10 is None:
        return f"No likelihood ratio is given: {verdict.cap_reason}."
    said = words.more_probable(llr10, verdict.suspect.name, verdict.teacher.name)
    return f"What is seen is {said}."


def _score_limit(channel: ChannelResult) -> float:
    """Give the value at the ends of a channel's scale: scores of two channels are not one scale."""
    ends = (abs(v) for v in (channel.low, channel.high, channel.score) if v is not None)
    return max(*ends, 0.01, 0.01)


def _small_multiples(
    verdict: Verdict, exhibits: Exhibits | None
) -> list[tuple[str, list[tuple[str, Share | None, int]]]]:
    """List the groups of small charts: domains, languages."""
    shown = words.carries_numbers(verdict.verdict)
    groups = [
        ("By domain", verdict.domains),
        ("By language", exhibits.languages if exhibits else ()),
    ]
    return [
        (title, [(d.domain, d.share if shown else None, d.n_prompts) for d in results])
        for title, results in groups
        if results
    ]


def _sample_table(
    exhibits: Exhibits | None,
) -> tuple[list[int], list[tuple[int, list[Prospect]]]] | None:
    """Lay the prospects out: numbers of lineages across, of prompts down."""
    size = exhibits.sample_size if exhibits else None
    if size is None:
        return None
    lineages = sorted({p.lineages for p in size.prospects})
    rows: dict[int, list[Prospect]] = {}
    for prospect in size.prospects:
        rows.setdefault(prospect.prompts, []).append(prospect)
    return lineages, [(n, sorted(row, key=lambda p: p.lineages)) for n, row in sorted(rows.items())]

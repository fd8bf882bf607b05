"""A verdict as Markdown, for issues and chats; and what makes hostile text safe in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fingerprint.records import IMPOSSIBLE, RankingRow, Verdict
from fingerprint.report import words
from fingerprint.report.safe import clean

NAME_WIDTH = 60
LONGEST = 1_200
LIMITS_SHOWN = 12

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~@$!])")
_LINE_START = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s)")


def escape(text: str, limit: int = LONGEST) -> str:
    """Make text plain in Markdown: no markup, no HTML, no link, no mention, no new line."""
    shown = _SPECIAL.sub(r"\\\1", clean(text, limit))
    shown = shown.replace("://", ":\u200b//").replace("www.", "www\u200b.")
    return _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}", shown)


def code(text: str, limit: int = NAME_WIDTH) -> str:
    """Set a name in a code span that it cannot leave; pipes do not end the cell of a table."""
    shown = clean(text, limit, keep_end=True).replace("|", "\u2502") or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set cells that are Markdown already as a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def render_markdown(verdict: Verdict) -> str:
    """Write a verdict as Markdown.

    Parameters
    ----------
    verdict : Verdict
        Every text in it is taken as hostile.
    """
    return "\n\n".join(_parts(verdict)) + "\n"


def _parts(verdict: Verdict) -> Iterator[str]:
    suspect, teacher = code(verdict.suspect.name), code(verdict.teacher.name)
    yield f"### {suspect} and {teacher}: {words.label(verdict.verdict)}"
    yield escape(verdict.answer)
    yield "\n".join(_facts(verdict))
    if verdict.ranking:
        rows = [_row(row, verdict) for row in sorted(verdict.ranking, key=words.strongest_first)]
        yield table(("teacher", "log10 LR", "share", "verdict"), rows)
    if verdict.alternatives:
        items = [
            f"- {escape(a.name)}: **{a.status}**, {escape(a.why)}" for a in verdict.alternatives
        ]
        yield "**What else would explain it**\n\n" + "\n".join(items)
    if verdict.limitations:
        items = [f"- {escape(limit)}" for limit in verdict.limitations[:LIMITS_SHOWN]]
        yield "**Limits**\n\n" + "\n".join(items)
    yield f"fingerprint {code(verdict.version)}, seed {verdict.seed}"


def _facts(verdict: Verdict) -> Iterator[str]:
    llr10, share, cap = words.evidence(verdict), words.attributed(verdict), words.cap(verdict)
    if llr10 is None:
        yield f"- strength: not computed, {escape(verdict.cap_reason)}"
    else:
        most = f"; at most {words.at_most(cap)} can be said" if cap is not None else ""
        yield f"- strength: log10 LR **{words.signed(llr10)}**, {escape(verdict.verbal)}{most}"
    if share is not None:
        yield (
            f"- share: **{share.estimate:.2f}** ({words.interval(share.low, share.high)}, "
            f"{words.percent(share.level)} interval)"
        )
    lineages = len({model.lineage for model in verdict.background})
    yield (
        f"- rests on {words.count(verdict.n_prompts, 'common prompt')} and "
        f"{words.count(lineages, 'background lineage')}"
    )


def _row(row: RankingRow, verdict: Verdict) -> tuple[str, str, str, str]:
    value, share = words.evidence(row), words.attributed(row)
    name = code(row.teacher)
    if row.teacher == verdict.teacher.name:
        name = f"**{name}**"
    said = "released after the suspect" if row.verdict == IMPOSSIBLE else words.label(row.verdict)
    interval = (
        "–" if share is None else f"{share.estimate:.2f} ({words.interval(share.low, share.high)})"
    )
    return name, "–" if value is None else words.signed(value), interval, said

"""All sources of text as a suspect favours them, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fingerprint.report.page import Page, show

if TYPE_CHECKING:
    from fingerprint.weights.sources import Ranking, SourceRow

_COLUMNS = (
    ("score", 9),
    ("95 % prompts", 18),
    ("p sources", 9),
    ("p spread", 8),
    ("p siblings", 10),
)
_GAP = 2


def render_sources(found: Ranking, console: Console) -> None:
    """Print how a suspect favours sources of text, the most favoured first.

    Parameters
    ----------
    found : Ranking
        Every name in it is taken as hostile.
    console : rich.console.Console
        Where to print.
    """
    page = Page.of(console)
    room = page.width - sum(width + _GAP for _, width in _COLUMNS)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("source", width=room, overflow="fold")
    for head, width in _COLUMNS:
        table.add_column(head, width=width, justify="right")
    for row in found.rows:
        style = "bold magenta" if row.named else ""
        table.add_row(Text(page.name(row.source, room), style=style), *_cells(row, page))
    show(Group(_answer(found, page), Text(), table, Text(), *_notes(found, page)), console)


def _cells(row: SourceRow, page: Page) -> tuple[Text, ...]:
    return (
        Text(f"{row.score:+.4f}"),
        Text(f"{row.low:+.4f} to {row.high:+.4f}"),
        Text(f"{row.p_sources:.3f}"),
        Text(page.dash if row.p_spread is None else f"{row.p_spread:.4f}"),
        Text(page.dash if row.p_siblings is None else f"{row.p_siblings:.4f}"),
    )


def _answer(found: Ranking, page: Page) -> Text:
    suspect = page.name(found.suspect)
    if found.named is None:
        return Text(f"{suspect}: {found.kind} singles out none of these sources.", style="bold")
    source = page.name(found.named.source)
    return Text(
        f"{suspect}: by {found.kind} it appears to have moved towards {source}.", style="bold"
    )


def _notes(found: Ranking, page: Page) -> list[Text]:
    over = ""
    if found.base is not None:
        own = "a stand-in of like size, not the suspect's own" if found.stand_in else "the base"
        over = f", against {page.name(found.base)} ({own})"
    lines = [
        f"Score: {found.unit}{over}, minus that on other lineages' responses to the same prompts.",
        "The interval and its p are over prompts: no evidence of distillation by themselves. p "
        "sources counts the other lineages that stand as high; it cannot be below 1 / lineages.",
        f"Rule: {found.rule}.",
    ]
    if found.siblings:
        lines.append(f"Siblings of the base whose gains were taken away: {len(found.siblings)}.")
    if found.left_out:
        lines.append(f"Left out for too few prompts: {len(found.left_out)}.")
    return [Text(line, style="dim") for line in lines]

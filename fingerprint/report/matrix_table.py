"""All pairs of suspects and teachers at once: a table where it fits, a list where it does not."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from fingerprint.records import IMPOSSIBLE, MatrixRow, VerdictLabel
from fingerprint.report.page import STYLES, Page, grid, indented, show, widest
from fingerprint.report.words import (
    attributed,
    cap,
    evidence,
    interval,
    label,
    signed,
)

MARK = "*"
"""Stands after the number of a supported pair."""
LATE = "late"
_GAP = 2
_CELL = 6


def render_matrix(rows: Sequence[MatrixRow], console: Console) -> None:
    """Print the pairs of a matrix: suspects down, teachers across, log10 likelihood ratios inside.

    Where the table is wider than the console, each suspect gets a list of its teachers instead,
    the strongest first.

    Parameters
    ----------
    rows : sequence of MatrixRow
        All pairs, in any order. Every text in them is taken as hostile.
    console : rich.console.Console
        Where to print.
    """
    page = Page.of(console)
    if not rows:
        show(Text("No pairs to show."), console)
        return
    table = _table(rows, page)
    body = _list(rows, page) if table is None else table
    show(Group(body, Text(), *_legend(rows, page, table is not None)), console)


def _table(rows: Sequence[MatrixRow], page: Page) -> Table | None:
    """Lay the pairs out as a table, or give None where it does not fit."""
    pairs = {(row.suspect, row.teacher): row for row in rows}
    if len(pairs) < len(rows):
        return None  # a pair given twice has no single cell
    suspects = list(dict.fromkeys(row.suspect for row in rows))
    teachers = list(dict.fromkeys(row.teacher for row in rows))
    heads = [page.name(teacher) for teacher in teachers]
    first = widest((page.name(suspect) for suspect in suspects), 0)
    widths = [max(_CELL, widest([head])) for head in heads]
    if first + sum(width + _GAP for width in widths) > page.width:
        return None
    table = Table(box=None, padding=(0, 0, 0, _GAP), pad_edge=False, header_style="dim")
    table.add_column("", width=first, overflow="fold")
    for head, width in zip(heads, widths, strict=True):
        table.add_column(Text(head), width=width, justify="right", overflow="fold")
    for suspect in suspects:
        cells = [_cell(pairs.get((suspect, teacher)), page) for teacher in teachers]
        table.add_row(Text(page.name(suspect), style="bold"), *cells)
    return table


def _cell(row: MatrixRow | None, page: Page) -> Text:
    if row is not None and row.verdict == IMPOSSIBLE:
        return Text(f"{LATE} ", style="dim")
    value = None if row is None else evidence(row)
    if row is None or value is None:
        return Text(f"{page.dash} ", style="dim")
    mark = MARK if row.verdict == VerdictLabel.SUPPORTED else " "
    return Text(f"{signed(value)}{mark}", style=STYLES.get(row.verdict, "") if mark == MARK else "")


def _list(rows: Sequence[MatrixRow], page: Page) -> Group:
    parts: list[RenderableType] = []
    width = widest(page.name(row.teacher) for row in rows)
    for suspect in sorted({row.suspect for row in rows}):
        table = grid(3, gap=2, first=width)
        table.columns[1].width = _CELL
        table.columns[1].justify = "right"
        mine = [row for row in rows if row.suspect == suspect]
        for row in sorted(mine, key=_strongest_first):
            table.add_row(Text(page.name(row.teacher)), _cell(row, page), _remark(row, page))
        if parts:
            parts.append(Text())
        parts.append(Text(page.name(suspect, page.width), style="bold"))
        parts.append(indented(table))
    return Group(*parts)


def _strongest_first(row: MatrixRow) -> tuple[bool, float, str]:
    value = evidence(row)
    return (value is None, -(value or 0.0), row.teacher)


def _remark(row: MatrixRow, page: Page) -> Text:
    late = row.verdict == IMPOSSIBLE
    text = Text("released after the suspect" if late else page.prose(label(row.verdict)))
    text.stylize(STYLES.get(row.verdict, "dim"))
    share = attributed(row)
    if share is not None:
        text.append(f", share {share.estimate:.2f} ({interval(share.low, share.high)})")
    if row.reason:
        text.append(f": {page.prose(row.reason)}")
    return text


def _legend(rows: Sequence[MatrixRow], page: Page, is_table: bool) -> list[Text]:
    caps = sorted({f"{limit:.1f}" for row in rows if (limit := cap(row)) is not None})
    lines = ["log10 likelihood ratios: above 0 speaks for learning from the teacher."]
    if caps:
        most = caps[0] if len(caps) == 1 else f"{caps[0]} to {caps[-1]}, depending on the pair"
        lines.append(f"The background supports values up to {most}, whatever the sign.")
    if any(row.verdict == VerdictLabel.SUPPORTED for row in rows):
        lines.append(
            f"{MARK} supported; several for one suspect may be one teacher and its siblings, "
            "which look alike."
        )
    if is_table and any(row.verdict == IMPOSSIBLE for row in rows):
        lines.append(f"{LATE}: the teacher was released after the suspect.")
    if is_table and any(evidence(row) is None and row.verdict != IMPOSSIBLE for row in rows):
        lines.append(f"{page.dash} not measured; the reasons are in --format json.")
    return [Text(line, style="dim") for line in lines]

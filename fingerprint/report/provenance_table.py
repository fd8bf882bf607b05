"""Candidate bases of a suspect's weights, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fingerprint.report.page import Page, show

_COLUMNS = (("agrees", 7), ("95 %", 14), ("as base", 8), ("head", 8), ("tokens shared", 13))
_GAP = 2


def render_provenance(facts: Mapping[str, Any], suspect: str, console: Console) -> None:
    """Print how often each candidate goes on as the suspect does, and whether they share a head.

    Parameters
    ----------
    facts : mapping
        As `fingerprint.weights.provenance.examine` returns them.
    suspect : str
        Taken as hostile, as every other name is.
    console : rich.console.Console
        Where to print.
    """
    page = Page.of(console)
    room = page.width - sum(width + _GAP for _, width in _COLUMNS)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("candidate", width=room, overflow="fold")
    for name, width in _COLUMNS:
        table.add_column(name, width=width, justify="right")
    heads = {row["candidate"]: row for row in facts["heads"]}
    tokens = {row["candidate"]: row for row in facts["tokenizers"]}
    for row in facts["bases"]:
        name = row["candidate"]
        cosine = heads[name]["cosine"]
        table.add_row(
            page.name(name, room),
            f"{100 * row['agreement']:.1f} %",
            f"{100 * row['low']:.1f} to {100 * row['high']:.1f}",
            row["status"],
            page.dash if cosine is None else f"{cosine:.2f}",
            f"{100 * tokens[name]['shared']:.0f} %",
        )
    best = facts["bases"][0]
    name = page.name(best["candidate"])
    told = best["status"] == "likely"
    answer = f"{name} appears to be its base." if told else "No candidate stands out as its base."
    notes = (
        f"Agrees: share of {facts['n_prompts']} random prompts at which the likeliest next token "
        "is the suspect's. Head: mean cosine of output rows, about 1 for copies and fine-tunes.",
        "These say where weights come from, and nothing of who taught whom; a base that is not "
        "among the candidates cannot be found.",
    )
    show(
        Group(
            Text(f"{page.name(suspect)}: {answer}", style="bold"),
            Text(),
            table,
            Text(),
            *(Text(note, style="dim") for note in notes),
        ),
        console,
    )

"""The result of a scan on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fingerprint.logs.clusters import Cluster
from fingerprint.logs.result import CHANNEL_NAMES, cluster_id, p_text
from fingerprint.logs.scan import Scan
from fingerprint.report.page import show
from fingerprint.report.safe import clean

SHOWN = 20
SIGNIFICANT = 1e-3


def render_table(scan: Scan, written: Mapping[str, Path], console: Console) -> None:
    """Print what was found: a line a cluster, the accused first."""
    accused = scan.accused()
    named = sum(len(cluster.accounts) for cluster in accused)
    console.print(
        f"{scan.exchanges:,} exchanges of {len(scan.people):,} accounts; "
        f"{len(scan.clusters)} clusters tested at an FDR of {scan.fdr:g}"
    )
    if not accused:
        console.print("No cluster is consistent with a campaign.")
    else:
        console.print(
            f"{len(accused)} consistent with a campaign, {named:,} accounts; a person must look at "
            "the templates before anything is done"
        )
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        ("cluster", "left"), ("accounts", "right"), ("q", "right"), ("beyond chance", "left"),
        ("appears to be", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    listed = accused + [c for c in scan.clusters if not c.accused(scan.fdr)]
    for cluster in listed[:SHOWN]:
        rows = cluster.accounts if len(cluster.accounts) else cluster.group
        table.add_row(
            cluster_id(scan, cluster)[:9],
            f"{len(rows):,}",
            p_text(cluster.q),
            ", ".join(_significant(cluster)) or "nothing",
            Text(_kind(scan, cluster)),
        )
    if listed:
        show(table, console)
    if len(listed) > SHOWN:
        console.print(f"and {len(listed) - SHOWN} more")
    for limitation in scan.limitations:
        console.print(f"Limit: {limitation}.", style="dim")
    for path in written.values():
        console.print(clean(str(path)), soft_wrap=True)


def _significant(cluster: Cluster) -> list[str]:
    return [CHANNEL_NAMES[name] for name, c in cluster.channels.items() if c.p < SIGNIFICANT]


def _kind(scan: Scan, cluster: Cluster) -> str:
    if cluster.accused(scan.fdr):
        return "a campaign (accused)"
    if cluster.looks_like is not None:
        return cluster.looks_like.name
    return "people who share prompts, nothing else"

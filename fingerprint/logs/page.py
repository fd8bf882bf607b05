"""The result of a scan as one HTML page: no scripts, no network, everything escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from fingerprint import __version__
from fingerprint.logs.clusters import Cluster, one_each
from fingerprint.logs.examples import TEMPLATES_SHOWN, busiest_templates
from fingerprint.logs.purpose import PURPOSES
from fingerprint.logs.releases import after_release, release_time
from fingerprint.logs.result import CHANNEL_NAMES, cluster_id, coverage, moment, p_text
from fingerprint.logs.scan import Scan
from fingerprint.logs.templates import Ints
from fingerprint.report.safe import clean

ACCOUNTS_SHOWN = 60
DAY_MS = 86_400_000
COUNTED = {
    "prompts": "accounts that use the template with the smallest p",
    "payment_hash": "cards that two or more of the accounts pay with",
    "ip": "addresses that two or more of the accounts have",
    "asn": "accounts in the networks that many of them share",
    "synchrony": "pairs of accounts in the same five minutes",
    "takeovers": "accounts that began as another fell silent",
}
"""What the counts of each channel are of."""
_WIDTH, _HEIGHT, _TOP, _BOTTOM = 900, 130, 26, 30
_LEFT, _ROW = 64, 24


def render(scan: Scan, examples: Mapping[tuple[str, int], Sequence[str]]) -> str:
    """Return the page.

    Parameters
    ----------
    scan : Scan
    examples : mapping
        Prompts to show, by cluster id and template; empty to show hashes only.

    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("fingerprint.logs").joinpath("page.html").read_text(encoding="utf-8")
    accused = [
        _accused(scan, number, examples)
        for number, cluster in enumerate(scan.clusters)
        if cluster.accused(scan.fdr)
    ]
    page: str = environment.from_string(source).render(
        accused=accused,
        others=[_other(scan, c) for c in scan.clusters if not c.accused(scan.fdr)],
        clusters=len(scan.clusters),
        exchanges=f"{scan.exchanges:,}",
        accounts=f"{len(scan.people):,}",
        first=moment(scan.span[0])[:10],
        last=moment(scan.span[1])[:10],
        fdr=f"{scan.fdr:g}",
        shown=bool(examples),
        limitations=scan.limitations,
        files=len(scan.partitions),
        rows=f"{sum(p.rows for p in scan.partitions):,}",
        bad=f"{sum(sum(p.bad.values()) for p in scan.partitions):,}",
        repeated=f"{scan.repeated:,}",
        skewed=f"{sum(p.skewed for p in scan.partitions):,}",
        failed=len(scan.failed),
        duplicates=len(scan.duplicates),
        version=__version__,
    )
    return page


def _accused(
    scan: Scan, number: int, examples: Mapping[tuple[str, int], Sequence[str]]
) -> dict[str, Any]:
    cluster = scan.clusters[number]
    name = cluster_id(scan, cluster)
    rows = one_each(cluster.rows)
    names = sorted(clean(scan.names[int(a)], 60) for a in scan.people.accounts[cluster.accounts])
    return {
        "id": name,
        "n_accounts": f"{len(cluster.accounts):,}",
        "n_exchanges": f"{int(scan.people.exchanges[cluster.accounts].sum()):,}",
        "template_exchanges": f"{len(rows['time']):,}",
        "n_templates": len(cluster.templates),
        "p": p_text(cluster.p),
        "q": p_text(cluster.q),
        "channels": [
            {
                "name": CHANNEL_NAMES[kind],
                "counted": COUNTED[kind],
                "p": p_text(channel.p),
                "reach": f"{channel.reach:.0%}",
                "observed": f"{channel.observed:,.0f}",
                "expected": f"{channel.expected:,.1f}",
            }
            for kind, channel in cluster.channels.items()
        ],
        "facts": _facts(cluster, rows["purpose"], coverage(rows)),
        "releases": [
            (about["release"], {k: f"{n:,}" for k, n in about.items() if type(n) is int})
            for about in (after_release(rows, release) for release in scan.releases)
        ],
        "days": _days(rows["time"], scan.span, scan.releases),
        "week": _week(rows["time"]),
        "templates": [
            _template(scan, cluster, template, examples.get((name, template), ()))
            for template in busiest_templates(scan, number)[:TEMPLATES_SHOWN]
        ],
        "accounts": names[:ACCOUNTS_SHOWN],
        "more": f"{len(names) - ACCOUNTS_SHOWN:,}" if len(names) > ACCOUNTS_SHOWN else "",
    }


def _facts(cluster: Cluster, purpose: Ints, even: float) -> list[tuple[str, str]]:
    habits = cluster.habits
    facts = [
        (f"prompts that ask for {name}", f"{float((purpose >> bit & 1).mean()):.0%}")
        for bit, name in enumerate(PURPOSES)
    ]
    facts.append(("evenness of the capabilities asked for (1: all alike)", f"{even:.2f}"))
    if habits is not None:
        facts += [
            (
                "share of an account's traffic that uses the templates (median)",
                f"{habits.purity:.0%}",
            ),
            (
                "prompts that another account of the cluster sent word for word",
                f"{habits.verbatim:.0%}",
            ),
            ("cards that pay for eight in ten accounts", str(habits.payers)),
        ]
    return facts


def _other(scan: Scan, cluster: Cluster) -> dict[str, str]:
    rows = cluster.accounts if len(cluster.accounts) else cluster.group
    known = cluster.looks_like
    if known is not None:
        name, why = known.name, known.explanation
    else:
        name = "people who share prompts"
        why = "nothing besides prompts is shared beyond chance"
    return {
        "id": cluster_id(scan, cluster),
        "n_accounts": f"{len(rows):,}",
        "q": p_text(cluster.q),
        "name": name,
        "why": why,
    }


def _template(scan: Scan, cluster: Cluster, template: int, texts: Sequence[str]) -> dict[str, Any]:
    mine = cluster.rows["template"] == template
    times = cluster.rows["time"][mine]
    return {
        "key": f"{int(scan.templates.keys[template]):016x}",
        "exchanges": f"{int(mine.sum()):,}",
        "accounts": f"{len(np.unique(cluster.rows['account'][mine])):,}",
        "first": moment(int(times.min()))[:10],
        "last": moment(int(times.max()))[:10],
        "examples": [clean(text) for text in texts],
    }


def _days(times: Ints, span: tuple[int, int], releases: Sequence[str]) -> Any:
    """Draw exchanges a day as bars, with a mark at each release."""
    first = span[0] // DAY_MS
    counts = np.bincount(times // DAY_MS - first, minlength=span[1] // DAY_MS - first + 1)
    step, most = _WIDTH / len(counts), max(int(counts.max()), 1)
    floor = _TOP + _HEIGHT
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {floor + _BOTTOM}" role="img" aria-label="exchanges a day">'
    ]
    for day, count in enumerate(counts.tolist()):
        height = _HEIGHT * count / most
        parts.append(
            f'<rect class="bar" x="{day * step:.1f}" y="{floor - height:.1f}" '
            f'width="{max(step - 1, 0.5):.1f}" height="{height:.1f}">'
            f"<title>{_date(first + day)}: {count:,}</title></rect>"
        )
    # Three dates fit on a telephone, too; every bar has its own as a title.
    middle, last = (len(counts) - 1) // 2, len(counts) - 1
    dated = {0: (0.0, "start"), last: (float(_WIDTH), "end")}
    if middle not in dated:
        dated[middle] = ((middle + 0.5) * step, "middle")
    for day, (x, anchor) in dated.items():
        parts.append(
            f'<text x="{x:.1f}" y="{floor + 24}" text-anchor="{anchor}">{_date(first + day)}</text>'
        )
    parts.append(f'<text x="0" y="20">busiest day: {most:,}</text>')
    for release in releases:
        x = (release_time(release) / DAY_MS - first) * step
        if 0 <= x <= _WIDTH:
            parts.append(
                f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{floor}">'
                f"<title>release</title></line>"
            )
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 - numbers and dates of our own only


def _date(day: int) -> str:
    """Return a day since 1970 as ISO date."""
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def _week(times: Ints) -> Any:
    """Draw the hours of the week as a grid, stronger where more is asked."""
    hour = (times // 3_600_000 + 72) % 168  # 1970 began on a Thursday
    counts = np.bincount(hour, minlength=168).reshape(7, 24)
    most, step = max(int(counts.max()), 1), (_WIDTH - _LEFT) / 24
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {7 * _ROW + _BOTTOM}" role="img" '
        'aria-label="hours of the week">'
    ]
    for day, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")):
        parts.append(f'<text x="0" y="{day * _ROW + 18}">{name}</text>')
        for at, count in enumerate(counts[day].tolist()):
            parts.append(
                f'<rect class="hot" x="{_LEFT + at * step:.1f}" y="{day * _ROW}" '
                f'width="{step - 1:.1f}" height="{_ROW - 1}" '
                f'fill-opacity="{count / most:.2f}"><title>{name} {at}:00: {count:,}</title></rect>'
            )
    for at in range(0, 24, 6):
        parts.append(f'<text x="{_LEFT + at * step:.1f}" y="{7 * _ROW + 24}">{at}:00</text>')
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 - numbers of our own only

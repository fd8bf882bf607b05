"""A scan as files: clusters.json for programs, the accounts and the evidence as tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint import __version__
from fingerprint.errors import LogsError
from fingerprint.logs.clusters import Cluster, one_each
from fingerprint.logs.picks import LEAST_P
from fingerprint.logs.purpose import CAPABILITIES, PURPOSES
from fingerprint.logs.releases import after_release
from fingerprint.logs.scan import Scan
from fingerprint.logs.sketch import SKETCH_VERSION
from fingerprint.logs.tables import Columns
from fingerprint.report.safe import clean
from fingerprint.wholefile import replacing

SCHEMA = "fingerprint.logs.clusters/1"
DIGITS = 6
PROBLEMS_SHOWN = 20
CHANNEL_NAMES = {
    "prompts": "prompts",
    "payment_hash": "cards",
    "ip": "addresses",
    "asn": "networks",
    "synchrony": "synchrony",
    "takeovers": "takeovers",
}
"""Name of each channel in the results."""


LINK_NAMES = {"payment_hash": "card", "ip": "address", "asn": "network"}


def moment(ms: int) -> str:
    """Return a time as ISO 8601, to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cluster_id(scan: Scan, cluster: Cluster) -> str:
    """Name a cluster by its templates: the same log gives the same name."""
    keys = scan.templates.keys[cluster.templates]
    return f"c{int(keys.min()):016x}" if len(keys) else "c0"


def scan_to_dict(scan: Scan) -> dict[str, Any]:
    """Turn a scan into plain data, in the key order of the contract: the same log, the same."""
    bad: dict[str, int] = {}
    for partition in scan.partitions:
        for kind, n in partition.bad.items():
            bad[kind] = bad.get(kind, 0) + n
    problems = [p for partition in scan.partitions for p in partition.problems]
    return {
        "schema": SCHEMA,
        "fdr": scan.fdr,
        "clusters": [_cluster(scan, cluster) for cluster in scan.clusters],
        "log": {
            "accounts": len(scan.people),
            "exchanges": scan.exchanges,
            "first": moment(scan.span[0]),
            "last": moment(scan.span[1]),
            "rows": sum(p.rows for p in scan.partitions),
            "bad_rows": dict(sorted(bad.items())),
            "repeated_rows": scan.repeated,
            "skewed_rows": sum(p.skewed for p in scan.partitions),
            "templates": scan.templates.n,
            "inputs": sorted(p.sha256 for p in scan.partitions),
        },
        "limitations": list(scan.limitations),
        "problems": sorted(problems)[:PROBLEMS_SHOWN],
        "sketches": SKETCH_VERSION,
        "version": __version__,
    }


def _cluster(scan: Scan, cluster: Cluster) -> dict[str, Any]:
    rows = cluster.accounts if len(cluster.accounts) else cluster.group
    explained = cluster.looks_like
    return {
        "id": cluster_id(scan, cluster),
        "accounts": sorted(scan.names[int(a)] for a in scan.people.accounts[rows]),
        "n_exchanges": int(scan.people.exchanges[rows].sum()),
        "p": rounded_p(cluster.p),
        "q": rounded_p(cluster.q),
        "accused": cluster.accused(scan.fdr),
        "signals": signals(scan, cluster),
        "looks_like": None
        if explained is None
        else {"name": explained.name, "explanation": explained.explanation},
    }


def signals(scan: Scan, cluster: Cluster) -> dict[str, Any]:
    """Return all that was measured of a cluster: first the channels, then what describes it."""
    out: dict[str, Any] = {
        CHANNEL_NAMES[name]: {
            "p": rounded_p(channel.p),
            "reach": rounded(channel.reach),
            "observed": rounded(channel.observed),
            "expected": rounded(channel.expected),
        }
        for name, channel in cluster.channels.items()
    }
    out["templates"] = len(cluster.templates)
    habits = cluster.habits
    if habits is None:
        return out
    out |= {
        "accounts_tested": len(cluster.group),
        "linked": rounded(habits.linked),
        "specific": rounded(habits.specific),
        "template_exchanges": habits.template_exchanges,
        "purity": rounded(habits.purity),
        "verbatim": rounded(habits.verbatim),
        "payers": habits.payers,
        "addresses_for_most": habits.addresses,
        "other_addresses": rounded(habits.elsewhere),
        "own_addresses": rounded(habits.own),
        "week_hours": habits.week_hours,
        "days": habits.days,
    }
    rows = one_each(cluster.rows)
    if not len(rows["time"]):
        return out
    out["first"], out["last"] = moment(int(rows["time"].min())), moment(int(rows["time"].max()))
    for bit, name in enumerate(PURPOSES):
        out[f"asks_for_{name}"] = rounded(float((rows["purpose"] >> bit & 1).mean()))
    out["coverage"] = rounded(coverage(rows))
    if scan.releases:
        out["releases"] = [after_release(rows, release) for release in scan.releases]
    return out


def coverage(rows: Columns) -> float:
    """Return how evenly capabilities are asked for: entropy over its maximum, 0 to 1."""
    counts = [float((rows["topics"] >> bit & 1).sum()) for bit in range(len(CAPABILITIES))]
    total = sum(counts)
    if not total:
        return 0.0
    shares = [count / total for count in counts if count]
    return -sum(s * math.log(s) for s in shares) / math.log(len(CAPABILITIES))


def rounded(value: float) -> float:
    """Keep six significant digits: more would differ between machines and say nothing."""
    return float(f"{value:.{DIGITS}g}")


def rounded_p(p: float) -> float:
    """Keep six significant digits of a p-value; tails too small for a number are not 0."""
    return rounded(max(p, LEAST_P))


def p_text(p: float) -> str:
    """Return a p-value or q-value in words."""
    if p <= LEAST_P:
        return f"< {LEAST_P:.0e}"
    return f"{p:.2g}" if p >= 1e-3 else f"{p:.1e}"


def dumps(data: Any) -> str:
    """Return JSON text, the same bytes for the same data."""
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_result(scan: Scan, out: Path, page: str) -> dict[str, Path]:
    """Write clusters.json, accounts.tsv, evidence.tsv and report.html into a folder.

    Raises
    ------
    LogsError
        When the folder cannot be written; a file is written whole or not at all.
    """
    files = {
        "clusters.json": dumps(scan_to_dict(scan)),
        "accounts.tsv": "".join(_lines(_accounts(scan))),
        "evidence.tsv": "".join(_lines(_evidence(scan))),
        "report.html": page,
    }
    written = {}
    try:
        for name, text in files.items():
            written[name] = out / name
            with replacing(written[name]) as file:
                file.write(text.encode())
    except OSError as error:
        raise LogsError(
            f"{out}: the results cannot be written: {error.strerror}; make room and run the same "
            "command again: the sketches are kept"
        ) from error
    return written


def _accounts(scan: Scan) -> Iterator[Sequence[object]]:
    """Yield every account of an accused cluster, with how much of its traffic is the cluster's."""
    yield "cluster", "account", "exchanges", "template_exchanges", "templates", "first", "last"
    n = len(scan.people)
    for cluster in scan.accused():
        name = cluster_id(scan, cluster)
        rows = one_each(cluster.rows)
        uses = np.bincount(rows["account"], minlength=n)
        first, last = np.full(n, np.iinfo(np.int64).max), np.zeros(n, dtype=np.int64)
        np.minimum.at(first, rows["account"], rows["time"])
        np.maximum.at(last, rows["account"], rows["time"])
        pairs = np.unique(cluster.rows["template"].astype(np.int64) * n + cluster.rows["account"])
        kinds = np.bincount(pairs % n, minlength=n)
        for account in cluster.accounts.tolist():
            yield (
                name,
                clean(scan.names[int(scan.people.accounts[account])]),
                int(scan.people.exchanges[account]),
                int(uses[account]),
                int(kinds[account]),
                moment(int(first[account])) if uses[account] else "",
                moment(int(last[account])) if uses[account] else "",
            )


def _evidence(scan: Scan) -> Iterator[Sequence[object]]:
    """Yield what joins each account to its cluster: templates, cards, addresses, networks.

    Two accounts with the same value are joined by it; the fewer accounts of the log have a value,
    the more it says.
    """
    yield "cluster", "account", "kind", "value", "accounts_of_cluster", "accounts_of_log"
    popularity = np.bincount(
        np.unique(scan.templates.template * np.int64(len(scan.people)) + scan.templates.account)
        // len(scan.people),
        minlength=scan.templates.n,
    )
    for cluster in scan.accused():
        name = cluster_id(scan, cluster)
        members = np.zeros(len(scan.people), dtype=np.bool_)
        members[cluster.accounts] = True
        pairs = np.unique(
            cluster.rows["template"].astype(np.int64) * len(scan.people) + cluster.rows["account"]
        )
        value, account = np.divmod(pairs, len(scan.people))
        yield from _joins(
            scan, name, "template", value, account, scan.templates.keys,
            np.maximum(popularity, np.bincount(value, minlength=scan.templates.n)),
        )  # fmt: skip
        for kind, values in cluster.shared.items():
            links = scan.people.links[kind]
            value, account = links.of(members)
            kept = np.isin(value, values)
            yield from _joins(
                scan, name, LINK_NAMES[kind], value[kept],
                account[kept], links.names, np.bincount(links.value, minlength=len(links.names)),
            )  # fmt: skip


def _joins(
    scan: Scan, cluster: str, kind: str, value: Any, account: Any, names: Any, everyone: Any
) -> Iterator[Sequence[object]]:
    inside = np.bincount(value, minlength=len(names))
    for v, a in sorted(zip(value.tolist(), account.tolist(), strict=True)):
        if inside[v] < 2:
            continue
        who = clean(scan.names[int(scan.people.accounts[a])])
        yield cluster, who, kind, f"{int(names[v]):016x}", int(inside[v]), int(everyone[v])


def _lines(rows: Iterator[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        yield "\t".join(map(str, row)) + "\n"

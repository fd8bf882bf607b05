"""Accused: the accounts of the clusters that a scan found, or that somebody lists by hand."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from fingerprint.errors import LogsError
from fingerprint.outputs.files import excerpt, load_document, read_lines, show

MOST_ACCOUNTS = 5_000_000


def read_clusters(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read accounts by cluster.

    Parameters
    ----------
    path : path
        The ``clusters.json`` of `fingerprint logs scan`, or a TSV of account and group.

    Returns
    -------
    dict of str to tuple of str
        In the order of the file, each account once a cluster.

    Raises
    ------
    LogsError
        When it is neither, or no account is in it.
    OutputsError
        When the file cannot be read.
    """
    path = Path(path)
    found = _from_tsv(path) if path.suffix == ".tsv" else _from_json(path)
    if not any(found.values()):
        raise LogsError(f"{show(path)}: expected clusters with accounts, found none in it")
    return found


def full_name(clusters: Mapping[str, Sequence[str]], name: str, where: Path) -> str:
    """Return the name of the one cluster that is called so, or whose name begins so.

    The terminal shows the beginnings of long names.

    Raises
    ------
    LogsError
        When there is none, or several.
    """
    near = [name] if name in clusters else [full for full in clusters if full.startswith(name)]
    if len(near) != 1:
        found = f"{len(near)} that begin so" if near else "none"
        listed = ", ".join((near or list(clusters))[:8])
        raise LogsError(
            f"--cluster {excerpt(name)}: expected one cluster of {show(where)}, found {found}; "
            f"it has {listed}"
        )
    return near[0]


def _from_json(path: Path) -> dict[str, tuple[str, ...]]:
    body, _ = load_document(path)
    clusters = body.get("clusters") if isinstance(body, dict) else None
    if not isinstance(clusters, list):
        raise LogsError(
            f'{show(path)}: expected an object with a list "clusters", as `fingerprint logs scan` '
            "writes it, found something else"
        )
    found: dict[str, tuple[str, ...]] = {}
    for i, cluster in enumerate(clusters):
        name = cluster.get("id") if isinstance(cluster, dict) else None
        accounts = cluster.get("accounts") if isinstance(cluster, dict) else None
        named = isinstance(name, str | int) and type(name) is not bool
        if not named or not isinstance(accounts, list):
            raise LogsError(f'{show(path)}: cluster {i}: expected "id" and a list "accounts"')
        if not all(isinstance(a, str | int) and type(a) is not bool for a in accounts):
            raise LogsError(f"{show(path)}: cluster {i}: expected accounts as texts or numbers")
        if str(name) in found:
            raise LogsError(
                f"{show(path)}: expected every cluster once, found {excerpt(name)} again"
            )
        found[str(name)] = tuple(dict.fromkeys(map(str, accounts)))
    return found


def _from_tsv(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for number, _, raw in read_lines(path):
        try:
            cells = next(csv.reader([(raw or b"").decode("utf-8")], delimiter="\t"))
        except (UnicodeDecodeError, csv.Error, StopIteration):
            cells = []
        if len(cells) != 2 or not all(cell.strip() for cell in cells):
            raise LogsError(f"{show(path)}:{number}: expected an account and a group, by a tab")
        account, group = (cell.strip() for cell in cells)
        found.setdefault(group, {})[account] = None
        if number > MOST_ACCOUNTS:
            raise LogsError(f"{show(path)}: expected at most {MOST_ACCOUNTS} lines")
    return {group: tuple(accounts) for group, accounts in found.items()}

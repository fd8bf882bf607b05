"""Example prompts of accused clusters, looked up in the log files: only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from fingerprint.errors import LogsError
from fingerprint.logs.reading import Tally, read_rows
from fingerprint.logs.result import cluster_id
from fingerprint.logs.scan import Scan
from fingerprint.logs.schema import Schema
from fingerprint.logs.sketch import Sketcher
from fingerprint.logs.store import log_files

TEMPLATES_SHOWN = 12
EXAMPLES_A_TEMPLATE = 3
LONGEST = 600


def busiest_templates(scan: Scan, cluster: int) -> list[int]:
    """Return the templates of a cluster that most of its exchanges use, by their rows."""
    names, counts = np.unique(scan.clusters[cluster].rows["template"], return_counts=True)
    order = np.lexsort((names, -counts))
    return [int(name) for name in names[order][:TEMPLATES_SHOWN]]


def example_prompts(
    scan: Scan, paths: Sequence[str], schema: Schema
) -> dict[tuple[str, int], list[str]]:
    """Return prompts of accused clusters by cluster id and template, from one more pass over files.

    The prompts are those with the smallest exchange ids, so they do not depend on the order of
    files. Files that cannot be read, and those not among the paths, have none to show.
    """
    wanted: dict[int, list[tuple[str, int]]] = {}
    for number, cluster in enumerate(scan.clusters):
        if not cluster.accused(scan.fdr):
            continue
        name = cluster_id(scan, cluster)
        for template in busiest_templates(scan, number):
            ids = np.sort(cluster.rows["id"][cluster.rows["template"] == template])
            for exchange in ids[:EXAMPLES_A_TEMPLATE].tolist():
                wanted.setdefault(int(exchange), []).append((name, template))
    ids = np.array(sorted(wanted), dtype=np.uint64)
    found: dict[int, str] = {}
    sketcher = Sketcher()
    for path in log_files(paths) if len(ids) else []:
        # What cannot be read the scan has told already; it is no reason to lose the results.
        with suppress(LogsError):
            for rows in read_rows(path, schema, Tally()):
                seen = sketcher.ids(rows)
                for row in np.flatnonzero(np.isin(seen, ids)).tolist():
                    found[int(seen[row])] = rows.prompt[row][:LONGEST]
    out: dict[tuple[str, int], list[str]] = {}
    for exchange in sorted(found):
        for place in wanted[exchange]:
            out.setdefault(place, []).append(found[exchange])
    return out

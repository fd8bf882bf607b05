"""Scores: everything measured on the open data that the calibration is fitted on and judged by.

`measure` needs the data; the file that ships beside this module holds numbers and model names
alone, so that anyone can repeat the fit and the evaluation without them.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lineage.corpus import data_digest, load_pool
from benchmarks.lineage.mixtures import Mixture, mixtures
from benchmarks.lineage.table import Row, score_pool
from benchmarks.lineage.truth import LabelledPair, labelled_pairs
from fingerprint import channels
from fingerprint.evidence import Evidence, SpreadPrior
from fingerprint.lengths import LengthPrior, fit_lengths

SHIPPED = Path(__file__).with_name("scores.json.gz")
SCHEMA = "fingerprint.lineage-scores/1"
PRIOR_DYADS = 3.0
MIN_BACKGROUND = 4
DIGITS = 6


@dataclass(frozen=True)
class Scores:
    """Rows of labelled pairs, mixtures of known dose, and what was fitted without labels."""

    rows: tuple[Row, ...]
    mixtures: tuple[Mixture, ...]
    lengths: dict[str, LengthPrior]
    spreads: dict[str, SpreadPrior]
    pools: tuple[str, ...]
    seed: int
    data_sha256: str


def measure(data: Path, pools: Sequence[str], seed: int) -> Scores:
    """Score every labelled pair in every condition and every mixture."""
    loaded = [load_pool(data, name) for name in pools]
    agreements = [channels.measure_all(pool.panel) for pool in loaded]
    lengths = {}
    for channel in channels.LENGTH_ADJUSTED:
        values = agreements[0][channel].per_prompt
        coefficients, information, _ = fit_lengths(loaded[0].panel, values, loaded[0].clean, None)
        lengths[channel] = LengthPrior(coefficients, information)
    flat = {c: SpreadPrior(1.0, 1e-6) for c in channels.NAMES}
    found = defaultdict(list)
    for pool, measured in zip(loaded, agreements, strict=True):
        rng = np.random.default_rng(seed)
        evidence = Evidence(pool.panel, measured, pool.clean, lengths, flat, rng, draws=0)
        pair = labelled_pairs(pool.panel.infos, pool.labels)[0]
        groups = evidence.groups(pair.suspect, pair.teachers)
        mask = evidence.panel.both(pair.suspect, pair.teachers[0])
        for c in channels.NAMES:
            spread = evidence.score(c, pair.suspect, pair.teachers[0], groups).spread
            relative = (spread / evidence.scatter(c, mask)) ** 2
            sampling = 1.0 / mask.sum() if measured[c].paired else 0.0
            print(f"{pool.name} {c}: ratio {relative - sampling:.4f}", file=sys.stderr)
            found[c].append(max(relative - sampling, 0.1 * sampling))
    spreads = {
        c: SpreadPrior(float(np.exp(np.mean(np.log(v)))), PRIOR_DYADS) for c, v in found.items()
    }
    rows: list[Row] = []
    mixed: list[Mixture] = []
    for pool, measured in zip(loaded, agreements, strict=True):
        rows += score_pool(pool, measured, lengths, spreads, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        evidence = Evidence(pool.panel, measured, pool.clean, lengths, spreads, rng, draws=0)
        mixed += mixtures(pool, evidence, rng)
        print(f"{pool.name}: {len(rows)} rows, {len(mixed)} mixtures", file=sys.stderr)
    kept = tuple(r for r in rows if r.n_background >= MIN_BACKGROUND)
    digest = data_digest(data, pools)
    return rounded(Scores(kept, tuple(mixed), lengths, spreads, tuple(pools), seed, digest))


def rounded(scores: Scores) -> Scores:
    """Return the scores as the file would hold them, so that both give the same calibration."""
    return from_bytes(to_bytes(scores))


def to_bytes(scores: Scores) -> bytes:
    """Write the scores: gzipped JSON, a list a column, numbers of six digits."""
    rows = [asdict(r) for r in scores.rows]
    value = {
        "schema": SCHEMA,
        "source": "computed from the open data; numbers and names of models, no text",
        "pools": list(scores.pools),
        "seed": scores.seed,
        "data_sha256": scores.data_sha256,
        "lengths": {
            c: [p.coefficients.tolist(), p.information.tolist()] for c, p in scores.lengths.items()
        },
        "spreads": {c: [p.ratio, p.weight] for c, p in scores.spreads.items()},
        "rows": _columns(rows),
        "mixtures": _columns([asdict(m) for m in scores.mixtures]),
    }
    text = json.dumps(_short(value), sort_keys=True, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def from_bytes(raw: bytes) -> Scores:
    """Read scores back.

    Raises
    ------
    ValueError
        When the schema is another one.
    """
    value = json.loads(gzip.decompress(raw))
    if value.get("schema") != SCHEMA:
        raise ValueError(f"expected scores of schema {SCHEMA}, found {value.get('schema')!r}")
    rows = []
    for row in _rows(value["rows"]):
        pair = LabelledPair(**{**row.pop("pair"), "teachers": ()})
        rows.append(Row(pair=pair, **row))
    return Scores(
        rows=tuple(rows),
        mixtures=tuple(Mixture(**m) for m in _rows(value["mixtures"])),
        lengths={
            c: LengthPrior(np.array(a), np.array(b)) for c, (a, b) in value["lengths"].items()
        },
        spreads={c: SpreadPrior(*v) for c, v in value["spreads"].items()},
        pools=tuple(value["pools"]),
        seed=value["seed"],
        data_sha256=value["data_sha256"],
    )


def load(data: Path | None, pools: Sequence[str], seed: int) -> Scores:
    """Measure on the data when they are given, else read the shipped scores."""
    return from_bytes(SHIPPED.read_bytes()) if data is None else measure(data, pools, seed)


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Turn rows into columns, nested records too; repeated names become one list each."""
    first = rows[0]
    found: dict[str, Any] = {}
    for key, value in first.items():
        values = [row[key] for row in rows]
        if isinstance(value, dict):
            found[key] = _columns(values)
        elif key != "teachers":  # places in a panel that is not here
            found[key] = values
    return found


def _rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    parts = {k: _rows(v) if isinstance(v, dict) else v for k, v in columns.items()}
    return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_short(v) for v in value]
    return value

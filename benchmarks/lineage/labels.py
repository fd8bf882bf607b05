"""Count the labels that labelled pairs get: python -m benchmarks.lineage.labels DATA.

Uses the shipped calibration, so it is not cross-validated; it shows what the rule behind the labels
does, and by name whom it would accuse wrongly.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.lineage import corpus
from benchmarks.lineage.corpus import Pool, load_pool
from benchmarks.lineage.fit import POOLS, SEED
from benchmarks.lineage.truth import LabelledPair, labelled_pairs
from fingerprint import channels
from fingerprint.alternatives import alternatives, final_label, of_other_vendors
from fingerprint.assessment import Assessment, assess
from fingerprint.calibration import shipped
from fingerprint.evidence import Evidence
from fingerprint.records import VerdictLabel

HELD_OUT = "extended"
SEEN = frozenset(name for pool in POOLS for name in corpus.POOLS[pool])


def judge(pool: Pool) -> list[tuple[LabelledPair, Assessment, str]]:
    """Label every labelled pair of a pool as `fingerprint matrix` would."""
    calibration = shipped()
    evidence = Evidence(
        pool.panel,
        channels.measure_all(pool.panel),
        pool.clean,
        calibration.lengths,
        calibration.spreads,
        np.random.default_rng(SEED),
        draws=100,
    )
    by_suspect: dict[int, list[LabelledPair]] = defaultdict(list)
    for pair in labelled_pairs(pool.panel.infos, pool.labels):
        by_suspect[pair.suspect].append(pair)
    judged = []
    for suspect, pairs in by_suspect.items():
        found = {
            (p.vendor, p.family): assess(evidence, suspect, p.teachers, calibration) for p in pairs
        }
        for pair in pairs:
            item = found[pair.vendor, pair.family]
            rivals = of_other_vendors(evidence, item, {str(k): a for k, a in found.items()})
            label = final_label(item.decided, alternatives(evidence, item, rivals))
            judged.append((pair, item, str(label)))
    return judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    shares: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for name in POOLS:
        pool = load_pool(data, name)
        for pair, item, label in judge(pool):
            counts[pair.true][label] += 1
            _name_errors(pool, pair, item, label)
            if item.share is not None and (pair.high if pair.true else pair.kind == "independent"):
                kind = "students of high confidence" if pair.true else "independents"
                shares[kind].append((item.share.estimate, item.share.low, item.share.high))
    print(f"true pairs: {dict(counts[True])}")
    print(f"false pairs: {dict(counts[False])}")
    for kind, found in shares.items():
        estimate, low, high = np.array(found).T
        target = high >= 0.999 if kind.startswith("students") else low <= 0.001
        print(
            f"{kind}: share 10/50/90 % {np.round(np.quantile(estimate, [0.1, 0.5, 0.9]), 2)}, "
            f"interval reaches the truth for {target.mean():.0%}"
        )
    pool = load_pool(data, HELD_OUT)
    held: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    print(f"\nmodels that the calibration has not seen ({HELD_OUT}):")
    for pair, item, label in judge(pool):
        if pool.panel.packs[pair.suspect].suite not in SEEN:
            held[pair.true][label] += 1
            _name_errors(pool, pair, item, label)
    print(f"true pairs: {dict(held[True])}")
    print(f"false pairs: {dict(held[False])}")


def _name_errors(pool: Pool, pair: LabelledPair, item: Assessment, label: str) -> None:
    infos = pool.panel.infos
    who = f"{infos[pair.suspect].name} x {infos[item.teacher].name}"
    if pair.true and label == VerdictLabel.NOT_SUPPORTED:
        print(f"true but not supported: {who}")
    if not pair.true and label == VerdictLabel.SUPPORTED:
        print(f"FALSE but supported: {who}")


if __name__ == "__main__":
    main()

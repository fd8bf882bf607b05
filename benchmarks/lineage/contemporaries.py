"""Closed models of 2026 against each other: python -m benchmarks.lineage.contemporaries DATA.

There is no ground truth for these; versions of one vendor should find each other, and different
vendors should not. Prints z of line starts and sentence starts for every two closed models.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.lineage.corpus import load_packs
from fingerprint import channels
from fingerprint.calibration import FUSED, shipped
from fingerprint.evidence import Evidence
from fingerprint.models import lookup
from fingerprint.panel import align
from fingerprint.records import MIN_LINEAGES

SET = "persuasion_open"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    calibration = shipped()
    panel = align([pack for pack, _ in load_packs(data, [SET])])
    infos = panel.infos
    closed = [
        i for i, info in enumerate(infos) if (k := lookup(info.name)) and k.role == "reference"
    ]
    evidence = Evidence(
        panel,
        channels.measure_all(panel),
        closed,
        calibration.lengths,
        calibration.spreads,
        np.random.default_rng(0),
        draws=0,
    )
    for x, one in enumerate(closed):
        for two in closed[x + 1 :]:
            groups = evidence.groups(one, [two])
            if len(groups) < MIN_LINEAGES:
                continue
            line, sentence = (evidence.score(c, one, two, groups).z for c in FUSED)
            kin = "one vendor" if infos[one].vendor == infos[two].vendor else ""
            print(f"{infos[one].name} x {infos[two].name}: {line:.1f} {sentence:.1f} {kin}")


if __name__ == "__main__":
    main()

"""Draw the plots of docs/validation.md from what ships: python -m benchmarks.lineage.figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from fingerprint.report import plots
from fingerprint.validation import shipped

OUT = Path("docs/figures")


def main() -> None:
    """Write one SVG a plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--format", choices=plots.FORMATS, default="svg")
    options = parser.parse_args()
    found = shipped()
    if found is None:
        raise SystemExit("expected fingerprint/data/validation.json; write it with evaluate --out")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in {
        "tippett": plots.tippett(found.pairs, found.source),
        "calibration": plots.calibration(found.pairs, found.source),
        "dose": plots.dose_curve(found.mixtures, found.source),
        "sample_size": plots.sample_size(found.sample_size, found.source),
    }.items():
        plots.save(figure, options.out / f"{name}.{options.format}")


if __name__ == "__main__":
    main()

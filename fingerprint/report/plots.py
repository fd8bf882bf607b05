"""Plots for people's own papers: matplotlib figures, and files of them.

Colours are those of Okabe and Ito (2008), told apart by all common kinds of colour vision; shapes
and lines differ too. Every figure says under it what it shows and where the figures are from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fingerprint import validation as figures
from fingerprint.errors import MissingExtraError, ReportError
from fingerprint.exhibits.records import Tree
from fingerprint.records import Verdict
from fingerprint.report import words
from fingerprint.report.safe import clean
from fingerprint.validation import AtSize, Mixture, Pair, Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"
FORMATS = ("svg", "png")
NAME_WIDTH = 34
_WIDTH = 6.4
_DPI = 200


def tippett(pairs: Sequence[Pair], source: str = "") -> Figure:
    """Plot which part of documented and of unrelated pairs reaches each log10 LR (Tippett 1968)."""
    found = figures.tippett(pairs)
    figure, axes = _new(
        3.9,
        "Pairs with at least this likelihood ratio: documented students with their teacher "
        "(solid), pairs that are not (dashed); every lineage weighs one.",
        source,
    )
    axes.step(found.llr10, found.true, where="post", color=BLUE, label="documented")
    axes.step(found.llr10, found.false, where="post", color=ORANGE, ls="--", label="not related")
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set(xlabel="log10 likelihood ratio", ylabel="part of the pairs", ylim=(0, 1.02))
    axes.legend(frameon=False)
    return figure


def calibration(pairs: Sequence[Pair], source: str = "") -> Figure:
    """Plot stated against observed probability at even odds; on the diagonal they agree."""
    bins = figures.reliability(pairs)
    figure, axes = _new(
        4.6,
        "Stated probability of learning from the teacher at even odds beforehand, against how "
        "often it was so; bars are 90% intervals over lineages.",
        source,
    )
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
    x, y = [b.stated for b in bins], [b.observed for b in bins]
    ends = [[b.observed - b.low for b in bins], [b.high - b.observed for b in bins]]
    axes.errorbar(x, y, yerr=np.clip(ends, 0, None), fmt="o", color=BLUE, capsize=3)
    axes.set(xlabel="stated", ylabel="observed", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return figure


def dose_curve(mixtures: Sequence[Mixture], source: str = "") -> Figure:
    """Plot the shares read from mixtures against their known dose."""
    doses = figures.by_dose(mixtures)
    if not doses:
        raise ReportError("expected mixtures of known dose, found none")
    figure, axes = _new(
        4.2,
        "Share read from mixtures of known dose: middle of the estimates and the range of 90% of "
        "them; on the dotted line share and dose agree.",
        source,
    )
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
    x, y = [d.dose for d in doses], [d.middle for d in doses]
    ends = [[d.middle - d.low for d in doses], [d.high - d.middle for d in doses]]
    axes.errorbar(x, y, yerr=ends, fmt="s-", color=GREEN, capsize=3, lw=1)
    axes.set(xlabel="dose", ylabel="share", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    return figure


def sample_size(points: Sequence[AtSize], source: str = "") -> Figure:
    """Plot what more prompts gave in cross-validation."""
    if not points:
        raise ReportError("expected figures by number of prompts, found none")
    listed = sorted(points, key=lambda point: point.prompts)
    figure, axes = _new(
        3.9,
        "Recall at 1% false pairs (squares) and cost of the likelihood ratios in bits "
        "(circles, lower is better) by number of prompts.",
        source,
    )
    x = [point.prompts for point in listed]
    axes.plot(x, [point.recall for point in listed], "s-", color=BLUE, label="recall")
    axes.plot(x, [point.cllr for point in listed], "o--", color=ORANGE, label="Cllr")
    axes.set(xlabel="prompts", xscale="log", ylim=(0, 1.02))
    axes.set_xticks(x, [f"{n:,}" for n in x])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


def ranking(verdict: Verdict) -> Figure:
    """Plot every teacher with its share and interval, the strongest on top."""
    rows = [row for row in verdict.ranking if words.attributed(row) is not None]
    rows = sorted(rows, key=words.strongest_first)
    if not rows:
        raise ReportError("the verdict has no teacher with a share: there is nothing to plot")
    level = words.percent(rows[0].share.level) if rows[0].share else ""
    figure, axes = _new(
        1.9 + 0.32 * len(rows),
        f"Share of {_name(verdict.suspect.name)} attributable to each teacher on "
        f"{words.count(verdict.n_prompts, 'common prompt')}, with {level} intervals; numbers are "
        "log10 likelihood ratios. The teacher asked about is filled.",
        _source(verdict),
    )
    for place, row in enumerate(rows):
        share, llr10 = words.attributed(row), words.evidence(row)
        assert share is not None
        asked = row.teacher == verdict.teacher.name
        axes.plot([share.low, share.high], [place, place], color=BLUE, lw=2)
        face = BLUE if asked else "white"
        axes.plot(share.estimate, place, "o", color=BLUE, markerfacecolor=face, markersize=7)
        if llr10 is not None:
            axes.text(1.04, place, words.signed(llr10), va="center")
    axes.set_yticks(range(len(rows)), [_name(row.teacher) for row in rows])
    axes.set(xlabel="share", xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
    return figure


def dendrogram(tree: Tree, verdict: Verdict) -> Figure:
    """Plot which models group together by how their lines start; the pair asked about is marked."""
    named = {verdict.suspect.name, *verdict.suspect.versions}
    taught = {verdict.teacher.name, *verdict.teacher.versions}
    figure, axes = _new(
        1.9 + 0.2 * len(tree.names),
        "Models by agreement of their line starts at the same prompts, average linkage; suspect "
        "bold orange with a star, teacher bold blue with a square. Models that join late are alike "
        "to no other.",
        _source(verdict),
    )
    order = _branches(axes, tree)
    axes.yaxis.tick_right()
    labels = []
    for leaf in order:
        mark = " \u2605" if tree.names[leaf] in named else ""
        mark = mark or (" \u25a0" if tree.names[leaf] in taught else "")
        labels.append(f"{_name(tree.names[leaf])} ({_name(tree.lineages[leaf], 16)}){mark}")
    axes.set_yticks(range(len(order)), labels)
    for tick, leaf in zip(axes.yaxis.get_major_ticks(), order, strict=True):
        if tree.names[leaf] in named:
            tick.label2.set(color=ORANGE, weight="bold")
        elif tree.names[leaf] in taught:
            tick.label2.set(color=BLUE, weight="bold")
    axes.set(xlabel="distance (0: the closest pair)", ylim=(len(order) - 0.5, -0.5))
    axes.set_xlim(left=0)
    axes.spines["left"].set_visible(False)
    axes.invert_xaxis()
    return figure


def _branches(axes: Axes, tree: Tree) -> list[int]:
    """Draw the merges; return the leaves from top to bottom."""
    n = len(tree.names)
    leaves: dict[int, list[int]] = {i: [i] for i in range(n)}
    for number, (one, two, _, _) in enumerate(tree.merges):
        leaves[n + number] = leaves[one] + leaves[two]
    order = leaves[n + len(tree.merges) - 1] if tree.merges else list(range(n))
    height = dict.fromkeys(range(n), 0.0)
    place = {leaf: float(at) for at, leaf in enumerate(order)}
    for number, (one, two, distance, _) in enumerate(tree.merges):
        joined = n + number
        axes.plot(
            [height[one], distance, distance, height[two]],
            [place[one], place[one], place[two], place[two]],
            color=GREY,
            lw=1.2,
        )
        height[joined] = distance
        place[joined] = (place[one] + place[two]) / 2
    return order


def write_plots(
    folder: Path,
    formats: Sequence[str],
    verdict: Verdict,
    tree: Tree | None = None,
    validation: Validation | None = None,
) -> tuple[Path, ...]:
    """Write every plot that there are data for.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    formats : sequence of str
        Of `FORMATS`.
    verdict : Verdict
    tree : Tree, optional
    validation : Validation, optional

    Returns
    -------
    tuple of Path
        The files; the same inputs give the same bytes with the same matplotlib.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    made: dict[str, Any] = {}
    if any(words.attributed(row) is not None for row in verdict.ranking):
        made["ranking"] = ranking(verdict)
    if tree is not None:
        made["dendrogram"] = dendrogram(tree, verdict)
    if validation is not None:
        if validation.pairs:
            made["tippett"] = tippett(validation.pairs, validation.source)
            made["calibration"] = calibration(validation.pairs, validation.source)
        if validation.mixtures:
            made["dose"] = dose_curve(validation.mixtures, validation.source)
        if validation.sample_size:
            made["sample_size"] = sample_size(validation.sample_size, validation.source)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in made.items():
        for kind in formats:
            path = folder / f"{name}.{kind}"
            save(figure, path)
            paths.append(path)
    return tuple(paths)


def save(figure: Figure, path: Path) -> None:
    """Save a figure without a date in it."""
    import matplotlib as mpl

    metadata: dict[str, Any] = {"Software": None} if path.suffix == ".png" else {"Date": None}
    with mpl.rc_context({"svg.hashsalt": "fingerprint", "svg.fonttype": "path"}):
        figure.savefig(path, dpi=_DPI, metadata=metadata)


def _new(height: float, caption: str, source: str) -> tuple[Figure, Axes]:
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingExtraError("plots", "matplotlib", "report") from error
    text = f"{caption} Source: {clean(source, 300)}." if source else caption
    lines = textwrap.wrap(text, 98)
    room = 0.16 * len(lines) + 0.12
    foot = room / (height + room)
    layout = ConstrainedLayoutEngine(rect=(0, foot, 1, 1 - foot))
    figure = Figure(figsize=(_WIDTH, height + room), layout=layout)
    figure.text(0.02, 0.02, "\n".join(lines), fontsize=7.5, color="#333333", va="bottom")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _name(text: str, limit: int = NAME_WIDTH) -> str:
    """Make a name safe: no escape of ours, and no mathematics of matplotlib's."""
    return clean(text, limit, keep_end=True).replace("$", r"\$")


def _source(verdict: Verdict) -> str:
    share = verdict.share
    fitted = f", calibration {share.calibration}" if share is not None else ""
    return f"fingerprint {verdict.version}{fitted}, seed {verdict.seed}"

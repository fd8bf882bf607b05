"""Plots: figures of the data given, readable without colour, the same bytes every time."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from test_report_terminal import make_share, make_verdict

from fingerprint import validation
from fingerprint.errors import MissingExtraError, ReportError
from fingerprint.exhibits.records import Tree
from fingerprint.records import RankingRow
from fingerprint.report import plots
from fingerprint.validation import AtSize, Mixture, Pair, Validation, by_dose, reliability, tippett

RNG = np.random.default_rng(3)
PAIRS = tuple(
    Pair(float(value), true, f"line-{int(line)}")
    for true, middle in ((True, 0.5), (False, -0.5))
    for value, line in zip(RNG.normal(middle, 0.5, 60), RNG.integers(8, size=60), strict=True)
)
MIXTURES = tuple(
    Mixture(dose, float(np.clip(dose + e, 0, 1)), max(0.0, dose - 0.3), min(1.0, dose + 0.3))
    for dose in (0.0, 0.25, 0.5, 1.0)
    for e in RNG.normal(0, 0.1, 20)
)
SIZES = (AtSize(100, 0.6, 0.24), AtSize(25, 0.3, 0.36))
VALIDATION = Validation(PAIRS, MIXTURES, SIZES, "invented figures")
TREE = Tree(
    ("suspect-x", "$a$ \x1b[31m", "teacher-a", "b"),
    ("l1", "l2", "l3", "l4"),
    ((0, 2, 0.1, 2), (1, 3, 0.4, 2), (4, 5, 0.9, 4)),
)


def texts(figure):
    return " ".join(
        t.get_text() for t in figure.findobj(lambda o: hasattr(o, "get_text")) if t.get_text()
    )


def figures():
    verdict = make_verdict()
    return {
        "tippett": plots.tippett(PAIRS, "here"),
        "calibration": plots.calibration(PAIRS, "here"),
        "dose": plots.dose_curve(MIXTURES, "here"),
        "sample_size": plots.sample_size(SIZES, "here"),
        "ranking": plots.ranking(verdict),
        "dendrogram": plots.dendrogram(TREE, verdict),
    }


def test_every_figure_is_labelled_and_names_its_source():
    for name, figure in figures().items():
        assert isinstance(figure, Figure)
        said = texts(figure)
        assert re.search(r"Source:\s(here|fingerprint 0\.\d)", said), name
        (axes,) = figure.axes
        assert axes.get_xlabel()
        assert axes.get_ylabel() or len(axes.get_yticklabels()) > 1 or name == "sample_size"


def test_a_tippett_plot_shows_the_parts():
    axes = plots.tippett(PAIRS).axes[0]
    true, false = axes.lines[0], axes.lines[1]
    assert true.get_linestyle() != false.get_linestyle()  # told apart without colour
    assert true.get_color() != false.get_color()
    for line in (true, false):
        y = line.get_ydata()
        assert y[0] == pytest.approx(1.0)
        assert (np.diff(y) <= 1e-12).all()


def test_tippett_weighs_lineages_by_hand():
    pairs = [
        Pair(1.0, True, "a"),
        Pair(0.0, True, "a"),
        Pair(0.0, True, "b"),
        Pair(-1.0, False, "c"),
    ]
    found = tippett(pairs)
    assert found.llr10.tolist() == [-1.0, 0.0, 1.0]
    assert found.true.tolist() == [1.0, 1.0, 0.25]
    assert found.false.tolist() == [1.0, 0.0, 0.0]


def test_stated_and_observed_agree_where_the_ratios_are_right():
    """LRs drawn so that they are right: normal scores with the log ratio of two normals."""
    rng = np.random.default_rng(1)
    listed = []
    for true, middle in ((True, 1.0), (False, -1.0)):
        for i, x in enumerate(rng.normal(middle, np.sqrt(2.0), 4000)):
            listed.append(Pair(float(x / np.log(10)), true, f"{true}{i}"))
    for found in reliability(listed):
        assert found.stated == pytest.approx(found.observed, abs=0.04)
        assert found.low <= found.observed <= found.high


def test_wilson_against_scipy():
    from scipy.stats import binomtest

    for hits, n in ((0, 5), (3, 12), (12, 12), (30, 100)):
        known = binomtest(hits, n).proportion_ci(0.9, method="wilson")
        assert validation._wilson(hits / n, n) == pytest.approx((known.low, known.high), abs=1e-4)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans(), st.sampled_from("abc")), max_size=30))
def test_any_pairs_are_summed_up_or_refused(rows):
    pairs = [Pair(*row) for row in rows]
    if len({pair.true for pair in pairs}) < 2:
        with pytest.raises(ReportError, match="expected pairs of documented"):
            reliability(pairs)
        return
    bins = reliability(pairs)
    assert sum(b.pairs for b in bins) == len(pairs)
    assert all(0 <= b.low <= b.high <= 1 for b in bins)


def test_doses_are_summed_up():
    for dose in by_dose(MIXTURES):
        here = [m.estimate for m in MIXTURES if m.dose == dose.dose]
        assert dose.middle == pytest.approx(np.median(here))
        assert dose.low <= dose.middle <= dose.high
        assert dose.mixtures == 20
        assert 0 <= dose.covered <= 1


def test_the_ranking_shows_shares_and_ratios():
    said = texts(plots.ranking(make_verdict()))
    assert "teacher-a" in said
    assert "+0.6" in said
    assert "teacher-late" not in said  # it has no number


def test_the_tree_marks_the_two_and_keeps_hostile_names_text():
    figure = plots.dendrogram(TREE, make_verdict())
    said = texts(figure)
    assert "suspect-x (l1) ★" in said
    assert "teacher-a (l3) ■" in said
    assert r"\$a\$ \x1b[31m" in said
    ticks = figure.axes[0].yaxis.get_major_ticks()
    assert sum(tick.label2.get_weight() == "bold" for tick in ticks) == 2


def test_files_are_the_same_every_time(tmp_path):
    made = []
    for name in ("one", "two"):
        paths = plots.write_plots(tmp_path / name, ("svg", "png"), make_verdict(), TREE, VALIDATION)
        made.append({p.name: p.read_bytes() for p in paths})
    assert made[0] == made[1]
    assert set(made[0]) == {
        f"{name}.{kind}"
        for name in ("ranking", "dendrogram", "tippett", "calibration", "dose", "sample_size")
        for kind in ("svg", "png")
    }
    for name, raw in made[0].items():
        assert raw[:4] in (b"\x89PNG", b"<?xm"), name
        assert b"<script" not in raw


def test_only_what_there_are_data_for(tmp_path):
    paths = plots.write_plots(tmp_path, ("svg",), make_verdict(ranking=()), None, None)
    assert paths == ()
    with pytest.raises(ReportError, match="nothing to plot"):
        plots.ranking(make_verdict(ranking=()))
    with pytest.raises(ReportError, match="mixtures"):
        plots.dose_curve(())
    with pytest.raises(ReportError, match="number of prompts"):
        plots.sample_size(())


def test_a_dollar_in_a_name_is_no_formula(tmp_path):
    row = RankingRow("$\\frac{1}{0}$", 0.1, make_share(), "inconclusive")
    figure = plots.ranking(make_verdict(ranking=(row, replace(row, teacher="^{_$"))))
    plots.save(figure, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_figures_of_the_benchmark_are_read():
    raw = {
        "pairs": [{"llr10": 0.5, "true": True, "lineage": "a"}],
        "mixtures": [{"dose": 0.5, "estimate": 0.4, "low": 0.1, "high": 0.8}],
        "sample_size": [{"prompts": 50, "recall": 0.4, "cllr": 0.3}],
    }
    found = validation.read(json.dumps(raw).encode(), "validation.json")
    assert found.pairs == (Pair(0.5, True, "a"),)
    assert found.mixtures == (Mixture(0.5, 0.4, 0.1, 0.8),)
    assert found.sample_size == (AtSize(50, 0.4, 0.3),)
    for name in raw:
        with pytest.raises(ReportError, match=r"validation\.json"):
            validation.read(json.dumps({**raw, name: [{}]}).encode(), "validation.json")


def test_the_shipped_figures_can_be_read():
    found = validation.shipped()
    if found is not None:
        assert found.pairs or found.mixtures


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"fingerprint\[report\]"):
        plots.tippett(PAIRS)

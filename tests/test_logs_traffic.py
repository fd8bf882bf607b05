"""Simulated traffic: the same from the same seed, and made as its parameters say."""

import json
from dataclasses import replace

import numpy as np
import pytest
from logs_data import TRAFFIC, read_all

from fingerprint.errors import LogsError
from fingerprint.logs.traffic import PRESETS, Campaign, Traffic, preset, simulate
from fingerprint.logs.traffic.write import make_plan

SMALL = replace(TRAFFIC, accounts=150, lookalikes=0.1, days=4)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    written = simulate(SMALL, tmp_path_factory.mktemp("log") / "a", file_format="jsonl")
    return written, json.loads(written.truth.read_text()), read_all(written.folder)


def test_the_same_traffic_gives_the_same_bytes(log, tmp_path):
    again = simulate(SMALL, tmp_path / "b", file_format="jsonl")
    assert [p.name for p in again.files] == [p.name for p in log[0].files]
    for one, other in zip(log[0].files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert again.truth.read_bytes() == log[0].truth.read_bytes()
    other = simulate(replace(SMALL, seed=99), tmp_path / "c", file_format="jsonl")
    assert other.files[0].read_bytes() != again.files[0].read_bytes()


@pytest.mark.parametrize("file_format", ["jsonl.gz", "parquet"])
def test_formats_hold_the_same_rows(log, tmp_path, file_format):
    from fingerprint.logs.reading import Tally, read_rows
    from fingerprint.logs.schema import DEFAULT

    pytest.importorskip("pyarrow")
    written = simulate(SMALL, tmp_path / "b", file_format=file_format)
    for path, plain in zip(written.files, log[0].files, strict=True):
        one, other = (
            [r for rows in read_rows(p, DEFAULT, Tally()) for r in zip(rows.time, rows.prompt)]  # noqa: B905
            for p in (path, plain)
        )
        assert one == other


def test_truth_and_log_agree(log):
    written, truth, rows = log
    assert len(rows) == written.rows == truth["rows"]
    counts = {}
    for r in rows:
        counts[r["account_id"]] = counts.get(r["account_id"], 0) + 1
    for name, about in truth["accounts"].items():
        assert about["exchanges"] == counts.get(name, 0)
    assert {"person", "campaign", "harness", "agents", "labelling", "classroom", "team"} <= {
        about["role"] for about in truth["accounts"].values()
    }
    times = [r["timestamp"] for r in rows]
    assert times == sorted(times)
    assert all(
        path.parent.name == f"date={json.loads(path.read_text().splitlines()[0])['timestamp'][:10]}"
        for path in written.files
    )


def test_campaigns_mix_as_much_as_they_are_told():
    for mixing in (0.01, 0.1, 0.5):
        traffic = Traffic(
            accounts=50, days=7, lookalikes=0,
            campaigns=(Campaign("c", 60, 400, mixing, cards=1.0, card_accounts=6),),
        )  # fmt: skip
        plan = make_plan(traffic)
        work = len(plan.sources) - 1 - traffic.libraries - 1
        accounts = np.concatenate([row[0] for row in plan.rows])
        sources = np.concatenate([row[2] for row in plan.rows])
        mine = np.asarray(plan.roles)[accounts] == "campaign"
        share = (sources[mine] == work).mean()
        assert share == pytest.approx(mixing, rel=0.15)
        cards = {c for c, role in zip(plan.cards, plan.roles, strict=True) if role == "campaign"}
        assert 3 <= len(cards) <= 25


def test_people_are_zipf_like_bursty_and_sleep(log):
    _, truth, rows = log
    people = {n for n, about in truth["accounts"].items() if about["role"] == "person"}
    counts = np.sort([truth["accounts"][n]["exchanges"] for n in people])[::-1]
    assert counts[: len(counts) // 20].sum() > 0.2 * counts.sum()
    assert np.median(counts) < counts.mean()
    hours = np.bincount([int(r["timestamp"][11:13]) for r in rows], minlength=24)
    assert hours.max() > 1.3 * hours.min()


def test_presets_have_the_scale_of_the_disclosures():
    for name in PRESETS:
        assert preset(name).accounts > 0
    for name, accounts, exchanges in (
        ("february-2026", 24_000, 16e6), ("june-2026", 25_000, 28.8e6),
    ):  # fmt: skip
        campaigns = preset(name).campaigns
        assert sum(c.accounts for c in campaigns) == accounts
        work = sum(c.accounts * c.exchanges * c.mixing for c in campaigns)
        assert work == pytest.approx(exchanges, rel=0.1)
    small = preset("june-2026").scaled(0.01)
    assert small.campaigns[0].accounts == 250


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: preset("none"), "--preset none"),
        (lambda _: preset("small").scaled(0), "scale above 0"),
        (lambda _: Traffic(campaigns=(Campaign("c", 5, 5, 0.0),)), "mixing above 0"),
        (lambda _: Traffic(days=1), "2 days"),
        (lambda p: simulate(SMALL, p, file_format="csv"), "expected a format"),
        (lambda p: simulate(SMALL, p.parent), "new or empty folder"),
    ],
)
def test_what_cannot_be_made_is_said(tmp_path, make, message):
    (tmp_path / "x").mkdir()
    with pytest.raises(LogsError, match=message):
        make(tmp_path / "x")


def test_the_command_line(cli, tmp_path):
    out = tmp_path / "log"
    ran = cli("logs", "simulate", "--out", out, "--preset", "june-2026", "--scale", "0.0001",
              "--log-format", "nothing")  # fmt: skip
    assert "expected a format" in ran.failed_alone()
    assert "--preset x" in cli("logs", "simulate", "--out", out, "--preset", "x").failed_alone()

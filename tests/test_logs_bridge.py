from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import Model, lineages, pack_of, prompts

from fingerprint import compare
from fingerprint.bundle.verifying import verify
from fingerprint.errors import FindingError, LogsError
from fingerprint.findings import BRIDGE_CAP10, read_finding, weigh
from fingerprint.logs import bridge as module
from fingerprint.logs.accused import full_name, read_clusters
from fingerprint.logs.arms import Arms, adjusted, lay_out
from fingerprint.logs.bridge import Bridge, bridge
from fingerprint.logs.bridgefile import (
    About,
    answer,
    limits,
    to_dict,
)
from fingerprint.logs.served import (
    MOST_SERVED,
    Exchange,
    Matched,
    check_record,
    match,
    read_served,
    write_suite,
)
from fingerprint.packs import Pack
from fingerprint.pvalues import bound10, llr10
from fingerprint.records import ChannelResult, Outputs, Party, Response
from fingerprint.units import prompt_key

DAY = 86_400_000
START = 1_770_000_000_000
"""February 2026."""


def retold(text: str, own: str, rng: random.Random, kept: float = 0.5) -> str:
    words = own.split()
    return "\n".join(
        " ".join(w if rng.random() < kept else rng.choice(words) for w in line.split(" "))
        for line in text.split("\n")
    )


class World:
    """A teacher, a suspect that says at some prompts what was served, and unrelated models."""

    def __init__(
        self,
        seed: int,
        n: int = 40,
        absorbed: float = 0.0,
        served: int = 1,
        unserved: int = 3,
        student: bool = False,
        background: int = 0,
        accounts: int = 8,
    ) -> None:
        made = lineages(seed, ("teacher", "suspect", "one", "two", "three"))
        rng = random.Random(seed)
        self.teacher = Model(f"teacher-{seed}", made["teacher"])
        taught = made["teacher"] if student else None
        self.own = Model(f"suspect-{seed}", made["suspect"], taught, 1.0 if student else 0.0)
        self.suite = prompts(n, tag=f"s{seed}")
        self.matched, said = [], []
        for i, (_, prompt, _) in enumerate(self.suite):
            texts = [self.teacher.answer(prompt, a) for a in range(served + unserved)]
            account = f"acc-{i % accounts}"
            exchanges = tuple(
                Exchange(START + 1000 * i + a, account, prompt, text, "teacher")
                for a, text in enumerate(texts[:served])
            )
            key = prompt_key(prompt, "")
            self.matched.append(Matched(key, prompt, exchanges, tuple(texts[served:])))
            text = self.own.answer(prompt)
            if rng.random() < absorbed:
                text = retold(rng.choice(texts[:served]), text, rng)
            said.append(text)
        self.said = said
        self.suspect = self.pack("suspect", said)
        self.background = []
        for name in ("one", "two", "three")[:background]:
            other = Model(name, made[name])
            texts = [other.answer(prompt) for _, prompt, _ in self.suite]
            self.background.append(self.pack(name, texts))

    def outputs(self, name: str, texts: Sequence[str]) -> Outputs:
        rows = zip(self.suite, texts, strict=True)
        return Outputs(name, tuple(Response(i, p, t) for (i, p, _), t in rows))

    def pack(self, name: str, texts: Sequence[str]) -> Pack:
        return pack_of(self.outputs(name, texts))

    def run(self, **more: Any) -> Bridge:
        given = {"background": self.background, "seed": 1, "draws": 100} | more
        return bridge([self.suspect], self.matched, **given)


def about(**more: Any) -> About:
    given: dict[str, Any] = {
        "cluster": "c-1", "teachers": ("teacher",), "accounts": 8, "rows": 100, "own": 40,
        "late": 0, "left_out": 0, "bad": {}, "sources": (),
    }  # fmt: skip
    return About(**(given | more))


# --- the test


def enumerated(arms: Arms, values: np.ndarray, labels: np.ndarray) -> float:
    """Go through every way to choose the served responses, groups together, without convolution."""
    groups = [np.flatnonzero(labels == g) for g in np.unique(labels)]
    options, observed = [], 0.0
    for group in groups:
        s = min(int(arms.served[p]) for p in group)
        u = min(int(arms.total[p] - arms.served[p]) for p in group)
        sums = []
        for chosen in itertools.combinations(range(s + u), s):
            value = 0.0
            for p in group:
                first = int(arms.served[p])
                row = [*values[p, :s], *values[p, first : first + u]]
                rest = [row[i] for i in range(s + u) if i not in chosen]
                value += float(np.mean([row[i] for i in chosen]) - np.mean(rest))
            sums.append(value)
        observed += sums[0]
        options.append(sums)
    every = np.array([sum(pick) for pick in itertools.product(*options)])
    return float((every >= observed - 1e-9).mean())


@pytest.mark.parametrize(("served", "unserved"), [(1, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("grouped", [False, True])
def test_p_is_that_of_the_enumeration(served: int, unserved: int, grouped: bool) -> None:
    made = World(5, n=24, served=served, unserved=unserved, absorbed=0.3)
    arms = lay_out([made.suspect], made.matched)
    rng = np.random.default_rng(3)
    few = replace(arms, served=arms.served[:12].copy(), total=arms.total[:12].copy())
    if not grouped:
        few = replace(few, served=few.served[:7], total=few.total[:7])
    n = len(few.served)
    values = rng.integers(-3, 4, size=(n, served + unserved)).astype(float)
    labels = np.arange(n) // 3 if grouped else np.arange(n)
    if grouped and unserved > 1:
        few.total[0] -= 1
        values[0, -1] = np.nan
    groups, p = module._test(few, values, labels)
    assert groups == len(np.unique(labels))
    assert p == pytest.approx(enumerated(few, values, labels), rel=1e-9)


def test_labels_of_served_and_unserved_do_not_move_what_is_measured() -> None:
    """Under H0 any response could be the served one: nothing but the labels may depend on it."""
    made = World(6, n=40, unserved=2, absorbed=0.6)
    swapped = [
        replace(m, served=(replace(m.served[0], response=m.unserved[1]),),
                unserved=(m.unserved[0], m.served[0].response))
        for m in made.matched
    ]  # fmt: skip
    one = bridge([made.suspect], made.matched, seed=1, draws=100)
    two = bridge([made.suspect], swapped, seed=1, draws=100)
    assert one.p < 0.01
    assert two.p > 0.1
    assert one.effect.estimate > 0 > two.effect.estimate


@pytest.mark.parametrize(
    ("student", "served", "unserved", "background"), [(False, 1, 3, 1), (True, 2, 2, 0)]
)
def test_false_positives_keep_to_the_level(
    student: bool, served: int, unserved: int, background: int
) -> None:
    from scipy import stats

    runs = [
        World(
            700 + i, 20, served=served, unserved=unserved, student=student, background=background
        ).run()
        for i in range(40)
    ]
    p = np.array([run.groupings[0].p for run in runs])
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert (p <= 0.05).mean() <= 0.05 + 0.09
    assert np.mean([run.p <= 0.05 for run in runs]) <= 0.05 + 0.09
    assert np.mean([not run.reliable for run in runs]) <= 0.1
    assert np.mean([10 ** llr10(run.p, BRIDGE_CAP10) for run in runs]) < 1.8


def test_a_suspect_that_took_in_what_was_served_leans_towards_it() -> None:
    found = World(11, n=120, absorbed=0.25, background=2).run()
    assert found.p < 1e-3
    assert found.effect.low > 0
    assert found.wins.low > 0.5
    assert found.reliable
    assert {c.name for c in found.channels} == {
        "line_starts", "sentence_starts", "openings", "phrases",
    }  # fmt: skip
    assert min(c.p for c in found.channels) < 1e-3
    all_of_it = World(11, n=60, absorbed=1.0).run()
    assert all_of_it.wins.estimate > 0.9
    assert all_of_it.effect.estimate > found.effect.estimate


def test_more_absorbed_shows_more() -> None:
    p = [World(22, n=80, absorbed=share).run().p for share in (0.0, 0.2, 0.6)]
    assert p[0] > 0.01 > p[1] > p[2]


def test_templates_and_accounts_are_permuted_together() -> None:
    made = World(12, n=60, absorbed=1.0, accounts=30)
    found = {g.by: g for g in made.run().groupings}
    assert {by: g.groups for by, g in found.items()} == {
        "prompt": 60, "template": 1, "account": 30,
    }  # fmt: skip
    assert found["template"].p == pytest.approx(0.25)
    assert found["prompt"].p < found["account"].p < 1e-6
    assert made.run().p == found["account"].p
    few = World(12, n=60, absorbed=1.0, accounts=3).run()
    assert few.p == next(g.p for g in few.groupings if g.by == "prompt")


def test_the_seed_moves_the_interval_and_not_the_p_value() -> None:
    made = World(13, n=40, absorbed=0.2)
    one, same, other = made.run(seed=1), made.run(seed=1), made.run(seed=2)
    assert one == same
    assert one.p == other.p
    assert one.effect.low != other.effect.low


def test_covariates_are_taken_out_within_prompts() -> None:
    rng = np.random.default_rng(1)
    form = rng.normal(size=(50, 3))
    level = rng.normal(size=(50, 1))
    values = 2 * form + level
    values[3, 2] = np.nan
    left = adjusted(values, [form])
    assert np.isnan(left[3, 2])
    assert np.nanmax(np.abs(left)) < 1e-9
    plain = adjusted(values, [])
    assert np.nansum(plain, axis=1) == pytest.approx(np.zeros(50), abs=1e-9)


# --- guards


def _changed(made: World, change: Any) -> World:
    made.matched = [
        replace(m, served=tuple(replace(e, response=change(e.response)) for e in m.served))
        for m in made.matched
    ]
    return made


def test_another_length_makes_the_channel_unreliable() -> None:
    cut = _changed(World(31, n=60), lambda text: "\n".join(text.split("\n")[:-2]))
    found = cut.run()
    assert {c.name for c in found.checks if c.passed is False} >= {"same lines", "same words"}
    assert not found.reliable
    assert "says nothing" in answer(found, about())
    assert to_dict(found, about())["llr10"] is None


def test_refusals_make_the_channel_unreliable() -> None:
    rng = random.Random(1)
    refused = _changed(
        World(32, n=60),
        lambda text: "I'm sorry, but I can't help with that." if rng.random() < 0.3 else text,
    )
    assert "same refusals" in {c.name for c in refused.run().checks if c.passed is False}


def test_another_temperature_makes_the_channel_unreliable() -> None:
    made = World(33, n=60, unserved=4)
    made.matched = [replace(m, unserved=(m.unserved[0],) * 4) for m in made.matched]
    found = made.run()
    assert "same spread" in {c.name for c in found.checks if c.passed is False}


def test_a_placebo_that_leans_makes_the_channel_unreliable() -> None:
    made = World(34, n=80, background=2)
    rng = random.Random(2)
    leaning = [retold(m.served[0].response, "x y", rng, 0.7) for m in made.matched]
    made.background[1] = made.pack("two", leaning)
    failed = {c.name for c in made.run().checks if c.passed is False}
    assert failed == {"placebo two"}


def test_equal_responses_say_nothing() -> None:
    made = World(35, n=40, unserved=2)
    made.matched = [replace(m, unserved=(m.served[0].response,) * 2) for m in made.matched]
    found = made.run()
    assert found.p == 1
    assert found.identical == 1
    assert any("temperature 0" in said for said in limits(found, about()))


def test_too_few_prompts_are_refused() -> None:
    made = World(36, n=25)
    with pytest.raises(LogsError, match="19 prompts have an answer"):
        bridge([made.suspect], made.matched[:19], seed=1)
    other = World(37, n=25)
    with pytest.raises(LogsError, match="0 prompts"):
        bridge([other.suspect], made.matched, seed=1)
    with pytest.raises(LogsError, match="0 prompts"):
        bridge([made.suspect], [], seed=1)


def test_records_are_compared() -> None:
    made = World(38, n=25)

    def regenerated(**more: Any) -> Outputs:
        rows = [Response(i, p, "x", **more) for (i, p, _) in made.suite]
        return Outputs("teacher", tuple(rows))

    same, time = check_record(made.matched, [regenerated()])
    assert (same.passed, time.passed) == (True, None)
    other, _ = check_record(made.matched, [regenerated(served_model="teacher-2")])
    assert other.passed is False
    silent = [replace(m, served=(replace(m.served[0], model=""),)) for m in made.matched]
    assert check_record(silent, [regenerated()])[0].passed is None
    for days, passed in ((10, True), (200, None)):
        at = {"collected_at": (START + days * DAY) / 1000}
        assert check_record(made.matched, [regenerated(extra=at)])[1].passed is passed


# --- reading the logs


def rows(n: int, account: str = "a", **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "account_id": account, "timestamp": START / 1000 + i, "prompt": f"What of {i}?",
            "response": f"Answer {account} {i}.", "model": "teacher",
        } | more
        for i in range(n)
    ]  # fmt: skip


def put(path: Path, lines: Sequence[object]) -> Path:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    path.write_text(text, "utf-8")
    return path


def test_served_responses_are_those_of_the_cluster(tmp_path: Path) -> None:
    log = put(
        tmp_path / "log.jsonl",
        [*rows(5), *rows(5, "b"), *rows(5, "z"), "{bad\n", *rows(1, "a", response=None),
         *rows(1, "a", timestamp="never"), *rows(5)],
    )  # fmt: skip
    found = read_served([log], {"a", "b"})
    assert len(found.by_prompt) == 5
    exchanges = found.by_prompt[prompt_key("what of  0?", "")]
    assert [e.account for e in exchanges] == ["a", "b"]  # one delivered twice counts once
    assert (found.accounts, found.rows, found.own) == (2, 23, 15)
    assert sum(found.bad.values()) == 3
    many = put(tmp_path / "many.jsonl", [r for a in "abcdefgh" for r in rows(1, a)])
    (only,) = read_served([many], set("abcdefgh")).by_prompt.values()
    assert [e.account for e in only] == list("abc")
    assert len(only) == MOST_SERVED
    with pytest.raises(LogsError, match="found none in 23 rows"):
        read_served([log], {"nobody"})
    with pytest.raises(LogsError, match="found none in the folder"):
        read_served([tmp_path / "x"], {"a"}) if (tmp_path / "x").mkdir() is None else None


def test_parquet_and_other_columns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fingerprint.logs.schema import Schema

    table = [{"who": r["account_id"], **{k: r[k] for k in r if k != "account_id"}} for r in rows(4)]
    (tmp_path / "date=2026-02-02").mkdir()
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "date=2026-02-02" / "p.parquet")
    found = read_served([tmp_path], {"a"}, schema=Schema.of({"account_id": "who"}))
    assert len(found.by_prompt) == 4
    assert {e.model for of in found.by_prompt.values() for e in of} == {"teacher"}


def test_the_draw_of_prompts_is_fair_bounded_and_independent_of_order(tmp_path: Path) -> None:
    lines = rows(200)
    one = read_served([put(tmp_path / "1.jsonl", lines)], {"a"}, most=30, seed=1)
    random.Random(1).shuffle(lines)
    two = read_served([put(tmp_path / "2.jsonl", lines)], {"a"}, most=30, seed=1)
    other = read_served([tmp_path / "2.jsonl"], {"a"}, most=30, seed=2)
    assert list(one.by_prompt) == list(two.by_prompt)
    assert len(one.by_prompt) == 30
    assert one.more == two.more == 170
    assert list(one.by_prompt) != list(other.by_prompt)


def test_what_was_served_after_the_release_is_left_out(tmp_path: Path) -> None:
    lines = [*rows(3), *rows(3, "b", timestamp="2026-06-01T00:00:00Z")]
    log = put(tmp_path / "log.jsonl", lines)
    for before, late in (("2026-02-02", 3), ("2026-01", 6), ("2026", 0), (None, 0)):
        found = read_served([log], {"a", "b"}, before=before)
        assert found.late == late
    assert len(read_served([log], {"a", "b"}, before="2026-03").by_prompt) == 3


def test_matching_is_by_the_text_of_the_prompt(tmp_path: Path) -> None:
    found = read_served([put(tmp_path / "l.jsonl", rows(3))], {"a"})
    others = Outputs(
        "teacher",
        tuple(
            Response(f"x{i}-{s}", f" what of {i}? ", f"Other {i} {s}.", sample=s)
            for s in (1, 0)
            for i in (0, 1, 9)
        ),
    )
    matched = match(found, [others])
    assert {m.prompt for m in matched} == {"What of 0?", "What of 1?"}
    assert all(m.unserved[0].endswith(" 0.") and m.unserved[1].endswith(" 1.") for m in matched)
    write_suite(tmp_path / "s.jsonl", found)
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert {line["prompt"] for line in lines} == {f"What of {i}?" for i in range(3)}
    assert len({line["prompt_id"] for line in lines}) == 3


# --- what it is worth


def test_the_likelihood_ratio_is_never_more_than_the_p_value_earns() -> None:
    p = np.linspace(1e-6, 1, 200_001)
    ratios = np.array([10 ** llr10(float(x), BRIDGE_CAP10) for x in p])
    assert np.trapezoid(ratios, p) <= 1.0
    assert all(llr10(x, BRIDGE_CAP10) <= bound10(x) + 1e-12 for x in (1e-9, 1e-4, 0.01, 0.05, 0.3))
    assert llr10(1e-300, BRIDGE_CAP10) == BRIDGE_CAP10
    assert llr10(1.0, BRIDGE_CAP10) == pytest.approx(np.log10(0.5))
    assert llr10(0.9999, BRIDGE_CAP10) == pytest.approx(np.log10(0.5), abs=1e-3)
    # 1 / (-e p ln p) at 0.01: 7.988
    assert 10 ** bound10(0.01) == pytest.approx(7.988, abs=1e-3)
    assert bound10(0.5) == 0
    # (1 - p + p ln p) / (p ln^2 p) at 0.01: 4.4517
    assert 10 ** llr10(0.01, BRIDGE_CAP10) == pytest.approx(4.4517, abs=1e-3)


def _file(path: Path, found: Bridge, **more: Any) -> Path:
    path.write_text(json.dumps(to_dict(found, about()) | more))
    return path


def _row(path: Path) -> ChannelResult:
    teacher = Party("teacher", "teacher", None, (), ("teacher",), 1, None, False)
    suspect = replace(teacher, name="suspect", versions=("suspect",))
    (row,) = weigh([read_finding(path)], suspect, teacher).channels
    return row


def test_a_bridge_becomes_a_channel(tmp_path: Path) -> None:
    found = World(41, n=60, absorbed=0.5).run()
    row = _row(_file(tmp_path / "b.json", found))
    assert (row.name, row.status, row.n_prompts) == ("bridge", "measured", 60)
    assert row.llr10 == pytest.approx(llr10(found.p, BRIDGE_CAP10))
    lying = _row(_file(tmp_path / "b.json", found, llr10=9.0, cap10=9.0))
    assert lying.llr10 == row.llr10
    failed = replace(found, checks=(replace(found.checks[0], passed=False),))
    bad = _row(_file(tmp_path / "b.json", failed))
    assert (bad.status, bad.llr10) == ("unreliable", None)
    assert "same words" in (bad.reason or "")


@pytest.mark.parametrize("more", [{"schema": "x"}, {"p": 0}, {"p": "0.1"}, {"effect": 3}])
def test_files_that_are_no_bridge_are_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    found = World(42, n=20).run()
    with pytest.raises(FindingError):
        _row(_file(tmp_path / "b.json", found, **more))


# --- the command line and the verdict


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, World]:
    """Logs with ordinary traffic, a cluster of 8 accounts, regenerated responses, a suspect."""
    made = World(52, n=60, absorbed=0.5, background=2)
    log = [
        {
            "account_id": e.account, "timestamp": e.time, "prompt": e.prompt,
            "response": e.response, "model": "teacher",
        }
        for m in made.matched
        for e in m.served
    ]  # fmt: skip
    log += rows(40, "other")
    random.Random(1).shuffle(log)
    put(tmp_path / "log.jsonl", log)
    accounts = [f"acc-{i}" for i in range(8)]
    clusters = {"clusters": [{"id": "c-1", "accounts": accounts}]}
    (tmp_path / "clusters.json").write_text(json.dumps(clusters))
    put(
        tmp_path / "controls.jsonl",
        [
            {
                "prompt_id": str(m.key), "prompt": m.prompt, "response": text, "model": "teacher",
                "sample": s, "vendor": "maker",
            }
            for m in made.matched
            for s, text in enumerate(m.unserved)
        ],
    )  # fmt: skip

    def answers(name: str, texts: Sequence[str], **more: Any) -> None:
        lines = [
            {"prompt_id": i, "prompt": p, "response": t, "model": name} | more
            for (i, p, _), t in zip(made.suite, texts, strict=True)
        ]
        put(tmp_path / f"{name}.jsonl", lines)

    answers("suspect", made.said, released="2027-01-01")
    answers("clean", [made.own.answer(p) for _, p, _ in made.suite])
    made_others = lineages(52, ("teacher", "suspect", "one", "two", "three"))
    for name in ("one", "two", "three"):
        answers(name, [Model(name, made_others[name]).answer(p) for _, p, _ in made.suite])
    return tmp_path, made


def _command(folder: Path, suspect: str, *more: object) -> tuple[object, ...]:
    return (
        "logs", "bridge", "--cluster", "c-1", "--clusters", folder / "clusters.json", "--logs",
        folder / "log.jsonl", "--suspect", folder / f"{suspect}.jsonl", "--controls",
        folder / "controls.jsonl", *more,
    )  # fmt: skip


def test_bridge_on_the_command_line(cli: Any, case: tuple[Path, World]) -> None:
    folder, _ = case
    out = folder / "bridge.json"
    shown = cli(*_command(folder, "suspect", "--background", folder / "one.jsonl", "--out", out))
    assert shown.code == 0, shown.err
    assert "appears to lean towards the responses served to cluster c-1" in shown.out.replace(
        "\n", " "
    )
    assert max(map(len, shown.out.splitlines())) <= 80
    body = json.loads(out.read_text())
    assert body["status"] == "measured"
    assert body["n_prompts"] == 60
    assert body["rows"] == {"read": 100, "of_cluster": 60, "late": 0, "bad": {}}
    assert {c["name"]: c["passed"] for c in body["checks"]}["same model"] is True
    again = cli(*_command(folder, "suspect", "--background", folder / "one.jsonl", "--format",
                          "json"))  # fmt: skip
    assert again.out == out.read_text()
    clean = cli(*_command(folder, "clean", "--format", "json")).json()
    assert clean["p"] > 0.01
    assert "no more" in clean["answer"]


def test_suite_on_the_command_line(cli: Any, case: tuple[Path, World]) -> None:
    folder, made = case
    common = _command(folder, "x")[:8]
    done = cli(*common, "--suite", folder / "suite.jsonl", "--prompts", 25)
    assert done.code == 0, done.err
    assert "25 prompts of" in done.out
    lines = [json.loads(x) for x in (folder / "suite.jsonl").read_text().splitlines()]
    assert {x["prompt"] for x in lines} <= {p for _, p, _ in made.suite}
    assert "or --suite" in cli(*common).failed_alone()


def test_mistakes_on_the_command_line_are_one_line(cli: Any, case: tuple[Path, World]) -> None:
    folder, _ = case
    wrong = list(_command(folder, "suspect"))
    wrong[3] = "c-9"
    assert "found none; it has c-1" in cli(*wrong).failed_alone()
    (folder / "two.tsv").write_text("a\tc-10\nb\tc-11\nc\td-1\n")
    assert full_name(read_clusters(folder / "two.tsv"), "d", folder) == "d-1"
    wrong[3], wrong[5] = "c-1", folder / "two.tsv"
    assert "found 2 that begin so; it has c-10, c-11" in cli(*wrong).failed_alone()
    related = _command(folder, "suspect", "--background", folder / "suspect.jsonl")
    assert "its own lineage" in cli(*related).failed()
    live = list(_command(folder, "suspect"))
    live[live.index("--suspect") + 1] = "openai:some-model"
    assert "collect --model openai:some-model --suite FILE" in cli(*live).failed_alone()
    both = _command(folder, "suspect", "--controls", folder / "none.jsonl")
    assert "no such file" in cli(*both).failed()
    (folder / "schema.toml").write_text('response = "nothing"\n')
    empty = _command(folder, "suspect", "--schema", folder / "schema.toml")
    assert "with prompt and response" in cli(*empty).failed()


def test_a_verdict_shows_the_bridge(cli: Any, case: tuple[Path, World], tmp_path: Path) -> None:
    folder, _ = case
    cli(*_command(folder, "suspect", "--out", folder / "bridge.json"))
    background = [folder / f"{name}.jsonl" for name in ("one", "two", "three")]
    bridge = [folder / "bridge.json"]
    asked = (folder / "suspect.jsonl", folder / "controls.jsonl")
    verdict = compare(*asked, background=background)
    shown = compare(*asked, background=background, findings=bridge)
    assert shown.channels[:-1] == verdict.channels
    assert shown.channels[-1].name == "bridge"
    assert shown.llr10 == verdict.llr10
    (added,) = set(shown.limitations) - set(verdict.limitations)
    assert "(bridge) stand beside the answer" in added
    assert shown.verdict == verdict.verdict
    assert shown.inputs[-1].path == str(folder / "bridge.json")
    with pytest.raises(FindingError, match="expected a finding on clean, found one on suspect"):
        compare(folder / "clean.jsonl", asked[1], background=background, findings=bridge)
    swapped = [folder / "controls.jsonl", *background[1:]]
    with pytest.raises(FindingError, match="expected a finding on one"):
        compare(asked[0], folder / "one.jsonl", background=swapped, findings=bridge)
    words = [
        "compare", "--suspect", asked[0], "--teacher", asked[1],
        *(word for path in background for word in ("--background", path)),
        "--finding", folder / "bridge.json",
    ]  # fmt: skip
    *_, last = cli(*words, "--format", "json").json()["channels"]
    assert (last["name"], last["status"], last["n_prompts"]) == ("bridge", "measured", 60)
    assert "exact p" in cli(*words).out
    assert cli(*words, "--report", tmp_path / "report").code == 0
    (folder / "bridge.json").unlink()
    assert verify(tmp_path / "report" / "bundle.zip").difference is None

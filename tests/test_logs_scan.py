"""Whole scans of small simulated logs: what is found, and that nothing is lost on the way."""

import contextlib
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from logs_data import ORGANIC, TRAFFIC, row, words, write_jsonl

import fingerprint.logs.store as store
from fingerprint.errors import LogsError
from fingerprint.logs.engine import Local
from fingerprint.logs.page import DAY_MS, render
from fingerprint.logs.result import (
    dumps,
    moment,
    one_each,
    p_text,
    rounded_p,
    scan_to_dict,
    write_result,
)
from fingerprint.logs.scan import memory_in_mb, scan
from fingerprint.logs.tables import Limits, SketchError, account_names, connect
from fingerprint.logs.traffic import simulate

pytest.importorskip("duckdb")
pytest.importorskip("sknetwork")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A log with two campaigns and look-alikes, its truth, and the result of one scan of it."""
    folder = tmp_path_factory.mktemp("world")
    written = simulate(TRAFFIC, folder / "log", file_format="jsonl")
    found = scan([str(written.folder)], folder / "out")
    truth = json.loads(written.truth.read_text())["accounts"]
    return written, truth, found, dumps(scan_to_dict(found))


@pytest.fixture
def sketched(world, tmp_path):
    """A folder with the sketches of the whole log, to be asked again."""
    shutil.copytree(world[0].folder.parents[1] / "out", tmp_path / "out")
    return tmp_path / "out"


def test_both_campaigns_are_found_and_nobody_else(world):
    _, truth, _, text = world
    result = json.loads(text)
    assert result["schema"] == "fingerprint.logs.clusters/1"
    accused = [c for c in result["clusters"] if c["accused"]]
    named = [account for c in accused for account in c["accounts"]]
    assert len(named) == len(set(named))
    campaign = {name for name, about in truth.items() if about["role"] == "campaign"}
    assert len(campaign & set(named)) / len(named) >= 0.95
    assert len(campaign & set(named)) / len(campaign) >= 0.85
    assert {truth[name]["group"] for name in set(named) & campaign} == {"loud", "quiet"}


def test_the_contract_of_clusters(world):
    _, truth, _, text = world
    result = json.loads(text)
    assert result["clusters"]
    for cluster in result["clusters"]:
        assert {"id", "accounts", "n_exchanges", "p", "q", "signals", "looks_like"} <= set(cluster)
        assert set(cluster["accounts"]) <= set(truth)
        assert cluster["n_exchanges"] == sum(truth[a]["exchanges"] for a in cluster["accounts"])
        assert 0 <= cluster["p"] <= cluster["q"] <= 1
        assert cluster["accused"] == (cluster["q"] <= 0.01 and cluster["looks_like"] is None)
    assert result["log"]["exchanges"] == sum(about["exchanges"] for about in truth.values())
    # Look-alikes do act together: what keeps them apart is the explanation, not a lack of power.
    explained = [c for c in result["clusters"] if c["q"] <= 0.01 and c["looks_like"]]
    assert len(explained) >= 2


def test_an_organic_log_has_no_campaign(tmp_path):
    written = simulate(ORGANIC, tmp_path / "log", file_format="jsonl")
    found = scan([str(written.folder)], tmp_path / "out")
    assert found.accused() == []
    assert found.clusters


def test_how_the_log_is_cut_into_files_does_not_matter(world, tmp_path):
    written, _, _, text = world
    lines = [line for path in written.files for line in path.read_bytes().splitlines()]
    half = len(lines) // 2
    # In another order, other sizes, one compressed, and a third of the rows twice.
    write_jsonl(tmp_path / "in" / "b.jsonl.gz", lines[half:])
    write_jsonl(tmp_path / "in" / "a.jsonl", lines[: half + 1000][::-1])
    write_jsonl(tmp_path / "in" / "c.jsonl", lines[::3])
    found = scan([str(tmp_path / "in")], tmp_path / "out")
    assert found.repeated == 1000 + len(lines[::3])
    again, first = json.loads(dumps(scan_to_dict(found))), json.loads(text)
    assert again["clusters"] == first["clusters"]


def test_tomorrows_log_adds_to_todays(world, tmp_path):
    written, _, _, text = world
    files = [str(path) for path in written.files]
    scan(files[:4], tmp_path / "out")
    found = scan(files[4:], tmp_path / "out")
    assert dumps(scan_to_dict(found)) == text


def test_what_was_sketched_is_not_read_again(world, sketched):
    assert dumps(scan_to_dict(scan([], sketched))) == world[3]


def test_two_processes_give_the_same_bytes_as_one(world, tmp_path):
    written, _, _, text = world
    found = scan([str(written.folder)], tmp_path / "out", engine=Local(2), memory="1GB")
    assert dumps(scan_to_dict(found)) == text


def test_a_killed_scan_goes_on_where_it_was(world, tmp_path):
    written, _, _, text = world
    command = [
        sys.executable, "-c", "from fingerprint.cli.main import main; main()",
        "logs", "scan", str(written.folder), "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    root = str(Path(store.__file__).parents[2])
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out/sketches/[!.]*/done.json"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {p: p.stat().st_mtime_ns for p in tmp_path.glob("out/sketches/[!.]*/done.json")}
    assert 2 <= len(done) < len(written.files)
    found = scan([str(written.folder)], tmp_path / "out")
    assert dumps(scan_to_dict(found)) == text
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert list(tmp_path.glob("out/sketches/.*")) == []


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(world, tmp_path, monkeypatch):
    written, _, _, text = world
    calls = []
    real = store.write_table

    def full(connection, columns, path):
        calls.append(path)
        if len(calls) > 10:
            raise OSError(28, "No space left on device")
        real(connection, columns, path)

    monkeypatch.setattr(store, "write_table", full)
    with pytest.raises(SketchError, match=r"No space left on device; make room and run the same"):
        scan([str(written.folder)], tmp_path / "out")
    kept = list(tmp_path.glob("out/sketches/[!.]*/done.json"))
    assert len(kept) == 2
    assert list(tmp_path.glob("out/sketches/.*")) == []
    monkeypatch.undo()
    assert dumps(scan_to_dict(scan([str(written.folder)], tmp_path / "out"))) == text


def test_a_full_disk_in_the_database_is_one_clear_error(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [row()])
    code = (
        "import resource, sys; from pathlib import Path; from fingerprint.logs.scan import scan;"
        "from fingerprint.logs.tables import Limits, SketchError, account_names, connect\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"try: scan([{str(path)!r}], Path({str(tmp_path / 'out')!r}))\n"
        "except SketchError as error: print('refused:', error)"
    )
    root = str(Path(store.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.startswith("refused: "), done.stdout + done.stderr
    assert "done so far is kept" in done.stdout or "finished files are kept" in done.stdout


def test_a_disk_that_is_full_for_the_results_keeps_what_was_there(world, sketched):
    """No file may grow beyond 4 KiB: the sketches are read, the results cannot be written."""
    text = world[3]
    (sketched / "clusters.json").write_text("of yesterday")
    code = (
        "import resource, signal, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from fingerprint.cli.main import main; main()"
    )
    root = str(Path(store.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, "logs", "scan", "--out", str(sketched)],
        env={**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "the results cannot be written: File too large" in line
    assert "run the same command again: the sketches are kept" in line
    assert (sketched / "clusters.json").read_text() == "of yesterday"
    assert {p.name for p in sketched.iterdir()} == {".lock", "sketches", "clusters.json"}
    found = scan([], sketched)
    write_result(found, sketched, render(found, {}))
    assert (sketched / "clusters.json").read_text() == text


def test_a_full_disk_is_called_by_its_name(tmp_path):
    import duckdb

    limits = Limits(200, 1, str(tmp_path / ".spill"))
    with (
        pytest.raises(SketchError, match=f"^{tmp_path}: No space left on device; make room"),
        connect(limits),
    ):
        raise duckdb.IOException('Async write failed: {"message": "No space left on device"}')


def test_a_worker_that_is_killed_is_one_clear_error_and_nothing_is_lost(
    world, tmp_path, monkeypatch
):
    written, _, _, text = world
    out = tmp_path / "out"
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.002):
            kept = len(list(out.glob("sketches/[!.]*/done.json")))
            at_work = [p.name for p in out.glob("sketches/.*-*") if list(p.glob("*.parquet"))]
            if kept >= 2 and at_work:
                with contextlib.suppress(ProcessLookupError):  # it was done a moment ago
                    os.kill(int(at_work[0].split("-")[1]), signal.SIGKILL)
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(LogsError, match=r"a worker was ended from outside.*so far is kept"):
            scan([str(written.folder)], out, engine=Local(2), memory="1GB")
    finally:
        stop.set()
        killer.join()
    done = {p: p.stat().st_mtime_ns for p in out.glob("sketches/[!.]*/done.json")}
    assert 2 <= len(done) < len(written.files)
    found = scan([str(written.folder)], out, engine=Local(2), memory="1GB")
    assert dumps(scan_to_dict(found)) == text
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert list(out.glob("sketches/.*")) == []


def test_accounts_of_any_text_are_read_and_keep_their_names(tmp_path):
    rng = np.random.default_rng(0)
    evil = ["a\ud800", "b\t\n\x1b[2J\u202e", "c\0", "'; DROP TABLE x; --"]
    rows = [
        row(evil[i % 4], i * 60, words(rng, 20) + evil[0], ip=evil[0], payment_hash=evil[2])
        for i in range(80)
    ]
    found = scan([str(write_jsonl(tmp_path / "a.jsonl", rows))], tmp_path / "out")
    assert found.exchanges == 80 and not found.failed
    limits = Limits(200, 1, str(tmp_path / ".spill"))
    paths = store.table_paths(tmp_path / "out" / "sketches", "names")
    names = account_names(paths, found.people.accounts, limits)
    assert set(names.values()) == {"a\ufffd", *evil[1:]}


def test_what_is_wrong_with_a_log_is_told_on_the_command_line(tmp_path, cli):
    rng = np.random.default_rng(0)
    rows = [row(f"a{i % 40}", i * 60, words(rng, 20)) for i in range(300)]
    late = [row(f"a{i}", 86_400 * 9 + i, words(rng, 20)) for i in range(7)]
    day = tmp_path / "in" / "date=2026-01-01"
    broken = ["{", row(prompt=None), row(second=4e9), "[]", b"\xff"]
    write_jsonl(day / "a.jsonl", [*rows, *late, *broken])
    shutil.copy(day / "a.jsonl", day / "b.jsonl")
    write_jsonl(day / "c.jsonl", [{"user": "x", "text": "y"}])
    (day / "d.jsonl.gz").write_bytes(b"no gzip at all")
    ran = cli("logs", "scan", tmp_path / "in", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert f"not read: {day}/c.jsonl" in ran.err and "map them with --schema FILE" in ran.err
    assert f"not read: {day}/d.jsonl.gz" in ran.err
    assert f"{day}/b.jsonl: has the same bytes as another file; read once" in ran.err
    assert f"5 bad rows were counted and passed over, the first: {day}/a.jsonl:308: " in ran.err
    assert "7 rows lie more than 36 hours from the date of their folder: check clocks" in ran.err
    log = json.loads((tmp_path / "out" / "clusters.json").read_text())["log"]
    assert log["rows"] == 312 == log["exchanges"] + sum(log["bad_rows"].values())
    assert log["skewed_rows"] == 7
    assert sorted(log["bad_rows"].values()) == [1, 1, 1, 1, 1]


def test_bad_rows_bad_files_and_duplicates_are_counted(tmp_path):
    rng = np.random.default_rng(0)
    rows = [row(f"a{i % 40}", i * 60, words(rng, 20)) for i in range(400)]
    folder = tmp_path / "in"
    write_jsonl(folder / "a.jsonl", [*rows[:200], "{", row(prompt=None)])
    write_jsonl(folder / "b.jsonl", rows[200:])
    shutil.copy(folder / "b.jsonl", folder / "copy of b.jsonl")
    (folder / "c.parquet").write_bytes(b"PAR1 but no more")
    write_jsonl(folder / "d.jsonl", [{"who": "x"}])
    found = scan([str(folder)], tmp_path / "out")
    assert found.exchanges == 400 and found.repeated == 0
    assert [Path(path).name for path in found.duplicates] == ["copy of b.jsonl"]
    assert [Path(problem.path).name for problem in found.failed] == ["c.parquet", "d.jsonl"]
    log = scan_to_dict(found)["log"]
    assert log["bad_rows"] == {"no prompt": 1, "not JSON": 1}
    assert log["rows"] == 402
    with pytest.raises(LogsError, match="--strict stops at the first bad row"):
        scan([str(folder)], tmp_path / "strict", strict=True)


@pytest.mark.parametrize(
    ("paths", "message"),
    [([], "found none"), (["none.jsonl"], "none there"), (["no*thing"], "none there"),
     (["."], "expected files")],
)  # fmt: skip
def test_nothing_to_read(tmp_path, monkeypatch, paths, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LogsError, match=message):
        scan(paths, tmp_path / "out")


def test_only_one_scan_at_a_time_in_a_folder(tmp_path):
    with store.opened(tmp_path / "out"), pytest.raises(LogsError, match="another scan"):
        scan([], tmp_path / "out")


@pytest.mark.parametrize("text", ["2", "GB", "-1GB", "2 parsecs", "10MB", ""])
def test_sizes_of_memory_are_checked(text):
    with pytest.raises(LogsError, match="--memory"):
        memory_in_mb(text)
    assert memory_in_mb("2GB") == 2000 and memory_in_mb("1.5 GiB") == 1610


def test_a_damaged_sketch_is_named(sketched):
    next(sketched.glob("sketches/[!.]*/done.json")).write_text("{}")
    with pytest.raises(LogsError, match="remove the folder"):
        scan([], sketched)


def test_a_file_read_with_another_schema_does_not_count_twice(tmp_path, cli):
    rng = np.random.default_rng(0)
    rows = [row(f"a{i % 40}", i * 60, words(rng, 20), response="yes") for i in range(200)]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "s.toml").write_text('prompt = "response"\n')
    out = tmp_path / "out"
    wrong = cli("logs", "scan", path, "--out", out, "--schema", tmp_path / "s.toml")
    assert wrong.code == 0, wrong.err
    (older,) = (out / "sketches").iterdir()
    ran = cli("logs", "scan", path, "--out", out)
    assert "found two, so that its rows would count twice; remove the sketch" in ran.failed()
    assert f"({older} is the older" in ran.failed()
    shutil.rmtree(older)
    assert cli("logs", "scan", path, "--out", out, "--format", "json").json()["log"]["rows"] == 200


def test_what_a_dead_worker_left_is_not_read(world, sketched, monkeypatch):
    """A machine of a cluster may die in the middle of a scan; nobody tidies up before its end."""
    monkeypatch.setattr(store.shutil, "rmtree", lambda *_, **__: None)
    whole = next(sketched.glob("sketches/[!.]*"))
    shutil.copytree(whole, whole.with_name(f".{whole.name}-1-00"))
    half = whole.with_name(f".{whole.name}-1-01")
    half.mkdir()
    for table in store.TABLES:
        (half / f"{table}-00000.parquet").write_bytes(b"PAR1 and no more")
    assert dumps(scan_to_dict(scan([], sketched))) == world[3]
    assert half.exists()


def test_sketches_of_another_version_are_not_mixed_in(sketched):
    done = next(sketched.glob("sketches/[!.]*/done.json"))
    done.write_text(done.read_text().replace(store.SKETCH_VERSION, "sketch/0"))
    with pytest.raises(LogsError, match=r"expected a sketch of version .*, found sketch/0"):
        scan([], sketched)


# --- what is written


def test_the_page_is_self_contained_and_escaped(world, tmp_path):
    _, _, found, _ = world
    bad = '<script>alert(1)</script> "\x1b[2J\u202e'
    number, cluster = next((i, c) for i, c in enumerate(found.clusters) if c.accused(0.01))
    from fingerprint.logs.examples import busiest_templates
    from fingerprint.logs.result import cluster_id

    template = busiest_templates(found, number)[0]
    page = render(found, {(cluster_id(found, cluster), template): [bad]})
    assert "<script" not in page and "\x1b" not in page and "\u202e" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import|https?:", page)
    assert page.count("<svg") == page.count("</svg>") == 2 * len(found.accused())
    for about in scan_to_dict(found)["clusters"]:
        assert about["id"] in page


def test_prompts_are_hashed_unless_asked_for(world, sketched, cli):
    written, truth, *_ = world
    prompts = {
        json.loads(line)["prompt"]
        for line in written.files[0].read_text().splitlines()
        if truth[json.loads(line)["account_id"]]["role"] == "campaign"
    }
    long = {prompt[:60] for prompt in prompts if len(prompt) > 80 and prompt.isascii()}
    ran = cli("logs", "scan", "--out", sketched)
    assert ran.code == 0, ran.err
    names = {p.name for p in sketched.iterdir() if not p.name.startswith(".")}
    assert names == {"sketches", "clusters.json", "accounts.tsv", "evidence.tsv", "report.html"}
    for path in sketched.iterdir():
        if path.suffix in (".json", ".tsv", ".html"):
            text = path.read_text()
            assert not any(prompt in text for prompt in long)
    ran = cli("logs", "scan", written.folder, "--out", sketched, "--show-prompts")
    assert ran.code == 0, ran.err
    shown = re.findall(r"<pre>(.*?)</pre>", (sketched / "report.html").read_text(), re.S)
    everything = {
        html.escape(json.loads(line)["prompt"][:100])
        for path in written.files
        for line in path.read_text().splitlines()
    }
    assert shown and all(html.escape(html.unescape(text))[:100] in everything for text in shown)


def test_examples_need_the_log_and_survive_a_bad_file_in_it(world, sketched, tmp_path, cli):
    written = world[0]
    ran = cli("logs", "scan", "--out", sketched, "--show-prompts")
    assert ran.code == 0 and "give those of the log again" in ran.err
    assert "<pre>" not in (sketched / "report.html").read_text()
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but no more")
    paths = (tmp_path / "a.parquet", written.folder)
    ran = cli("logs", "scan", *paths, "--out", sketched, "--show-prompts")
    assert ran.code == 0 and "a.parquet: cannot be read as Parquet" in ran.err
    assert "<pre>" in (sketched / "report.html").read_text()


@pytest.mark.parametrize(
    ("p", "text"), [(1.0, "1"), (0.0123, "0.012"), (4.56e-7, "4.6e-07"), (0.0, "< 1e-300")]
)
def test_p_values_in_words(p, text):
    assert p_text(p) == text
    assert rounded_p(p) == (p or 1e-300)


def test_timelines_have_their_days_and_releases(world, sketched):
    found = scan([], sketched, releases=["2026-03-06"])
    page = render(found, {})
    cluster = next(c for c in found.clusters if c.accused(0.01))
    text = html.unescape(page)
    days = np.bincount(one_each(cluster.rows)["time"] // DAY_MS - found.span[0] // DAY_MS)
    drawn = re.findall(r"<title>\d{4}-\d\d-\d\d: ([\d,]+)</title>", page.split("</svg>")[0])
    assert [int(n.replace(",", "")) for n in drawn][: len(days)] == days.tolist()
    assert f"busiest day: {days.max():,}<" in text
    assert page.count('class="mark"') == len(found.accused())
    assert text.count("Release 2026-03-06: ") == len(found.accused())
    for day in (found.span[0], found.span[1]):
        assert f">{moment(day)[:10]}</text>" in page


def test_tables_of_accounts_and_evidence(world, tmp_path):
    _, truth, found, _ = world
    write_result(found, tmp_path, "page")
    accounts = [line.split("\t") for line in (tmp_path / "accounts.tsv").read_text().splitlines()]
    assert accounts[0][:2] == ["cluster", "account"]
    named = {a for c in scan_to_dict(found)["clusters"] if c["accused"] for a in c["accounts"]}
    assert {line[1] for line in accounts[1:]} == named
    for line in accounts[1:]:
        assert 2 <= int(line[3]) <= int(line[2]) == truth[line[1]]["exchanges"]
    evidence = [line.split("\t") for line in (tmp_path / "evidence.tsv").read_text().splitlines()]
    assert {line[1] for line in evidence[1:]} == named
    assert {"template", "card"} <= {line[2] for line in evidence[1:]}
    assert all(2 <= int(line[4]) <= int(line[5]) for line in evidence[1:])


def test_releases_are_compared_account_by_account(sketched):
    found = scan([], sketched, releases=["2026-03-06"])
    (release,) = scan_to_dict(found)["clusters"][0]["signals"]["releases"]
    assert release["release"] == "2026-03-06" and 0 <= release["p"] <= 1
    assert release["before"] + release["after"] > 0


def test_the_command_line(world, sketched, cli):
    written, *_, text = world
    ran = cli("logs", "scan", written.folder, "--out", sketched, "--format", "json")
    assert ran.code == 0 and ran.out == text == (sketched / "clusters.json").read_text()
    ran = cli("logs", "scan", "--out", sketched)
    assert ran.code == 0 and "consistent with a campaign" in ran.out
    for options, message in (
        (("--memory", "lots"), "--memory lots"),
        (("--fdr", "0"), "--fdr"),
        (("--release", "soon"), "--release soon"),
        (("--schema", "none.toml"), "none.toml"),
    ):
        assert message in cli("logs", "scan", "--out", sketched, *options).failed_alone()
    assert cli("logs", "scan", written.folder).code == 2


def test_a_log_without_cards_and_addresses_says_what_it_cannot_see(tmp_path):
    rng = np.random.default_rng(0)
    path = write_jsonl(
        tmp_path / "a.jsonl", [row(f"a{i % 30}", i * 50, words(rng, 15)) for i in range(300)]
    )
    found = scan([str(path)], tmp_path / "out")
    assert found.limitations[0].startswith("the log has no ip, asn, user_agent, payment_hash")
    assert found.accused() == []

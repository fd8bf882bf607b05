"""The plan written as a log: one partition a day, in order of time, with the truth beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint import __version__
from fingerprint.errors import LogsError, MissingExtraError
from fingerprint.logs.traffic.campaigns import add_campaign
from fingerprint.logs.traffic.groups import add_lookalikes
from fingerprint.logs.traffic.language import LANGUAGES, Ints, Language
from fingerprint.logs.traffic.parameters import Traffic
from fingerprint.logs.traffic.people import add_people, add_public_prompts
from fingerprint.logs.traffic.plan import DAY, Floats, Network, Plan

TRUTH_SCHEMA = "fingerprint.logs.truth/1"
FORMATS = ("jsonl", "jsonl.gz", "parquet")
_BATCH = 20_000
_AGENT_NAMES = ("python-sdk", "node-sdk", "curl", "browser", "mobile", "go-sdk")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    folder: Path
    truth: Path
    rows: int
    accounts: int
    files: tuple[Path, ...]


def make_plan(traffic: Traffic) -> Plan:
    """Draw who sends what and when; the same traffic gives the same plan."""
    rng = np.random.default_rng([traffic.seed, 1])
    languages = {
        name: Language.make(name, traffic.seed, traffic.shared_words) for name in LANGUAGES
    }
    plan = Plan(
        rng,
        traffic.days * DAY,
        languages,
        Network(np.random.default_rng(traffic.seed)),
        crowd=min(traffic.lookalikes, 1.0),
    )
    people = add_people(plan, traffic)
    for campaign in traffic.campaigns:
        add_campaign(plan, campaign)
    covers = np.array([i for i, role in enumerate(plan.roles) if role == "campaign"], np.int64)
    if traffic.lookalikes:
        add_lookalikes(plan, traffic)
    add_public_prompts(plan, traffic, np.concatenate([people, covers]))
    return plan


def simulate(
    traffic: Traffic,
    out: Path,
    *,
    file_format: str = "jsonl.gz",
    progress: Progress | None = None,
) -> Written:
    """Write a simulated log and its truth into a folder.

    The log is ``out/log/date=.../part-0.<format>``; ``out/truth.json`` has the parameters and the
    role and group of every account. The same traffic and format give the same bytes.

    Raises
    ------
    LogsError
        When the folder holds files already or cannot be written, or the format is unknown.
    """
    if file_format not in FORMATS:
        raise LogsError(f"expected a format of {', '.join(FORMATS)}, found {file_format!r}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LogsError(f"{out}: expected a new or empty folder for the log, found something there")
    plan = make_plan(traffic)
    account, time, source, item, address = (
        np.concatenate(column) for column in zip(*plan.rows, strict=True)
    )
    plan.rows.clear()
    order = np.argsort(time, kind="stable")
    names = _account_names(plan, traffic)
    writer = _Writer(plan, traffic, names)
    epoch = np.datetime64(traffic.start, "ms").astype(np.int64)
    files: list[Path] = []
    try:
        for day in range(traffic.days):
            low, high = np.searchsorted(time, [day * DAY, (day + 1) * DAY], sorter=order)
            if low == high:
                continue
            date = str(np.datetime64(traffic.start, "D") + day)
            path = out / "log" / f"date={date}" / f"part-0.{file_format}"
            path.parent.mkdir(parents=True, exist_ok=True)
            with _open(path, file_format) as write:
                for start in range(low, high, _BATCH):
                    rows = order[start : min(start + _BATCH, high)]
                    rng = np.random.default_rng([traffic.seed, 2, int(start)])
                    write(
                        writer.batch(
                            rng, account[rows], time[rows], source[rows], item[rows],
                            address[rows], int(epoch),
                        )
                    )  # fmt: skip
            files.append(path)
            if progress is not None:
                progress("days written", day + 1, traffic.days)
        truth = out / "truth.json"
        _write_truth(truth, plan, traffic, names, account)
    except OSError as error:
        raise LogsError(f"{out}: cannot be written: {error.strerror}") from error
    return Written(out / "log", truth, len(order), len(plan.roles), tuple(files))


def _account_names(plan: Plan, traffic: Traffic) -> list[str]:
    """Name accounts so that neither name nor order says anything of the role."""
    numbers = np.random.default_rng([traffic.seed, 3]).permutation(len(plan.roles)).tolist()
    return [f"acct-{number:07d}" for number in numbers]


def _write_truth(path: Path, plan: Plan, traffic: Traffic, names: list[str], account: Ints) -> None:
    counts = np.bincount(account, minlength=len(names)).tolist()
    truth = {
        "schema": TRUTH_SCHEMA,
        "version": __version__,
        "traffic": asdict(traffic),
        "rows": len(account),
        "accounts": {
            name: {"role": role, "group": group, "exchanges": n}
            for name, role, group, n in sorted(
                zip(names, plan.roles, plan.groups, counts, strict=True)
            )
        },
    }
    path.write_text(json.dumps(truth, indent=1, sort_keys=True), encoding="utf-8")


class _Writer:
    """Turns rows of the plan into records."""

    def __init__(self, plan: Plan, traffic: Traffic, names: list[str]) -> None:
        self._plan, self._traffic, self._names = plan, traffic, names
        self._homes = [np.asarray(h) for h in plan.homes]
        self._english = plan.languages["en"]

    def batch(
        self,
        rng: np.random.Generator,
        account: Ints,
        time: Floats,
        source: Ints,
        item: Ints,
        address: Ints,
        epoch: int,
    ) -> list[dict[str, Any]]:
        n = len(account)
        prompts = np.empty(n, dtype=object)
        for number in np.unique(source).tolist():
            rows = np.flatnonzero(source == number)
            prompts[rows] = self._plan.sources[number].render(rng, item[rows])
        answers = self._english.answers(rng, n, self._traffic.response_words)
        stamps = np.datetime_as_string(
            (epoch + (time * 1000).astype(np.int64)).astype("datetime64[ms]"), timezone="UTC"
        ).tolist()
        use = rng.random(n) ** 2
        plan, records = self._plan, []
        for row, who in enumerate(account.tolist()):
            homes = self._homes[who]
            place = int(address[row])
            if place < 0:
                place = int(homes[int(use[row] * len(homes))])
            network = plan.network.owners[place]
            prompt = prompts[row]
            agent = plan.agents[who]
            records.append(
                {
                    "account_id": self._names[who],
                    "timestamp": stamps[row],
                    "prompt": prompt,
                    "response": answers[row],
                    "ip": f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}",
                    "asn": f"AS{64512 + network}",
                    "user_agent": f"{_AGENT_NAMES[agent % 6]}/1.{agent}",
                    "payment_hash": f"card-{plan.cards[who]:06d}",
                    "input_tokens": len(prompt) // 4 + 1,
                    "output_tokens": len(answers[row]) // 4 + 1,
                }
            )
        if self._traffic.broken:
            for row in np.flatnonzero(rng.random(n) < self._traffic.broken).tolist():
                records[row] = {"damaged": records[row]["timestamp"]}
        return records


@contextmanager
def _open(path: Path, file_format: str) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Open a partition for batches of records."""
    if file_format == "parquet":
        with _open_parquet(path) as write:
            yield write
        return
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with path.open("wb") as plain:
        packed = (
            gzip.GzipFile(filename="", fileobj=plain, mode="wb", compresslevel=1, mtime=0)
            if file_format == "jsonl.gz"
            else plain
        )

        def write(records: list[dict[str, Any]]) -> None:
            packed.write(("\n".join(map(encode, records)) + "\n").encode())

        yield write
        if packed is not plain:
            packed.close()


@contextmanager
def _open_parquet(path: Path) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("Writing Parquet", "pyarrow", "parquet") from None
    writer: Any = None
    try:

        def write(records: list[dict[str, Any]]) -> None:
            nonlocal writer
            table = pa.Table.from_pylist(records)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)

        yield write
    finally:
        if writer is not None:
            writer.close()

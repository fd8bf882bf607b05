"""The same scan on a Ray cluster of two nodes, one of whose workers is killed on the way."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from logs_data import TRAFFIC

from fingerprint.errors import LogsError
from fingerprint.logs import scan as scan_module
from fingerprint.logs.engine import Cluster
from fingerprint.logs.result import dumps, scan_to_dict
from fingerprint.logs.scan import scan
from fingerprint.logs.store import SketchTask, sketch_file
from fingerprint.logs.traffic import simulate

pytest.importorskip("duckdb")
pytest.importorskip("sknetwork")
ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

# Ray leaves sockets and processes to the garbage collector, and warns of its own future.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def two_nodes():
    cluster = cluster_utils.Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "include_dashboard": False,
            "object_store_memory": 100_000_000,
        },
    )
    cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


class Killing(Cluster):
    """A cluster of which the worker of the third sketch is killed once, in the middle of it."""

    def __init__(self, flag):
        super().__init__()
        self.flag = str(flag)

    def map(self, function, tasks):
        if function is not sketch_file:
            return super().map(function, tasks)
        victim, flag = tasks[2].path, self.flag

        def fatal(task: SketchTask):
            if task.path == victim and not Path(flag).exists():
                Path(flag).write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return sketch_file(task)

        return super().map(fatal, tasks)


def test_two_nodes_and_a_killed_worker_give_the_same_bytes(two_nodes, tmp_path, monkeypatch):
    written = simulate(replace(TRAFFIC, days=4), tmp_path / "log", file_format="jsonl")
    # Several ranges of phrases, so that the questions are spread over the nodes as well.
    monkeypatch.setattr(scan_module, "PHRASES_A_SHARD", 100_000)
    alone = dumps(scan_to_dict(scan([str(written.folder)], tmp_path / "alone")))
    engine = Killing(tmp_path / "killed")
    assert engine.workers == 2 and len(ray.nodes()) == 2
    found = scan([str(written.folder)], tmp_path / "out", engine=engine)
    killed = int((tmp_path / "killed").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{killed}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{killed}").exists()
    assert dumps(scan_to_dict(found)) == alone
    assert json.loads(alone)["clusters"]


def test_errors_of_the_data_come_back_as_they_are(two_nodes, tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(LogsError, match=r"bad\.parquet.*cannot be read as Parquet"):
        scan([str(tmp_path / "bad.parquet")], tmp_path / "out", engine=Cluster())

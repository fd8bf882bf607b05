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
from fingerprint.logs import engine as engine_module
from fingerprint.logs import scan as scan_module
from fingerprint.logs import store
from fingerprint.logs.engine import Cluster
from fingerprint.logs.result import dumps, scan_to_dict
from fingerprint.logs.scan import scan
from fingerprint.logs.store import sketch_file
from fingerprint.logs.tables import write_table
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
    """A cluster that notes where its tasks run, and of which one worker is killed once, at work.

    It is the worker of the third file, in the middle of the third table of its sketch.
    """

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self.notes = notes
        notes.mkdir()

    def map(self, function, tasks):
        notes, victim = self.notes, tasks[2].path if function is sketch_file else None

        def noted(task):
            node = ray.get_runtime_context().get_node_id()
            with (notes / f"{function.__name__} {node}").open("a") as file:
                file.write(f"{os.getpid()}\n")
            # A node has one place: while its task waits, the next one goes to the other node.
            deadline = time.monotonic() + 20
            while len(tasks) > 1 and time.monotonic() < deadline:
                if len(list(notes.glob(f"{function.__name__} *"))) == 2:
                    break
                time.sleep(0.01)
            if victim is None or task.path != victim or (notes / "killed").exists():
                return function(task)

            def write_some(connection, columns, path, written=[]):  # noqa: B006 - counts calls
                if len(written) == 2:
                    path.write_bytes(b"PAR1 and no more")
                    (notes / "killed").write_text(f"{os.getpid()} {path.parent.name}")
                    os.kill(os.getpid(), signal.SIGKILL)
                written.append(path)
                write_table(connection, columns, path)

            store.write_table = write_some
            return function(task)

        return super().map(noted, tasks)

    def nodes(self, name: str) -> set[str]:
        """Return the nodes on which tasks of a name ran."""
        return {path.name.split()[1] for path in self.notes.glob(f"{name} *")}


def test_two_nodes_and_a_killed_worker_give_the_same_bytes(two_nodes, tmp_path, monkeypatch):
    written = simulate(replace(TRAFFIC, days=4), tmp_path / "log", file_format="jsonl")
    # Several ranges of phrases, so that the questions are spread over the nodes as well.
    monkeypatch.setattr(scan_module, "PHRASES_A_SHARD", 50_000)
    alone = dumps(scan_to_dict(scan([str(written.folder)], tmp_path / "alone")))
    engine = Killing(tmp_path / "notes")
    both = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    assert engine.workers == len(both) == 2
    found = scan([str(written.folder)], tmp_path / "out", engine=engine)
    killed, folder = (tmp_path / "notes" / "killed").read_text().split()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{killed}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{killed}").exists()
    # Half a sketch is what it left behind, and the task was done again.
    assert len(list((tmp_path / "out" / "sketches" / folder).glob("*.parquet"))) == 3
    sketched = list((tmp_path / "notes").glob("sketch_file *"))
    assert sum(len(p.read_text().split()) for p in sketched) == len(written.files) + 1
    assert engine.nodes("sketch_file") == both
    assert engine.nodes("shared_phrases") == both
    assert dumps(scan_to_dict(found)) == alone
    assert json.loads(alone)["clusters"]


def test_a_task_that_always_dies_is_one_clear_error(two_nodes, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "RETRIES", 1)

    def fatal(task):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(LogsError, match=r"gave up a task after 1 retries .*so far is kept"):
        list(Cluster().map(fatal, [1]))


def test_errors_of_the_data_come_back_as_they_are(two_nodes, tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(LogsError, match=r"bad\.parquet.*cannot be read as Parquet"):
        scan([str(tmp_path / "bad.parquet")], tmp_path / "out", engine=Cluster())

"""Where tasks run: in processes of this machine, or on a Ray cluster; the tasks are the same.

A task is a function of its arguments and of files, so where it runs, and how often, cannot change
its result; results come back in the order of the tasks.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

from fingerprint.errors import FingerprintError, LogsError, MissingExtraError

Task = TypeVar("Task")
Result = TypeVar("Result")

RETRIES = 4
"""How often Ray starts a task anew whose worker or machine died."""


class Engine(Protocol):
    """Runs a function over tasks."""

    workers: int

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[Result | LogsError]:
        """Yield the result of each task in order; an error of the data in place of its result."""


class Local:
    """Processes of this machine; one worker means this process itself."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = max(workers, 1)

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[Result | LogsError]:
        """Yield the result of each task in order; an error of the data in place of its result."""
        if self.workers == 1 or len(tasks) < 2:
            for task in tasks:
                yield _guarded(function, task)
            return
        context = multiprocessing.get_context("spawn")
        workers = min(self.workers, len(tasks))
        with ProcessPoolExecutor(workers, context, _leave_with, (os.getpid(),)) as pool:
            futures = deque(pool.submit(_guarded, function, task) for task in tasks)
            try:
                while futures:  # a result that was taken is not kept
                    yield futures.popleft().result()
            except BrokenProcessPool as error:
                raise LogsError(
                    "a worker was ended from outside, often for want of memory; run the same "
                    "command again with fewer --workers: what was done so far is kept"
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


class Cluster:
    """A Ray cluster (the ``cluster`` extra); all its machines must see the same files.

    Parameters
    ----------
    address : str
        ``auto`` for the cluster this machine belongs to, or its address.
    """

    def __init__(self, address: str = "auto") -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtraError("Scanning on a cluster", "ray", "cluster") from None
        self._ray: Any = ray
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, ValueError) as error:
                raise LogsError(
                    f"--ray {address}: expected a running Ray cluster: {error}; start one, or "
                    "leave out --ray"
                ) from error
        self.workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[Result | LogsError]:
        """Yield the result of each task in order; an error of the data in place of its result."""
        remote = self._ray.remote(_guarded).options(num_cpus=1, max_retries=RETRIES)
        references = [remote.remote(function, task) for task in tasks]
        for reference in references:
            try:
                yield self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                raise LogsError(
                    f"the cluster gave up a task after {RETRIES} retries ({type(error).__name__}); "
                    "run the same command again: what was done so far is kept"
                ) from error


def _leave_with(parent: int) -> None:
    """End this worker when its parent is gone: a killed scan leaves nobody behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _guarded(function: Callable[[Task], Result], task: Task) -> Result | LogsError:
    """Run a task; errors of the data travel as results, so that one bad file stops no other."""
    try:
        return function(task)
    except LogsError as error:
        return error
    except FingerprintError as error:
        return LogsError(str(error))

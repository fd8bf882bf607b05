"""Fixtures for whole runs: the command line in this process and in one of its own; model files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Small matrices and several workers: threads of BLAS would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from simulated import INDEPENDENT, Model, prompts, world, write_jsonl

import fingerprint
from fingerprint.comparison import Case, examine

PROGRAM = "from fingerprint.cli.main import main; main()"


@dataclass(frozen=True)
class Ran:
    """What a run of the command line did."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Parse stdout, which must hold JSON and nothing else."""
        return json.loads(self.out)

    def failed(self) -> str:
        """Check that it ended as user errors must, and return the message."""
        assert self.code == 1, (self.code, self.err)
        assert "Traceback" not in self.err
        *_, line = self.err.splitlines()
        assert line.startswith("fingerprint: ")
        return line

    def failed_alone(self) -> str:
        """The same, where nothing else may be on either stream."""
        line = self.failed()
        assert self.out == ""
        assert self.err == line + "\n"
        return line


Run = Callable[..., Ran]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; warnings are errors here as everywhere in the tests."""
    from fingerprint.cli.main import main

    def run(*argv: object) -> Ran:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["fingerprint", *map(str, argv)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        code = stop.value.code
        return Ran(code if isinstance(code, int) else int(bool(code)), out, err)

    return run


def process(*argv: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ran:
    """Run the command line in a process of its own."""
    root = str(Path(fingerprint.__file__).parents[1])
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, argv)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(found.returncode, found.stdout, found.stderr)


@dataclass(frozen=True)
class Files:
    """A world written as JSONL, one file a model."""

    folder: Path
    models: Mapping[str, Model]

    def __getitem__(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def background(self, *names: str) -> list[str]:
        """Return the options that name a background."""
        return [part for name in names for part in ("--background", str(self[name]))]


def write_world(
    folder: Path,
    models: Mapping[str, Model],
    suite: Sequence[tuple[str, str, str]],
    samples: int = 1,
) -> Files:
    """Write every model of a world on one suite."""
    for name, model in models.items():
        write_jsonl(folder / f"{name}.jsonl", model, suite, samples)
    return Files(folder, models)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """World 1 on 60 prompts: teacher, full student, stranger and six independents."""
    return write_world(tmp_path_factory.mktemp("world"), world(1), prompts(60))


@pytest.fixture(scope="session")
def case(files: Files) -> Case:
    """The full student of world 1 against its teacher, all text held."""
    background = [str(files[name]) for name in INDEPENDENT]
    return examine(files["student"], files["teacher"], background=background)

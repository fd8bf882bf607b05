"""A plain install from the wheel: everything it needs is inside, and it works from any folder."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(site, cwd, *args):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    code = "from fingerprint.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_library_and_data_are_in_the_wheel(site):
    assert (site / "fingerprint/_library/index.json").is_file()
    assert len(list((site / "fingerprint/_library").rglob("*.pack"))) >= 70
    assert (site / "fingerprint/data/calibration.json").is_file()
    assert (site / "fingerprint/data/known_models.tsv").is_file()


def test_the_main_job_runs_from_another_folder(site, tmp_path):
    asked = ("--suspect", "kimi", "--teacher", "ref_claude", "--format", "json")
    done = run(site, tmp_path, "compare", *asked)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["schema"] == "fingerprint.verdict/1"
    assert verdict["suspect"]["name"] == "kimi"
    assert abs(verdict["llr10"]) <= verdict["cap10"]
    assert list(tmp_path.iterdir()) == []

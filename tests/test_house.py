"""The house rules that a machine can check."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECKS = {
    "ruff": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "mypy": [sys.executable, "-m", "mypy"],
    "layers": [str(Path(sys.executable).parent / "lint-imports")],
    "docs/cli.md": [sys.executable, "tools/write_cli_docs.py", "--check"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(name):
    done = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_is_small():
    size = sum(p.stat().st_size for p in (ROOT / "reference_outputs").rglob("*") if p.is_file())
    assert size < 25_000_000

"""An environment of its own for every peer, so that the pins of one don't bend another's."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

DONE = "installed.txt"


def interpreter(folder: Path, requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment with these packages, making it if need be.

    Packages come from the index that pip is set up with.

    Raises
    ------
    subprocess.CalledProcessError
        When pip can't install them.
    """
    wanted = "\n".join([sys.version, *requirements])
    home = folder / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    python = home / "bin" / "python"
    if not (home / DONE).exists():
        venv.create(home, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "-qq", "--no-input", *requirements]
        subprocess.run(command, check=True)
        (home / DONE).write_text(wanted, "utf-8")
    return python

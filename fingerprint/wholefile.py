"""Whole files: written at once or not at all, so that nobody ever reads half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PUBLIC = 0o644
"""Permissions of what is made to be handed on, whatever the user's mask."""


@contextmanager
def replacing(path: Path, *, durable: bool = False, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a file that takes the place of another when the block ends without an error.

    Parameters
    ----------
    path : Path
        What is replaced, or made.
    durable : bool
        Put the bytes on the disk itself before, against a loss of power.
    mode : int, optional
        Permissions; default what the user's mask leaves.

    Raises
    ------
    OSError
        When it cannot be written; what was there before is then untouched.

    A device or a pipe is written into: it cannot be half there, and must not be replaced.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as file:
            yield file
        return
    # in the same folder, since a file can only be replaced by one of its own file system
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

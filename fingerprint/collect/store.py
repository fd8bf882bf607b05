"""Keep answers so that nothing is lost: append, lock, repair, resume.

Every answer is one line, written at once when it arrives, so that a process that is killed loses
only what was still on its way; `sync` puts the lines on the disk itself, against a loss of power.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fingerprint.collect.plan import Key
from fingerprint.collect.providers import Secrets
from fingerprint.collect.replies import Usage
from fingerprint.errors import CollectError
from fingerprint.outputs.files import (
    BadJson,
    excerpt,
    parse_json,
    read_lines,
    show,
    without_surrogates,
)

TORN = ".torn"
_BLOCK = 1 << 16


class Appender:
    """Appends JSON lines to a file that nobody else may append to.

    Parameters
    ----------
    path : Path
        Made when it does not exist. A last line without its end, left by a process that was
        killed, gets its end when it is whole, and else is moved to a file ending in ``.torn``.
    secrets : Secrets
        Hidden in every line.

    Raises
    ------
    CollectError
        When the file cannot be written, or another process appends to it.
    """

    def __init__(self, path: Path, secrets: Secrets) -> None:
        self.path = path
        self._secrets = secrets
        self._unsynced = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise CollectError(f"{show(path)}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise CollectError(
                f"{show(path)}: another process is collecting into this file; wait for it to end, "
                "or give another --out"
            ) from None
        self._repair()

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line."""
        text = json.dumps(record, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)
        line = self._secrets.hide(without_surrogates(text)).encode("utf-8") + b"\n"
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            raise CollectError(
                f"{show(self.path)}: cannot be written: {error.strerror}; what is in it is kept, "
                "run the same command again to go on"
            ) from None
        self._unsynced += 1

    def sync(self, least: int = 1) -> None:
        """Put the lines on the disk when at least so many are not there yet."""
        if self._unsynced >= least:
            os.fsync(self._file.fileno())
            self._unsynced = 0

    def close(self) -> None:
        """Sync and close; the lock goes with it."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _repair(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        start = self._last_line(end)
        if start == end:
            return
        self._file.seek(start)
        tail = b"".join(iter(lambda: self._file.read(_BLOCK), b""))
        try:
            value, _ = parse_json(tail)
            whole = isinstance(value, dict)
        except BadJson:
            whole = False
        if whole:
            self._file.write(b"\n")
        else:
            with self.path.with_name(self.path.name + TORN).open("ab") as torn:
                torn.write(tail + b"\n")
                torn.flush()
                os.fsync(torn.fileno())
            self._file.truncate(start)
        os.fsync(self._file.fileno())

    def _last_line(self, end: int) -> int:
        """Return where the last line begins: the end itself when it is complete."""
        at = end
        while at > 0:
            size = min(_BLOCK, at)
            self._file.seek(at - size)
            block = self._file.read(size)
            found = block.rfind(b"\n")
            if found >= 0:
                return at - size + found + 1
            at -= size
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Done:
    """Which answers are in the file, and what they used."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], int] = {}
        self.count = 0
        self.usage = Usage()
        self.unknown_usage = 0
        """Answers of which it is not told what they used."""
        self.unreadable = 0

    def __contains__(self, key: Key) -> bool:
        return bool(self._samples.get(key[:2], 0) >> key.sample & 1)

    def add(self, key: Key) -> bool:
        """Note an answer; False when it was there before."""
        if key in self:
            return False
        self._samples[key[:2]] = self._samples.get(key[:2], 0) | 1 << key.sample
        self.count += 1
        return True


def read_done(path: Path, model: str) -> Done:
    """Read which answers a file holds.

    A line that is no JSON, as a disk may leave after a loss of power, is counted; its answer is
    asked for again.

    Raises
    ------
    CollectError
        When the file holds something else than answers of this model by this tool.
    """
    done = Done()
    inputs = outputs = 0
    for number, offset, raw in read_lines(path):
        try:
            record, _ = parse_json(raw, offset) if raw is not None else (None, False)
        except BadJson:
            record = None
        if not isinstance(record, dict):
            done.unreadable += 1
            continue
        suite, prompt_id, sample = (record.get(n) for n in ("suite", "prompt_id", "sample"))
        if not (
            isinstance(suite, str)
            and isinstance(prompt_id, str)
            and isinstance(sample, int)
            and 0 <= sample < 1_000_000
            and record.get("model") == model
        ):
            raise CollectError(
                f"{show(path)}:{number}: expected an answer of {excerpt(model)} with suite, "
                f"prompt_id and sample, found one of {excerpt(record.get('model'))}; give another "
                "--out"
            )
        if not done.add(Key(suite, prompt_id, sample)):
            continue
        used = record.get("usage")
        if isinstance(used, dict):
            inputs += used.get("input_tokens") or 0
            outputs += used.get("output_tokens") or 0
        else:
            done.unknown_usage += 1
    done.usage = Usage(inputs, outputs)
    return done

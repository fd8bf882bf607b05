"""What a cluster does after a model's release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from scipy.stats import binomtest

from fingerprint.errors import LogsError
from fingerprint.logs.tables import Columns

WINDOW_MS = 48 * 3_600_000


def release_time(text: str) -> int:
    """Return the start of a date, or a moment, as ms since 1970 (UTC where no zone is given).

    Raises
    ------
    LogsError
        When it is no ISO date.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise LogsError(f"--release {text}: expected a date like 2026-03-20") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp()) * 1000


def after_release(rows: Columns, release: str) -> dict[str, Any]:
    """Compare a cluster's exchanges in the 48 hours after a release with those before it.

    The unit is the account: those that asked more after than before against those that asked less
    (exact sign test). It describes the cluster; the cluster's p does not rest on it.
    """
    at = release_time(release)
    time, account = rows["time"], rows["account"]
    n = int(account.max(initial=-1)) + 1
    after = np.bincount(account[(time >= at) & (time < at + WINDOW_MS)], minlength=n)
    before = np.bincount(account[(time < at) & (time >= at - WINDOW_MS)], minlength=n)
    more, fewer = int((after > before).sum()), int((after < before).sum())
    p = binomtest(more, more + fewer, alternative="greater").pvalue if more + fewer else 1.0
    return {
        "release": release,
        "before": int(before.sum()),
        "after": int(after.sum()),
        "accounts_up": more,
        "accounts_down": fewer,
        "p": float(f"{p:.6g}"),
    }

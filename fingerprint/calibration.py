"""Calibration: from scores to log10 likelihood ratios, and the cap on them.

The shipped numbers are in `data/calibration.json`; `benchmarks/lineage/fit.py` made them and says
from what. Fitting is here too, so that the numbers and the code that made them stay together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from fingerprint.evidence import SpreadPrior
from fingerprint.lengths import LengthPrior

F64 = npt.NDArray[np.float64]

SCHEMA = "fingerprint.calibration/1"
FUSED = ("line_starts", "sentence_starts")
"""Channels that carry the verdict; the others describe and feed the alternatives."""
SENTENCE_WEIGHT = 0.35
"""The ratio of the two weights in the regression of EVIDENCE 2.5 (0.49 / 1.41)."""
SENTENCE_LIMIT = 3.0
RIDGE = 0.02
FULL_BACKGROUND = 5
"""Background lineages in the runs that the calibration was fitted on."""
LN10 = float(np.log(10.0))


@dataclass(frozen=True, slots=True)
class Logistic:
    """ln LR = intercept + slope * feature, slope >= 0."""

    intercept: float
    slope: float

    def llr10(self, feature: F64 | float) -> F64:
        """Return uncapped log10 likelihood ratios, shape of the feature."""
        return np.asarray((self.intercept + self.slope * np.asarray(feature)) / LN10)


@dataclass(frozen=True, slots=True)
class ShareMap:
    """Share = D / (offset + slope * spread); the residuals are those of known mixtures."""

    offset: float
    slope: float
    low: float
    high: float
    level: float
    """``low`` and ``high``: quantiles over lineages of (true dose - estimate) at the level."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything fitted that a run needs."""

    lengths: Mapping[str, LengthPrior]
    spreads: Mapping[str, SpreadPrior]
    fused: Logistic
    channels: Mapping[str, Logistic]
    share: ShareMap
    lines: tuple[float, float]
    """Range of mean non-blank lines per response among the models fitted on (format guard)."""
    null_lineages: int
    recall: float
    """Weighted share of true pairs above every false pair in cross-validation."""
    name: str
    sha256: str

    def cap10(self, n_background: int) -> float:
        """Return the largest log10 LR that the lineages support.

        No false pair among n independent null lineages bounds the false positive rate by 3/n at
        95 % (the rule of three, Hanley and Lippman-Hand 1983), so the LR by recall * n / 3
        (METHODS F). Runs with fewer background lineages than those fitted on support
        proportionally less.
        """
        largest = max(1.0, self.recall * self.null_lineages / 3.0)
        share = min(1.0, max(0, n_background - 2) / (FULL_BACKGROUND - 2))
        return float(np.log10(1.0 + (largest - 1.0) * share))


def fuse(line_z: F64 | float, sentence_z: F64 | float) -> F64:
    """Join the two structural channels into one feature.

    The sentence channel saturates, so that it can support lines but not stand in for them; their
    null correlation is .7, and their LRs are never multiplied (EVIDENCE 2.5).
    """
    bounded = SENTENCE_LIMIT * np.tanh(np.asarray(sentence_z) / SENTENCE_LIMIT)
    return np.asarray(np.asarray(line_z) + SENTENCE_WEIGHT * bounded)


def bounded(llr10: F64 | float, cap10: float) -> F64:
    """Squeeze LLRs into (-cap, cap), keeping their order.

    Close to the identity in the middle: x / (1 + |x / cap|^4)^(1/4).
    """
    values = np.asarray(llr10, dtype=np.float64)
    if cap10 <= 0:
        return np.zeros_like(values)
    ratio = np.minimum(np.abs(values) / cap10, 1e6)
    return np.asarray(np.sign(values) * cap10 * ratio / (1.0 + ratio**4) ** 0.25)


def fit_logistic(feature: F64, true: npt.NDArray[np.bool_], weights: F64) -> Logistic:
    """Fit ln LR on one feature: both classes weigh one, slope >= 0, ridge on the slope.

    Parameters
    ----------
    feature, weights : arrays of float, shape (n,)
    true : array of bool, shape (n,)

    Raises
    ------
    ValueError
        When one of the classes is empty.
    """
    from scipy.optimize import minimize

    if not true.any() or true.all():
        raise ValueError(
            f"expected pairs of both classes, found {int(true.sum())} of {len(true)} true"
        )
    balanced = np.where(true, weights / weights[true].sum(), weights / weights[~true].sum())

    def loss(b: F64) -> tuple[float, F64]:
        s = b[0] + b[1] * feature
        value = np.where(true, np.logaddexp(0, -s), np.logaddexp(0, s))
        gradient = np.where(true, -1 / (1 + np.exp(s)), 1 / (1 + np.exp(-s))) * balanced
        total = float((balanced * value).sum() + RIDGE * b[1] ** 2)
        slope = float((gradient * feature).sum() + 2 * RIDGE * b[1])
        return total, np.array([gradient.sum(), slope])

    found = minimize(loss, np.array([-1.0, 1.0]), jac=True, bounds=[(None, None), (0.0, None)])
    return Logistic(float(found.x[0]), float(found.x[1]))


def cllr(llr10: F64, true: npt.NDArray[np.bool_], weights: F64) -> float:
    """Log-likelihood-ratio cost in bits (Brümmer and du Preez 2006): 0 perfect, 1 useless."""
    ln_lr = llr10 * LN10
    of_true = np.average(np.logaddexp(0, -ln_lr[true]), weights=weights[true])
    of_false = np.average(np.logaddexp(0, ln_lr[~true]), weights=weights[~true])
    return float((of_true + of_false) / 2 / np.log(2))


def to_json(calibration: Calibration, about: Mapping[str, Any]) -> str:
    """Write a calibration as canonical JSON, with a note of where it came from."""
    value = {
        "schema": SCHEMA,
        "name": calibration.name,
        "about": dict(about),
        "lengths": {
            channel: {
                "coefficients": prior.coefficients.tolist(),
                "information": prior.information.tolist(),
            }
            for channel, prior in calibration.lengths.items()
        },
        "spreads": {
            c: {"ratio": p.ratio, "weight": p.weight} for c, p in calibration.spreads.items()
        },
        "fused": {"intercept": calibration.fused.intercept, "slope": calibration.fused.slope},
        "channels": {
            c: {"intercept": m.intercept, "slope": m.slope} for c, m in calibration.channels.items()
        },
        "share": {
            "offset": calibration.share.offset,
            "slope": calibration.share.slope,
            "low": calibration.share.low,
            "high": calibration.share.high,
            "level": calibration.share.level,
        },
        "lines": list(calibration.lines),
        "null_lineages": calibration.null_lineages,
        "recall": calibration.recall,
    }
    return json.dumps(_rounded(value), indent=1, sort_keys=True) + "\n"


def _rounded(value: Any) -> Any:
    """Round to 8 significant digits, so that refitting elsewhere gives the same file."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return value


def from_json(text: str) -> Calibration:
    """Read a calibration.

    Raises
    ------
    ValueError
        When the schema is another one.
    """
    value = json.loads(text)
    if value.get("schema") != SCHEMA:
        raise ValueError(
            f"expected a calibration of schema {SCHEMA}, found {value.get('schema')!r}"
        )
    return Calibration(
        lengths={
            c: LengthPrior(np.array(p["coefficients"]), np.array(p["information"]))
            for c, p in value["lengths"].items()
        },
        spreads={c: SpreadPrior(p["ratio"], p["weight"]) for c, p in value["spreads"].items()},
        fused=Logistic(**value["fused"]),
        channels={c: Logistic(**m) for c, m in value["channels"].items()},
        share=ShareMap(**value["share"]),
        lines=(value["lines"][0], value["lines"][1]),
        null_lineages=value["null_lineages"],
        recall=value["recall"],
        name=value["name"],
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


@cache
def shipped() -> Calibration:
    """Return the calibration that ships with the package."""
    path = resources.files("fingerprint") / "data" / "calibration.json"
    return from_json(path.read_text("utf-8"))

"""Content of packs: which arrays there are, and the tables they make once they are checked.

`packfile` checks types and sizes; this checks what the tables promise, since anybody may have
written the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fingerprint.canaries import KINDS as CANARY_KINDS
from fingerprint.canaries import CanaryTable
from fingerprint.errors import PackError
from fingerprint.packfile import Arrays, ArraySpec
from fingerprint.style import FEATURES, LANGUAGES
from fingerprint.units import KINDS, OPENING_TOKENS, PHRASES_KEPT, Ragged, UnitTable

UNIT_SPECS = {
    "prompts": ArraySpec("<u8"),
    "samples": ArraySpec("<u4"),
    "domains": ArraySpec("<u4"),
    "openings": ArraySpec("<u4", width=OPENING_TOKENS),
    "closings": ArraySpec("<u4", width=2),
    "counts": ArraySpec("<u4", width=5),
    "style": ArraySpec("|u1", width=len(FEATURES)),
    "language": ArraySpec("|u1"),
    "refusal": ArraySpec("|u1"),
}
for _kind in KINDS:
    UNIT_SPECS[f"{_kind}.values"] = ArraySpec("<u4", rows="any")
    UNIT_SPECS[f"{_kind}.offsets"] = ArraySpec("<i8", rows="n+1")

CANARY_SPECS = {
    "canaries.prompts": ArraySpec("<u8", rows="any"),
    "canaries.samples": ArraySpec("<u4", rows="any"),
    "canaries.kinds": ArraySpec("|u1", rows="any"),
    "canaries.languages": ArraySpec("|u1", rows="any"),
    "canaries.answers.values": ArraySpec("<u4", rows="any"),
    "canaries.answers.offsets": ArraySpec("<i8", rows="any"),
}


def units_of(arrays: Arrays, path: str) -> UnitTable:
    """Put the units together, checked for what `UnitTable` promises."""
    ragged = {}
    for kind in KINDS:
        values, offsets = arrays[f"{kind}.values"], arrays[f"{kind}.offsets"]
        most = PHRASES_KEPT if kind == "phrases" else len(values)
        ragged[kind] = _ragged(values, offsets, most, kind, path)
    if (arrays["language"] >= len(LANGUAGES)).any() or (arrays["refusal"] > 1).any():
        raise PackError(f"{path}: language or refusal flags out of range: made by something else")
    return UnitTable(
        line_starts=ragged["line_starts"],
        sentence_starts=ragged["sentence_starts"],
        sentence_pairs=ragged["sentence_pairs"],
        phrases=ragged["phrases"],
        openings=arrays["openings"],
        closings=arrays["closings"],
        counts=arrays["counts"],
        style=arrays["style"],
        language=arrays["language"],
        refusal=arrays["refusal"],
    )


def _ragged(values: Any, offsets: Any, most: int, name: str, path: str) -> Ragged:
    """Put rows together, each sorted and of at most so many values."""
    # Bounded from both sides, since differences of hostile offsets may wrap around.
    lengths = np.diff(offsets)
    fit = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(values)
    if not fit or bool(((lengths < 0) | (lengths > most)).any()):
        raise PackError(f"{path}: the rows of {name} do not fit: made by something else")
    rising = values[1:] > values[:-1]
    ends = offsets[1:-1]
    rising[ends[(ends > 0) & (ends < len(values))] - 1] = True
    if not rising.all():
        raise PackError(f"{path}: a row of {name} is not sorted: made by something else")
    return Ragged(values, offsets)


def canaries_of(arrays: Arrays, path: str) -> CanaryTable:
    """Put the canary answers together, checked for what `CanaryTable` promises."""
    columns = [arrays[f"canaries.{name}"] for name in ("prompts", "samples", "kinds", "languages")]
    prompts, samples, kinds, languages = columns
    values, offsets = arrays["canaries.answers.values"], arrays["canaries.answers.offsets"]
    if {len(column) for column in columns} != {len(offsets) - 1}:
        raise PackError(f"{path}: the columns of the canaries do not fit: made by something else")
    if (kinds >= len(CANARY_KINDS)).any() or (languages >= len(LANGUAGES)).any():
        raise PackError(f"{path}: a kind or language out of range: made by something else")
    answers = _ragged(values, offsets, len(values), "canaries", path)
    return CanaryTable(prompts, samples, kinds, languages, answers)


def no_units() -> Arrays:
    """Return the arrays of no response, for a pack that holds nothing but canaries."""
    return {
        name: np.zeros(spec.shape(0, 0), np.dtype(spec.dtype).newbyteorder("="))
        for name, spec in UNIT_SPECS.items()
    }

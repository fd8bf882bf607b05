"""Packs: the textless fingerprint of one model's outputs on one suite, in a single file.

`packfile` says how the file is laid out and verified; this module says what a pack holds. See
docs/packs.md for the fields and for what an unkeyed pack gives away to guessing.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fingerprint import __version__, packfile
from fingerprint.errors import PackError
from fingerprint.packfile import Arrays, ArraySpec, key_id
from fingerprint.records import ModelInfo, Outputs, Source
from fingerprint.style import FEATURES, LANGUAGES, STYLE_VERSION
from fingerprint.tokens import Hasher
from fingerprint.units import (
    KINDS,
    OPENING_TOKENS,
    PHRASES_KEPT,
    UNITS_VERSION,
    Ragged,
    UnitTable,
    extract,
    prompt_key,
)

PACK_FORMAT = "fingerprint.pack/1"
PACK_SUFFIX = ".pack"

_VERSIONS = {"format": PACK_FORMAT, "units": UNITS_VERSION, "style": STYLE_VERSION}
_SPECS = {
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
    _SPECS[f"{_kind}.values"] = ArraySpec("<u4", rows="any")
    _SPECS[f"{_kind}.offsets"] = ArraySpec("<i8", rows="n+1")


@dataclass(frozen=True, slots=True)
class Pack:
    """A model's outputs as numbers: n responses, each with its prompt and its units.

    ``prompts``: 64-bit keys of the prompts, shape (n,); ``samples``: sample numbers, shape (n,);
    ``domains``: index into ``domain_names``, shape (n,).
    """

    info: ModelInfo
    suite: str
    prompts: npt.NDArray[np.uint64]
    samples: npt.NDArray[np.uint32]
    domains: npt.NDArray[np.uint32]
    domain_names: tuple[str, ...]
    units: UnitTable
    manifest: Mapping[str, Any]
    """Source, licence note, sampling, counts, builder: for people; nothing is computed from it."""
    key_id: str | None = None
    """Short digest of the HMAC key: packs with different key ids cannot be compared."""
    sources: tuple[Source, ...] = ()
    content_sha256: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.prompts)


def build(
    outputs: Outputs,
    info: ModelInfo,
    *,
    suite: str | None = None,
    role: str | None = None,
    licence: str | None = None,
    origin: str | None = None,
    key: bytes | None = None,
    hasher: Hasher | None = None,
) -> Pack:
    """Build a pack from outputs.

    Parameters
    ----------
    outputs : Outputs
        At least one response.
    info : ModelInfo
        Who the model is; the pack carries it.
    suite, role, licence, origin : str, optional
        Suite name (default: that of the outputs, else ``unnamed``), what the model is used as, the
        licence note and the public source (repository and commit), for the manifest.
    key : bytes, optional
        Secret of the parties: words are then hashed with it (RFC 7693) and the pack is
        authenticated with it (RFC 2104).
    hasher : Hasher, optional
        To share the memo of token hashes over packs; must have been made with the same key.

    Raises
    ------
    PackError
        When there is no response, a sample number is out of range, the key is empty, or the hasher
        was made with another one.
    """
    if not outputs.responses:
        raise PackError(f"{outputs.model}: expected at least one response to pack, found none")
    named_key = key_id(key)
    own = Hasher(key)
    hasher = hasher or own
    if (hasher.words(["key"]) != own.words(["key"])).any():
        raise PackError("expected a hasher made with the key given, found one of another key")
    responses = outputs.responses
    for r in responses:
        if not 0 <= r.sample < 1 << 32:
            raise PackError(
                f"{outputs.model}: expected sample numbers from 0 to 2^32-1, found {r.sample} at "
                f"prompt {r.prompt_id!r}; number the samples of a prompt 0, 1, 2, ..."
            )
    units = extract((r.text for r in responses), hasher)
    domain_names = tuple(sorted({r.domain or "" for r in responses}))
    index = {name: i for i, name in enumerate(domain_names)}
    memo: dict[tuple[str, str], int] = {}
    prompts = []
    for r in responses:
        asked = (r.prompt, r.prompt_id)
        if asked not in memo:
            memo[asked] = prompt_key(*asked, key)
        prompts.append(memo[asked])
    languages = Counter(LANGUAGES[i] for i in units.language.tolist())
    manifest = {
        "role": role,
        "licence": licence,
        "origin": origin,
        "sampling": _plain(outputs.sampling),
        "built_by": f"fingerprint {__version__}",
        "responses": len(responses),
        "prompts": len(set(prompts)),
        "words": int(units.counts[:, 1].sum()),
        "empty": int((units.counts[:, 1] == 0).sum()),
        "refusals": int(units.refusal.sum()),
        "languages": dict(sorted(languages.items())),
        "systems": len({r.system for r in responses if r.system}),
        "problems": len(outputs.problems),
    }
    return Pack(
        info=info,
        suite=suite or outputs.suite or "unnamed",
        prompts=np.array(prompts, dtype=np.uint64),
        samples=np.array([r.sample for r in responses], dtype=np.uint32),
        domains=np.array([index[r.domain or ""] for r in responses], dtype=np.uint32),
        domain_names=domain_names,
        units=units,
        manifest=manifest,
        key_id=named_key,
        sources=outputs.sources,
    )


def write(pack: Pack, path: str | os.PathLike[str], *, key: bytes | None = None) -> str:
    """Write a pack atomically and return its content hash (hex SHA-256).

    The same outputs, built with the same version, always give the same bytes.

    Raises
    ------
    PackError
        When a keyed pack is written without its key, or the other way round; when the pack is
        larger than allowed or the file cannot be written.
    """
    if key_id(key) != pack.key_id:
        raise PackError(
            f"{path}: the pack was built with key id {pack.key_id}, and is being written with "
            f"{key_id(key)}; give the same --key-file"
        )
    return packfile.save(path, _manifest(pack), _arrays(pack), _SPECS, key)


def read(path: str | os.PathLike[str], *, key: bytes | None = None) -> Pack:
    """Read and verify a pack.

    Sizes are checked against the file's own size before anything is allocated. The arrays are
    read-only.

    Parameters
    ----------
    path : path
    key : bytes, optional
        Secret of a keyed pack; without it a keyed pack is read, but not authenticated.

    Raises
    ------
    PackError
        When the file is not a pack, is truncated or altered, is of another format version, is
        larger than allowed, or was made with another key or with none though one is given.
    """
    content = packfile.load(path, _SPECS, _VERSIONS, key)
    units = _units(content.arrays, str(path))
    return _pack(content.manifest, content.arrays, units, content.sha256, str(path))


def with_info(pack: Pack, info: ModelInfo) -> Pack:
    """Return the same pack under other knowledge of its model (``--lineages``)."""
    return replace(pack, info=info)


def _plain(value: Any, depth: int = 8) -> Any:
    """Return the value as JSON can hold it: what it cannot becomes text, what is too deep goes."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {str(k): _plain(v, depth - 1) for k, v in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(v, depth - 1) for v in value]
    return str(value) if depth else "..."


def _arrays(pack: Pack) -> Arrays:
    arrays: Arrays = {}
    for name in _SPECS:
        kind, _, part = name.partition(".")
        owner: Any = pack if hasattr(pack, kind) else pack.units
        arrays[name] = getattr(getattr(owner, kind), part) if part else getattr(owner, kind)
    return arrays


def _manifest(pack: Pack) -> dict[str, Any]:
    info = pack.info
    return {
        **_VERSIONS,
        "model": info.name,
        "vendor": info.vendor,
        "lineage": info.lineage,
        "lineage_known": info.lineage_known,
        "released": info.released,
        "taught_by": list(info.taught_by),
        "suite": pack.suite,
        "domain_names": list(pack.domain_names),
        "key_id": pack.key_id,
        "sources": [{"path": Path(s.path).name, "sha256": s.sha256} for s in pack.sources],
        "about": dict(pack.manifest),
    }


def _units(arrays: Arrays, path: str) -> UnitTable:
    """Put the units together, checked for what `UnitTable` promises."""
    ragged = {}
    for kind in KINDS:
        values, offsets = arrays[f"{kind}.values"], arrays[f"{kind}.offsets"]
        most = PHRASES_KEPT if kind == "phrases" else len(values)
        # Bounded from both sides, since differences of hostile offsets may wrap around.
        lengths = np.diff(offsets)
        fit = offsets[0] == 0 and offsets[-1] == len(values)
        if not fit or bool(((lengths < 0) | (lengths > most)).any()):
            raise PackError(f"{path}: the rows of {kind} do not fit: made by something else")
        rising = values[1:] > values[:-1]
        ends = offsets[1:-1]
        rising[ends[(ends > 0) & (ends < len(values))] - 1] = True
        if not rising.all():
            raise PackError(f"{path}: a row of {kind} is not sorted: made by something else")
        ragged[kind] = Ragged(values, offsets)
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


def _pack(
    manifest: dict[str, Any], arrays: Arrays, units: UnitTable, digest: str, path: str
) -> Pack:
    if not len(units.counts):
        raise PackError(f"{path}: expected at least one response, found none")
    entry = _Entries(manifest, path)
    names = entry.texts("domain_names")
    if (arrays["domains"] >= len(names)).any():
        raise PackError(f"{path}: a domain has no name: made by something else")
    sources = entry.of("sources", list)
    return Pack(
        info=ModelInfo(
            name=entry.of("model", str),
            lineage=entry.of("lineage", str),
            vendor=entry.of("vendor", str, optional=True),
            released=entry.of("released", str, optional=True),
            taught_by=entry.texts("taught_by"),
            lineage_known=entry.of("lineage_known", bool),
        ),
        suite=entry.of("suite", str),
        prompts=arrays["prompts"],
        samples=arrays["samples"],
        domains=arrays["domains"],
        domain_names=names,
        units=units,
        manifest=_plain(entry.of("about", dict)),
        key_id=entry.of("key_id", str, optional=True),
        sources=tuple(
            Source(source.of("path", str), source.of("sha256", str))
            for source in (_Entries(found, path) for found in sources)
        ),
        content_sha256=digest,
    )


@dataclass(frozen=True, slots=True)
class _Entries:
    """Typed access to a manifest that anybody may have written."""

    found: Any
    path: str

    def of(self, name: str, kind: type, *, optional: bool = False) -> Any:
        value = self.found.get(name) if isinstance(self.found, dict) else None
        if not (type(value) is kind or (optional and value is None)):
            raise PackError(
                f"{self.path}: the manifest should have a {kind.__name__} as {name}, found "
                f"{type(value).__name__}: made by something else"
            )
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(self.of(name, list))
        if any(type(value) is not str for value in values):
            raise PackError(
                f"{self.path}: {name} should be a list of texts: made by something else"
            )
        return values

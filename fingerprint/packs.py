"""Packs: the textless fingerprint of one model's outputs on one suite, in a single file.

`packfile` says how the file is laid out and verified; this module says what a pack holds. See
docs/packs.md for the fields and for what an unkeyed pack gives away to guessing.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fingerprint import __version__, canaries, packfile
from fingerprint.canaries import CANARIES_VERSION, CanaryTable
from fingerprint.errors import PackError
from fingerprint.packcontent import CANARY_SPECS, canaries_of, no_units, units_of
from fingerprint.packcontent import UNIT_SPECS as _SPECS
from fingerprint.packfile import Arrays, ArraySpec, key_id
from fingerprint.records import DATE, ModelInfo, Outputs, Response, Source
from fingerprint.style import LANGUAGES, STYLE_VERSION
from fingerprint.tokens import Hasher
from fingerprint.units import UNITS_VERSION, UnitTable, extract, prompt_key

PACK_FORMAT = "fingerprint.pack/1"
PACK_SUFFIX = ".pack"

_VERSIONS = {"format": PACK_FORMAT, "units": UNITS_VERSION, "style": STYLE_VERSION}
# Packs with canary answers have a table more, and packs of nothing else have only that: packs
# without them stay as they were.
_WITH_CANARIES = (
    _SPECS | CANARY_SPECS,
    _VERSIONS | {"format": "fingerprint.pack/2", "canaries": CANARIES_VERSION},
)
_ONLY_CANARIES = (
    CANARY_SPECS,
    {"format": "fingerprint.canaries/1", "canaries": CANARIES_VERSION},
)


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
    canaries: CanaryTable | None = None
    """Answers to canary probes, which are not among the n responses."""

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
    for r in outputs.responses:
        if not 0 <= r.sample < 1 << 32:
            raise PackError(
                f"{outputs.model}: expected sample numbers from 0 to 2^32-1, found {r.sample} at "
                f"prompt {r.prompt_id!r}; number the samples of a prompt 0, 1, 2, ..."
            )
    asked = [r for r in outputs.responses if canaries.kind_of(r) is not None]
    responses = [r for r in outputs.responses if canaries.kind_of(r) is None]
    table = canaries.extract(asked, hasher, key) if asked else None
    units = extract((r.text for r in responses), hasher)
    domain_names = tuple(sorted({r.domain or "" for r in responses}))
    index = {name: i for i, name in enumerate(domain_names)}
    prompts = _prompt_keys(responses, key)
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
    if table is not None:
        kinds = Counter(canaries.KINDS[kind] for kind in table.kinds.tolist())
        manifest["canaries"] = dict(sorted(kinds.items()))
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
        canaries=table,
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
    specs, versions = _layout(pack)
    return packfile.save(path, versions | _manifest(pack), _arrays(pack, specs), specs, key)


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
    content = packfile.load(path, _SPECS, _VERSIONS, key, (_WITH_CANARIES, _ONLY_CANARIES))
    return _pack(content.manifest, dict(content.arrays), content.sha256, str(path))


def with_info(pack: Pack, info: ModelInfo) -> Pack:
    """Return the same pack under other knowledge of its model (``--lineages``)."""
    return replace(pack, info=info)


def _prompt_keys(responses: Sequence[Response], key: bytes | None) -> list[int]:
    memo: dict[tuple[str, str], int] = {}
    for r in responses:
        asked = (r.prompt, r.prompt_id)
        if asked not in memo:
            memo[asked] = prompt_key(*asked, key)
    return [memo[r.prompt, r.prompt_id] for r in responses]


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


def _layout(pack: Pack) -> tuple[Mapping[str, ArraySpec], dict[str, Any]]:
    if pack.canaries is None:
        return _SPECS, _VERSIONS
    return _WITH_CANARIES if len(pack) else _ONLY_CANARIES


def _arrays(pack: Pack, specs: Mapping[str, ArraySpec]) -> Arrays:
    arrays: Arrays = {}
    for name in specs:
        owner: Any = pack if hasattr(pack, name.partition(".")[0]) else pack.units
        arrays[name] = attrgetter(name)(owner)
    return arrays


def _manifest(pack: Pack) -> dict[str, Any]:
    info = pack.info
    return {
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


def _pack(manifest: dict[str, Any], arrays: Arrays, digest: str, path: str) -> Pack:
    table = canaries_of(arrays, path) if "canaries.kinds" in arrays else None
    if "prompts" not in arrays:
        arrays |= no_units()
    units = units_of(arrays, path)
    if not len(units.counts) and not table:
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
            released=entry.date("released"),
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
        canaries=table,
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

    def date(self, name: str) -> str | None:
        value: str | None = self.of(name, str, optional=True)
        if value is not None and DATE.fullmatch(value) is None:
            raise PackError(
                f"{self.path}: {name} should be a date such as 2026-01: made by something else"
            )
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(self.of(name, list))
        if any(type(value) is not str for value in values):
            raise PackError(
                f"{self.path}: {name} should be a list of texts: made by something else"
            )
        return values

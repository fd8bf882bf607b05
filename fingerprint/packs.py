"""Packs: the textless fingerprint of one model's outputs on one suite, in a single file.

A pack is a safetensors file (no pickle, no code) whose one metadata entry is a canonical JSON
manifest. The manifest holds the SHA-256 of the content, and for a keyed pack an HMAC-SHA-256 of it
(RFC 2104). See docs/packs.md for the fields and for what an unkeyed pack gives away to guessing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fingerprint import __version__
from fingerprint.errors import PackError
from fingerprint.records import ModelInfo, Outputs, Source
from fingerprint.style import FEATURES, LANGUAGES, STYLE_VERSION
from fingerprint.tokens import Hasher
from fingerprint.units import (
    KINDS,
    OPENING_TOKENS,
    UNITS_VERSION,
    Ragged,
    UnitTable,
    extract,
    prompt_key,
)

PACK_FORMAT = "fingerprint.pack/1"
PACK_SUFFIX = ".pack"
MAX_PACK_BYTES = 1 << 31
_ENTRY = "fingerprint"
_DTYPES = {"prompts": np.uint64, "style": np.uint8, "language": np.uint8, "refusal": np.uint8}


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
        When there is no response.
    """
    if not outputs.responses:
        raise PackError(f"{outputs.model}: expected at least one response to pack, found none")
    hasher = hasher or Hasher(key)
    responses = outputs.responses
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
        "sampling": dict(outputs.sampling),
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
        key_id=key_id(key),
        sources=outputs.sources,
    )


def key_id(key: bytes | None) -> str | None:
    """Return a short digest that names a key without giving it away, or None without a key."""
    return None if key is None else hmac.digest(key, b"fingerprint key id", "sha256").hex()[:16]


def write(pack: Pack, path: str | os.PathLike[str], *, key: bytes | None = None) -> str:
    """Write a pack atomically and return its content hash (hex SHA-256).

    Raises
    ------
    PackError
        When a keyed pack is written without its key, or the other way round.
    """
    from safetensors.numpy import save

    if key_id(key) != pack.key_id:
        raise PackError(
            f"{path}: the pack was built with key id {pack.key_id}, and is being written with "
            f"{key_id(key)}; give the same --key-file"
        )
    arrays = _arrays(pack)
    manifest = _manifest(pack)
    digest = _content_hash(manifest, arrays)
    manifest["content_sha256"] = digest
    if key is not None:
        manifest["content_hmac"] = hmac.digest(key, digest.encode(), "sha256").hex()
    data = save(arrays, metadata={_ENTRY: _canonical(manifest)})
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).chmod(0o644)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return digest


def read(path: str | os.PathLike[str], *, key: bytes | None = None) -> Pack:
    """Read and verify a pack.

    Sizes are checked against the file's own size before anything is allocated.

    Parameters
    ----------
    path : path
    key : bytes, optional
        Secret of a keyed pack; without it a keyed pack is read, but not authenticated.

    Raises
    ------
    PackError
        When the file is not a pack, is truncated or altered, is of another format version, is
        larger than allowed, or was made with another key.
    """
    manifest, arrays = _load(Path(path))
    stated = manifest.pop("content_sha256", None)
    tag = manifest.pop("content_hmac", None)
    found = _content_hash(manifest, arrays)
    if stated != found:
        raise PackError(
            f"{path}: the content hash says {str(stated)[:16]}…, the content gives {found[:16]}…; "
            "the pack was altered or damaged, get it again from where it came from"
        )
    if key is not None and manifest.get("key_id") is not None:
        if manifest["key_id"] != key_id(key):
            raise PackError(
                f"{path}: made with key id {manifest['key_id']}, the key given has {key_id(key)}"
            )
        expected = hmac.digest(key, found.encode(), "sha256").hex()
        if not isinstance(tag, str) or not hmac.compare_digest(tag, expected):
            raise PackError(f"{path}: the HMAC does not fit the key: not made by a holder of it")
    return _from_arrays(manifest, arrays, found, str(path))


def with_info(pack: Pack, info: ModelInfo) -> Pack:
    """Return the same pack under other knowledge of its model (``--lineages``)."""
    return replace(pack, info=info)


def _load(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return manifest and arrays; safetensors checks every offset against the file's size."""
    from safetensors import SafetensorError, safe_open

    size = path.stat().st_size
    if size > MAX_PACK_BYTES:
        raise PackError(f"{path}: a pack may have {MAX_PACK_BYTES:,} bytes, this file has {size:,}")
    try:
        with safe_open(path, framework="np") as handle:
            manifest = json.loads((handle.metadata() or {})[_ENTRY])
            form, units = manifest.get("format"), manifest.get("units")
            if form != PACK_FORMAT or units != UNITS_VERSION:
                raise PackError(
                    f"{path}: expected format {PACK_FORMAT} with units {UNITS_VERSION}, found "
                    f"{str(form)[:40]!r} with units {str(units)[:10]!r}; build the pack again with "
                    "this version, or use the fingerprint version that wrote it"
                )
            return manifest, {name: handle.get_tensor(name) for name in handle.keys()}
    except (
        SafetensorError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
        RecursionError,
    ) as error:
        raise PackError(
            f"{path}: not a pack, truncated, or altered ({type(error).__name__}); get it again from "
            "where it came from, or build it again"
        ) from error


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _content_hash(manifest: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256(_canonical(manifest).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _arrays(pack: Pack) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {
        "prompts": pack.prompts,
        "samples": pack.samples,
        "domains": pack.domains,
        "openings": pack.units.openings,
        "closings": pack.units.closings,
        "counts": pack.units.counts,
        "style": pack.units.style,
        "language": pack.units.language,
        "refusal": pack.units.refusal,
    }
    for kind in KINDS:
        ragged: Ragged = getattr(pack.units, kind)
        arrays[f"{kind}.values"] = ragged.values
        arrays[f"{kind}.offsets"] = ragged.offsets
    return {name: np.ascontiguousarray(a) for name, a in arrays.items()}


def _manifest(pack: Pack) -> dict[str, Any]:
    info = pack.info
    return {
        "format": PACK_FORMAT,
        "units": UNITS_VERSION,
        "style": STYLE_VERSION,
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


def _from_arrays(
    manifest: dict[str, Any],
    arrays: dict[str, npt.NDArray[Any]],
    digest: str,
    path: str,
) -> Pack:
    n = len(arrays.get("prompts", ()))
    shapes = {
        "prompts": (n,),
        "samples": (n,),
        "domains": (n,),
        "openings": (n, OPENING_TOKENS),
        "closings": (n, 2),
        "counts": (n, 5),
        "style": (n, len(FEATURES)),
        "language": (n,),
        "refusal": (n,),
    }
    for name, shape in shapes.items():
        found = arrays[name].shape if name in arrays else None
        if found != shape or arrays[name].dtype != _DTYPES.get(name, np.uint32):
            raise PackError(f"{path}: array {name} should have shape {shape}, found {found}")
    ragged = {}
    for kind in KINDS:
        values, offsets = arrays.get(f"{kind}.values"), arrays.get(f"{kind}.offsets")
        if (
            values is None
            or offsets is None
            or values.dtype != np.uint32
            or offsets.dtype != np.int64
            or offsets.shape != (n + 1,)
            or offsets[0] != 0
            or offsets[-1] != len(values)
            or bool((np.diff(offsets) < 0).any())
        ):
            raise PackError(f"{path}: the rows of {kind} do not fit its {n} responses")
        ragged[kind] = Ragged(values, offsets)
    try:
        names = tuple(str(d) for d in manifest["domain_names"])
        if n and int(arrays["domains"].max()) >= len(names):
            raise ValueError("domain index")
        info = ModelInfo(
            name=str(manifest["model"]),
            lineage=str(manifest["lineage"]),
            vendor=manifest["vendor"],
            released=manifest["released"],
            taught_by=tuple(str(v) for v in manifest["taught_by"]),
            lineage_known=bool(manifest["lineage_known"]),
        )
        about = dict(manifest["about"])
        sources = tuple(Source(str(s["path"]), str(s["sha256"])) for s in manifest["sources"])
        suite = str(manifest["suite"])
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(f"{path}: the manifest lacks or spoils {error}") from error
    return Pack(
        info=info,
        suite=suite,
        prompts=arrays["prompts"],
        samples=arrays["samples"],
        domains=arrays["domains"],
        domain_names=names,
        units=UnitTable(
            **ragged,
            **{
                k: arrays[k]
                for k in ("openings", "closings", "counts", "style", "language", "refusal")
            },
        ),
        manifest=about,
        key_id=manifest.get("key_id"),
        sources=sources,
        content_sha256=digest,
    )

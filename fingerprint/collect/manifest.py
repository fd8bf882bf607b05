"""The record of a collection: what a stranger needs to repeat it, beside the answers."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fingerprint import __version__
from fingerprint.collect.plan import Plan
from fingerprint.collect.prices import Price
from fingerprint.collect.progress import Tally
from fingerprint.collect.providers import Protocol, Secrets, Target
from fingerprint.collect.settings import SEED
from fingerprint.errors import CollectError
from fingerprint.outputs.files import BadJson, excerpt, parse_json, show
from fingerprint.wholefile import replacing

SCHEMA = "fingerprint.collect/1"
SUFFIX = ".manifest.json"
MAX_BYTES = 64 * 2**20
_PACKAGES = {
    Protocol.LOCAL: ("torch", "transformers", "tokenizers", "safetensors", "numpy"),
    Protocol.OPENAI: ("openai", "httpx2"),
    Protocol.ANTHROPIC: ("anthropic", "httpx2"),
}


@dataclass(slots=True)
class Manifest:
    """The record of one file of answers.

    ``fixed`` is what must stay the same for the file's answers to belong together; ``suites`` may
    grow, and every run adds itself to ``runs``.
    """

    path: Path
    secrets: Secrets
    fixed: dict[str, Any]
    suites: dict[str, dict[str, Any]]
    runs: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)

    def begin(self, command: Sequence[str], plan: Plan, engine: Mapping[str, Any]) -> None:
        """Add a run that starts now, and write the record before the first answer."""
        settings = plan.settings
        self.runs.append(
            {
                "started": _now(),
                "ended": None,
                "outcome": "running, or killed",
                "command": list(command),
                "samples": settings.samples,
                "quick": settings.quick,
                "limit": settings.limit,
                "concurrency": settings.concurrency,
                "rate": settings.rate,
                "batch": settings.batch,
                "engine": dict(engine),
                "versions": versions(self.fixed["provider"]),
                "platform": platform.platform(),
            }
        )
        self.write()

    def end(self, outcome: str, tally: Tally, price: Price | None) -> None:
        """Close the run with its counts."""
        self.runs[-1] |= {
            "ended": _now(),
            "outcome": outcome,
            "collected": tally.done - tally.before,
            "failed": tally.failed,
            "requests": tally.requests,
            "retries": tally.retries,
            "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens,
        }
        self.counts = {
            "planned": tally.total,
            "collected": tally.done,
            "missing": tally.total - tally.done,
            "cost_usd": None if tally.cost is None else round(tally.cost, 6),
            "price": None if price is None else {
                "input": price.input, "output": price.output, "source": price.source
            },
        }  # fmt: skip
        self.write()

    def write(self) -> None:
        """Replace the file at once or not at all."""
        value = {
            "schema": SCHEMA,
            "outputs": self.path.name.removesuffix(SUFFIX),
            **self.fixed,
            "suites": list(self.suites.values()),
            "runs": self.runs,
            "counts": self.counts,
        }
        text = self.secrets.hide(json.dumps(value, indent=1, ensure_ascii=False))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path, durable=True) as file:
                file.write(f"{text}\n".encode("utf-8", "replace"))
        except OSError as error:
            raise CollectError(f"{show(self.path)}: cannot be written: {error.strerror}") from None


def manifest_path(out: Path) -> Path:
    """Return where the record of a file of answers stands."""
    return out.with_name(out.name + SUFFIX)


def open_manifest(
    out: Path, target: Target, plan: Plan, weights: Mapping[str, Any], secrets: Secrets
) -> Manifest:
    """Open the record of a file, or make a new one, and check that the answers belong together.

    Parameters
    ----------
    out : Path
        File of the answers.
    target, plan
        What is asked.
    weights : mapping
        What identifies local weights: hashes, or the hub's revision.
    secrets : Secrets

    Raises
    ------
    CollectError
        When the file was collected with other settings; the message names the first that differs.
    """
    settings = plan.settings
    sampling = settings.sampling
    fixed = {
        "model": settings.name or target.default_name(),
        "provider": target.provider.name,
        "model_id": target.model,
        "base_url": target.public_url(),
        "endpoint": "completions" if settings.completions else "chat",
        "sampling_requested": sampling.requested(),
        "seed": SEED if sampling.seed is None else sampling.seed,
        "seed_sent": sampling.seed is not None or target.provider.protocol is Protocol.LOCAL,
        "system": settings.system,
        "weights": dict(weights),
    }
    suites = {
        suite.name: {"name": suite.name, "version": suite.version, "sha256": suite.sha256}
        for suite in plan.suites
    }
    path = manifest_path(out)
    manifest = Manifest(path, secrets, fixed, suites)
    known = _read(path)
    if known is None:
        if out.exists() and out.stat().st_size:
            raise CollectError(
                f"{show(out)}: holds something, and there is no {path.name} beside it that says "
                "how it was collected; give another --out"
            )
        return manifest
    _check_same(out, known, fixed, suites)
    before = {row["name"]: row for row in known["suites"]}
    manifest.suites = before | suites
    manifest.runs = known["runs"]
    manifest.counts = known["counts"]
    return manifest


def _check_same(
    out: Path, known: Mapping[str, Any], fixed: Mapping[str, Any], suites: Mapping[str, Any]
) -> None:
    """Raise on the first setting in which this run differs from those before."""
    before, now = _flat(known, fixed), _flat(fixed, fixed)
    for row in known["suites"]:
        if row["name"] in suites:
            name = f"suite {row['name']} (sha256)"
            before[name], now[name] = row["sha256"], suites[row["name"]]["sha256"]
    differing = [name for name in before | now if before.get(name) != now.get(name)]
    if differing:
        name = differing[0]
        more = f" (and {', '.join(differing[1:4])})" if differing[1:] else ""
        raise CollectError(
            f"{show(out)}: was collected with {name} {excerpt(before.get(name))}, and this command "
            f"says {excerpt(now.get(name))}{more}; repeat the settings of {out.name}{SUFFIX}, or "
            "give another --out"
        )


def _flat(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named values with those inside objects named as NAME.FIELD."""
    flat: dict[str, Any] = {}
    for name in names:
        value = values.get(name)
        if isinstance(value, Mapping):
            flat |= {f"{name}.{part}": found for part, found in value.items()}
        else:
            flat[name] = value
    return flat


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CollectError(f"{show(path)}: larger than {MAX_BYTES} bytes; not a manifest")
        value, _ = parse_json(path.read_bytes())
    except OSError as error:
        raise CollectError(f"{show(path)}: cannot be read: {error.strerror}") from None
    except BadJson as error:
        raise CollectError(f"{show(path)}: {error}; give another --out") from None
    wanted = {"suites": list, "runs": list, "counts": dict}
    if (
        not isinstance(value, dict)
        or value.get("schema") != SCHEMA
        or any(not isinstance(value.get(name), kind) for name, kind in wanted.items())
        or any(not isinstance(row, dict) or not {"name", "sha256"} <= row.keys()
               for row in value["suites"])
    ):  # fmt: skip
        raise CollectError(f"{show(path)}: expected a manifest of {SCHEMA}; give another --out")
    return value


def versions(provider: str) -> dict[str, str]:
    """Return the versions of what takes part, as far as it is installed."""
    from fingerprint.collect.providers import PROVIDERS

    found = {"fingerprint": __version__, "python": sys.version.split()[0]}
    for package in _PACKAGES[PROVIDERS[provider].protocol]:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

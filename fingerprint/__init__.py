"""Forensics for distillation between language models.

The public API: `compare`, `matrix`, `read_outputs`, `build_pack`, `read_pack`, `write_pack`; for
reports `examine`, `write_report`, `render_report`, `verify_bundle`. Names are loaded when they are
first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fingerprint.bundle.verifying import verify as verify_bundle
    from fingerprint.comparison import compare as compare
    from fingerprint.comparison import examine as examine
    from fingerprint.comparison import matrix as matrix
    from fingerprint.dossier import render as render_report
    from fingerprint.dossier import write as write_report
    from fingerprint.outputs import read_outputs as read_outputs
    from fingerprint.packs import build as build_pack
    from fingerprint.packs import read as read_pack
    from fingerprint.packs import write as write_pack

_PUBLIC = {
    "compare": ("fingerprint.comparison", "compare"),
    "examine": ("fingerprint.comparison", "examine"),
    "matrix": ("fingerprint.comparison", "matrix"),
    "read_outputs": ("fingerprint.outputs", "read_outputs"),
    "build_pack": ("fingerprint.packs", "build"),
    "read_pack": ("fingerprint.packs", "read"),
    "write_pack": ("fingerprint.packs", "write"),
    "write_report": ("fingerprint.dossier", "write"),
    "render_report": ("fingerprint.dossier", "render"),
    "verify_bundle": ("fingerprint.bundle.verifying", "verify"),
}

__all__ = [
    "build_pack",
    "compare",
    "examine",
    "matrix",
    "read_outputs",
    "read_pack",
    "render_report",
    "verify_bundle",
    "write_pack",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)

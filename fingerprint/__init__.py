"""Forensics for distillation between language models.

The public API: `compare`, `matrix`, `read_outputs`, `build_pack`, `read_pack`, `write_pack`. Names
are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fingerprint.comparison import compare as compare
    from fingerprint.comparison import matrix as matrix
    from fingerprint.outputs import read_outputs as read_outputs
    from fingerprint.packs import build as build_pack
    from fingerprint.packs import read as read_pack
    from fingerprint.packs import write as write_pack

_PUBLIC = {
    "compare": ("fingerprint.comparison", "compare"),
    "matrix": ("fingerprint.comparison", "matrix"),
    "read_outputs": ("fingerprint.outputs", "read_outputs"),
    "build_pack": ("fingerprint.packs", "build"),
    "read_pack": ("fingerprint.packs", "read"),
    "write_pack": ("fingerprint.packs", "write"),
}

__all__ = ["build_pack", "compare", "matrix", "read_outputs", "read_pack", "write_pack"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)

"""Load weights through transformers: safetensors only, and no code that comes with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fingerprint.errors import CollectError, MissingExtraError
from fingerprint.outputs.files import show


def load_weights(where: str, threads: int | None, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """Load a tokenizer and weights: no pickle, and no code that comes with the weights.

    Parameters
    ----------
    where : str
        A folder of safetensors and tokenizer, or a hub id.
    threads : int or None
        Of the CPU; None: half the cores.
    options : mapping
        As transformers calls them.

    Raises
    ------
    CollectError
        When they cannot be loaded.
    MissingExtraError
        Without torch and transformers.
    """
    try:
        import torch
        import transformers
    except ImportError:
        raise MissingExtraError("local weights", "torch, transformers", "local") from None
    # What may be a hub id is looked for on the hub; what can only be a path never is.
    if where.startswith((".", "/", "~")) and not Path(where).is_dir():
        raise CollectError(f"{show(where)}: no such folder; expected weights and tokenizer")
    torch.set_num_threads(threads or _half_the_cores())
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(where)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            where, use_safetensors=True, **options
        )
    except (OSError, ImportError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        raise CollectError(
            f"local:{where}: the weights cannot be loaded: {' '.join(str(error).split())[:300]}"
        ) from error
    return tokenizer, model.eval()


def default_device() -> str:
    """Return where weights go when nothing is said."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _half_the_cores() -> int:
    """Return the threads to use: more than there are free cores only wait for each other."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)) // 2)
    return max(1, (os.cpu_count() or 1) // 2)

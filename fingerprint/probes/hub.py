"""Suites on the Hugging Face hub: fetched by name when they are asked for, and never before."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from fingerprint.errors import MissingExtraError, ProbesError
from fingerprint.outputs.files import excerpt

PREFIX = "hf:"
_SPEC = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>[^:]+))?", re.ASCII
)
_PREFERRED = (
    r"alpaca_eval\.json",
    r"data/arena-hard-v2\.0/question\.jsonl",
    r"v2/test[^/]*\.parquet",
)
"""What to take of a data set that has several files: the prompts of the three we know."""
_READABLE = (".json", ".jsonl", ".jsonl.gz", ".parquet")
_MOST_LISTED = 8


class Fetched(NamedTuple):
    """A file of the hub as it lies in the local cache."""

    name: str
    path: Path
    revision: str
    """The commit, so that the same file can be fetched again."""


def fetch(spec: str) -> Fetched:
    """Fetch one file of a data set: ``hf:OWNER/NAME[@REVISION][:FILE]``.

    Raises
    ------
    ProbesError
        When the spec is malformed, the data set or file is not there or not open to this user, or
        the hub cannot be reached.
    MissingExtraError
        Without huggingface_hub.
    """
    parts = _SPEC.fullmatch(spec)
    if parts is None:
        raise ProbesError(f"expected hf:OWNER/NAME[@REVISION][:FILE], found {excerpt(spec)}")
    try:
        library: Any = import_module("huggingface_hub")
    except ImportError:
        raise MissingExtraError("Fetching a suite", "huggingface_hub", "local") from None
    repo = parts["repo"]
    try:
        info = library.HfApi().repo_info(repo, repo_type="dataset", revision=parts["revision"])
        file = parts["file"] or _choose(spec, [entry.rfilename for entry in info.siblings or ()])
        path = library.hf_hub_download(repo, file, repo_type="dataset", revision=info.sha)
    except ProbesError:
        raise
    except Exception as error:  # the library's own, its HTTP client's and the system's
        first = (str(error) or type(error).__name__).strip().partition("\n")[0]
        raise ProbesError(
            f"{spec}: cannot be fetched: {first[:200]}; check the name and the network, or get "
            "the file yourself and give its path"
        ) from error
    return Fetched(repo, Path(path), str(info.sha))


def _choose(spec: str, files: list[str]) -> str:
    """Choose the file with the prompts: one we know, or the only one there is."""
    readable = sorted(name for name in files if name.endswith(_READABLE))
    for pattern in _PREFERRED:
        for name in readable:
            if re.fullmatch(pattern, name):
                return name
    if len(readable) == 1:
        return readable[0]
    listed = ", ".join(readable[:_MOST_LISTED]) or "none that can be read"
    more = f" and {len(readable) - _MOST_LISTED} more" if len(readable) > _MOST_LISTED else ""
    raise ProbesError(
        f"{spec}: expected one file of prompts, found {listed}{more}; name one: {spec}:FILE"
    )

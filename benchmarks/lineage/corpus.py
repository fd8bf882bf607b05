"""The open data as panels: one a pool of sets that share prompts."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.lineage.truth import CONTESTED, PROMPTED, Label, read_labels
from fingerprint.models import model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import Pack, build
from fingerprint.panel import Panel, align
from fingerprint.tokens import Hasher

POOLS = {
    "alpaca_eval": ("alpaca_eval",),
    "vicuna80": ("qlora_vicuna80", "vicuna_blog80", "vicuna80_more", "llmzoo_vicuna80"),
    "lottery": ("oasst_lottery250",),
    "selfinstruct": ("selfinstruct252", "tulu1_human_eval", "pandalm"),
    # AlpacaEval's prompts, with every other set that has some of them
    "extended": (
        "alpaca_eval",
        "selfinstruct252",
        "tulu1_human_eval",
        "lima_test",
        "pandalm",
        "just_eval",
        "oasst_en100",
    ),
}
TRAINED_ON_ALPACA = ("pandalm",)
"""Sets whose models are named after their bases."""


@dataclass(frozen=True)
class Pool:
    name: str
    panel: Panel
    labels: tuple[Label, ...]

    @property
    def clean(self) -> list[int]:
        """Members that may be background: references and independents, not the contested ones."""
        return [
            i
            for i, (info, label) in enumerate(zip(self.panel.infos, self.labels, strict=True))
            if label.kind in ("reference", "independent")
            and info.vendor not in CONTESTED
            and not PROMPTED.search(info.name)
            and not info.name.startswith("TempNet")
        ]


def load_packs(data: Path, sets: Iterable[str]) -> list[tuple[Pack, Label]]:
    """Build the packs of sets; a model in two sets counts twice, under the same lineage."""
    hasher = Hasher()
    labels = read_labels(data)
    found = []
    for name in sets:
        for path in sorted((data / name).glob("*.jsonl.gz")):
            for outputs in read_outputs(path):
                info = model_info(outputs.model)
                if name in TRAINED_ON_ALPACA:
                    info = replace(model_info("alpaca-7b"), name=outputs.model)
                label = labels.get((name, outputs.model), Label("UNKNOWN", "low"))
                found.append((build(outputs, info, suite=name, hasher=hasher), label))
    return found


def load_pool(data: Path, name: str) -> Pool:
    """Build the panel of one pool, on the prompts that at least 60 % of its models answered."""
    packs = load_packs(data, POOLS[name])
    panel = align([pack for pack, _ in packs])
    wide = panel.present.mean(axis=1) >= 0.6
    keep = [i for i in range(len(packs)) if panel.present[wide, i].sum() >= 20]
    panel = take(panel, keep, wide)
    return Pool(name, panel, tuple(packs[i][1] for i in keep))


def take(panel: Panel, members: list[int], prompts: npt.NDArray[np.bool_]) -> Panel:
    """Cut a panel down to some members and prompts."""
    at = np.flatnonzero(prompts)
    return Panel(
        packs=tuple(panel.packs[m] for m in members),
        prompts=panel.prompts[at],
        rows=tuple(tuple(panel.rows[m][p] for p in at) for m in members),
        words=panel.words[np.ix_(at, members)],
        lines=panel.lines[np.ix_(at, members)],
        domains=tuple(panel.domains[p] for p in at),
    )


def data_digest(data: Path, names: Iterable[str]) -> str:
    """Hash the files that some pools and the labels are read from (hex SHA-256)."""
    digest = hashlib.sha256((data / "LINEAGE.tsv").read_bytes())
    for name in sorted({s for pool in names for s in POOLS[pool]}):
        for path in sorted((data / name).glob("*.jsonl.gz")):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def texts(data: Path, name: str) -> list[str]:
    """Return the responses of a set, for timing."""
    found = []
    for path in sorted((data / name).glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            found += [json.loads(line)["response"] for line in handle]
    return found

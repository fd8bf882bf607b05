"""From a pool of the lineage benchmark to a case with text, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.lineage.corpus import POOLS, Pool, take
from benchmarks.lineage.truth import Label, labelled_pairs
from benchmarks.peers.cases import Case
from fingerprint.models import model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import build
from fingerprint.panel import align
from fingerprint.records import Outputs, Response
from fingerprint.tokens import Hasher


def judged(pool: Pool) -> Pool:
    """Cut a pool down to the models of its labelled pairs and its clean background."""
    pairs = labelled_pairs(pool.panel.infos, pool.labels)
    members = sorted({m for pair in pairs for m in (pair.suspect, *pair.teachers)} | {*pool.clean})
    every = np.ones(len(pool.panel.prompts), dtype=bool)
    labels = tuple(pool.labels[m] for m in members)
    return Pool(pool.name, take(pool.panel, members, every), labels)


def case_of(data: Path, pool: Pool) -> Case:
    """Give a pool its texts back: packs keep the order of the responses they were built from."""
    responses = {
        (name, outputs.model): outputs.responses
        for name in POOLS[pool.name]
        for path in sorted((data / name).glob("*.jsonl.gz"))
        for outputs in read_outputs(path)
    }
    panel = pool.panel
    prompts: list[tuple[str, str]] = [("", "")] * len(panel.prompts)
    texts: list[list[str | None]] = []
    for pack, rows in zip(panel.packs, panel.rows, strict=True):
        given = responses[pack.suite, pack.info.name]
        texts.append([given[at[0]].text if len(at) else None for at in rows])
        for p, at in enumerate(rows):
            if len(at) and prompts[p] == ("", ""):
                prompts[p] = (given[at[0]].prompt_id, given[at[0]].prompt)
    pairs = labelled_pairs(panel.infos, pool.labels)
    return Case(
        pool=pool.name,
        prompts=prompts,
        models=[info.name for info in panel.infos],
        lineages=[info.lineage for info in panel.infos],
        vendors=[info.vendor for info in panel.infos],
        sets=[pack.suite for pack in panel.packs],
        labels=[(label.teacher, label.confidence) for label in pool.labels],
        texts=texts,
        columns=sorted({t for pair in pairs for t in pair.teachers} | set(pool.clean)),
    )


def pool_of(case: Case) -> Pool:
    """Build the packs of a case's texts and align them."""
    hasher = Hasher()
    packs = []
    for model, suite, texts in zip(case.models, case.sets, case.texts, strict=True):
        responses = tuple(
            Response(prompt_id, prompt, text)
            for (prompt_id, prompt), text in zip(case.prompts, texts, strict=True)
            if text is not None
        )
        packs.append(
            build(Outputs(model, responses), model_info(model), suite=suite, hasher=hasher)
        )
    return Pool(case.pool, align(packs), tuple(Label(*label) for label in case.labels))

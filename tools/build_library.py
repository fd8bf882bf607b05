"""Build the reference library: python tools/build_library.py DATA [--suite SUITE ...].

DATA is the folder with the open outputs (one folder a set, SOURCE.md in each). Only packs and the
index are written: numbers and hashes, no text. With --suite only that suite is built anew, and the
rest of the library stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fingerprint.canaries import DOMAIN
from fingerprint.library import INDEPENDENT, INDEX, OPEN, REFERENCE, SCHEMA, STUDENT
from fingerprint.models import lookup, model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import PACK_SUFFIX, build, write
from fingerprint.records import Outputs, Response
from fingerprint.tokens import Hasher

OUT = Path(__file__).resolve().parent.parent / "reference_outputs"
SHORT_NAMES = {
    "openai": "ref_gpt",
    "anthropic": "ref_claude",
    "google": "ref_gemini",
    "xai": "ref_grok",
    "mistral": "ref_mistral",
    "cohere": "ref_cohere",
    "moonshot": "kimi",
    "alibaba": "qwen",
    "zhipu": "glm",
    "deepseek": "deepseek",
    "minimax": "minimax",
    "bytedance": "doubao",
    "baidu": "ernie",
    "xiaomi": "mimo",
}
MODELS = {
    "persuasion_open": {
        REFERENCE: r"claude.*|gpt.*|gemini.*|grok.*|mistral.*",
        OPEN: r"kimi.*|qwen.*|glm.*|deepseek.*|minimax.*|seed.*|ernie.*|mimo.*",
    },
    "alpaca_eval": {
        REFERENCE: (
            r"claude(-2|-2\.1|-instant-1\.2|-3-opus-20240229|-3-sonnet-20240229"
            r"|-3-5-sonnet-20240620)?|text_davinci_00[13]|gpt35_turbo_instruct"
            r"|gpt-3\.5-turbo-(0301|0613|1106)|gpt4(_0314|_0613|_1106_preview)?"
            r"|gpt-4-0125-preview|gpt-4-turbo-2024-04-09|gpt-4o-2024-05-13"
            r"|gpt-4o-mini-2024-07-18|gemini-pro|cohere|mistral-(medium|large-2402)"
        ),
        INDEPENDENT: r"guanaco-.*|llama-2-(7|13|70)b-chat-hf|Meta-Llama-3-(8|70)B-Instruct",
        STUDENT: (
            r"alpaca-7b|vicuna-(7|13)b(-v1\.[35].*)?|wizardlm-(13|70)b|baize-v2-.*"
            r"|zephyr-7b-(alpha|beta)|tulu-2-dpo-(7|13|70)b|openchat-v3\.1-13b|airoboros-33b"
            r"|falcon-40b-instruct|ultralm-13b-v2\.0|deita-7b-v1\.0"
        ),
    },
    "qlora_vicuna80": {
        REFERENCE: r"bard|gpt35|gpt4",
        INDEPENDENT: r"qlora-llama-(13|65)b-(guanaco|flan|longform)",
        STUDENT: r"vicuna-13b|qlora-llama-13b-alpaca",
    },
}

IDENTITY = "identity_probe"
"""The set of what models say they are: every answer is a canary of identity."""


def origin_of(folder: Path) -> tuple[str, str]:
    """Read repository, commit and licence from a set's SOURCE.md."""
    text = (folder / "SOURCE.md").read_text("utf-8")
    found = dict(re.findall(r"(?m)^- (repo|commit|licence): (.+)$", text))
    return f"{found['repo']} @ {found['commit']}", found["licence"]


def as_canaries(outputs: Outputs) -> Outputs:
    """Mark the answers as canaries of identity, under the model's own name.

    The set writes the maker before the model, turns of a conversation as "[user] ...", and the
    temperature into the prompt's id: the same question is one prompt, its answers are samples.
    """
    seen: Counter[str] = Counter()
    responses: list[Response] = []
    for r in outputs.responses:
        alone = re.fullmatch(r"\[user\] ([^\n]*)", r.prompt)
        prompt = alone[1] if alone else r.prompt
        responses.append(
            replace(
                r, prompt=prompt, prompt_id=prompt, sample=seen[prompt], domain=DOMAIN,
                extra={"kind": "identity"},
            )
        )  # fmt: skip
        seen[prompt] += 1
    name = outputs.model.partition("_")[2] or outputs.model
    return replace(outputs, model=name, responses=tuple(responses))


def role_of(suite: str, stem: str, model: str) -> str | None:
    if suite == IDENTITY:
        known = lookup(model)
        return known.role if known else None
    return next((r for r, p in MODELS[suite].items() if re.fullmatch(p, stem)), None)


def packed(data: Path, suite: str, hasher: Hasher) -> Iterator[tuple[dict[str, Any], set[int]]]:
    """Write the packs of a suite; yield the index row and the prompts of each."""
    origin, licence = origin_of(data / suite)
    (OUT / suite).mkdir(parents=True, exist_ok=True)
    for old in (OUT / suite).glob(f"*{PACK_SUFFIX}"):
        old.unlink()
    for path in sorted((data / suite).glob("*.jsonl.gz")):
        (outputs,) = read_outputs(path)
        if suite == IDENTITY:
            outputs = as_canaries(outputs)
        stem = path.name.removesuffix(".jsonl.gz")
        role = role_of(suite, stem, outputs.model)
        if role is None:
            continue
        info = model_info(outputs.model)
        pack = build(
            replace(outputs, sampling={"requested": "see the source", "effective": "unknown"}),
            info, suite=suite, role=role, licence=licence, origin=origin, hasher=hasher,
        )  # fmt: skip
        file = f"{suite}/{outputs.model if suite == IDENTITY else stem}{PACK_SUFFIX}"
        digest = write(pack, OUT / file)
        names = [outputs.model]
        short = SHORT_NAMES.get(info.vendor or "")
        if short and role in (REFERENCE, OPEN):
            names.append(short)
        table = pack.canaries
        prompts = set((pack.prompts if table is None else table.prompts).tolist())
        yield (
            {
                "file": file, "model": outputs.model, "names": names, "vendor": info.vendor,
                "lineage": info.lineage, "released": info.released, "suite": suite,
                "role": role, "responses": len(pack if table is None else table),
                "prompts": len(prompts), "origin": origin, "licence": licence, "sha256": digest,
            },
            prompts,
        )  # fmt: skip
        print(f"{file}: {len(pack if table is None else table)} responses", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    every = [*MODELS, IDENTITY]
    parser.add_argument("--suite", action="append", choices=every, help="default all of them")
    asked = parser.parse_args()
    index: dict[str, Any] = {"schema": SCHEMA, "entries": [], "suites": {}, "canaries": []}
    if asked.suite:
        index |= json.loads((OUT / INDEX).read_text("utf-8"))
    hasher = Hasher()
    for suite in asked.suite or every:
        found = list(packed(asked.data, suite, hasher))
        where = "canaries" if suite == IDENTITY else "entries"
        index[where] = [e for e in index[where] if e["suite"] != suite] + [e for e, _ in found]
        if suite != IDENTITY:
            keys = set().union(*(prompts for _, prompts in found))
            index["suites"][suite] = sorted(f"{k:016x}" for k in keys)
    (OUT / INDEX).write_text(json.dumps(index, indent=1) + "\n", "utf-8")
    size = sum(p.stat().st_size for p in OUT.rglob("*") if p.is_file())
    count = len(index["entries"]) + len(index["canaries"])
    print(f"{count} packs, {size / 1e6:.1f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()

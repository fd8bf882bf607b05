"""knowlyr-modelaudit: its `llmmap` and `dli` fingerprints and comparisons, on stored responses.

Its own probes and its calls to a provider are what it would use on a live model. Here its list of
probes is replaced with the prompts of the case and its one function that asks a provider with one
that looks the stored response up; everything else is its own: `get_fingerprint`, `compare`, and the
mean of the two similarities that its `audit` decides on.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.cases import Case, Scores

REQUIREMENTS = ("knowlyr-modelaudit==0.4.1",)
PACKAGES = ("knowlyr-modelaudit",)


def score(case: Case) -> Scores:
    """Compare every model with every column by both black-box methods."""
    import modelaudit.methods  # noqa: F401  (registers the methods)
    from modelaudit.registry import get_fingerprinter

    tools = {name: get_fingerprinter(name, num_probes=len(case.prompts)) for name in METHODS}
    prints = {name: _fingerprints(case, tool) for name, tool in tools.items()}
    scores: Scores = {
        name: [
            [
                # it rejects its own result for a model and itself, which rounding puts above 1
                tool.compare(prints[name][t], prints[name][s]).similarity if t != s else 1.0
                for t in case.columns
            ]
            for s in range(len(case.models))
        ]
        for name, tool in tools.items()
    }
    scores["audit"] = [
        [sum(pair) / len(pair) for pair in zip(*rows, strict=True)]
        for rows in zip(*(scores[name] for name in METHODS), strict=True)
    ]
    return scores


METHODS = ("llmmap", "dli")


def _fingerprints(case: Case, tool: Any) -> dict[int, Any]:
    from modelaudit.methods import llmmap
    from modelaudit.probes import prompts

    found = {}
    for member in range(len(case.models)):
        stored = {
            prompt: text
            for (_, prompt), text in zip(case.prompts, case.texts[member], strict=True)
            if text is not None
        }
        prompts.DEFAULT_PROBES[:] = [
            prompts.Probe(id=f"p{i}", category="case", prompt=prompt, description="")
            for i, prompt in enumerate(stored)
        ]
        llmmap._call_model_api = lambda prompt, stored=stored, **_: stored[prompt]
        tool.prepare(case.models[member])
        found[member] = tool.get_fingerprint()
    return found

"""Model equality testing: the MMD statistic with the Hamming kernel over characters.

The package compares completions of one prompt with each other, and needs several of each. With one
response to a prompt it divides by zero, so all prompts are pooled as if they were one. The score is
minus the statistic; p values would take hundreds of permutations a pair and say whether two models
are the same, which no suspect and teacher are.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.cases import Case, Scores

# tqdm and transformers are imported by it but not declared
REQUIREMENTS = ("model-equality-testing==0.0.2", "torch==2.13.0", "tqdm", "transformers")
PACKAGES = ("model-equality-testing", "torch")
SIZES = ((200, 1000), (1000, 60))
"""Characters, those of its README's example and of its data set, and most prompts: a bound on time,
which grows with the square of the prompts; the first ones, in the order of their hashes."""


def score(case: Case) -> Scores:
    """Return minus the statistic of every model and column."""
    from model_equality_testing.algorithm import run_two_sample_test

    scores: Scores = {}
    for length, prompts in SIZES:
        samples = [_sample(case.answers(m)[:prompts], length) for m in range(len(case.models))]
        scores[f"{length} characters"] = [
            [
                -float(
                    run_two_sample_test(
                        samples[s], samples[t], pvalue_type="dummy", stat_type="mmd_hamming"
                    )[1]
                )
                for t in case.columns
            ]
            for s in range(len(case.models))
        ]
    return scores


def _sample(texts: list[str], length: int) -> Any:
    import numpy as np
    from model_equality_testing.distribution import CompletionSample
    from model_equality_testing.utils import pad_to_length, tokenize_unicode

    cut = [text[:length] or " " for text in texts]
    tokens = pad_to_length(tokenize_unicode(cut), length).astype(np.int32)
    return CompletionSample(np.zeros(len(cut), dtype=np.int32), tokens, m=1)

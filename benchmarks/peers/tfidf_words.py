"""TF-IDF of one and two words; see `tfidf`."""

from __future__ import annotations

from benchmarks.peers import tfidf
from benchmarks.peers.cases import Case, Scores

REQUIREMENTS, PACKAGES = tfidf.REQUIREMENTS, tfidf.PACKAGES


def score(case: Case) -> Scores:
    """Score as in `tfidf`."""
    return tfidf.score(case, analyzer="word", ngram_range=(1, 2))

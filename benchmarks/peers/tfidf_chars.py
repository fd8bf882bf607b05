"""TF-IDF of two to four characters; see `tfidf`."""

from __future__ import annotations

from benchmarks.peers import tfidf
from benchmarks.peers.cases import Case, Scores

REQUIREMENTS, PACKAGES = tfidf.REQUIREMENTS, tfidf.PACKAGES


def score(case: Case) -> Scores:
    """Score as in `tfidf`."""
    return tfidf.score(case, analyzer="char", ngram_range=(2, 4))

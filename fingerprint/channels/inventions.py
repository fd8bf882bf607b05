"""``inventions``: which details two models make up alike about things that do not exist."""

from __future__ import annotations

import numpy as np

from fingerprint.channels.agreement import Agreement, weighted_jaccard
from fingerprint.panel import Panel

NAME = "inventions"


def measure(panel: Panel) -> Agreement:
    """Measure the rarity-weighted Jaccard similarity of the words that answers add to the question.

    Names, numbers and places that nobody else gives weigh most; what several lineages make up alike
    weighs little (METHODS D). Two models that both say that they know of no such thing agree on
    nothing here: a prompt counts where both made something up.

    Parameters
    ----------
    panel : Panel
        Aligned on the canary answers (`panel.align_canaries`).
    """
    tables = [None if p.canaries is None else p.canaries.answers for p in panel.packs]
    agreement = weighted_jaccard(panel, NAME, NAME, tables)
    values = agreement.per_prompt
    for p in range(len(panel.prompts)):
        for m in np.flatnonzero(panel.present[p]):
            table = panel.packs[m].canaries
            if table is not None and not any(len(table.answers[r]) for r in panel.rows[m][p]):
                values[p, m, :] = values[p, :, m] = np.nan
    return agreement

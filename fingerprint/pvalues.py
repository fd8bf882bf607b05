"""P-values as likelihood ratios: what one can be worth at least and at most, whatever the test."""

from __future__ import annotations

import math


def llr10(p: float, cap10: float) -> float:
    """Return the log10 likelihood ratio that a p-value earns whatever the alternative, capped.

    The mean of all calibrators ``k p^(k-1)``: by chance its expected ratio is at most 1 (Vovk and
    Wang 2021), so it never overstates. It is at least log10 of 0.5: a large p clears nobody.

    Parameters
    ----------
    p : float
        Above 0, at most 1.
    cap10 : float
        Most that is returned.
    """
    loss = -math.log(p)
    if loss < 1e-3:
        return math.log10(0.5)
    return min(math.log10((1 - p - p * loss) / (p * loss * loss)), cap10)


def bound10(p: float) -> float:
    """Return the largest log10 likelihood ratio that a p-value can stand for.

    1 / (-e p ln p) over all alternatives that are monotone in p (Vovk 1993, Sellke et al. 2001).
    """
    return -math.log10(-math.e * p * math.log(p)) if p < 1 / math.e else 0.0

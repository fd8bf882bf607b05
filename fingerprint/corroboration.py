"""Corroboration: what answers to canary probes add to the structural evidence, and what they may.

The rule: claims of identity add to the log LR of a pair only where the text already speaks for the
teacher, by no more than the text itself says, and under the same cap; they never decide a label.
The other canary channels describe: there are no models with known teachers to calibrate them on.
"""

from __future__ import annotations

import numpy as np

from fingerprint.assessment import Assessment
from fingerprint.calibration import bounded
from fingerprint.channels import CANARIES, identity
from fingerprint.channels.identity import Claims
from fingerprint.evidence import Evidence, SpreadPrior
from fingerprint.panel import align_canaries
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS, ChannelResult, Status

_PRIOR = SpreadPrior(ratio=1.0, weight=1.0)
"""These scores are not put on a scale: only differences and their draws are used."""


def claims_of(evidence: Evidence, found: Assessment) -> Claims | str:
    """Measure what the suspect says of the teacher's maker, or say why it cannot be measured."""
    return identity.measure(evidence.panel, evidence.background, found.suspect, found.teacher)


def together(evidence: Evidence, found: Assessment) -> float | None:
    """Return the uncapped log10 LR of text and claims, for ranking; None where there is no text."""
    if found.raw is None or found.raw <= 0 or found.impossible:
        return found.raw
    claims = claims_of(evidence, found)
    llr10 = None if isinstance(claims, str) else claims.llr10
    return found.raw + min(max(llr10 or 0.0, 0.0), found.raw)


def strengthened(evidence: Evidence, found: Assessment) -> float | None:
    """Return the log10 LR of text and claims under the pair's cap; only this is ever shown."""
    if found.llr10 is None or found.raw is None or found.cap10 is None:
        return None
    raw = together(evidence, found)
    return found.llr10 if raw is None or raw == found.raw else float(bounded(raw, found.cap10))


def canary_results(evidence: Evidence, found: Assessment, seed: int) -> tuple[ChannelResult, ...]:
    """List the canary channels with score and interval, or why they are missing."""
    rows = [_identity(evidence, found)]
    rows += [_described(evidence, found, name, seed) for name in CANARIES]
    return tuple(rows)


def _identity(evidence: Evidence, found: Assessment) -> ChannelResult:
    claims = claims_of(evidence, found)
    if isinstance(claims, str):
        return _missing(identity.NAME, claims)
    return ChannelResult(
        name=identity.NAME,
        status=Status.MEASURED,
        score=claims.share,
        low=claims.low,
        high=claims.high,
        llr10=claims.llr10,
        n_prompts=claims.prompts,
        reason=_in_words(claims, evidence.panel.infos[found.suspect].name),
    )


def _in_words(claims: Claims, suspect: str) -> str:
    """Say what was claimed, by which version, in which languages, and how usual that is."""
    spoken = ", ".join(f"{name} {n} of {of}" for name, (n, of) in claims.by_language.items())
    version = "" if claims.model == suspect else ", the closest version that was asked,"
    said = (
        f"{claims.claims} of {claims.answers} neutral answers of {claims.model}{version} claim "
        f"{claims.maker} ({spoken})"
    )
    if claims.ratio is None:
        return f"{said}; fewer than {MIN_LINEAGES} unrelated lineages were asked the same"
    usual = sorted(claims.background.items(), key=lambda item: (-item[1], item[0]))
    others = ", ".join(f"{name} {100 * share:.0f} %" for name, share in usual if share >= 0.005)
    asked = "" if claims.paired else " asked other questions"
    return f"{said}; of {len(usual)} unrelated lineages{asked}: {others or 'none'}"


def _described(evidence: Evidence, found: Assessment, name: str, seed: int) -> ChannelResult:
    """Score a canary channel against the background, as the text channels are."""
    measure = CANARIES[name]
    panel = align_canaries(evidence.panel.packs, name)
    shared = panel.both(found.suspect, found.teacher)
    if not shared.any():
        return _missing(
            name, "suspect and teacher were not asked: collect the canary suite of both"
        )
    if shared.sum() < MIN_PROMPTS:
        return _missing(
            name,
            f"{int(shared.sum())} common probes of this kind, where {MIN_PROMPTS} are the least",
            int(shared.sum()),
        )
    rng = np.random.default_rng([seed, *name.encode()])
    agreement = {name: measure(panel)}
    own = Evidence(panel, agreement, evidence.background, {}, {name: _PRIOR}, rng, evidence.draws)
    groups, mask = own.common(own.groups(found.suspect, [found.teacher]), shared)
    if len(groups) < MIN_LINEAGES:
        return _missing(
            name,
            f"{len(groups)} independent background lineages answered these probes, where "
            f"{MIN_LINEAGES} are the least",
            int(shared.sum()),
        )
    score = own.score(name, found.suspect, found.teacher, groups, mask)
    draws = score.draws[np.isfinite(score.draws)]
    if not np.isfinite(score.difference) or not len(draws):
        return _missing(name, "the two gave no answers that can be compared", int(mask.sum()))
    low, high = np.quantile(draws, [0.05, 0.95])
    return ChannelResult(
        name=name,
        status=Status.MEASURED,
        score=score.difference,
        low=float(low),
        high=float(high),
        llr10=None,
        n_prompts=score.n_prompts,
        reason="describes: no models with known teachers have answered these probes",
    )


def _missing(name: str, reason: str, n_prompts: int = 0) -> ChannelResult:
    return ChannelResult(name, Status.MISSING, None, None, None, None, n_prompts, reason)

"""Bridge: whether a suspect agrees more with what a cluster was served than with what nobody was.

For every prompt there are responses of one teacher, drawn alike: some were served to the cluster,
the others to nobody. If the suspect did not learn from those served, which of them they are is
exchangeable given everything else, so a permutation test is exact whatever the suspect is like: its
base, its other teachers and its likeness to this teacher included (METHODS G and C6; Pitman 1937).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from fingerprint.logs.arms import (
    Agreements,
    Arms,
    adjusted,
    forms,
    lay_out,
    mean_of_others,
    measure,
)
from fingerprint.logs.picks import PickNull, holm
from fingerprint.logs.served import Check, Matched
from fingerprint.packs import Pack
from fingerprint.records import MIN_PROMPTS, ModelInfo
from fingerprint.tokens import grammar_for

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

DRAWS = 2000
LEVEL = 0.95
MIN_GROUPS = 20
"""Groups of prompts below which permuting them together can show next to nothing."""
FAILED = 0.01
"""Level of the checks, adjusted for their number, at which the channel is called unreliable."""
TEMPLATE_WORDS = 5


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean over prompts with the interval of a bootstrap over groups of prompts."""

    estimate: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class ChannelEffect:
    """One channel alone: mean agreement with served minus unserved responses, and its p.

    ``closure``: the difference over what repeating the served response word for word would give.
    """

    name: str
    difference: float
    closure: float
    p: float


@dataclass(frozen=True, slots=True)
class Grouping:
    """A permutation test with the prompts of one group permuted together."""

    by: str
    groups: int
    p: float


@dataclass(frozen=True, slots=True)
class Bridge:
    """What the test found. ``effect`` is in standard deviations of agreement within a prompt.

    ``wins``: how often a served response agrees more than an unserved one, ties by half; 0.5 by
    chance. ``p``: the largest of the groupings that have at least `MIN_GROUPS` groups.
    ``identical``: share of unserved responses that are a served one word for word.
    """

    suspect: ModelInfo
    n_prompts: int
    n_served: int
    n_unserved: int
    effect: Effect
    wins: Effect
    p: float
    groupings: tuple[Grouping, ...]
    channels: tuple[ChannelEffect, ...]
    checks: tuple[Check, ...]
    identical: float
    background: tuple[str, ...]
    seed: int
    draws: int

    @property
    def reliable(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)


def bridge(
    suspect: Sequence[Pack],
    matched: Sequence[Matched],
    *,
    background: Sequence[Pack] = (),
    checks: Sequence[Check] = (),
    seed: int,
    draws: int = DRAWS,
) -> Bridge:
    """Test whether a suspect leans towards the responses that a cluster was served.

    Parameters
    ----------
    suspect : sequence of Pack
        Of one model.
    matched : sequence of Matched
        Prompts with what was served and what was not, from `served.match`.
    background : sequence of Pack
        Unrelated models on the same prompts: what they agree with more is taken out, and none may
        lean towards the served responses itself.
    checks : sequence of Check
        What the records say, from `served.check_record`.
    seed : int
        Of the bootstrap; the p-values need none.
    draws : int
        Bootstrap draws.

    Raises
    ------
    LogsError
        When fewer than `MIN_PROMPTS` prompts have all three: suspect, served, unserved.
    """
    arms = lay_out(suspect, matched, background)
    found = measure(arms)
    form = forms(arms)
    own = _taken_out(found, form, found.suspect, None)
    together = _combined(own)
    groupings = tuple(
        Grouping(by, *_test(arms, together, labels)) for by, labels in _labels(arms).items()
    )
    counted = [g for g in groupings if g.groups >= MIN_GROUPS or g.by == "prompt"]
    coarsest = min(counted, key=lambda g: g.groups)
    labels = _labels(arms)[coarsest.by]
    rng = np.random.default_rng(seed)
    return Bridge(
        suspect=arms.panel.infos[0],
        n_prompts=len(arms.matched),
        n_served=int(arms.served.sum()),
        n_unserved=int((arms.total - arms.served).sum()),
        effect=_bootstrap(_differences(arms, together), labels, rng, draws),
        wins=_bootstrap(_wins(arms, together), labels, rng, draws),
        p=max(g.p for g in counted),
        groupings=groupings,
        channels=_channel_effects(arms, own, found),
        checks=(*checks, *_drift(arms, found, form), *_placebos(arms, found, form)),
        identical=_identical(arms.matched),
        background=tuple(info.name for info in arms.panel.infos[1 : arms.first]),
        seed=seed,
        draws=draws,
    )


def _taken_out(
    found: Agreements, form: Mapping[str, F64], values: Mapping[str, F64], without: int | None
) -> dict[str, F64]:
    """Adjust every channel for form, typicality and the background (without the model itself)."""
    out = {}
    for name, agreement in values.items():
        others = mean_of_others(found.background[name], without)
        covariates = [
            *form.values(),
            found.typical[name],
            *([others] if others is not None else []),
        ]
        out[name] = adjusted(agreement, covariates)
    return out


def _combined(values: dict[str, F64]) -> F64:
    """Average the channels in units of their spread within prompts; without spread none counts."""
    spreads = {name: float(np.sqrt(np.nanmean(of**2))) for name, of in values.items()}
    told = [of / spreads[name] for name, of in values.items() if spreads[name] > 1e-9]
    if not told:
        return next(iter(values.values()))
    total: F64 = np.mean(told, axis=0)
    return total / max(float(np.sqrt(np.nanmean(total**2))), 1e-9)


def _test(arms: Arms, values: F64, labels: I64) -> tuple[int, float]:
    """Return the number of groups and the p-value with their prompts permuted together."""
    null = _null(arms, values, labels)
    # combinations start with the first ones: those that were served
    return len(null), null.upper([0] * len(null))


def _null(arms: Arms, values: F64, labels: I64) -> PickNull:
    """Return the null of the summed differences, with the served responses as option 0.

    Within a group the responses keep their numbers: the first served of one prompt goes with the
    first served of the next. A group uses as many of both kinds as all of its prompts have.
    """
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order])) + 1
    scores = []
    for group in np.split(order, starts):
        s = int(arms.served[group].min())
        u = int((arms.total[group] - arms.served[group]).min())
        used = np.zeros(s + u)
        for p in group:
            unserved = values[p, arms.served[p] : arms.served[p] + u]
            used += np.concatenate([values[p, :s], unserved])
        inside = used[np.array(list(combinations(range(s + u), s)))].sum(axis=1)
        scores.append(inside / s - (used.sum() - inside) / u)
    return PickNull(scores)


def _labels(arms: Arms) -> dict[str, I64]:
    """Return group numbers: every prompt alone, prompts that open alike, prompts of one account."""
    keys: dict[str, list[str]] = {
        "prompt": [str(m.key) for m in arms.matched],
        "template": [_template(m.prompt) for m in arms.matched],
        "account": [m.served[0].account for m in arms.matched],
    }
    return {by: np.unique(values, return_inverse=True)[1] for by, values in keys.items()}


def _template(prompt: str) -> str:
    """Return how a prompt opens: its first words, all numbers alike."""
    lower = prompt[:400].lower()
    words = [w for w in grammar_for(lower).tokens.findall(lower) if w[0].isalnum()]
    return " ".join("0" if w.isdigit() else w for w in words[:TEMPLATE_WORDS])


def _differences(arms: Arms, values: F64) -> F64:
    """Mean over served minus mean over unserved responses, shape (P,)."""
    place = np.arange(values.shape[1])
    filled = np.nan_to_num(values)
    inside = place < arms.served[:, None]
    outside = ~inside & (place < arms.total[:, None])
    served: F64 = (filled * inside).sum(axis=1) / arms.served
    unserved: F64 = (filled * outside).sum(axis=1) / (arms.total - arms.served)
    return np.asarray(served - unserved)


def _wins(arms: Arms, values: F64) -> F64:
    """Share of pairs of a served and an unserved response that the served one wins, shape (P,)."""
    wins = []
    for of, s, total in zip(values, arms.served, arms.total, strict=True):
        gap = of[:s, None] - of[None, s:total]
        wins.append(float(((gap > 1e-12) + 0.5 * (np.abs(gap) <= 1e-12)).mean()))
    return np.array(wins)


def _bootstrap(values: F64, labels: I64, rng: np.random.Generator, draws: int) -> Effect:
    """Mean with a percentile interval, groups drawn with replacement (Davison and Hinkley 1997)."""
    n = int(labels.max()) + 1
    sums, counts = np.bincount(labels, values, n), np.bincount(labels, minlength=n)
    means = np.empty(draws)
    for i in range(draws):
        weights = rng.multinomial(n, np.full(n, 1 / n))
        means[i] = (weights @ sums) / (weights @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Effect(float(values.mean()), float(low), float(high), LEVEL)


def _channel_effects(
    arms: Arms, own: dict[str, F64], found: Agreements
) -> tuple[ChannelEffect, ...]:
    """Test every channel alone, to describe: the test is that of all together."""
    effects = []
    for name, values in own.items():
        difference = float(_differences(arms, values).mean())
        ceiling = 1.0 - float(np.nanmean(found.typical[name]))
        closure = difference / ceiling if ceiling > 1e-9 else 0.0
        p = _test(arms, values, np.arange(len(arms.matched)))[1]
        effects.append(ChannelEffect(name, difference, closure, p))
    return tuple(effects)


def _drift(arms: Arms, found: Agreements, form: dict[str, F64]) -> list[Check]:
    """Compare served with unserved responses alone: the suspect has no part in it.

    Lengths and refusals show another version, system prompt or filter; how typical the responses
    are of one another shows another temperature, or responses that a cache served again.
    """
    typical = np.mean([adjusted(of, []) for of in found.typical.values()], axis=0)
    tested = []
    for name, values in {**form, "spread": typical}.items():
        null = _null(arms, values, np.arange(len(arms.matched)))
        gap = float(_differences(arms, values).mean())
        if name == "refusals":
            said = f"{100 * gap:+.1f} points of refusals, served against unserved"
        elif name == "spread":
            said = f"{gap:+.3f} in how much a response agrees with the others to its prompt"
        else:
            said = f"{100 * np.expm1(gap):+.1f} % {name}, served against unserved"
        tested.append((f"same {name}", null.two_sided([0] * len(null)), said))
    return _checks(tested)


def _placebos(arms: Arms, found: Agreements, form: dict[str, F64]) -> list[Check]:
    """Put every background model in the suspect's place: none may lean either way."""
    tested = []
    for b in range(arms.background):
        here = arms.panel.present[:, 1 + b]
        if here.sum() < MIN_PROMPTS:
            continue
        values = {name: of[b] for name, of in found.background.items()}
        together = np.nan_to_num(_combined(_taken_out(found, form, values, b)))
        null = _null(arms, together, np.arange(len(arms.matched)))
        name = arms.panel.infos[1 + b].name
        said = f"{name} put in the suspect's place, {int(here.sum())} prompts"
        tested.append((f"placebo {name}", null.two_sided([0] * len(null)), said))
    return _checks(tested)


def _checks(tested: Sequence[tuple[str, float, str]]) -> list[Check]:
    levels = holm([p for _, p, _ in tested])
    return [
        Check(name, p >= FAILED, p, said) for (name, _, said), p in zip(tested, levels, strict=True)
    ]


def _identical(matched: Sequence[Matched]) -> float:
    same = [text in {e.response for e in m.served} for m in matched for text in m.unserved]
    return float(np.mean(same))

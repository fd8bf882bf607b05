"""Detection: whose canaries a suspect repeats.

Every slot has one vote: the shares of the suspect's answers that hold each variant. Under the null
of a key (the suspect learned nothing from what that key chose) the choice is uniform and
independent of all votes, so the sum of the votes for the chosen variants has the exact distribution
of `picks`. What the suspect or anybody else prefers by nature does not enter, and neither does how
its answers depend on one another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from fingerprint.errors import LogsError
from fingerprint.logs.canary import CanaryPlan, Slot
from fingerprint.logs.picks import PickNull, holm
from fingerprint.outputs.files import excerpt
from fingerprint.records import Outputs, Source
from fingerprint.units import prompt_key

F64 = npt.NDArray[np.float64]

SCHEMA = "fingerprint.canary/1"
ALPHA = 0.001
LEVEL = 0.95
ABSORBED = 0.05
"""Share of absorbed choices for which the weights of a background are the best ones."""
PRIOR_MODELS = 20
"""Models' votes that the base rate of the same variants elsewhere counts for at a slot."""
MOST_KEYS = 32
"""Keys of one cluster whose mixture is tested: more leave no preference that could be absorbed."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What the suspect says at one slot. ``shares``: of its answers, by variant, summing to 1."""

    slot: Slot
    instance: str
    shares: F64
    n_answers: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One key, or the mixture of keys behind one cluster, and what the suspect says to it.

    ``matched``: summed shares of the chosen variants, of ``n_slots``; ``expected``: by chance.
    ``p``: exact and one-sided; ``p_adjusted``: for the number of keys tested (Holm 1979).
    ``absorbed``: share of slots decided by the key, over and above chance, with its interval; None
    for a mixture. ``purity``: 1 where all accounts share a key, 0 where their choices cancel out.
    """

    name: str
    keys: int
    n_slots: int
    matched: float
    expected: float
    p: float
    p_adjusted: float
    absorbed: tuple[float, float, float] | None
    purity: float


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything that `detect` found, the smallest p first.

    ``control_p``: of the arms served to nobody, ascending. ``untested``: clusters with too many
    keys, or without any. ``unheard``: slots with no answer that has one of their variants.
    """

    suspect: str
    plan_sha256: str
    findings: tuple[Finding, ...]
    control_p: tuple[float, ...]
    n_slots: int
    n_answers: int
    unheard: int
    weighted_by: tuple[str, ...]
    untested: tuple[str, ...]
    alpha: float
    sources: tuple[Source, ...]

    @property
    def named(self) -> tuple[Finding, ...]:
        """The findings that are significant after adjustment."""
        return tuple(f for f in self.findings if f.p_adjusted <= self.alpha)


def detect(
    plan: CanaryPlan,
    suspect: Outputs,
    *,
    clusters: Mapping[str, Sequence[str]] | None = None,
    background: Sequence[Outputs] = (),
    alpha: float = ALPHA,
) -> Detection:
    """Test every key of a plan against a suspect's answers to the plan's probes.

    Parameters
    ----------
    plan : CanaryPlan
    suspect : Outputs
        Its answers to the probes; other prompts are passed over.
    clusters : mapping of str to sequence of str, optional
        Clusters of accounts found since: each is tested as the mixture of its accounts' keys.
    background : sequence of Outputs
        Unrelated models' answers to the probes. A variant that they rarely use weighs more; they
        must not have learned from any group themselves.
    alpha : float
        Level, after adjustment for the number of keys.

    Raises
    ------
    LogsError
        When no probe was answered with any of its variants.
    """
    votes, unheard, answers = votes_of(plan, suspect)
    if not votes:
        raise LogsError(
            f"{excerpt(suspect.model)}: expected answers to the plan's probes that hold one of "
            f"their variants, found none among {len(suspect.responses)} responses; collect its "
            "answers to the suite that `fingerprint logs canary plan --suite FILE` writes"
        )
    weights = _weights(plan, votes, background)
    scores = [vote.shares * w for vote, w in zip(votes, weights, strict=True)]
    null = PickNull(scores)
    single = [_single(plan, group, votes, null) for group in sorted(plan.terms.groups)]
    mixed, untested = _mixtures(plan, clusters or {}, votes, scores)
    findings = [*single, *mixed]
    adjusted = holm([finding.p for finding in findings])
    findings = [replace(f, p_adjusted=p) for f, p in zip(findings, adjusted, strict=True)]
    controls = [null.upper(_picks(plan, arm, votes)) for arm in plan.controls()]
    return Detection(
        suspect=suspect.model,
        plan_sha256=plan.terms.sha256,
        findings=tuple(sorted(findings, key=lambda f: (f.p, f.name))),
        control_p=tuple(sorted(controls)),
        n_slots=len(votes),
        n_answers=answers,
        unheard=unheard,
        weighted_by=tuple(outputs.model for outputs in background),
        untested=tuple(untested),
        alpha=alpha,
        sources=suspect.sources,
    )


def votes_of(plan: CanaryPlan, outputs: Outputs) -> tuple[list[Vote], int, int]:
    """Count the variants in a model's answers to the probes, one vote a slot.

    Samples of one prompt, and prompts of one slot, are no independent evidence: they share a vote.

    Returns
    -------
    votes : list of Vote
        In the order of the plan.
    unheard : int
        Slots that were asked of, with no variant in any answer.
    answers : int
        Responses to probes.
    """
    probes: dict[int, tuple[Slot, str]] = {}
    for slot in plan.terms.slots:
        for probe in slot.probes:
            matched = plan.match(probe)
            assert matched is not None  # the plan was checked for it
            probes[prompt_key(probe, "")] = matched
    counts: dict[tuple[str, str], Counter[int | None]] = {
        (slot.id, instance): Counter() for slot, instance in probes.values()
    }
    for response in outputs.responses:
        asked = probes.get(prompt_key(response.prompt, response.prompt_id))
        if asked is not None:
            counts[asked[0].id, asked[1]][asked[0].find(response.text)] += 1
    slots = {slot.id: slot for slot in plan.terms.slots}
    votes, unheard, answers = [], 0, 0
    for (name, instance), count in counts.items():
        answers += count.total()
        heard = count.total() - count[None]
        if heard:
            slot = slots[name]
            shares = np.array([count[i] / heard for i in range(len(slot.variants))])
            votes.append(Vote(slot, instance, shares, heard))
        else:
            unheard += count.total() > 0
    return votes, unheard, answers


def _weights(plan: CanaryPlan, votes: Sequence[Vote], background: Sequence[Outputs]) -> list[F64]:
    """Weight every variant by what its choice would say at a small share of absorbed choices.

    With base rate q and share a, a suspect that uses the variant chosen is 1 + a / ((1 - a) q)
    times as probable under the key as without it; the best test sums the logarithms (Neyman and
    Pearson 1933). Base rates are the background's over all slots of the same variants; what it
    says at the slot itself counts as much only once there are `PRIOR_MODELS` models, since few
    models tell a preference from chance so badly that their weights would cost power.
    """
    if not background:
        return [np.ones(len(vote.slot.variants)) for vote in votes]
    here: dict[tuple[str, str], F64] = {}
    alike: dict[tuple[str, ...], F64] = {}
    for outputs in background:
        for vote in votes_of(plan, outputs)[0]:
            place = vote.slot.id, vote.instance
            here[place] = here.get(place, 0.0) + vote.shares
            variants = vote.slot.variants
            alike[variants] = alike.get(variants, np.full(len(variants), 0.5)) + vote.shares
    weights = []
    for vote in votes:
        k = len(vote.slot.variants)
        prior = alike.get(vote.slot.variants, np.ones(k))
        total = PRIOR_MODELS * prior / prior.sum() + here.get(
            (vote.slot.id, vote.instance), np.zeros(k)
        )
        weights.append(np.log1p(ABSORBED * total.sum() / ((1 - ABSORBED) * total)))
    return weights


def _picks(plan: CanaryPlan, group: str, votes: Iterable[Vote]) -> list[int]:
    return [plan.choice(group, vote.slot, vote.instance) for vote in votes]


def _single(plan: CanaryPlan, group: str, votes: Sequence[Vote], null: PickNull) -> Finding:
    picks = _picks(plan, group, votes)
    matched = float(sum(v.shares[i] for v, i in zip(votes, picks, strict=True)))
    chance = np.array([1 / len(vote.slot.variants) for vote in votes])
    return Finding(
        name=group,
        keys=1,
        n_slots=len(votes),
        matched=matched,
        expected=float(chance.sum()),
        p=null.upper(picks),
        p_adjusted=1.0,
        absorbed=_absorbed(matched, chance),
        purity=1.0,
    )


def _absorbed(matched: float, chance: F64) -> tuple[float, float, float]:
    """Turn the rate of matches into the share of slots that the key decided, with its interval.

    Clopper and Pearson 1934, on a count that may be fractional; wide where the rate differs between
    slots (Hoeffding 1956).
    """
    n, tail = len(chance), (1 - LEVEL) / 2
    matched = min(max(matched, 0.0), float(n))
    low = special.betaincinv(matched, n - matched + 1, tail) if matched > 0 else 0.0
    high = special.betaincinv(matched + 1, n - matched, 1 - tail) if matched < n else 1.0
    base = float(chance.mean())
    estimate, low, high = (max(0.0, (x - base) / (1 - base)) for x in (matched / n, low, high))
    return float(estimate), float(low), float(high)


def _mixtures(
    plan: CanaryPlan,
    clusters: Mapping[str, Sequence[str]],
    votes: Sequence[Vote],
    scores: Sequence[F64],
) -> tuple[list[Finding], list[str]]:
    """Test clusters whose accounts hold several keys.

    What such a cluster was served at a slot is a mixture of its accounts' choices; a variant counts
    by its part in it. Every account's key is a pick of its own, so the null stays exact.
    """
    findings, untested = [], []
    for name, accounts in sorted(clusters.items()):
        held = Counter(g for a in accounts if (g := plan.group(a)) is not None)
        if name in plan.terms.groups and set(held) <= {name}:
            continue  # tested already, as the group that it is
        if not 1 <= len(held) <= MOST_KEYS:
            why = f"{len(held)} keys, at most {MOST_KEYS}" if held else "no account has a key"
            untested.append(f"{name} ({why})")
            continue
        total = held.total()
        parts = {group: count / total for group, count in sorted(held.items())}
        picks = {group: _picks(plan, group, votes) for group in parts}
        null = PickNull([s * part for part in parts.values() for s in scores])
        served = [np.zeros(len(vote.shares)) for vote in votes]
        for group, part in parts.items():
            for mix, pick in zip(served, picks[group], strict=True):
                mix[pick] += part
        chance = np.array([1 / len(mix) for mix in served])
        preference = np.array([float((mix**2).sum()) for mix in served]) - chance
        matched = float(sum(v.shares @ mix for v, mix in zip(votes, served, strict=True)))
        findings.append(
            Finding(
                name=name,
                keys=len(parts),
                n_slots=len(votes),
                matched=matched,
                expected=float(chance.sum()),
                p=null.upper([i for group in parts for i in picks[group]]),
                p_adjusted=1.0,
                absorbed=_absorbed(matched, chance) if len(parts) == 1 else None,
                purity=float(preference.sum() / (1 - chance).sum()),
            )
        )
    return findings, untested

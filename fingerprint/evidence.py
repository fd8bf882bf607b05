"""Evidence: agreement with the background subtracted, in units of what unrelated models show.

For suspect s, teacher t and background lineages g (each weighing one, relatives left out)

    D(s, t) = K(s, t) - mean_g K(s, g) - mean_g K(g, t) + mean_{g != h} K(g, h)

which is the double-centred form of EVIDENCE 2.4 in closed form. ``z`` is D over the spread of the
same quantity among pairs of background lineages, each scored with the two of them left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import special

from fingerprint.background import on_common_prompts, unrelated
from fingerprint.channels import Agreement
from fingerprint.lengths import LengthPrior, adjust_lengths, fit_lengths
from fingerprint.panel import Panel
from fingerprint.records import MIN_LINEAGES, MIN_PROMPTS

F64 = npt.NDArray[np.float64]

DRAWS = 200


@dataclass(frozen=True, slots=True)
class SpreadPrior:
    """Prior of the spread of D among unrelated pairs of one channel.

    The variance is ``scatter**2 * (ratio + 1 / P)``: sampling of P prompts, and what differs
    between lineages however many prompts there are, both in units of the run's own scatter over
    prompts.
    """

    ratio: float
    weight: float
    """Dyads of background lineages that the prior counts for."""


@dataclass(frozen=True, slots=True)
class Score:
    """One channel's evidence for one pair. ``draws``: bootstrap values of D, shape (B,)."""

    channel: str
    difference: float
    spread: float
    freedom: float
    """Degrees of freedom behind the spread, the prior's included."""
    draws: F64
    similarity: float
    n_prompts: int

    @property
    def z(self) -> float:
        """The difference in units of the spread, on the normal scale."""
        return float(self.standard()[0])

    def standard(self) -> F64:
        """Put the difference and its draws on the normal scale, shape (1 + B,).

        A spread that rests on few dyads makes large ratios common by chance: the ratio is read as
        Student's t with the freedom behind the spread, and turned into the normal quantile of the
        same tail (Student 1908).
        """
        ratio = np.concatenate(([self.difference], self.draws)) / self.spread
        tail = special.stdtr(self.freedom, -np.abs(ratio))
        quantile: F64 = -np.sign(ratio) * special.ndtri(np.maximum(tail, 1e-300))
        return quantile


@dataclass(slots=True)
class Evidence:
    """Scores pairs of members of a panel against background members.

    Parameters
    ----------
    panel : Panel
    agreements : mapping of str to Agreement
        From `channels.measure_all`, maybe not all of them.
    background : sequence of int
        Members that may serve as background; relatives are left out pair by pair.
    lengths, spreads : mapping of str to prior
        From the calibration.
    rng : numpy.random.Generator
        Draws prompts (with all their samples: the prompt is the cluster, Davison and Hinkley 1997,
        3.8) and weights of lineages (Bayesian bootstrap, Rubin 1981).
    draws : int
        Bootstrap draws; 0 gives point values only.
    """

    panel: Panel
    agreements: Mapping[str, Agreement]
    background: Sequence[int]
    lengths: Mapping[str, LengthPrior]
    spreads: Mapping[str, SpreadPrior]
    rng: np.random.Generator
    draws: int = DRAWS
    _prompt_weights: F64 = field(init=False)
    _lineage_seed: int = field(init=False)
    _adjusted: dict[str, npt.NDArray[np.float32]] = field(init=False, default_factory=dict)
    _means: dict[tuple[str, bytes], F64] = field(init=False, default_factory=dict)
    _scatters: dict[tuple[str, bytes], float] = field(init=False, default_factory=dict)
    _nulls: dict[tuple[str, bytes], dict[tuple[str, str], float]] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        n = len(self.panel.prompts)
        weights = np.ones((1 + self.draws, n))
        if n and self.draws:
            weights[1:] = self.rng.multinomial(n, np.full(n, 1 / n), size=self.draws)
        self._prompt_weights = weights
        self._lineage_seed = int(self.rng.integers(1 << 62))
        for name, agreement in self.agreements.items():
            values = agreement.per_prompt
            if name in self.lengths and agreement.paired:
                values = self._adjust(values, self.lengths[name])
            self._adjusted[name] = values

    def groups(
        self, suspect: int, teachers: Sequence[int], *, paired: bool = True
    ) -> dict[str, list[int]]:
        """Return the background lineages unrelated to both: `background.unrelated`."""
        return unrelated(self.panel, self.background, suspect, teachers, paired=paired)

    def common(
        self, groups: Mapping[str, Sequence[int]], mask: npt.NDArray[np.bool_]
    ) -> tuple[dict[str, list[int]], npt.NDArray[np.bool_]]:
        """Choose lineages and prompts on which to subtract: `background.on_common_prompts`."""
        return on_common_prompts(self.panel, groups, mask)

    def score(
        self,
        channel: str,
        suspect: int,
        teacher: int,
        groups: Mapping[str, Sequence[int]],
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> Score:
        """Score one pair on one channel.

        Parameters
        ----------
        channel : str
        suspect, teacher : int
            Members of the panel.
        groups : mapping of lineage to members
            At least `MIN_LINEAGES` background lineages, from `groups`.
        mask : array of bool, shape (P,), optional
            The prompts to use; default all that both answered.
        """
        mask = self.panel.both(suspect, teacher) if mask is None else mask
        means = self._mean(channel, mask)
        weights = self._lineage_weights(len(groups))
        rows = self._group_means(means[:, suspect, :], groups)
        columns = self._group_means(means[:, :, teacher], groups)
        between = self._between(means, groups)
        # Pairs of different lineages weigh by the product of their weights; rows and columns take
        # the margins of that, so that what belongs to one model alone cancels in every draw.
        left = np.maximum(1 - (weights**2).sum(axis=1, keepdims=True), 1e-9)
        margin = weights * (1 - weights) / left
        row = (margin * rows).sum(axis=1)
        column = (margin * columns).sum(axis=1)
        grand = np.einsum("bg,bgh,bh->b", weights, between, weights) / left[:, 0]
        difference = means[:, suspect, teacher] - row - column + grand
        spread, freedom = self._spread(channel, mask, suspect, teacher)
        paired = self.agreements[channel].paired
        used = int(mask.sum() if paired else self.panel.present[:, suspect].sum())
        return Score(
            channel=channel,
            difference=float(difference[0]),
            spread=spread,
            freedom=freedom,
            draws=difference[1:],
            similarity=float(means[0, suspect, teacher]),
            n_prompts=used,
        )

    def similarity(self, channel: str, one: int, two: int) -> float:
        """Return the mean similarity of two members (with one twice: between its own samples)."""
        return float(self._mean(channel, self.panel.both(one, two))[0, one, two])

    def _lineage_weights(self, n: int) -> F64:
        weights = np.full((1 + self.draws, n), 1 / n)
        if self.draws:
            # one stream for each size, so that a pair's interval does not depend on the others
            stream = np.random.default_rng([self._lineage_seed, n])
            weights[1:] = stream.dirichlet(np.ones(n), size=self.draws)
        return weights

    @staticmethod
    def _group_means(values: F64, groups: Mapping[str, Sequence[int]]) -> F64:
        """Average over each lineage's members: (B, M) to (B, G)."""
        return np.stack([_known_mean(values[:, list(g)]) for g in groups.values()], axis=1)

    def _between(self, means: F64, groups: Mapping[str, Sequence[int]]) -> F64:
        """Mean similarity of different lineages, zero on the diagonal, shape (B, G, G)."""
        names = list(groups)
        between = np.zeros((len(means), len(names), len(names)))
        for i, one in enumerate(names):
            for j in range(i):
                block = means[:, list(groups[one])][:, :, list(groups[names[j]])]
                between[:, i, j] = between[:, j, i] = _known_mean(block.reshape(len(means), -1))
        return between

    def _mean(self, channel: str, mask: npt.NDArray[np.bool_]) -> F64:
        """Mean similarity over prompts, for the data (row 0) and every draw: (1 + B, M, M)."""
        agreement = self.agreements[channel]
        if not agreement.paired:
            point = agreement.per_prompt[0].astype(np.float64)
            return np.broadcast_to(point, (1 + self.draws, *point.shape))
        key = (channel, mask.tobytes())
        if key not in self._means:
            if len(self._means) > 12 * len(self.agreements):
                self._means.clear()  # bounds the memory of ragged panels
            values = self._adjusted[channel][mask]
            n_models = values.shape[1]
            flat = values.reshape(len(values), -1)
            known = ~np.isnan(flat)
            weights = self._prompt_weights[:, mask].astype(np.float32)
            total = weights @ np.where(known, flat, 0)
            count = weights @ known.astype(np.float32)
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = np.where(count > 0, total / count, np.nan)
            self._means[key] = mean.reshape(-1, n_models, n_models).astype(np.float64)
        return self._means[key]

    def _spread(
        self, channel: str, mask: npt.NDArray[np.bool_], suspect: int, teacher: int
    ) -> tuple[float, float]:
        """Spread of D among background pairs, shrunk to the prior, and its degrees of freedom."""
        infos = self.panel.infos
        ends = [{infos[m].lineage, infos[m].vendor} for m in (suspect, teacher)]
        nulls = self._null_squares(channel, mask)
        squares = [
            square
            for (one, two), square in nulls.items()
            if not ((one in ends[0] and two in ends[1]) or (one in ends[1] and two in ends[0]))
        ]
        # a table of n lineages has n(n-1)/2 dyads, of which n are spent on the means
        freedom = max(0.0, len(squares) / 2 - len({name for pair in nulls for name in pair}))
        prior = self.spreads[channel]
        total = prior.weight * self.prior_variance(channel, mask)
        if freedom:
            total += freedom * float(np.mean(squares))
        together = prior.weight + freedom
        return float(np.sqrt(total / together)), together

    def prior_variance(self, channel: str, mask: npt.NDArray[np.bool_]) -> float:
        """Variance of D that the prior expects on these prompts."""
        prior = self.spreads[channel]
        n = int(mask.sum()) if self.agreements[channel].paired else 1
        scatter = self.scatter(channel, mask)
        return scatter**2 * (prior.ratio + (1.0 / n if self.agreements[channel].paired else 0.0))

    def scatter(self, channel: str, mask: npt.NDArray[np.bool_]) -> float:
        """Scatter over prompts of the agreement of background pairs, prompt effects removed.

        For an unpaired channel, the scatter of the agreement over pairs.
        """
        key = (channel, mask.tobytes())
        if key not in self._scatters:
            infos = self.panel.infos
            paired = self.agreements[channel].paired
            present = self.panel.present
            members = [m for m in self.background if not paired or present[mask, m].any()]
            pairs = [
                (i, j)
                for x, i in enumerate(members)
                for j in members[x + 1 :]
                if infos[i].lineage != infos[j].lineage
            ]
            one, two = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
            agreement = self.agreements[channel]
            values = self._adjusted[channel][mask if agreement.paired else slice(None)]
            table = values[:, one, two].astype(np.float64)
            if agreement.paired:
                table = table - _known_mean(table)[:, None]
                table = table - _known_mean(table.T)[None, :]
            spread = float(np.nanstd(table)) if table.size else 0.0
            self._scatters[key] = max(spread, 1e-6)
        return self._scatters[key]

    def _null_squares(
        self, channel: str, mask: npt.NDArray[np.bool_]
    ) -> dict[tuple[str, str], float]:
        """Mean square of D for every ordered pair of unrelated background lineages."""
        key = (channel, mask.tobytes())
        if key in self._nulls:
            return self._nulls[key]
        infos = self.panel.infos
        counts = self.panel.present[mask].sum(axis=0)
        paired = self.agreements[channel].paired
        every: dict[str, list[int]] = {}
        for m in self.background:
            if not paired or counts[m] >= min(MIN_PROMPTS, int(mask.sum())):
                every.setdefault(infos[m].lineage, []).append(m)
        groups = dict(sorted(every.items()))
        found: dict[tuple[str, str], float] = {}
        if len(groups) > MIN_LINEAGES:
            means = self._mean(channel, mask)[:1]
            between = self._between(means, groups)[0]
            to_groups = self._group_means(means[0], groups)
            names = list(groups)
            vendors = [{infos[m].vendor for m in groups[name]} - {None} for name in names]
            taught = [{v for m in groups[name] for v in infos[m].taught_by} for name in names]
            for i in range(len(names)):
                for j in range(len(names)):
                    rest = [k for k in range(len(names)) if k not in (i, j)]
                    if i == j or vendors[i] & (vendors[j] | taught[j]) or vendors[j] & taught[i]:
                        continue
                    one, two = groups[names[i]], groups[names[j]]
                    row = to_groups[np.ix_(one, rest)].mean(axis=1)
                    column = to_groups[np.ix_(two, rest)].mean(axis=1)
                    grand = between[np.ix_(rest, rest)].sum() / (len(rest) * (len(rest) - 1))
                    d = means[0][np.ix_(one, two)] - row[:, None] - column[None, :] + grand
                    found[names[i], names[j]] = float(np.nanmean(d**2))
        self._nulls[key] = found
        return found

    def _adjust(
        self, values: npt.NDArray[np.float32], prior: LengthPrior
    ) -> npt.NDArray[np.float32]:
        """Subtract what the lengths of the two responses predict (EVIDENCE 2.3).

        Least squares with an effect for every prompt, on pairs of different background lineages,
        with the shipped coefficients as a ridge prior.
        """
        coefficients = fit_lengths(self.panel, values, self.background, prior)[0]
        return adjust_lengths(values, self.panel.words, coefficients)


def _known_mean(values: F64) -> F64:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean: F64 = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean

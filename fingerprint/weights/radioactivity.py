"""Watermark radioactivity: whether a suspect prefers tokens that a provider's key made green.

For a provider whose responses carried a green-list mark: a key and the tokens before decide which
share of the vocabulary is green, and marked text has more green tokens than that share. A model
trained on such text keeps some of it (Sander et al., arXiv 2402.14904). Under the null the suspect
has never seen marked text; each distinct tuple of window and token is then green with the known
share, whatever the suspect writes, so the count is binomial and the p-value exact. It is exact only
when every tuple counts once and tuples copied from a prompt do not count: both are done here.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scipy import stats

from fingerprint.errors import WeightsError
from fingerprint.fields import Fields
from fingerprint.pvalues import llr10
from fingerprint.records import ChannelResult, Status
from fingerprint.weights.loading import Weights

NAME = "watermark"
OUTPUTS, CHOICES = "outputs", "choices"
"""What was tested: what the suspect wrote, or the tokens that its weights find likeliest."""
CAP10 = 2.0
"""Most that the channel may say, log10: an exact p is about chance alone, not about the key."""
FEWEST_TUPLES = 200
SHORTEST_KEY = 16

IsGreen = Callable[[tuple[int, ...], int], bool]
"""Says of the tokens before and a token whether it is green."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A provider's mark.

    Parameters
    ----------
    key : bytes
        Secret; without it a suspect could avoid green tokens.
    share : float
        Of the vocabulary that is green, between 0 and 1.
    width : int
        Tokens before that the green list depends on.
    """

    key: bytes
    share: float = 0.5
    width: int = 2

    def __post_init__(self) -> None:
        if len(self.key) < SHORTEST_KEY or not 0 < self.share < 1 or not 1 <= self.width <= 8:
            raise WeightsError(
                f"expected a key of at least {SHORTEST_KEY} bytes, a share between 0 and 1 and a "
                f"width of 1 to 8, found {len(self.key)} bytes, {self.share:g} and {self.width}"
            )

    def __repr__(self) -> str:
        return f"Mark(share={self.share:g}, width={self.width})"

    def is_green(self, window: tuple[int, ...], token: int) -> bool:
        """Say whether a token is green after a window: HMAC-SHA256 of both, below the share."""
        message = b"".join(n.to_bytes(8, "big") for n in (*window, token))
        value = int.from_bytes(hmac.digest(self.key, message, "sha256")[:8], "big")
        return value < self.share * 2.0**64


@dataclass(frozen=True, slots=True)
class Radioactivity:
    """Green tokens among distinct tuples."""

    green: int
    tuples: int
    """Distinct tuples that count."""
    repeated: int
    """Tuples left out: seen before, or in a prompt."""
    share: float
    """Of green tokens without the mark."""
    p: float
    """Exact: of so many green tokens or more (binomial)."""

    @property
    def rate(self) -> float:
        """Share of green tokens found."""
        return self.green / self.tuples


def of_outputs(
    answers: Iterable[tuple[Sequence[int], Sequence[int]]],
    share: float,
    width: int,
    is_green: IsGreen,
) -> Radioactivity:
    """Test what a suspect has written.

    Parameters
    ----------
    answers : iterable of pairs
        Prompt and answer as tokens of the provider's tokenizer. What stands in its prompt is not
        the suspect's choice, in this answer or in any other.
    share : float
        Of green tokens without the mark.
    width : int
        Tokens before that the green list depends on.
    is_green : callable
        The mark; `Mark.is_green`, or the provider's own.

    Raises
    ------
    WeightsError
        With fewer than `FEWEST_TUPLES` distinct tuples.
    """
    pairs = [(list(prompt), list(answer)) for prompt, answer in answers]
    seen = {known for prompt, _ in pairs for known in _tuples(prompt, width)}
    chosen = (
        made
        for prompt, answer in pairs
        # Windows that reach into the prompt are fine: the token is the suspect's.
        for made in _tuples([*prompt[-width:], *answer], width)
    )
    return _count(chosen, seen, share, is_green)


def of_choices(
    weights: Weights, marked: Iterable[Sequence[int]], share: float, width: int, is_green: IsGreen
) -> Radioactivity:
    """Test which tokens a suspect finds likeliest along marked text (weights needed).

    The suspect reads the provider's marked responses, and at each place its likeliest next token is
    looked up. A tuple that stands earlier in what it reads could be copied from there, so it does
    not count. The suspect must have the provider's tokenizer.

    Parameters
    ----------
    weights : Weights
    marked : iterable of sequence of int
        Responses as tokens, each within the context of the weights.
    share, width, is_green
        As in `of_outputs`.

    Raises
    ------
    WeightsError
        With fewer than `FEWEST_TUPLES` distinct tuples.
    """
    return _count(_choices(weights, marked, width), set(), share, is_green)


def channel_from(facts: Fields) -> ChannelResult:
    """Read a test that was written as JSON as the row of a verdict; p is computed again.

    Raises
    ------
    WeightsError
        When its numbers cannot be those of a test.
    """
    green, tuples, share = facts.whole("green"), facts.whole("tuples"), facts.number("share")
    if not (0 < share < 1 and green <= tuples and tuples >= FEWEST_TUPLES):
        raise WeightsError(
            f"expected at least {FEWEST_TUPLES} tuples, no more of them green, and a share between "
            f"0 and 1, found {tuples}, {green} and {share:g}"
        )
    test = stats.binomtest(green, tuples, share, alternative="greater")
    interval = stats.binomtest(green, tuples).proportion_ci(0.95, method="exact")
    p = float(stats.binom.sf(green - 1, tuples, share))
    said = (
        f"{facts.is_one_of('of', (OUTPUTS, CHOICES))}: {green:,} of {tuples:,} tuples are "
        f"green where {100 * share:.1f} % are by chance, exact p {p:.2g}"
    )
    return ChannelResult(
        name=NAME,
        status=Status.MEASURED,
        score=float(test.statistic) - share,
        low=float(interval.low) - share,
        high=float(interval.high) - share,
        llr10=llr10(max(p, 1e-300), CAP10),
        n_prompts=facts.whole("n_texts"),
        reason=said,
    )


def _choices(
    weights: Weights, marked: Iterable[Sequence[int]], width: int
) -> Iterator[tuple[int, ...]]:
    import torch

    for text in marked:
        ids = list(text)
        if len(ids) <= width:
            continue
        with torch.inference_mode():
            row = torch.tensor([ids], device=weights.input_device)
            best = weights.model(input_ids=row, use_cache=False).logits[0].argmax(-1).tolist()
        read: set[tuple[int, ...]] = set()
        for end in range(width, len(ids) + 1):
            made = (*ids[end - width : end], best[end - 1])
            if made not in read:
                yield made
            read.add(tuple(ids[end - width : end + 1]))


def _tuples(ids: Sequence[int], width: int) -> Iterator[tuple[int, ...]]:
    """Yield every window of so many tokens with the token that follows it."""
    for end in range(width, len(ids)):
        yield tuple(ids[end - width : end + 1])


def _count(
    made: Iterable[tuple[int, ...]], seen: set[tuple[int, ...]], share: float, is_green: IsGreen
) -> Radioactivity:
    green = total = repeated = 0
    for one in made:
        if one in seen:
            repeated += 1
            continue
        seen.add(one)
        total += 1
        green += is_green(one[:-1], one[-1])
    if total < FEWEST_TUPLES:
        raise WeightsError(
            f"expected at least {FEWEST_TUPLES} distinct tuples of tokens, found {total}; give "
            "more answers"
        )
    p = float(stats.binom.sf(green - 1, total, share))
    return Radioactivity(green, total, repeated, share, p)

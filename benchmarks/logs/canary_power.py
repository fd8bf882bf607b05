"""Canaries: exact power, power with skewed preferences, and false positives.

Run by hand: ``python -m benchmarks.logs.canary_power``.
"""

from __future__ import annotations

import argparse
import random

import numpy as np
from scipy import stats

from fingerprint.logs.canary import CanaryPlan, Slot
from fingerprint.logs.detection import detect
from fingerprint.logs.planfile import Draft, draft_plan
from fingerprint.records import Outputs, Response

KEY = bytes(range(32))
LEVEL = 1e-3
VARIANTS = (("for example", "for instance"), ("in short", "in brief"), ("as a rule", "in general"))
LETTERS = ("bdfgklmnprstvz", "aeiou")


def words(n: int) -> list[str]:
    rng = random.Random(1)
    found: dict[str, None] = {}
    while len(found) < n:
        found["".join(rng.choice(letters) for letters in LETTERS * 3)] = None
    return list(found)


def draft(slots: int, accounts: int, controls: int = 0) -> Draft:
    """Draft a plan of five groups."""
    made = tuple(
        Slot(
            id=f"slot-{i}",
            words=frozenset(("describe", word)),
            variants=VARIANTS[i % len(VARIANTS)],
            probes=(f"Describe a {word} to a child.",),
            why="fixed phrases of one meaning",
        )
        for i, word in enumerate(words(slots))
    )
    groups = {f"c{c}": [f"account-{c}-{a}" for a in range(accounts // 5)] for c in range(5)}
    return Draft("bench", made, groups, 0, controls)


def plan(slots: int, controls: int = 0, number: int = 0) -> CanaryPlan:
    """Make a plan; every number gives other choices."""
    return CanaryPlan(draft_plan(draft(slots, 50, controls), KEY, f"{number:032x}"), KEY)


def exact_power() -> None:
    """Print the power of the exact test where variants are equally liked."""
    print(f"exact power at p <= {LEVEL:g} (one key), by share of slots absorbed")
    shares = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    for k in (2, 4):
        print(f"  {k} variants: slots  " + "  ".join(f"{s:>5.0%}" for s in shares))
        for n in (50, 100, 200, 500, 1000, 2000, 5000):
            need = int(stats.binom.isf(LEVEL, n, 1 / k)) + 1
            powers = [stats.binom.sf(need - 1, n, 1 / k + (1 - 1 / k) * s) for s in shares]
            print(f"  {n:>17}  " + "  ".join(f"{p:5.2f}" for p in powers))


def answers(
    use: CanaryPlan, group: str, absorbed: float, usual: float, rng: random.Random, name: str
) -> Outputs:
    """Answer the probes with the first variant at the usual rate, or with the group's choice."""
    responses = []
    for slot in use.terms.slots:
        k = len(slot.variants)
        own = 0 if rng.random() < usual else rng.randrange(1, k)
        said = use.choice(group, slot, "") if rng.random() < absorbed else own
        text = f"Well, {slot.variants[said]}, it is."
        responses.append(Response(f"{slot.id}/0", slot.probes[0], text))
    return Outputs(name, tuple(responses))


def simulated_power(runs: int) -> None:
    """Print the power where one variant is liked more, without and with a background."""
    print(f"simulated power at p <= {LEVEL:g}, 500 slots of 2 variants, {runs} runs")
    use = plan(500)
    for usual in (0.5, 0.8, 0.95):
        others = [answers(use, "c1", 0, usual, random.Random(b), f"b{b}") for b in range(5)]
        for absorbed in (0.05, 0.1, 0.2):
            hits = np.zeros(2)
            for run in range(runs):
                rng = random.Random(f"{usual} {absorbed} {run}")
                suspect = answers(use, "c0", absorbed, usual, rng, "suspect")
                for i, background in enumerate(([], others)):
                    found = detect(use, suspect, background=background)
                    hits[i] += next(f for f in found.findings if f.name == "c0").p <= LEVEL
            plain, weighted = hits / runs
            print(
                f"  usual variant {usual:.0%}, absorbed {absorbed:.0%}: {plain:.2f} plain, "
                f"{weighted:.2f} with 5 background models"
            )


def false_positives(runs: int) -> None:
    """Print how often a clean suspect's p is small: every run has 1,000 arms served to nobody."""
    for name, usual in (("equal", 0.5), ("skewed", 0.95)):
        listed: list[float] = []
        for run in range(runs):
            use = plan(300, controls=1000, number=run)
            clean = answers(use, "c0", 0, usual, random.Random(run), "clean")
            listed += detect(use, clean).control_p
        p = np.array(listed)
        rates = ", ".join(f"{(p <= a).mean():.5f} at {a:g}" for a in (0.05, 0.01, 0.001))
        print(f"false positives, {name} preference, {len(p):,} keys: {rates}")
    smallest = []
    for run in range(10 * runs):
        use = plan(300, number=10_000 + run)
        suspect = answers(use, "c1", 0, 0.8, random.Random(10_000 + run), "clean")
        smallest.append(min(f.p_adjusted for f in detect(use, suspect).findings))
    rate = np.mean(np.array(smallest) <= 0.05)
    print(f"any of 5 keys named at 0.05 after Holm, {len(smallest)} clean suspects: {rate:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    exact_power()
    simulated_power(options.runs)
    false_positives(options.runs)


if __name__ == "__main__":
    main()

"""Measure what claims of identity are worth: python -m benchmarks.identity DATA.

There are no models with known teachers among those asked, so this measures how often models name
their own maker and others, how far answers to one question go together, what likelihood ratios
every model gets for every other maker, and how well claims are read. DATA is needed for the last.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fingerprint.canaries import maker_unit
from fingerprint.channels import identity
from fingerprint.channels.identity import Cells, Claims, against, cells_of
from fingerprint.claims import claims, makers
from fingerprint.library import library
from fingerprint.packs import Pack
from fingerprint.style import LANGUAGES

LABELS = Path(__file__).with_name("identity_labels.tsv")
SETTINGS = ((0.5, 0.4), (0.25, 0.4), (0.75, 0.4), (0.5, 0.2), (0.5, 0.6))
"""KEPT and CLUSTER: as shipped, then one changed at a time."""


def packs() -> list[Pack]:
    shelf = library()
    return [shelf.load(entry) for entry in shelf.canaries]


def makers_claimed(pack: Pack) -> Iterator[tuple[str, set[str]]]:
    """Yield the language of the question and the makers claimed, for every neutral answer."""
    units = {maker_unit(maker): maker for maker in makers()}
    table = pack.canaries
    assert table is not None
    for row in table.rows(identity.NAME):
        found = {units[int(unit)] for unit in table.answers[int(row)]}
        yield LANGUAGES[table.languages[row]], found


def rates(found: Sequence[Pack]) -> None:
    """Print how often the models of every maker name it and others, by language."""
    print("maker       lang  models answers own   none  others")
    rows: dict[tuple[str, str], list[tuple[str, set[str]]]] = defaultdict(list)
    for pack in found:
        for language, claimed in makers_claimed(pack):
            rows[str(pack.info.vendor), language].append((pack.info.name, claimed))
    for (maker, language), answers in sorted(rows.items()):
        n = len(answers)
        own = sum(maker in claimed for _, claimed in answers) / n
        none = sum(not claimed for _, claimed in answers) / n
        others = Counter(m for _, claimed in answers for m in claimed - {maker})
        told = ", ".join(f"{m} {c / n:.1%}" for m, c in others.most_common()) or "-"
        models = len({model for model, _ in answers})
        print(f"{maker:11} {language:5} {models:6} {n:7} {own:5.1%} {none:5.1%} {told}")


def cluster(found: Sequence[Pack]) -> tuple[float, int]:
    """Estimate the correlation of a model's answers to one prompt (one-way analysis of variance).

    Within models that name another maker at least once and were asked several prompts.
    """
    between = within = 0.0
    free_between = free_within = 0
    sizes = []
    for pack in found:
        names = {m for _, claimed in makers_claimed(pack) for m in claimed} - {pack.info.vendor}
        cells = [_any_other(pack, names, prompt) for prompt in _prompts(pack)]
        cells = [cell for cell in cells if len(cell) >= 4]
        if len(cells) < 2 or not any(map(any, cells)):
            continue
        n = np.array([len(cell) for cell in cells])
        means = np.array([np.mean(cell) for cell in cells])
        grand = (n * means).sum() / n.sum()
        between += float((n * (means - grand) ** 2).sum())
        within += sum(float(((np.array(c) - np.mean(c)) ** 2).sum()) for c in cells)
        free_between += len(cells) - 1
        free_within += int(n.sum()) - len(cells)
        sizes.append((n.sum() - (n**2).sum() / n.sum()) / (len(cells) - 1))
    high, low = between / free_between, within / free_within
    return (high - low) / (high + (float(np.mean(sizes)) - 1) * low), len(sizes)


def _prompts(pack: Pack) -> list[int]:
    table = pack.canaries
    assert table is not None
    return sorted(set(table.prompts[table.rows(identity.NAME)].tolist()))


def _any_other(pack: Pack, names: set[str], prompt: int) -> list[bool]:
    table = pack.canaries
    assert table is not None
    units = {maker_unit(name) for name in names}
    rows = [row for row in table.rows(identity.NAME).tolist() if table.prompts[row] == prompt]
    return [bool(units & set(table.answers[row].tolist())) for row in rows]


def ratios(found: Sequence[Pack], *, own: bool) -> list[tuple[str, str, Claims]]:
    """Set every model's claims against the other lineages': for its own maker, or all others."""
    asked = [pack for pack in found if pack.canaries is not None]
    vendors = sorted({str(pack.info.vendor) for pack in asked})
    results = []
    for pack in asked:
        for maker in vendors:
            if (maker == pack.info.vendor) is not own:
                continue
            mine = cells_of(pack, maker)
            groups: dict[str, list[Cells]] = defaultdict(list)
            for other in asked:
                if other.info.lineage != pack.info.lineage and other.info.vendor != maker:
                    groups[other.info.lineage].append(cells_of(other, maker))
            claimed = against(maker, pack.info.name, mine, dict(sorted(groups.items())))
            if claimed.ratio is not None:
                results.append((pack.info.lineage, pack.info.name, claimed))
    return results


def _summary(results: Sequence[tuple[str, str, Claims]]) -> str:
    best: dict[tuple[str, str], float] = {}
    for lineage, _, claimed in results:
        key = (lineage, claimed.maker)
        best[key] = max(best.get(key, 0.0), claimed.ratio or 0.0)
    models = np.array([claimed.ratio for _, _, claimed in results])
    pairs = np.array(list(best.values()))
    counts = [
        f"above {limit:g}: {int((models > limit).sum())} of {len(models)} models x makers, "
        f"{int((pairs > limit).sum())} of {len(pairs)} lineages x makers"
        for limit in (1, 2, 3, 10)
    ]
    return f"{min(models):.2f} to {max(models):.2f}; " + "; ".join(counts)


def likelihoods(found: Sequence[Pack]) -> None:
    """Print the likelihood ratios for other makers, and for the own one as what can be reached."""
    for kept, correlation in SETTINGS:
        identity.KEPT, identity.CLUSTER = kept, correlation
        print(f"KEPT {kept}, CLUSTER {correlation}")
        print("  other makers:", _summary(ratios(found, own=False)))
        print("  own maker:   ", _summary(ratios(found, own=True)))
    identity.KEPT, identity.CLUSTER = SETTINGS[0]
    print("\nmodels with a ratio above 1 for another maker")
    for lineage, model, c in sorted(ratios(found, own=False), key=lambda r: -(r[2].ratio or 0.0)):
        if (c.ratio or 0.0) > 1:
            usual = ", ".join(f"{n} {share:.0%}" for n, share in c.background.items() if share)
            print(
                f"{c.ratio:5.2f} {model} ({lineage}) says {c.maker}: {c.claims} of {c.answers}, "
                f"{c.prompts} prompts; {len(c.background)} lineages: {usual or 'none'}"
            )


def accuracy(data: Path) -> None:
    """Compare the claims that are read with 200 answers read by hand."""
    hits = misses = extra = exact = foreign = 0
    lines = [x for x in LABELS.read_text("utf-8").splitlines() if not x.startswith("#")][1:]
    texts: dict[str, list[Mapping[str, str]]] = {}
    vendor = {Path(e.file).stem: e.vendor for e in library().canaries}
    for line in lines:
        file, number, names = line.split("\t")
        if file not in texts:
            with gzip.open(data / "identity_probe" / f"{file}.jsonl.gz", "rt") as rows:
                texts[file] = [json.loads(row) for row in rows]
        read = set(claims(texts[file][int(number) - 1]["response"]))
        want = set(filter(None, names.split(";")))
        hits, misses = hits + len(read & want), misses + len(want - read)
        extra, exact = extra + len(read - want), exact + (read == want)
        foreign += len(read & want - {vendor[file.partition("_")[2]]})
    print(
        f"{len(lines)} answers read by hand: {exact} read the same; {hits} claims found, {extra} "
        f"found wrongly, {misses} missed; precision {hits / (hits + extra):.3f} (at least "
        f"{_least(hits, extra):.3f}), recall {hits / (hits + misses):.3f} (at least "
        f"{_least(hits, misses):.3f}); {foreign} of the claims are of another maker"
    )


def _least(good: int, bad: int) -> float:
    """Lower end of the 95 % interval of Clopper and Pearson (1934), one-sided."""
    from scipy.stats import beta

    return float(beta.ppf(0.05, good, bad + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    found = packs()
    leading = sum(int((p.canaries.kinds == 1).sum()) for p in found if p.canaries is not None)
    print(f"{len(found)} models; {leading} answers to questions that name a maker left out\n")
    rates(found)
    correlation, models = cluster(found)
    print(f"\ncorrelation of answers to one prompt: {correlation:.2f} over {models} models\n")
    likelihoods(found)
    print()
    accuracy(data)


if __name__ == "__main__":
    main()

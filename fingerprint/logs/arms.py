"""Arms: responses of one teacher laid side by side by prompt, and how much others agree with each.

Every response is a member of a panel with a lineage of its own, so that agreement is that of the
channels and no response is told from another by whether it was served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fingerprint import channels
from fingerprint.errors import LogsError
from fingerprint.logs.served import Matched
from fingerprint.packs import Pack, build
from fingerprint.panel import Panel, align, merge
from fingerprint.records import MIN_PROMPTS, ModelInfo, Outputs, Response
from fingerprint.tokens import Hasher

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

FORMS = ("words", "lines", "refusals")


@dataclass(frozen=True, slots=True)
class Arms:
    """P prompts with up to A responses each. Members: the suspect, the background, the responses.

    The first ``served[p]`` responses to prompt p were served, the next ones up to ``total[p]`` not.
    """

    panel: Panel
    background: int
    matched: tuple[Matched, ...]
    served: I64
    total: I64

    @property
    def first(self) -> int:
        """The member that is the first response."""
        return 1 + self.background


@dataclass(frozen=True, slots=True)
class Agreements:
    """Agreement with each response by channel, NaN where a prompt has fewer: all (.., P, A).

    ``suspect``: of the suspect. ``background``: of every background model, shape (B, P, A).
    ``typical``: of the other responses to the prompt, on average: how usual the response is.
    """

    suspect: Mapping[str, F64]
    background: Mapping[str, F64]
    typical: Mapping[str, F64]


def lay_out(
    suspect: Sequence[Pack], matched: Sequence[Matched], background: Sequence[Pack] = ()
) -> Arms:
    """Align suspect, background and responses on the prompts that have what the test needs.

    Raises
    ------
    LogsError
        When fewer than `MIN_PROMPTS` prompts have an answer of the suspect, a served response and
        one that was not.
    """
    hasher = Hasher()
    responses: list[list[Response]] = []
    for m in matched:
        for a, text in enumerate([*(e.response for e in m.served), *m.unserved]):
            if a == len(responses):
                responses.append([])
            responses[a].append(Response(str(m.key), m.prompt, text))
    packs = []
    for a, texts in enumerate(responses):
        info = ModelInfo(f"response {a}", f"response {a}")
        packs.append(build(Outputs(info.name, tuple(texts)), info, hasher=hasher))
    by_name: dict[str, list[Pack]] = {}
    for pack in background:
        by_name.setdefault(pack.info.name, []).append(pack)
    panel = align([merge(suspect), *(merge(of) for of in by_name.values()), *packs])
    at = {int(key): i for i, key in enumerate(panel.prompts.tolist())}
    kept = tuple(m for m in matched if m.key in at and panel.present[at[m.key], 0])
    if len(kept) < MIN_PROMPTS:
        raise LogsError(
            f"{len(kept)} prompts have an answer of {panel.infos[0].name}, a response served to "
            f"the cluster and one served to nobody, and {MIN_PROMPTS} are the least; collect the "
            "suspect's and the teacher's answers to the suite that --suite writes"
        )
    rows = np.array([at[m.key] for m in kept])
    served = np.array([len(m.served) for m in kept])
    return Arms(
        panel=Panel(
            panel.packs,
            panel.prompts[rows],
            tuple(tuple(of[i] for i in rows) for of in panel.rows),
            panel.words[rows],
            panel.lines[rows],
            tuple(panel.domains[i] for i in rows),
        ),
        background=len(by_name),
        matched=kept,
        served=served,
        total=served + np.array([len(m.unserved) for m in kept]),
    )


def measure(arms: Arms) -> Agreements:
    """Measure the paired channels between everybody and each response."""
    suspect, background, typical = {}, {}, {}
    for module in channels.PAIRED:
        values = module.measure(arms.panel).per_prompt.astype(np.float64)
        suspect[module.NAME] = values[:, 0, arms.first :]
        background[module.NAME] = values[:, 1 : arms.first, arms.first :].transpose(1, 0, 2)
        typical[module.NAME] = _known_mean(values[:, arms.first :, arms.first :], 1)
    return Agreements(suspect, background, typical)


def forms(arms: Arms) -> dict[str, F64]:
    """Return log words, log lines and refusal of every response, shape (P, A) each."""
    shape = arms.total.shape[0], len(arms.panel.packs) - arms.first
    found = {name: np.full(shape, np.nan) for name in FORMS}
    for a, pack in enumerate(arms.panel.packs[arms.first :]):
        for p, rows in enumerate(arms.panel.rows[arms.first + a]):
            if len(rows):
                found["words"][p, a] = np.log1p(pack.units.counts[rows[0], 1])
                found["lines"][p, a] = np.log1p(pack.units.counts[rows[0], 2])
                found["refusals"][p, a] = pack.units.refusal[rows[0]]
    return found


def adjusted(values: F64, covariates: Sequence[F64]) -> F64:
    """Take out of agreement what form and typicality of the responses predict, within prompts.

    Least squares over all responses, whether served or not: the residuals are as exchangeable as
    the responses are (covariance adjustment, Rosenbaum 2002). Shapes (P, A).
    """
    known = ~np.isnan(values)
    target = _centred(values, known)[known]
    columns = [_centred(np.where(known, c, np.nan), known)[known] for c in covariates]
    if columns:
        design = np.stack(columns, axis=1)
        target = target - design @ np.linalg.lstsq(design, target, rcond=1e-8)[0]
    residual = np.full(values.shape, np.nan)
    residual[known] = target
    return residual


def _centred(values: F64, known: npt.NDArray[np.bool_]) -> F64:
    """Subtract each prompt's mean over its responses; what is missing counts 0."""
    filled = np.where(known & ~np.isnan(values), values, 0.0)
    count = np.maximum((known & ~np.isnan(values)).sum(axis=1, keepdims=True), 1)
    mean = filled.sum(axis=1, keepdims=True) / count
    centred: F64 = np.where(known & ~np.isnan(values), filled - mean, 0.0)
    return centred


def _known_mean(values: F64, axis: int) -> F64:
    """Mean over the known values, NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean: F64 = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def mean_of_others(values: F64, without: int | None = None) -> F64 | None:
    """Average agreement over background models, maybe without one: (B, P, A) to (P, A)."""
    rest = [b for b in range(len(values)) if b != without]
    return _known_mean(values[rest], 0) if rest else None

"""Output heads: whether two folders of weights share the rows of their tokens.

Weights that share head rows are copies or fine-tunes of one another; a match means same weights or
a wrapper. That heads differ says nothing about who taught whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fingerprint.errors import WeightsError
from fingerprint.outputs.files import show
from fingerprint.records import Status
from fingerprint.weights.tensors import Tensor, read_tensors

HEAD_NAMES = ("lm_head.weight", "output.weight", "embed_out.weight")
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embed_in.weight", "tok_embeddings.weight")
SAME_HEAD = 0.9
"""Mean cosine of centred rows from which heads count as one, and below `OTHER_HEAD` as unrelated.

Fine-tuning moves rows by a few per cent of their length; unrelated rows have a mean cosine of 0.
"""
OTHER_HEAD = 0.3
ROWS = 512

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadMatch:
    """Two output heads, compared row by row."""

    cosine: float | None
    """Mean cosine of the same tokens' centred rows; None where the widths differ."""
    control: float | None
    """The same between rows of different tokens."""
    spectrum: float
    """Correlation of the logarithms of the leading singular values of the sampled rows."""
    rows: int
    status: Status


def compare_heads(
    suspect: Path, candidate: Path, rng: np.random.Generator, rows: int = ROWS
) -> HeadMatch:
    """Compare the output heads of two folders by some of their rows, read one by one.

    Rows stand for tokens, so this means something only for models of one tokenizer.

    Parameters
    ----------
    suspect, candidate : Path
    rng : numpy.random.Generator
        Chooses the rows.
    rows : int
        Most rows read.

    Raises
    ------
    WeightsError
        When a folder has no head.
    """
    one, other = _head(suspect), _head(candidate)
    most = min(one.shape[0], other.shape[0])
    chosen = np.sort(rng.choice(most, min(rows, most), replace=False))
    a, b = _rows(one, chosen), _rows(other, chosen)
    spectrum = _spectra(a, b)
    if a.shape[1] != b.shape[1]:
        return HeadMatch(None, None, spectrum, len(chosen), Status.EXCLUDED)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    cosine = _cosine(a, b)
    control = _cosine(a, np.roll(b, 1, axis=0))
    if cosine - control >= SAME_HEAD:
        status = Status.LIKELY
    else:
        status = Status.UNLIKELY if cosine - control < OTHER_HEAD else Status.OPEN
    return HeadMatch(cosine, control, spectrum, len(chosen), status)


def _head(folder: Path) -> Tensor:
    """Find the output head; where it is tied, the embeddings are it."""
    tensors = read_tensors(folder)
    for ends in (HEAD_NAMES, EMBEDDINGS):
        found = [t for name, t in sorted(tensors.items()) if name.endswith(ends)]
        if found and len(found[0].shape) == 2:
            return found[0]
    raise WeightsError(f"{show(folder)}: expected an output head or embeddings, found neither")


def _rows(tensor: Tensor, chosen: npt.NDArray[np.int64]) -> Floats:
    """Read rows of a matrix from its file without loading the rest (rows x width)."""
    from safetensors import safe_open

    with safe_open(str(tensor.path), framework="pt") as file:
        matrix = file.get_slice(tensor.name)
        rows = [matrix[int(i) : int(i) + 1].double().numpy()[0] for i in chosen]
    found: Floats = np.array(rows)
    if not np.isfinite(found).all():
        raise WeightsError(
            f"{show(tensor.path)}: {tensor.name[:80]} holds values that are not numbers"
        )
    return found


def _cosine(a: Floats, b: Floats) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    fine = lengths > 0
    if not fine.any():
        return 0.0
    return float(((a * b).sum(axis=1)[fine] / lengths[fine]).mean())


def _spectra(a: Floats, b: Floats) -> float:
    """Correlate the logarithms of leading singular values, as many as both have."""
    one, other = (np.linalg.svd(x - x.mean(axis=0), compute_uv=False) for x in (a, b))
    most = max(3, min(len(one), len(other)) // 2)
    x, y = (np.log(np.maximum(values[:most], 1e-12)) for values in (one, other))
    return float(np.corrcoef(x, y)[0, 1]) if min(x.std(), y.std()) > 0 else 0.0

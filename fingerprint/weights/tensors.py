"""Read folders of safetensors without loading them: names, shapes and sizes from the headers.

The format is eight bytes of header length, a JSON header, then the tensors:
https://github.com/huggingface/safetensors. Files are hostile input: every length is checked against
the file before anything is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from fingerprint.errors import WeightsError
from fingerprint.outputs.files import BadJson, parse_json, show

MAX_HEADER_BYTES = 100 * 2**20
"""Longest header that the format allows."""
BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Bytes of one element, by the format's name of the type."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a folder, as its header tells."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    start: int
    """Where its bytes begin in the file."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Read the headers of all safetensors of a folder.

    Returns
    -------
    dict of str to Tensor
        By name.

    Raises
    ------
    WeightsError
        When there are none, or a header is damaged.
    """
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        for tensor in _header(path):
            if tensor.name in found:
                raise WeightsError(
                    f"{show(path)}: {tensor.name[:80]} is in {show(found[tensor.name].path)} too; "
                    "keep the files of one model in a folder"
                )
            found[tensor.name] = tensor
    if not found:
        raise WeightsError(f"{show(folder)}: expected weights as .safetensors, found none")
    return found


def _header(path: Path) -> list[Tensor]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise _damaged(path, f"a header of {length:,} bytes in a file of {size:,}")
            header, _ = parse_json(file.read(length))
    except OSError as error:
        raise WeightsError(f"{show(path)}: cannot be read: {error.strerror}") from None
    except BadJson as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(header, dict):
        raise _damaged(path, "a header that is no object")
    return [
        _tensor(path, name, about, 8 + length, size)
        for name, about in header.items()
        if name != "__metadata__"
    ]


def _tensor(path: Path, name: str, about: object, start: int, size: int) -> Tensor:
    found = about if isinstance(about, dict) else {}
    dtype, shape, at = (found.get(field) for field in ("dtype", "shape", "data_offsets"))
    if not (
        isinstance(dtype, str)
        and isinstance(shape, list)
        and isinstance(at, list)
        and len(at) == 2
        and all(type(n) is int and n >= 0 for n in (*shape, *at))
    ):
        raise _damaged(path, f"{name[:80]} without type, shape and place")
    tensor = Tensor(name, dtype, tuple(shape), path, start + at[0])
    expected = BYTES.get(dtype)
    if expected is not None and at[1] - at[0] != expected * tensor.elements:
        raise _damaged(path, f"{at[1] - at[0]:,} bytes for {name[:80]} of shape {shape}")
    if start + at[1] > size:
        raise _damaged(path, f"{name[:80]} ends after the file: it was cut")
    return tensor


def _damaged(path: Path, what: str) -> WeightsError:
    return WeightsError(f"{show(path)}: expected safetensors, found {what}; get the file again")

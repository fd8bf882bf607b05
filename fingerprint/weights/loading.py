"""Load weights to be scored: memory is checked before anything is loaded, with the arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fingerprint.collect.loading import default_device, load_weights
from fingerprint.collect.local import LocalModel
from fingerprint.errors import CollectError, MissingExtraError, WeightsError
from fingerprint.outputs.files import excerpt, show
from fingerprint.weights.tensors import BYTES, read_tensors

DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}
"""Types that weights may be loaded in, and bytes a parameter; ``auto`` keeps that of the files."""
TOKENS_A_BATCH = 4096
LOGIT_COPIES = 2
"""Logits as the model gives them, and once more in float32 while they are summed."""
ACTIVATIONS = 8
"""Values a token that a layer holds at once, in widths of the widest of its matrices."""
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Loading:
    """How weights are loaded and run."""

    dtype: str = "auto"
    device: str | None = None
    device_map: str | None = None
    """``auto`` spreads the weights over all GPUs, as accelerate decides."""
    tokens_a_batch: int = TOKENS_A_BATCH
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that loading and scoring take, part by part."""

    parameters: int
    bytes_a_parameter: float
    activations: int
    logits: int
    available: int | None
    """None where it cannot be known, as on an accelerator without a way to ask."""

    @property
    def weights(self) -> int:
        """Bytes of the weights."""
        return round(self.parameters * self.bytes_a_parameter)

    @property
    def total(self) -> int:
        """Bytes of everything."""
        return self.weights + self.activations + self.logits

    def arithmetic(self) -> str:
        """Write the sum out."""
        have = "unknown" if self.available is None else _size(self.available)
        return (
            f"{self.parameters:,} parameters x {self.bytes_a_parameter:g} bytes = "
            f"{_size(self.weights)}, activations {_size(self.activations)}, logits "
            f"{_size(self.logits)}: together {_size(self.total)}; available: {have}"
        )


def estimate(folder: Path, how: Loading) -> Need:
    """Work out from headers and configuration what a folder of weights needs.

    Parameters
    ----------
    folder : Path
    how : Loading

    Raises
    ------
    WeightsError
        When the folder holds no readable weights or configuration.
    """
    tensors = read_tensors(folder).values()
    parameters = sum(tensor.elements for tensor in tensors)
    stored = sum(tensor.elements * BYTES.get(tensor.dtype, 4) for tensor in tensors)
    size = DTYPES.get(how.dtype, stored / max(parameters, 1))
    widest = max((max(t.shape) for t in tensors if len(t.shape) > 1 and "layers." in t.name),
                 default=0)  # fmt: skip
    vocabulary = _vocabulary(folder)
    tokens = how.tokens_a_batch
    return Need(
        parameters=parameters,
        bytes_a_parameter=size,
        activations=tokens * widest * ACTIVATIONS * 4,
        logits=tokens * vocabulary * 4 * LOGIT_COPIES,
        available=available_bytes(how),
    )


def check_memory(folder: Path, how: Loading) -> Need:
    """Return what is needed when it is there.

    Raises
    ------
    WeightsError
        When it is not; the message holds the arithmetic and what to change.
    """
    need = estimate(folder, how)
    if need.available is not None and need.total > need.available:
        raise WeightsError(
            f"{show(folder)}: does not fit into memory: {need.arithmetic()}; choose --dtype "
            "bfloat16 or int8, fewer --tokens-per-batch, --device-map auto with several GPUs, or "
            "serve it elsewhere and score vllm:MODEL"
        )
    return need


def available_bytes(how: Loading) -> int | None:
    """Return the free bytes of where the weights go, None where they cannot be known."""
    import torch

    cuda = torch.cuda.is_available()
    if cuda and how.device_map is not None:
        return sum(int(torch.cuda.mem_get_info(i)[0]) for i in range(torch.cuda.device_count()))
    device = how.device or ("cuda" if cuda else "cpu")
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0]) if cuda else None
    return _free_memory() if device == "cpu" else None


class Weights(LocalModel):
    """Weights of a folder or of the hub, loaded to be scored and not to be asked.

    The prompt is written as `LocalModel` writes it for an answer. Loading is separate, since
    scoring takes 8-bit weights and several devices too.

    Parameters
    ----------
    where : str
        A folder of safetensors and tokenizer, or a hub id.
    how : Loading

    Raises
    ------
    WeightsError
        When the weights do not fit or cannot be loaded.
    MissingExtraError
        Without torch and transformers, without accelerate for ``device_map``, without bitsandbytes
        for int8.
    """

    def __init__(self, where: str, how: Loading) -> None:
        _check(where, how)
        self._where = where
        try:
            self.need = check_memory(Path(where), how) if Path(where).is_dir() else None
            self._tokenizer, self._model = load_weights(where, how.threads, _options(how))
        except ImportError:
            raise MissingExtraError("scoring weights", "torch, transformers", "local") from None
        except CollectError as error:
            raise WeightsError(str(error)) from error
        self._device = how.device or default_device()
        if how.device_map is None and how.dtype != "int8":
            self._model.to(self._device)

    @property
    def model(self) -> Any:
        """The transformers model."""
        return self._model

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self._tokenizer

    @property
    def input_device(self) -> Any:
        """Where token ids go."""
        return self._model.get_input_embeddings().weight.device

    @property
    def context(self) -> int | None:
        """Most tokens that the weights take."""
        return getattr(self._model.config, "max_position_embeddings", None)

    @property
    def pad_token(self) -> int:
        """A token to fill rows with; what it is has no effect."""
        known = self._tokenizer.pad_token_id, self._tokenizer.eos_token_id
        return int(next((token for token in known if token is not None), 0))

    def engine(self) -> dict[str, Any]:
        """Return how the weights are run; it may change the last bits of what they compute."""
        import torch

        return {
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": str(self.input_device),
            "threads": torch.get_num_threads(),
            "chat_template": bool(self._tokenizer.chat_template),
            "parameters": sum(p.numel() for p in self._model.parameters()),
        }

    def prompt_ids(self, messages: list[dict[str, str]]) -> list[int]:
        """Return the tokens of a conversation up to where the answer begins.

        Raises
        ------
        Failed
            When the chat template refuses the messages.
        """
        text = self._prompt(messages)
        found = self._tokenizer(text, add_special_tokens=not self._tokenizer.chat_template)
        ids: list[int] = found["input_ids"]
        return ids

    def text_ids(self, text: str) -> list[int]:
        """Return the tokens of an answer."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def greedy(self, prompts: Sequence[list[int]], most: int) -> list[list[int]]:
        """Return the likeliest tokens after each prompt, up to where the weights end the text.

        Parameters
        ----------
        prompts : sequence of list of int
            Each with at least one token.
        most : int
            Tokens to write.
        """
        import torch

        longest = max(map(len, prompts))
        pad = self.pad_token
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in prompts])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=ids.to(self.input_device),
                attention_mask=mask.to(self.input_device),
                max_new_tokens=most,
                do_sample=False,
                pad_token_id=pad,
            )
        ends = {self._tokenizer.eos_token_id}
        rows: list[list[int]] = out[:, longest:].tolist()
        return [row[: next((i for i, t in enumerate(row) if t in ends), None)] for row in rows]


def load_tokenizer(folder: Path) -> Callable[[str], list[int]]:
    """Return what turns a text into tokens, without a mark of the beginning.

    Raises
    ------
    WeightsError
        When the folder holds no tokenizer.
    MissingExtraError
        Without transformers.
    """
    try:
        import transformers
    except ImportError:
        raise MissingExtraError("reading a tokenizer", "transformers", "local") from None
    if not folder.is_dir():
        raise WeightsError(f"{show(folder)}: no such folder; expected a tokenizer")
    try:
        known = transformers.AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{show(folder)}: the tokenizer cannot be loaded: {' '.join(str(error).split())[:300]}"
        ) from error

    def tokens(text: str) -> list[int]:
        found: list[int] = known(text, add_special_tokens=False)["input_ids"]
        return found

    return tokens


def _check(where: str, how: Loading) -> None:
    if how.dtype not in ("auto", *DTYPES):
        raise WeightsError(
            f"--dtype: expected auto, {', '.join(DTYPES)}, found {excerpt(how.dtype)}"
        )
    if how.tokens_a_batch < 1:
        raise WeightsError(f"--tokens-per-batch: expected at least 1, found {how.tokens_a_batch}")
    if how.dtype == "int8" and find_spec("bitsandbytes") is None:
        raise MissingExtraError("--dtype int8", "bitsandbytes", "gpu")
    if (how.device_map or how.dtype == "int8") and find_spec("accelerate") is None:
        raise MissingExtraError("--device-map, --dtype int8", "accelerate", "gpu")


def _options(how: Loading) -> dict[str, Any]:
    """Translate to what transformers calls it."""
    import transformers

    options: dict[str, Any] = {"dtype": how.dtype}
    if how.dtype == "int8":
        options["dtype"] = "float16"  # what is left of 8-bit weights is multiplied in it
        options["quantization_config"] = transformers.BitsAndBytesConfig(load_in_8bit=True)
    if how.device_map is not None:
        options["device_map"] = how.device_map
    elif how.dtype == "int8" and how.device is not None:
        options["device_map"] = {"": how.device}
    return options


def _vocabulary(folder: Path) -> int:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise WeightsError(f"{show(path)}: expected the configuration of a model") from None
    found = config.get("vocab_size") if isinstance(config, dict) else None
    if found is None and isinstance(config, dict):  # models of text and images nest it
        nested = config.get("text_config")
        found = nested.get("vocab_size") if isinstance(nested, dict) else None
    if type(found) is not int or found < 1:
        raise WeightsError(f"{show(path)}: expected a vocab_size of at least 1, found {found!r}")
    return found


def _free_memory() -> int | None:
    """Return free bytes: of the machine, or less where a control group allows less."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        (free,) = (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError):
        return None
    try:
        most = int((_CGROUP / "memory.max").read_text())
        return min(free, max(0, most - int((_CGROUP / "memory.current").read_text())))
    except (OSError, ValueError):  # no limit reads "max"
        return free


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"

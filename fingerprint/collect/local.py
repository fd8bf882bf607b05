"""Ask local weights through transformers: chat template, batches, one seed a response."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fingerprint.collect.answers import Answers
from fingerprint.collect.limits import Budget
from fingerprint.collect.loading import default_device, load_weights
from fingerprint.collect.plan import Ask, as_text
from fingerprint.collect.progress import Report
from fingerprint.collect.replies import Blame, Failed, Reply, Usage
from fingerprint.collect.runner import Stopped
from fingerprint.collect.settings import Settings
from fingerprint.errors import CollectError
from fingerprint.outputs.files import excerpt

if TYPE_CHECKING:
    from fingerprint.collect.decoding import Decoding, Trace

WINDOW = 16
"""Batches that are sorted by length together: short ones then share no batch with long ones."""
TOKENS_A_BATCH = 32_768
"""Most tokens of a batch, prompts and answers: what its cache must hold."""
HASHED_WHOLE = 8 * 2**30
"""Bytes of weights up to which all of them are hashed; of larger ones the ends of each file."""
_END = 16 * 2**20
_DTYPES = ("auto", "float32", "bfloat16", "float16")
NEXT_TURN = "\n\nUser:"
"""Where an answer without a chat template ends: the model has begun to write the user's part."""


class Prepared(NamedTuple):
    """An ask with the tokens of its prompt."""

    ask: Ask
    ids: list[int]
    opening: str
    """What the template begins the answer with, such as ``<think>``."""
    room: int
    """Most tokens that the answer may have."""


class LocalModel:
    """Weights in a folder or on the hub, loaded to be asked.

    Parameters
    ----------
    where : str
        A folder with weights and tokenizer, or a hub id.
    settings : Settings

    Raises
    ------
    CollectError
        When the weights cannot be loaded.
    MissingExtraError
        Without torch and transformers.
    """

    def __init__(self, where: str, settings: Settings) -> None:
        if settings.dtype not in _DTYPES:
            raise CollectError(
                f"--dtype: expected {', '.join(_DTYPES)}, found {excerpt(settings.dtype)}"
            )
        if settings.completions or settings.batch:
            raise CollectError("--completions, --batch: for APIs; leave them out for local weights")
        self._settings = settings
        self._where = where
        spread = {"device_map": "auto"} if settings.device == "auto" else {}
        options = {"dtype": settings.dtype, **spread}
        self._tokenizer, self._model = load_weights(where, settings.threads, options)
        self._device = settings.device or default_device()
        if not spread:
            self._model.to(self._device)
        self._decoding = self._choose_decoding()
        self._eos = self._end_tokens()
        import transformers

        # What the weights' makers recommend is in `_decoding`; nothing else of it may apply.
        self._model.generation_config = transformers.GenerationConfig(
            bos_token_id=self._tokenizer.bos_token_id,
            eos_token_id=sorted(self._eos) or None,
            pad_token_id=self._pad_token(),
        )

    def identity(self) -> dict[str, Any]:
        """Return what tells these weights from others: hashes of the files, or the revision."""
        folder = Path(self._where)
        if not folder.is_dir():
            return {"revision": getattr(self._model.config, "_commit_hash", None)}
        names = sorted(
            p for p in folder.iterdir()
            if p.suffix in (".safetensors", ".json", ".jinja", ".model", ".txt") and p.is_file()
        )  # fmt: skip
        whole = sum(path.stat().st_size for path in names) <= HASHED_WHOLE
        return {path.name: _hash(path, whole) for path in names}

    def engine(self) -> dict[str, Any]:
        """Return how the weights are run; it may change the last bits of what they compute."""
        import torch

        return {
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": self._device,
            "threads": torch.get_num_threads(),
            "batch_size": self._settings.batch_size,
            "chat_template": bool(self._tokenizer.chat_template),
            "parameters": sum(p.numel() for p in self._model.parameters()),
        }

    def run(
        self, asks: Iterator[Ask], answers: Answers, budget: Budget, report: Report
    ) -> Stopped | None:
        """Answer all asks, some at a time; return why it stopped before the end."""
        rows = self._settings.batch_size
        while window := list(islice(asks, WINDOW * rows)):
            prepared = []
            for ask in window:
                try:
                    prepared.append(self._prepare(ask))
                except Failed as failed:
                    answers.give_up(ask, failed, 0)
                    answers.tally.failed += 1
            for batch in self._batches(prepared):
                most = budget.max_requests
                if most is not None and budget.requests + len(batch) > most:
                    batch = batch[: most - budget.requests]
                budget.requests += len(batch)
                for one, reply in zip(batch, self._answer(batch), strict=True):
                    answers.keep(one.ask, reply)
                answers.tally.requests = budget.requests
                answers.sync()
                report(answers.tally)
                if not budget.requests_left:
                    return Stopped("the budget is used up", planned=True)
        return None

    def _prepare(self, ask: Ask) -> Prepared:
        """Turn the messages of an ask into tokens."""
        text = self._prompt(list(ask.messages))
        ids = self._tokenizer(text, add_special_tokens=not self._tokenizer.chat_template)
        found: list[int] = ids["input_ids"]
        context = getattr(self._model.config, "max_position_embeddings", None)
        room = self._settings.sampling.max_tokens
        if context is not None:
            room = min(room, context - len(found))
        if room < 1:
            raise Failed(
                Blame.PROMPT, f"the prompt has {len(found)} tokens, the weights take {context}"
            )
        begun = text.rstrip().endswith("<think>")
        return Prepared(ask, found, "<think>" if begun else "", room)

    def _prompt(self, messages: list[dict[str, str]]) -> str:
        if not self._tokenizer.chat_template:
            written = as_text(tuple(messages))
            return f"User: {written}\n\nAssistant:" if len(messages) == 1 else written
        import jinja2

        for turns in (messages, _without_system(messages)):
            try:
                text: str = self._tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True
                )
            except jinja2.TemplateError:
                continue
            return text
        raise Failed(Blame.PROMPT, "the chat template of the weights refuses these messages")

    def _batches(self, prepared: list[Prepared]) -> Iterator[list[Prepared]]:
        """Yield batches of like length, within rows and tokens."""
        most = self._settings.sampling.max_tokens
        batch: list[Prepared] = []
        for one in sorted(prepared, key=lambda one: len(one.ids)):
            if one.room < most:  # alone, or its end would depend on who else is in the batch
                yield [one]
                continue
            full = len(batch) >= self._settings.batch_size
            if batch and (full or (len(batch) + 1) * (len(one.ids) + most) > TOKENS_A_BATCH):
                yield batch
                batch = []
            batch.append(one)
        if batch:
            yield batch

    def _answer(self, batch: Sequence[Prepared]) -> list[Reply]:
        """Generate the answers of a batch; one that does not fit into memory is halved."""
        import torch

        try:
            return self._generate(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise CollectError(
                    f"{self._device}: out of memory with a single answer; lower --max-tokens, or "
                    "choose --dtype bfloat16"
                ) from None
        torch.cuda.empty_cache()
        middle = len(batch) // 2
        return self._answer(batch[:middle]) + self._answer(batch[middle:])

    def _generate(self, batch: Sequence[Prepared]) -> list[Reply]:
        import torch

        from fingerprint.collect.decoding import SeededSampler, TurnEnd

        longest = max(len(one.ids) for one in batch)
        pad = self._pad_token()
        # Padded on the left: the answers then all begin at the same place.
        ids = torch.tensor([[pad] * (longest - len(one.ids)) + one.ids for one in batch])
        mask = torch.tensor([[0] * (longest - len(one.ids)) + [1] * len(one.ids) for one in batch])
        sampling = self._settings.sampling
        sampler = SeededSampler(self._decoding, [one.ask.seed for one in batch], sampling.logprobs)
        end = TurnEnd(NEXT_TURN, self._tokenizer.decode, longest, len(batch))
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=ids.to(self._model.device),
                attention_mask=mask.to(self._model.device),
                max_new_tokens=batch[0].room,
                do_sample=False,
                logits_processor=[sampler],
                stopping_criteria=[] if self._tokenizer.chat_template else [end],
            )
        return [
            self._reply(one, row[:length], trace)
            for one, row, length, trace in zip(
                batch, out[:, longest:].tolist(), end.lengths, sampler.traces, strict=True
            )
        ]

    def _reply(self, one: Prepared, row: list[int], trace: Trace) -> Reply:
        ended = next((i for i, token in enumerate(row) if token in self._eos), None)
        # The end mark was generated and sampled too; what follows it is padding.
        count = len(row) if ended is None else ended + 1
        text: str = self._tokenizer.decode(row[:ended], skip_special_tokens=True)
        stopped = ended is not None
        if not self._tokenizer.chat_template:
            text, mark, _ = text.partition(NEXT_TURN)
            text, stopped = text.strip(), stopped or bool(mark)
        return Reply(
            text=one.opening + text,
            finish_reason="stop" if stopped else "length",
            logprobs=self._logprobs(trace, count),
            usage=Usage(len(one.ids), count),
            served_model=self._where if not Path(self._where).is_dir() else None,
            effective=self._effective(),
        )

    def _logprobs(self, trace: Trace, count: int) -> dict[str, Any] | None:
        if not trace.ids:
            return None
        name = self._tokenizer.convert_ids_to_tokens
        found: dict[str, Any] = {
            "tokens": name(trace.ids[:count]),
            "ids": trace.ids[:count],
            "logprobs": [round(value, 6) for value in trace.logprobs[:count]],
        }
        if trace.top:
            found["top"] = [
                [[name(token), round(value, 6)] for token, value in pairs]
                for pairs in trace.top[:count]
            ]
        return found

    def _choose_decoding(self) -> Decoding:
        """Take what the user asked for, else what the weights' makers recommend, else all of it."""
        from fingerprint.collect.decoding import Decoding

        asked, own = self._settings.sampling, self._model.generation_config
        sampled = bool(own.do_sample)
        temperature = own.temperature if sampled and own.temperature is not None else 1.0
        top_p = own.top_p if sampled and own.top_p is not None else 1.0
        top_k = own.top_k if sampled and own.top_k is not None else 0
        return Decoding(
            temperature=temperature if asked.temperature is None else asked.temperature,
            top_p=top_p if asked.top_p is None else asked.top_p,
            top_k=top_k,
        )

    def _effective(self) -> dict[str, Any]:
        how, asked = self._decoding, self._settings.sampling
        found: dict[str, Any] = {
            "temperature": how.temperature,
            "top_p": how.top_p,
            "top_k": how.top_k,
            "max_tokens": asked.max_tokens,
        }
        if asked.logprobs is not None:
            found["logprobs"] = asked.logprobs
        return found

    def _end_tokens(self) -> set[int]:
        own = self._model.generation_config.eos_token_id
        listed = own if isinstance(own, list) else [own]
        return {token for token in (*listed, self._tokenizer.eos_token_id) if token is not None}

    def _pad_token(self) -> int:
        for token in (self._tokenizer.pad_token_id, *sorted(self._eos), 0):
            if token is not None:
                return int(token)
        raise AssertionError("unreachable: 0 is a token")


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """Put the system prompt in front of the first user message, for templates without one."""
    system = [turn["content"] for turn in messages if turn["role"] in ("system", "developer")]
    rest = [dict(turn) for turn in messages if turn["role"] not in ("system", "developer")]
    if system and rest:
        rest[0]["content"] = "\n\n".join([*system, rest[0]["content"]])
    return rest


def _hash(path: Path, whole: bool) -> str:
    with path.open("rb") as file:
        if whole:
            return hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        digest = hashlib.sha256(file.read(_END))
        file.seek(max(0, size - _END))
        digest.update(file.read(_END))
    return f"ends:{digest.hexdigest()}:{size}"

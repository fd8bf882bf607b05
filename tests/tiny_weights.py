"""A tiny Llama with a byte tokenizer, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<end>", "<user>", "<model>"]
TEMPLATE = (
    "{% for m in messages %}<{{ 'model' if m.role == 'assistant' else 'user' }}>{{ m.content }}"
    "<end>{% endfor %}{% if add_generation_prompt %}<model>{% endif %}"
)


def make_weights(
    folder: Path,
    seed: int = 0,
    template: str | None = TEMPLATE,
    merges: tuple[tuple[str, str], ...] = (),
    hidden: int = 32,
    **config: Any,
) -> Path:
    """Save a model of two layers whose tokens are bytes, and merges of them."""
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*SPECIAL, *characters, *(a + b for a, b in merges)]
    torch.manual_seed(seed)
    made = LlamaConfig(
        vocab_size=len(words), hidden_size=hidden, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        initializer_range=0.3, eos_token_id=1, pad_token_id=0, bos_token_id=None, **config,
    )  # fmt: skip
    LlamaForCausalLM(made).save_pretrained(folder)
    bytes_only = Tokenizer(models.BPE({w: i for i, w in enumerate(words)}, list(merges)))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only, pad_token="<pad>", eos_token="<end>",
        additional_special_tokens=["<user>", "<model>"],
    )  # fmt: skip
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def train(folder: Path, texts: list[tuple[str, str]], target: Path, steps: int = 30) -> Path:
    """Fine-tune on prompts and responses, and save the result with the same tokenizer."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    rows = []
    for prompt, answer in texts:
        turn = [{"role": "user", "content": prompt}]
        head = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        start = len(tokenizer(head)["input_ids"])
        ids = tokenizer(head + answer)["input_ids"]
        rows.append((ids, [-100] * start + ids[start:]))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in rows])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for _, row in rows])
    for _ in range(steps):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target

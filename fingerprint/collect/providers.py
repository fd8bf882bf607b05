"""Who answers: the providers by name, what they call things, and where their keys are found.

Base URLs, names of keys and parameters are those of the vendors' own documentation, read in
November 2026. Whatever has changed since is set with ``--base-url``, or refused by the vendor with
a message that is shown.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from fingerprint.errors import CollectError
from fingerprint.outputs.files import excerpt

HIDDEN = "[hidden]"
SHORTEST_SECRET = 12
"""Shorter keys are stand-ins such as ``EMPTY``; hiding them would cut such words out of answers."""


class Protocol(StrEnum):
    """How a provider is spoken to."""

    LOCAL = "local"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True, slots=True)
class Provider:
    """What is known of one vendor or server."""

    name: str
    protocol: Protocol
    base_url: str | None = None
    key: str | None = None
    """Environment variable with the key; None where servers ask for none."""
    key_optional: bool = False
    max_tokens: str = "max_tokens"
    """What the vendor calls the most tokens of an answer."""
    seed: str = "seed"
    lacks: frozenset[str] = frozenset()
    """Parameters that the vendor's reference does not have: not sent, and recorded as dropped."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """What every request carries besides."""
    batches: bool = False
    """Whether the vendor's batch API, at half price, is supported here."""


_ANTHROPIC = Protocol.ANTHROPIC
_OPENAI = Protocol.OPENAI
_NO_LOGPROBS = frozenset({"seed", "logprobs"})
_ALL = (
    Provider("local", Protocol.LOCAL),
    Provider(
        "openai", _OPENAI, "https://api.openai.com/v1", "OPENAI_API_KEY",
        max_tokens="max_completion_tokens", batches=True,
    ),
    Provider(
        "anthropic", _ANTHROPIC, "https://api.anthropic.com", "ANTHROPIC_API_KEY",
        lacks=_NO_LOGPROBS, batches=True,
    ),
    Provider(
        "moonshot", _OPENAI, "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", lacks=_NO_LOGPROBS
    ),
    Provider(
        "deepseek", _OPENAI, "https://api.deepseek.com", "DEEPSEEK_API_KEY",
        lacks=frozenset({"seed"}),
    ),
    Provider(
        "qwen", _OPENAI, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
    ),
    Provider(
        "zhipu", _OPENAI, "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", lacks=_NO_LOGPROBS
    ),
    # Without this MiniMax puts its reasoning into the answer, between <think> marks.
    Provider(
        "minimax", _OPENAI, "https://api.minimax.io/v1", "MINIMAX_API_KEY", lacks=_NO_LOGPROBS,
        body={"reasoning_split": True},
    ),
    Provider(
        "gemini", _OPENAI, "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
    ),
    Provider("xai", _OPENAI, "https://api.x.ai/v1", "XAI_API_KEY"),
    Provider(
        "mistral", _OPENAI, "https://api.mistral.ai/v1", "MISTRAL_API_KEY", seed="random_seed"
    ),
    # Without this a router may send the request to a host that drops what it does not know.
    Provider(
        "openrouter", _OPENAI, "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",
        body={"provider": {"require_parameters": True}},
    ),
    Provider("together", _OPENAI, "https://api.together.ai/v1", "TOGETHER_API_KEY"),
    Provider("ollama", _OPENAI, "http://localhost:11434/v1"),
    Provider("vllm", _OPENAI, "http://localhost:8000/v1", "VLLM_API_KEY", key_optional=True),
    Provider("sglang", _OPENAI, "http://localhost:30000/v1", "SGLANG_API_KEY", key_optional=True),
    Provider("llamacpp", _OPENAI, "http://localhost:8080/v1", "LLAMA_API_KEY", key_optional=True),
)  # fmt: skip
_ALIASES = {
    "claude": "anthropic", "kimi": "moonshot", "dashscope": "qwen", "alibaba": "qwen",
    "glm": "zhipu", "zai": "zhipu", "google": "gemini", "grok": "xai",
}  # fmt: skip
PROVIDERS: Mapping[str, Provider] = {
    **{provider.name: provider for provider in _ALL},
    **{alias: provider for provider in _ALL for alias, name in _ALIASES.items()
       if name == provider.name},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider."""

    provider: Provider
    model: str
    """The vendor's id of the model, or the folder or hub id of local weights."""
    base_url: str | None

    @property
    def spec(self) -> str:
        """The SPEC under the provider's own name."""
        return f"{self.provider.name}:{self.model}"

    def default_name(self) -> str:
        """Return what outputs call the model when the user gives no name."""
        if self.provider.protocol is Protocol.LOCAL and Path(self.model).is_dir():
            return Path(self.model).resolve().name
        return self.model

    def public_url(self) -> str | None:
        """Return the base URL as it may be written down: without credentials."""
        return None if self.base_url is None else without_credentials(self.base_url)


def parse_target(spec: str, base_url: str | None = None) -> Target:
    """Read a SPEC such as ``moonshot:kimi-k2.5`` or ``local:FOLDER``.

    Raises
    ------
    CollectError
        When the provider is unknown, the model is missing, or the base URL is none.
    """
    name, colon, model = spec.partition(":")
    provider = PROVIDERS.get(name.lower())
    if not colon or provider is None:
        close = difflib.get_close_matches(name.lower(), PROVIDERS, 3, 0.6) or list(PROVIDERS)
        raise CollectError(
            f"--model {excerpt(spec)}: expected PROVIDER:MODEL, as in local:FOLDER or "
            f"openai:gpt-4.1; providers: {', '.join(close)}"
        )
    if not model.strip():
        raise CollectError(f"--model {excerpt(spec)}: expected the name of a model after the colon")
    if base_url is not None:
        if provider.protocol is Protocol.LOCAL:
            raise CollectError("--base-url: local weights have none; leave it out")
        _check_url(base_url)
    return Target(provider, model.strip(), base_url or provider.base_url)


def read_key(
    target: Target, named: str | None = None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Read the key from the environment variable named, by default the provider's own.

    Raises
    ------
    CollectError
        When it is not set and needed, or holds what no header can hold. The message names the
        variable and never shows its value.
    """
    variable = named or target.provider.key
    if variable is None:
        return None
    key = environment.get(variable, "").strip()
    if not key:
        optional = target.provider.key_optional or _is_loopback(target.base_url)
        if optional and named is None:
            return None
        raise CollectError(
            f"{target.spec}: expected the API key in the environment variable {variable}, which is "
            f"not set; set it (keys are read from nowhere else)"
        )
    if re.fullmatch(r"[\x21-\x7e]+", key) is None:
        raise CollectError(
            f"the environment variable {variable} holds blanks or characters outside ASCII inside "
            "the key; copy the key again (its value is not shown)"
        )
    return key


@dataclass(frozen=True, slots=True)
class Secrets:
    """Texts that must not reach a file, a log or an error."""

    texts: tuple[str, ...] = ()

    @staticmethod
    def of(key: str | None, base_url: str | None) -> Secrets:
        """Collect what is secret: the key, and what a base URL carries of passwords and tokens."""
        found = [key or ""]
        if base_url is not None:
            parts = urlsplit(base_url)
            found += [parts.password or "", *(v for v in re.split("[=&]", parts.query))]
        kept = {text for text in found if len(text) >= SHORTEST_SECRET}
        # As JSON writes it too; the longest first, since one may be part of another.
        escaped = {text.replace("\\", "\\\\").replace('"', '\\"') for text in kept}
        return Secrets(tuple(sorted(kept | escaped, key=len, reverse=True)))

    def hide(self, text: str) -> str:
        """Return the text with every secret replaced."""
        for secret in self.texts:
            text = text.replace(secret, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Secrets({len(self.texts)} hidden)"


def without_credentials(url: str) -> str:
    """Return a URL without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    port = "" if parts.port is None else f":{parts.port}"
    return urlunsplit(SplitResult(parts.scheme, host + port, parts.path, "", ""))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise CollectError(
            "--base-url: expected a URL such as https://host/v1 (the part before "
            "/chat/completions), found something else"
        )


def _is_loopback(url: str | None) -> bool:
    host = urlsplit(url or "").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")

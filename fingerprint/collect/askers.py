"""Ask an endpoint for one answer, through the vendor's own SDK."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from fingerprint.collect.plan import Ask, as_text
from fingerprint.collect.providers import Protocol, Secrets, Target
from fingerprint.collect.replies import (
    Blame,
    Failed,
    Reply,
    read_chat,
    read_completion,
    read_message,
)
from fingerprint.collect.settings import Settings
from fingerprint.collect.wire import (
    MAX_BATCH_BYTES,
    MAX_REPLY_BYTES,
    BoundedClient,
    HidingFilter,
    exchange,
)
from fingerprint.outputs.check import MAX_RESPONSE_BYTES

SAMPLING_VERSION = "2023-06-01"
"""Last version of Anthropic's API that takes temperature and top_p; newer ones refuse them."""
NO_KEY = "none"
"""What servers without keys are sent, since the SDKs will not go without one."""


class Asker(ABC):
    """One model at one endpoint.

    Parameters
    ----------
    target : Target
    settings : Settings
    key : str or None
    bound : int
        Most bytes of a reply.
    """

    def __init__(
        self, target: Target, settings: Settings, key: str | None, bound: int = MAX_REPLY_BYTES
    ) -> None:
        self.target = target
        self.settings = settings
        self.secrets = Secrets.of(key, target.base_url)
        self._hiding = HidingFilter(self.secrets)
        self._hiding.attach()
        self.url, self.query = _split_query(target.base_url or "")
        self.client = self._connect(
            key or NO_KEY, BoundedClient(settings.timeout, settings.concurrency, bound)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.target.spec})"

    @abstractmethod
    def _connect(self, key: str, http: BoundedClient) -> Any:
        """Make the SDK's client."""

    @abstractmethod
    def body(self, ask: Ask) -> dict[str, Any]:
        """Return the body of the request, as it is sent alone or in a batch."""

    @abstractmethod
    def read(self, raw: bytes) -> Reply:
        """Read the bytes of a reply."""

    @abstractmethod
    def _post(self, body: dict[str, Any]) -> Awaitable[Any]:
        """Send a body through the SDK."""

    async def ask(self, ask: Ask) -> Reply:
        """Ask once.

        Raises
        ------
        Failed
            When there is no answer; its reason holds no key.
        """
        body = self.body(ask)
        return self.complete(await self.call(lambda: self._post(body)), body)

    async def call(self, call: Callable[[], Awaitable[Any]]) -> bytes:
        """Await a call of the SDK for a raw response, and return its bytes; see `exchange`."""
        response = await exchange(
            call,
            timeout=self.settings.timeout,
            secrets=self.secrets,
            url=self.target.base_url,
        )
        # The SDKs wrap the response in types of their own, or, where they are told to, do not.
        return bytes(getattr(response, "http_response", response).content)

    def complete(self, raw: bytes, body: dict[str, Any], whole: bytes | None = None) -> Reply:
        """Read a reply, and add what was sent for it.

        Parameters
        ----------
        raw : bytes
            The reply.
        body : dict
            The body it answers.
        whole : bytes, optional
            What is kept as the raw reply, where the reply came inside of something else.

        Raises
        ------
        Failed
            When it holds no usable answer.
        """
        try:
            reply = self.read(raw)
            size = len(reply.text.encode("utf-8", "surrogatepass"))
            if size > MAX_RESPONSE_BYTES:
                most = f"outputs hold {MAX_RESPONSE_BYTES}"
                raise Failed(Blame.PROMPT, f"the answer has {size} bytes, and {most}")
        except Failed as failed:
            failed.reason = self.secrets.hide(failed.reason)
            raise
        return replace(
            reply,
            effective=self.effective(body),
            dropped=self.dropped(),
            sent=body,
            raw=raw if whole is None else whole,
        )

    def effective(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the sampling that a body asks for, under our names."""
        names = {"temperature": "temperature", "top_p": "top_p",
                 self.target.provider.max_tokens: "max_tokens"}  # fmt: skip
        return {ours: body[theirs] for theirs, ours in names.items() if theirs in body}

    def dropped(self) -> tuple[str, ...]:
        """Name what was asked for and is not sent, since the vendor's API does not have it."""
        sampling = self.settings.sampling
        asked = {name for name in ("seed", "logprobs") if getattr(sampling, name) is not None}
        return tuple(sorted(asked & self.target.provider.lacks))

    def _sends(self, name: str) -> Any:
        """Return a parameter's value where it is asked for and the vendor has it."""
        lacking = name in self.target.provider.lacks
        return None if lacking else getattr(self.settings.sampling, name)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()
        self._hiding.detach()


class OpenAIAsker(Asker):
    """Any endpoint that speaks OpenAI's protocol: chat, or completions."""

    def _connect(self, key: str, http: BoundedClient) -> Any:
        import openai

        client = openai.AsyncOpenAI(
            api_key=key,
            base_url=self.url,
            default_query=self.query,
            timeout=self.settings.timeout,
            max_retries=0,
            http_client=http,
        )
        if self.target.provider.name != "openai":
            # The SDK takes these from the environment; they are no business of other vendors.
            client.organization = client.project = None
        return client

    def body(self, ask: Ask) -> dict[str, Any]:
        """Return the body of the request."""
        provider, sampling = self.target.provider, self.settings.sampling
        body: dict[str, Any] = {"model": self.target.model}
        if self.settings.completions:
            body["prompt"] = as_text(ask.messages)
            body["max_tokens"] = sampling.max_tokens
        else:
            body["messages"] = list(ask.messages)
            body[provider.max_tokens] = sampling.max_tokens
        for name in ("temperature", "top_p"):
            if (value := getattr(sampling, name)) is not None:
                body[name] = value
        if self._sends("seed") is not None:
            body[provider.seed] = ask.seed
        alternatives = self._sends("logprobs")
        if alternatives is not None and self.settings.completions:
            body["logprobs"] = alternatives
        elif alternatives is not None:
            body["logprobs"] = True
            if alternatives:
                body["top_logprobs"] = alternatives
        return body | dict(provider.body)

    def effective(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the sampling that a body asks for, under our names."""
        found = super().effective(body)
        if "max_tokens" in body:  # also where completions keep the older name
            found["max_tokens"] = body["max_tokens"]
        if "logprobs" in body:
            found["logprobs"] = self.settings.sampling.logprobs
        return found

    def read(self, raw: bytes) -> Reply:
        """Read the bytes of a reply."""
        return read_completion(raw) if self.settings.completions else read_chat(raw)

    def _post(self, body: dict[str, Any]) -> Awaitable[Any]:
        # The SDK's `create` wants each parameter by name and knows only OpenAI's own.
        chat = self.client.chat.completions
        endpoint = self.client.completions if self.settings.completions else chat
        named = ("model", "prompt") if self.settings.completions else ("model", "messages")
        rest = {name: value for name, value in body.items() if name not in named}
        created: Awaitable[Any] = endpoint.with_raw_response.create(
            **{name: body[name] for name in named}, extra_body=rest
        )
        return created


class AnthropicAsker(Asker):
    """Anthropic's Messages API."""

    def _connect(self, key: str, http: BoundedClient) -> Any:
        import anthropic

        return anthropic.AsyncAnthropic(
            api_key=key,
            base_url=self.url,
            default_query=self.query,
            timeout=self.settings.timeout,
            max_retries=0,
            http_client=http,
            default_headers=self._version(),
        )

    def _version(self) -> dict[str, str]:
        """Ask for the API version that still takes sampling parameters, where some are asked."""
        sampling = self.settings.sampling
        needed = sampling.temperature is not None or sampling.top_p is not None
        return {"anthropic-version": SAMPLING_VERSION} if needed else {}

    def body(self, ask: Ask) -> dict[str, Any]:
        """Return the body of the request; the system prompt stands apart from the messages."""
        sampling = self.settings.sampling
        system = [t["content"] for t in ask.messages if t["role"] in ("system", "developer")]
        body: dict[str, Any] = {
            "model": self.target.model,
            "max_tokens": sampling.max_tokens,
            "messages": [t for t in ask.messages if t["role"] in ("user", "assistant")],
        }
        if system:
            body["system"] = "\n\n".join(system)
        for name in ("temperature", "top_p"):
            if (value := getattr(sampling, name)) is not None:
                body[name] = value
        return body

    def read(self, raw: bytes) -> Reply:
        """Read the bytes of a reply."""
        return read_message(raw)

    def _post(self, body: dict[str, Any]) -> Awaitable[Any]:
        named = ("model", "max_tokens", "messages", "system")
        rest = {name: value for name, value in body.items() if name not in named}
        created: Awaitable[Any] = self.client.messages.with_raw_response.create(
            **{name: body[name] for name in named if name in body}, extra_body=rest or None
        )
        return created


def asker_for(target: Target, settings: Settings, key: str | None) -> Asker:
    """Make the asker of a remote provider."""
    kind = AnthropicAsker if target.provider.protocol is Protocol.ANTHROPIC else OpenAIAsker
    return kind(target, settings, key, MAX_BATCH_BYTES if settings.batch else MAX_REPLY_BYTES)


def _split_query(url: str) -> tuple[str, dict[str, str]]:
    """Take the query off a base URL: the SDKs append their paths to the URL as text."""
    parts = urlsplit(url)
    return urlunsplit((*parts[:3], "", "")), dict(parse_qsl(parts.query))

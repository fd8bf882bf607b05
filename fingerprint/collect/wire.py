"""The way to an endpoint: bounded replies, and every failure turned into one that is safe to show.

The vendors' SDKs build and send the requests; they are told not to retry, since `runner` does, and
their exceptions never leave this module: those hold the request, and the request holds the key.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2

from fingerprint.collect.providers import Secrets, without_credentials
from fingerprint.collect.replies import Blame, Failed, blame_of, error_text, is_final
from fingerprint.outputs.files import BadJson, excerpt, parse_json

MAX_REPLY_BYTES = 32 * 2**20
"""Longest reply that is read, before and after decompression."""
MAX_BATCH_BYTES = 512 * 2**20
"""Longest file of batch results: `batch.MOST_REQUESTS` answers of 100 kB."""
CONNECT_SECONDS = 30.0

T = TypeVar("T")
_LOGGERS = ("httpx2", "openai._base_client", "anthropic._base_client")
"""Those that log URLs, with what these carry of passwords."""


class HidingFilter(logging.Filter):
    """Hides secrets in what the libraries below log, from `attach` to `detach`."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record; none is dropped."""
        record.msg, record.args = self._secrets.hide(record.getMessage()), ()
        return True

    def attach(self) -> None:
        """Begin to hide."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def detach(self) -> None:
        """End it."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)


class TooLong(httpx2.RequestError):
    """A reply that went on after `MAX_REPLY_BYTES`."""


class BoundedClient(httpx2.AsyncClient):
    """An HTTP client that reads replies whole, but only up to a bound.

    Redirects are not followed: the key would go where they lead.
    """

    def __init__(self, timeout: float, connections: int, bound: int = MAX_REPLY_BYTES) -> None:
        super().__init__(
            timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=connections),
            headers={"accept-encoding": "gzip, deflate"},
            follow_redirects=False,
        )
        self._bound = bound

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request and return the reply with its content read and decompressed."""
        options["stream"] = True
        options["follow_redirects"] = False
        response = await super().send(request, **options)
        content = bytearray()
        try:
            async for part in response.aiter_raw():
                content += part
                if len(content) > self._bound:
                    raise TooLong(f"more than {self._bound} bytes", request=request)
        finally:
            await response.aclose()
        packing = response.headers.get("content-encoding", "").strip().lower()
        plain = _unpacked(bytes(content), packing, self._bound, request)
        kept = [
            (name, value)
            for name, value in response.headers.items()
            if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        whole = httpx2.Response(response.status_code, headers=kept, content=plain, request=request)
        # The SDKs ask how long it took.
        whole.elapsed = response.elapsed
        return whole


def _unpacked(raw: bytes, packing: str, bound: int, request: httpx2.Request) -> bytes:
    if packing in ("", "identity") or not raw:
        return raw
    if packing not in ("gzip", "deflate", "x-gzip"):
        raise httpx2.DecodingError(f"compressed with {packing[:20]}", request=request)
    unpack = zlib.decompressobj(wbits=47 if packing != "deflate" else zlib.MAX_WBITS)
    try:
        plain = unpack.decompress(raw, bound)
    except zlib.error:
        raise httpx2.DecodingError("damaged compression", request=request) from None
    if unpack.unconsumed_tail:
        raise TooLong(f"unpacks to more than {bound} bytes", request=request)
    return plain


async def exchange(
    call: Callable[[], Awaitable[T]], *, timeout: float, secrets: Secrets, url: str | None
) -> T:
    """Await one SDK call; whatever goes wrong becomes `Failed`.

    Parameters
    ----------
    call
        Makes the SDK's awaitable.
    timeout
        Seconds until it is given up, however slowly bytes keep arriving.
    secrets
        What is hidden in the reason.
    url
        Base URL, to name in the reason.

    Raises
    ------
    Failed
        With a reason that holds neither the request nor the key.
    """
    failed: Failed | None = None
    try:
        async with asyncio.timeout(timeout):
            return await call()
    except TimeoutError:
        failed = Failed(Blame.MOMENT, f"no reply within {timeout:g} s")
    except Exception as error:  # the SDKs raise types of their own and of several libraries
        failed = _as_failed(error, url)
    # Raised out here, so that it has no context: that would be the SDK's exception.
    raise Failed(failed.blame, secrets.hide(failed.reason), status=failed.status, wait=failed.wait)


def _as_failed(error: Exception, url: str | None) -> Failed:
    response = getattr(error, "response", None)
    if isinstance(response, httpx2.Response):
        return _from_status(response, url)
    cause = error.__cause__ or error
    where = without_credentials(url) if url else "the endpoint"
    if isinstance(cause, TooLong):
        return Failed(Blame.PROMPT, f"the reply is too long: {cause}")
    if isinstance(cause, httpx2.TimeoutException):
        return Failed(Blame.MOMENT, f"{where}: {_kind(cause)}")
    if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return Failed(Blame.RUN, f"{where}: not a usable URL")
    if isinstance(cause, httpx2.RequestError | OSError):
        return Failed(Blame.MOMENT, f"{where}: connection failed ({_kind(cause)})")
    # A fault in our use of the SDK, or in the SDK: its text may show the request, its type cannot.
    return Failed(Blame.RUN, f"{where}: the request could not be made ({_kind(error)})")


def _from_status(response: httpx2.Response, url: str | None) -> Failed:
    status = response.status_code
    where = without_credentials(url) if url else "the endpoint"
    try:
        body, _ = parse_json(response.content)
        said = error_text(body)
    except BadJson:
        body = None
        said = excerpt(response.content[:200].decode("utf-8", "replace")) or "nothing"
    if 300 <= status < 400:
        return Failed(Blame.RUN, f"{where}: redirects elsewhere ({status}); give that --base-url",
                      status=status)  # fmt: skip
    blame = blame_of(status)
    if blame is Blame.MOMENT and is_final(body):
        blame = Blame.RUN
    wait = retry_after(response.headers) if blame is Blame.MOMENT else None
    return Failed(blame, f"{status}: {said}", status=status, wait=wait)


def retry_after(headers: httpx2.Headers, now: datetime | None = None) -> float | None:
    """Return the seconds a reply asks to wait, None where it does not say.

    ``retry-after-ms`` (milliseconds) and ``retry-after`` as seconds or an HTTP date (RFC 9110,
    10.2.3) are understood.
    """
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, now or datetime.now(UTC))
    return max(0.0, seconds) if seconds == seconds else None  # NaN is not equal to itself


def _until(value: str, now: datetime) -> float:
    try:
        then = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return float("nan")
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return (then - now).total_seconds()


def _kind(error: BaseException) -> str:
    return type(error).__name__

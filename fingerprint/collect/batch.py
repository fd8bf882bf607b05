"""Collect through batch APIs: half the price, hours of patience, and nothing paid for twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets as entropy
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fingerprint.collect.answers import Answers
from fingerprint.collect.askers import Asker
from fingerprint.collect.batch_apis import BatchApi, Requests, Result, batch_api
from fingerprint.collect.limits import LONGEST_ASKED, Budget, backoff
from fingerprint.collect.plan import Ask, Key, Plan
from fingerprint.collect.progress import Report
from fingerprint.collect.replies import Blame, Failed, Usage
from fingerprint.collect.runner import FEW_ATTEMPTS, Stopped
from fingerprint.errors import CollectError
from fingerprint.outputs.files import BadJson, parse_json, show
from fingerprint.wholefile import replacing

MOST_REQUESTS = 5_000
MOST_BYTES = 50 * 2**20
"""Of one batch; vendors allow 50,000 requests and 200 MB or more, but results are read whole."""
SUFFIX = ".batches.json"
SCHEMA = "fingerprint.batches/1"

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """A batch under way, as it is written down.

    It is written before it is submitted, without id: whoever finds it so asks the vendor whether
    it arrived.
    """

    intent: str
    submitted: str
    keys: list[list[Any]]
    id: str | None = None

    def requests(self) -> dict[str, Key]:
        """Return the answers asked for under the ids that the vendor knows them by."""
        keys = [Key(*key) for key in self.keys]
        return {_custom_id(self.intent, key): key for key in keys}


@dataclass(slots=True)
class Ledger:
    """The batches under way of one file of answers."""

    path: Path
    batches: list[Batch] = field(default_factory=list)

    def write(self) -> None:
        """Replace the file at once or not at all; without batches there is none."""
        if not self.batches:
            self.path.unlink(missing_ok=True)
            return
        value = {"schema": SCHEMA, "batches": [asdict(batch) for batch in self.batches]}
        try:
            with replacing(self.path, durable=True) as file:
                file.write(json.dumps(value).encode())
        except OSError as error:
            raise CollectError(f"{show(self.path)}: cannot be written: {error.strerror}") from None


def read_ledger(out: Path) -> Ledger:
    """Read which batches are under way for a file of answers.

    Raises
    ------
    CollectError
        When the ledger is no ledger.
    """
    path = out.with_name(out.name + SUFFIX)
    if not path.exists():
        return Ledger(path)
    try:
        value, _ = parse_json(path.read_bytes())
        if value["schema"] != SCHEMA:
            raise KeyError("schema")
        batches = [Batch(**row) for row in value["batches"]]
        for batch in batches:
            batch.requests()
            datetime.fromisoformat(batch.submitted)
    except (BadJson, KeyError, TypeError, ValueError, OSError):
        raise CollectError(
            f"{show(path)}: expected a ledger of {SCHEMA}, found something else; if no batch is "
            "under way, remove it"
        ) from None
    return Ledger(path, batches)


async def run_batches(
    asker: Asker,
    plan: Plan,
    answers: Answers,
    budget: Budget,
    report: Report,
    *,
    out: Path,
    poll_seconds: float,
) -> Stopped | None:
    """Submit what is missing, wait for all batches, and keep their answers.

    Raises
    ------
    CollectError
        When batches are under way that this plan does not ask for, or the vendor refuses one.
    """
    work = _Work(asker, batch_api(asker), plan, answers, budget, report, read_ledger(out))
    try:
        return await work.run(poll_seconds)
    except Failed as failed:
        return Stopped(failed.reason)


@dataclass(slots=True)
class _Work:
    asker: Asker
    api: BatchApi
    plan: Plan
    answers: Answers
    budget: Budget
    report: Report
    ledger: Ledger
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    async def run(self, poll_seconds: float) -> Stopped | None:
        self._check_covered()
        await self._find_lost()
        stopped = await self._submit_missing()
        while self.ledger.batches:
            finished = 0
            for batch in list(self.ledger.batches):
                name = batch.id or ""
                state = await self._patiently(partial(self.api.state, name))
                finished += state.finished
                if state.problem is not None:
                    self._forget(batch)
                    raise Failed(Blame.RUN, f"batch {batch.id}: {state.problem}")
                if state.ended:
                    results = await self._patiently(partial(self.api.results, name))
                    self._keep(batch, results)
                    self._forget(batch)
            if self.ledger.batches:
                waiting = sum(len(batch.keys) for batch in self.ledger.batches)
                self._tell(f"{len(self.ledger.batches)} batches, {finished} of {waiting} finished")
                await asyncio.sleep(poll_seconds)
        self._tell("")
        return stopped

    def _check_covered(self) -> None:
        """Answers that come back need their prompts."""
        wanted = {ask.key for ask in self.plan.asks()} if self.ledger.batches else set()
        for batch in self.ledger.batches:
            strange = [key for key in batch.requests().values() if key not in wanted]
            if strange:
                raise CollectError(
                    f"{show(self.ledger.path)}: a batch of {len(batch.keys)} answers is under way, "
                    f"and this command does not ask for all of them ({strange[0]}); repeat the "
                    "command that submitted it"
                )

    async def _find_lost(self) -> None:
        """Find batches whose submission was cut off before their id was written down."""
        for batch in [batch for batch in self.ledger.batches if batch.id is None]:
            await self._adopt(batch)
            if batch.id is None:
                self._forget(batch)

    async def _adopt(self, batch: Batch) -> None:
        since = datetime.fromisoformat(batch.submitted)
        taken = {other.id for other in self.ledger.batches}
        found = await self._patiently(lambda: self.api.find(batch.intent, len(batch.keys), since))
        if found is not None and found not in taken:
            batch.id = found
            self.ledger.write()

    async def _submit_missing(self) -> Stopped | None:
        under_way = {key for batch in self.ledger.batches for key in batch.requests().values()}
        if self.budget.price is not None:
            most = self.plan.settings.sampling.max_tokens
            self.budget.reserved = sum(
                self.budget.price.cost(Usage(ask.most_input_tokens(), most))
                for ask in self.plan.asks()
                if ask.key in under_way
            )
        missing = (
            ask for ask in self.plan.asks()
            if ask.key not in self.answers.done and ask.key not in under_way
        )  # fmt: skip
        for chunk in self._chunks(missing):
            asks = list(self._affordable(chunk))
            if asks:
                await self._submit(asks)
            if len(asks) < len(chunk):
                return Stopped("the budget is used up", planned=True)
        return None

    def _chunks(self, asks: Iterator[Ask]) -> Iterator[list[Ask]]:
        chunk: list[Ask] = []
        size = 0
        for ask in asks:
            chunk.append(ask)
            size += len(json.dumps(self.asker.body(ask)))
            if len(chunk) >= MOST_REQUESTS or size >= MOST_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _affordable(self, asks: list[Ask]) -> Iterator[Ask]:
        most = self.plan.settings.sampling.max_tokens
        for ask in asks:
            reserved = self.budget.reserve(Usage(ask.most_input_tokens(), most))
            if reserved is None:
                return
            yield ask

    async def _submit(self, asks: list[Ask]) -> None:
        intent = entropy.token_hex(6)
        batch = Batch(intent, _now(), [list(ask.key) for ask in asks])
        requests = Requests(
            intent, {_custom_id(intent, ask.key): self.asker.body(ask) for ask in asks}
        )
        self.ledger.batches.append(batch)
        self.ledger.write()
        self._tell(f"submitting {len(asks)} requests")
        for attempt in range(1, FEW_ATTEMPTS + 1):
            try:
                batch.id = await self.api.submit(requests)
                break
            except Failed as failed:
                if failed.blame not in (Blame.MOMENT, Blame.REPLY) or attempt == FEW_ATTEMPTS:
                    self._forget(batch)
                    raise
                await asyncio.sleep(failed.wait or backoff(attempt, self.rng))
                # It may have arrived all the same: what was cut off was then only the reply.
                await self._adopt(batch)
                if batch.id is not None:
                    break
        self.answers.tally.requests += len(asks)
        self.ledger.write()

    def _keep(self, batch: Batch, results: list[Result]) -> None:
        """Keep the answers of a batch; whatever is missing is asked for by the next run."""
        wanted = batch.requests()
        asks = {ask.key: ask for ask in self.plan.asks() if ask.key in set(wanted.values())}
        seen: set[str] = set()
        for result in results:
            key = wanted.get(result.custom_id)
            if key is None or result.custom_id in seen:
                continue
            seen.add(result.custom_id)
            self._keep_one(asks[key], result)
        for name in wanted.keys() - seen:
            self._give_up(asks[wanted[name]], "the batch ended without a result for it")
        self.answers.sync()

    def _keep_one(self, ask: Ask, result: Result) -> None:
        if result.reply is None:
            self._give_up(ask, result.problem or "no reply")
            return
        try:
            reply = self.asker.complete(result.reply, self.asker.body(ask), result.line)
        except Failed as failed:
            self._give_up(ask, failed.reason)
            return
        if ask.key not in self.answers.done and self.budget.price is not None:
            used = reply.usage or Usage(
                ask.most_input_tokens(), self.plan.settings.sampling.max_tokens
            )
            self.budget.spent += self.budget.price.cost(used)
            self.answers.tally.cost = self.budget.spent
        self.answers.keep(ask, reply)
        self.report(self.answers.tally)

    def _give_up(self, ask: Ask, reason: str) -> None:
        self.answers.give_up(ask, Failed(Blame.PROMPT, self.asker.secrets.hide(reason)), 1)
        self.answers.tally.failed += 1

    def _forget(self, batch: Batch) -> None:
        self.ledger.batches.remove(batch)
        self.ledger.write()

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await a call that changes nothing, again and again while the vendor is only busy."""
        attempt = 1
        while True:
            try:
                return await call()
            except Failed as failed:
                mends = failed.blame in (Blame.MOMENT, Blame.REPLY)
                if not mends or attempt >= self.plan.settings.attempts:
                    raise
                await asyncio.sleep(min(failed.wait or backoff(attempt, self.rng), LONGEST_ASKED))
                attempt += 1

    def _tell(self, state: str) -> None:
        self.answers.tally.state = state
        self.report(self.answers.tally)


def _custom_id(intent: str, key: Key) -> str:
    """Name a request within 64 letters, digits, dashes: the narrowest rule of the vendors."""
    text = json.dumps(list(key)).encode("utf-8", "surrogatepass")
    return f"{intent}-{hashlib.sha256(text).hexdigest()[:32]}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""Ask an endpoint for many answers: some at a time, refused ones again, in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fingerprint.collect.limits import LONGEST_ASKED, Budget, Gate, backoff
from fingerprint.collect.plan import Ask
from fingerprint.collect.progress import Report, Tally
from fingerprint.collect.replies import Blame, Failed, Reply, Usage

if TYPE_CHECKING:
    from fingerprint.collect.askers import Asker

FEW_ATTEMPTS = 4
"""Most requests for one answer when replies are broken, or the endpoint was never reached."""
FIRST_FAILURES = 3
"""Failures before any success with which a run stops: the settings are wrong, not the prompts."""
GRACE_SECONDS = 5.0
"""How long requests under way may still take when the run has failed."""
MOST_FAILURES = 20
"""Failures one after the other with which a run stops."""

Keep = Callable[[Ask, Reply], None]
GiveUp = Callable[[Ask, Failed, int], None]


class Stopped(Exception):
    """The run ends before its plan; ``reason`` says why, safe to show."""

    def __init__(self, reason: str, *, planned: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.planned = planned
        """Whether the user set the limit that was reached."""


@dataclass(slots=True)
class Runner:
    """Asks for answers with several requests at a time.

    Parameters
    ----------
    asker : Asker
    budget : Budget
    gate : Gate
    tally : Tally
        Kept up to date.
    keep, give_up : callable
        Take an answer, or why there is none and after how many requests.
    report : Report
    rng : numpy Generator
        Of the jitter of waits.
    attempts : int
        Most requests for one answer.
    """

    asker: Asker
    budget: Budget
    gate: Gate
    tally: Tally
    keep: Keep
    give_up: GiveUp
    report: Report
    rng: np.random.Generator
    attempts: int
    _stopped: Stopped | None = field(init=False, default=None)
    _ended: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _change: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    """Set when the budget has changed."""
    _failures: int = field(init=False, default=0)
    _succeeded: bool = field(init=False, default=False)

    async def run(self, asks: Iterator[Ask], concurrency: int) -> Stopped | None:
        """Ask for all answers; return why it stopped before the end, None when it did not."""
        workers = [asyncio.create_task(self._work(asks)) for _ in range(concurrency)]
        everybody = asyncio.gather(*workers)
        end = asyncio.create_task(self._cancel_after_stop(everybody))
        try:
            # A worker that raises ends the run; one that finds the run stopped only returns.
            await everybody
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
        finally:
            for task in (end, *workers):
                task.cancel()
            await asyncio.gather(end, *workers, return_exceptions=True)
        return self._stopped

    async def _cancel_after_stop(self, everybody: asyncio.Future[list[None]]) -> None:
        """Let requests under way end when the run stops, but not for long when it has failed."""
        await self._ended.wait()
        if self._stopped is not None and not self._stopped.planned:
            await asyncio.sleep(GRACE_SECONDS)
            everybody.cancel()

    async def _work(self, asks: Iterator[Ask]) -> None:
        for ask in asks:
            if self._stopped is not None:
                return
            reply = await self._answer(ask)
            if reply is not None:
                self.keep(ask, reply)
                self._succeeded = True
                self._failures = 0
                self.report(self.tally)

    async def _answer(self, ask: Ask) -> Reply | None:
        """Ask until there is an answer, the prompt is given up, or the run is stopped."""
        most = Usage(ask.most_input_tokens(), self.asker.settings.sampling.max_tokens)
        for attempt in range(1, self.attempts + 1):
            reserved = await self._turn(most)
            if reserved is None:
                return None
            self.tally.requests = self.budget.requests
            try:
                reply = await self.asker.ask(ask)
            except Failed as failed:
                self._release(reserved)
                if not self._again(failed, attempt):
                    self._blame(ask, failed, attempt)
                    return None
                self.tally.retries += 1
                self.report(self.tally)
                await self._wait(failed, attempt)
            else:
                self.budget.settle(reserved, reply.usage)
                self._change.set()
                return reply
        return None

    async def _turn(self, most: Usage) -> float | None:
        """Wait until a request may be sent; return what is set aside for it, None if none may."""
        now = asyncio.get_running_loop().time
        turn = self.gate.claim(now())
        while self._stopped is None:
            if (left := turn - now()) > 0:
                await self._nap(left)
            elif self.gate.shut_until > now():
                turn = self.gate.claim(now())
            elif (reserved := self.budget.reserve(most)) is not None:
                return reserved
            elif self.budget.requests_left and self.budget.in_flight:
                # Requests under way have set aside more than most of them will cost.
                self._change.clear()
                await self._change.wait()
            else:
                self._stop(Stopped("the budget is used up", planned=True))
        return None

    def _release(self, reserved: float) -> None:
        self.budget.release(reserved)
        self._change.set()

    async def _nap(self, seconds: float) -> None:
        """Sleep, but not on when the run has stopped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    def _again(self, failed: Failed, attempt: int) -> bool:
        if self._stopped is not None or attempt >= self.attempts:
            return False
        unreached = failed.status is None and not self._succeeded
        if failed.blame is Blame.REPLY or (failed.blame is Blame.MOMENT and unreached):
            return attempt < FEW_ATTEMPTS
        return failed.blame is Blame.MOMENT and (failed.wait or 0.0) <= LONGEST_ASKED

    async def _wait(self, failed: Failed, attempt: int) -> None:
        seconds = backoff(attempt, self.rng)
        if failed.wait is not None:
            # At least what was asked for; the jitter spreads those that were refused together.
            seconds = failed.wait + seconds / 4
        if failed.status in (429, 503, 529):
            wait = failed.wait if failed.wait is not None else seconds / 2
            self.gate.pause(asyncio.get_running_loop().time() + wait)
        await self._nap(seconds)

    def _blame(self, ask: Ask, failed: Failed, attempts: int) -> None:
        """Give a prompt up, and the run when the failure is not about the prompt."""
        if self._stopped is not None:
            return
        if self._is_about_run(failed):
            self._stop(Stopped(failed.reason))
            return
        self.give_up(ask, failed, attempts)
        self.tally.failed += 1
        self._failures += 1
        self.report(self.tally)
        if self._failures >= (MOST_FAILURES if self._succeeded else FIRST_FAILURES):
            self._stop(
                Stopped(f"{self._failures} prompts failed one after the other: {failed.reason}")
            )

    def _is_about_run(self, failed: Failed) -> bool:
        if (failed.wait or 0.0) > LONGEST_ASKED:
            return True
        # A key or model that has worked is neither wrong nor missing: then the prompt was refused.
        refused_prompt = self._succeeded and failed.status in (403, 404)
        return failed.blame is Blame.RUN and not refused_prompt

    def _stop(self, stopped: Stopped) -> None:
        if self._stopped is None:
            self._stopped = stopped
            self._ended.set()
            self._change.set()

"""Collect a model's answers to suites of probes. `collect` is the public API of this package."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fingerprint.collect.answers import ERRORS, Answers
from fingerprint.collect.estimate import Estimate, make_estimate
from fingerprint.collect.limits import Budget, Gate
from fingerprint.collect.manifest import Manifest, manifest_path, open_manifest
from fingerprint.collect.plan import Ask, Plan, make_plan
from fingerprint.collect.prices import Price, price_of
from fingerprint.collect.progress import Report, silent
from fingerprint.collect.providers import Protocol, Secrets, Target, parse_target, read_key
from fingerprint.collect.replies import Failed, Reply
from fingerprint.collect.runner import Runner, Stopped
from fingerprint.collect.settings import SEED, Settings
from fingerprint.errors import CollectError, MissingExtraError
from fingerprint.outputs.files import show

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Collected:
    """What a run of `collect` has left behind."""

    out: Path
    manifest: Path
    planned: int
    collected: int
    """Answers in the file to what the plan asks for, those of earlier runs included."""
    new: int
    failed: int
    """Answers given up in this run; they are asked for again by the next."""
    cut: int
    """New answers that ended at ``max_tokens``."""
    cost: float | None
    stopped: str | None
    """The limit that ended the run before its plan, None when it went to the end."""
    notes: tuple[str, ...] = ()
    """What the user should know: parameters that were not sent, lines that were repaired."""

    @property
    def missing(self) -> int:
        """Answers that the plan asks for and the file does not hold."""
        return self.planned - self.collected


def estimate(
    model: str, suites: Sequence[str], out: str | Path, settings: Settings | None = None
) -> Estimate:
    """Say what `collect` with the same arguments would ask, without asking.

    Raises
    ------
    FingerprintError
        As `collect`, as far as it can be told without asking; no key is needed.
    """
    settings = (settings or Settings()).checked()
    target = parse_target(model, settings.base_url)
    return make_estimate(target, make_plan(suites, settings), Path(out))


def collect(
    model: str,
    suites: Sequence[str],
    out: str | Path,
    settings: Settings | None = None,
    *,
    report: Report = silent,
    command: Sequence[str] = (),
    poll_seconds: float = 30.0,
) -> Collected:
    """Ask a model every probe of some suites, and keep the answers.

    The same call again goes on where the last one ended, however it ended.

    Parameters
    ----------
    model : str
        SPEC of a live model: ``local:FOLDER``, ``openai:MODEL``, ``anthropic:MODEL``, or another
        provider of `PROVIDERS`.
    suites : sequence of str
        Names of suites that ship, files, or data sets on the hub; see `load_suite`.
    out : path
        JSONL to append to. Its record stands beside it as ``OUT.manifest.json``.
    settings : Settings, optional
        How to ask.
    report : callable
        Called with the counts whenever they change.
    command : sequence of str
        The command line, for the record.
    poll_seconds : float
        How often a batch is looked after.

    Raises
    ------
    CollectError
        When the settings make no sense or differ from those of the file, or the endpoint refuses
        to answer at all. What was collected before is kept.
    FingerprintError
        When a suite or the model cannot be read, or an extra is not installed.
    """
    settings = (settings or Settings()).checked()
    target = parse_target(model, settings.base_url)
    out = Path(out)
    if out.suffix == ".gz" or out.is_dir():
        raise CollectError(f"--out {show(out)}: expected the name of a file such as answers.jsonl")
    if settings.batch and not target.provider.batches:
        raise CollectError(
            f"--batch: no batch API of {target.provider.name} is known here; leave it out"
        )
    plan = make_plan(suites, settings)
    price = price_of(target, settings)
    if target.provider.protocol is Protocol.LOCAL:
        from fingerprint.collect.local import LocalModel

        local = LocalModel(target.model, settings)
        secrets, weights = Secrets(), local.identity()
        work = _Work(target, plan, out, secrets, price, report, command)
        return work.run(weights, local.engine(), lambda answers, budget: local.run(
            _open(plan, answers), answers, budget, report))  # fmt: skip
    _check_extra(target)
    key = read_key(target, settings.key_variable)
    secrets = Secrets.of(key, target.base_url)
    work = _Work(target, plan, out, secrets, price, report, command)

    def ask_all(answers: Answers, budget: Budget) -> Stopped | None:
        return _in_loop(_ask_remote(target, settings, key, plan, answers, budget, report,
                                    out, poll_seconds))  # fmt: skip

    return work.run({}, {}, ask_all)


@dataclass(frozen=True, slots=True)
class _Work:
    """The frame of every collection: files opened, counts kept, the record begun and ended."""

    target: Target
    plan: Plan
    out: Path
    secrets: Secrets
    price: Price | None
    report: Report
    command: Sequence[str]

    def run(
        self,
        weights: dict[str, Any],
        engine: dict[str, Any],
        ask_all: Callable[[Answers, Budget], Stopped | None],
    ) -> Collected:
        settings = self.plan.settings
        name = settings.name or self.target.default_name()
        with Answers(self.out, name, settings, self.secrets) as answers:
            # Read under the lock that `Answers` holds, so that no run of another can get lost.
            manifest = open_manifest(self.out, self.target, self.plan, weights, self.secrets)
            answers.resume()
            tally = answers.tally
            tally.total = len(self.plan)
            tally.done = tally.before = sum(ask.key in answers.done for ask in self.plan.asks())
            budget = Budget(self.price, settings.max_cost, settings.max_requests)
            if self.price is not None:
                budget.spent = self.price.cost(answers.done.usage)
                tally.cost = budget.spent
            command = [self.secrets.hide(word) for word in self.command]
            manifest.begin(command, self.plan, engine)
            stopped: Stopped | None = None
            outcome = "interrupted"
            try:
                if tally.done < tally.total:
                    stopped = ask_all(answers, budget)
                outcome = "ended" if stopped is None else stopped.reason
            except CollectError as error:
                outcome = self.secrets.hide(str(error))
                raise
            finally:
                answers.sync()
                tally.cost = None if self.price is None else budget.spent
                manifest.end(outcome, tally, self.price)
                self.report(tally)
        if stopped is not None and not stopped.planned:
            raise CollectError(
                f"{self.target.spec}: {self.secrets.hide(stopped.reason)}; "
                f"{tally.done:,} of {tally.total:,} answers are in {show(self.out)}, the same "
                "command goes on from there"
            )
        return self._collected(answers, stopped, manifest)

    def _collected(
        self, answers: Answers, stopped: Stopped | None, manifest: Manifest
    ) -> Collected:
        tally = answers.tally
        return Collected(
            out=self.out,
            manifest=manifest_path(self.out),
            planned=tally.total,
            collected=tally.done,
            new=tally.done - tally.before,
            failed=tally.failed,
            cut=tally.cut,
            cost=tally.cost,
            stopped=None if stopped is None else stopped.reason,
            notes=tuple(self._notes(answers)),
        )

    def _notes(self, answers: Answers) -> Iterator[str]:
        settings, provider = self.plan.settings, self.target.provider
        for name in ("seed", "logprobs"):
            if getattr(settings.sampling, name) is not None and name in provider.lacks:
                yield f"{provider.name} has no {name}: not sent, and recorded as dropped"
        if answers.done.unreadable:
            yield (
                f"{answers.done.unreadable} lines of {show(self.out)} are damaged; their answers "
                "were asked for again"
            )
        tally = answers.tally
        if tally.cut:
            yield (
                f"{tally.cut} of {tally.done - tally.before} new answers end at --max-tokens "
                f"{settings.sampling.max_tokens}"
            )
        if tally.failed:
            yield f"{tally.failed} answers failed; reasons in {show(self.out)}{ERRORS}"


def _check_extra(target: Target) -> None:
    """Check that the vendor's SDK is there, before any file is made."""
    sdk = "anthropic" if target.provider.protocol is Protocol.ANTHROPIC else "openai"
    for package in (sdk, "httpx2"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(f"asking {target.provider.name}", package, "api")


def _open(plan: Plan, answers: Answers) -> Iterator[Ask]:
    """Yield what the file does not hold yet."""
    return (ask for ask in plan.asks() if ask.key not in answers.done)


async def _ask_remote(
    target: Target,
    settings: Settings,
    key: str | None,
    plan: Plan,
    answers: Answers,
    budget: Budget,
    report: Report,
    out: Path,
    poll_seconds: float,
) -> Stopped | None:
    from fingerprint.collect.askers import asker_for  # needs the API extra

    tally = answers.tally
    asker = asker_for(target, settings, key)

    def keep(ask: Ask, reply: Reply) -> None:
        tally.cost = None if budget.price is None else budget.spent
        answers.keep(ask, reply)

    def give_up(ask: Ask, failed: Failed, attempts: int) -> None:
        answers.give_up(ask, failed, attempts)

    try:
        if settings.batch:
            from fingerprint.collect.batch import run_batches

            return await run_batches(
                asker, plan, answers, budget, report, out=out, poll_seconds=poll_seconds
            )
        runner = Runner(
            asker=asker,
            budget=budget,
            gate=Gate(settings.rate),
            tally=tally,
            keep=keep,
            give_up=give_up,
            report=report,
            rng=np.random.default_rng(_jitter_seed(settings)),
            attempts=settings.attempts,
        )
        return await runner.run(_open(plan, answers), settings.concurrency)
    finally:
        await asker.close()


def _jitter_seed(settings: Settings) -> int:
    return SEED if settings.sampling.seed is None else settings.sampling.seed


def _in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where a loop is running already, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="fingerprint-collect")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

"""Challenge suites: fresh prompts from a seed, committed to by hash before they are used.

A suspect cannot have prepared for prompts that nobody had seen, and an investigator cannot have
chosen them after the answers: the commitment is published first, the seed with the report.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint.errors import ProbesError
from fingerprint.outputs.files import excerpt, load_document, show
from fingerprint.probes.suite import GRAMMAR, check_grammar, probes_folder, read_suite
from fingerprint.wholefile import replacing

SCHEMA = "fingerprint.challenge/1"
KIND = "challenge"
MOST = 10_000
"""Probes of one suite; the fillings repeat long before that."""
SEED_BITS = 128
"""Of a seed that is drawn: it cannot be found by trying."""
GUESSABLE_BITS = 64
_LONGEST_SEED = 80
_SLOT = re.compile(r"\{(\w+)(\^?)\}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """A generated suite, as the bytes of its file."""

    seed: int
    n: int
    data: bytes
    grammar_sha256: str

    @property
    def sha256(self) -> str:
        """Hash of the suite's file."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def commitment(self) -> str:
        """SHA-256 of the canonical JSON of seed, size, grammar and suite: what is published."""
        held = {
            "grammar_sha256": self.grammar_sha256,
            "n": self.n,
            "schema": SCHEMA,
            "seed": str(self.seed),
            "suite_sha256": self.sha256,
        }
        return hashlib.sha256(json.dumps(held, separators=(",", ":")).encode()).hexdigest()

    @property
    def guessable(self) -> bool:
        """Whether the seed could be found from the commitment by trying."""
        return self.seed < 1 << GUESSABLE_BITS


def draw_seed() -> int:
    """Draw a seed from the system's source of randomness."""
    return secrets.randbits(SEED_BITS) | 1 << (SEED_BITS - 1)


def generate(seed: int, n: int = 120) -> Challenge:
    """Generate a challenge suite; the same seed, size and grammar always give the same bytes.

    Domains take turns; in each, the frames are dealt from a shuffled deck, and so are the fillings
    of every slot, so that nothing comes back before all of its kind have been used.

    Parameters
    ----------
    seed : int
        Not negative, at most 80 digits; see `draw_seed`.
    n : int
        Number of probes, 1 to `MOST`.

    Raises
    ------
    ProbesError
        When seed or size are out of range or the grammar is not as it shipped.
    """
    if not 0 <= seed < 10**_LONGEST_SEED:
        raise ProbesError(f"expected a seed of 1 to {_LONGEST_SEED} digits, found {excerpt(seed)}")
    if not 1 <= n <= MOST:
        raise ProbesError(f"expected 1 to {MOST} probes, found {n}")
    grammar, digest = _grammar()
    mark = hashlib.sha256(f"{digest}:{seed}:{n}".encode()).hexdigest()[:8]
    lines = []
    for number, (domain, prompt) in enumerate(_prompts(grammar, _Dealer(seed), n), 1):
        record = {
            "prompt_id": f"challenge-{mark}-{number:03}",
            "prompt": prompt,
            "domain": domain,
            "language": "en",
            "kind": KIND,
            "meta": {"seed": str(seed), "n": n, "grammar_sha256": digest},
        }
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    return Challenge(seed, n, "".join(lines).encode(), digest)


def save(challenge: Challenge, path: Path) -> None:
    """Write the suite's file, at once or not at all.

    Raises
    ------
    ProbesError
        When it cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(challenge.data)
    except OSError as error:
        raise ProbesError(f"{show(path)}: cannot be written: {error.strerror}") from error


def revealed(path: Path) -> Challenge | None:
    """Generate again, from the seed that it holds, the suite in a file.

    Returns
    -------
    Challenge or None
        What the file should be, byte for byte; None when it is no challenge suite.

    Raises
    ------
    ProbesError
        When the file cannot be read, or was generated with another grammar.
    """
    first = read_suite(path).probes[0]
    if first.kind != KIND:
        return None
    seed, n, digest = (first.meta.get(name) for name in ("seed", "n", "grammar_sha256"))
    digits = isinstance(seed, str) and len(seed) <= _LONGEST_SEED and seed.isascii()
    if not digits or not str(seed).isdigit() or type(n) is not int:
        raise ProbesError(f"{show(path)}: expected seed and n in the meta of a challenge probe")
    again = generate(int(str(seed)), n)
    if again.grammar_sha256 != digest:
        raise ProbesError(
            f"{show(path)}: was generated with grammar {str(digest)[:12]}, this version of "
            f"fingerprint has {again.grammar_sha256[:12]}; check it with the version that made it"
        )
    return again


def size() -> int:
    """Count the different prompts that the grammar can make."""
    grammar, _ = _grammar()
    total = 0
    for frames in grammar["frames"].values():
        for frame in frames:
            seen: dict[str, int] = {}
            ways = 1
            for name, _mark in _SLOT.findall(frame):
                # A second filling of the same slot differs from the first.
                ways *= len(set(_fillings(grammar, name))) - seen.get(name, 0)
                seen[name] = seen.get(name, 0) + 1
            total += ways
    return total


class _Dealer:
    """Decks of indices shuffled by PCG64.

    Only the raw 64-bit words of the generator are used: numpy promises that they never change,
    which it does not promise of what `Generator` makes of them (NEP 19).
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)
        self._decks: dict[str, list[int]] = {}

    def below(self, n: int) -> int:
        """Return a number from 0 to n-1, each equally likely."""
        limit = (1 << 64) // n * n
        while (word := int(self._bits.random_raw())) >= limit:
            pass
        return word % n

    def deal(self, deck: str, n: int) -> int:
        """Return the next card of a deck of n, shuffled again whenever it is empty."""
        cards = self._decks.setdefault(deck, [])
        if not cards:
            cards.extend(range(n))
            for i in range(n - 1, 0, -1):
                j = self.below(i + 1)
                cards[i], cards[j] = cards[j], cards[i]
        return cards.pop()


def _prompts(grammar: dict[str, Any], dealer: _Dealer, n: int) -> Iterator[tuple[str, str]]:
    """Yield domain and prompt, no prompt twice."""
    domains = list(grammar["frames"])
    seen: set[str] = set()
    while len(seen) < n:
        domain = domains[len(seen) % len(domains)]
        frames = grammar["frames"][domain]
        frame = frames[dealer.deal(f"frames of {domain}", len(frames))]
        prompt = _fill(frame, grammar, dealer)
        if prompt not in seen:
            seen.add(prompt)
            yield domain, prompt


def _fill(frame: str, grammar: dict[str, Any], dealer: _Dealer) -> str:
    used: set[str] = set()

    def filling(slot: re.Match[str]) -> str:
        fillings = _fillings(grammar, slot[1])
        text = fillings[dealer.deal(slot[1], len(fillings))]
        while text and text in used:
            text = fillings[dealer.deal(slot[1], len(fillings))]
        used.add(text)
        return text[:1].upper() + text[1:] if slot[2] else text

    return _SLOT.sub(filling, frame).strip()


def _fillings(grammar: dict[str, Any], slot: str) -> list[str]:
    fillings: list[str] = grammar["slots"][slot]
    return fillings


def _grammar() -> tuple[dict[str, Any], str]:
    path = probes_folder() / GRAMMAR
    digest = check_grammar()
    grammar, _ = load_document(path)
    return grammar, digest

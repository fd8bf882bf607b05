"""Canaries: keyed low-stakes variants of phrasing, chosen for each account and prompt.

A slot is a place where a response may say the same thing in two or more ways ("for example", "for
instance"). Which way an account gets is a keyed hash of its group and the slot, so that nobody
without the key can tell, and a model trained on what one group was served leans towards that
group's choices and no others'. `planfile` keeps plans and commits to them, `detection` asks a
suspect. Randomised honeytokens with an exact test: METHODS D; HMAC: RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fingerprint.errors import LogsError
from fingerprint.logs.phrases import Phrases
from fingerprint.outputs.files import without_surrogates
from fingerprint.tokens import UNICODE

HEAD, TAIL = 160, 80
"""Characters of a prompt that are looked at, at its start and its end: a request's cost is bounded
however long its prompt."""
CANDIDATES = 16
"""Slots that one word of a prompt may call up."""
CONTROL, BUCKET = "control", "bucket"
BLOCK = 64
"""Bytes of a block of SHA-256, to which HMAC pads its key."""
PIECE = 2047
"""Most bytes that are hashed at once: from 2,048 on `hashlib` lets go of the interpreter's lock,
and a thread that has to get it back waits for the others, for longer than hashing takes."""
_GAPS = {code: " " for code in range(128) if not chr(code).isalpha()}
_APOSTROPHE = re.compile("['’]")


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a canary.

    ``words``: all of them must be in the part of the prompt that is looked at. ``variants``: two or
    more phrasings of one meaning. ``probes``: the prompts that a suspect is asked. With
    ``per_prompt`` the choice is made anew for every prompt, otherwise once for the slot. ``why``:
    the owner's reason why it does not matter which variant is served.
    """

    id: str
    words: frozenset[str]
    variants: tuple[str, ...]
    probes: tuple[str, ...]
    why: str
    per_prompt: bool = False
    _phrases: Phrases = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_phrases", Phrases(self.variants))

    def find(self, response: str) -> int | None:
        """Return the number of the variant that a response has first, or None without any."""
        return next((number for _, _, number in self._phrases.spans(response)), None)

    def place(self, variant: str, response: str) -> str:
        """Put a variant where the response first has one of them outside code, else change nothing.

        The first letter keeps its case.
        """
        for start, end, _ in self._phrases.spans(response):
            before = response[:start]
            line = before[before.rfind("\n") + 1 :]
            if before.count("```") % 2 or line.count("`") % 2:
                continue
            capital = response[start].isupper()
            said = variant[0].upper() + variant[1:] if capital else variant
            return before + said + response[end:]
        return response


@dataclass(frozen=True, slots=True)
class Variant:
    """What a request is to be served: variant ``number`` of a slot, chosen for a group."""

    slot: Slot
    number: int
    group: str

    @property
    def text(self) -> str:
        """The words to use."""
        return self.slot.variants[self.number]

    def apply(self, response: str) -> str:
        """Return the response with this variant in the place of another, see `Slot.place`."""
        return self.slot.place(self.text, response)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan commits to. ``sha256`` is that of the canonical form.

    ``groups``: for every group the keyed tags of its accounts (hex): who reads a plan without the
    key learns no account. Accounts of no group fall into one of ``buckets`` by their tag, or get no
    canary when there are none. ``controls``: arms with choices of their own that are served to
    nobody. ``unless``: words that keep a prompt free of canaries.
    """

    name: str
    nonce: str
    key_commitment: str
    slots: tuple[Slot, ...]
    groups: Mapping[str, frozenset[str]]
    buckets: int
    controls: int
    unless: frozenset[str]
    sha256: str


class Mac:
    """HMAC-SHA-256 under one key, for many short messages; any thread may call it.

    The same values as `hmac.digest`, which lets go of the interpreter's lock for every message.
    The states after the padded key are kept and copied (RFC 2104, section 4).

    Parameters
    ----------
    key : bytes
        At most 64 bytes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > BLOCK:
            raise ValueError(f"expected a key of at most {BLOCK} bytes, found {len(key)}")
        padded = key.ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def digest(self, message: bytes) -> bytes:
        """Return the 32 bytes of the code of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        for start in range(0, len(message), PIECE):
            inner.update(message[start : start + PIECE])
        outer.update(inner.digest())
        return outer.digest()


class CanaryPlan:
    """A plan in use, with its key. Nothing changes after construction: any thread may call it.

    Parameters
    ----------
    terms : Terms
    key : bytes
        The secret that the terms commit to.

    Raises
    ------
    LogsError
        When the key is another one, or too many slots hang on the same words.
    """

    def __init__(self, terms: Terms, key: bytes) -> None:
        if not hmac.compare_digest(commit_to_key(key, terms.nonce), terms.key_commitment):
            raise LogsError(
                f"plan {terms.name}: expected the key that the plan commits to "
                f"({terms.key_commitment[:16]}...), found another; give its --key-file"
            )
        self.terms = terms
        self._account_mac = account_mac(key, terms.nonce)
        self._choice_mac = Mac(_derived(key, f"choice {terms.nonce}"))
        self._group_of = {
            bytes.fromhex(tag): name for name, tags in terms.groups.items() for tag in tags
        }
        self._by_anchor = anchors(terms.slots)
        self._anchors = frozenset(self._by_anchor)

    def variant(self, account: str, prompt: str) -> Variant | None:
        """Choose what to serve: None where no canary belongs.

        The same account and prompt always give the same variant. Whatever text is passed, nothing
        is raised, and the cost is bounded.

        Parameters
        ----------
        account : str
            The name under which logs know the account.
        prompt : str
            What was asked last, without the conversation before it.
        """
        matched = self.match(prompt)
        if matched is None:
            return None
        group = self.group(account)
        if group is None:
            return None
        slot, instance = matched
        return Variant(slot, self.choice(group, slot, instance), group)

    def match(self, prompt: str) -> tuple[Slot, str] | None:
        """Return the first slot that a prompt calls up, with what the choice hangs on besides."""
        text = looked_at(prompt)
        words = frozenset(words_of(text))
        called = words & self._anchors
        if not called or not words.isdisjoint(self.terms.unless):
            return None
        numbers = [
            number
            for word in called
            for number in self._by_anchor[word]
            if self.terms.slots[number].words <= words
        ]
        if not numbers:
            return None
        slot = self.terms.slots[min(numbers)]
        return slot, " ".join(text.split()) if slot.per_prompt else ""

    def group(self, account: str) -> str | None:
        """Return the group that an account is served with."""
        tag = tag_account(self._account_mac, account)
        group = self._group_of.get(tag)
        if group is None and self.terms.buckets:
            return f"{BUCKET}-{int.from_bytes(tag, 'big') % self.terms.buckets}"
        return group

    def choice(self, group: str, slot: Slot, instance: str) -> int:
        """Return the number of the variant of a group: uniform, to within 2^-60, and keyed."""
        message = f"{group}\0{slot.id}\0{instance}".encode("utf-8", "replace")
        digest = self._choice_mac.digest(message)
        return int.from_bytes(digest[:8], "big") % len(slot.variants)

    def controls(self) -> Iterator[str]:
        """Name the arms that are served to nobody."""
        return (f"{CONTROL}-{i}" for i in range(self.terms.controls))


def commit_to_key(key: bytes, nonce: str) -> str:
    """Return a commitment to a key, hex: it binds to the key and tells nothing of a random one."""
    return _derived(key, f"commitment {nonce}").hex()


def account_mac(key: bytes, nonce: str) -> Mac:
    """Return what makes the account tags of a plan."""
    return Mac(_derived(key, f"account {nonce}"))


def tag_account(mac: Mac, account: str) -> bytes:
    """Return the keyed tag of an account, 12 bytes."""
    try:
        message = account.encode()
    except UnicodeEncodeError:  # as a scan names such an account
        message = without_surrogates(account).encode()
    return mac.digest(message)[:12]


def looked_at(prompt: str) -> str:
    """Return the part of a prompt that decides about canaries."""
    if len(prompt) <= HEAD + TAIL:
        return prompt.lower()
    return f"{prompt[:HEAD]} {prompt[-TAIL:]}".lower()


def words_of(lower: str) -> list[str]:
    """Cut a text in lower case into its runs of letters, in scripts without spaces into letters."""
    if lower.isascii():  # a third of the time of a pattern, and most of what a request costs
        return lower.translate(_GAPS).split()
    tokens = UNICODE.tokens.findall(lower)
    return [w for token in tokens for w in _APOSTROPHE.split(token) if w.isalpha()]


def anchors(slots: tuple[Slot, ...]) -> dict[str, tuple[int, ...]]:
    """Choose for every slot the word that calls it up: the one that fewest slots have.

    Raises
    ------
    LogsError
        When more than `CANDIDATES` slots hang on one word, which would make requests slow.
    """
    held = Counter(word for slot in slots for word in slot.words)
    found: dict[str, list[int]] = {}
    for number, slot in enumerate(slots):
        anchor = min(slot.words, key=lambda word: (held[word], -len(word), word))
        found.setdefault(anchor, []).append(number)
    for word, numbers in found.items():
        if len(numbers) > CANDIDATES:
            raise LogsError(
                f"expected at most {CANDIDATES} slots that only the word {word!r} calls up, found "
                f"{len(numbers)}; give them words that tell them apart"
            )
    return {word: tuple(numbers) for word, numbers in found.items()}


def _derived(key: bytes, use: str) -> bytes:
    """Derive a key for one use: what one gives away says nothing of another."""
    root = hashlib.sha256(key).digest()
    return hmac.digest(root, f"fingerprint canary/1 {use}".encode(), "sha256")

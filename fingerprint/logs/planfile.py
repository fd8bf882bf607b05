"""The file of a canary plan: drafted from slots, checked, committed to by hash, read again.

A plan is worth something only if it was fixed before anybody was served. Its SHA-256 covers all
terms in canonical form, and the terms hold a commitment to the key; publishing the hash therefore
fixes every choice without telling one (commit and reveal: Blum 1981).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint.errors import LogsError
from fingerprint.logs.canary import (
    BUCKET,
    CONTROL,
    CanaryPlan,
    Slot,
    Terms,
    account_mac,
    anchors,
    commit_to_key,
    looked_at,
    tag_account,
    words_of,
)
from fingerprint.logs.slots import (
    NAME,
    check_slot,
    slot_to_dict,
    take_list,
    take_name,
    take_words,
)
from fingerprint.outputs.files import excerpt, load_document, show
from fingerprint.wholefile import replacing

SCHEMA = "fingerprint.canary_plan/1"
COMMITMENT = "fingerprint.canary_commitment/1"
MOST_SLOTS = 10_000
MOST_CONTROLS = 10_000
MOST_BUCKETS = 1 << 32

_HEX = re.compile(r"[0-9a-f]{32,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a plan is made from; ``groups`` are account names by group."""

    name: str
    slots: tuple[Slot, ...]
    groups: Mapping[str, Iterable[str]]
    buckets: int = 0
    controls: int = 199
    unless: frozenset[str] = frozenset()


def draft_plan(draft: Draft, key: bytes, nonce: str) -> Terms:
    """Fix the terms of a plan.

    Parameters
    ----------
    draft : Draft
    key : bytes
        The secret; at least 16 random bytes.
    nonce : str
        Hex of at least 16 random bytes, new for every plan.

    Raises
    ------
    LogsError
        When an account is in two groups, a name is not allowed, or a slot breaks a rule.
    """
    tags = account_mac(key, nonce)
    owner: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    for group, accounts in sorted(draft.groups.items()):
        listed = groups.setdefault(group, [])
        for account in sorted(set(accounts)):
            if account in owner:
                raise LogsError(
                    f"account {excerpt(account)}: expected in one group, found in {owner[account]} "
                    f"and {group}; leave it out of one"
                )
            owner[account] = group
            listed.append(tag_account(tags, account).hex())
    body = {
        "schema": SCHEMA,
        "name": draft.name,
        "nonce": nonce,
        "key_commitment": commit_to_key(key, nonce),
        "slots": [slot_to_dict(slot) for slot in draft.slots],
        "groups": {group: sorted(listed) for group, listed in groups.items()},
        "buckets": draft.buckets,
        "controls": draft.controls,
        "unless": sorted(draft.unless),
    }
    return _terms(body, f"plan {draft.name}")


def write_plan(path: str | Path, terms: Terms) -> None:
    """Write a plan; the same terms give the same bytes.

    Raises
    ------
    LogsError
        When it cannot be written, or something else is there: a plan that is lost cannot be made
        again, and with it nothing that it served can be detected.
    """
    path, data = Path(path), _canonical(to_dict(terms))
    if path.is_file():
        before, _ = load_document(path)
        if before != to_dict(terms):
            raise LogsError(
                f"{show(path)}: expected no file there, found one that is not this plan; a plan in "
                "use cannot be made again: write to another place, or remove it yourself"
            )
    _write(path, data)


def read_plan(path: str | Path) -> Terms:
    """Read and check a plan; without the key nothing can be chosen or detected.

    Raises
    ------
    LogsError
        When it is no plan of this version, or breaks a rule.
    OutputsError
        When the file cannot be read.
    """
    body, _ = load_document(Path(path))
    return _terms(body, show(path))


def open_plan(path: str | Path, key: bytes) -> CanaryPlan:
    """Read a plan for use, with the key it commits to; as `read_plan` and `CanaryPlan` raise."""
    return CanaryPlan(read_plan(path), key)


def commitment(terms: Terms) -> dict[str, Any]:
    """Return what to publish before the plan is used: it fixes the plan and tells nothing of it."""
    return {
        "schema": COMMITMENT,
        "plan_sha256": terms.sha256,
        "slots": len(terms.slots),
        "groups": len(terms.groups),
        "controls": terms.controls,
    }


def write_commitment(path: str | Path, terms: Terms) -> None:
    """Write the `commitment` of a plan."""
    _write(Path(path), _canonical(commitment(terms)))


def check_commitment(path: str | Path, terms: Terms) -> None:
    """Compare a plan with what was published.

    Raises
    ------
    LogsError
        When the plan is not the one committed to.
    """
    body, _ = load_document(Path(path))
    if not isinstance(body, dict) or body.get("schema") != COMMITMENT:
        raise LogsError(
            f"{show(path)}: expected a commitment ({COMMITMENT}); `fingerprint logs canary commit` "
            "writes one"
        )
    if body != commitment(terms):
        raise LogsError(
            f"{show(path)}: expected a plan with SHA-256 {str(body.get('plan_sha256'))[:64]}, "
            f"found {terms.sha256}: the plan was changed after it was committed to, or is another "
            "one; what it detects counts for nothing"
        )


def write_suite(path: str | Path, terms: Terms) -> None:
    """Write the probes as a suite for `fingerprint collect`."""
    lines = [
        json.dumps({"prompt_id": f"{slot.id}/{i}", "prompt": probe}) + "\n"
        for slot in terms.slots
        for i, probe in enumerate(slot.probes)
    ]
    _write(Path(path), "".join(lines).encode())


def to_dict(terms: Terms) -> dict[str, Any]:
    """Return the terms as they are hashed and written."""
    return {
        "schema": SCHEMA,
        "name": terms.name,
        "nonce": terms.nonce,
        "key_commitment": terms.key_commitment,
        "slots": [slot_to_dict(slot) for slot in terms.slots],
        "groups": {group: sorted(tags) for group, tags in sorted(terms.groups.items())},
        "buckets": terms.buckets,
        "controls": terms.controls,
        "unless": sorted(terms.unless),
    }


def _terms(body: Any, where: str) -> Terms:
    """Check everything that a plan says: it may come from anybody."""
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise LogsError(f"{where}: expected a canary plan ({SCHEMA}), found something else")
    try:
        slots = tuple(
            check_slot(slot, f"{where}: slot {i}")
            for i, slot in enumerate(take_list(body["slots"]))
        )
        groups = {str(group): frozenset(take_list(tags)) for group, tags in body["groups"].items()}
        terms = Terms(
            name=take_name(NAME, body["name"], "name", where),
            nonce=take_name(_HEX, body["nonce"], "nonce", where),
            key_commitment=take_name(_HEX, body["key_commitment"], "key_commitment", where),
            slots=slots,
            groups=groups,
            buckets=_count(body["buckets"], MOST_BUCKETS, "buckets", where),
            controls=_count(body["controls"], MOST_CONTROLS, "controls", where),
            unless=frozenset(take_words(body["unless"])),
            sha256=hashlib.sha256(_canonical(body)).hexdigest(),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LogsError(
            f"{where}: not a canary plan, or damaged ({type(error).__name__}: {excerpt(error)})"
        ) from error
    _check_terms(terms, where)
    if to_dict(terms) != body:
        raise LogsError(f"{where}: expected a plan in its own form, found one that was altered")
    return terms


def _check_terms(terms: Terms, where: str) -> None:
    if not 1 <= len(terms.slots) <= MOST_SLOTS:
        raise LogsError(f"{where}: expected 1 to {MOST_SLOTS} slots, found {len(terms.slots)}")
    ids = [slot.id for slot in terms.slots]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise LogsError(f"{where}: expected every slot once, found {twice} again; rename one")
    if not terms.groups and not terms.buckets:
        raise LogsError(
            f"{where}: expected groups of accounts or buckets for all, found neither: nobody would "
            "get a canary; give --clusters or --buckets"
        )
    tags = [tag for listed in terms.groups.values() for tag in listed]
    if len(set(tags)) < len(tags) or not all(re.fullmatch("[0-9a-f]{24}", tag) for tag in tags):
        raise LogsError(f"{where}: expected every account's tag once, found it again or no tag")
    for group in terms.groups:
        take_name(NAME, group, "group", where)
        if group.startswith((f"{CONTROL}-", f"{BUCKET}-")):
            raise LogsError(f"{where}: group {group}: {CONTROL}- and {BUCKET}- are taken; rename")
    by_anchor = anchors(terms.slots)
    for slot in terms.slots:
        for probe in slot.probes:
            words = frozenset(words_of(looked_at(probe)))
            called = [n for w in words & by_anchor.keys() for n in by_anchor[w]]
            first = min((n for n in called if terms.slots[n].words <= words), default=None)
            if first is None or terms.slots[first] is not slot or words & terms.unless:
                taken = "no slot" if first is None else f"slot {terms.slots[first].id}"
                taken = "a word of --unless" if words & terms.unless else taken
                raise LogsError(
                    f"{where}: slot {slot.id}: probe {excerpt(probe)} calls up {taken}: what is "
                    "served there is not what would be detected; change the probe or the words"
                )


def _count(value: Any, most: int, what: str, where: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise LogsError(f"{where}: expected {what} from 0 to {most}, found {excerpt(value)}")
    return value


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _write(path: Path, data: bytes) -> None:
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise LogsError(f"{show(path)}: cannot be written: {error.strerror}") from error

"""Inspect logs: ``.eval`` (a zip of JSON files) and ``.json``, read without inspect_ai."""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from fingerprint.errors import OutputsError
from fingerprint.outputs.chat import Asked, read_content, read_messages
from fingerprint.outputs.files import (
    MAX_TOTAL_BYTES,
    BadJson,
    describe,
    excerpt,
    load_document,
    parse_json,
    read_head,
    show,
)
from fingerprint.outputs.items import Found, Head, Importer, Item, Rejected

MAX_MEMBER_BYTES = 256 * 2**20
"""Largest sample or header unpacked from the archive."""
MAX_MEMBERS = 2_000_000

_ZSTANDARD = 93
"""Compression method that new Inspect logs have and `zipfile` before Python 3.14 has not."""
_SAMPLE = re.compile(r"samples/.+_epoch_\d+(/sample)?\.json", re.DOTALL)
_HEADERS = ("header.json", "_journal/start.json")
_SAMPLING = (
    "temperature", "top_p", "top_k", "max_tokens", "seed", "stop_seqs", "frequency_penalty",
    "presence_penalty", "num_choices", "reasoning_effort", "reasoning_tokens",
)  # fmt: skip
_ATTACHMENT = "attachment://"
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError,
    OSError, MemoryError, OverflowError, struct.error, lzma.LZMAError,
)  # fmt: skip


def matches(head: Head) -> bool:
    """Tell a zip named ``.eval``, or a JSON object that begins like Inspect's log."""
    if head.name.endswith(".eval"):
        return head.raw.startswith(b"PK")
    start = head.text[:4096]
    return (
        head.name.endswith(".json")
        and start.startswith(b"{")
        and re.search(rb'"eval"\s*:\s*\{', start) is not None
        and (b'"status"' in start or b'"eval_id"' in start or b'"samples"' in start)
    )


def items(path: Path) -> Iterator[Item]:
    """Read each sample's output; epochs, and several choices of one output, are samples.

    Raises
    ------
    OutputsError
        When the log is damaged, names no model, or is packed in a way that cannot be read here.
    """
    archive = read_head(path).raw.startswith(b"PK")
    yield from _archive(path) if archive else _document(path)


def _document(path: Path) -> Iterator[Item]:
    document, marked = load_document(path)
    if not isinstance(document, dict):
        raise OutputsError(f"{show(path)}: expected an object, found {describe(document)}")
    shared = _shared(path, document)
    samples = document.get("samples")
    if not isinstance(samples, list):
        raise OutputsError(
            f'{show(path)}: expected a list "samples", found {describe(samples)}; '
            "is it the header of a log without its samples?"
        )
    for number, sample in enumerate(samples, 1):
        yield from _sample(sample, shared, f"sample {number}", marked)


def _archive(path: Path) -> Iterator[Item]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise OutputsError(f"{show(path)}: has more than {MAX_MEMBERS} members")
            # An archive that was added to may hold a name twice: the last one counts.
            by_name = {member.filename: member for member in members}
            header = next((by_name[name] for name in _HEADERS if name in by_name), None)
            if header is None:
                raise OutputsError(f"{show(path)}: an Inspect log has a header.json; this has none")
            try:
                head, marked_head = parse_json(_read(archive, header))
            except BadJson as error:
                raise OutputsError(f"{show(path)}: {header.filename}: {error}") from error
            shared = _shared(path, head)
            total = 0
            for name, member in by_name.items():
                if not _SAMPLE.fullmatch(name):
                    continue
                total += member.file_size
                if total > MAX_TOTAL_BYTES:
                    raise OutputsError(
                        f"{show(path)}: unpacks to more than {MAX_TOTAL_BYTES} bytes"
                    )
                where = excerpt(name)
                try:
                    sample, marked = parse_json(_read(archive, member))
                except BadJson as error:
                    yield Rejected(str(error), where=where)
                    continue
                yield from _sample(sample, shared, where, marked or marked_head)
    except OutputsError:
        raise
    except _DAMAGE as error:
        reason = excerpt(error) if str(error) else type(error).__name__
        raise OutputsError(
            f"{show(path)}: the log is truncated or damaged ({reason}); nothing of it was used: "
            "get it again"
        ) from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Unpack one member, at most `MAX_MEMBER_BYTES`, whatever its header says of its size."""
    if member.compress_type == _ZSTANDARD:
        raw = _read_zstandard(archive, member)
    else:
        with archive.open(member) as file:
            raw = file.read(MAX_MEMBER_BYTES + 1)
    if len(raw) > MAX_MEMBER_BYTES:
        raise BadJson(f"larger than {MAX_MEMBER_BYTES} bytes; not read")
    return raw


def _read_zstandard(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        zstandard: Any = import_module("zstandard")
    except ImportError:
        raise OutputsError(
            f"{show(archive.filename or '')}: the log is packed with Zstandard, which needs "
            "the package zstandard; run: pip install inspect-ai (which brings it), or convert the "
            "log where Inspect is installed: inspect log convert --to json --output-dir DIR LOG"
        ) from None
    if member.compress_size > MAX_MEMBER_BYTES:
        raise BadJson(f"larger than {MAX_MEMBER_BYTES} bytes; not read")
    file: Any = archive.fp
    file.seek(member.header_offset)
    local = file.read(30)
    if local[:4] != b"PK\x03\x04" or len(local) < 30:
        raise zipfile.BadZipFile("a member has no local header")
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    file.seek(member.header_offset + 30 + lengths)
    packed = file.read(member.compress_size)
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        raw = bytes(reader.read(MAX_MEMBER_BYTES + 1))
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from error
    if len(raw) <= MAX_MEMBER_BYTES and zlib.crc32(raw) != member.CRC:
        raise zipfile.BadZipFile("a member has another checksum than stated")
    return raw


def _shared(path: Path, header: Any) -> dict[str, Any]:
    """Take from the header what all samples share."""
    header = header if isinstance(header, dict) else {}
    spec = header.get("eval")
    if not isinstance(spec, dict):
        raise OutputsError(f'{show(path)}: expected an object "eval", found {describe(spec)}')
    plan = header.get("plan")
    configs = [
        spec.get("model_generate_config"),
        plan.get("config") if isinstance(plan, dict) else 0,
    ]
    merged = {name: value for config in configs if isinstance(config, dict)
              for name, value in config.items() if value is not None}  # fmt: skip
    return {
        "model": spec.get("model"),
        "suite": spec.get("task"),
        "sampling": {name: merged[name] for name in _SAMPLING if name in merged},
    }


def _sample(
    sample: Any, shared: Mapping[str, Any], where: str, marked: bool
) -> Iterator[Found | Rejected]:
    if not isinstance(sample, dict):
        yield Rejected(f"expected an object, found {describe(sample)}", where=where)
        return
    given = sample.get("input")
    asked = Asked(given, None, 1) if isinstance(given, str) else read_messages(given)
    if asked is None:
        yield Rejected(
            'expected "input" to be text or messages, one of them a user\'s', where=where
        )
        return
    output = sample.get("output")
    output = output if isinstance(output, dict) else {}
    choices = output.get("choices")
    if not isinstance(choices, list) or not choices:
        error = sample.get("error")
        reason = error.get("message") if isinstance(error, dict) else None
        why = f": the sample failed with {excerpt(reason)}" if reason else ""
        yield Rejected(f"the sample has no output{why}", where=where)
        return
    epoch = sample.get("epoch", 1)
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1:
        yield Rejected(f'"epoch" should be an integer from 1; found {describe(epoch)}', where=where)
        return
    attachments = sample.get("attachments")
    attachments = attachments if isinstance(attachments, dict) else {}
    base = {
        **shared,
        "prompt_id": sample.get("id"),
        "prompt": _attached(asked.prompt, attachments),
        "system": _attached(asked.system, attachments),
        "served_model": output.get("model") or None,
    }
    if asked.turns > 1:
        base["turns"] = asked.turns
    for number, choice in enumerate(choices):
        record = _choice(choice, base, attachments)
        if record is None or _unresolved(record):
            missing = "has no text" if record is None else "has text kept elsewhere in the log"
            yield Rejected(f"choice {number} {missing}", where=where)
            continue
        record["sample"] = (epoch - 1) * len(choices) + number
        yield Found(record, where=where, marked=marked)


def _choice(
    choice: Any, base: Mapping[str, Any], attachments: Mapping[str, Any]
) -> dict[str, Any] | None:
    message = choice.get("message") if isinstance(choice, dict) else None
    content = read_content(message.get("content")) if isinstance(message, dict) else None
    if content is None:
        return None
    record = dict(base)
    record["response"] = _attached(content.text, attachments)
    record["finish_reason"] = choice.get("stop_reason")
    if content.reasoning:
        record["reasoning"] = content.reasoning
    if content.other:
        record["other_content"] = list(content.other)
    return record


def _attached(text: str | None, attachments: Mapping[str, Any]) -> str | None:
    """Follow a reference to text that the log keeps apart."""
    if text is not None and text.startswith(_ATTACHMENT):
        kept = attachments.get(text.removeprefix(_ATTACHMENT))
        return kept if isinstance(kept, str) else text
    return text


def _unresolved(record: Mapping[str, Any]) -> bool:
    return any(
        re.fullmatch(_ATTACHMENT + "([0-9a-f]{32}|[0-9]+)", str(record[name])) is not None
        for name in ("prompt", "response")
    )


IMPORTER = Importer(
    kind="inspect",
    what="Inspect log (.eval, .json)",
    matches=matches,
    items=items,
    native={"prompt_id": "id", "prompt": "input", "response": "content", "model": "eval.model"},
    complaint="sample",
)

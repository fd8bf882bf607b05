"""The trust boundary: an unchecked record becomes a `Row`, or the reason why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fingerprint.outputs.files import describe, excerpt, replace_surrogates
from fingerprint.outputs.items import Found, Importer
from fingerprint.records import DATE, Response

MAX_RESPONSE_BYTES = 10_000_000
MAX_NAME = 500
"""Characters of a model's or suite's name: it is shown, and it is a key."""

REQUIRED = ("prompt_id", "prompt", "response", "model")
_RESPONSE_TEXT = ("domain", "language", "system", "finish_reason", "served_model")
_OUTPUTS_TEXT = ("suite", "lineage", "vendor")

_NAME_HINT = '; add the field "model" with the name of the model that answered'
_THINK = re.compile(r"\s*<think>(.*?)(?:</think>\s*|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One checked response with what its line says of its model."""

    response: Response
    model: str
    sample: int | None
    """None where the line has no number: it is given one among its prompt's responses."""
    sampling: dict[str, Any]
    line: int | None
    where: str
    suite: str | None = None
    lineage: str | None = None
    vendor: str | None = None
    released: str | None = None

    def place(self) -> str:
        """Name the row in a message."""
        return f"line {self.line}" if self.line is not None else self.where


class Unusable(ValueError):
    """Why a record is no usable response; safe to show."""

    def __init__(self, message: str, model: str | None = None) -> None:
        super().__init__(message)
        self.model = model


def check(found: Found, importer: Importer, notes: list[str]) -> Row:
    """Check one record.

    Parameters
    ----------
    found
        The record; unknown fields are kept in the response's ``extra``.
    importer
        For the format's own names of the fields, which messages use.
    notes
        Receives what was set right without losing the response, once per record.

    Raises
    ------
    Unusable
        When a required field is missing or no text, ``sample`` is no count, or the response is
        longer than `MAX_RESPONSE_BYTES`.
    """
    record = dict(found.record)
    if found.marked:
        try:
            record, changed = replace_surrogates(record)
        except RecursionError:
            raise Unusable("the JSON nests too deeply") from None
        if changed:
            notes.append("had lone surrogates, replaced by U+FFFD")
    own = importer.native
    if missing := [name for name in REQUIRED if name not in record]:
        listed = ", ".join(f'"{own.get(name, name)}"' for name in missing)
        plural = "fields are" if len(missing) > 1 else "field is"
        hint = _NAME_HINT if missing == ["model"] else ""
        raise Unusable(f"the required {plural} missing: {listed}{hint}")
    model = _model(record.pop("model"), own.get("model", "model"))
    try:
        return _check_rest(record, model, found, importer, notes)
    except Unusable as error:
        error.model = model
        raise


def _check_rest(
    record: dict[str, Any], model: str, found: Found, importer: Importer, notes: list[str]
) -> Row:
    prompt_id, prompt, text = _required(record, importer)
    sample = _sample(record.pop("sample", None))

    texts = {name: _optional_text(record, name, notes) for name in _RESPONSE_TEXT if name in record}
    known = {name: _known(record, name, notes) for name in _OUTPUTS_TEXT if name in record}
    sampling = record.get("sampling")
    if isinstance(sampling, dict):
        del record["sampling"]
    elif sampling is not None:
        notes.append('have a "sampling" that is no object; kept as an extra field')
    else:
        record.pop("sampling", None)
    text = _split_thoughts(text, record, notes)
    response = Response(
        prompt_id=prompt_id,
        prompt=prompt,
        text=text,
        sample=sample or 0,
        extra=record,
        **texts,
    )
    return Row(
        response=response,
        model=model,
        sample=sample,
        sampling=sampling if isinstance(sampling, dict) else {},
        released=_released(record, notes) if "released" in record else None,
        line=found.line,
        where=found.where,
        **known,
    )


def _required(record: dict[str, Any], importer: Importer) -> tuple[str, str, str]:
    """Take prompt id, prompt and response."""
    own = importer.native
    prompt_id = record.pop("prompt_id")
    if isinstance(prompt_id, int) and not isinstance(prompt_id, bool):
        prompt_id = str(prompt_id)
    if not isinstance(prompt_id, str) or not prompt_id:
        expected = "text that is not empty, or an integer"
        raise _mistyped(own.get("prompt_id", "prompt_id"), expected, prompt_id)
    prompt = record.pop("prompt")
    if not isinstance(prompt, str):
        raise _mistyped(own.get("prompt", "prompt"), "text", prompt)
    text = record.pop("response")
    if not isinstance(text, str):
        raise _mistyped(own.get("response", "response"), 'text ("" for an empty answer)', text)
    # UTF-8 takes at most 4 bytes a character: most responses need no encoding to be measured.
    if len(text) * 4 > MAX_RESPONSE_BYTES:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_RESPONSE_BYTES:
            raise Unusable(f"the response is longer than {MAX_RESPONSE_BYTES} bytes ({size})")
    return prompt_id, prompt, text


def _model(value: Any, name: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        found = "null" if value is None else "blank"
        raise Unusable(f'"{name}" is {found}; give it the name of the model that answered')
    if not isinstance(value, str):
        raise _mistyped(name, "text", value)
    if len(value) > MAX_NAME:
        raise Unusable(f'"{name}" is longer than {MAX_NAME} characters: {excerpt(value)}')
    return value.strip()


def _sample(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise _mistyped("sample", "an integer from 0", value)
    return value


def _optional_text(record: dict[str, Any], name: str, notes: list[str]) -> str | None:
    value = record.get(name)
    if value is None or isinstance(value, str):
        record.pop(name, None)
        return value
    # The response is worth more than the field: keep both, and say so.
    notes.append(f'have a "{name}" that is no text; kept as an extra field')
    return None


def _known(record: dict[str, Any], name: str, notes: list[str]) -> str | None:
    """Take a field that describes the model; blank counts as not given."""
    value = _optional_text(record, name, notes)
    value = (value or "").strip() or None
    if value is not None and len(value) > MAX_NAME:
        raise Unusable(f'"{name}" is longer than {MAX_NAME} characters: {excerpt(value)}')
    return value


def _released(record: dict[str, Any], notes: list[str]) -> str | None:
    """Take the release date: a year alone is often a number, and a date is often a time."""
    if type(record.get("released")) is int:
        record["released"] = str(record["released"])
    value = _known(record, "released", notes)
    if value is None:
        return None
    date = value.partition("T")[0]
    if DATE.fullmatch(date):
        return date
    record["released"] = value
    notes.append('have a "released" that is no ISO date; kept as an extra field')
    return None


def _split_thoughts(text: str, record: dict[str, Any], notes: list[str]) -> str:
    """Move ``<think>`` blocks at the start of the response to the field ``reasoning``."""
    thoughts = []
    start = 0
    while block := _THINK.match(text, start):
        thoughts.append(block[1].strip())
        start = block.end()
        if not block[0].rstrip().endswith("</think>"):
            notes.append("end inside <think>; the answer is taken as empty")
    inline = "\n\n".join(thought for thought in thoughts if thought)
    if inline:
        given = record.get("reasoning")
        record["reasoning"] = inline if given in (None, "", inline) else [given, inline]
    return text[start:]


def _mistyped(name: str, expected: str, value: Any) -> Unusable:
    return Unusable(f'"{name}" should be {expected}; found {describe(value)}')

"""Storage: exhibits as JSON, so that a report can be made again without recomputing."""

from __future__ import annotations

import json
from typing import Any

from fingerprint.errors import ReportError
from fingerprint.exhibits.records import (
    Exhibit,
    Exhibits,
    Mark,
    Passage,
    Prospect,
    SampleSize,
    SharedUnit,
    Tree,
)
from fingerprint.fields import Fields, parse
from fingerprint.records import DomainResult, Share

SCHEMA = "fingerprint.exhibits/1"
MAX_EXHIBITS_BYTES = 1 << 30
_DIGITS = 6


def write(exhibits: Exhibits, verdict_sha256: str) -> str:
    """Write exhibits as JSON that names the verdict they belong to; the same ones, the same bytes.

    Parameters
    ----------
    exhibits : Exhibits
    verdict_sha256 : str
        Of the bytes of the verdict's JSON.
    """
    size, tree = exhibits.sample_size, exhibits.tree
    value = {
        "schema": SCHEMA,
        "verdict_sha256": verdict_sha256,
        "sample_size": None if size is None else _sample_size(size),
        "languages": [
            {"language": item.domain, "share": _share(item.share), "n_prompts": item.n_prompts}
            for item in exhibits.languages
        ],
        "tree": None
        if tree is None
        else {
            "names": tree.names,
            "lineages": tree.lineages,
            "merges": [[a, b, _round(height), n] for a, b, height, n in tree.merges],
        },
        "text_note": exhibits.text_note,
        "prompts": [_exhibit(exhibit) for exhibit in exhibits.prompts],
    }
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def read(raw: bytes, where: str, verdict_sha256: str) -> Exhibits:
    """Read exhibits that belong to a verdict.

    Raises
    ------
    ReportError
        When they are no exhibits, or those of another verdict.
    """
    found = parse(raw, where, ReportError)
    if found.text_or_none("schema") != SCHEMA:
        raise ReportError(f"{where}: expected exhibits of schema {SCHEMA}; make the report again")
    if found.text("verdict_sha256") != verdict_sha256:
        raise ReportError(
            f"{where}: these exhibits belong to another verdict; expected those of "
            f"{verdict_sha256[:12]}, found those of {found.text('verdict_sha256')[:12]!r}; put the "
            "right file there, or delete it"
        )
    size, tree = found.part_or_none("sample_size"), found.part_or_none("tree")
    return Exhibits(
        sample_size=None if size is None else _read_sample_size(size),
        languages=tuple(
            DomainResult(
                item.text("language"),
                _read_share(item.part_or_none("share")),
                item.whole("n_prompts"),
            )
            for item in found.each("languages")
        ),
        tree=None if tree is None else _read_tree(tree),
        prompts=tuple(_read_exhibit(item) for item in found.each("prompts")),
        text_note=found.text("text_note"),
    )


def without_text(exhibits: Exhibits, note: str) -> Exhibits:
    """Return the exhibits without anything of any text, and why."""
    return Exhibits(exhibits.sample_size, exhibits.languages, exhibits.tree, (), note)


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") + 0.0


def _share(share: Share | None) -> dict[str, Any] | None:
    if share is None:
        return None
    return {
        "estimate": _round(share.estimate),
        "low": _round(share.low),
        "high": _round(share.high),
        "level": share.level,
        "calibration": share.calibration,
    }


def _read_share(found: Fields | None) -> Share | None:
    if found is None:
        return None
    low, high = found.number("low"), found.number("high")
    return Share(
        found.number("estimate"), low, high, found.number("level"), found.text("calibration")
    )


def _sample_size(size: SampleSize) -> dict[str, Any]:
    return {
        "prospects": [
            [p.prompts, p.lineages, _round(p.low), _round(p.high), p.measured]
            for p in size.prospects
        ],
        "floor": _round(size.floor),
        "level": size.level,
        "caps": [[n, _round(cap)] for n, cap in size.caps],
        "lineages": size.lineages,
        "advice": size.advice,
    }


def _read_sample_size(found: Fields) -> SampleSize:
    try:
        listed = tuple(
            Prospect(int(n), int(k), float(low), float(high), bool(measured))
            for n, k, low, high, measured in found.values("prospects")
        )
        caps = tuple((int(n), float(cap)) for n, cap in found.values("caps"))
    except (TypeError, ValueError, OverflowError) as error:
        raise ReportError(f"the sample sizes of the exhibits cannot be read: {error}") from error
    return SampleSize(
        listed,
        found.number("floor"),
        found.number("level"),
        caps,
        found.whole("lineages"),
        found.texts("advice"),
    )


def _read_tree(found: Fields) -> Tree:
    names, lineages = found.texts("names"), found.texts("lineages")
    try:
        merges = tuple(
            (int(a), int(b), float(height), int(n)) for a, b, height, n in found.values("merges")
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ReportError(f"the tree of the exhibits cannot be read: {error}") from error
    # Each merge joins two clusters that were there before it and are joined only once.
    joined = [part for a, b, _, _ in merges for part in (a, b)]
    fits = len(merges) == len(names) - 1 and len(lineages) == len(names)
    known = all(0 <= part < len(names) + i // 2 for i, part in enumerate(joined))
    if not fits or not known or len(set(joined)) < len(joined):
        raise ReportError("the tree of the exhibits is no tree; make the report again")
    return Tree(names, lineages, merges)


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "prompt_id": exhibit.prompt_id,
        "prompt": exhibit.prompt,
        "domain": exhibit.domain,
        "weight": _round(exhibit.weight),
        "agreement": _round(exhibit.agreement),
        "chance": _round(exhibit.chance),
        "units": [
            {
                "kind": unit.kind,
                "text": unit.text,
                "weight": _round(unit.weight),
                "others": unit.others,
                "lineages": unit.lineages,
            }
            for unit in exhibit.units
        ],
        "units_left_out": exhibit.units_left_out,
        "suspect": _passage(exhibit.suspect),
        "teacher": _passage(exhibit.teacher),
        "background": None if exhibit.background is None else _passage(exhibit.background),
    }


def _passage(passage: Passage) -> dict[str, Any]:
    return {
        "model": passage.model,
        "text": passage.text,
        "left_out": passage.left_out,
        "samples": passage.samples,
        "marks": [[mark.start, mark.end, mark.unit] for mark in passage.marks],
    }


def _read_exhibit(found: Fields) -> Exhibit:
    units = tuple(
        SharedUnit(
            item.text("kind"),
            item.text("text"),
            item.number("weight"),
            item.whole("others"),
            item.whole("lineages"),
        )
        for item in found.each("units")
    )
    background = found.part_or_none("background")
    return Exhibit(
        prompt_id=found.text("prompt_id"),
        prompt=found.text("prompt"),
        domain=found.text("domain"),
        weight=found.number("weight"),
        agreement=found.number("agreement"),
        chance=found.number("chance"),
        units=units,
        units_left_out=found.whole("units_left_out"),
        suspect=_read_passage(found.part("suspect"), len(units)),
        teacher=_read_passage(found.part("teacher"), len(units)),
        background=None if background is None else _read_passage(background, len(units)),
    )


def _read_passage(found: Fields, n_units: int) -> Passage:
    text = found.text_or_none("text")
    marks = []
    reach = 0
    for item in found.values("marks"):
        fits = isinstance(item, list) and len(item) == 3 and all(type(v) is int for v in item)
        if not fits or not (
            reach <= item[0] < item[1] <= len(text or "") and 0 <= item[2] < n_units
        ):
            raise ReportError("a mark of the exhibits lies outside its text; make the report again")
        reach = item[1]
        marks.append(Mark(*item))
    return Passage(
        found.text("model"), text, found.whole("left_out"), found.whole("samples"), tuple(marks)
    )

"""Verdicts read back from their JSON, so that a report can be made again without recomputing."""

from __future__ import annotations

from fingerprint.errors import ReportError
from fingerprint.fields import Fields, parse
from fingerprint.records import (
    IMPOSSIBLE,
    Alternative,
    ChannelResult,
    DomainResult,
    ModelInfo,
    Party,
    Problem,
    RankingRow,
    Share,
    Source,
    Status,
    Verdict,
    VerdictLabel,
)
from fingerprint.report.serialise import SCHEMA

MAX_VERDICT_BYTES = 1 << 25
_STATUSES = tuple(status.value for status in Status)
_LABELS = tuple(label.value for label in VerdictLabel)


def read_verdict(raw: bytes, where: str) -> Verdict:
    """Read a verdict from the bytes of its JSON.

    What the JSON does not carry (vendors of the background, problems after the first ones) is not
    in the record either; everything that it carries comes out of `verdict_to_dict` as it went in.

    Parameters
    ----------
    raw : bytes
        Hostile: anybody may have written it.
    where : str
        The file's name, for messages.

    Raises
    ------
    ReportError
        When it is not a verdict of schema ``fingerprint.verdict/1``.
    """
    if len(raw) > MAX_VERDICT_BYTES:
        raise ReportError(
            f"{where}: a verdict may have {MAX_VERDICT_BYTES:,} bytes, this file has {len(raw):,}"
        )
    found = parse(raw, where, ReportError)
    if found.text_or_none("schema") != SCHEMA:
        raise ReportError(
            f"{where}: expected a verdict of schema {SCHEMA}, found "
            f"{str(found.text_or_none('schema'))[:60]!r}; `fingerprint compare --format json` "
            "writes one"
        )
    return Verdict(
        suspect=_party(found.part("suspect")),
        teacher=_party(found.part("teacher")),
        background=tuple(
            ModelInfo(model.text("name"), model.text("lineage"))
            for model in found.each("background")
        ),
        share=share_from(found.part_or_none("share")),
        llr10=found.number_or_none("llr10"),
        cap10=found.number_or_none("cap10"),
        cap_reason=found.text("cap_reason"),
        verbal=found.text("verbal"),
        verdict=VerdictLabel(found.is_one_of("verdict", _LABELS)),
        answer=found.text("answer"),
        channels=tuple(_channel(channel) for channel in found.each("channels")),
        ranking=tuple(_ranking_row(row) for row in found.each("ranking")),
        alternatives=tuple(_alternative(item) for item in found.each("alternatives")),
        domains=tuple(
            DomainResult(
                item.text("domain"), share_from(item.part_or_none("share")), item.whole("n_prompts")
            )
            for item in found.each("domains")
        ),
        limitations=found.texts("limitations"),
        inputs=tuple(
            Source(item.text("path"), item.text("sha256")) for item in found.each("inputs")
        ),
        problems=tuple(_problem(item) for item in found.part("problems").each("first")),
        n_prompts=found.whole("n_prompts"),
        seed=found.whole("seed"),
        version=found.text("version"),
    )


def share_from(found: Fields | None) -> Share | None:
    """Read a share, or None where there is none."""
    if found is None:
        return None
    return Share(
        estimate=found.number("estimate"),
        low=found.number("low"),
        high=found.number("high"),
        level=found.number("level"),
        calibration=found.text("calibration"),
    )


def _party(found: Fields) -> Party:
    return Party(
        name=found.text("name"),
        lineage=found.text("lineage"),
        vendor=found.text_or_none("vendor"),
        suites=found.texts("suites"),
        versions=found.texts("versions"),
        n_responses=found.whole("n_responses"),
        released=found.text_or_none("released"),
        lineage_known=found.truth("lineage_known"),
    )


def _channel(found: Fields) -> ChannelResult:
    return ChannelResult(
        name=found.text("name"),
        status=Status(found.is_one_of("status", _STATUSES)),
        score=found.number_or_none("score"),
        low=found.number_or_none("low"),
        high=found.number_or_none("high"),
        llr10=found.number_or_none("llr10"),
        n_prompts=found.whole("n_prompts"),
        reason=found.text_or_none("reason"),
    )


def _ranking_row(found: Fields) -> RankingRow:
    return RankingRow(
        teacher=found.text("teacher"),
        llr10=found.number_or_none("llr10"),
        share=share_from(found.part_or_none("share")),
        verdict=found.is_one_of("verdict", (*_LABELS, IMPOSSIBLE)),
        note=found.text_or_none("note"),
    )


def _alternative(found: Fields) -> Alternative:
    return Alternative(
        name=found.text("name"),
        status=Status(found.is_one_of("status", _STATUSES)),
        llr10=found.number_or_none("llr10"),
        why=found.text("why"),
    )


def _problem(found: Fields) -> Problem:
    line = found.whole("line") if "line" in found else None
    return Problem(found.text("path"), line, found.text("message"))

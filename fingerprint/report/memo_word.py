"""The memo as a Word document: the same bytes from the same memo."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fingerprint.errors import MissingExtraError
from fingerprint.report.memo import Block, Bullets, Memo, Paragraph, Quoted, Runs

if TYPE_CHECKING:
    from docx.document import Document

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""The memo has no date of its own; this one, the first of zip, stands in its metadata."""
_WIDTH_MM = 165


def memo_as_docx(memo: Memo) -> bytes:
    """Set a memo as a Word document.

    Raises
    ------
    MissingExtraError
        When python-docx is not installed.
    """
    try:
        import docx
        from docx.shared import Mm, Pt
    except ImportError as error:
        raise MissingExtraError("the memo as a Word document", "python-docx", "report") from error
    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(22.5)
    section.top_margin = section.bottom_margin = Mm(20)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(10)
    normal.paragraph_format.space_after = Pt(4)
    document.add_heading(memo.title, level=1)
    _runs(document.add_paragraph(), memo.subject)
    summary = document.add_paragraph()
    _runs(summary, memo.summary)
    for run in summary.runs:
        run.bold = True
    for part in memo.sections:
        document.add_heading(part.title, level=2)
        for block in part.blocks:
            _block(document, block)
    about = document.core_properties
    about.title, about.author, about.language = memo.title, "fingerprint", "en"
    about.comments, about.last_modified_by, about.revision = "", "fingerprint", 1
    about.created = about.modified = EPOCH.replace(tzinfo=None)
    raw = io.BytesIO()
    document.save(raw)
    return _without_dates(raw.getvalue())


def _block(document: Document, block: Block) -> None:
    if isinstance(block, Paragraph):
        _runs(document.add_paragraph(), block.runs)
    elif isinstance(block, Bullets):
        for number, item in enumerate(block.items, 1):
            if block.numbered:  # written out: the method names them by number
                _runs(document.add_paragraph(), (f"[{number}] ", *item))
            else:
                _runs(document.add_paragraph(style="List Bullet"), item)
    else:
        _table(document, block.head, block.rows, block.widths)


def _table(
    document: Document,
    head: tuple[str, ...],
    rows: tuple[tuple[Runs, ...], ...],
    widths: tuple[int, ...],
) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Mm, Pt

    table = document.add_table(rows=1, cols=len(head), style="Table Grid")
    table.autofit = False
    mark = OxmlElement("w:tblHeader")  # repeated on every page, and read out as the head
    table.rows[0]._tr.get_or_add_trPr().append(mark)
    for cell, text in zip(table.rows[0].cells, head, strict=True):
        cell.paragraphs[0].add_run(text).bold = True
    for row in rows:
        for cell, runs in zip(table.add_row().cells, row, strict=True):
            _runs(cell.paragraphs[0], runs)
    parts = [Mm(_WIDTH_MM * width / sum(widths)) for width in widths]
    for column, part in zip(table.columns, parts, strict=True):
        column.width = part
    for line in table.rows:
        for cell, part in zip(line.cells, parts, strict=True):
            cell.width = part
            cell.paragraphs[0].paragraph_format.space_after = 0
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(8.5)
    document.add_paragraph().paragraph_format.space_after = 0


def _runs(paragraph: Any, runs: Runs) -> None:
    for run in runs:
        if isinstance(run, Quoted):
            added = paragraph.add_run(run.text)
            added.font.name = "Courier New"
        else:
            paragraph.add_run(run if isinstance(run, str) else run.text)


def _without_dates(raw: bytes) -> bytes:
    """Pack the document again with one fixed date in place of the clock's."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as given, zipfile.ZipFile(out, "w") as made:
        for name in given.namelist():
            entry = zipfile.ZipInfo(name, EPOCH.timetuple()[:6])
            entry.create_system = 3
            made.writestr(entry, given.read(name), zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()

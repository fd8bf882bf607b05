"""The memo as PDF, set by Typst: tagged for screen readers, the same bytes from the same memo."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fingerprint.errors import MissingExtraError, ReportError
from fingerprint.report.memo import Block, Bullets, Memo, Paragraph, Quoted, Runs

_PREAMBLE = """\
#set document(title: {title}, date: none)
#set page(paper: "a4", margin: (x: 2.3cm, top: 2.2cm, bottom: 2.4cm), numbering: "1 / 1")
#set text(font: "Libertinus Serif", size: 10pt, lang: "en")
#set par(leading: 0.58em, spacing: 0.85em)
#show raw: set text(font: "DejaVu Sans Mono", size: 0.84em)
#show heading.where(level: 1): set text(size: 15pt)
#show heading.where(level: 2): set text(size: 11pt)
#show heading.where(level: 2): set block(above: 1.25em, below: 0.6em)
#set table(stroke: (x, y) => (bottom: 0.4pt + luma(170)), inset: (x: 4pt, y: 3.2pt))
#show table: set text(size: 9pt)
#show table.cell.where(y: 0): strong
#set list(spacing: 0.6em)
#set enum(spacing: 0.5em)
"""

# The fonts inside Typst have Latin, Greek and Cyrillic letters; others show their code, so that no
# font of the machine is needed and the file is the same everywhere.
_NOT_COVERED = re.compile(
    "[^\\x20-\\x7e\u00a1-\u052f\u2010-\u2027\u2030-\u205e\u20ac\u2122\u2190-\u2193\u2212\u2260-\u2265]"
)


def memo_as_pdf(memo: Memo) -> bytes:
    """Set a memo as a tagged PDF (PDF/UA-1) without a date.

    Raises
    ------
    MissingExtraError
        When Typst is not installed.
    ReportError
        When Typst cannot set it.
    """
    try:
        import typst
    except ImportError as error:
        raise MissingExtraError("the memo as PDF", "typst", "report") from error
    with tempfile.TemporaryDirectory() as folder:  # the root: nothing else can be read
        source = Path(folder, "memo.typ")
        source.write_text("\n".join(_parts(memo)), "utf-8")
        try:
            return typst.compile(
                source,
                root=Path(folder),
                ignore_system_fonts=True,
                format="pdf",
                pdf_standards="ua-1",
                timestamp=0,
            )
        except (RuntimeError, ValueError) as error:
            raise ReportError(f"the memo could not be set as PDF: {error}") from error


def _parts(memo: Memo) -> Iterator[str]:
    yield _PREAMBLE.format(title=_string(memo.title))
    yield f"= #{_string(memo.title)}"
    yield f"#text(size: 12pt)[{_text(memo.subject)}]\n"
    yield f"#block(inset: (left: 8pt), stroke: (left: 2pt))[#strong[{_text(memo.summary)}]]\n"
    for section in memo.sections:
        yield f"\n== #{_string(section.title)}\n"
        for block in section.blocks:
            yield _block(block) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _text(block.runs)
    if isinstance(block, Bullets):
        kind = 'enum(numbering: "[1]", ' if block.numbered else "list("
        return f"#{kind}{', '.join(f'[{_text(item)}]' for item in block.items)})"
    columns = ", ".join(f"{width}fr" for width in block.widths)
    head = ", ".join(f"[#{_string(cell)}]" for cell in block.head)
    cells = ", ".join(f"[{_text(cell)}]" for row in block.rows for cell in row)
    return f"#table(columns: ({columns},), table.header({head}), {cells})"


def _text(runs: Runs) -> str:
    """Write runs as string literals: no text is ever markup or code."""
    return "".join(
        f"#raw({_string(run.text)});"
        if isinstance(run, Quoted)
        else f"#{_string(run if isinstance(run, str) else run.text)};"
        for run in runs
        if run != ""
    )


def _string(text: str) -> str:
    shown = _NOT_COVERED.sub(lambda m: f"\\u{ord(m[0]):04x}", text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'

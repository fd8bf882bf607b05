"""The memo as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from fingerprint.report.markdown import code, escape, table
from fingerprint.report.memo import Block, Bullets, Memo, Paragraph, Quoted, Runs


def memo_as_markdown(memo: Memo) -> str:
    """Write a memo as Markdown."""
    return "\n\n".join(_parts(memo)) + "\n"


def _parts(memo: Memo) -> Iterator[str]:
    yield f"# {memo.title}"
    yield _text(memo.subject)
    yield f"**{_text(memo.summary)}**"
    for section in memo.sections:
        yield f"## {section.title}"
        for block in section.blocks:
            yield _block(block)


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _text(block.runs)
    if isinstance(block, Bullets):
        marks = (f"{i}." if block.numbered else "-" for i in range(1, len(block.items) + 1))
        return "\n".join(f"{m} {_text(item)}" for m, item in zip(marks, block.items, strict=True))
    return table(block.head, [[_text(cell) for cell in row] for row in block.rows])


def _text(runs: Runs) -> str:
    parts = []
    for run in runs:
        if isinstance(run, Quoted):
            parts.append(code(run.text, limit=80))
        else:
            # Runs are pieces of a sentence: the blanks at their ends are theirs.
            parts.append(escape(run if isinstance(run, str) else run.text))
    return "".join(parts)

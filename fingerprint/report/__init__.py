"""Reports: a verdict in the terminal, as JSON, as Markdown, as a page, as a memo, as plots."""

from fingerprint.report.markdown import render_markdown
from fingerprint.report.matrix_table import render_matrix
from fingerprint.report.safe import clean
from fingerprint.report.serialise import dumps, matrix_to_list, verdict_to_dict
from fingerprint.report.terminal import render_verdict

__all__ = [
    "clean",
    "dumps",
    "matrix_to_list",
    "render_markdown",
    "render_matrix",
    "render_verdict",
    "verdict_to_dict",
]

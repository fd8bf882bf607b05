"""The page a report is drawn on: its width, its characters, and the scales and bars on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from fingerprint.records import Share, VerdictLabel
from fingerprint.report.safe import clean

WIDEST = 100
"""Lines longer than this are hard to read, however wide the terminal."""
PROSE_LIMIT = 1200
"""Cells of one explanation: a file can make a reason of any length."""

# Typographic characters of our own sentences, for terminals that are not UTF-8.
_PLAIN_PROSE = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2018\u2019", "'"),
        **dict.fromkeys("\u201c\u201d", '"'),
        "\u2026": "...",
        "\u00b1": "+/-",
        "\u00d7": "x",
    }
)

# Colour only adds: every label is also there in words.
STYLES = {
    VerdictLabel.SUPPORTED.value: "bold magenta",
    VerdictLabel.INCONCLUSIVE.value: "bold yellow",
    VerdictLabel.NOT_SUPPORTED.value: "bold blue",
    VerdictLabel.INSUFFICIENT.value: "bold",
}


@dataclass(frozen=True, slots=True)
class Page:
    """How wide the page is and which characters it can show."""

    width: int
    ascii_only: bool

    @classmethod
    def of(cls, console: Console) -> Page:
        """Take the measures of a console."""
        return cls(min(console.width, WIDEST), console.options.ascii_only)

    @property
    def dash(self) -> str:
        """The mark of a number that is not there."""
        return "-" if self.ascii_only else "\u2013"

    @property
    def name_width(self) -> int:
        """Cells a name may take in a table: 16 of 60, 22 of 80, 28 of 100."""
        return max(8, self.width * 3 // 10 - 2)

    def name(self, text: str, limit: int | None = None) -> str:
        """Make a name safe and cut it to size."""
        cells = self.name_width if limit is None else limit
        return clean(text, cells, ascii_only=self.ascii_only, keep_end=True)

    def prose(self, text: str) -> str:
        """Make an explanation safe; it wraps, so it is cut only when it is absurdly long."""
        if self.ascii_only:
            text = text.translate(_PLAIN_PROSE)
        return clean(text, PROSE_LIMIT, ascii_only=self.ascii_only)

    def scale(self, share: Share, cells: int) -> Text:
        """Draw a share and its interval on the scale from 0 to 1."""
        dot, line, point = "·─●" if not self.ascii_only else ".-o"
        low, at, high = (
            round(min(max(value, 0.0), 1.0) * (cells - 1))
            for value in (share.low, share.estimate, share.high)
        )
        drawn = [dot] * cells
        drawn[low : high + 1] = line * (high + 1 - low)
        drawn[low], drawn[high] = "[", "]"
        drawn[at] = point
        return Text.assemble("0 ", ("".join(drawn), "cyan"), " 1")

    def bar(self, value: float, limit: float, half: int) -> Text:
        """Draw a bar that leaves the middle to the right above zero, to the left below it."""
        full, axis = ("#", "|") if self.ascii_only else ("█", "│")
        halves = min(round(2 * half * abs(value) / limit), 2 * half)
        whole, rest = divmod(halves, 2)
        if self.ascii_only:
            left = right = full * (whole + rest)
        else:
            left, right = "▐" * rest + full * whole, full * whole + "▌" * rest
        if value < 0:
            return Text.assemble((left.rjust(half), "blue"), axis, " " * half)
        return Text.assemble(" " * half, axis, (right.ljust(half), "magenta"))

    def section(self, title: str, body: RenderableType, note: str = "") -> Group:
        """Set a part of the report under its heading, after a blank line."""
        line = ("-" if self.ascii_only else "─") * (self.width - cell_len(title) - 1)
        heading = Text.assemble((title, "bold"), (f" {line}", "dim"))
        parts: list[RenderableType] = [Text(), heading]
        if note:
            parts.append(indented(Text(note, style="dim")))
        return Group(*parts, indented(body))

    def bullets(self, items: Iterable[Text]) -> Table:
        """Set texts under each other, each behind a bullet."""
        table = grid(2)
        for item in items:
            table.add_row("-" if self.ascii_only else "•", item)
        return table


class Unstyled:
    """A renderable as bare lines: under NO_COLOR not even bold leaves an escape sequence."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines without styles and without the blanks that fill them up."""
        for line in console.render_lines(self.renderable, options, pad=False):
            yield Segment("".join(segment.text for segment in line).rstrip())
            yield Segment.line()


def show(renderable: RenderableType, console: Console) -> None:
    """Print a report on the console, no wider than is good to read."""
    if console.no_color or console.color_system is None:
        renderable = Unstyled(renderable)
    console.print(renderable, width=Page.of(console).width)


def indented(renderable: RenderableType) -> Padding:
    """Set a renderable two cells in from the left."""
    return Padding(renderable, (0, 0, 0, 2))


def grid(columns: int, gap: int = 1, first: int | None = None) -> Table:
    """Make a table without lines; the last column takes what is left.

    `first` is the width of the first column. Overflowing words fold: rich's own ellipsis is not
    ASCII.
    """
    table = Table.grid(padding=(0, gap, 0, 0), expand=True)
    for index in range(columns):
        last = index == columns - 1
        table.add_column(
            width=first if index == 0 else None,
            overflow="fold",
            ratio=1 if last else None,
            no_wrap=False,
        )
    return table


def widest(texts: Iterable[str], at_least: int = 0) -> int:
    """Give the display width of the widest text."""
    return max((cell_len(text) for text in texts), default=at_least)

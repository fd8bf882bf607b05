"""Charts: small inline SVG for the page; the numbers stand beside each in words.

Places are per cent of the width, so that lines stretch with the page and text does not. Colours
come from the page's style by class, for light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

HEIGHT = 22
_MARGIN = 2.0
"""Per cent on both sides, so that a dot at an end is whole."""


def scale(low: float, at: float, high: float, ends: tuple[float, float] = (0.0, 1.0)) -> Markup:
    """Draw an interval with its point between the two ends of a scale."""
    x1, x, x2 = (_place(value, ends) for value in (low, at, high))
    return _svg(
        _line(_place(ends[0], ends), _place(ends[1], ends), "axis"),
        _zero(ends),
        _line(x1, x2, "reach"),
        _tick(x1, "reach"),
        _tick(x2, "reach"),
        Markup('<circle cx="{}%" cy="{}" r="5" class="point"/>').format(_n(x), HEIGHT // 2),
    )


def band(low: float, middle: float, high: float) -> Markup:
    """Draw a landmark: where most models of a group lie, and their middle, on the scale 0 to 1."""
    x1, x, x2 = (_place(value, (0.0, 1.0)) for value in (low, middle, high))
    return _svg(
        _line(_place(0, (0, 1)), _place(1, (0, 1)), "axis"),
        Markup('<rect x="{}%" y="5" width="{}%" height="{}" class="band"/>').format(
            _n(x1), _n(max(x2 - x1, 0.5)), HEIGHT - 10
        ),
        _tick(x, "middle"),
    )


def ruler(marks: Sequence[float]) -> Markup:
    """Draw the numbers under charts of the scale 0 to 1."""
    texts = [
        Markup('<text x="{}%" y="14" text-anchor="middle">{}</text>').format(
            _n(_place(mark, (0.0, 1.0))), f"{mark:g}"
        )
        for mark in marks
    ]
    return _svg(*texts)


def bar(value: float, limit: float) -> Markup:
    """Draw a bar that leaves the middle to the right above zero, to the left below it."""
    ends = (-limit, limit)
    zero, x = _place(0.0, ends), _place(value, ends)
    side = "for" if value > 0 else "against"
    return _svg(
        Markup('<rect x="{}%" y="5" width="{}%" height="{}" class="{}"/>').format(
            _n(min(zero, x)), _n(max(abs(x - zero), 0.4)), HEIGHT - 10, side
        ),
        _zero(ends),
    )


def _place(value: float, ends: tuple[float, float]) -> float:
    inside = min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)
    return _MARGIN + (100 - 2 * _MARGIN) * inside


def _zero(ends: tuple[float, float]) -> Markup:
    return _tick(_place(0.0, ends), "zero") if ends[0] < 0 < ends[1] else Markup("")


def _line(x1: float, x2: float, name: str) -> Markup:
    y = HEIGHT // 2
    return Markup('<line x1="{}%" x2="{}%" y1="{}" y2="{}" class="{}"/>').format(
        _n(x1), _n(x2), y, y, name
    )


def _tick(x: float, name: str) -> Markup:
    return Markup('<line x1="{}%" x2="{}%" y1="4" y2="{}" class="{}"/>').format(
        _n(x), _n(x), HEIGHT - 4, name
    )


def _svg(*parts: Markup) -> Markup:
    body = Markup("").join(parts)
    return Markup(
        '<svg class="chart" width="100%" height="{}" aria-hidden="true" focusable="false">{}</svg>'
    ).format(HEIGHT, body)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

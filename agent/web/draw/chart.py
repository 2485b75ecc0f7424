"""Curves: one strip a measure, one time axis, values at the end of their curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

WIDTH, LEFT, RIGHT = 812, 62, 690
_STRIP, _TOP = 112, 30


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: Unix seconds and values; `kind` is w (normal), h (wrong), t (secondary)."""

    label: str
    times: Sequence[float]
    values: Sequence[float]
    kind: str = "w"
    shown: str = ""  #: the value at its end, in words


@dataclass(frozen=True, slots=True)
class Strip:
    """Some curves over one scale."""

    title: str
    curves: tuple[Curve, ...]


def chart(strips: Sequence[Strip], start: float, end: float, says: str) -> Markup:
    """Strips above each other over [start, end]; nothing for no points."""
    strips = [strip for strip in strips if any(len(curve.times) > 1 for curve in strip.curves)]
    if not strips:
        return Markup("")
    height = len(strips) * (_STRIP + _TOP) + 24
    parts = [_strip(strip, number * (_STRIP + _TOP), start, end) for number, strip in enumerate(strips)]
    axis = _axis(start, end, height - 8)
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, height, says, Markup("").join(parts), axis
    )


def _x(at: float, start: float, end: float) -> float:
    return LEFT + (at - start) / max(1.0, end - start) * (RIGHT - LEFT)


def _axis(start: float, end: float, y: float) -> Markup:
    marks = []
    for number in range(5):
        at = start + (end - start) * number / 4
        text = f"{datetime.fromtimestamp(at, tz=UTC):%H:%M}"
        marks.append(
            Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(_x(at, start, end), y, text)
        )
    return Markup("").join(marks)


def _strip(strip: Strip, top: float, start: float, end: float) -> Markup:
    values = [value for curve in strip.curves for value in curve.values]
    low, high = min(0.0, *values), max(values)
    if min(values) > 0.5 * high:  # offsets: what moves is what matters
        low = min(values)
    span = (high - low) or 1.0
    base, room = top + _TOP + _STRIP - 8, _STRIP - 16

    def y(value: float) -> float:
        return base - (value - low) / span * room

    lines = [
        Markup('<text class="ttl" x="{}" y="{}">{}</text>').format(LEFT, top + 16, strip.title),
        *(_grid(level, y(level)) for level in (low, low + span / 2, high)),
    ]
    drawn = [curve for curve in strip.curves if len(curve.times) > 1]
    heights = spread([y(curve.values[-1]) + 4 for curve in drawn])
    for curve, height in zip(drawn, heights, strict=True):
        points = list(zip(curve.times, curve.values, strict=True))
        path = " L".join(f"{_x(at, start, end):.1f} {y(value):.1f}" for at, value in thin(points))
        lines.append(Markup('<path class="{}" d="M{}"/>').format(curve.kind, path))
        ends = Markup('<text class="{}" x="{}" y="{:.1f}">{} {}</text>')
        kind = "lbl hot" if curve.kind == "h" else "lbl"
        lines.append(ends.format(kind, RIGHT + 8, height, curve.shown, curve.label))
    return Markup("").join(lines)


def spread(heights: list[float], apart: float = 14.0) -> list[float]:
    """The same heights, moved so that no two lines of text stand on each other."""
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    placed = dict.fromkeys(order, 0.0)
    last = float("-inf")
    for number in order:
        placed[number] = last = max(heights[number], last + apart)
    return [placed[number] for number in range(len(heights))]


def _grid(level: float, y: float) -> Markup:
    shown = f"{level / 1e6:,.1f} M" if abs(level) >= 1e6 else f"{level:,.0f}" if abs(level) >= 10 else f"{level:.3g}"
    return Markup(
        '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT, RIGHT, y, y, LEFT - 8, y + 4, shown)


def thin(points: list[tuple[float, float]], most: int = 180) -> list[tuple[float, float]]:
    """At most so many points, the last one kept."""
    step = max(1, len(points) // most)
    kept = points[::step]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def spark(values: Sequence[float], kind: str, says: str) -> Markup:
    """A small curve of 128 by 28; nothing for fewer than three values."""
    if len(values) < 3:
        return Markup("<span></span>")
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    points = [value for _, value in thin(list(enumerate(values)), 32)]
    step = 128 / (len(points) - 1)
    path = " L".join(f"{n * step:.1f} {26 - (v - low) / span * 23:.1f}" for n, v in enumerate(points))
    return Markup(
        '<svg class="spark {}" viewBox="0 0 128 28" role="img" aria-label="{}">'
        '<path class="a" d="M{} L128 28 L0 28Z"/><path class="l" d="M{}"/></svg>'
    ).format(kind, says, path, path)

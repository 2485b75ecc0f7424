"""Curves: strips above each other over one time axis, values at the end of their curve, red from where it is wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from markupsafe import Markup

from agent.web.draw.axis import Scale, linear, logarithmic, times

_STRIP, _HEAD, _FOOT, _LEFT, _ROOM = 92, 44, 30, 64, 164
_ABOVE = 16  #: the first strip: a line of its own for what happened, so that it never covers a title
WIDTH = 1132  #: of a chart over the whole page; a narrow one is 812
Point = tuple[float, float]


def _figure(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.1f} M"
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: Unix seconds and values. Grey (`w`, `t` where it is secondary) until `wrong`, red from there."""

    label: str
    times: Sequence[float]
    values: Sequence[float]
    kind: str = "w"
    shown: str = ""  #: the value at its end, in words
    wrong: float | None = None  #: Unix seconds at which it went wrong
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """Some curves over one scale."""

    title: str
    curves: tuple[Curve, ...]
    words: Callable[[float], str] = _figure  #: a level of the scale
    log: bool = False
    clock: bool = False  #: values are seconds, read as minutes and hours
    area: str = ""  #: between: the first curve and the second; under: below the first


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, as a line through every strip."""

    at: float
    words: str


def chart(
    strips: Sequence[Strip], start: float, end: float, says: str, *, width: int = WIDTH, moment: Moment | None = None
) -> Markup:
    """Strips above each other over [start, end]; nothing for no points."""
    strips = [strip for strip in strips if any(len(curve.times) > 1 for curve in strip.curves)]
    if not strips:
        return Markup("")
    plot = _Plot(start, end, width)
    happened = moment is not None and start < moment.at < end
    top = _ABOVE if happened else 0
    height = top + len(strips) * (_STRIP + _HEAD) + _FOOT
    parts = [plot.strip(strip, top + number * (_STRIP + _HEAD)) for number, strip in enumerate(strips)]
    if moment is not None and happened:
        parts.append(plot.moment(moment, height - _FOOT))
    return Markup('<svg class="chart{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        " long" if width == WIDTH else "", width, height, says, Markup("").join(parts), plot.axis(height - 10)
    )


class _Plot:
    """Places one time axis."""

    def __init__(self, start: float, end: float, width: int) -> None:
        self._start, self._length, self._right = start, max(1.0, end - start), width - _ROOM

    def x(self, at: float) -> float:
        return _LEFT + min(1.0, max(0.0, (at - self._start) / self._length)) * (self._right - _LEFT)

    def axis(self, y: float) -> Markup:
        text = Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        return Markup("").join(text.format(self.x(at), y, says) for at, says in times(self._start, self._end))

    @property
    def _end(self) -> float:
        return self._start + self._length

    def moment(self, moment: Moment, bottom: float) -> Markup:
        x = self.x(moment.at)
        side, anchor = (-8, "end") if x > (_LEFT + self._right) / 2 else (8, "start")
        return Markup(
            '<line class="note-line" x1="{0:.1f}" x2="{0:.1f}" y1="4" y2="{1}"/>'
            '<text class="lbl" x="{2:.1f}" y="14" text-anchor="{3}">{4}</text>'
        ).format(x, bottom, x + side, anchor, moment.words)

    def strip(self, strip: Strip, top: float) -> Markup:
        drawn = [curve for curve in strip.curves if len(curve.times) > 1]
        values = [value for curve in drawn for value in curve.values]
        scale = logarithmic(values) if strip.log else linear(values, clock=strip.clock)
        base = top + _HEAD + _STRIP - 8

        def y(value: float) -> float:
            return base - scale.at(value) * (_STRIP - 8)

        parts = [Markup('<text class="ttl" x="{}" y="{}">{}</text>').format(_LEFT, top + 22, strip.title)]
        parts += [self._grid(strip.words(level), y(level)) for level in _levels(scale)]
        parts.append(self._area(strip, drawn, y, base))
        heights = spread([y(curve.values[-1]) + 4 for curve in drawn])
        for curve, height in zip(drawn, heights, strict=True):
            parts.append(self._curve(curve, y))
            parts.append(self._value(curve, height))
        return Markup("").join(parts)

    def _grid(self, words: str, y: float) -> Markup:
        return Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
            '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
        ).format(_LEFT, self._right, y, y, _LEFT - 10, y + 4, words)

    def _area(self, strip: Strip, drawn: Sequence[Curve], y: Callable[[float], float], base: float) -> Markup:
        if not strip.area or not drawn:
            return Markup("")
        upper = _points(drawn[0])
        lower = _points(drawn[1])[::-1] if strip.area == "between" and len(drawn) > 1 else []
        wrong = next((curve.wrong for curve in drawn if curve.wrong is not None), None)
        if strip.area == "between" and wrong is not None:
            upper, lower = [p for p in upper if p[0] >= wrong], [p for p in lower if p[0] >= wrong]
        if len(upper) < 2:
            return Markup("")
        edge = [(self.x(at), y(value)) for at, value in thin(upper)]
        edge += [(self.x(at), y(value)) for at, value in (thin(lower) if lower else ())] or [
            (edge[-1][0], base),
            (edge[0][0], base),
        ]
        kind = "ah" if wrong is not None else "aw"
        return Markup('<path class="{}" d="M{}Z"/>').format(kind, " L".join(f"{a:.1f} {b:.1f}" for a, b in edge))

    def _curve(self, curve: Curve, y: Callable[[float], float]) -> Markup:
        drawn = []
        for kind, points in _parts(curve):
            path = " L".join(f"{self.x(at):.1f} {y(value):.1f}" for at, value in thin(points))
            dash = " d" if curve.dashed else ""
            drawn.append(Markup('<path class="{}{}" d="M{}"/>').format(kind, dash, path))
        return Markup("").join(drawn)

    def _value(self, curve: Curve, height: float) -> Markup:
        hot = " hot" if curve.kind == "h" or curve.wrong is not None else ""
        return Markup(
            '<text x="{0}" y="{1:.1f}"><tspan class="val{2}">{3}</tspan> <tspan class="lbl{2}">{4}</tspan></text>'
        ).format(self._right + 10, height, hot, curve.shown, curve.label)


def _levels(scale: Scale) -> tuple[float, ...]:
    return scale.levels if len(scale.levels) <= 4 else scale.levels[::2]


def _points(curve: Curve) -> list[Point]:
    return list(zip(curve.times, curve.values, strict=True))


def _parts(curve: Curve) -> Iterator[tuple[str, list[Point]]]:
    """The curve cut where it went wrong and where nothing was seen for long."""
    points = _points(curve)
    steps = [after[0] - before[0] for before, after in pairwise(points)]
    hole = max(5 * median(steps), 300.0)
    piece = [points[0]]
    for (before, after), step in zip(pairwise(points), steps, strict=True):
        turned = curve.wrong is not None and before[0] < curve.wrong <= after[0]
        if step > hole or turned:
            yield _kind(curve, piece), piece
            piece = [before] if turned and step <= hole else []
        piece.append(after)
    yield _kind(curve, piece), piece


def _kind(curve: Curve, piece: Sequence[Point]) -> str:
    return "h" if curve.wrong is not None and piece[-1][0] >= curve.wrong else curve.kind


def spread(heights: list[float], apart: float = 14.0) -> list[float]:
    """The same heights, moved so that no two lines of text stand on each other."""
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    placed = dict.fromkeys(order, 0.0)
    last = float("-inf")
    for number in order:
        placed[number] = last = max(heights[number], last + apart)
    return [placed[number] for number in range(len(heights))]


def thin(points: list[Point], most: int = 180) -> list[Point]:
    """At most so many points, the last one kept."""
    step = max(1, -(-len(points) // most))
    kept = points[::step]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def spark(values: Sequence[float], kind: str, says: str) -> Markup:
    """A small curve of 128 by 28; nothing for fewer than three values."""
    if len(values) < 3:
        return Markup('<span class="spark"></span>')
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    points = [value for _, value in thin(list(enumerate(values)), 32)]
    step = 128 / (len(points) - 1)
    path = " L".join(f"{n * step:.1f} {26 - (v - low) / span * 23:.1f}" for n, v in enumerate(points))
    return Markup(
        '<svg class="spark {}" viewBox="0 0 128 28" role="img" aria-label="{}">'
        '<path class="a" d="M{} L128 28 L0 28Z"/><path class="l" d="M{}"/></svg>'
    ).format(kind, says, path, path)

"""Where a mark stands on its line: in the middle, or as near to it as it covers no component and no other mark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LETTER = 6.9  #: pixels of a letter, about, in the weight of a flag: a wide word still keeps its padding
_HIGH = 23
_APART = 4.0  #: pixels around what is not covered
_BESIDE = (0.0, -27.0, 27.0, -54.0, 54.0)  #: the line, where all of it is taken
_ALONG = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8, 0.15, 0.85, 0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle by its left upper corner."""

    x: float
    y: float
    wide: float
    high: float

    def shared(self, other: "Area") -> float:
        """How much of it another covers, with what keeps them apart."""
        x = min(self.x + self.wide, other.x + other.wide) - max(self.x, other.x) + _APART
        y = min(self.y + self.high, other.y + other.high) - max(self.y, other.y) + _APART
        return max(0.0, x) * max(0.0, y)


def width(words: str) -> float:
    """Of a flag with these words."""
    return 34 + _LETTER * len(words)


def bend(x1: float, x2: float) -> float:
    """How far a line goes straight on at its ends."""
    return max(24.0, abs(x2 - x1) / 2)


def placed(line: tuple[float, float, float, float], words: str, taken: Sequence[Area], low: float) -> Area:
    """Where the mark of a line from (x1, y1) to (x2, y2) stands, above `low`; it covers as little as it can."""
    wide, high = (width(words), _HIGH) if words else (22.0, 22.0)
    points = [(x, y + off - high / 2) for off in _BESIDE for x, y in _points(line)]
    places = [Area(x - wide / 2, y, wide, high) for x, y in points if 1 <= y <= low - high - 1]
    return min(places, key=lambda place: sum(map(place.shared, taken)))  # the first of those that cover nothing


def _points(line: tuple[float, float, float, float]) -> Iterable[tuple[float, float]]:
    x1, y1, x2, y2 = line
    out = bend(x1, x2)
    for t in _ALONG:
        a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
        yield a * x1 + b * (x1 + out) + c * (x2 - out) + d * x2, (a + b) * y1 + (c + d) * y2

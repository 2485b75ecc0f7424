"""Durations as a bounded histogram: what is measured a million times takes a few numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

EDGES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class Timings:
    """Counts at or under each edge (seconds), the total count and the sum."""

    edges: Sequence[float] = EDGES
    under: list[int] = field(default_factory=lambda: [0] * len(EDGES))
    count: int = 0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Take one duration in."""
        for number, edge in enumerate(self.edges):
            self.under[number] += seconds <= edge
        self.count += 1
        self.total += seconds

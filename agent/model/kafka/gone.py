"""What was told before and is told no longer: a setting that somebody took back, a topic that is listed no more."""

from collections.abc import Hashable, Iterable

MOST = 100_000  #: places; beyond it all are forgotten, and what goes then is not missed


class Gone:
    """The names that each place told last. Places that tell the same names share them."""

    def __init__(self) -> None:
        self._told: dict[Hashable, frozenset[str]] = {}
        self._same: dict[frozenset[str], frozenset[str]] = {}

    def since(self, place: Hashable, names: Iterable[str]) -> list[str]:
        """What this place told at the look before and does not now; nothing at its first."""
        now = frozenset(names)
        before = self._told.get(place, now)
        if place not in self._told and len(self._told) >= MOST:
            self._told.clear()
            self._same.clear()
        self._told[place] = self._same.setdefault(now, now)
        return sorted(before - now)

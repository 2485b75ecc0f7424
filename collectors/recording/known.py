"""Names that the last list of a source had, so that what is gone from it is told: once, and no rule judges it after."""

from collections.abc import Iterable

MOST = 200_000  #: names, over all sources


class Known:
    """What was listed last, by source. Over the limit a source's names are not kept, and nothing of it is gone."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._names: dict[str, frozenset[str]] = {}
        self._told: dict[str, frozenset[str]] = {}

    def seed(self, source: str, names: Iterable[str]) -> None:
        """What was listed before this process began."""
        self._names[source] = frozenset(names) | self._names.get(source, frozenset())

    def gone(self, source: str, names: Iterable[str]) -> list[str]:
        """What the list before had and this one, which is whole, has not."""
        now, before = frozenset(names), self._names.pop(source, frozenset())
        if sum(map(len, self._names.values())) + len(now) <= self._most:
            self._names[source] = now
        self._told[source] = before - now
        return sorted(before - now)

    def retell(self) -> None:
        """What was told last is told again."""
        for source, names in self._told.items():
            self.seed(source, names)

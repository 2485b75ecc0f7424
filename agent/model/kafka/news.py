"""Samples that are worth writing: a value that changed, and each value again before it is forgotten."""

from collections.abc import Hashable, Iterator
from datetime import datetime, timedelta

from agent.model.facts import Merge, Sample
from agent.model.seam import SubjectRef

HELD = timedelta(minutes=5)  #: an unchanged value is told again after it; a reader may hold it as long, and no longer


class News:
    """What was told last of each measure. Readers put the values back between two looks (`agent.engine.held`)."""

    def __init__(self) -> None:
        self._last: dict[tuple[SubjectRef, str], tuple[float, datetime]] = {}
        self._seen: dict[Hashable, datetime] = {}
        self._swept: datetime | None = None

    def tell(
        self, subject: SubjectRef, name: str, at: datetime, value: float, merge: Merge = Merge.LAST
    ) -> Iterator[Sample]:
        """The sample, where it says something new."""
        key = (subject, name)
        last = self._last.get(key)
        if last is not None and last[0] == value and timedelta(0) <= at - last[1] < HELD:
            return
        self._last[key] = (value, at)
        yield Sample(subject, name, at, value, merge)

    def tell_trouble(self, subject: SubjectRef, name: str, at: datetime, value: float) -> Iterator[Sample]:
        """The same for a measure that is nothing as long as all is well: zero is told only after something else."""
        last = self._last.get((subject, name))
        if value or (last is not None and last[0]):
            yield from self.tell(subject, name, at, value)

    def due(self, what: Hashable, at: datetime) -> bool:
        """True where something without a value (a sighting) is to be told again."""
        last = self._seen.get(what)
        if last is not None and timedelta(0) <= at - last < HELD:
            return False
        self._seen[what] = at
        return True

    def clear(self) -> None:
        """Nothing was told."""
        self._last.clear()
        self._seen.clear()

    def sweep(self, now: datetime) -> None:
        """Drop, now and then, what was not told for long: its topic or group is gone."""
        if self._swept is not None and timedelta(0) <= now - self._swept < HELD:
            return
        self._swept, before = now, now - 4 * HELD
        self._last = {key: last for key, last in self._last.items() if last[1] >= before}
        self._seen = {key: last for key, last in self._seen.items() if last >= before}

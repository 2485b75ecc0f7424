"""When the oldest unread record was stamped: searched for by time, and remembered, so that it is asked for once.

ListOffsets answers a time with the first record that is stamped then or later. Each answer is kept as a mark: between
the time that was asked and the stamp that came, no record before it is stamped. Marks never change until the topic is
cut or made anew, so the next look searches only between those it has.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

TOLERANCE = 500  #: ms; RULES and the published bar want 1 s
MOST_MARKS = 128  #: of one partition
MOST_PARTITIONS = 50_000

Place = tuple[str, int]  #: topic and partition
Arrived = Sequence[tuple[int, int]]  #: when (Unix ms) a partition's end was seen, and where; ascending, never empty
Remembered = tuple[str, int, list[tuple[int, int, int]]]  #: topic, partition, (offset, stamp, asked) of each mark
Probe = Callable[[Mapping[Place, int]], Mapping[Place, tuple[int, int]]]


@dataclass(slots=True)
class _Marks:
    """What is known of one partition; parallel lists, ascending by offset. Times are Unix milliseconds."""

    offsets: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)  #: of the record at that offset
    asked: list[int] = field(default_factory=list)  #: the earliest time to which it was the answer

    def add(self, offset: int, stamp: int, asked: int) -> None:
        at = bisect_left(self.offsets, offset)
        if at < len(self.offsets) and self.offsets[at] == offset:
            self.asked[at] = min(self.asked[at], asked)
            return
        self.offsets.insert(at, offset)
        self.stamps.insert(at, stamp)
        self.asked.insert(at, asked)

    def thin(self, least: int) -> None:
        """Let go what lies before the first offset that matters, but for its neighbour; of too many, every second."""
        before = max(0, bisect_left(self.offsets, least) - 1)
        step = 2 if len(self.offsets) - before > MOST_MARKS else 1
        for known in (self.offsets, self.stamps, self.asked):
            known[:] = known[before::step]


GOOD = 4  #: how much smaller what is left must get by asking once evenly and once across
NEARS = 8
FAR = 4  #: times as many records as one question close by has passed


@dataclass(slots=True)
class Way:
    """How one offset is being searched for."""

    next: str = "even"
    width: int = 1 << 62  #: ms between both ends when evenness was supposed last
    low: int = -1  #: the low end that was asked close by
    nears: int = NEARS
    rose: bool = False  #: the low end moved last
    near: bool = False  #: the last question was close by the low end
    dense: bool = False  #: and its answer was close by too: the batch goes on


@dataclass(slots=True)
class Target:
    """One offset of one partition whose stamp is wanted, between what is known of it."""

    place: Place
    offset: int
    low: int  #: ms: it is stamped then or later
    high: int  #: ms: it is stamped before, or is `stamp`
    low_offset: int
    high_offset: int
    stamp: int | None = None  #: of the first known record from `offset` on
    hint: int = 0  #: ms: it had not arrived then
    limit: int = 1 << 62  #: ms: it had arrived then, whatever stamps say
    sparse: bool = False  #: of a compacted topic: any offset may have no record
    way: Way = field(default_factory=Way)

    @property
    def latest(self) -> int:
        """The latest that it can be."""
        return self.high if self.stamp is None else max(self.high, self.stamp)

    @property
    def solid(self) -> bool:
        """There is a record between it and the next that is known: a marker of a transaction takes one offset."""
        return not self.sparse and self.high_offset - self.offset > 1

    @property
    def exact(self) -> bool:
        """The record at the offset itself is known."""
        return self.stamp is not None and self.high_offset == self.offset

    @property
    def open(self) -> bool:
        """It is worth asking more."""
        width = self.high - self.low
        if self.exact or width <= 1 or self.low >= self.limit:  # beyond the limit stamps tell nothing
            return False
        return width > TOLERANCE or (self.latest - self.low > TOLERANCE and not self.solid)

    @property
    def found(self) -> int:
        """The best that is known, ms; beyond `limit` where a record before it is stamped so."""
        if self.low >= self.limit:
            return self.low
        return min(self.limit, self._found)

    @property
    def _found(self) -> int:
        width = self.high - self.low
        if self.stamp is not None and (self.exact or (width <= 1 and not self.solid)):
            return self.stamp
        if width <= TOLERANCE or self.high_offset <= self.low_offset:
            return self.low
        share = (self.offset - self.low_offset) / (self.high_offset - self.low_offset)
        return self.low + int((self.latest - self.low) * min(1.0, max(0.0, share)))


class Ages:
    """The stamps of offsets of many partitions of one cluster."""

    def __init__(self) -> None:
        self._marks: dict[Place, _Marks] = {}
        self._changed: set[Place] = set()  #: since they were told last
        self.compacted: frozenset[str] = frozenset()  #: topics of which any offset may have no record
        self.probes = 0  #: times asked
        self.unsure = 0  #: of the last search: offsets whose stamp is known more coarsely than TOLERANCE

    def search(
        self, wanted: Mapping[Place, Iterable[int]], arrived: Mapping[Place, Arrived], probe: Probe, steps: int
    ) -> dict[tuple[Place, int], int]:
        """The stamps (ms) of some offsets of some partitions, by at most `steps` questions to each partition's leader.

        `arrived` tells when the end of a partition was seen where, the newest last: nothing honest is stamped after it
        arrived. What is still coarse after the last step is guessed between its marks, and goes on at the next look.
        """
        targets = {
            place: [self._target(place, offset, arrived[place]) for offset in offsets]
            for place, offsets in wanted.items()
        }
        for _ in range(steps):
            asks = {place: _where(worst) for place, worst in _worst(targets)}
            if not asks:
                break
            self._learn(targets, asks, probe(asks))
        self.unsure = sum(target.open for some in targets.values() for target in some)
        self._forget(wanted)
        return {(place, target.offset): target.found for place, some in targets.items() for target in some}

    def _target(self, place: Place, offset: int, arrived: Arrived) -> Target:
        """Where to search: nothing honest is stamped after it arrived, and little long before."""
        after = min(bisect_right(arrived, offset, key=lambda one: one[1]), len(arrived) - 1)
        high, end = arrived[after]
        hint = arrived[after - 1][0] if after else 0
        target = Target(place, offset, 0, high, 0, max(end, offset + 1), hint=hint, limit=high)
        target.sparse = place[0] in self.compacted
        marks = self._marks.get(place)
        if marks is None:
            return target
        at = bisect_left(marks.offsets, offset)
        if at > 0:
            target.low, target.low_offset = marks.stamps[at - 1], marks.offsets[at - 1]
        if at < len(marks.offsets):
            target.stamp, target.high_offset = marks.stamps[at], marks.offsets[at]
            target.high = min(target.high, marks.asked[at])
        target.high = max(target.high, target.low)
        return target

    def _learn(
        self,
        targets: Mapping[Place, list[Target]],
        asks: Mapping[Place, int],
        answers: Mapping[Place, tuple[int, int]],
    ) -> None:
        self.probes += len(asks)
        for place, asked in asks.items():
            offset, stamp = answers.get(place, (None, None))
            if offset is None or stamp is None:
                targets[place].clear()  # its leader did not answer: nothing is claimed of it
                continue
            if offset >= 0:
                self._marks.setdefault(place, _Marks()).add(offset, stamp, asked)
                self._changed.add(place)
            for target in targets[place]:
                _narrow(target, asked, offset, stamp)

    def _forget(self, wanted: Mapping[Place, Iterable[int]]) -> None:
        for place, offsets in wanted.items():
            marks = self._marks.get(place)
            if marks is not None:
                marks.thin(min(offsets, default=0))
        if len(self._marks) > MOST_PARTITIONS:
            self._marks = {place: marks for place, marks in self._marks.items() if place in wanted}

    def cut(self, place: Place) -> None:
        """A partition was cut or made anew: what was known of it is void."""
        self._marks.pop(place, None)
        self._changed.add(place)

    def news(self) -> list[Remembered]:
        """What changed since `told`, to be kept over a restart; without marks where nothing holds any more."""
        found = []
        for topic, partition in sorted(self._changed):
            marks = self._marks.get((topic, partition), _Marks())
            found.append((topic, partition, list(zip(marks.offsets, marks.stamps, marks.asked, strict=True))))
        return found

    def told(self) -> None:
        """What changed up to now is kept."""
        self._changed.clear()

    def remember(self, topic: str, partition: int, marks: Iterable[tuple[int, int, int]]) -> None:
        """Take back what was kept; nothing of a partition that was cut or searched since the start, which is newer."""
        if (topic, partition) in self._changed:
            return
        for offset, stamp, asked in marks:
            self._marks.setdefault((topic, partition), _Marks()).add(offset, stamp, asked)


def _worst(targets: Mapping[Place, list[Target]]) -> Iterator[tuple[Place, Target]]:
    """Of each partition the target that is known most coarsely: a request may ask for one time of a partition."""
    for place, some in targets.items():
        worst = max((one for one in some if one.open), key=lambda one: one.latest - one.low, default=None)
        if worst is not None:
            yield place, worst


def _where(target: Target) -> int:
    """The time to ask for.

    First where the record would be if they came evenly, then across it from there: even traffic is found so in a few
    questions. Where that does not shrink what is left by much, records come in batches: they are halved, and once a
    batch is found, asked for just after its first record, for nothing else is near.
    """
    low, high, way = target.low, target.high, target.way
    if low == 0:
        return 1  # the first record that is left
    hint, target.hint = target.hint, 0
    if low < hint < high:
        return hint
    width = high - low
    if way.next == "even" and width * GOOD <= way.width:
        way.next, way.width = "cross", width
        return min(high - 1, low + 1 + int(_evenly(target) * (target.offset - target.low_offset)))
    if way.next == "cross":
        way.next = "even"
        return _across(target)
    way.next = "half"
    if way.low != low and way.nears > 0 and (not way.near or way.dense):
        way.low, way.nears, way.near = low, way.nears - 1, True
        return min(high - 1, low + TOLERANCE)
    way.near = False
    return (low + high) // 2


def _across(target: Target) -> int:
    """Past the target, as seen from the end that moved last, twice as far as evenness says."""
    pace, high, low = _evenly(target), target.high, target.low
    if target.way.rose:
        return min(high - 1, low + max(TOLERANCE, int(2 * pace * (target.offset - target.low_offset))))
    return max(low + 1, high - max(TOLERANCE, int(2 * pace * (target.high_offset - target.offset))))


def _evenly(target: Target) -> float:
    """Milliseconds a record, if they came evenly between both ends."""
    return (target.high - target.low) / max(1, target.high_offset - target.low_offset)


def _narrow(target: Target, asked: int, offset: int, stamp: int) -> None:
    """What an answer says of a target: no record is stamped from `asked` up to `stamp` before `offset`."""
    target.way.rose = 0 <= offset < target.offset
    if target.way.rose:
        if stamp > target.low:
            target.way.dense = stamp - asked <= TOLERANCE
            if target.way.near and target.way.dense and target.offset - offset > FAR * (offset - target.low_offset):
                target.way.nears = 0  # no batch: records come all the time, and it is far from here
            target.low, target.low_offset = stamp, offset
            target.high = max(target.high, stamp)
        return
    if offset >= 0 and (target.stamp is None or offset <= target.high_offset):
        target.stamp, target.high_offset = stamp, offset
    target.high = max(min(target.high, asked), target.low)

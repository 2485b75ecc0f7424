"""Looks at records of the topics that the configuration asks for: a few of each, from each partition's leader.

It fetches by partition and offset, so it is of no group, and commits nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from kafka.protocol.consumer import FetchRequest

from agent.model.kafka.look import UNSEEN, Sampled, Whole
from agent.model.things import made_for_itself
from collectors.kafka.access import TroubleError, Troubles, Why, trouble
from collectors.kafka.batches import MOST_UNPACKED, Unread, unpack
from collectors.kafka.codec import READ_COMMITTED
from collectors.kafka.glance import Glance, glance
from collectors.kafka.layout import NOBODY, Layout
from collectors.kafka.link import Link
from collectors.kafka.tally import Tally

EACH = 500  #: records of a topic that are looked at in one look
FEW = 10  #: at least, of a partition
BEHIND = 2_000  #: offsets of a partition: what is further behind is passed over, and the newest are looked at
MOST_TOPICS = 50
MOST_TOLD = 5  #: names that no topic has
MOST_PARTITIONS = 64  #: of a topic in one look; the others have their turn in the next
ANSWER, PART = 1 << 20, 128 << 10  #: bytes of one broker's answer, and of a partition's part of it
ROOM = 32 << 20  #: bytes that one broker's answer may unpack to; what does not is left for the next look
_FIRST, _LAST_BY_NAME = 4, 12  #: versions of Fetch: with isolation; later ones name topics by their id
_OUT_OF_RANGE = 1
_WHAT = "records"
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Ask:
    """One partition, from an offset on."""

    place: Place
    at: int
    most: int  #: records


@dataclass(slots=True)
class _Topic:
    """What one turn brought of one topic."""

    glances: list[Glance] = field(default_factory=list)
    passed_over: int = 0
    unread: Counter[Unread] = field(default_factory=Counter)


class Sampler:
    """The records of one cluster."""

    def __init__(self, link: Link, patterns: Sequence[str]) -> None:
        self._link, self._patterns = link, patterns
        self._at: dict[Place, int] = {}  #: offset that is looked at next
        self._tallies: dict[str, Tally] = {}
        self._identities: dict[str, str | None] = {}
        self._turn = 0

    def turn(self, seen: Layout, start: Whole, end: Whole) -> tuple[Mapping[str, Sampled], Troubles]:
        """Look at what was written since the turn before, up to a bound; offsets are those of the layout's rows."""
        troubles = Troubles()
        if not self._patterns:
            return {}, troubles
        names = self._named(seen, troubles)
        self._forget(seen, names)
        found = {name: _Topic() for name in names}
        asks: dict[int, list[_Ask]] = defaultdict(list)
        for name in names:
            share = _share(seen, name)
            for row in self._partitions(seen, name, start, end):
                place = name, int(seen.rows.number[row])
                at, over = self._position(place, int(start[row]), int(end[row]), share)
                found[name].passed_over += over
                asks[int(seen.leader[row])].append(_Ask(place, at, share))
        self._fetch(asks, found, troubles)
        self._turn += 1
        return {name: self._told(name, one) for name, one in found.items()}, troubles

    # -- what is asked

    def _named(self, seen: Layout, troubles: Troubles) -> list[str]:
        """The topics that are asked for; what matches none is said."""
        known = [name for name in seen.rows.names if not made_for_itself(name)]
        names: dict[str, None] = {}
        unknown: list[str] = []
        for pattern in self._patterns:
            matched = [name for name in known if name == pattern or fnmatchcase(name, pattern)]
            names |= dict.fromkeys(matched)
            unknown += [] if matched else [repr(pattern)]
        if unknown:
            more = f" and {len(unknown) - MOST_TOLD} more" if len(unknown) > MOST_TOLD else ""
            says = f"sample: no topic is named {' or '.join(unknown[:MOST_TOLD])}{more} (`*` stands for any characters)"
            troubles.add(TroubleError(Why.NO_TOPIC, says))
        if len(names) > MOST_TOPICS:
            says = f"sample: {len(names):,} topics are asked for, the first {MOST_TOPICS} are looked at"
            troubles.add(TroubleError(Why.LIMIT, says))
        return sorted(names)[:MOST_TOPICS]

    def _forget(self, seen: Layout, names: Sequence[str]) -> None:
        """A topic that was made anew, or is not asked for any longer, begins again."""
        now = {name: seen.about[name].identity for name in names}
        gone = {name for name, identity in self._identities.items() if name not in now or now[name] != identity}
        self._at = {place: at for place, at in self._at.items() if place[0] not in gone}
        for name in gone:
            self._tallies.pop(name, None)
        self._identities = dict(now)
        for name in names:
            self._tallies.setdefault(name, Tally(name)).room(len(names))

    def _partitions(self, seen: Layout, name: str, start: Whole, end: Whole) -> Iterator[int]:
        """Rows of a topic that have something to look at and a leader: so many of them, by turns."""
        rows = seen.rows.rows(seen.index[name])
        count = rows.stop - rows.start
        first = self._turn * min(count, MOST_PARTITIONS)
        for step in range(min(count, MOST_PARTITIONS)):
            row = rows.start + (first + step) % count
            place = name, int(seen.rows.number[row])
            known = end[row] != UNSEEN and start[row] != UNSEEN
            if known and seen.leader[row] != NOBODY and end[row] > max(start[row], self._at.get(place, UNSEEN)):
                yield row

    def _position(self, place: Place, start: int, end: int, share: int) -> tuple[int, int]:
        """Where to begin, and how many offsets are passed over."""
        at = self._at.get(place)
        newest = max(start, end - share)
        if at is None or at > end:  # the first time; or the partition was cut
            return newest, 0
        if end - at > max(BEHIND, 2 * share):
            return newest, newest - at
        return max(at, start), 0

    def _fetch(self, asks: Mapping[int, list[_Ask]], found: Mapping[str, _Topic], troubles: Troubles) -> None:
        requests = [(node, self._request(places)) for node, places in asks.items()]
        for (node, _), answer in zip(requests, self._link.ask(requests), strict=True):
            if isinstance(answer, TroubleError):
                troubles.add(answer)
                continue
            if answer.error_code:
                troubles.add(trouble(answer.error_code, _WHAT, "Read"))
                continue
            self._read({one.place: one for one in asks[node]}, answer, found, troubles)

    def _request(self, asks: list[_Ask]) -> Any:
        """The order turns, since what an answer has no room for stands at its end."""
        first = self._turn % len(asks)
        parts: dict[str, list[Any]] = {}
        for one in asks[first:] + asks[:first]:
            part = FetchRequest.FetchTopic.FetchPartition(
                partition=one.place[1],
                current_leader_epoch=-1,
                fetch_offset=one.at,
                last_fetched_epoch=-1,
                log_start_offset=-1,
                partition_max_bytes=PART,
            )
            parts.setdefault(one.place[0], []).append(part)
        return FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            max_bytes=ANSWER,
            isolation_level=READ_COMMITTED,
            session_id=0,
            session_epoch=-1,
            topics=[FetchRequest.FetchTopic(topic=name, partitions=some) for name, some in parts.items()],
            forgotten_topics_data=[],
            rack_id="",
            min_version=_FIRST,
            max_version=_LAST_BY_NAME,
        )

    # -- what is answered

    def _read(self, asked: Mapping[Place, _Ask], answer: Any, found: Mapping[str, _Topic], troubles: Troubles) -> None:
        room = ROOM
        for topic in answer.responses:
            for part in topic.partitions:
                one = asked.get((topic.topic, part.partition_index))
                if one is None:
                    continue
                if part.error_code == _OUT_OF_RANGE:
                    self._at.pop(one.place, None)
                elif part.error_code:
                    troubles.add(trouble(part.error_code, f"{_WHAT} of {topic.topic}", "Read"))
                else:
                    room -= self._take(one, part, found[topic.topic], room)

    def _take(self, one: _Ask, part: Any, topic: _Topic, room: int) -> int:
        """Look at one partition's records, of which none outlives the call; bytes that they unpacked to."""
        data = bytes(part.records or b"")
        self._link.received += len(data)
        aborted = [(gone.first_offset, gone.producer_id) for gone in part.aborted_transactions or ()]
        unpacked = unpack(data, one.at, aborted, one.most, min(room, MOST_UNPACKED))
        self._at[one.place] = unpacked.next
        topic.glances += map(glance, unpacked.records)
        topic.unread += unpacked.unread
        return unpacked.size

    def _told(self, name: str, one: _Topic) -> Sampled:
        return self._tallies[name].take(one.glances, one.passed_over, one.unread)


def _share(seen: Layout, name: str) -> int:
    """Records of one partition in one look."""
    rows = seen.rows.rows(seen.index[name])
    count = int(rows.stop - rows.start)
    return max(FEW, EACH // max(1, min(count, MOST_PARTITIONS)))

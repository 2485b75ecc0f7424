"""What glances at the records of one topic add up to, look after look; of what is remembered there are bounds."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.model.kafka.look import Sampled
from collectors.kafka.batches import Unread
from collectors.kafka.frequent import Frequent
from collectors.kafka.glance import Glance

MOST_IDS, ALL_IDS = 20_000, 200_000  #: identities of a topic, and of all of a cluster, that are compared
MOST_KEYS, ALL_KEYS = 5_000, 50_000
MOST_NAMES = 50  #: of producers, sources and failures that are counted
TOLD = 5  #: of these, the most frequent are told
PAIRS = 20  #: of records with one key, before anything is said of their fields
LETTERS, SHARE = 3, 0.5  #: records that name where they failed, and their part of all, that make dead letters of them
RECENT = 2_000  #: records after which those before count half: a topic can cease to take dead letters
SAME = 0.95  #: of these pairs, at least, have the same fields, where records are whole states


@dataclass(slots=True)
class _First:
    """The first record of an identity."""

    content: bytes
    at: int  #: ms
    reused: bool = False


class Tally:
    """The records of one topic."""

    def __init__(self, topic: str = "") -> None:
        self._topic = topic
        self._most_ids, self._most_keys = MOST_IDS, MOST_KEYS
        self._ids: OrderedDict[bytes, _First] = OrderedDict()
        self._fields: OrderedDict[bytes, bytes] = OrderedDict()
        self._pairs = self._same = 0
        self._nameless, self._origins, self._errors = (Frequent(MOST_NAMES) for _ in range(3))
        self._looked = self._letters = 0  #: recent records, and those of them that came from where they failed
        self._example = ""
        self._why = ""

    def take(self, glances: Iterable[Glance], passed_over: int, unread: Counter[Unread]) -> Sampled:
        """What some records show, beside what was seen before."""
        counts: Counter[str] = Counter()
        largest = 0
        for one in glances:
            counts.update(records=1, bytes=one.size, keyless=not one.keyed, framed=one.framed)
            largest = max(largest, one.size)
            self._judge(one, counts)
            if one.identity is not None:
                self._compare(one.identity, one, counts)
            self._state(one)
            self._letter(one)
        if unread:
            self._why = f"a batch {unread.most_common(1)[0][0]}"
        return Sampled(
            **counts,
            largest=largest,
            passed_over=passed_over,
            unread=unread.total(),
            unread_why=self._why,
            nameless=tuple(filter(None, (*self._nameless.often(TOLD), self._nameless.others(TOLD)))),
            example=self._example,
            full_state=None if self._pairs < PAIRS else self._same >= SAME * self._pairs,
            origins=tuple(sorted(self._origins.often(TOLD))) if self._dead else (),
            errors=tuple(sorted(self._errors.often(TOLD))) if self._dead else (),
        )

    def room(self, topics: int) -> None:
        """Remember no more than the part of one of so many topics."""
        self._most_ids, self._most_keys = min(MOST_IDS, ALL_IDS // topics), min(MOST_KEYS, ALL_KEYS // topics)
        while len(self._ids) > self._most_ids:
            self._ids.popitem(last=False)
        while len(self._fields) > self._most_keys:
            self._fields.popitem(last=False)

    @property
    def _dead(self) -> bool:
        """The topic takes dead letters: one record that says so may be anyone's."""
        return self._letters >= LETTERS and self._letters >= SHARE * self._looked

    def _letter(self, one: Glance) -> None:
        if self._looked >= RECENT:
            self._looked, self._letters = self._looked // 2, self._letters // 2
            self._origins.halve()
            self._errors.halve()
        self._looked += 1
        if one.origin == self._topic:  # sent back where it failed, with its headers: a dead letter no longer
            return
        self._letters += bool(one.origin)
        self._origins.add(one.origin)
        self._errors.add(one.error)

    def _judge(self, one: Glance, counts: Counter[str]) -> None:
        if one.told is None:
            counts["sealed"] += one.framed
            return
        counts["judged"] += 1
        if not one.told:
            counts["unidentified"] += 1
            self._nameless.add(one.producer)

    def _compare(self, identity: bytes, one: Glance, counts: Counter[str]) -> None:
        first = self._ids.get(identity)
        if first is None:
            self._ids[identity] = _First(one.content, one.at)
            counts["identified"] += 1
            if len(self._ids) > self._most_ids:
                self._ids.popitem(last=False)
            return
        self._ids.move_to_end(identity)
        if first.content == one.content:
            counts["repeated"] += 1
            return
        counts["reused"] += 1
        counts["reused_ids"] += not first.reused
        if not self._example:
            contents = f"{first.content.hex()[:8]} at {_time(first.at)}, {one.content.hex()[:8]} at {_time(one.at)}"
            self._example = f"identity {identity.hex()[:8]}: contents {contents} (hashes)"
        first.reused = True

    def _state(self, one: Glance) -> None:
        if one.key is None or one.fields is None:
            return
        before = self._fields.get(one.key)
        if before is not None:
            self._pairs += 1
            self._same += before == one.fields
        self._fields[one.key] = one.fields
        self._fields.move_to_end(one.key)
        if len(self._fields) > self._most_keys:
            self._fields.popitem(last=False)


def _time(millis: int) -> str:
    """A stamp that no clock has is told as the number that it is."""
    try:
        return datetime.fromtimestamp(millis / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):
        return str(millis)

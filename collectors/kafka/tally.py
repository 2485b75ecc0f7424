"""What glances at the records of one topic add up to, look after look; of what is remembered there are bounds."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.model.kafka.look import Sampled
from collectors.kafka.batches import Unread
from collectors.kafka.glance import Glance

MOST_IDS = 20_000  #: identities of a topic that are compared: about 4 MB
MOST_KEYS = 5_000
MOST_NAMES = 50  #: of producers, sources and failures that are counted
TOLD = 5  #: of these, the most frequent are told
PAIRS = 20  #: of records with one key, before anything is said of their fields
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
        self._ids: OrderedDict[bytes, _First] = OrderedDict()
        self._fields: OrderedDict[bytes, bytes] = OrderedDict()
        self._pairs = self._same = 0
        self._nameless, self._origins, self._errors = Counter[str](), Counter[str](), Counter[str]()
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
            if one.origin != self._topic:  # sent back where it failed, with its headers: a dead letter no longer
                _count(self._origins, one.origin)
                _count(self._errors, one.error)
        if unread:
            self._why = f"a batch {unread.most_common(1)[0][0]}"
        return Sampled(
            **counts,
            largest=largest,
            passed_over=passed_over,
            unread=unread.total(),
            unread_why=self._why,
            nameless=_often(self._nameless),
            example=self._example,
            full_state=None if self._pairs < PAIRS else self._same >= SAME * self._pairs,
            origins=tuple(sorted(_often(self._origins))),
            errors=tuple(sorted(_often(self._errors))),
        )

    def _judge(self, one: Glance, counts: Counter[str]) -> None:
        if one.told is None:
            counts["sealed"] += one.framed
            return
        counts["judged"] += 1
        if not one.told:
            counts["unidentified"] += 1
            _count(self._nameless, one.producer)

    def _compare(self, identity: bytes, one: Glance, counts: Counter[str]) -> None:
        first = self._ids.get(identity)
        if first is None:
            self._ids[identity] = _First(one.content, one.at)
            counts["identified"] += 1
            if len(self._ids) > MOST_IDS:
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
        if len(self._fields) > MOST_KEYS:
            self._fields.popitem(last=False)


def _count(names: Counter[str], name: str) -> None:
    if name and (name in names or len(names) < MOST_NAMES):
        names[name] += 1


def _often(names: Counter[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in names.most_common(TOLD))


def _time(millis: int) -> str:
    """A stamp that no clock has is told as the number that it is."""
    try:
        return datetime.fromtimestamp(millis / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):
        return str(millis)

"""What brokers told of a seam through Kafka: members, partitions, settings and what changed, as its page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.model.counting import noun
from agent.model.kafka.snapshots import MEMBERS, Shown, members_of, numbers
from agent.model.pull import Lack
from agent.model.seam import Component, SeamKey, SubjectRef, source
from agent.model.series import Series
from agent.store.history import Asked, Change, InForce
from agent.store.store import Store
from agent.web.history import Line, lines, setting_name, value
from agent.web.partitions import OLD, Heat, heat_of
from agent.web.status import Status
from agent.web.words import count, span

MOST_MEMBERS = 50
MOST_CHANGES = 8
KEPT = timedelta(days=90)  #: of changes, on a seam's page
_RATE = 600.0  #: s over which reading and writing are compared
_AT_HAND = 15.0  #: s; what is written in it is always unread somewhere: commits come every few seconds
_ALWAYS = ("retention.ms", "retention.bytes", "cleanup.policy", "min.insync.replicas", "replication", "partitions")
_PROTOCOLS = {"classic": "classic", "consumer": "consumer (KIP-848)", "share": "share (KIP-932)", "streams": "streams"}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member as a row: what it has of this topic, and of others."""

    client: str
    host: str
    instance: str | None
    mark: str  #: good | fix | na | blind
    state: str
    has: str
    wants: str  #: empty where it has what it is to have
    elsewhere: int  #: partitions of other topics


@dataclass(frozen=True, slots=True)
class Group:
    """A group as the broker has it."""

    rows: tuple[MemberRow, ...]
    number: int
    idle: int
    at: datetime
    stale: bool
    how: tuple[str, ...]  #: protocol, state, coordinator, assignor
    readers: Mapping[int, str] | None  #: who has which partition of the topic; None: not known of all

    @property
    def note(self) -> str:
        """How many of how many have partitions."""
        if not self.number:
            return "nobody reads"
        busy = self.number - self.idle
        return f"{count(busy)} of {count(self.number)} {noun(busy, 'has', 'have')} partitions"


@dataclass(frozen=True, slots=True)
class Held:
    """One setting in force."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Brokers:
    """Everything of a seam's page that a broker told."""

    cluster: str
    topic: str
    group: Group | None
    heat: Heat | None
    settings: tuple[Held, ...]
    changed: tuple[Change, ...]
    facts: tuple[tuple[str, str, bool], ...]  #: name, value, and whether that is bad news
    watched: bool  #: somebody asks the cluster
    refused: str  #: why its groups were not told
    reads: bool  #: the seam is a group's

    @property
    def changes(self) -> list[Line]:
        """What changed, in words."""
        return lines(self.changed)


def brokers_of(
    store: Store, key: SeamKey, measures: Mapping[str, Series], now: datetime, *, wrong: bool
) -> Brokers | None:
    """What the broker has of a seam; None for one without a topic."""
    topic = next((end for end in (key.source, key.target) if end.kind == "topic"), None)
    if topic is None:
        return None
    cluster, told = topic.name.partition("/")[0], store.in_force(topic)
    group = key.target if key.kind == "consumes" and key.target.kind == "group" else None
    about = store.in_force(group) if group else {}
    whole = store.in_force(source("kafka", cluster))
    members, heat = _read(store, group, topic, about, now, wrong=wrong) if group else (None, None)
    return Brokers(
        cluster,
        topic.name,
        members,
        heat,
        _settings(told, about, whole),
        tuple(_changed(store, [one for one in (topic, group) if one], source("kafka", cluster), now)),
        _facts(told, measures) if group else (),
        bool(whole),
        next(
            (one.value for name, one in sorted(whole.items()) if name in ("refused.groups", "refused.group offsets")),
            "",
        ),
        group is not None,
    )


def behind(store: Store, subject: SubjectRef, now: datetime) -> Heat | None:
    """The partitions that a group has unread, for a finding about it; None where nothing is known or unread."""
    name = dict(subject.labels).get("topic")
    if subject.kind != "group" or name is None:
        return None
    _, found = _read(store, Component("group", subject.name), Component("topic", name), {}, now, wrong=True)
    return found if found is not None and found.most and not found.stale else None


def _read(
    store: Store, group: Component, topic: Component, about: Mapping[str, InForce], now: datetime, *, wrong: bool
) -> tuple[Group | None, Heat | None]:
    """A group's members and the partitions of a topic that it reads, each with who has it."""
    members = _group(store, group, topic, about, now)
    return members, heat_of(store, group, topic, now, members.readers if members else None, wrong=wrong)


def lacks_of(status: Status, cluster: str) -> tuple[Lack, ...]:
    """The rights to see groups and topics that the collector of a cluster lacks."""
    mine = (one for one in status.collectors if one.kind == "kafka" and one.name == cluster)
    return tuple(lack for one in mine for lack in one.lacks)


# -- members


def _group(
    store: Store, group: Component, topic: Component, about: Mapping[str, InForce], now: datetime
) -> Group | None:
    found = store.latest(group, MEMBERS)
    if found is None:
        return None
    told, name = members_of(found[0]), topic.name.partition("/")[2]
    first = sorted(told.shown, key=_order)[:MOST_MEMBERS]
    rows = tuple(_member(one, name) for one in first)
    stale = now - found[1] > OLD
    readers = None if stale or len(told.shown) < told.number else _readers(told.shown, name)
    return Group(rows, told.number, told.idle, found[1], stale, _how(about), readers)


def _readers(shown: Sequence[Shown], topic: str) -> dict[int, str] | None:
    """The client that has each partition; None while any member is being assigned or moved."""
    if any(one.assigned is None or one.target is not None for one in shown):
        return None
    return {number: one.client for one in shown for number in numbers((one.assigned or {}).get(topic, ""))}


def _order(one: Shown) -> tuple[int, str, str]:
    """Those that need a look before those that read."""
    return ("fix", "blind", "na", "good").index(_state(one)[0]), one.client, one.instance or ""


def _member(one: Shown, topic: str) -> MemberRow:
    has, wants = one.assigned, one.target
    mine = "" if has is None else has.get(topic, "")
    elsewhere = sum(len(numbers(text)) for name, text in (has or {}).items() if name != topic)
    mark, state = _state(one)
    moves = wants is not None and wants.get(topic, "") != mine
    return MemberRow(
        one.client or "unnamed",
        one.host,
        one.instance,
        mark,
        state,
        _parts(mine) if has is not None else "being assigned",
        (_parts((wants or {}).get(topic, "")) if moves else ""),
        elsewhere,
    )


def _state(one: Shown) -> tuple[str, str]:
    if one.assigned is None:
        return "blind", "Being assigned"
    if one.target is not None:
        return "fix", "Moving: it has not what it is to have"
    return ("good", "Has partitions") if one.assigned else ("na", "Idle: it has no partition")


def _parts(text: str) -> str:
    """`0 to 3, 7`; long lists are counted."""
    if not text:
        return "none"
    parts = text.split(",")
    told = ", ".join(part.replace("-", " to ") for part in parts[:6])
    return told if len(parts) <= 6 else f"{told} and more, {count(len(numbers(text)))} in all"


def _how(about: Mapping[str, InForce]) -> tuple[str, ...]:
    told = {name: one.value for name, one in about.items()}
    found = []
    if "protocol" in told:
        found.append(f"Protocol {_PROTOCOLS.get(told['protocol'].lower(), told['protocol'])}")
    if "state" in told:
        found.append(f"state {told['state'].lower()}")
    if told.get("coordinator"):
        found.append(f"coordinator broker {told['coordinator']}")
    if told.get("assignor"):
        found.append(f"assignor {told['assignor']}")
    return tuple(found)


# -- settings


def _settings(
    topic: Mapping[str, InForce], group: Mapping[str, InForce], cluster: Mapping[str, InForce]
) -> tuple[Held, ...]:
    """What decides how long records stay and who reads them, and whatever somebody set."""
    chosen = [(name, topic[name]) for name in _ALWAYS if name in topic]
    chosen += [(name, one) for name, one in sorted(topic.items()) if name not in _ALWAYS and "set on" in one.source]
    chosen += [
        (name, one) for name, one in sorted(group.items()) if name.startswith("config.") and "set on" in one.source
    ]
    expiry = cluster.get("broker.offsets.retention.minutes")
    if expiry is not None and group:
        chosen.append(("broker.offsets.retention.minutes", expiry))
    return tuple(
        Held(setting_name(name), value(name, one.value), one.source.partition(", ")[2]) for name, one in chosen[:14]
    )


def _changed(store: Store, ends: Sequence[Component], cluster: Component, now: datetime) -> list[Change]:
    kinds, until = ("topic", "group", "broker"), now + timedelta(minutes=1)
    return store.changes(Asked(now - KEPT, until, kinds, components=(*ends, cluster)), MOST_CHANGES)


# -- numbers


def _facts(topic: Mapping[str, InForce], measures: Mapping[str, Series]) -> tuple[tuple[str, str, bool], ...]:
    drain = time_to_drain(measures)
    left, lost = _last(measures, "retention_left_seconds"), _last(measures, "lost")
    found = [("Time to drain", drain, drain.startswith("never"))]
    if left is not None:
        low = left < 3600 and bool(_last(measures, "lag"))
        endless = left > 9 * 365 * 86_400
        found.append(("Retention left", "no limit" if endless else span(left) if left >= 1 else "none", low))
    elif "retention.ms" in topic:
        found.append(("Retention left", "not known", False))
    found.append(("Lost unread", "not known" if lost is None else count(lost) if lost else "none seen", bool(lost)))
    return tuple(found)


def _last(measures: Mapping[str, Series], name: str) -> float | None:
    series = measures.get(name)
    return float(series.values[-1]) if series is not None and len(series) else None


def time_to_drain(measures: Mapping[str, Series]) -> str:
    """How long until all is read, at the pace of the last ten minutes: unread / (read - written per second)."""
    lag, committed, produced = (measures.get(name) for name in ("lag", "committed", "produced"))
    if lag is None or not len(lag):
        return "not known"
    if lag.values[-1] < 1:
        return "nothing unread"
    if committed is None or produced is None or not len(committed) or not len(produced):
        return "not known"
    end = max(committed.times[-1], produced.times[-1])
    start = max(end - _RATE, committed.times[0], produced.times[0])
    before, wrote = committed.at_or_before(start), produced.at_or_before(start)
    if end - start < 60 or before is None or wrote is None:
        return "not known yet"
    written = float(produced.values[-1] - wrote) / (end - start)
    if 0 < lag.values[-1] <= _AT_HAND * written:
        return "keeps up"
    gained = float(committed.values[-1] - before) / (end - start) - written
    return "never at this rate" if gained <= 0 else span(max(1.0, float(lag.values[-1]) / gained))

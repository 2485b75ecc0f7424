"""Every fact of one look at a Kafka cluster: the same whether a broker told it now or a recording has it."""

from collections import defaultdict
from collections.abc import Iterator

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from agent.model.hearing import heard
from agent.model.kafka import samples
from agent.model.kafka.gone import Gone
from agent.model.kafka.groups import NAME, GroupFacts, assigned, attributes, clients
from agent.model.kafka.look import Committed, Group, Look, Transaction
from agent.model.kafka.news import News
from agent.model.kafka.offsets import EndOffsets
from agent.model.kafka.pairs import Pair, PairFacts, Summed, orphaned
from agent.model.kafka.progress import Arrivals, Joined, Progress, joined, progress, unknown
from agent.model.kafka.rates import Rates
from agent.model.kafka.standing import Standing
from agent.model.kafka.topics import TopicFacts, origin
from agent.model.masking import masked
from agent.model.seam import SubjectRef, group_on_topic, subject_of

__all__ = ["NAME", "Fold"]
MOST_PAIRS = 200_000  #: groups on topics that are known by name


class Fold:
    """Turns looks, one after another, into facts; keeps end offsets and what was told last, bounded."""

    def __init__(self, offsets: EndOffsets | None = None) -> None:
        self.offsets = offsets or EndOffsets()
        self._news = News()
        self._rates = Rates()
        self._topics = TopicFacts(self.offsets, self._news, self._rates)
        self._groups = GroupFacts(self._news)
        self._pairs = PairFacts(self.offsets, self._news)
        self._standing: dict[str, Standing] = defaultdict(lambda: Standing(self._news))
        self._subjects: dict[tuple[str, str, str], SubjectRef] = {}
        self._gone = Gone()
        self._open: set[str] = set()  #: topics with an open transaction
        self._joined: tuple[object, object, Joined] | None = None

    def facts(self, look: Look) -> Iterator[Fact]:
        """Every fact of one look."""
        self._news.sweep(look.at)
        yield from _about_source(look)
        yield from self._settings(look)
        if look.topics is not None or look.committed is not None:
            yield heard(seam.source(NAME, look.cluster), look.at)
        if look.topics is not None:
            for name, about in look.topics.about.items():
                if about.settings is not None:
                    self._pairs.remember(look.cluster, name, about.settings)
            yield from self._topics.facts(look, look.topics)
        yield from samples.facts(look)
        yield from self._transactions(look)
        for name, group in (look.groups or {}).items():
            yield from self._groups.facts(look, name, group)
        yield from self._reads(look)

    def _settings(self, look: Look) -> Iterator[Fact]:
        """Settings of brokers and subscriptions of client metrics; one that is no longer told is unset."""
        source = seam.source(NAME, look.cluster)
        told: dict[str, tuple[str | None, str]] = {}
        if look.broker is not None:
            told |= dict.fromkeys(self._gone.since((look.cluster, "broker"), look.broker), (None, NAME))
            told |= {key: (value, origin(look.origins, key)) for key, value in masked(look.broker).items()}
        for key, (value, whence) in told.items():
            yield Setting(source, f"broker.{key}", value, look.at, whence)
        if look.client_metrics is not None:
            for name in self._gone.since((look.cluster, "client metrics"), look.client_metrics):
                yield Setting(source, f"client_metrics.{name}", None, look.at, NAME)

    def _transactions(self, look: Look) -> Iterator[Fact]:
        """How long transactions are open on each topic, and whose the oldest is."""
        if look.transactions is None:
            return
        oldest: dict[str, Transaction] = {}
        for one in look.transactions:
            for topic, _ in one.partitions:
                before = oldest.get(topic)
                if one.started and (before is None or before.started is None or one.started < before.started):
                    oldest[topic] = one
        for name in sorted({*oldest, *self._open}):
            where, found = seam.topic(name, look.cluster), oldest.get(name)
            age = 0.0 if found is None or found.started is None else (look.at - found.started).total_seconds()
            yield from self._news.tell_trouble(subject_of(where), "transaction_seconds", look.at, round(max(0.0, age)))
            yield Setting(where, "transaction", None if found is None else _whose(found), look.at, NAME)
        self._open = set(oldest)

    def retell(self) -> None:
        """What was told last did not arrive: all is news again."""
        self._news.clear()

    def _reads(self, look: Look) -> Iterator[Fact]:
        """Each group with each topic that it reads: by its commits, and by what is assigned to it."""
        listed = None if look.topics is None else set(look.topics.rows.names)
        reads: dict[str, set[str]] = defaultdict(set)
        if look.committed is not None:
            seen = self._progress(look, look.committed)
            sums = Summed(look.committed, seen)
            self._standing[look.cluster].take(look.at.timestamp(), look.committed, seen, look.topics)
            for index, (group, topic) in enumerate(look.committed.rows.names):
                if listed is None or topic in listed:  # offsets outlive a deleted topic
                    reads[group].add(topic)
                    yield from self._pair(look, look.committed, seen, sums, index)
        for name, about in (look.groups or {}).items():
            found = assigned(about.members or ())
            reads[name] |= found if listed is None else found & listed
        for name in sorted(reads):
            for topic in sorted(reads[name]):
                yield from self._reading(look, name, topic)

    def _reading(self, look: Look, name: str, topic: str) -> Iterator[Fact]:
        group = (look.groups or {}).get(name, Group())
        subject = self._subject(look, name, topic)
        if self._news.due((subject, clients(group)), look.at):
            key = seam.consumes(seam.topic(topic, look.cluster), seam.group(name, look.cluster))
            yield Sighting(key, look.at, attributes(group))
        yield from self._groups.on_topic(look, name, subject)

    def _pair(self, look: Look, committed: Committed, seen: Progress, sums: Summed, index: int) -> Iterator[Fact]:
        name, topic = committed.rows.names[index]
        rows, standing = committed.rows.rows(index), self._standing[look.cluster]
        pair = Pair(self._subject(look, name, topic), topic, look, rows, committed.offset[rows], standing.moved(rows))
        yield from self._pairs.facts(pair, seen, sums, index, committed.rows.number)
        yield from standing.facts(pair, index)
        if sums.whole[index] and sums.aged[index]:
            yield from self._rates.read(pair.subject, look.at, float(sums.committed[index]), sums.age[index])
        nobodys = orphaned(topic, committed.rows.number[pair.rows], (look.groups or {}).get(name, Group()))
        if nobodys is not None:
            yield from self._news.tell_trouble(pair.subject, "orphaned", look.at, float(nobodys))

    def _subject(self, look: Look, group: str, topic: str) -> SubjectRef:
        """The same object at each look: names are cleaned once."""
        key = (look.cluster, group, topic)
        found = self._subjects.get(key)
        if found is None:
            if len(self._subjects) > MOST_PAIRS:
                self._subjects.clear()
            found = group_on_topic(seam.topic(topic, look.cluster), seam.group(group, look.cluster))
            self._subjects[key] = found
        return found

    def _progress(self, look: Look, committed: Committed) -> Progress:
        if look.topics is None:
            return unknown(committed)
        last = self._joined
        if last is None or last[0] is not look.topics.rows or last[1] is not committed.rows:
            last = self._joined = (look.topics.rows, committed.rows, joined(look.topics, committed))
        arrivals = Arrivals(self.offsets, look.cluster, look.at.timestamp())
        return progress(look.topics, committed, last[2], arrivals)


def _whose(one: Transaction) -> str:
    timeout = "" if one.timeout_seconds is None else f", timeout {one.timeout_seconds:g} s"
    return f"{seam.clean(one.name)} ({one.state}, producer {one.producer}{timeout})"


def _about_source(look: Look) -> Iterator[Fact]:
    source = seam.source(NAME, look.cluster)
    told = {"cluster_id": look.cluster_id, "brokers": None if look.brokers is None else str(look.brokers)}
    told |= {"topics_listed": None if look.topics is None else "true"}
    told |= {"groups_listed": None if look.groups is None else "true"}
    for name, value in told.items():
        if value is not None:
            yield Setting(source, name, value, look.at, NAME)
    if look.acls is not None:
        yield Setting(source, "acls", "\n".join(look.acls), look.at, NAME)
    for name, about in (look.client_metrics or {}).items():
        told_of = ", ".join(f"{key}={value}" for key, value in sorted(about.items()))
        yield Setting(source, f"client_metrics.{name}", told_of, look.at, NAME)
    if look.client_metrics is not None:
        yield Setting(source, "client_metrics", str(len(look.client_metrics)), look.at, NAME)
    for name, why in look.refused.items():
        yield Setting(source, f"refused.{name}", why or None, look.at, NAME)

"""What a look tells of topics: that they are there, what they are, what is written to them, what holds them up."""

from collections.abc import Iterator, Mapping

import numpy as np

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from agent.model.kafka.gone import Gone
from agent.model.kafka.look import UNSEEN, Look, Real, TopicAbout, Topics, Whole
from agent.model.kafka.news import News
from agent.model.kafka.offsets import EndOffsets
from agent.model.kafka.rates import Rates
from agent.model.kafka.writers import Writers
from agent.model.masking import masked
from agent.model.seam import Component, subject_of

NAME = "kafka"
OWN = ("partitions", "replication", "in_sync", "offline", "id")  #: what we tell; a setting so named is `config.<key>`


class TopicFacts:
    """The topics of looks, one after another."""

    def __init__(self, offsets: EndOffsets, news: News, rates: Rates) -> None:
        self._offsets, self._news, self._rates = offsets, news, rates
        self._writers = Writers()
        self._stable: dict[tuple[str, str], tuple[Whole, Real]] = {}
        self._gone = Gone()

    def facts(self, look: Look, topics: Topics) -> Iterator[Fact]:
        """Every fact about topics."""
        rows = topics.rows
        known = topics.end != UNSEEN
        whole = rows.total(known.astype(np.int64)) == rows.first[1:] - rows.first[:-1]
        sums = rows.total(np.where(known, topics.end, 0))
        if not look.refused.get("topics"):
            for name in self._gone.since(look.cluster, rows.names):
                yield Setting(seam.topic(name, look.cluster), "id", None, look.at, NAME)
        for index, name in enumerate(rows.names):
            topic = seam.topic(name, look.cluster)
            if self._news.due(topic, look.at):
                yield Sighting(topic, look.at)
            about = topics.about.get(name, TopicAbout())
            yield from _about(look, topic, about, self._gone)
            mine = rows.rows(index)
            if mine.start == mine.stop:
                continue
            yield Setting(topic, "partitions", str(mine.stop - mine.start), look.at, NAME)
            if known[mine].any():
                self._offsets.feed((look.cluster, name), look.at.timestamp(), topics.end[mine])
            if whole[index]:
                yield from self._news.tell(subject_of(topic), "produced", look.at, float(sums[index]))
                yield from self._rates.written(subject_of(topic), look.at, float(sums[index]))
            yield from self._content(look, topic, topics, mine)
            yield from self._held(look, name, topic, topics, mine)
            yield from self._written(look, topic, about, rows.number[mine], topics.end[mine])

    def _written(self, look: Look, topic: Component, about: TopicAbout, number: Whole, end: Whole) -> Iterator[Fact]:
        """Who writes, where the look asked for that."""
        if about.producers is None:
            return
        for measure, value in self._writers.told(topic, look.at, about.producers, number, end).items():
            yield from self._news.tell(subject_of(topic), measure, look.at, value)

    def _content(self, look: Look, topic: Component, topics: Topics, rows: slice) -> Iterator[Fact]:
        """How many offsets are kept (markers and compacted records count), and how old the first record is."""
        start, end = topics.start[rows], topics.end[rows]
        if (start == UNSEEN).any() or (end == UNSEEN).any():
            return
        yield from self._news.tell(subject_of(topic), "kept", look.at, float((end - start).sum()))
        first = topics.first[rows]
        if not np.isnan(first).all() and (end > start).any():
            age = look.at.timestamp() - float(np.nanmin(first))
            yield from self._news.tell(subject_of(topic), "first_age_seconds", look.at, round(max(0.0, age), 0))

    def _held(self, look: Look, name: str, topic: Component, topics: Topics, rows: slice) -> Iterator[Fact]:
        """What waits behind open transactions, and for how long the worst partition's last stable offset stands."""
        stable, end = topics.stable[rows], topics.end[rows]
        if (stable == UNSEEN).any() or (end == UNSEEN).any():
            return
        now, place = look.at.timestamp(), (look.cluster, name)
        before = self._stable.get(place)
        since = np.where(stable < end, now, np.nan)
        if before is not None and len(before[0]) == len(stable):
            stood = (before[0] == stable) & (stable < end) & ~np.isnan(before[1])
            since = np.where(stood, before[1], since)
        self._stable[place] = (stable, since)
        held = np.maximum(0, end - stable)
        yield from self._news.tell_trouble(subject_of(topic), "held_messages", look.at, float(held.sum()))
        stands = float(np.where(held > 0, now - since, 0.0).max())
        yield from self._news.tell(subject_of(topic), "held_seconds", look.at, round(stands, 0))


OWN_SOURCE = f"{NAME}, set on the topic"


def origin(origins: Mapping[str, str], key: str) -> str:
    """Who told a setting, and where it comes from as far as that is known."""
    return f"{NAME}, {origins[key]}" if key in origins else NAME


def _about(look: Look, topic: Component, about: TopicAbout, gone: Gone) -> Iterator[Fact]:
    settings = about.settings
    if settings is not None:  # one that the brokers' defaults are not told of is told only while somebody has set it
        settings = dict.fromkeys(gone.since(topic, settings)) | dict(settings)
    for key, value in masked(settings or {}).items():
        source = OWN_SOURCE if key in about.own else origin(about.origins, key)
        yield Setting(topic, f"config.{key}" if key in OWN else key, value, look.at, source)
    own = {"replication": about.replication, "in_sync": about.in_sync, "offline": about.offline, "id": about.identity}
    for key, told in own.items():
        if told is not None:
            yield Setting(topic, key, str(told), look.at, NAME)

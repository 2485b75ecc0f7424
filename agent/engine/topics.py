"""What stands beside a topic: its cluster, its dead letters, who writes without idempotence, who still uses it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from agent.engine.deadletters import Taking, retries
from agent.engine.estate import MONTH, Estate, retention, whole
from agent.engine.held import held
from agent.engine.sampled import lines
from agent.engine.siblings import Siblings
from agent.model import subjects as s
from agent.model.facts import Column
from agent.model.kafka import samples
from agent.model.seam import Component, SubjectRef, source, subject_of
from agent.model.series import NO_SERIES, Series

DAY = timedelta(days=1)
HISTORY = 14  #: days over which the usual share of letters is known
NEAR = timedelta(minutes=20)  #: within which a measure was told, where its source is looked at
OVERRIDE = "producer.override."


class Around:
    """What stands beside each topic of one instant; what costs a query is asked only of few."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._clusters: dict[str, dict[str, Any]] = {}
        self._readers: dict[str, list[SubjectRef]] = defaultdict(list)
        for subject, name in estate.series:
            if name == "committed" and subject.kind == "group":
                self._readers[dict(subject.labels)["topic"]].append(subject)
        self._members = {
            subject: one.last for (subject, name), one in estate.series.items() if name == "members" and one.last
        }
        self._taking = Taking(estate)
        self._retries = retries(estate, self._taking.search)
        self._siblings = Siblings(estate)

    def of(self, topic: Component, context: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a topic that its own settings and seams do not tell."""
        settings = self._estate.settings.get(topic, {})
        taken = self._taking.of(topic)
        told: dict[str, Any] = {
            **self._cluster(topic),
            "replication": whole(settings.get("replication")),
            "in_sync": whole(settings.get("in_sync")),
            "offline": whole(settings.get("offline")),
            "written_partitions": self._estate.writers.get((subject_of(topic), "written_partitions"), NO_SERIES),
            "plain_partitions": self._estate.writers.get((subject_of(topic), "plain_partitions"), NO_SERIES),
            "overrides": self._overrides(topic),
            "retry": self._retries.get(topic),
            "sibling": self._siblings.of(topic),
            "legal_hold": self._estate.declared.declared(topic, "legal_hold"),
            "written_lately": self._written(topic, context["observed_for"]),
            "read_lately": self._read(topic, context["observed_for"]),
        }
        return told if taken is None else told | self._letters(topic, *taken)

    def sources(self, topic: Component) -> tuple[Component, ...]:
        """The topics whose dead letters a topic takes."""
        taken = self._taking.of(topic)
        return taken[1] if taken else ()

    def _cluster(self, topic: Component) -> Mapping[str, Any]:
        name = topic.name.partition("/")[0]
        if name not in self._clusters:
            found = self._estate.settings.get(source("kafka", name), {})
            self._clusters[name] = {
                "brokers": whole(found.get("brokers")),
                "broker": _without("broker.", found),
                "refused": _without("refused.", found),
            }
        return self._clusters[name]

    def _overrides(self, topic: Component) -> Mapping[str, str]:
        ends = self._estate.ends.get(topic)
        writers = [one for one in (ends.writers if ends else ()) if one.kind == "connector"]
        return {
            f"{one.name}: {name}": value
            for one in sorted(writers)
            for name, value in self._estate.settings.get(one, {}).items()
            if name.startswith(OVERRIDE)
        }

    # -- who still uses it

    def _written(self, topic: Component, observed: timedelta) -> bool | None:
        produced = self._estate.produced.get(topic, NO_SERIES)
        if _moves(produced) or any(self._crossed(seam) for seam in self._estate.writing.get(topic, ())):
            return True
        return self._since_a_month(subject_of(topic), "produced", produced, observed)

    def _read(self, topic: Component, observed: timedelta) -> bool | None:
        readers = self._readers.get(topic.name, ())
        if any(self._members.get(one) or _moves(self._committed(one)) for one in readers):
            return True
        if any(self._crossed(seam) for seam in self._estate.reading.get(topic, ())):
            return True
        if observed < MONTH:
            return None
        found = [self._since_a_month(one, "committed", self._committed(one), observed) for one in readers]
        if True in found:
            return True
        known = {("group", one.name) for one in readers}
        gone = any(
            (one.key.target.kind, one.key.target.name) not in known and one.last > self._estate.as_of - MONTH
            for one in self._estate.reading.get(topic, ())
        )
        return None if None in found or gone else False

    def _committed(self, subject: SubjectRef) -> Series:
        return self._estate.series.get((subject, "committed"), NO_SERIES)

    def _crossed(self, seen: Any) -> bool:
        sums = self._estate.month.get(seen.key)
        return sums is not None and sums[Column.COUNT] > 0

    def _since_a_month(self, subject: SubjectRef, name: str, now: Series, observed: timedelta) -> bool | None:
        """Whether a count grew in 30 days, where it stands now; None where one of both was not seen."""
        if now.last is None or observed < MONTH:
            return None
        then = self._estate.counts_a_month_ago.get((subject, name), NO_SERIES).last
        return None if then is None else then != now.last

    # -- dead letters

    def _letters(self, topic: Component, known_by: str, sources: tuple[Component, ...]) -> dict[str, Any]:
        estate, subject = self._estate, subject_of(topic)
        kept = estate.value_at(subject, "kept", estate.as_of, NEAR)
        readers = self._readers.get(topic.name, ())
        waiting, oldest = kept, None
        if kept:
            lags = [(lag, one) for one in readers if (lag := self._last(one, "lag")) is not None]
            waiting, reader = min(lags, default=(kept, None))
            first = estate.value_at(subject, "first_age_seconds", estate.as_of, NEAR)
            oldest = first if reader is None else self._last(reader, "age_seconds")
        commits = (self._last_commit(one) for one in readers) if waiting else ()
        terms = [kept_for for one in sources if (kept_for := retention(estate.settings.get(one, {}))) is not None]
        written = estate.produced.get(topic, NO_SERIES)
        return {
            "letters": s.Letters(
                known_by=known_by,
                sources=sources,
                terminal=estate.declared.declared(topic, "terminal"),  # type: ignore[arg-type]  # checked when read
                kept=None if kept is None else int(kept),
                waiting=None if waiting is None else int(waiting),
                oldest=None if oldest is None else timedelta(seconds=oldest),
                commits=tuple(sorted(age for age in commits if age is not None)),
                retention=retention(estate.settings.get(topic, {})),
                source_retention=max(terms, default=None),
                usual_share=self._usual(topic, sources) if _moves(written) else None,
                errors=lines(estate.settings.get(topic, {}), samples.ERRORS),
            ),
            "source_written": summed(estate.produced.get(one, NO_SERIES) for one in sources),
            "source_read": summed(self._most_read(one) for one in sources),
        }

    def _last(self, subject: SubjectRef, name: str) -> float | None:
        return self._estate.series.get((subject, name), NO_SERIES).last

    def _last_commit(self, subject: SubjectRef) -> timedelta | None:
        """Since a group committed anew, within a day."""
        for committed in (self._committed(subject), self._estate.day_of(subject, "committed")):
            steps = [at for at, (a, b) in zip(committed.times[1:], pairwise(committed.values), strict=True) if a != b]
            if steps:
                return timedelta(seconds=max(0.0, self._estate.as_of.timestamp() - steps[-1]))
        return None

    def _most_read(self, topic: Component) -> Series:
        """What the group committed that got furthest in the time read."""
        looks = self._estate.looks_at(topic.name)
        read = [held(self._committed(one), looks) for one in self._readers.get(topic.name, ())]
        return max(read, key=lambda one: one.values[-1] - one.values[0] if one.values else 0.0, default=NO_SERIES)

    def _usual(self, topic: Component, sources: tuple[Component, ...]) -> float | None:
        """The median of 14 days' letters per record of the sources; None where a day is not known."""
        letters = self._daily(topic)
        written = [self._daily(one) for one in sources]
        if not written or len(letters) < HISTORY or any(len(one) < HISTORY for one in written):
            return None
        days = [(got, sum(one[day] for one in written)) for day, got in enumerate(letters)]
        shares = [got / of for got, of in days if of > 0]
        return median(shares) if shares else None

    def _daily(self, topic: Component) -> list[float]:
        at = [self._estate.as_of - DAY * back for back in range(HISTORY, -1, -1)]
        ends = [self._estate.value_at(subject_of(topic), "produced", one, NEAR) for one in at]
        if None in ends:
            return []
        return [max(0.0, after - before) for before, after in pairwise(end for end in ends if end is not None)]


def summed(several: Iterable[Series]) -> Series:
    """The sum of counts at the instants of the first; from where all of them are known."""
    first, *others = [*several] or [NO_SERIES]
    if not others:
        return first
    told = list(_rows(first, others))
    return Series(tuple(at for at, _ in told), tuple(value for _, value in told))


def _rows(first: Series, others: list[Series]) -> Iterator[tuple[float, float]]:
    for at, value in zip(first.times, first.values, strict=True):
        beside = [other.at_or_before(at) for other in others]
        if None not in beside:
            yield at, value + sum(one for one in beside if one is not None)


def _moves(series: Series) -> bool:
    return bool(series.values) and series.values[0] != series.values[-1]


def _without(prefix: str, settings: Mapping[str, str]) -> Mapping[str, str]:
    return {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}

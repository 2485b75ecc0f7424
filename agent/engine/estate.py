"""One instant of the estate: everything that subjects are made from, read once and on demand."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from agent.engine.held import held
from agent.engine.measured import BACKLOG_SERIES, WRITERS
from agent.model.declared import Declarations
from agent.model.facts import Column, Exemplar, ExemplarKind, Run, Setting
from agent.model.flush import Key
from agent.model.hearing import LOOKS
from agent.model.kafka import samples
from agent.model.seam import Component, SeamKey, SubjectRef, source, subject_of
from agent.model.series import NO_SERIES, Series
from agent.store.store import SeamRow, SourceRow, Store

Values = tuple[int, ...]
Made = TypeVar("Made")
NOTHING: Values = (0,) * len(Column)  #: the sums of what nothing crossed
RHYTHM = timedelta(days=8)
BACKLOG_SPAN = timedelta(minutes=80)
MONTH = timedelta(days=30)
RUNS_SPAN = timedelta(days=35)
GUARDED = " (guarded)"  #: ends the name of a side effect that may be repeated
_TRUTH = {"true": True, "false": False}
_MOST_MILLIS = 100 * 365 * 86_400_000  #: a hundred years; Kafka writes "for ever" as -1 or the largest number


@dataclass(frozen=True, slots=True)
class Seen:
    """One seam as the store knows it."""

    key: SeamKey
    first: datetime
    attributes: Mapping[str, str]
    last: datetime

    def truth(self, name: str) -> bool | None:
        """A capability of the instrument behind it, None when unknown."""
        return _TRUTH.get(self.attributes.get(name, ""))

    @property
    def servers(self) -> list[str]:
        """`host:port` of the databases behind it, where they have no alias."""
        return [name for name in self.attributes.get("server", "").split("|") if name]

    @property
    def sampled(self) -> float | None:
        """The lowest share of traces that head sampling keeps; None where every sender keeps all, or none says."""
        return min((float(share) for share in self.attributes.get("sampled", "").split("|") if share), default=None)

    @property
    def environment(self) -> str:
        """Where it runs, if all of it runs in one."""
        name = self.attributes.get("environment", "")
        return "" if "|" in name else name

    @property
    def services(self) -> list[str]:
        """The services whose spans told of it."""
        return [name for name in self.attributes.get("service", "").split("|") if name]


@dataclass(slots=True)
class Ends:
    """Who writes and who reads a topic, and when the first of them was seen."""

    first: datetime
    writers: set[Component] = field(default_factory=set)
    readers: set[Component] = field(default_factory=set)


class Estate:
    """Everything read once for one instant; each kind of subject is built from it on demand."""

    def __init__(self, store: Store, declared: Declarations, as_of: datetime) -> None:
        self._store, self.declared, self.as_of = store, declared, as_of
        self._made: dict[object, object] = {}

    def once(self, make: Callable[["Estate"], Made]) -> Made:
        """What is made of this instant, made where it is first asked for: several kinds of subjects share it."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]  # type: ignore[return-value]  # what this very maker gave

    @cached_property
    def rows(self) -> list[SeamRow]:
        """Every seam and component that exists."""
        return [row for row in self._store.seams() if row.first_seen <= self.as_of]

    @cached_property
    def seams(self) -> dict[str, list[Seen]]:
        """Seams by kind."""
        kinds: dict[str, list[Seen]] = defaultdict(list)
        for row in self.rows:
            if isinstance(row.key, SeamKey):
                kinds[row.key.kind].append(Seen(row.key, row.first_seen, row.attributes, row.last_seen))
        return kinds

    @cached_property
    def ends(self) -> Mapping[Component, Ends]:
        """Who writes and reads each topic that a seam names."""
        found: dict[Component, Ends] = {}
        for seen in self.seams["publishes"]:
            _ends(found, seen.key.target, seen.first).writers.add(seen.key.source)
        for seen in self.seams["consumes"]:
            _ends(found, seen.key.source, seen.first).readers.add(seen.key.target)
        return found

    @cached_property
    def writing(self) -> Mapping[Component, list[Seen]]:
        """Seams of who writes, by topic."""
        found: dict[Component, list[Seen]] = defaultdict(list)
        for seen in self.seams["publishes"]:
            found[seen.key.target].append(seen)
        return found

    @cached_property
    def reading(self) -> Mapping[Component, list[Seen]]:
        """Seams of who reads, by topic."""
        found: dict[Component, list[Seen]] = defaultdict(list)
        for seen in self.seams["consumes"]:
            found[seen.key.source].append(seen)
        return found

    def _sums(self, span: timedelta) -> Mapping[Key, Values]:
        return self._store.sums(self.as_of - span, self.as_of)

    @cached_property
    def day(self) -> Mapping[Key, Values]:
        """Window columns summed over 24 hours."""
        return self._sums(timedelta(days=1))

    @cached_property
    def week(self) -> Mapping[Key, Values]:
        """Window columns summed over 7 days."""
        return self._sums(timedelta(days=7))

    @cached_property
    def month(self) -> Mapping[Key, Values]:
        """Window columns summed over 30 days."""
        return self._sums(timedelta(days=30))

    @cached_property
    def settings(self) -> Mapping[Component, Mapping[str, str]]:
        """Every setting in force."""
        return self._store.settings_as_of(self.as_of)

    @cached_property
    def series(self) -> Mapping[tuple[SubjectRef, str], Series]:
        """The backlog's measures over the longest lookback of its rules."""
        return self._store.series_of(BACKLOG_SERIES, self.as_of - BACKLOG_SPAN, self.as_of)

    @cached_property
    def commit_gaps(self) -> Mapping[SubjectRef, float]:
        """The longest pause between commits in 24 h, in seconds, of each group on each topic.

        Of one that did not commit in that time, its longest in eight days: once a week is a rhythm too.
        """
        found = self._store.series_of(["commit_gap_seconds"], self.as_of - RHYTHM, self.as_of)
        day = (self.as_of - timedelta(days=1)).timestamp()
        return {subject: max(one.since(day).values or one.values) for (subject, _), one in found.items() if one.values}

    @cached_property
    def state_since(self) -> Mapping[Component, datetime]:
        """When the state of each group changed last."""
        return self._store.settings_since("state", self.as_of)

    def day_of(self, subject: SubjectRef, name: str) -> Series:
        """One measure of one subject over 25 hours."""
        return self._store.series(subject, name, self.as_of - timedelta(hours=25), self.as_of)

    def heard(self, one: Component, last: datetime | None = None) -> Series:
        """When a source told something, over the 25 hours before it did so last: silence does not end by lasting."""
        end = self.as_of if last is None else min(last, self.as_of)
        return self._store.series(subject_of(one), LOOKS, end - timedelta(hours=25), self.as_of)

    @cached_property
    def writers(self) -> Mapping[tuple[SubjectRef, str], Series]:
        """Who writes to topics without idempotence, where that was asked."""
        return self._store.series_of(WRITERS, self.as_of - BACKLOG_SPAN, self.as_of)

    @cached_property
    def sampled(self) -> Mapping[tuple[SubjectRef, str], Series]:
        """What looked-at records of topics added up to, over a week."""
        return self._store.series_of(tuple(samples.ADDED), self.as_of - timedelta(days=7), self.as_of)

    @cached_property
    def peak_rates(self) -> Mapping[tuple[SubjectRef, str], Series]:
        """How much is written to each topic at a peak, as it was told last."""
        return self._store.series_of(("peak_rate",), self.as_of - timedelta(hours=13), self.as_of)

    @cached_property
    def proven_rates(self) -> Mapping[tuple[SubjectRef, str], Series]:
        """How much groups were seen to read while behind: told seldom."""
        return self._store.series_of(("proven_rate",), self.as_of - MONTH, self.as_of)

    def peaks(self, subject: SubjectRef) -> Series:
        """A topic's peaks over 30 days."""
        return self._store.series(subject, "peak_rate", self.as_of - MONTH, self.as_of)

    @cached_property
    def counts_a_month_ago(self) -> Mapping[tuple[SubjectRef, str], Series]:
        """What was written and committed by then: one query, for idle topics may be many."""
        then = self.as_of - MONTH
        return self._store.series_of(("produced", "committed"), then - timedelta(hours=1), then)

    def value_at(self, subject: SubjectRef, name: str, at: datetime, within: timedelta) -> float | None:
        """The last value that a measure had by an instant, and not long before it."""
        return self._store.series(subject, name, at - within, at).last

    def looks_at(self, name: str) -> Series:
        """When the cluster that a component is in was looked at; `name` is the component's own."""
        cluster = source("kafka", name.partition("/")[0])
        return self.series.get((subject_of(cluster), LOOKS), NO_SERIES)

    @cached_property
    def produced(self) -> Mapping[Component, Series]:
        """What was written to each topic, as its broker counts."""
        return {
            Component("topic", subject.name): held(one, self.looks_at(subject.name))
            for (subject, name), one in self.series.items()
            if name == "produced" and subject.kind == "topic"
        }

    @cached_property
    def topics(self) -> list[Component]:
        """Every topic that a seam, a broker or a declaration names."""
        named = {row.key for row in self.rows if isinstance(row.key, Component) and row.key.kind == "topic"}
        return sorted(named.union(self.ends))

    def context(
        self, *components: Component, first: datetime | None = None, environment: str = ""
    ) -> dict[str, object]:
        """The fields that every subject shares."""
        flows = self.declared.workflows_of(*components) if self.declared.workflows else ()
        loss = next((v for c in components if (v := self.declared.declared(c, "loss_tolerant")) is not None), None)
        return {
            "as_of": self.as_of,
            "observed_for": self.as_of - first if first else timedelta(0),
            "owner": self.declared.owner_of(*components) if self.declared.loaded else None,
            "workflows": flows,
            "loss_tolerant": loss,
            "environment": next((str(v) for c in components if (v := self.declared.declared(c, "environment"))), None)
            or environment
            or None,
        }

    def runs(self, job: Component) -> tuple[Run, ...]:
        """The runs of a job in 35 days, oldest first."""
        return tuple(self._store.runs_of(job, self.as_of - RUNS_SPAN))

    def history(self, component: Component, since: datetime) -> list[Setting]:
        """What changed on a component from an instant on, oldest first."""
        return [one for one in self._store.setting_history(component, since) if one.at <= self.as_of]

    def setting_before(self, component: Component, name: str, at: datetime) -> str | None:
        """One setting as it was just before an instant; None where it was not seen by then."""
        return self._store.setting(component, name, at - timedelta(microseconds=1))

    @cached_property
    def sources(self) -> list[SourceRow]:
        """Every source of facts."""
        return self._store.sources()

    def behind(self, subject: SubjectRef) -> Mapping[str, int]:
        """Lag by partition at the last look."""
        found = self._store.last_values(subject, "behind:", self.as_of - timedelta(minutes=15), self.as_of)
        return {name.removeprefix("behind:"): int(value) for name, value in found.items()}

    def exemplars(self, key: SeamKey, kind: ExemplarKind) -> Exemplar | None:
        """One exemplar of a kind, or None."""
        return next((kept for kept in self.kept(key) if kept.kind is kind), None)

    def kept(self, key: SeamKey) -> tuple[Exemplar, ...]:
        """Every exemplar, the newest first."""
        return self._store.exemplars(key)

    def fired(self) -> Mapping[SubjectRef, set[str]]:
        """Rules that opened findings in 90 days, by subject."""
        since = self.as_of - timedelta(days=90)
        found: dict[SubjectRef, set[str]] = defaultdict(set)
        for finding in self._store.findings():
            if finding.opened is not None and finding.opened >= since:
                found[finding.subject].add(finding.rule)
        return found


def _ends(found: dict[Component, Ends], topic: Component, first: datetime) -> Ends:
    ends = found.setdefault(topic, Ends(first))
    ends.first = min(ends.first, first)
    return ends


def retention(settings: Mapping[str, str]) -> timedelta | None:
    """How long a topic keeps its records; None where that was not seen, or where it keeps them for ever."""
    value = settings.get("retention.ms", "")
    millis = int(value) if value.isascii() and value.isdigit() else -1
    return timedelta(milliseconds=millis) if 0 <= millis < _MOST_MILLIS else None


def whole(text: str | None) -> int | None:
    """A count as a setting tells it, or None."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def text(value: object) -> str | None:
    """A declared text, or None."""
    return value if isinstance(value, str) else None

"""Subjects as of an instant: everything that rules judge, assembled from the store in a handful of reads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from agent.engine.deadletters import SEARCHED, DeadLetterSearch
from agent.model import subjects as s
from agent.model.declared import Declarations
from agent.model.facts import Column, Exemplar, ExemplarKind
from agent.model.flush import Key
from agent.model.seam import Component, SeamKey, SubjectRef, group_on_topic, service, source
from agent.store.store import SeamRow, Store

Values = tuple[int, ...]
NOTHING: Values = (0,) * len(Column)
BACKLOG_SERIES = ("lag", "age_seconds", "committed", "produced", "members", "epoch")
BACKLOG_SPAN = timedelta(minutes=75)
_TRUTH = {"true": True, "false": False}
_RELAYS = ("debezium", "outbox", "flyway", "liquibase", "alembic", "maxwell")


@dataclass(frozen=True, slots=True)
class Seen:
    """One seam as the store knows it."""

    key: SeamKey
    first: datetime
    attributes: Mapping[str, str]

    def truth(self, name: str) -> bool | None:
        """A capability of the instrument behind it, None when unknown."""
        return _TRUTH.get(self.attributes.get(name, ""))

    @property
    def services(self) -> list[str]:
        """The services whose spans told of it."""
        return [name for name in self.attributes.get("service", "").split("|") if name]


class Estate:
    """Everything read once for one instant; each kind of subject is built from it on demand."""

    def __init__(self, store: Store, declared: Declarations, as_of: datetime) -> None:
        self._store, self.declared, self.as_of = store, declared, as_of

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
                kinds[row.key.kind].append(Seen(row.key, row.first_seen, row.attributes))
        return kinds

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
    def series(self) -> Mapping[tuple[SubjectRef, str], s.Series]:
        """The backlog's measures over the longest lookback of its rules."""
        return self._store.series_of(BACKLOG_SERIES, self.as_of - BACKLOG_SPAN, self.as_of)

    @cached_property
    def topics(self) -> list[Component]:
        """Every topic that a seam, a broker or a declaration names."""
        found = {seam.key.target for seam in self.seams["publishes"]} | {
            seam.key.source for seam in self.seams["consumes"]
        }
        found |= {row.key for row in self.rows if isinstance(row.key, Component) and row.key.kind == "topic"}
        return sorted(found)

    def context(self, *components: Component, first: datetime | None = None) -> dict[str, object]:
        """The fields that every subject shares."""
        flows = self.declared.workflows_of(*components) if self.declared.workflows else ()
        loss = next((v for c in components if (v := self.declared.declared(c, "loss_tolerant")) is not None), None)
        return {
            "as_of": self.as_of,
            "observed_for": self.as_of - first if first else timedelta(0),
            "owner": self.declared.owner_of(*components) if self.declared.loaded else None,
            "workflows": flows,
            "loss_tolerant": loss,
        }

    def exemplars(self, key: SeamKey, kind: ExemplarKind) -> Exemplar | None:
        """One exemplar of a kind, or None."""
        return next((kept for kept in self._store.exemplars(key) if kept.kind is kind), None)

    def fired(self) -> Mapping[SubjectRef, set[str]]:
        """Rules that opened findings in 90 days, by subject."""
        since = self.as_of - timedelta(days=90)
        found: dict[SubjectRef, set[str]] = defaultdict(set)
        for finding in self._store.findings():
            if finding.opened is not None and finding.opened >= since:
                found[finding.subject].add(finding.rule)
        return found


def deliveries(estate: Estate) -> Iterable[s.Deliveries]:
    """Each consumer group on each topic, over 7 days (errors and processed over 30)."""
    search = DeadLetterSearch(estate.topics, estate.declared, estate.settings)
    for seen in estate.seams["consumes"]:
        topic, group = seen.key.source, seen.key.target
        week, month = estate.week.get(seen.key, NOTHING), estate.month.get(seen.key, NOTHING)
        cluster = topic.name.partition("/")[0]
        listed = "topics_listed" in estate.settings.get(source("kafka", cluster), {})
        runs = [service(name) for name in seen.services]
        yield s.Deliveries(
            group=group,
            topic=topic,
            processed=week[Column.COUNT],
            errors=month[Column.ERRORS],
            identified=week[Column.IDENTIFIED],
            redelivered=week[Column.DUPLICATES],
            rewritten=week[Column.REWRITTEN],
            effectful=week[Column.EFFECTFUL],
            guarded=week[Column.GUARDED],
            interrupted=week[Column.INTERRUPTED],
            effects_visible=seen.truth("attaches_handler"),
            retention=_retention(estate.settings.get(topic, {})),
            idempotency=_text(estate.declared.declared(group, "idempotency")),
            on_error=_text(estate.declared.declared(group, "on_error")),
            dead_letters=search.of(group, topic, seen.attributes.get("dead_letters", "")),
            searched=SEARCHED,
            topics_listed=listed or estate.declared.loaded,
            connector=group.name.partition("/")[2].startswith("connect-"),
            **estate.context(group, topic, *runs, first=seen.first),  # type: ignore[arg-type]  # Context's own fields
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _retention(settings: Mapping[str, str]) -> timedelta | None:
    value = settings.get("retention.ms", "")
    return timedelta(milliseconds=int(value)) if value.isdigit() else None


def backlogs(estate: Estate) -> Iterable[s.Backlog]:
    """Each group on each topic that a broker told the lag of."""
    firsts = {group_on_topic(seen.key.source, seen.key.target): seen.first for seen in estate.seams["consumes"]}
    by_subject: dict[SubjectRef, dict[str, s.Series]] = defaultdict(dict)
    for (subject, name), one in estate.series.items():
        by_subject[subject][name] = one
    for ref, series in by_subject.items():
        if ref.kind != "group" or "lag" not in series:
            continue
        group, topic = Component("group", ref.name), Component("topic", dict(ref.labels)["topic"])
        settings = estate.settings.get(topic, {})
        partitions = settings.get("partitions", "")
        yield s.Backlog(
            group=group,
            topic=topic,
            lag=series["lag"],
            age=series.get("age_seconds", s.NO_SERIES),
            committed=series.get("committed", s.NO_SERIES),
            produced=series.get("produced", s.NO_SERIES),
            members=series.get("members", s.NO_SERIES),
            epochs=series.get("epoch", s.NO_SERIES),
            partitions=int(partitions) if partitions.isdigit() else None,
            state=estate.settings.get(group, {}).get("state"),
            retention=_retention(settings),
            **estate.context(group, topic, first=firsts.get(ref)),  # type: ignore[arg-type]  # Context's own fields
        )


def tables(estate: Estate) -> Iterable[s.Table]:
    """Each table with its writers and readers over 7 days."""
    users: dict[Component, tuple[list[Seen], list[Seen]]] = defaultdict(lambda: ([], []))
    for seen in estate.seams["writes"]:
        users[seen.key.target][0].append(seen)
    for seen in estate.seams["reads"]:
        users[seen.key.source][1].append(seen)
    for table, (writers, readers) in users.items():
        if table.kind != "table":
            continue
        first = min(seen.first for seen in (*writers, *readers))
        several = len(writers) > 1
        yield s.Table(
            table=table,
            writers=tuple(_user(estate, seen, seen.key.source, evidence=several) for seen in writers),
            readers=tuple(_user(estate, seen, seen.key.target, evidence=False) for seen in readers),
            **estate.context(table, first=first),  # type: ignore[arg-type]  # Context's own fields
        )


def _user(estate: Estate, seen: Seen, component: Component, *, evidence: bool) -> s.TableUser:
    name = component.name.lower()
    return s.TableUser(
        component=component,
        owner=estate.declared.owner_of(component) if estate.declared.loaded else None,
        count=estate.week.get(seen.key, NOTHING)[Column.COUNT],
        exemplar=estate.exemplars(seen.key, ExemplarKind.WRITE) if evidence else None,
        relay=any(relay in name for relay in _RELAYS),
    )


def seams(estate: Estate) -> Iterable[s.Seam]:
    """Each seam and its traffic over 24 hours."""
    published = {seen.key.target for seen in estate.seams["publishes"] if _count(estate, seen.key)}
    consumers: dict[str, list[Seen]] = defaultdict(list)
    for seen in estate.seams["consumes"]:
        for name in seen.services:
            consumers[name].append(seen)
    serving = {row.key.name.split(" ")[0] for row in estate.rows if isinstance(row.key, Component)}
    for seen in (seen for found in estate.seams.values() for seen in found):
        key, sums = seen.key, estate.day.get(seen.key, NOTHING)
        if key.kind == "calls" and key.target.kind == "service" and not sums[Column.COUNT]:
            continue  # every call's other side was seen: they stand at the callee's route
        mine = consumers.get(key.source.name, []) if key.kind == "publishes" else []
        yield s.Seam(
            key=key,
            count=sums[Column.COUNT],
            errors=sums[Column.ERRORS],
            retries=sums[Column.RETRIES],
            duplicates=sums[Column.DUPLICATES],
            roots=sums[Column.ROOTS],
            linked=sums[Column.PAIRED] if key.kind == "calls" else sums[Column.LINKED],
            paired=sums[Column.PAIRED],
            detached=sums[Column.DETACHED] if key.kind == "publishes" else None,
            peer_instrumented=key.source in published if key.kind == "consumes" else sums[Column.PAIRED] > 0,
            keeps_context=_all(consumer.truth("keeps_context") for consumer in mine),
            carries_context=seen.truth("carries_context"),
            entry_point=True if key.kind == "publishes" and not mine and key.source.name not in serving else None,
            **estate.context(key.source, key.target, first=seen.first),  # type: ignore[arg-type]  # Context's fields
        )


def _count(estate: Estate, key: SeamKey) -> int:
    return estate.day.get(key, NOTHING)[Column.COUNT]


def _all(truths: Iterable[bool | None]) -> bool | None:
    seen = list(truths)
    if not seen or None in seen:
        return False if False in seen else None
    return all(seen)


def workflows(estate: Estate) -> Iterable[s.Workflow]:
    """Each declared workflow beside what was seen of it."""
    declared = estate.declared
    teams = tuple(team.name for team in declared.teams) if declared.teams else None
    fired = estate.fired() if declared.workflows else {}
    for flow in declared.workflows:
        parts = {str(part) for seam in flow.seams for part in (seam.source, seam.target)}
        rules = {rule for subject, found in fired.items() for rule in found if _belongs(subject, parts)}
        yield s.Workflow(declared=flow, teams=teams, fired=tuple(sorted(rules)), as_of=estate.as_of, workflows=(flow,))


def _belongs(subject: SubjectRef, parts: set[str]) -> bool:
    if subject.kind == "seam":
        return any(value in parts for _, value in subject.labels)
    return f"{subject.kind}:{subject.name}" in parts


BUILDERS: Mapping[type, Callable[[Estate], Iterable[s.Subject]]] = {
    s.Deliveries: deliveries,
    s.Backlog: backlogs,
    s.Table: tables,
    s.Seam: seams,
    s.Workflow: workflows,
}

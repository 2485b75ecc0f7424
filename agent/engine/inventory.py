"""Subjects of the inventory: routes, jobs, connectors, contracts, topics, teams, sources, the estate itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

from agent.engine.deadletters import QUEUE
from agent.engine.estate import NOTHING, Estate, whole
from agent.engine.estate import text as told
from agent.engine.hearing import hearing
from agent.engine.naming import Naming, place
from agent.engine.sampled import sampled
from agent.engine.topics import Around
from agent.engine.versions import Owners, endless, longest, replayed, told_versions
from agent.model import subjects as s
from agent.model.facts import Column
from agent.model.seam import ESTATE, Component, SeamKey, server_of, source, source_named, team
from agent.model.series import NO_SERIES

_CONNECTOR_OWN = ("type", "state", "topics_seen", "tasks", "tasks_failed")


def _of_kind(estate: Estate, kind: str) -> Iterator[tuple[Component, datetime]]:
    """Components of a kind that are there, with when they were first seen."""
    for row in estate.rows:
        if isinstance(row.key, Component) and row.key.kind == kind and not _deleted(estate, row.key):
            yield row.key, row.first_seen


def _deleted(estate: Estate, component: Component) -> bool:
    """Its source said that it no longer has it."""
    return estate.settings.get(component, {}).get("deleted") == "true"


def _seconds(value: object) -> timedelta | None:
    return timedelta(seconds=float(value)) if isinstance(value, int | float) else None


def routes(estate: Estate) -> Iterable[s.Route]:
    """Each route of a service or gateway with its callers, over 24 hours."""
    callers: dict[Component, list[Component]] = defaultdict(list)
    retries: Counter[Component] = Counter()
    for seen in estate.seams["calls"]:
        callers[seen.key.target].append(seen.key.source)
        retries[seen.key.target] += estate.day.get(seen.key, NOTHING)[Column.RETRIES]
    for route, first in _of_kind(estate, "route"):
        sums, settings = estate.day.get(route, NOTHING), estate.settings.get(route, {})
        timeout = settings.get("timeout_seconds.read")
        yield s.Route(
            route=route,
            count=sums[Column.COUNT],
            errors=sums[Column.ERRORS],
            retries=retries[route],
            callers=tuple(sorted(callers[route])),
            timeout=timedelta(seconds=float(timeout)) if timeout else None,
            **estate.context(route, server_of(route), first=first),  # type: ignore[arg-type]  # Context's own fields
        )


def jobs(estate: Estate) -> Iterable[s.Job]:
    """Each job that ran, or that is declared, with its runs of 35 days."""
    firsts = dict(_of_kind(estate, "job"))
    named = (Component.parse(facts.component) for facts in estate.declared.components if _is_one(facts.component))
    for job in sorted({*firsts, *(one for one in named if one.kind == "job")}):
        about = partial(estate.declared.declared, job)
        yield s.Job(
            job=job,
            runs=estate.runs(job),
            schedule=told(about("schedule")),
            timezone=told(about("timezone")),
            grace=_seconds(about("grace_seconds")),
            window=_seconds(about("window_seconds")),
            **estate.context(job, first=firsts.get(job)),  # type: ignore[arg-type]  # Context's own fields
        )


def _is_one(pattern: str) -> bool:
    return "*" not in pattern and ":" in pattern


def connectors(estate: Estate) -> Iterable[s.Connector]:
    """Each connector with its settings as they are masked in the store."""
    for connector, first in _of_kind(estate, "connector"):
        found = estate.settings.get(connector, {})
        cluster = connector.name.partition("/")[0]
        topics = found.get("topics_seen")
        names = None if topics is None else [name for name in topics.split(",") if name]
        read = () if names is None else tuple(Component("topic", f"{cluster}/{name}") for name in names)
        yield s.Connector(
            connector=connector,
            type=found.get("type"),
            state=found.get("state"),
            settings={name: value for name, value in found.items() if not _own(name)},
            topics=None if names is None else read,
            failed_tasks=whole(found.get("tasks_failed")),
            letters_listed=_letters_listed(estate, cluster, found),
            **estate.context(connector, *read, first=first),  # type: ignore[arg-type]  # Context's own fields
        )


def _letters_listed(estate: Estate, cluster: str, found: Mapping[str, str]) -> bool | None:
    """Whether the dead-letter topic of a connector exists; None without one, and where no broker told its topics."""
    queue = found.get("effective.errors.deadletterqueue.topic.name", found.get(QUEUE, ""))
    if not queue or "topics_listed" not in estate.settings.get(source("kafka", cluster), {}):
        return None
    return Component("topic", f"{cluster}/{queue}") in estate.topics


def _own(name: str) -> bool:
    return name in _CONNECTOR_OWN or (name.startswith("task.") and name.endswith(".state"))


def contracts(estate: Estate) -> Iterable[s.Contract]:
    """Each schema subject with its versions, and who writes and reads the topics that it is of."""
    naming, owners = estate.once(Naming), estate.once(Owners)
    for contract, first in _of_kind(estate, "subject"):
        found, topics = estate.settings.get(contract, {}), naming.topics_of(contract)
        inherited, versions = found.get("compatibility_inherited"), found.get("versions")
        ends = [estate.ends[topic] for topic in topics if topic in estate.ends]
        writers = sorted({one for end in ends for one in end.writers})
        readers = sorted({one for end in ends for one in end.readers})
        kept = [estate.settings.get(topic, {}) for topic in topics]
        yield s.Contract(
            contract=contract,
            compatibility=found.get("compatibility"),
            inherited=None if inherited is None else inherited == "true",
            versions=None if versions is None else tuple(number for number in versions.split(",") if number),
            writers=tuple(writers),
            readers=tuple(readers),
            readers_listed=naming.readers_listed(contract),
            owners=owners.of((*writers, *readers)),
            mode=found.get("mode"),
            schemas=told_versions(estate, contract, first, longest(kept)),
            topics=topics,
            retention=longest(kept),
            endless=endless(kept),
            replayed=replayed(estate, topics),
            **estate.context(contract, *topics, first=first),  # type: ignore[arg-type]  # Context's own fields
        )


def topics(estate: Estate) -> Iterable[s.Topic]:
    """Each topic with who writes and reads it, and the schema subjects that are of it."""
    firsts = dict(_of_kind(estate, "topic"))
    naming, owners, around = estate.once(Naming), estate.once(Owners), Around(estate)
    for topic in estate.topics:
        settings, ends = estate.settings.get(topic, {}), estate.ends.get(topic)
        seen = [at for at in (firsts.get(topic), ends.first if ends else None) if at is not None]
        groups = tuple(sorted(ends.readers)) if ends else ()
        context = estate.context(topic, *around.sources(topic), first=min(seen, default=None))
        yield s.Topic(
            topic=topic,
            partitions=whole(settings.get("partitions")),
            settings=dict(settings),
            producers=tuple(sorted(ends.writers)) if ends else (),
            groups=groups,
            produced=estate.produced.get(topic, NO_SERIES),
            listed=place(topic) in naming.told_by_brokers,
            owners=owners.of(groups),
            subjects=naming.subjects_of(topic),
            **sampled(estate, topic, naming.subjects_of(topic)),
            unplaced=naming.unplaced,
            contract=naming.declared.get(topic),
            **around.of(topic, context),
            **context,  # type: ignore[arg-type]  # Context's own fields
        )


def teams(estate: Estate) -> Iterable[s.Team]:
    """Each declared team with what is declared to be its own."""
    owned: dict[str, list[Component]] = defaultdict(list)
    for facts in estate.declared.components:
        if facts.owner and _is_one(facts.component):
            owned[facts.owner].append(Component.parse(facts.component))
    for one in estate.declared.teams:
        owns = tuple(sorted(owned[one.name]))
        yield s.Team(declared=one, owns=owns, **estate.context(team(one.name)))  # type: ignore[arg-type]  # Context's own fields


def sources(estate: Estate) -> Iterable[s.Source]:
    """Each source of facts and when it was last heard."""
    for row in estate.sources:
        one = source_named(row.source)
        yield s.Source(
            source=one,
            last_success=row.last_success,
            last_fact=row.last_fact,
            facts=sum(number for verb, number in row.counters.items() if verb.startswith("received")),
            error=row.error,
            **hearing(estate, one, row.last_success),
            **estate.context(one),  # type: ignore[arg-type]  # Context's own fields
        )


def estates(estate: Estate) -> Iterable[s.Estate]:
    """The one estate."""
    seams = [row for row in estate.rows if isinstance(row.key, SeamKey)]
    kinds = Counter(row.key.kind for row in estate.rows if isinstance(row.key, Component))
    mapped = sum(1 for flow in estate.declared.workflows if flow.seams)
    first = min((row.first_seen for row in estate.rows), default=None)
    yield s.Estate(
        seams=len(seams),
        workflows_mapped=mapped,
        components=dict(kinds),
        **estate.context(ESTATE, first=first),  # type: ignore[arg-type]  # Context's own fields
    )

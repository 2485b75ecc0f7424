"""Subjects of traffic: deliveries, backlogs, tables, seams, workflows, from one instant of the estate."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from agent.engine.deadletters import SEARCHED, dead_letter_search
from agent.engine.estate import GUARDED, NOTHING, Estate, Seen, Values, retention, text
from agent.engine.hops import hop
from agent.model import subjects as s
from agent.model.facts import Column, ExemplarKind
from agent.model.seam import Component, SeamKey, SubjectRef, server_of, service, source

_RELAYS = ("debezium", "outbox", "flyway", "liquibase", "alembic", "maxwell")


def deliveries(estate: Estate) -> Iterable[s.Deliveries]:
    """Each consumer group on each topic, over 7 days (errors and processed over 30)."""
    search = estate.once(dead_letter_search)
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
            sampled=seen.sampled,
            operations=tuple(_operations(seen.attributes.get("writes", ""))),
            retention=retention(estate.settings.get(topic, {})),
            idempotency=text(estate.declared.declared(group, "idempotency")),
            on_error=text(estate.declared.declared(group, "on_error")),
            dead_letters=search.of(group, topic, seen.attributes.get("dead_letters", "")),
            searched=SEARCHED,
            topics_listed=listed or estate.declared.loaded,
            connector=group.name.partition("/")[2].startswith("connect-"),
            **estate.context(group, topic, *runs, first=seen.first, environment=seen.environment),  # type: ignore[arg-type]  # Context's own fields
        )


def _operations(names: str) -> Iterable[s.Operation]:
    """The side effects that a group was seen to have, as the aggregator names them."""
    for name in (one for one in names.split("|") if one):
        yield s.Operation(name.removesuffix(GUARDED), guarded=name.endswith(GUARDED))


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
        for server in _servers([*writers, *readers]):
            here, there = _at(writers, server), _at(readers, server)
            several = len(here) > 1
            yield s.Table(
                table=table,
                server=server,
                writers=tuple(_user(estate, seen, seen.key.source, evidence=several) for seen in here),
                readers=tuple(_user(estate, seen, seen.key.target, evidence=False) for seen in there),
                **estate.context(table, first=first),  # type: ignore[arg-type]  # Context's own fields
            )


def _servers(users: list[Seen]) -> list[str]:
    """The servers that have a table of this name; users that do not tell theirs use the only one, or one unknown."""
    known = sorted({server for seen in users for server in seen.servers})
    untold = any(not seen.servers for seen in users)
    return [*known, ""] if untold and len(known) != 1 else known


def _at(users: list[Seen], server: str) -> list[Seen]:
    """Who uses the table on one server."""
    alone = len(_servers(users)) <= 1
    return [seen for seen in users if server in seen.servers or (not seen.servers and (alone or not server))]


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
    calls = _Calls(estate)
    for seen in (seen for found in estate.seams.values() for seen in found):
        key, sums = seen.key, estate.day.get(seen.key, NOTHING)
        mine = consumers.get(key.source.name, []) if key.kind in ("publishes", "calls") else []
        if key.kind == "calls" and key.target.kind == "service":
            sums, peer = calls.to_service(key, sums)
            if not sums[Column.COUNT] and not sums[Column.DETACHED]:
                continue  # every call's other side was seen: they stand at the callee's route
        else:
            peer = key.source in published if key.kind == "consumes" else sums[Column.PAIRED] > 0
        yield s.Seam(
            key=key,
            count=sums[Column.COUNT],
            errors=sums[Column.ERRORS],
            retries=sums[Column.RETRIES],
            duplicates=sums[Column.DUPLICATES],
            roots=sums[Column.ROOTS],
            linked=sums[Column.PAIRED] if key.kind == "calls" else sums[Column.LINKED],
            paired=sums[Column.PAIRED],
            detached=sums[Column.DETACHED] if mine else None,
            peer_instrumented=peer,
            keeps_context=_all(consumer.truth("keeps_context") for consumer in mine),
            carries_context=seen.truth("carries_context"),
            entry_point=True if key.kind == "publishes" and not mine and key.source.name not in calls.serving else None,
            sampled=seen.sampled,
            **hop(estate, seen),
            **estate.context(key.source, key.target, first=seen.first, environment=seen.environment),  # type: ignore[arg-type]  # Context's fields
        )


class _Calls:
    """Calls whose other side was not seen, beside the roots that their callee has: together they are a lost context.

    Roots alone are entry points (a browser calls), calls alone are a callee that sends no spans.
    """

    def __init__(self, estate: Estate) -> None:
        self._roots: Counter[str] = Counter()
        self._paired: Counter[tuple[str, str]] = Counter()
        routes = (row.key for row in estate.rows if isinstance(row.key, Component) and row.key.kind == "route")
        self.serving = {server_of(route).name for route in routes}  #: services of which a route is known
        for key, sums in estate.day.items():
            if isinstance(key, Component) and key.kind == "route":
                self._roots[server_of(key).name] += sums[Column.ROOTS]
            elif isinstance(key, SeamKey) and key.kind == "calls" and key.target.kind == "route":
                self._paired[key.source.name, server_of(key.target).name] += sums[Column.PAIRED]

    def to_service(self, key: SeamKey, sums: Values) -> tuple[Values, bool]:
        """The seam's day with what its callee's routes tell of it; and whether the callee sends spans."""
        callee = self._callee(key.target.name)
        paired = self._paired[key.source.name, callee]
        alone = max(0, sums[Column.COUNT])
        if not alone and not sums[Column.DETACHED]:
            return NOTHING, False
        values = list(sums)
        values[Column.ROOTS] = min(alone, self._roots[callee])
        values[Column.PAIRED] = paired
        values[Column.COUNT] = alone + paired
        return tuple(values), callee in self.serving

    def _callee(self, name: str) -> str:
        """The service at an address: what an alias says, or the one that is called as the host is."""
        host = name.partition(":")[0]
        return next((one for one in (name, host, host.partition(".")[0]) if one in self.serving), name)


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
        fired_on_it = tuple(sorted(rules))
        yield s.Workflow(
            declared=flow, teams=teams, fired=fired_on_it, as_of=estate.as_of, owner=flow.owner, workflows=(flow,)
        )


def _belongs(subject: SubjectRef, parts: set[str]) -> bool:
    if subject.kind == "seam":
        return any(value in parts for _, value in subject.labels)
    return f"{subject.kind}:{subject.name}" in parts

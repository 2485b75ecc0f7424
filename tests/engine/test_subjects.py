"""Subjects from a real store: each type that a rule may ask for, and the look-alikes that must stay apart."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import rules
from agent.engine import builders
from agent.engine.builders import BUILDERS
from agent.engine.catalogue import discover
from agent.engine.estate import Estate
from agent.engine.round import Judgement, Rounds
from agent.model import seam, subjects
from agent.model.declared import ComponentFacts, Declarations, Team, Workflow
from agent.model.facts import Column, Run, RunState, Sample, Setting, Sighting
from agent.model.flush import Flush, Key, WindowDelta
from agent.model.verdict import Outcome, Reason
from agent.store.store import Store, open_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = discover(rules)
NOTHING = Declarations()
ORDERS, BILLING = seam.topic("orders", "prod"), seam.group("billing", "prod")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.attach(NOON - timedelta(days=9))
    opened.ensure_writer("w")
    yield opened
    opened.close()


def crossed(store: Store, found: dict[Key, dict[Column, int]], at: datetime = NOON - HOUR) -> None:
    """Windows of one minute."""
    done = store.writer_sequence("w")
    windows = []
    for key, columns in found.items():
        values = [0] * len(Column)
        for column, value in columns.items():
            values[column] = value
        windows.append(WindowDelta(key, at, tuple(values), {}))
    assert store.flush(Flush("w", done, done + 1, tuple(windows)))


def built(store: Store, kind: type, declared: Declarations = NOTHING) -> list[Any]:
    return list(BUILDERS[kind](Estate(store, declared, NOON)))


def judged(store: Store, rule: str, declared: Declarations = NOTHING) -> dict[str, Judgement]:
    rounds = Rounds(store, [found for found in RULES if found.id == rule], declared)
    return {str(one.subject): one for one in rounds.judge(NOON)}


def test_who_writes_and_reads_a_topic_is_one_index_for_topics_and_contracts(kept: Store) -> None:
    other, quiet = seam.topic("orders", "test"), seam.topic("quiet", "prod")
    shop, crm, audit = seam.service("shop"), seam.service("crm"), seam.group("audit", "test")
    crossed(kept, {seam.publishes(shop, ORDERS): {Column.COUNT: 1}, seam.consumes(ORDERS, BILLING): {Column.COUNT: 1}})
    early = NOON - 5 * HOUR
    crossed(kept, {seam.publishes(crm, other): {Column.COUNT: 1}, seam.consumes(other, audit): {}}, early)
    contract = seam.schema_subject("main", "orders-value")
    kept.record(sightings=[Sighting(part, NOON - 2 * HOUR) for part in (ORDERS, quiet, contract)])
    found = {one.topic: (one.producers, one.groups, one.observed_for) for one in built(kept, subjects.Topic)}
    assert found == {
        ORDERS: ((shop,), (BILLING,), 2 * HOUR),
        other: ((crm,), (audit,), 5 * HOUR),
        quiet: ((), (), 2 * HOUR),
    }
    [one] = built(kept, subjects.Contract)
    assert (one.writers, one.readers) == ((crm, shop), (BILLING, audit))
    estate = Estate(kept, NOTHING, NOON)
    assert set(estate.ends) == {ORDERS, other} < set(estate.topics)
    assert estate.ends is estate.ends


def test_every_type_that_a_rule_may_ask_for_is_built_from_what_was_seen(kept: Store) -> None:
    route, job, sink = seam.route("shop", "GET", "/"), seam.job("cron", "close"), seam.connector("prod", "sink")
    contract = seam.schema_subject("main", "orders-value")
    crossed(
        kept,
        {
            route: {Column.COUNT: 7},
            seam.calls(seam.service("web"), route): {Column.COUNT: 7, Column.RETRIES: 2, Column.PAIRED: 7},
            seam.publishes(seam.service("shop"), ORDERS): {Column.COUNT: 3},
            seam.consumes(ORDERS, BILLING): {Column.COUNT: 3},
            seam.writes(seam.service("billing"), seam.table("postgresql", "b", "t")): {Column.COUNT: 3},
        },
    )
    lag = seam.group_on_topic(ORDERS, BILLING)
    kept.record(
        [Sample(lag, "lag", NOON - timedelta(minutes=n), 10.0 - n) for n in (2, 1)]
        + [Sample(lag, "behind:4", NOON - timedelta(minutes=1), 9.0)],
        [
            Setting(route, "timeout_seconds.read", "60", NOON - HOUR, "gateway"),
            Setting(sink, "type", "sink", NOON - HOUR, "connect"),
            Setting(sink, "errors.tolerance", "all", NOON - HOUR, "connect"),
            Setting(sink, "topics_seen", "orders", NOON - HOUR, "connect"),
            Setting(sink, "tasks_failed", "1", NOON - HOUR, "connect"),
            Setting(contract, "compatibility", "BACKWARD", NOON - HOUR, "registry"),
            Setting(contract, "compatibility_inherited", "true", NOON - HOUR, "registry"),
            Setting(contract, "versions", "1,2", NOON - HOUR, "registry"),
            Setting(ORDERS, "partitions", "6", NOON - HOUR, "kafka"),
        ],
        [Run(job, "r1", RunState.SUCCEEDED, started=NOON - HOUR, ended=NOON)],
        [Sighting(part, NOON - HOUR) for part in (route, job, sink, contract, ORDERS)],
    )
    kept.touch_source("otlp/http", NOON, fact_at=NOON)
    facts = ComponentFacts(str(job), owner="pay", schedule="0 2 * * *", grace_seconds=60.0)
    flow = Workflow("cash", owner="pay", seams=(seam.consumes(ORDERS, BILLING),), place="f:1")
    declared = Declarations((flow,), (facts,), (Team("pay"),), loaded=True)
    found = {kind: built(kept, kind, declared) for kind in subjects.SUBJECT_TYPES}
    assert {kind.__name__ for kind, ones in found.items() if not ones} == set()
    [one] = found[subjects.Route]
    assert (one.count, one.retries, one.callers, one.timeout) == (7, 2, (seam.service("web"),), timedelta(minutes=1))
    [one] = found[subjects.Job]
    assert (len(one.runs), one.schedule, one.grace, one.owner) == (1, "0 2 * * *", timedelta(minutes=1), "pay")
    [one] = found[subjects.Connector]
    assert (one.type, one.topics, one.failed_tasks, one.settings) == ("sink", (ORDERS,), 1, {"errors.tolerance": "all"})
    [one] = found[subjects.Contract]
    assert (one.compatibility, one.inherited, one.versions, one.readers) == ("BACKWARD", True, ("1", "2"), (BILLING,))
    [one] = found[subjects.Topic]
    assert (one.partitions, one.producers, one.groups) == (6, (seam.service("shop"),), (BILLING,))
    [one] = found[subjects.Team]
    assert one.owns == (job,)
    [one] = found[subjects.Source]
    assert (str(one.source), one.last_fact) == ("source:otlp/http", NOON)
    [one] = found[subjects.Estate]
    assert (one.seams, one.workflows_mapped, one.components["route"]) == (4, 1, 1)
    assert {str(one.ref) for ones in found.values() for one in ones} >= {"estate:-", "team:pay", str(lag)}
    [one] = found[subjects.Backlog]
    assert one.behind == {"4": 9}


def test_a_topic_that_keeps_its_records_for_ever_harms_nothing(kept: Store) -> None:
    crossed(kept, {seam.consumes(ORDERS, BILLING): {Column.COUNT: 1}})
    for value in ("9223372036854775807", "-1", "²", "x" * 400):
        kept.record(settings=[Setting(ORDERS, "retention.ms", value, NOON - HOUR, "kafka")])
        assert [one.retention for one in built(kept, subjects.Deliveries)] == [None]
    kept.record(settings=[Setting(ORDERS, "retention.ms", "60000", NOON - HOUR, "kafka")])
    assert [one.retention for one in built(kept, subjects.Deliveries)] == [timedelta(minutes=1)]


def test_what_one_kind_is_made_from_harms_no_other_kind_and_closes_nothing(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_estate: Estate) -> list[subjects.Subject]:
        raise OverflowError("too large")

    flow = Workflow("w", tier="production", place="f:1")
    rounds = Rounds(kept, RULES, Declarations(workflows=(flow,), loaded=True))
    table = seam.table("postgresql", "b", "t")
    crossed(kept, {seam.writes(seam.service(name), table): {Column.COUNT: 5} for name in ("a", "b")})
    assert {finding.rule for finding in kept.findings(signals=["open"])} == set()
    rounds.run(NOON, elapsed=True)
    shared = [finding for finding in kept.findings() if finding.rule == "SCH-04"]
    assert [finding.signal.value for finding in shared] == ["open"]
    monkeypatch.setitem(builders.BUILDERS, subjects.Table, broken)  # type: ignore[arg-type]  # read-only to others
    done = rounds.run(NOON + timedelta(minutes=1))
    assert done.blind["SCH-04", Reason.ERROR] == 1
    assert done.counts["GOV-01", Outcome.FAILS] == 1
    rounds.run(NOON + timedelta(minutes=2))
    found = {(finding.rule, str(finding.subject)): finding.signal.value for finding in kept.findings()}
    assert found["SCH-04", str(shared[0].subject)] == "open"
    assert found["SCH-04", "source:rule/SCH-04"] in ("open", "pending")


@pytest.mark.parametrize(
    ("servers", "fails"),
    [
        (("db-a:5432", "db-a:5432"), 1),
        (("db-a:5432", "db-b:5432"), 0),  # two databases of one name
        (("db-a:5432", ""), 1),  # one does not tell, and there is one server
        (("", ""), 1),
        (("db-a:5432|db-b:5432", "db-b:5432"), 1),
    ],
)
def test_tables_of_one_name_on_two_servers_are_two_tables(kept: Store, servers: tuple[str, str], fails: int) -> None:
    table = seam.table("postgresql", "app", "users")
    keys = [seam.writes(seam.service(name), table) for name in ("a", "b")]
    crossed(kept, {key: {Column.COUNT: 50} for key in keys})
    told = [
        Sighting(key, NOON - HOUR, {"server": s})
        for key, server in zip(keys, servers, strict=True)
        for s in server.split("|")
        if s
    ]
    kept.record(sightings=told)
    found = judged(kept, "SCH-04")
    assert sum(one.verdict.outcome is Outcome.FAILS for one in found.values()) == fails
    if fails and servers[0].startswith("db"):
        [subject] = [one.subject for one in found.values() if one.verdict.outcome is Outcome.FAILS]
        assert dict(subject.labels) == {"host": servers[1].partition(":")[0] or "db-a", "port": "5432"}


@pytest.mark.parametrize(
    ("alone", "roots", "callee", "outcome"),
    [
        (200, 200, "b:8080", Outcome.FAILS),  # half of b's spans have lost their caller
        (0, 5000, "b:8080", None),  # a browser calls b as well: its roots are entry points
        (200, 0, "b:8080", Outcome.MEETS),  # some of b's instances send no spans
        (200, 200, "legacy:8080", Outcome.BLIND),  # another callee, which sends none at all
    ],
)
def test_calls_without_their_other_side_beside_roots_are_a_lost_context(
    kept: Store, alone: int, roots: int, callee: str, outcome: Outcome | None
) -> None:
    route, address = seam.route("b", "GET", "/x"), seam.address(*callee.split(":"))
    crossed(
        kept,
        {
            seam.calls(seam.service("a"), route): {Column.COUNT: 200, Column.PAIRED: 200},
            seam.calls(seam.service("a"), address): {Column.COUNT: alone},
            route: {Column.COUNT: 200 + roots, Column.ROOTS: roots},
        },
    )
    found = judged(kept, "TRC-01")
    cut = found.get(str(seam.calls(seam.service("a"), address).subject))
    assert (cut.verdict.outcome if cut else None) is outcome
    assert found[str(seam.calls(seam.service("a"), route).subject)].verdict.outcome is not Outcome.FAILS


@pytest.mark.parametrize(("detached", "outcome"), [(150, Outcome.FAILS), (3, Outcome.MEETS)])
def test_requests_that_a_consumer_sends_as_roots_lost_the_trace_inside_it(
    kept: Store, detached: int, outcome: Outcome
) -> None:
    route, address = seam.route("b", "GET", "/x"), seam.address("b", 8080)
    crossed(
        kept,
        {
            seam.consumes(ORDERS, BILLING): {Column.COUNT: 300},
            seam.calls(seam.service("billing"), route): {Column.COUNT: 300, Column.PAIRED: 300},
            seam.calls(seam.service("billing"), address): {Column.DETACHED: detached},
            route: {Column.COUNT: 300},
        },
    )
    about = {"service": "billing", "keeps_context": "true"}
    kept.record(sightings=[Sighting(seam.consumes(ORDERS, BILLING), NOON - HOUR, about)])
    [one] = [one for name, one in judged(kept, "TRC-01").items() if "service:b:8080" in name]
    assert one.verdict.outcome is outcome
    assert (one.verdict.severity is not None) == (outcome is Outcome.FAILS)


def test_a_clock_that_went_back_behind_the_first_sight_closes_nothing(kept: Store) -> None:
    rounds = Rounds(kept, [rule for rule in RULES if rule.id == "SCH-04"], Declarations())
    table = seam.table("postgresql", "b", "t")
    crossed(kept, {seam.writes(seam.service(name), table): {Column.COUNT: 5} for name in ("a", "b")})

    def found(at: datetime) -> list[str]:
        rounds.run(at, elapsed=True)
        return [finding.signal.value for finding in kept.findings()]

    assert found(NOON) == ["open"]
    assert found(NOON - 2 * HOUR) == ["open"]
    assert found(NOON + timedelta(minutes=1)) == ["open"]

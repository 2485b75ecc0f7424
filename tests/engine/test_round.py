"""Rounds: joins, a rule that raises, thresholds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import rules
from agent.engine.catalogue import discover
from agent.engine.joins import joins
from agent.engine.round import Rounds, configured
from agent.model import seam
from agent.model.declared import Declarations, Workflow
from agent.model.facts import Setting, Sighting
from agent.model.finding import Change, Finding
from agent.model.subjects import Workflow as WorkflowSubject
from agent.model.verdict import Evidence, Outcome, Reason, Severity, Verdict
from agent.store.store import Store, open_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RULES = discover(rules)
GOV = next(rule for rule in RULES if rule.id == "GOV-01")
IDM = next(rule for rule in RULES if rule.id == "IDM-01")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.attach(NOON)
    yield opened
    opened.close()


def see(store: Store, *keys: seam.SeamKey) -> None:
    store.record(sightings=[Sighting(key, NOON - timedelta(hours=1), {"service": "s"}) for key in keys])


def told(store: Store) -> dict[str, str]:
    return {str(alias.old): str(alias.new) for alias in joins(store, NOON)}


def test_a_cluster_s_id_becomes_its_name(kept: Store) -> None:
    see(kept, seam.consumes(seam.topic("t", "id-1"), seam.group("g", "id-1")))
    kept.record(settings=[Setting(seam.source("kafka", "prod"), "cluster_id", "id-1", NOON, "kafka")])
    assert told(kept) == {"topic:id-1/t": "topic:prod/t", "group:id-1/g": "group:prod/g"}


def test_a_topic_without_a_cluster_joins_the_only_one_of_its_name(kept: Store) -> None:
    see(kept, seam.publishes(seam.service("a"), seam.topic("t")), seam.publishes(seam.service("a"), seam.topic("u")))
    see(kept, seam.publishes(seam.service("b"), seam.topic("t", "c")))
    for cluster in ("c", "d"):
        see(kept, seam.publishes(seam.service("b"), seam.topic("u", cluster)))
    assert told(kept) == {"topic:-/t": "topic:c/t"}


def test_a_nameless_group_joins_only_where_there_is_one_on_each_side(kept: Store) -> None:
    see(kept, seam.consumes(seam.topic("t", "c"), seam.group_of("svc")))
    see(kept, seam.consumes(seam.topic("t", "c"), seam.group("g", "c")))
    see(kept, seam.consumes(seam.topic("u", "c"), seam.group_of("one")))
    see(kept, seam.consumes(seam.topic("u", "c"), seam.group_of("two")))
    see(kept, seam.consumes(seam.topic("u", "c"), seam.group("h", "c")))
    assert told(kept) == {"group:-/svc": "group:c/g"}


def test_a_rule_that_raises_is_blind_and_a_finding_and_harms_no_other(kept: Store) -> None:
    def broken(subject: WorkflowSubject, cfg: object) -> Verdict:
        raise ZeroDivisionError(str(subject.ref) + str(cfg))

    declared = Declarations(workflows=(Workflow("w", tier="production", place="f:1"),), loaded=True)
    outcomes = Rounds(kept, [replace(GOV, id="BAD-1", judge=broken), GOV], declared).run(NOON)
    assert outcomes.counts[("BAD-1", Outcome.BLIND)] == 1
    assert outcomes.blind[("BAD-1", Reason.ERROR)] == 1
    assert outcomes.counts[("GOV-01", Outcome.FAILS)] == 1
    rules_found = {finding.rule: finding for finding in kept.findings()}
    assert str(rules_found["BAD-1"].subject) == "source:rule/BAD-1"
    assert "ZeroDivisionError" in rules_found["BAD-1"].says


def test_a_round_is_told_of_each_change_and_twice_the_same_is_one(kept: Store) -> None:
    declared = Declarations(workflows=(Workflow("w", tier="production", place="f:1"),), loaded=True)
    changes: list[Change] = []

    def hear(_finding: Finding, change: Change) -> None:
        changes.append(change)

    rounds = Rounds(kept, [GOV], declared, told=hear)
    for minute in range(4):
        rounds.run(NOON + timedelta(minutes=minute))
    assert changes == [Change.PENDING, Change.OPENED]


def test_thresholds_are_checked_by_name_and_kind() -> None:
    assert configured(IDM, {"least": 10}).least == 10
    with pytest.raises(ValueError, match='IDM-01 has no threshold "leest"; it has least, identified'):
        configured(IDM, {"leest": 10})
    with pytest.raises(ValueError, match=r"IDM-01\.least is 'x'; it takes int"):
        configured(IDM, {"least": "x"})


@pytest.mark.parametrize("owner", ["payments-core", None])
def test_a_finding_about_a_workflow_has_the_owner_of_its_file(kept: Store, owner: str | None) -> None:
    declared = Declarations(workflows=(Workflow("w", owner=owner, place="f:1"),), loaded=True)
    rounds = Rounds(kept, [GOV], declared)
    for minute in range(2):
        rounds.run(NOON + timedelta(minutes=minute))
    [found] = kept.findings()
    assert found.owner == owner


@pytest.mark.parametrize(
    ("evidence", "impact", "severity", "why"),
    [
        (Evidence.DECLARED, None, Severity.MEDIUM, ""),
        (Evidence.DECLARED, "critical", Severity.HIGH, "one step up, for it serves a workflow declared critical"),
        (Evidence.INFERRED, None, Severity.LOW, "one step down, for it is inferred"),
        (Evidence.INFERRED, "critical", Severity.MEDIUM, ""),
    ],
)
def test_a_severity_that_the_round_steps_says_by_what(
    kept: Store, evidence: Evidence, impact: str | None, severity: Severity, why: str
) -> None:
    def plain(_subject: WorkflowSubject, _cfg: object) -> Verdict:
        return Verdict(Outcome.FAILS, "It fails.", evidence=evidence)

    declared = Declarations(workflows=(Workflow("w", failure_impact=impact, place="f:1"),), loaded=True)
    Rounds(kept, [replace(GOV, judge=plain)], declared).run(NOON)
    [found] = kept.findings()
    assert (found.severity, found.weighed) == (severity, why)

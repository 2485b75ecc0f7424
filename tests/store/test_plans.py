"""Every statement that the store runs on a table that grows uses an index: read from the engine's own plan."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from agent.model import seam
from agent.model.facts import Column, Exemplar, ExemplarKind, Run, RunState, Sample, Setting, Sighting, Tier
from agent.model.finding import Disposition, Said
from agent.model.flush import Delivered, Flush, WindowDelta
from agent.model.verdict import Outcome, Verdict
from agent.store import rollup
from agent.store.history import Asked
from agent.store.store import Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = seam.consumes(seam.topic("t", "c"), seam.group("g", "c"))
JOB = seam.job("n", "j")
LAG = seam.group_on_topic(seam.topic("t", "c"), seam.group("g", "c"))
HEAD = ("SELECT", "UPDATE", "DELETE")

#: Tables that are read whole: as big as the estate, not as its traffic, and each row is wanted.
SMALL = (
    "seams",
    "subjects",
    "aliases",
    "meta",
    "rollup_dirty",
    "sources",
    "leases",
    "writers",
    "verdict_counts",
    "blind_causes",
)


def batch(sequence: int, at: datetime) -> Flush:
    values = tuple([1] * len(Column))
    kept = Exemplar(ExemplarKind.ERROR, "a" * 32, "b" * 16, at)
    window = WindowDelta(KEY, at, values, {3: 1}, {4: 1}, (kept,))
    return Flush(
        "w", sequence - 1, sequence, (window,), (Delivered(KEY, 0, "", NOON, ((1, 2),)),), (Sighting(KEY, at),)
    )


def late(store: Store) -> None:
    store.flush(batch(2, NOON - timedelta(hours=30)))
    while store.roll_up(NOON):
        pass


CALLS: dict[str, Callable[[Store], object]] = {
    "flush": lambda store: store.flush(batch(2, NOON)),
    "late flush": late,
    "samples": lambda store: store.record([Sample(LAG, "lag", NOON, 1.0)]),
    "settings": lambda store: store.record(settings=[Setting(JOB, "a", "b", NOON, "k")]),
    "runs": lambda store: store.record(runs=[Run(JOB, "1", RunState.RUNNING, NOON)]),
    "sightings": lambda store: store.record(sightings=[Sighting(KEY, NOON, {"a": "b"})]),
    "prune": lambda store: store.prune(NOON + timedelta(days=500)),
    "sums of one": lambda store: store.sums(NOON - timedelta(days=7), NOON, keys=[KEY]),
    "sums of all": lambda store: store.sums(NOON - timedelta(days=7), NOON),
    "windows": lambda store: store.windows(KEY, NOON - timedelta(days=7), NOON, Tier.HOUR),
    "histograms": lambda store: store.histograms_between([KEY], NOON - timedelta(days=7), NOON),
    "exemplars": lambda store: store.exemplars(KEY),
    "deliveries": lambda store: list(store.delivered_since(NOON - timedelta(days=8))),
    "one series": lambda store: store.series(LAG, "lag", NOON - timedelta(days=7), NOON),
    "all series": lambda store: store.series_of(["lag"], NOON - timedelta(days=7), NOON),
    "one setting": lambda store: store.setting(JOB, "a", NOON),
    "what changed": lambda store: store.changes(Asked(NOON - timedelta(days=7), NOON)),
    "what changed on one": lambda store: store.changes(Asked(NOON - timedelta(days=7), NOON, components=(JOB,))),
    "what changed in a cluster": lambda store: store.changes(Asked(NOON - timedelta(days=7), NOON, cluster="c")),
    "settings in force": lambda store: store.in_force(JOB),
    "the last of a setting": lambda store: store.latest(JOB, "now.members"),
    "setting history": lambda store: store.setting_history(JOB, NOON - timedelta(days=7)),
    "runs of a job": lambda store: store.runs_of(JOB, NOON - timedelta(days=7)),
    "a finding": lambda store: store.finding("a" * 20),
    "the finding of": lambda store: store.finding_of("LAG-01", LAG),
    "findings by signal": lambda store: store.findings(signals=["open"]),
    "findings by subject": lambda store: store.findings(subject=LAG),
    "findings by rule": lambda store: store.findings(rule="LAG-01"),
    "saying": lambda store: store.say("a" * 20, Said(Disposition.WAIVED), NOON),
    "events": lambda store: store.finding_events("a" * 20),
    "verdicts by rule": lambda store: store.verdicts(rule="LAG-01"),
    "verdicts by subject": lambda store: store.verdicts(subject=LAG),
    "verdicts by outcome": lambda store: store.verdicts(outcome=Outcome.BLIND),
    "save verdicts": lambda store: store.save_verdicts(NOON, [("R", LAG, Verdict(Outcome.MEETS, "fine"))]),
    "seams": lambda store: store.seams(),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_statement_reads_a_growing_table_whole(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ensure_writer("w")
    store.flush(batch(1, NOON - timedelta(hours=30)))
    store.save_verdicts(NOON, [])
    store.record([Sample(LAG, "lag", NOON - timedelta(days=1), 1.0)])
    monkeypatch.setattr("agent.store.windows._FEW", 0 if name == "sums of all" else 400)
    while store.roll_up(NOON):
        pass
    plans: list[str] = []
    busy = False

    def plan(
        connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
    ) -> None:
        nonlocal busy
        if busy or not statement.lstrip().startswith(HEAD) or "pg_" in statement:
            return
        busy = True
        values = parameters[0] if many else parameters
        if store.database.sqlite:
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(f"{row[3]}  <-  {statement[:160]}" for row in found)
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            found = connection.exec_driver_sql(f"EXPLAIN {statement}", values)
            plans.extend(f"{row[0]}  <-  {statement[:160]}" for row in found)
        busy = False

    event.listen(store.database.engine, "before_cursor_execute", plan)
    CALLS[name](store)
    event.remove(store.database.engine, "before_cursor_execute", plan)
    assert plans
    wrong = [step for step in plans if _whole(step)]
    assert wrong == []


def _whole(step: str) -> bool:
    """True where a step reads a growing table from its first row to its last."""
    told = step.split("  <-  ", maxsplit=1)[0]
    if "Seq Scan on " in told:
        return told.split("Seq Scan on ")[1].split()[0] not in SMALL
    if not told.startswith("SCAN "):
        return False
    # `min(start)` walks the index by one step; a scan that uses an index for its order reads as far as its LIMIT.
    return told.split()[1] not in SMALL and "INDEX" not in told


def test_a_whole_read_would_be_seen(store: Store) -> None:
    with store.database.read() as connection:
        sql = "SELECT count(*) FROM windows_1m WHERE errors = 7"
        if store.database.sqlite:
            found = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
        else:
            found = [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {sql}")]
    assert any(_whole(f"{step}  <-  ") for step in found)
    assert rollup.ROLLUP_ROWS <= 1000

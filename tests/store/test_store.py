"""The store on SQLite and on a real PostgreSQL."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.model import seam
from agent.model.facts import Alias, Column, Exemplar, ExemplarKind, Sample, Setting, Sighting, Tier
from agent.model.finding import Change, Disposition, Finding, Said, Signal
from agent.model.flush import Delivered, Flush, WindowDelta
from agent.model.histogram import Histogram
from agent.model.rule import HARM
from agent.model.seam import Component, SeamKey, SubjectRef, fingerprint, group_on_topic
from agent.model.verdict import Claim, Evidence, Outcome, Reason, Severity, Verdict
from agent.store import revisions, rollup
from agent.store.engine import Database, StoreError
from agent.store.flush import SequenceGapError
from agent.store.settings import PASSES, PASSING
from agent.store.store import Store, open_store, start_store
from agent.store.types import micros, moment

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
A = seam.publishes(seam.service("a"), seam.topic("t", "c"))
B = seam.consumes(seam.topic("t", "c"), seam.group("g", "c"))


def delta(key: SeamKey, at: datetime, count: int, **more: int) -> WindowDelta:
    values = [0] * len(Column)
    values[Column.COUNT] = count
    for name, value in more.items():
        values[Column[name]] = value
    return WindowDelta(key, at.replace(second=0, microsecond=0), tuple(values), {3: count}, {5: 1})


def flush(store: Store, sequence: int, *windows: WindowDelta, writer: str = "w", watermark: datetime = NOON) -> bool:
    return store.flush(Flush(writer, sequence - 1, sequence, windows, watermark=watermark))


def counted(store: Store, start: datetime, end: datetime) -> dict[object, int]:
    return {key: values[Column.COUNT] for key, values in store.sums(start, end).items() if values[Column.COUNT]}


def test_a_time_keeps_its_microsecond_and_a_naive_one_is_refused() -> None:
    at = datetime(2026, 3, 29, 2, 30, 0, 123_457, tzinfo=UTC)
    assert moment(micros(at)) == at
    with pytest.raises(ValueError, match="no time zone"):
        micros(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test


def test_a_flush_counts_once_and_a_gap_is_refused(store: Store) -> None:
    store.ensure_writer("w")
    assert flush(store, 1, delta(A, NOON, 5))
    assert not flush(store, 1, delta(A, NOON, 5))
    assert flush(store, 2, delta(A, NOON, 2), delta(B, NOON, 1))
    with pytest.raises(SequenceGapError, match="up to 2"):
        flush(store, 4, delta(A, NOON, 1))
    assert counted(store, NOON, NOON + timedelta(minutes=1)) == {A: 7, B: 1}
    assert store.writer_sequence("w") == 2


def test_two_writers_of_one_window_add_up_and_corrections_take_away(store: Store) -> None:
    store.ensure_writer("w")
    store.ensure_writer("v")
    flush(store, 1, delta(A, NOON, 5))
    flush(store, 1, delta(A, NOON, 4), writer="v")
    flush(store, 2, delta(A, NOON, -3))
    assert counted(store, NOON, NOON + timedelta(minutes=1)) == {A: 6}
    duration, _ = store.histograms_between([A], NOON, NOON + timedelta(minutes=1))[A]
    assert duration == Histogram(((3, 6),))


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_exact_over_any_span_whatever_was_rolled_up_when(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    store.ensure_writer("w")
    truth: dict[tuple[SeamKey, datetime], int] = {}
    start = NOON - timedelta(days=2)
    for sequence in range(1, 13):
        deltas = []
        for _ in range(dice.randrange(1, 12)):
            key, at = dice.choice((A, B)), start + timedelta(minutes=dice.randrange(2 * 1440))
            count = dice.randrange(1, 9)
            deltas.append(delta(key, at, count))
            truth[key, at] = truth.get((key, at), 0) + count
        flush(store, sequence, *deltas)
        for _ in range(dice.randrange(60)):
            if not store.roll_up(start + timedelta(hours=dice.randrange(48))):
                break
    for _ in range(12):
        low = start + timedelta(minutes=dice.randrange(1440))
        high = low + timedelta(minutes=dice.randrange(1, 1440))
        wanted: dict[object, int] = {}
        for (key, at), count in truth.items():
            if low <= at < high:
                wanted[key] = wanted.get(key, 0) + count
        assert counted(store, low, high) == wanted


def test_rolled_up_windows_keep_their_histograms_and_no_transaction_is_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "ROLLUP_ROWS", 3)
    store.ensure_writer("w")
    keys = [seam.publishes(seam.service(f"s{n}"), seam.topic("t", "c")) for n in range(8)]
    flush(store, 1, *(delta(key, NOON - timedelta(hours=2, minutes=30 + m), 2) for key in keys for m in range(9)))
    while store.roll_up(NOON):
        pass
    [window] = store.windows(keys[0], NOON - timedelta(hours=4), NOON, Tier.HOUR)[:1]
    assert (window[Column.COUNT], window.duration) == (18, Histogram(((3, 18),)))


def test_what_is_old_goes_and_what_is_not_rolled_up_stays(store: Store) -> None:
    store.ensure_writer("w")
    flush(store, 1, delta(A, NOON - timedelta(days=3), 5), delta(A, NOON, 1), watermark=NOON)
    while store.prune(NOON):
        pass
    assert counted(store, NOON - timedelta(days=4), NOON + timedelta(minutes=1)) == {A: 6}
    while store.roll_up(NOON):
        pass
    while store.prune(NOON):
        pass
    with store.database.read() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM windows_1m").scalar()
    assert left == 1
    assert counted(store, NOON - timedelta(days=4), NOON + timedelta(minutes=1)) == {A: 6}


def test_names_that_became_one_are_read_as_one_and_can_part_again(store: Store) -> None:
    store.ensure_writer("w")
    blank = seam.consumes(seam.topic("t"), seam.group("g", "c"))
    flush(store, 1, delta(blank, NOON, 3), delta(B, NOON, 4))
    alias = Alias(seam.topic("t"), seam.topic("t", "c"), NOON, "told")
    store.add_alias(alias)
    assert counted(store, NOON, NOON + timedelta(minutes=1)) == {B: 7}
    assert [row.key for row in store.seams()] == [B]
    assert store.undo_alias(alias.old, NOON)
    assert counted(store, NOON, NOON + timedelta(minutes=1)) == {blank: 3, B: 4}


def finding(subject: SubjectRef, since: datetime = NOON) -> Finding:
    claim = Claim("c", 3, ">=", 1)
    fp = fingerprint("IDM-01", subject)
    return Finding(
        fp, "IDM-01", subject, Severity.HIGH, Evidence.OBSERVED, Signal.OPEN, "x", (claim,), since=since, opened=since
    )


def test_findings_move_with_their_names_and_the_oldest_fingerprint_stays(store: Store) -> None:
    old = finding(group_on_topic(seam.topic("t"), seam.group("g", "c")), NOON - timedelta(hours=2))
    new = finding(group_on_topic(seam.topic("t", "c"), seam.group("g", "c")))
    store.save_findings([(old, Change.OPENED, NOON), (new, Change.OPENED, NOON)])
    store.add_alias(Alias(seam.topic("t"), seam.topic("t", "c"), NOON, "told"))
    found = {one.fingerprint: one for one in store.findings()}
    assert found[old.fingerprint].subject == new.subject
    assert found[old.fingerprint].signal is Signal.OPEN
    assert list(found) == [old.fingerprint]
    closed = store.finding(new.fingerprint)
    assert closed is not None
    assert (closed.signal, closed.closed_because) == (Signal.RESOLVED, f"joined with {old.fingerprint}")
    assert store.finding_of("IDM-01", old.subject) == store.finding_of("IDM-01", new.subject) == found[old.fingerprint]

    assert store.undo_alias(seam.topic("t"), NOON)
    assert {one.fingerprint: one.subject for one in store.findings()} == {
        old.fingerprint: old.subject,
        new.fingerprint: new.subject,
    }


def test_a_finding_is_written_by_whoever_read_its_last_version(store: Store) -> None:
    first = finding(A.subject)
    assert store.save_findings([(first, Change.OPENED, NOON)]) == []
    stored = store.finding(first.fingerprint)
    assert stored == replace(first, version=1)
    assert store.save_findings([(replace(stored, says="y"), None, NOON)]) == []
    assert [lost.says for lost in store.save_findings([(replace(stored, says="z"), None, NOON)])] == ["z"]
    said = Said(Disposition.WAIVED, "me", "because", NOON, NOON + timedelta(days=3))
    assert store.say(first.fingerprint, said, NOON) is not None
    kept = store.finding(first.fingerprint)
    assert kept is not None
    assert (kept.says, kept.said) == ("y", said)
    assert [event.change for event in store.finding_events(first.fingerprint)] == ["waived", "opened"]
    assert store.say("0" * 20, said, NOON) is None


def test_settings_are_kept_as_changes(store: Store) -> None:
    topic = seam.topic("t", "c")
    for minute, value in ((0, "1"), (1, "1"), (2, "2"), (3, None), (3, None)):
        store.record(settings=[Setting(topic, "retention.ms", value, NOON + timedelta(minutes=minute), "k")])
    assert [change.value for change in store.setting_history(topic, NOON)] == ["1", "2", None]
    assert store.settings_as_of(NOON + timedelta(minutes=2)) == {topic: {"retention.ms": "2"}}
    assert store.settings_as_of(NOON + timedelta(minutes=9)) == {topic: {}}


def test_what_headers_showed_holds_for_as_long_as_it_is_told_and_a_week(store: Store) -> None:
    topic = seam.topic("parked", "prod")
    later = NOON + timedelta(days=3)
    for at in (NOON, later):
        store.record(settings=[Setting(topic, name, "orders", at, "kafka") for name in (*PASSING, "sampled.example")])
    assert set(store.settings_as_of(later + PASSES)[topic]) == {*PASSING, "sampled.example"}
    assert set(store.settings_as_of(later + PASSES + timedelta(seconds=1))[topic]) == {"sampled.example"}
    assert set(store.settings_as_of(NOON)[topic]) == {*PASSING, "sampled.example"}


def test_measures_come_back_as_they_were_in_order_and_late(store: Store) -> None:
    subject = group_on_topic(seam.topic("t", "c"), seam.group("g", "c"))
    for second, value in ((0, 1.5), (60, 2.0), (120, -7.25), (30, 9.0), (125, 100.0)):
        store.record([Sample(subject, "lag", NOON + timedelta(seconds=second), value)])
    series = store.series(subject, "lag", NOON, NOON + timedelta(hours=1))
    start = NOON.timestamp()
    assert [(at - start, value) for at, value in zip(series.times, series.values, strict=True)] == [
        (0, 1.5),
        (30, 9.0),
        (60, 2.0),
        (125, 100.0),
    ]


def test_exemplars_are_bounded_and_delivered_ranges_add_up(store: Store) -> None:
    store.ensure_writer("w")
    for number in range(1, 6):
        at = NOON + timedelta(seconds=number)
        kept = Exemplar(ExemplarKind.ERROR, f"{number:032x}", f"{number:016x}", at, "n")
        window = replace(delta(B, NOON, 1), exemplars=(kept,))
        delivered = Delivered(B, 0, "", NOON.replace(hour=0), ((number * 10, number * 10 + 9),))
        store.flush(Flush("w", number - 1, number, (window,), (delivered,)))
    assert [exemplar.trace for exemplar in store.exemplars(B)] == [f"{number:032x}" for number in (5, 4, 3)]
    [found] = store.delivered_since(NOON - timedelta(days=1))
    assert found.ranges == ((10, 59),)


def test_attributes_of_a_seam_stand_side_by_side_and_the_weaker_capability_wins(store: Store) -> None:
    for told in ({"service": "a", "attaches_handler": "true"}, {"service": "b", "attaches_handler": "false"}):
        store.record(sightings=[Sighting(B, NOON, told)])
    [row] = [row for row in store.seams() if row.key == B]
    assert row.attributes == {"service": "a|b", "attaches_handler": "false"}


def test_only_the_last_round_s_verdicts_stand(store: Store) -> None:
    good = Verdict(Outcome.MEETS, "fine")
    store.save_verdicts(NOON, [("R", A.subject, good), ("R", B.subject, good)])
    bad = Verdict(Outcome.FAILS, "not", (Claim("c", 1, ">=", 1),))
    store.save_verdicts(NOON + timedelta(minutes=1), [("R", B.subject, bad)])
    [row] = store.verdicts(rule="R")
    assert (row.subject, row.verdict, row.since) == (B.subject, bad, NOON + timedelta(minutes=1))
    assert store.verdict_counts() == {("R", Outcome.FAILS): 1}


def test_a_lease_has_one_holder_and_a_fence_that_grows(store: Store) -> None:
    assert store.lease("rules", "one", 60) == 1
    assert store.lease("rules", "two", 60) is None
    assert store.lease("rules", "one", -1) == 1
    assert store.lease("rules", "two", 60) == 2


def test_the_schema_goes_down_and_up_again_and_other_ages_are_refused(store: Store, url: str) -> None:
    store.ensure_writer("w")
    flush(store, 1, delta(A, NOON, 1))
    store.close()
    database = Database(url)
    revisions.downgrade(database, "base")
    needs = rf"at revision none, this version needs {revisions.newest()}\. Run: seamwatch db upgrade"
    with pytest.raises(StoreError, match=needs):
        open_store(url)
    revisions.upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer than this version knows"):
        open_store(url)
    database.close()


def test_every_migration_goes_back_and_forth_with_the_data_of_a_store(store: Store, url: str) -> None:
    store.ensure_writer("w")
    flush(store, 1, delta(A, NOON, 3))
    store.save_verdicts(NOON, [("R", A.subject, Verdict(Outcome.BLIND, "?", learn=("send traces",)))])
    store.close()
    database = Database(url)
    for revision in (*revisions.REVISIONS[1:], *reversed(revisions.REVISIONS[:-1])):
        (revisions.downgrade if revision < revisions.revision(database) else revisions.upgrade)(database, revision)
        assert revisions.revision(database) == revision
    database.close()
    again = open_store(url)
    assert again.sums(NOON - DAY, NOON + DAY)[A][0] == 3
    assert [row.rule for row in again.verdicts(outcome=Outcome.BLIND)] == ["R"]
    again.close()


def test_why_rules_are_blind_is_counted_by_cure(store: Store) -> None:
    def blind(*learn: str) -> Verdict:
        return Verdict(Outcome.BLIND, "?", reason=Reason.NOT_SENT, learn=learn)

    rows = [("R", A.subject, blind("a", "b")), ("R", B.subject, blind("a", "b")), ("S", A.subject, blind("c"))]
    store.save_verdicts(NOON, [*rows, ("T", A.subject, Verdict(Outcome.MEETS, "fine"))])
    found = [(cause.rule, cause.reason, cause.learn, cause.subjects, cause.named) for cause in store.blind_causes()]
    both = (A.subject, B.subject)
    assert found == [("R", Reason.NOT_SENT, "a; b", 2, both), ("S", Reason.NOT_SENT, "c", 1, (A.subject,))]
    subjects = [seam.consumes(seam.topic(f"t{n}", "c"), seam.group("g", "c")).subject for n in range(5)]
    few = [replace(blind("a"), missing=(f"samples: {n}, needs >= 20", "age: not seen")) for n in range(5)]
    store.save_verdicts(NOON, [("R", subject, v) for subject, v in zip(subjects, few, strict=True)])
    [cause] = store.blind_causes()
    assert (cause.missing, cause.subjects, cause.named) == ("samples; age", 5, tuple(subjects[:3]))
    store.save_verdicts(NOON, [("T", A.subject, Verdict(Outcome.MEETS, "fine"))])
    assert store.blind_causes() == []


def test_a_rule_page_gets_failing_verdicts_first_and_no_more_than_it_asks_for(store: Store) -> None:
    outcomes = [Outcome.MEETS, Outcome.NOT_APPLICABLE, Outcome.FAILS, Outcome.BLIND]
    subjects = [seam.consumes(seam.topic(f"t{n}", "c"), seam.group("g", "c")).subject for n in range(4)]
    store.save_verdicts(NOON, [("R", s, Verdict(o, o.value)) for s, o in zip(subjects, outcomes, strict=True)])
    told = [row.outcome for row in store.verdicts(rule="R", most=3)]
    assert told == [Outcome.FAILS, Outcome.BLIND, Outcome.MEETS]
    assert {(rule, o) for rule, _, o in store.outcomes()} == {("R", o) for o in outcomes if o != "not_applicable"}


def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"The file is damaged\. `seamwatch run` sets it aside"):
        open_store(f"sqlite:///{tmp_path / 'store.db'}")


def test_an_agent_sets_a_damaged_file_aside_and_starts_a_new_store(tmp_path: Path) -> None:
    garbage = b"not a database at all" * 100
    (tmp_path / "store.db").write_bytes(garbage)
    opened, told = start_store(f"sqlite:///{tmp_path / 'store.db'}", NOON)
    opened.ensure_writer("w")
    assert flush(opened, 1, delta(A, NOON, 1))
    opened.close()
    [aside] = tmp_path.glob("store.db.damaged-*")
    assert aside.read_bytes() == garbage
    assert aside.name in told
    again, told = start_store(f"sqlite:///{tmp_path / 'store.db'}", NOON)
    assert told == ""
    assert again.sums(NOON - DAY, NOON + DAY)[A][0] == 1
    again.close()


def test_harm_holds_for_a_day() -> None:
    assert timedelta(hours=24) == HARM.before_resolved
    assert Component.parse("topic:c/t") == seam.topic("t", "c")

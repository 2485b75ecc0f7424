"""Findings and verdicts: compare-and-set, history, the last round."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from agent.model.finding import ALIVE, Change, Finding, Said, Signal
from agent.model.seam import SubjectRef
from agent.model.verdict import Outcome, Verdict
from agent.store import schema
from agent.store.codec import dumps, finding_of, subject_of, subject_text, verdict_of
from agent.store.facts import Canonical

_MOST_EVENTS = 500  #: a finding keeps


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a finding's history."""

    at: datetime
    change: str
    says: str
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The last verdict of one rule on one subject."""

    rule: str
    subject: SubjectRef
    outcome: Outcome
    verdict: Verdict
    since: datetime  #: it has been just so


def save(connection: Connection, steps: Iterable[tuple[Finding, Change | None, datetime]]) -> list[Finding]:
    """Write the next states; return those that lost against another writer and were not written."""
    lost = []
    for finding, change, at in steps:
        if not _swap(connection, finding):
            lost.append(finding)
        elif change is not None and change is not Change.UPDATED:  # a number that moves is no history
            _event(connection, finding.fingerprint, Event(at, change.value, finding.says))
    return lost


def _swap(connection: Connection, finding: Finding) -> bool:
    table = schema.findings
    following = replace(finding, version=finding.version + 1)
    values = {
        "rule": finding.rule,
        "subject": subject_text(finding.subject),
        "signal": finding.signal.value,
        "owner": finding.owner,
        "opened": finding.opened,
        "version": following.version,
        "body": dumps(following),
    }
    where = (table.c.fingerprint == finding.fingerprint) & (table.c.version == finding.version)
    if connection.execute(table.update().where(where).values(**values)).rowcount:
        return True
    known = connection.execute(select(table.c.version).where(table.c.fingerprint == finding.fingerprint)).first()
    if known is not None:
        return False
    connection.execute(table.insert().values(fingerprint=finding.fingerprint, **values))
    return True


def _event(connection: Connection, fingerprint: str, event: Event) -> None:
    table = schema.events
    connection.execute(
        table.insert().values(
            fingerprint=fingerprint, at=event.at, change=event.change, says=event.says, by=event.by, note=event.note
        )
    )


def say(connection: Connection, fingerprint: str, said: Said, at: datetime) -> Finding | None:
    """Set a finding's disposition; None where there is no such finding."""
    found = get(connection, fingerprint)
    if found is None:
        return None
    following = replace(found, said=said)
    if not _swap(connection, following):
        return say(connection, fingerprint, said, at)
    event = Event(at, said.disposition.value, found.says, said.owner, said.reason)
    _event(connection, fingerprint, event)
    return replace(following, version=following.version + 1)


def get(connection: Connection, fingerprint: str) -> Finding | None:
    """One finding."""
    table = schema.findings
    body = connection.execute(select(table.c.body).where(table.c.fingerprint == fingerprint)).scalar_one_or_none()
    return finding_of(body) if body else None


def find(connection: Connection, **wanted: Any) -> list[Finding]:
    """Findings by rule, owner, subject or signals, newest first."""
    table = schema.findings
    query = select(table.c.body)
    for name in ("rule", "owner"):
        if wanted.get(name) is not None:
            query = query.where(table.c[name] == wanted[name])
    if wanted.get("subject") is not None:
        query = query.where(table.c.subject == subject_text(wanted["subject"]))
    if wanted.get("signals") is not None:
        query = query.where(table.c.signal.in_([Signal(signal).value for signal in wanted["signals"]]))
    return [finding_of(body) for body in connection.execute(query.order_by(table.c.opened.desc())).scalars()]


def history(connection: Connection, fingerprint: str) -> list[Event]:
    """What happened to a finding, newest first, at most 500 lines."""
    table = schema.events
    query = select(table).where(table.c.fingerprint == fingerprint).order_by(table.c.id.desc()).limit(_MOST_EVENTS)
    return [Event(row.at, row.change, row.says, row.by, row.note) for row in connection.execute(query)]


def move(connection: Connection, names: Canonical, at: datetime) -> None:
    """After two names became one: findings move to the new subject, the older fingerprint of two stays."""
    table = schema.findings
    by_place: dict[tuple[str, str], list[Finding]] = {}
    moved = []
    for body in connection.execute(select(table.c.body)).scalars():
        finding = finding_of(body)
        subject = names.subject(finding.subject)
        if subject != finding.subject:
            finding = replace(finding, subject=subject)
            moved.append(finding)
        by_place.setdefault((finding.rule, subject_text(subject)), []).append(finding)
    for finding in moved:
        _swap(connection, finding)
        _event(connection, finding.fingerprint, Event(at, "moved", f"now {finding.subject}"))
    for together in by_place.values():
        if len(together) > 1 and any(finding in moved for finding in together):
            _join(connection, together, at)


def _join(connection: Connection, together: list[Finding], at: datetime) -> None:
    oldest, *rest = sorted(together, key=lambda finding: finding.since or at)
    for finding in rest:
        now = get(connection, finding.fingerprint)
        if now is not None and now.signal in ALIVE:
            closed = replace(now, signal=Signal.RESOLVED, resolved=at, closed_because=f"joined {oldest.fingerprint}")
            _swap(connection, closed)
            _event(connection, finding.fingerprint, Event(at, "closed", f"joined {oldest.fingerprint}"))


class Verdicts:
    """The last verdict of each rule on each subject; only what changed is written."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, str], str] | None = None

    def save(
        self,
        connection: Connection,
        mark: str,
        at: datetime,
        rows: Sequence[tuple[str, SubjectRef, Verdict]],
        counts: Mapping[tuple[str, Outcome], int],
    ) -> None:
        """Write one round."""
        table = schema.verdicts
        if self._written is None:
            found = connection.execute(select(table.c.rule, table.c.subject, table.c.body))
            self._written = {(row.rule, row.subject): row.body for row in found}
        now = {(rule, subject_text(subject)): (verdict, dumps(verdict)) for rule, subject, verdict in rows}
        gone = [key for key in self._written if key not in now]
        changed = [(key, value) for key, value in now.items() if self._written.get(key) != value[1]]
        if gone:
            sql = f"DELETE FROM verdicts WHERE rule = {mark} AND subject = {mark}"  # noqa: S608
            connection.exec_driver_sql(sql, gone)
        if changed:
            self._write(connection, mark, at, changed)
        counted = schema.verdict_counts
        connection.execute(counted.delete())
        if counts:
            rows_ = [{"rule": r, "outcome": o.value, "verdicts": n, "at": at} for (r, o), n in counts.items()]
            connection.execute(counted.insert(), rows_)
        self._written = {key: value[1] for key, value in now.items()}

    @staticmethod
    def _write(connection: Connection, mark: str, at: datetime, changed: list[tuple[tuple[str, str], Any]]) -> None:
        from agent.store.types import micros

        sql = (
            f"INSERT INTO verdicts (rule, subject, outcome, reason, body, since) "  # noqa: S608
            f"VALUES ({', '.join([mark] * 6)}) ON CONFLICT (rule, subject) DO UPDATE SET "
            "since = CASE WHEN verdicts.outcome = excluded.outcome THEN verdicts.since ELSE excluded.since END, "
            "outcome = excluded.outcome, reason = excluded.reason, body = excluded.body"
        )
        connection.exec_driver_sql(
            sql,
            [
                (*key, verdict.outcome.value, verdict.reason.value if verdict.reason else None, body, micros(at))
                for key, (verdict, body) in changed
            ],
        )


def verdicts(connection: Connection, **wanted: Any) -> list[VerdictRow]:
    """Verdicts of the last round by rule, subject or outcome."""
    table = schema.verdicts
    query = select(table)
    if wanted.get("rule") is not None:
        query = query.where(table.c.rule == wanted["rule"])
    if wanted.get("outcome") is not None:
        query = query.where(table.c.outcome == Outcome(wanted["outcome"]).value)
    if wanted.get("subject") is not None:
        query = query.where(table.c.subject == subject_text(wanted["subject"]))
    rows = connection.execute(query.order_by(table.c.rule, table.c.subject))
    return [
        VerdictRow(row.rule, subject_of(row.subject), Outcome(row.outcome), verdict_of(row.body), row.since)
        for row in rows
    ]


def counts(connection: Connection) -> dict[tuple[str, Outcome], int]:
    """Verdicts of the last round by rule and outcome."""
    rows = connection.execute(select(schema.verdict_counts))
    return {(row.rule, Outcome(row.outcome)): row.verdicts for row in rows}


def outcomes(connection: Connection) -> list[tuple[str, SubjectRef, Outcome]]:
    """Rule, subject and outcome of every verdict of the last round, without its claims."""
    table = schema.verdicts
    rows = connection.execute(select(table.c.rule, table.c.subject, table.c.outcome))
    return [(row.rule, subject_of(row.subject), Outcome(row.outcome)) for row in rows]

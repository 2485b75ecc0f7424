"""Findings: compare-and-set, history, and the joining of two that an alias made one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from agent.model.finding import ALIVE, Change, Disposition, Finding, Said, Signal, UnsaidError
from agent.model.seam import SubjectRef
from agent.model.verdict import Outcome, Verdict
from agent.store import schema
from agent.store.codec import digest, dumps, finding_of, plain, subject_of, subject_text
from agent.store.names import Canonical

_MOST_EVENTS = 500  #: that are shown of one finding
_RULE = 64


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
    since: datetime  #: it has had this outcome


def save(connection: Connection, steps: Iterable[tuple[Finding, Change | None, datetime]]) -> list[Finding]:
    """Write the next states; return those that lost against another writer and were not written."""
    lost = []
    for finding, change, at in steps:
        if not _swap(connection, finding, at):
            lost.append(finding)
        elif change is not None and change is not Change.UPDATED:  # a number that moves is no history
            _event(connection, finding.fingerprint, Event(at, change.value, finding.says))
    return lost


def _values(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule[:_RULE],
        "place": digest(subject_text(finding.subject)),
        "signal": finding.signal.value,
        "owner": None if finding.owner is None else plain(finding.owner),
        "opened": finding.opened,
        "version": finding.version,
        "body": dumps(finding),
    }


def _swap(connection: Connection, finding: Finding, at: datetime) -> bool:
    """Write a finding over the version it was made from; False where that is not what is here."""
    table = schema.findings
    values = _values(replace(finding, version=finding.version + 1))
    where = (table.c.fingerprint == finding.fingerprint) & (table.c.version == finding.version)
    if connection.execute(table.update().where(where).values(**values)).rowcount:
        return True
    known = connection.execute(select(table.c.version).where(table.c.fingerprint == finding.fingerprint)).first()
    if known is not None:
        return False
    origin = subject_text(finding.subject)
    connection.execute(
        table.insert().values(fingerprint=finding.fingerprint, origin=origin, first=finding.since or at, **values)
    )
    return True


def _event(connection: Connection, fingerprint: str, event: Event) -> None:
    table = schema.events
    texts = {name: plain(getattr(event, name)) for name in ("says", "by", "note")}
    connection.execute(table.insert().values(fingerprint=fingerprint, at=event.at, change=event.change, **texts))


def say(connection: Connection, fingerprint: str, said: Said, at: datetime) -> Finding | None:
    """Set a finding's disposition; None where there is no such finding. Raise UnsaidError for nothing to take back."""
    found = get(connection, fingerprint)
    if found is None:
        return None
    if said.disposition is Disposition.NONE and not found.said.holds(at):
        raise UnsaidError
    _swap(connection, replace(found, said=said), at)
    _event(connection, fingerprint, Event(at, said.change, found.says, said.owner, said.reason))
    return get(connection, fingerprint)


def get(connection: Connection, fingerprint: str) -> Finding | None:
    """One finding."""
    table = schema.findings
    body = connection.execute(select(table.c.body).where(table.c.fingerprint == fingerprint)).scalar_one_or_none()
    return finding_of(body) if body else None


def of(connection: Connection, rule: str, subject: SubjectRef) -> Finding | None:
    """The finding of one rule on one subject, whatever its fingerprint."""
    table = schema.findings
    where = (table.c.rule == rule[:_RULE], table.c.place == digest(subject_text(subject)), table.c.joined.is_(None))
    body = connection.execute(select(table.c.body).where(*where).order_by(table.c.first).limit(1)).scalar()
    return finding_of(body) if body else None


def find(connection: Connection, **wanted: Any) -> list[Finding]:
    """Findings by rule, owner, subject or signals, newest first; without those that another one stands for."""
    table = schema.findings
    query = select(table.c.body).where(table.c.joined.is_(None))
    for name in ("rule", "owner"):
        if wanted.get(name) is not None:
            query = query.where(table.c[name] == wanted[name])
    if wanted.get("subject") is not None:
        query = query.where(table.c.place == digest(subject_text(wanted["subject"])))
    if wanted.get("signals") is not None:
        query = query.where(table.c.signal.in_([Signal(signal).value for signal in wanted["signals"]]))
    order = (table.c.opened.desc().nulls_last(), table.c.fingerprint)
    return [finding_of(body) for body in connection.execute(query.order_by(*order)).scalars()]


def history(connection: Connection, fingerprint: str) -> list[Event]:
    """What happened to a finding, newest first, at most 500 lines."""
    table = schema.events
    query = select(table).where(table.c.fingerprint == fingerprint).order_by(table.c.id.desc()).limit(_MOST_EVENTS)
    return [Event(row.at, row.change, row.says, row.by, row.note) for row in connection.execute(query)]


def rename(connection: Connection, names: Canonical, at: datetime) -> None:
    """After names became one, or were parted again: findings go to the subject that their first one is read as now.

    Of two of one rule the older fingerprint stays, and the newer one is closed and stands behind it.
    """
    table = schema.findings
    columns = (table.c.fingerprint, table.c.origin, table.c.joined, table.c.body)
    by_place: dict[tuple[str, SubjectRef], list[tuple[Finding, str | None]]] = {}
    for row in connection.execute(select(*columns).order_by(table.c.first, table.c.fingerprint)).all():
        finding = finding_of(row.body)
        subject = names.subject(subject_of(row.origin))
        if subject != finding.subject:
            finding = replace(finding, subject=subject)
            _swap(connection, finding, at)
            finding = replace(finding, version=finding.version + 1)
            _event(connection, finding.fingerprint, Event(at, "moved", f"now {subject}"))
        by_place.setdefault((finding.rule, subject), []).append((finding, row.joined))
    for (oldest, joined), *rest in by_place.values():
        if joined is not None:
            _stand(connection, oldest, None)
        for finding, behind in rest:
            if behind != oldest.fingerprint:
                _close(connection, finding, oldest.fingerprint, at)


def _stand(connection: Connection, finding: Finding, behind: str | None) -> None:
    table = schema.findings
    connection.execute(table.update().where(table.c.fingerprint == finding.fingerprint).values(joined=behind))


def _close(connection: Connection, finding: Finding, behind: str, at: datetime) -> None:
    _stand(connection, finding, behind)
    if finding.signal not in ALIVE:
        return
    because = f"joined with {behind}"
    closed = replace(finding, signal=Signal.RESOLVED, resolved=at, closed_because=because, stale_since=None)
    _swap(connection, closed, at)
    _event(connection, finding.fingerprint, Event(at, Change.CLOSED.value, because))

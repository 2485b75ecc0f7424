"""Verdicts of the last round: only what changed is written, and no more is read than a page shows."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Connection, case, select

from agent.model.seam import SubjectRef
from agent.model.verdict import Outcome, Reason, Verdict
from agent.store import schema
from agent.store.codec import digest, dumps, subject_of, subject_text, verdict_of
from agent.store.engine import Database
from agent.store.findings import VerdictRow
from agent.store.names import parts
from agent.store.types import micros

_OWNER = "verdicts:at hand"
_RULE = 64
_NAMED, _MOST_CAUSES = 3, 200


_Place = tuple[str, str]  #: rule, digest of the subject


@dataclass(frozen=True, slots=True)
class BlindCause:
    """Why a rule is blind, what would cure it, and on how many subjects."""

    rule: str
    reason: Reason
    learn: str
    missing: str  #: what is not seen, of the first of them, without its numbers
    subjects: int
    named: tuple[SubjectRef, ...] = ()  #: the first few


class Places:
    """Subjects and their digests, each subject held once for who writes verdicts and who reads them."""

    def __init__(self) -> None:
        self._places: dict[SubjectRef, str] = {}
        self._subjects: dict[str, SubjectRef] = {}

    def of(self, subject: SubjectRef) -> str:
        """The digest of a subject."""
        place = self._places.get(subject)
        if place is None:
            place = self._keep(digest(subject_text(subject)), subject)
        return place

    def _keep(self, place: str, subject: SubjectRef) -> str:
        held = self._subjects.setdefault(place, subject)
        return self._places.setdefault(held, place)

    def subjects(self, connection: Connection, places: set[str]) -> Mapping[str, SubjectRef]:
        """The subjects of some digests, those not known yet read from their verdicts."""
        table = schema.verdicts
        for part in parts(places - self._subjects.keys()):
            rows = connection.execute(select(table.c.place, table.c.subject).where(table.c.place.in_(part)))
            for place, text in rows:
                self._keep(place, subject_of(text))
        return self._subjects

    def forget(self, kept: int) -> None:
        """Start over where most of what is held is no longer judged."""
        if len(self._places) > 2 * kept + 1000:
            self._places, self._subjects = {}, {}


class Verdicts:
    """The last verdict of each rule on each subject, with a digest of what was written last at hand.

    A round is written as it is judged, a few hundred verdicts and one short transaction at a time: thousands of texts
    at once were a round's largest burst of memory, and held the writer's lock for a fifth of a second.
    """

    def __init__(self, places: Places) -> None:
        self._me = uuid4().hex
        self._written: dict[_Place, bytes] | None = None
        self._places = places

    def save(self, database: Database, at: datetime, rows: Iterable[tuple[str, SubjectRef, Verdict]]) -> None:
        """Write one round as it comes; what it does not name is gone, and its counts stand, once all of it is here."""
        with database.write() as connection:
            before = self._written if _still_mine(connection, self._me) else None
        if before is None:
            with database.read() as connection:
                before = _stored(connection)
        self._written = None  # until this round is whole: what is in the store is not known
        now: dict[_Place, bytes] = {}
        causes = _Causes()
        counts: Counter[tuple[str, Outcome]] = Counter()
        for part in parts(rows):
            changed = []
            for rule, subject, verdict in part:
                counts[rule, verdict.outcome] += 1
                causes.add(rule, subject, verdict)
                place, text = (rule[:_RULE], self._places.of(subject)), dumps(verdict)
                now[place] = _mark(text)
                if before.get(place) != now[place]:
                    changed.append((place, subject, verdict, text))
            if changed:
                with database.write() as connection:
                    self._write(database, connection, at, changed)
        gone = [place for place in before if place not in now]
        with database.write() as connection:
            _end(database, connection, at, gone, counts)
            causes.save(connection)
            mine = _still_mine(connection, self._me)
        self._written = now if mine else None
        self._places.forget(len(now))

    def _write(
        self,
        database: Database,
        connection: Connection,
        at: datetime,
        changed: Sequence[tuple[_Place, SubjectRef, Verdict, str]],
    ) -> None:
        sql = (
            "INSERT INTO verdicts (rule, place, subject, outcome, reason, body, since) "  # noqa: S608
            f"VALUES ({database.marks(7)}) ON CONFLICT (rule, place) DO UPDATE SET "
            "since = CASE WHEN verdicts.outcome = excluded.outcome THEN verdicts.since ELSE excluded.since END, "
            "outcome = excluded.outcome, reason = excluded.reason, body = excluded.body"
        )
        when = micros(at)
        rows = []
        for place, subject, verdict, text in changed:
            reason = verdict.reason.value if verdict.reason else None
            rows.append((*place, subject_text(subject), verdict.outcome.value, reason, text, when))
        connection.exec_driver_sql(sql, rows)


def _end(
    database: Database,
    connection: Connection,
    at: datetime,
    gone: Sequence[_Place],
    counts: Mapping[tuple[str, Outcome], int],
) -> None:
    """What is judged no longer goes, and the counts of the round stand."""
    if gone:
        mark = database.mark
        connection.exec_driver_sql(f"DELETE FROM verdicts WHERE rule = {mark} AND place = {mark}", gone)  # noqa: S608
    counted = schema.verdict_counts
    connection.execute(counted.delete())
    if counts:
        told = [{"rule": r[:_RULE], "outcome": o.value, "verdicts": n, "at": at} for (r, o), n in counts.items()]
        connection.execute(counted.insert(), told)


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _still_mine(connection: Connection, me: str) -> bool:
    """True where no other process saved a round since; from now on it is `me`."""
    table = schema.meta
    last = connection.execute(select(table.c.value).where(table.c.key == _OWNER)).scalar_one_or_none()
    if last is None:
        connection.execute(table.insert().values(key=_OWNER, value=me))
    elif last != me:
        connection.execute(table.update().where(table.c.key == _OWNER).values(value=me))
    return last == me


def _stored(connection: Connection) -> dict[_Place, bytes]:
    table = schema.verdicts
    rows = connection.execute(select(table.c.rule, table.c.place, table.c.body))
    return {(rule, place): _mark(body) for rule, place, body in rows}


class _Causes:
    """Why rules are blind, counted as verdicts come."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Reason, str], BlindCause] = {}

    def add(self, rule: str, subject: SubjectRef, verdict: Verdict) -> None:
        """Count one verdict, if it is blind."""
        if verdict.outcome is not Outcome.BLIND:
            return
        place = (rule[:_RULE], verdict.reason or Reason.NOT_SENT, "; ".join(verdict.learn))
        old = self._found.get(place)
        if old is None:
            missing = "; ".join(part.partition(":")[0] for part in verdict.missing)
            self._found[place] = BlindCause(*place, missing, 1, (subject,))
        else:
            named = old.named if len(old.named) >= _NAMED else (*old.named, subject)
            self._found[place] = replace(old, subjects=old.subjects + 1, named=named)

    def save(self, connection: Connection) -> None:
        """Write the most frequent ones over those of the round before."""
        table = schema.blind_causes
        connection.execute(table.delete())
        told = [
            {
                "rule": one.rule,
                "reason": one.reason.value,
                "place": digest(one.learn),
                "learn": one.learn,
                "missing": one.missing,
                "subjects": one.subjects,
                "named": orjson.dumps([subject.as_dict() for subject in one.named]).decode(),
            }
            for one in sorted(self._found.values(), key=lambda one: -one.subjects)[:_MOST_CAUSES]
        ]
        if told:
            connection.execute(table.insert(), told)


def blind_causes(connection: Connection) -> list[BlindCause]:
    """Why rules were blind in the last round, the most frequent of each rule first."""
    table = schema.blind_causes
    rows = connection.execute(select(table).order_by(table.c.rule, table.c.subjects.desc(), table.c.place))
    return [
        BlindCause(
            row.rule,
            Reason(row.reason),
            row.learn,
            row.missing,
            row.subjects,
            tuple(SubjectRef.from_dict(one) for one in orjson.loads(row.named)),
        )
        for row in rows
    ]


_ORDER = {"fails": 0, "blind": 1, "meets": 2, "not_applicable": 3}


def verdicts(connection: Connection, *, most: int | None = None, **wanted: Any) -> list[VerdictRow]:
    """Verdicts of the last round by rule, subject or outcome, failing ones first; at most `most` of them."""
    table = schema.verdicts
    query = select(table)
    if wanted.get("rule") is not None:
        query = query.where(table.c.rule == wanted["rule"])
    if wanted.get("outcome") is not None:
        query = query.where(table.c.outcome == Outcome(wanted["outcome"]).value)
    if wanted.get("subject") is not None:
        query = query.where(table.c.place == digest(subject_text(wanted["subject"])))
    order = (table.c.rule, case(_ORDER, value=table.c.outcome), table.c.subject)
    rows = connection.execute(query.order_by(*order).limit(most))
    return [
        VerdictRow(row.rule, subject_of(row.subject), Outcome(row.outcome), verdict_of(row.body), row.since)
        for row in rows
    ]


def counts(connection: Connection) -> dict[tuple[str, Outcome], int]:
    """Verdicts of the last round by rule and outcome."""
    rows = connection.execute(select(schema.verdict_counts))
    return {(row.rule, Outcome(row.outcome)): row.verdicts for row in rows}


def judged_at(connection: Connection) -> datetime | None:
    """When the last round with any verdict was saved."""
    found: datetime | None = connection.execute(select(schema.verdict_counts.c.at).limit(1)).scalar()
    return found


def outcomes(connection: Connection, known: Places) -> list[tuple[str, SubjectRef, Outcome]]:
    """Rule, subject and outcome of every verdict of the last round that applies, without its claims."""
    table = schema.verdicts
    applies = table.c.outcome != Outcome.NOT_APPLICABLE.value
    rows = connection.execute(select(table.c.rule, table.c.place, table.c.outcome).where(applies)).all()
    subjects = known.subjects(connection, {row[1] for row in rows})
    return [(rule, subjects[place], Outcome(outcome)) for rule, place, outcome in rows]

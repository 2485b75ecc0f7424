"""What the store notes about itself: sources of facts, leases, single values."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from sqlalchemy import Connection, select

from agent.model.flush import Counted
from agent.store import schema
from agent.store.codec import plain
from agent.store.engine import Database

_NAME = 512


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of facts as it last told of itself."""

    source: str
    last_success: datetime | None
    last_fact: datetime | None
    error: str
    counters: Mapping[str, int]


class Notes:
    """The part of the store that is about Seamwatch itself."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def touch_source(
        self,
        source: str,
        at: datetime,
        *,
        fact_at: datetime | None = None,
        error: str = "",
        counted: Sequence[Counted] = (),
    ) -> None:
        """Note that a source was heard (or, with `error`, was not)."""
        table = schema.sources
        source = plain(source)[:_NAME]
        counters = {f"{c.verb} {c.reason}".strip(): c.facts for c in counted}
        with self.database.write() as connection:
            before = connection.execute(select(table).where(table.c.source == source)).first()
            values = {
                "last_success": before.last_success if error and before else None if error else at,
                "last_fact": fact_at or (before.last_fact if before else None),
                "error": plain(error),
                "counters": orjson.dumps(counters).decode() if counted or before is None else before.counters,
            }
            connection.execute(table.delete().where(table.c.source == source))
            connection.execute(table.insert().values(source=source, **values))

    def sources(self) -> list[SourceRow]:
        """Every source that was heard."""
        with self.database.read() as connection:
            rows = connection.execute(select(schema.sources).order_by(schema.sources.c.source)).all()
        return [
            SourceRow(row.source, row.last_success, row.last_fact, row.error, orjson.loads(row.counters))
            for row in rows
        ]

    def lease(self, name: str, holder: str, seconds: float) -> int | None:
        """Take or keep a lease by the store's clock; its fence number, or None while another holds it."""
        table = schema.leases
        with self.database.write() as connection:
            now = _now(self.database, connection)
            found = connection.execute(select(table).where(table.c.name == name)).first()
            if found is None:
                connection.execute(table.insert().values(name=name, holder=holder, fence=1, until=now + seconds))
                return 1
            if found.holder != holder and found.until > now:
                return None
            fence = found.fence if found.holder == holder and found.until > now else found.fence + 1
            connection.execute(
                table.update().where(table.c.name == name).values(holder=holder, fence=fence, until=now + seconds)
            )
            return int(fence)

    def holds_lease(self, name: str, fence: int) -> bool:
        """True while the lease with this fence number is neither over nor taken by another."""
        table = schema.leases
        with self.database.read() as connection:
            now = _now(self.database, connection)
            found = connection.execute(select(table).where(table.c.name == name)).first()
        return found is not None and found.fence == fence and found.until > now

    def meta(self, key: str) -> str | None:
        """One value of the store's own notes."""
        with self.database.read() as connection:
            return connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == key)).scalar_one_or_none()

    def set_meta(self, key: str, value: str) -> None:
        """Write one of them."""
        table = schema.meta
        with self.database.write() as connection:
            connection.execute(table.delete().where(table.c.key == key))
            connection.execute(table.insert().values(key=key, value=value))

    def last_sure(self) -> datetime | None:
        """By which time history was deleted last."""
        found = self.meta("sure")
        return datetime.fromisoformat(found) if found else None

    def keep_sure(self, at: datetime) -> None:
        """Note it for the next start."""
        self.set_meta("sure", at.astimezone(UTC).isoformat())

    def attached_at(self) -> datetime | None:
        """When the first fact was kept here."""
        found = self.meta("attached")
        return datetime.fromisoformat(found) if found else None

    def attach(self, at: datetime) -> None:
        """Note the first fact, once."""
        if self.meta("attached") is not None:
            return
        with self.database.write() as connection:
            table = schema.meta
            if connection.execute(select(table.c.key).where(table.c.key == "attached")).first() is None:
                connection.execute(table.insert().values(key="attached", value=at.astimezone(UTC).isoformat()))


def _now(database: Database, connection: Connection) -> float:
    if database.sqlite:
        return time.time()
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())

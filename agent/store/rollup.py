"""Roll-ups: each tier summed from the finer one, interval by interval, in transactions of a few hundred rows."""

from datetime import datetime

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Tier
from agent.model.histogram import Histogram
from agent.store import schema
from agent.store.engine import Database
from agent.store.types import moment
from agent.store.windows import COLUMNS, FIELDS, ORDER, Row, packed, rolled_to, upsert

ROLLUP_ROWS = 400  #: rows a roll-up writes in one transaction: 10 to 30 ms


def roll_up(database: Database, until: datetime) -> bool:
    """Do one interval of one tier: first what late facts made due again, then the next closed one. False when done."""
    with database.read() as connection:
        rolled = rolled_to(connection)
        table = schema.rollups
        due = connection.execute(select(table).order_by(table.c.start).limit(200)).all()
        oldest = connection.exec_driver_sql("SELECT min(start) FROM windows_1m").scalar()
    for tier in (Tier.TEN, Tier.HOUR, Tier.DAY):
        again = next((row for row in due if row.tier == tier.value), None)
        if again is not None:
            _roll(database, tier, again.start, orjson.loads(again.seams))
            with database.write() as connection:
                connection.execute(table.delete().where((table.c.tier == tier.value) & (table.c.start == again.start)))
            return True
        finer = int(until.timestamp()) if tier is Tier.TEN else rolled[Tier.TEN if tier is Tier.HOUR else Tier.HOUR]
        start = rolled[tier] or (oldest // tier.seconds * tier.seconds if oldest is not None else 0)
        if start and start + tier.seconds <= finer:
            _roll(database, tier, start, None)
            _rolled(database, tier, _skipped(database, tier, start + tier.seconds, finer))
            return True
    return False


def _skipped(database: Database, tier: Tier, start: int, finer: int) -> int:
    """The next interval that has rows: nights without traffic are passed over in one step."""
    table = f"windows_{_finer(tier).value}"
    with database.read() as connection:
        found = connection.exec_driver_sql(
            f"SELECT min(start) FROM {table} WHERE start >= {database.mark}",  # noqa: S608
            (start,),
        ).scalar()
    following = finer if found is None else int(found)
    return min(following, finer) // tier.seconds * tier.seconds


def _rolled(database: Database, tier: Tier, end: int) -> None:
    with database.write() as connection:
        table = schema.meta
        connection.execute(table.delete().where(table.c.key == f"rolled:{tier.value}"))
        connection.execute(table.insert().values(key=f"rolled:{tier.value}", value=str(end)))


def _finer(tier: Tier) -> Tier:
    return ORDER[ORDER.index(tier) + 1]


def _roll(database: Database, tier: Tier, start: int, only: list[int] | None) -> None:
    """Sum one interval from the finer tier and write it in parts; doing it twice is the same."""
    mark = database.mark
    where = f" AND seam IN ({', '.join(map(str, map(int, only)))})" if only else ""
    sql = (
        f"SELECT seam, {COLUMNS}, duration, queue FROM windows_{_finer(tier).value} "  # noqa: S608
        f"WHERE start >= {mark} AND start < {mark}{where}"
    )
    rows: dict[int, Row] = {}
    with database.read() as connection:
        for seam, *values, duration, queue in connection.exec_driver_sql(sql, (start, start + tier.seconds)):
            row = rows.setdefault(seam, ([0] * len(FIELDS), {}, {}))
            for number, value in enumerate(values):
                row[0][number] += value
            for target, blob in ((row[1], duration), (row[2], queue)):
                for bucket, count in Histogram.unpack(blob).counts:
                    target[bucket] = target.get(bucket, 0) + count
    written = [(seam, start, *packed(row)) for seam, row in sorted(rows.items())]
    for at in range(0, len(written), ROLLUP_ROWS):
        with database.write() as connection:
            upsert(database, connection, f"windows_{tier.value}", written[at : at + ROLLUP_ROWS])


def watermark(connection: Connection) -> datetime | None:
    """What every writer has passed; None where none has said."""
    found = connection.exec_driver_sql("SELECT min(watermark) FROM writers WHERE watermark IS NOT NULL").scalar()
    return moment(int(found)) if found is not None else None

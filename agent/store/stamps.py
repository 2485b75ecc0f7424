"""When records of Kafka were stamped, by partition: what was asked once need not be asked after a restart."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, delete, select

from agent.store import schema
from agent.store.codec import digest, plain
from agent.store.engine import Database

KEPT = timedelta(days=35)
MOST_MARKS = 32  #: of one partition, the newest
_NAME = 256

Mark = tuple[int, int, int]  #: offset, stamp, earliest time to which it was the answer; Unix milliseconds
Marks = tuple[str, int, Sequence[Mark]]  #: topic, partition, ascending by offset


def save(database: Database, connection: Connection, cluster: str, marks: Iterable[Marks], now: datetime) -> None:
    """Keep what is known of some partitions, in place of what was; a partition without marks is forgotten."""
    place, seen = digest(cluster), int(now.timestamp())
    rows, gone = [], []
    for topic, partition, known in marks:
        name = plain(topic)[:_NAME]
        if known:
            rows.append((place, name, partition, orjson.dumps(known[-MOST_MARKS:]).decode(), seen))
        else:
            gone.append((name, partition))
    if rows:
        sql = (
            'INSERT INTO stamps (place, topic, "partition", marks, seen) '  # noqa: S608
            f'VALUES ({database.marks(5)}) ON CONFLICT (place, topic, "partition") '
            "DO UPDATE SET marks = excluded.marks, seen = excluded.seen"
        )
        connection.exec_driver_sql(sql, rows)
    table = schema.stamps
    for name, partition in gone:
        where = (table.c.place == place, table.c.topic == name, table.c.partition == partition)
        connection.execute(delete(table).where(*where))
    connection.execute(delete(table).where(table.c.place == place, table.c.seen < seen - int(KEPT.total_seconds())))


def load(connection: Connection, cluster: str) -> Iterator[Marks]:
    """What is known of a cluster's partitions."""
    table = schema.stamps
    columns = (table.c.topic, table.c.partition, table.c.marks)
    for topic, partition, marks in connection.execute(select(*columns).where(table.c.place == digest(cluster))):
        known = [(int(a), int(b), int(c)) for a, b, c in orjson.loads(marks)]
        yield topic, partition, known

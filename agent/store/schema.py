"""The tables. Windows start at Unix seconds; every aggregate's key begins with what it belongs to.

Names that come from outside are keyed by their digest (`place`): PostgreSQL refuses an index entry above 2.7 KB.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

from agent.model.facts import Column as Field
from agent.store.types import UtcDateTime

metadata = MetaData()

FIELDS = tuple(field.name.lower() for field in Field)


def _window(name: str, *, writer: bool) -> Table:
    writers = [Column("writer", Integer, primary_key=True, autoincrement=False)] if writer else []
    return Table(
        name,
        metadata,
        Column("seam", Integer, primary_key=True, autoincrement=False),
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        *writers,
        *(Column(field, BigInteger, nullable=False, server_default="0") for field in FIELDS),
        Column("duration", LargeBinary),
        Column("queue", LargeBinary),
        Index(f"{name}_start", "start"),
        sqlite_with_rowid=False,
    )


meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

writers = Table(
    "writers",
    metadata,
    Column("slot", Integer, primary_key=True),
    Column("writer", String(128), nullable=False, unique=True),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("watermark", UtcDateTime),
)

seams = Table(
    "seams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", String(32), nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("attributes", Text, nullable=False, server_default="{}"),
)

windows = {
    "1m": _window("windows_1m", writer=True),
    "10m": _window("windows_10m", writer=False),
    "1h": _window("windows_1h", writer=False),
    "1d": _window("windows_1d", writer=False),
}

dirty = Table(
    "rollup_dirty",
    metadata,
    Column("tier", String(4), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),  # one more for each flush that fell into it
    Column("seams", Text, nullable=False),
)

exemplars = Table(
    "exemplars",
    metadata,
    Column("seam", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("trace", String(32), nullable=False),
    Column("span", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seam", Integer, primary_key=True, autoincrement=False),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("operation", String(512), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", Integer, primary_key=True, autoincrement=False),
    Column("ranges", LargeBinary, nullable=False),
    Index("deliveries_day", "day"),
    sqlite_with_rowid=False,
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", String(32), nullable=False, unique=True),
    Column("key", Text, nullable=False),
)

measures = Table(
    "measures",
    metadata,
    Column("subject", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("chunk", LargeBinary, nullable=False),
    Index("measures_name_day", "name", "day"),
    sqlite_with_rowid=False,
)

settings = Table(
    "settings",
    metadata,
    Column("place", String(32), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("since", UtcDateTime, primary_key=True),
    Column("component", Text, nullable=False),
    Column("value", Text),
    Column("source", Text, nullable=False),
    Column("seen", UtcDateTime, nullable=False),
    Index("settings_seen", "seen"),
    Index("settings_since", "since"),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("place", String(32), primary_key=True),
    Column("run", String(256), primary_key=True),
    Column("job", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),  # its end, or its start while it runs
    Column("state", String(16), nullable=False),
    Column("started", UtcDateTime),
    Column("ended", UtcDateTime),
    Column("body", Text, nullable=False),
    Index("runs_at", "at"),
    Index("runs_job", "place", "at"),
    sqlite_with_rowid=False,
)

aliases = Table(
    "aliases",
    metadata,
    Column("place", String(32), primary_key=True),
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("undone", UtcDateTime),
)

findings = Table(
    "findings",
    metadata,
    Column("fingerprint", String(20), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("place", String(32), nullable=False),  # of the subject
    Column("origin", Text, nullable=False),  # the subject before any alias, for the way back
    Column("joined", String(20)),  # the finding that stands for this one since an alias
    Column("first", UtcDateTime, nullable=False),
    Column("signal", String(16), nullable=False),
    Column("owner", Text),
    Column("opened", UtcDateTime),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index("findings_rule_place", "rule", "place"),
    Index("findings_place", "place"),
    Index("findings_signal", "signal"),
)

events = Table(
    "finding_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(20), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("change", String(32), nullable=False),
    Column("says", Text, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Index("finding_events_fingerprint", "fingerprint", "id"),
    Index("finding_events_at", "at"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("rule", String(64), primary_key=True),
    Column("place", String(32), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(32)),
    Column("body", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Index("verdicts_place", "place"),
    Index("verdicts_outcome", "outcome"),
    sqlite_with_rowid=False,
)

verdict_counts = Table(
    "verdict_counts",
    metadata,
    Column("rule", String(64), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("verdicts", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

blind_causes = Table(
    "blind_causes",
    metadata,
    Column("rule", String(64), primary_key=True),
    Column("reason", String(32), primary_key=True),
    Column("place", String(32), primary_key=True),  # of the cure
    Column("learn", Text, nullable=False),
    Column("missing", Text, nullable=False),
    Column("named", Text, nullable=False),  # the first few subjects, as JSON
    Column("subjects", Integer, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("source", String(512), primary_key=True),
    Column("last_success", UtcDateTime),
    Column("last_fact", UtcDateTime),
    Column("error", Text, nullable=False, server_default=""),
    Column("counters", Text, nullable=False, server_default="{}"),
)

stamps = Table(
    "stamps",
    metadata,
    Column("place", String(32), primary_key=True),  # of the cluster
    Column("topic", String(256), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("marks", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),  # Unix seconds
    Index("stamps_seen", "seen"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", Float, nullable=False),
)

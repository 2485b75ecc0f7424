"""The first schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FIELDS = (
    "count",
    "errors",
    "retries",
    "duplicates",
    "bytes",
    "duration_us",
    "roots",
    "linked",
    "paired",
    "identified",
    "effectful",
    "guarded",
    "rewritten",
    "interrupted",
    "detached",
    "sampled",
)
_TABLES = (
    "meta",
    "writers",
    "seams",
    "windows_1m",
    "windows_10m",
    "windows_1h",
    "windows_1d",
    "rollup_dirty",
    "exemplars",
    "deliveries",
    "subjects",
    "measures",
    "settings",
    "runs",
    "aliases",
    "findings",
    "finding_events",
    "verdicts",
    "verdict_counts",
    "sources",
    "leases",
)


def _windows(name: str, *, writer: bool) -> None:
    writers = [sa.Column("writer", sa.Integer, primary_key=True, autoincrement=False)] if writer else []
    op.create_table(
        name,
        sa.Column("seam", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        *writers,
        *(sa.Column(field, sa.BigInteger, nullable=False, server_default="0") for field in _FIELDS),
        sa.Column("duration", sa.LargeBinary),
        sa.Column("queue", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{name}_start", name, ["start"])


def _estate() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "writers",
        sa.Column("slot", sa.Integer, primary_key=True),
        sa.Column("writer", sa.String(128), nullable=False, unique=True),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("watermark", sa.BigInteger),
    )
    op.create_table(
        "seams",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("place", sa.String(32), nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("attributes", sa.Text, nullable=False, server_default="{}"),
    )
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("place", sa.String(32), nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False),
    )
    op.create_table(
        "aliases",
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("old", sa.Text, nullable=False),
        sa.Column("new", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("undone", sa.BigInteger),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_table(
        "sources",
        sa.Column("source", sa.String(512), primary_key=True),
        sa.Column("last_success", sa.BigInteger),
        sa.Column("last_fact", sa.BigInteger),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("counters", sa.Text, nullable=False, server_default="{}"),
    )


def _traffic() -> None:
    op.create_table(
        "rollup_dirty",
        sa.Column("tier", sa.String(4), primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("seams", sa.Text, nullable=False),
    )
    op.create_table(
        "exemplars",
        sa.Column("seam", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("trace", sa.String(32), nullable=False),
        sa.Column("span", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("seam", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("operation", sa.String(512), primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("writer", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("ranges", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("deliveries_day", "deliveries", ["day"])


def _notes() -> None:
    op.create_table(
        "measures",
        sa.Column("subject", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("chunk", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("measures_name_day", "measures", ["name", "day"])
    op.create_table(
        "settings",
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(256), primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("settings_seen", "settings", ["seen"])
    op.create_index("settings_since", "settings", ["since"])
    op.create_table(
        "runs",
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("run", sa.String(256), primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("runs_at", "runs", ["at"])
    op.create_index("runs_job", "runs", ["place", "at"])


def _judgements() -> None:
    op.create_table(
        "findings",
        sa.Column("fingerprint", sa.String(20), primary_key=True),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("place", sa.String(32), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("joined", sa.String(20)),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("signal", sa.String(16), nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("opened", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("findings_place", "findings", ["place"])
    op.create_index("findings_rule_place", "findings", ["rule", "place"])
    op.create_index("findings_signal", "findings", ["signal"])
    op.create_table(
        "finding_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.String(20), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("change", sa.String(32), nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False, server_default=""),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("finding_events_at", "finding_events", ["at"])
    op.create_index("finding_events_fingerprint", "finding_events", ["fingerprint", "id"])
    op.create_table(
        "verdicts",
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("verdicts_outcome", "verdicts", ["outcome"])
    op.create_index("verdicts_place", "verdicts", ["place"])
    op.create_table(
        "verdict_counts",
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("verdicts", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def upgrade() -> None:
    """Make every table."""
    for tier in ("1m", "10m", "1h", "1d"):
        _windows(f"windows_{tier}", writer=tier == "1m")
    _estate()
    _traffic()
    _notes()
    _judgements()


def downgrade() -> None:
    """Drop every table."""
    for name in reversed(_TABLES):
        op.drop_table(name)

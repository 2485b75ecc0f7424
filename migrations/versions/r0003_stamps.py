"""When records were stamped: what a Kafka collector learnt by asking, so that it asks once, over restarts too.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; the next looks fill it."""
    op.create_table(
        "stamps",
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("topic", sa.String(256), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("marks", sa.Text, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
    )
    op.create_index("stamps_seen", "stamps", ["seen"])


def downgrade() -> None:
    """Drop it: what it held is asked for again."""
    op.drop_table("stamps")

"""Why rules are blind, counted by cure: the Collectors page reads a few rows instead of every verdict.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; the next round fills it."""
    op.create_table(
        "blind_causes",
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("reason", sa.String(32), primary_key=True),
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("learn", sa.Text, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("named", sa.Text, nullable=False),
        sa.Column("subjects", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("blind_causes")

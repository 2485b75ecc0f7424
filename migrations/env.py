"""Runs migrations on the connection that the store gives, or on the URL given with -x url=..."""

from typing import Any

from alembic import context

from agent.store.engine import Database
from agent.store.schema import metadata


def _run(connection: Any) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


database = context.config.attributes.get("database") or Database(context.get_x_argument(as_dictionary=True)["url"])
with database.engine.connect().execution_options(writes=True) as opened:
    _run(opened)
    opened.commit()

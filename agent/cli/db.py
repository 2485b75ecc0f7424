"""`seamwatch db`: the store's schema."""

from typing import TYPE_CHECKING

import click

from agent.cli.common import config_option, settings_of

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def db() -> None:
    """The store's schema: upgrade, downgrade, status."""


@db.command()
@config_option
def upgrade(config_path: "Path | None") -> int:
    """Bring the store to this version's schema."""
    from agent.app.parts import store_url
    from agent.store.engine import Database
    from agent.store.revisions import newest, upgrade

    database = Database(store_url(settings_of(config_path)))
    if database.path is not None:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    upgrade(database)
    click.echo(f"{database.place} is at revision {newest()}.")
    return 0


@db.command()
@click.argument("revision")
@config_option
def downgrade(revision: str, config_path: "Path | None") -> int:
    """Take the store back to a revision (`base` for none). What newer revisions added is lost."""
    from agent.app.parts import store_url
    from agent.store.engine import Database
    from agent.store.revisions import downgrade

    database = Database(store_url(settings_of(config_path)))
    downgrade(database, revision)
    click.echo(f"{database.place} is at revision {revision}.")
    return 0


@db.command()
@config_option
def status(config_path: "Path | None") -> int:
    """Show the store's revision beside the one that this version needs; exit 3 when they differ."""
    from agent.app.parts import store_url
    from agent.store.engine import Database
    from agent.store.revisions import newest, revision

    database = Database(store_url(settings_of(config_path)))
    found = revision(database)
    click.echo(f"{database.place} is at revision {found or 'none'}; this version needs {newest()}.")
    return 0 if found == newest() else 3

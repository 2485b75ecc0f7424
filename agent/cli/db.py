"""`seamwatch db`: the store's schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from agent.cli.common import config_option, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from agent.store.engine import Database


@click.group()
def db() -> None:
    """The store's schema: upgrade, downgrade, status."""


@contextmanager
def _alone(config_path: "Path | None") -> "Iterator[Database]":
    """The store, while nobody else works on it: no agent has its data folder, and no process has it open."""
    import os

    from agent.app.journalling import lock
    from agent.app.parts import store_url
    from agent.store.change import alone
    from agent.store.engine import Database

    settings = settings_of(config_path)
    database = Database(store_url(settings))
    handle = lock(settings.data_dir) if settings.data_dir.exists() else None
    try:
        alone(database)
        yield database
    finally:
        database.close()
        if handle is not None:
            os.close(handle)


@db.command()
@config_option
def upgrade(config_path: "Path | None") -> int:
    """Bring the store to this version's schema; refused while another process works on it."""
    from agent.store.revisions import newest, upgrade

    with _alone(config_path) as database:
        if database.path is not None:
            database.path.parent.mkdir(parents=True, exist_ok=True)
        upgrade(database)
        click.echo(f"{database.place} is at revision {newest()}.")
    return 0


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Drop what newer revisions added, with what it holds.")
@config_option
def downgrade(revision: str, yes: bool, config_path: "Path | None") -> int:
    """Take the store back to a revision (`base` for none); refused while another process works on it.

    What would be dropped is said, and dropped with --yes only.
    """
    from agent.model.counting import counted
    from agent.store.change import lost
    from agent.store.revisions import check, downgrade

    with _alone(config_path) as database:
        if database.path is not None and not database.path.exists():
            check(database, make=False)
        gone = lost(database, revision)
        if gone and not yes:
            rows = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in gone.items())
            click.echo(
                f"Revision {revision} of {database.place} has no place for {rows}: they would be lost for good. "
                "Nothing was changed. Make a copy of the store, and add --yes to drop them.",
                err=True,
            )
            return 2
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

"""`seamwatch config` and `seamwatch schema`."""

from typing import TYPE_CHECKING

import click

from agent.cli.common import checked_settings, config_option, table

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def config() -> None:
    """The configuration in force."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@config_option
def show(origin: bool, config_path: "Path | None") -> int:
    """Every setting with its value; secrets are never shown."""
    rows = [[key, value, str(origin_of)] for key, value, origin_of in checked_settings(config_path).listing()]
    if origin:
        click.echo(table(rows, ["setting", "value", "from"]))
    else:
        click.echo(table([row[:2] for row in rows], ["setting", "value"]))
    return 0


@click.command()
@click.argument("name", type=click.Choice(["config", "workflow", "recording", "scan"]))
def schema(name: str) -> int:
    """Print a JSON Schema."""
    import orjson

    from agent.app.schemas import schema as find

    click.echo(orjson.dumps(find(name), option=orjson.OPT_INDENT_2).decode())
    return 0

"""`seamwatch config` and `seamwatch schema`."""

from pathlib import Path
from typing import Any

import click

from agent.cli.common import config_option, settings_of, table


@click.group()
def config() -> None:
    """The configuration in force."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@config_option
def show(origin: bool, config_path: Path | None) -> int:
    """Every setting with its value; secrets are never shown."""
    settings = settings_of(config_path)
    rows = [[name, _shown(settings, name), settings.origins[name]] for name in sorted(settings.origins)]
    if origin:
        click.echo(table(rows, ["setting", "value", "from"]))
    else:
        click.echo(table([row[:2] for row in rows], ["setting", "value"]))
    return 0


def _shown(settings: Any, name: str) -> str:
    value = settings
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    return str(value)


@click.command()
@click.argument("name", type=click.Choice(["config", "workflow", "recording", "scan"]))
def schema(name: str) -> int:
    """Print a JSON Schema."""
    import orjson

    from agent.app.schemas import schema as find

    click.echo(orjson.dumps(find(name), option=orjson.OPT_INDENT_2).decode())
    return 0

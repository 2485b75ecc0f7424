"""`seamwatch run`."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from agent.cli.common import Duration, Location, checked_settings, config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@click.option(
    "--replay",
    multiple=True,
    type=Location(exists=True),
    help="First take captures in, in virtual time.",
)
@click.option(
    "--every", type=Duration(), default="60s", show_default=True, help="Virtual time between judgements of a replay."
)
@click.option("--next-free-port", is_flag=True, help="Take the next free port where one is in use.")
def run(config_path: "Path | None", replay: "tuple[Path, ...]", every: timedelta, next_free_port: bool) -> int:
    """Run the agent: OTLP on 4318, pages, API and /metrics on 8740. Ctrl-C stops it cleanly."""
    from agent.app.agent import listen, run
    from agent.app.logs import configure
    from agent.app.parts import assemble

    settings = checked_settings(config_path)
    configure(settings.log.level, settings.log.format)
    parts = assemble(settings)
    sockets = listen(settings, next_free=next_free_port)
    if replay:
        from agent.app.demo import replay as take

        take(parts, replay, every)
    for name, what in (("web", "Pages"), ("otlp", "OTLP")):
        host, port = sockets[name].getsockname()[:2]
        click.echo(f"{what} on http://{host}:{port}")
    return run(settings, parts, sockets)

"""`seamwatch run`."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from agent.cli.common import Duration, Location, checked_settings, config_option, needs_kafka

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
@click.option("--follow", is_flag=True, help="Then take in what is appended to the recordings of --replay.")
@click.option(
    "--every", type=Duration(), default="60s", show_default=True, help="Virtual time between judgements of a replay."
)
@click.option("--next-free-port", is_flag=True, help="Take the next free port where one is in use.")
def run(
    config_path: "Path | None", replay: "tuple[Path, ...]", follow: bool, every: timedelta, next_free_port: bool
) -> int:
    """Run the agent: OTLP on 4318, pages, API and /metrics on 8740. Ctrl-C stops it cleanly.

    The ports are moved by listen.otlp and listen.web in the configuration, or by the variables SEAMWATCH_LISTEN__OTLP
    and SEAMWATCH_LISTEN__WEB. Where one is in use, it ends with 75.

    \b
    Example:
      SEAMWATCH_LISTEN__WEB=127.0.0.1:18740 seamwatch run
    """
    from agent.app.agent import EXIT_BROKEN, PortError, listen, run
    from agent.app.logs import configure
    from agent.app.parts import assemble
    from agent.app.watched import ended, watched
    from agent.model.plain import plain

    if follow and not replay:
        raise click.UsageError("--follow goes on with recordings that --replay names. Add --replay PATH.")
    settings = checked_settings(config_path)
    needs_kafka(settings)
    configure(settings.log.level, settings.log.format)
    parts = assemble(settings)
    try:
        sockets = listen(settings, next_free=next_free_port)
    except PortError as problem:
        click.echo(str(problem), err=True)
        return EXIT_BROKEN if problem.in_use else 2
    if replay:
        from agent.app import demo

        take = demo.replay_and_follow if follow else demo.replay
        take(parts, replay, every)
    for name, what in (("web", "Pages"), ("otlp", "OTLP")):
        host, port = sockets[name].getsockname()[:2]
        click.echo(f"{what} on http://{host}:{port}")
    for one in watched(settings):
        click.echo(plain(f"Watching {one.says()}."))
    code = run(settings, parts, sockets)
    for line in ended(parts.pulls.each, parts.receiver.counters.spans):
        click.echo(plain(line))
    return code

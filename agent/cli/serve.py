"""`seamwatch run`."""

from datetime import timedelta
from pathlib import Path

import click

from agent.cli.common import Duration, checked_settings, config_option


@click.command()
@config_option
@click.option(
    "--replay",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="First take captures in, in virtual time.",
)
@click.option(
    "--every", type=Duration(), default="60s", show_default=True, help="Virtual time between judgements of a replay."
)
@click.option("--next-free-port", is_flag=True, help="Take the next free port where one is in use.")
def run(config_path: Path | None, replay: tuple[Path, ...], every: timedelta, next_free_port: bool) -> int:
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

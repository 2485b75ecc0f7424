"""`seamwatch doctor`."""

from typing import TYPE_CHECKING

import click

from agent.cli.common import checked_settings, config_option, ended_at_once, needs_kafka

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = ("kafka", "connect", "registry")


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(_KINDS))
@config_option
def doctor(kinds: tuple[str, ...], config_path: "Path | None") -> int:
    """Look at every configured source once: is it there, what may we see, which right is missing.

    For a Kafka cluster each right is asked about by itself, with the rules that are blind without it and the
    kafka-acls line that gives it, and what `sample` asks for beside what is there.

    Exit 0 where all that is asked for can be seen; 3 where a source cannot be seen, shows too little to judge, or
    lacks what `sample` asks for; 2 for wrong use or a mistake in the configuration.

    \b
    Example:
      seamwatch doctor kafka
    """
    from agent.app.doctor import check
    from agent.model.plain import plain

    settings = checked_settings(config_path)
    needs_kafka(settings)
    ended_at_once()
    seen = fine = 0
    for one in check(settings, kinds or _KINDS):
        seen, fine = seen + 1, fine + one.ok
        click.echo(f"{plain(one.source)}: {'ok' if one.ok else one.word}")
        for line in one.lines:
            click.echo(f"  {plain(line)}")
    if not seen:
        where = settings.file or "seamwatch.yaml"
        click.echo(f"{where} names no {' or '.join(kinds or _KINDS)}. `seamwatch init --kafka HOST:PORT` writes it.")
        return 2
    return 0 if fine == seen else 3

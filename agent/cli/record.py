"""`seamwatch record`."""

import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from agent.cli.common import Duration, Location, checked_settings, config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("out", type=Location(dir_okay=False))
@click.option("--for", "length", type=Duration(), default="1h", show_default=True, help="How long to look.")
@click.option("--every", type=Duration(), help="Time between two looks [default: each source's own].")
@config_option
def record(out: "Path", length: timedelta, every: timedelta | None, config_path: "Path | None") -> int:
    """Write what the configured sources show into a recording: OUT.ndjson, or OUT.ndjson.gz.

    Secrets are masked before they are written. `seamwatch scan` judges it; where OUT is there already, it goes on.
    Ctrl-C ends it; what was written is whole.
    """
    import threading

    from agent.app.append import ForeignError
    from agent.app.keep import keep, sources
    from agent.model.plain import plain

    settings = checked_settings(config_path)
    found = sources(settings)
    if not found:
        click.echo("The configuration names no source to ask. `seamwatch init --kafka HOST:PORT` writes it.", err=True)
        return 2
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if sys.stderr.isatty():
        click.echo(f"Recording for {length}; Ctrl-C ends it.", err=True)
    try:
        kept = keep(
            found,
            out,
            seconds=length.total_seconds(),
            stop=stop,
            every=every.total_seconds() if every else None,
            told=lambda text: click.echo(plain(text), err=True),
        )
    except ForeignError as problem:
        click.echo(plain(str(problem)), err=True)
        return 2
    click.echo(f"{kept.lines:,} looks, {kept.bytes / 1024:,.0f} KiB in {out}.")
    return 3 if not kept.lines or kept.failed else 0

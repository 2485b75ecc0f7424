"""`seamwatch record`."""

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from agent.cli import EXIT_STOPPED
from agent.cli.common import Duration, Location, checked_settings, config_option, end_at_once, needs_kafka, shown_time

if TYPE_CHECKING:
    import threading
    from pathlib import Path


@click.command()
@click.argument("out", type=Location(dir_okay=False))
@click.option("--for", "length", type=Duration(), default="1h", show_default=True, help="How long to look.")
@click.option("--every", type=Duration(), help="Time between two looks [default: each source's own].")
@config_option
def record(out: "Path", length: timedelta, every: timedelta | None, config_path: "Path | None") -> int:
    """Write what the configured sources show into a recording: OUT.ndjson, or OUT.ndjson.gz.

    Secrets are masked before they are written. `seamwatch scan` judges it; where OUT is there already, it goes on.

    Ctrl-C ends it, and what was written is whole: exit 0, as at the end of its time. Exit 3 where nothing could be
    seen, or a source could not at the end; 2 where OUT is no recording, or another process records into it.

    \b
    Example:
      seamwatch record looks.ndjson.gz --for 6h
    """
    from agent.app.append import ForeignError
    from agent.app.keep import keep, sources
    from agent.app.watched import amount, period, watched
    from agent.model.counting import counted
    from agent.model.plain import plain

    settings = checked_settings(config_path)
    needs_kafka(settings)
    found = sources(settings)
    if not found:
        click.echo("The configuration names no source to ask. `seamwatch init --kafka HOST:PORT` writes it.", err=True)
        return 2
    for one in watched(settings):
        click.echo(plain(f"Recording {one.says(every)}."), err=True)
    click.echo(plain(f"Into {out}, for {period(length)}, until {_until(length)}; Ctrl-C ends it before."), err=True)
    stop = _stopped_by_signals()
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
    why = "Stopped" if stop.is_set() else "Done"
    wrote = f"{counted(kept.lines, 'look')} written, {amount(kept.bytes)}" if kept.lines else "no look was written"
    size = f"; {out} has {amount(out.stat().st_size)}" if kept.lines and out.is_file() else ""
    click.echo(plain(f"{why}: {wrote}{size}."))
    if stop.is_set() and not kept.lines and not kept.failed:
        return EXIT_STOPPED
    return 3 if not kept.lines or kept.failed else 0


def _until(length: timedelta) -> str:
    return shown_time(datetime.now(UTC) + length)


def _stopped_by_signals() -> "threading.Event":
    """Set by the first Ctrl-C or SIGTERM, after which the look under way is ended; the second ends it at once."""
    import threading

    stop = threading.Event()

    def handle(*_: object) -> None:
        if stop.is_set():
            end_at_once()
        stop.set()
        os.write(
            2, b"Ending with the look that is under way; Ctrl-C again ends it at once.\n"
        )  # whatever it interrupts

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop

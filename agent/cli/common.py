"""What several commands share: the configuration option, paths, durations, times, tables.

Nothing heavy is imported here, nor compiled: `--help` of every command waits for it.
"""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent.cli import EXIT_STOPPED

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.settings import Settings
    from agent.store.store import Store

_DURATION = r"(\d{1,12}(?:\.\d{1,9})?)(s|m|h|d)?"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, None: 1}
_RFC3339 = r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d))?"
_YEARS = range(1970, 2262)  #: nanoseconds since 1970 fit 63 bits
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=400)


class Duration(click.ParamType[timedelta]):
    """`60s`, `5m`, `2h`, `7d` or seconds, within bounds."""

    name = "duration"

    def __init__(self, least: timedelta = SHORTEST, most: timedelta = LONGEST) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read one."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(_DURATION, str(value), re.ASCII)
        if not match:
            self.fail(f"{value!r} is no duration. Write 60s, 5m, 2h or 7d.", param, ctx)
        seconds = float(match[1]) * _UNITS[match[2]]
        if not self._least.total_seconds() <= seconds <= self._most.total_seconds():
            bounds = f"{_written(self._least)} to {_written(self._most)}"
            self.fail(f"{value!r} is too {'short' if seconds < 1 else 'long'}. It takes {bounds}.", param, ctx)
        return timedelta(seconds=seconds)


class Location(click.Path):
    """A path, as pathlib's: which is loaded only where a path is given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read one."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


class Instant(click.ParamType[datetime]):
    """A day, or a time as RFC 3339 writes it."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read one, in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            text = str(value).strip()
            found = datetime.fromisoformat(text.upper()) if re.fullmatch(_RFC3339, text, re.ASCII) else None
            at = found.astimezone(UTC) if found and found.tzinfo else found.replace(tzinfo=UTC) if found else None
        except (ValueError, OverflowError):
            at = None
        if at is None or at.year not in _YEARS:
            self.fail(
                f"{value!r} is no time. Write 2026-11-24, 2026-11-24T20:00:00Z or ...T21:00:00+01:00.", param, ctx
            )
        return at


def _written(period: timedelta) -> str:
    return f"{period.days}d" if period.days else f"{period.seconds}s"


def end_at_once(*_: object) -> NoReturn:
    """End the process where it stands, as by Ctrl-C: the Kafka client takes an interrupt in its tasks for a fault."""
    with suppress(OSError):
        os.write(2, b"Stopped.\n")
    os._exit(EXIT_STOPPED)


def ended_at_once() -> None:
    """Let Ctrl-C and SIGTERM do that, where nothing is open that must be closed; what was said is flushed by line."""
    import signal

    signal.signal(signal.SIGINT, end_at_once)
    signal.signal(signal.SIGTERM, end_at_once)


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE`."""
    kind = Location(dir_okay=False)
    return click.option("--config", "config_path", type=kind, help="Configuration [default: seamwatch.yaml if there].")(
        function
    )


def settings_of(config_path: "Path | None") -> "Settings":
    """The settings in force; raise ConfigError with every mistake."""
    from agent.app.wiring import settings_of as load

    return load(config_path)


def checked_settings(config_path: "Path | None") -> "Settings":
    """The settings in force; raise ConfigError with every mistake of them and of what they lead to."""
    from agent.app.wiring import checked_settings as load

    return load(config_path)


def needs_kafka(settings: "Settings | None" = None) -> None:
    """End with wrong use where a cluster is to be asked and the packages for it are missing; with settings, theirs."""
    from agent.app.asked import lacks

    if settings is not None and not settings.asked_clusters():
        return
    if why := lacks():
        raise click.UsageError(why)


def store_of(settings: "Settings") -> "Store":
    """The store that an agent of these settings made; raise StoreError, with where it was looked for and what to do."""
    from agent.app.parts import store_url
    from agent.store.engine import Database, StoreError
    from agent.store.store import open_store

    url = store_url(settings)
    path = Database(url).path
    if path is not None and not path.exists():
        msg = f"There is no store at {path.resolve()}. Name the agent's data folder, SEAMWATCH_DATA_DIR=FOLDER or "
        raise StoreError(msg + "data_dir in seamwatch.yaml, or start seamwatch once.")
    return open_store(url, create=False)


def shown_time(at: datetime | None) -> str:
    """A time as a person reads it, with its year and zone."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC" if at else ""


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Left-aligned columns as wide as their widest cell; what a terminal would obey, not show, is left out."""
    from agent.model.plain import plain

    everything = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in everything) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in everything
    ]
    return "\n".join(lines)

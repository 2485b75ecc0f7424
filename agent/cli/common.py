"""What several commands share: the configuration option, durations, tables."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d)?$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, None: 1}


class Duration(click.ParamType[timedelta]):
    """`60s`, `5m`, `2h`, `7d` or seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read one."""
        if isinstance(value, timedelta):
            return value
        match = _DURATION.match(str(value))
        if not match or not float(match[1]):
            self.fail(f"{value!r} is no duration. Write 60s, 5m, 2h or 7d.", param, ctx)
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE`."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--config", "config_path", type=kind, help="Configuration [default: seamwatch.yaml if there].")(
        function
    )


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Left-aligned columns as wide as their widest cell."""
    everything = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in everything) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in everything
    ]
    return "\n".join(lines)

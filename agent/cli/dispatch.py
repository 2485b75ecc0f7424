"""Finds a command, runs it, and tells errors in one line each. Never leaves with 1: that is a scan's, for findings."""

import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from agent.cli import COMMANDS

EXIT_USAGE, EXIT_BLIND = 2, 3
DEBUG = "SEAMWATCH_DEBUG"
_COLUMNS = 80
Command = Callable[[list[str]], object]


def run(words: list[str], find: Callable[[str], Command] | None = None) -> NoReturn:
    """Run one command and leave with its exit code."""
    name, *rest = words
    if name not in COMMANDS:
        click.echo(f'There is no command "{name}".{_hint(name)}', err=True)
        sys.exit(EXIT_USAGE)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = (find or _command)(name)(rest)
        sys.stdout.flush()
    except click.ClickException as problem:
        problem.show()
        sys.exit(EXIT_USAGE)
    except BrokenPipeError:
        raise  # `main` knows what to do
    except Exception as problem:  # noqa: BLE001  # whatever it is, it is told, and never looks like findings
        sys.exit(_told(problem))
    sys.exit(code if isinstance(code, int) else 0)


def _stop(_signal: int, _frame: object) -> NoReturn:
    """SIGTERM ends a command as Ctrl-C does: what it opened is closed, its temporary folder removed."""
    raise KeyboardInterrupt


def _command(name: str) -> Command:
    command: click.Command = getattr(importlib.import_module(COMMANDS[name][0]), name)
    command.context_settings = {"help_option_names": ["-h", "--help"], "terminal_width": _width()}
    gc.enable()
    return lambda words: _invoked(command, f"seamwatch {name}", words)


def _invoked(command: click.Command, name: str, words: list[str]) -> object:
    """Run it. Click's own `main` would leave with 1 where nobody reads the output on."""
    try:
        with command.make_context(name, words) as context:
            return command.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code


def _width() -> int:
    """Columns of a help page; asked here, because Click loads half of shutil for it."""
    try:
        columns = os.get_terminal_size().columns
    except (OSError, ValueError):
        columns = _COLUMNS
    return max(min(columns, _COLUMNS) - 2, 50)


def _hint(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f' Did you mean "{near[0]}"?' if near else " `seamwatch --help` lists them."


def _told(problem: Exception) -> int:
    """Tell an error in one line, or one line a problem, and give its exit code."""
    from agent.config import ConfigError

    if os.environ.get(DEBUG) == "1":
        import traceback

        traceback.print_exception(problem)
    if isinstance(problem, ConfigError):
        for one in problem.problems:
            click.echo(str(one), err=True)
        return EXIT_USAGE
    code, sentence = _sentence(problem)
    click.echo(sentence, err=True)
    return code


def _sentence(problem: Exception) -> tuple[int, str]:
    from agent.app.journalling import FolderInUseError
    from agent.store.change import StoreInUseError
    from agent.store.engine import StoreError, StoreProblem

    if isinstance(problem, FolderInUseError | StoreInUseError):
        return EXIT_USAGE, str(problem)  # ours, with what to do: what another process has
    if isinstance(problem, StoreError):
        return EXIT_BLIND, str(problem)
    if isinstance(problem, StoreProblem):
        return EXIT_BLIND, f"The store did not answer: {_first(problem)}. Check that it runs, and try again."
    if isinstance(problem, OSError):
        where = f" ({problem.filename})" if problem.filename else ""
        return EXIT_BLIND, f"The system refused it: {problem.strerror or _first(problem)}{where}."
    kind = f"{type(problem).__name__}: {_first(problem)}".removesuffix(": ")
    return EXIT_BLIND, f"Seamwatch failed ({kind}). Run it again with {DEBUG}=1 and report what it says."


def _first(problem: Exception) -> str:
    return next(iter(str(problem).splitlines()), "").rstrip(".")[:300]

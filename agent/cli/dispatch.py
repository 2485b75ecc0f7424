"""Finds a command, runs it, and tells errors in one line each."""

import difflib
import importlib
import sys
from typing import NoReturn

import click

from agent.cli import COMMANDS

EXIT_USAGE, EXIT_BLIND, EXIT_STOPPED = 2, 3, 130


def run(words: list[str]) -> NoReturn:
    """Run one command and leave with its exit code."""
    name, *rest = words
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else " `seamwatch --help` lists them."
        click.echo(f'There is no command "{name}".{hint}', err=True)
        sys.exit(EXIT_USAGE)
    command: click.Command = getattr(importlib.import_module(COMMANDS[name][0]), name)
    command.context_settings = {"help_option_names": ["-h", "--help"]}
    try:
        code = command.main(args=rest, prog_name=f"seamwatch {name}", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(EXIT_STOPPED)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as problem:  # noqa: BLE001  # sorted by kind below: ours are told, the rest raised
        sys.exit(_told(problem))
    sys.exit(code if isinstance(code, int) else 0)


def _told(problem: Exception) -> int:
    """Tell an error that is ours in one line (or one a problem); raise any other."""
    from agent.config import ConfigError
    from agent.store.engine import StoreError, StoreProblem

    if isinstance(problem, ConfigError):
        for one in problem.problems:
            click.echo(str(one), err=True)
        return EXIT_USAGE
    if isinstance(problem, StoreError | OSError):
        click.echo(str(problem), err=True)
        return EXIT_USAGE
    if isinstance(problem, StoreProblem):
        click.echo(f"The store did not answer: {str(problem).splitlines()[0]}", err=True)
        return EXIT_BLIND
    raise problem

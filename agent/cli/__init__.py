"""Words on the command line, nothing else. Heavy imports wait until a command needs them."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from agent import __version__

EXIT_FINDINGS, EXIT_USAGE, EXIT_BLIND = 1, 2, 3

_COMMANDS = {
    "run": ("agent.cli.serve", "Run the agent: receive, judge, show."),
    "scan": ("agent.cli.scan", "Judge captures and recordings, offline."),
    "explain": ("agent.cli.rules", "What a rule looks for, or why it says what it says of a subject."),
    "rules": ("agent.cli.rules", "List the rules."),
    "finding": ("agent.cli.finding", "Acknowledge, silence, dispute or waive a finding."),
    "db": ("agent.cli.db", "The store's schema: upgrade, downgrade, status."),
    "config": ("agent.cli.config", "Show the configuration in force."),
    "schema": ("agent.cli.config", "Print a JSON Schema: config, workflow, recording, scan."),
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is used; lists them without."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        """The commands, in the order that a newcomer meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; name the nearest for a mistyped one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            ctx.fail(f'There is no command "{args[0]}".{hint}')


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="seamwatch")
def cli() -> None:
    """Watch the seams between systems: which integrations will lose, duplicate, delay or break data.

    Exit codes: 0 fine, 1 findings at or above --fail-on, 2 wrong use or configuration, 3 could not look.
    """


def main(args: Sequence[str] | None = None) -> Any:
    """Run the command line; errors are one line each, without a traceback."""
    try:
        code = cli.main(args=list(args) if args is not None else None, standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(EXIT_USAGE)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as problem:  # noqa: BLE001  # sorted by kind below: ours are told, the rest raised
        sys.exit(_told(problem))
    sys.exit(code if isinstance(code, int) else 0)


def _told(problem: Exception) -> int:
    """Tell an error that is ours in one line (or one a problem); raise any other."""
    from agent.app.wiring import ConfigError
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

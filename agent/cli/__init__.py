"""Words on the command line. This file imports next to nothing: `--help` must answer at once."""

import gc
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "init": ("agent.cli.init", "Find out what speaks at an address; write the configuration."),
    "doctor": ("agent.cli.doctor", "What may we see of each source, and what is missing."),
    "record": ("agent.cli.record", "Write what the sources show into a recording."),
    "run": ("agent.cli.serve", "Run the agent: receive, judge, show."),
    "scan": ("agent.cli.scan", "Judge captures and recordings, offline."),
    "explain": ("agent.cli.rules", "What a rule looks for, or why it says what it says of a subject."),
    "rules": ("agent.cli.rules", "List the rules."),
    "finding": ("agent.cli.finding", "List findings; acknowledge, silence, dispute or waive one."),
    "db": ("agent.cli.db", "The store's schema: upgrade, downgrade, status."),
    "config": ("agent.cli.config", "Show the configuration in force."),
    "schema": ("agent.cli.config", "Print a JSON Schema: config, workflow, recording, scan."),
}
HELP = """Usage: seamwatch [OPTIONS] COMMAND [ARGS]...

  Watch the seams between systems: which integrations will lose, duplicate,
  delay or break data.

  Exit codes: 0 fine, 1 findings at or above --fail-on, 2 wrong use or
  configuration, 3 could not look, 130 stopped with Ctrl-C.

Options:
  --version   Show the version.
  -h, --help  Show this.

Commands:
{commands}

`seamwatch COMMAND --help` tells of each."""


EXIT_STOPPED, EXIT_UNREAD = 130, 141  #: as a shell tells of SIGINT, and of SIGPIPE


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; neither Ctrl-C, at whatever moment, nor a reader that has gone leaves a traceback."""
    try:
        _run(list(sys.argv[1:] if args is None else args))
    except KeyboardInterrupt:
        _leave("Stopped.\n", EXIT_STOPPED)
    except BrokenPipeError:
        _leave("", EXIT_UNREAD)


def _leave(text: str, code: int) -> None:
    """Say it to whoever still reads, and leave; what nobody read is not written again at the end."""
    for stream, last in ((sys.stdout, ""), (sys.stderr, text)):
        try:
            stream.write(last)
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help"):
        lines = (f"  {name:<9} {text}" for name, (_, text) in COMMANDS.items())
        sys.stdout.write(HELP.format(commands="\n".join(lines)) + "\n")
        sys.stdout.flush()
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        from agent import __version__

        sys.stdout.write(f"seamwatch {__version__}\n")
        sys.stdout.flush()
        sys.exit(0)
    gc.disable()  # nothing of what is imported is garbage; looking for some is a tenth of `--help`
    from agent.cli.dispatch import run

    run(words)

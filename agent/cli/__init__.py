"""Words on the command line. This file imports next to nothing: `--help` must answer at once."""

import gc
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
  configuration, 3 could not look.

Options:
  --version   Show the version.
  -h, --help  Show this.

Commands:
{commands}

`seamwatch COMMAND --help` tells of each."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line."""
    words = list(sys.argv[1:] if args is None else args)
    if not words or words[0] in ("-h", "--help"):
        lines = (f"  {name:<9} {text}" for name, (_, text) in COMMANDS.items())
        sys.stdout.write(HELP.format(commands="\n".join(lines)) + "\n")
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        from agent import __version__

        sys.stdout.write(f"seamwatch {__version__}\n")
        sys.exit(0)
    gc.disable()  # nothing of what is imported is garbage; looking for some is a tenth of `--help`
    from agent.cli.dispatch import run

    run(words)

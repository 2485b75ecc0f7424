"""`seamwatch scan`."""

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from agent.cli.common import Duration, Instant, Location, config_option, settings_of, table

if TYPE_CHECKING:
    from pathlib import Path

    from agent.app.scan import Scan

_SEVERITIES = ("critical", "high", "medium", "low")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=Location())
@click.option("--every", type=Duration(), default="60s", show_default=True, help="Virtual time between judgements.")
@click.option("--as-of", type=Instant(), help="Take nothing after this time.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--fail-on", type=click.Choice(_SEVERITIES), help="Exit 1 for an open finding at or above this severity.")
@click.option("--min-coverage", type=click.FloatRange(0, 1), default=0.0, help="Exit 3 when less can be judged.")
@config_option
def scan(
    paths: "tuple[Path, ...]",
    every: timedelta,
    as_of: datetime | None,
    output: str,
    fail_on: str | None,
    min_coverage: float,
    config_path: "Path | None",
) -> int:
    """Judge captures in virtual time: OTLP requests, recordings, workflow files; files or folders.

    Each file is recognised by its content. A folder's index.jsonl gives times of arrival.
    """
    import orjson

    from agent.app.scan import scan as look
    from agent.model.plain import plain

    _files_only(paths)
    result = look(
        paths,
        every=every,
        as_of=as_of,
        settings=settings_of(config_path),
        progress=_progress if sys.stderr.isatty() else None,
    )
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    if output == "json":
        click.echo(orjson.dumps(result.as_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(_table(result))
    for problem in result.problems:
        click.echo(str(problem), err=True)
    if why := result.unseen(gate=fail_on is not None or min_coverage > 0):
        click.echo(plain(why), err=True)
        return 3
    if result.coverage < min_coverage:
        click.echo(f"Only {result.coverage:.0%} of what applies could be judged.", err=True)
        return 3
    worst = result.worst()
    return int(fail_on is not None and worst is not None and worst.rank <= _SEVERITIES.index(fail_on))


def _files_only(paths: "tuple[Path, ...]") -> None:
    """An input is opened twice, to be recognised and to be read in the order of time: a stream comes once."""
    for path in paths:
        if str(path) == "-" or (path.exists() and not path.is_file() and not path.is_dir()):
            name = "standard input" if str(path) in ("-", "/dev/stdin") else str(path)
            raise click.UsageError(
                f"scan takes files and folders, and {name} is none. Write it to a file, and name that."
            )


def _progress(at: datetime, count: int) -> None:
    from agent.app.replay import amount

    click.echo(f"\r\033[K{at:%Y-%m-%d %H:%M} · {amount(count)}", nl=False, err=True)


def _table(result: "Scan") -> str:
    from agent.model.counting import counted
    from agent.model.plain import plain

    shown = result.as_dict()
    lines = []
    for source in shown["inputs"]:
        if source["rejected"] and source["format"] != "workflow":  # whose mistakes are told one by one
            reasons = ", ".join(f"{reason} ({count:,})" for reason, count in source["reasons"].items())
            lines.append(f"not taken: {plain(source['path'])}: {plain(reasons)}")
    findings = [
        [finding["severity"], finding["rule"], finding["state"], finding["fingerprint"], finding["says"]]
        for finding in shown["findings"]
    ]
    lines.append(table(findings, ["severity", "rule", "state", "fingerprint", "what"]) if findings else "No findings.")
    facts = sum(source["facts"] for source in shown["inputs"])
    counts = {
        outcome: sum(rule[outcome] for rule in shown["verdicts"].values()) for outcome in ("fails", "meets", "blind")
    }
    lines.append(
        f"\n{counted(facts, 'fact')}, {counted(len(shown['seams']), 'seam')}; "
        f"{counted(counts['fails'], 'fails', 'fail')}, {counted(counts['meets'], 'meets', 'meet')}, "
        f"{counts['blind']} cannot be judged."
    )
    return "\n".join(lines)

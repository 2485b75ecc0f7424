"""`seamwatch finding`: what a person says of a finding."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from agent.cli.common import SHORTEST, Duration, config_option, settings_of, shown_time, store_of, table

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.finding import Finding, Said

_YEAR = timedelta(days=366)


@click.group()
def finding() -> None:
    """List findings; acknowledge, silence, dispute, waive or reopen one by its fingerprint.

    `seamwatch finding list` shows fingerprints.
    """


@finding.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are resolved.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
def listed(everything: bool, output: str, config_path: "Path | None") -> int:
    """The findings of the store with their fingerprints, the newest first."""
    import orjson

    from agent.model.finding import ALIVE, Signal

    store = store_of(settings_of(config_path))
    try:
        found = store.findings([*ALIVE, *([Signal.RESOLVED] if everything else [])])
    finally:
        store.close()
    if output == "json":
        click.echo(
            orjson.dumps([_as_dict(one) for one in found], option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()
        )
    elif found:
        rows = [
            [
                one.fingerprint,
                one.rule,
                one.severity.value,
                str(one.subject),
                one.signal.value,
                shown_time(_since(one)),
                _held(one),
                one.says,
            ]
            for one in found
        ]
        click.echo(table(rows, ["fingerprint", "rule", "severity", "subject", "state", "since", "disposition", "says"]))
    else:
        click.echo("No findings.")
    return 0


def _since(one: "Finding") -> datetime | None:
    return one.opened or one.since


def _held(one: "Finding") -> str:
    return _told(one.said) if one.said.holds(datetime.now(UTC)) else ""


def _told(said: "Said") -> str:
    """What was said, and until when."""
    return f"{said.disposition.value} until {shown_time(said.until)}" if said.until else said.disposition.value


def _as_dict(one: "Finding") -> dict[str, Any]:
    holds = one.said.holds(datetime.now(UTC))
    return {
        "fingerprint": one.fingerprint,
        "rule": one.rule,
        "severity": one.severity.value,
        "subject": one.subject.as_dict(),
        "state": one.signal.value,
        "since": _since(one),
        "disposition": one.said.disposition.value if holds else None,
        "until": one.said.until if holds else None,
        "owner": one.said.owner if holds else None,
        "reason": one.said.reason if holds else None,
        "says": one.says,
    }


def _say(
    config_path: "Path | None", fingerprint: str, word: str, *, owner: str, reason: str = "", until: str = ""
) -> int:
    from agent.model.finding import UnsaidError
    from agent.model.plain import plain
    from agent.model.saying import UNSAID, check

    now = datetime.now(UTC)
    said, wrong = check(word, owner, reason, until, now)
    if said is None:
        raise click.UsageError(wrong)
    store = store_of(settings_of(config_path))
    try:
        told = store.say(fingerprint, said, now)
    except UnsaidError:
        raise click.UsageError(UNSAID) from None
    finally:
        store.close()
    if told is None:
        click.echo(f"There is no finding {plain(fingerprint)}. `seamwatch finding list` shows fingerprints.", err=True)
        return 2
    now_is = "counts again: what was said of it is taken back" if word == "reopen" else f"is {_told(said)}"
    click.echo(f"{told.rule} on {plain(str(told.subject))} {now_is}.")
    return 0


_REASON = click.option("--reason", required=True, help="Why.")
_FOR = click.option("--for", "period", type=Duration(SHORTEST, _YEAR), help="How long, such as 4h or 30d.")
_UNTIL = click.option(
    "--until", default="", metavar="DAY", help="Or its last day in UTC, such as 2027-01-31; or a time with its zone."
)


def _end(period: timedelta | None, until: str) -> str:
    """When it ends, as somebody has written it in one of the two ways."""
    if (period is None) == (not until.strip()):
        both = "one of --for and --until, not both" if period else "--for (such as 4h) or --until (such as 2027-01-31)"
        raise click.UsageError(f"It ends some time. Give {both}.")
    return until.strip() if period is None else (datetime.now(UTC) + period).isoformat()


@finding.command()
@click.argument("fingerprint")
@click.option("--owner", default="", help="Who takes it.")
@config_option
def ack(fingerprint: str, owner: str, config_path: "Path | None") -> int:
    """Somebody is on it."""
    return _say(config_path, fingerprint, "ack", owner=owner)


@finding.command()
@click.argument("fingerprint")
@_FOR
@_UNTIL
@_REASON
@click.option("--owner", default="", help="Who says so.")
@config_option
def silence(
    fingerprint: str, period: timedelta | None, until: str, reason: str, owner: str, config_path: "Path | None"
) -> int:
    """Say nothing of it for a while, --for or --until.

    \b
    Example:
      seamwatch finding silence FINGERPRINT --for 4h --reason "the migration runs"
    """
    return _say(config_path, fingerprint, "silence", owner=owner, reason=reason, until=_end(period, until))


@finding.command()
@click.argument("fingerprint")
@_REASON
@click.option("--owner", default="", help="Who says so.")
@config_option
def dispute(fingerprint: str, reason: str, owner: str, config_path: "Path | None") -> int:
    """It is wrong: say why, so that the rule can learn."""
    return _say(config_path, fingerprint, "dispute", owner=owner, reason=reason)


@finding.command()
@click.argument("fingerprint")
@click.option("--owner", required=True, help="Who answers for it.")
@_REASON
@_FOR
@_UNTIL
@config_option
def waive(
    fingerprint: str, owner: str, reason: str, period: timedelta | None, until: str, config_path: "Path | None"
) -> int:
    """Accept it, with an owner, a reason and an end, --for or --until. It stays visible and counted.

    \b
    Example:
      seamwatch finding waive FINGERPRINT --owner payments --until 2027-01-31 --reason "replaced by then"
    """
    return _say(config_path, fingerprint, "waive", owner=owner, reason=reason, until=_end(period, until))


@finding.command()
@click.argument("fingerprint")
@click.option("--reason", default="", help="Why.")
@click.option("--owner", default="", help="Who says so.")
@config_option
def reopen(fingerprint: str, reason: str, owner: str, config_path: "Path | None") -> int:
    """Take back what was said of it; its history keeps both."""
    return _say(config_path, fingerprint, "reopen", owner=owner, reason=reason)

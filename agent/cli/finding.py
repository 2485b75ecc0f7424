"""`seamwatch finding`: what a person says of a finding."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from agent.cli.common import SHORTEST, Duration, config_option, settings_of

if TYPE_CHECKING:
    from pathlib import Path

_YEAR = timedelta(days=366)


@click.group()
def finding() -> None:
    """Acknowledge, silence, dispute or waive a finding by its fingerprint."""


def _say(
    config_path: "Path | None", fingerprint: str, word: str, *, owner: str, reason: str = "", until: str = ""
) -> int:
    from agent.app.parts import store_url
    from agent.model.saying import check
    from agent.store.store import open_store

    now = datetime.now(UTC)
    said, wrong = check(word, owner, reason, until, now)
    if said is None:
        raise click.UsageError(wrong)
    store = open_store(store_url(settings_of(config_path)), create=False)
    try:
        told = store.say(fingerprint, said, now)
    finally:
        store.close()
    if told is None:
        click.echo(f"There is no finding {fingerprint}. Its page and `seamwatch scan` show fingerprints.", err=True)
        return 2
    click.echo(f"{told.rule} on {told.subject} is {said.disposition.value}.")
    return 0


_REASON = click.option("--reason", required=True, help="Why.")


@finding.command()
@click.argument("fingerprint")
@click.option("--owner", default="", help="Who takes it.")
@config_option
def ack(fingerprint: str, owner: str, config_path: "Path | None") -> int:
    """Somebody is on it."""
    return _say(config_path, fingerprint, "ack", owner=owner)


@finding.command()
@click.argument("fingerprint")
@click.option("--for", "period", type=Duration(SHORTEST, _YEAR), required=True, help="How long, such as 4h.")
@_REASON
@click.option("--owner", default="", help="Who says so.")
@config_option
def silence(fingerprint: str, period: timedelta, reason: str, owner: str, config_path: "Path | None") -> int:
    """Say nothing of it for a while."""
    until = (datetime.now(UTC) + period).isoformat()
    return _say(config_path, fingerprint, "silence", owner=owner, reason=reason, until=until)


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
@click.option("--until", required=True, metavar="DAY", help="When the waiver ends, such as 2027-01-31.")
@config_option
def waive(fingerprint: str, owner: str, reason: str, until: str, config_path: "Path | None") -> int:
    """Accept it, with an owner, a reason and an end. It stays visible and counted."""
    return _say(config_path, fingerprint, "waive", owner=owner, reason=reason, until=until)

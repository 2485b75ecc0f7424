"""`seamwatch finding`: what a person says of a finding."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.common import Duration, config_option

if TYPE_CHECKING:
    from agent.config.settings import Settings


@click.group()
def finding() -> None:
    """Acknowledge, silence, dispute or waive a finding by its fingerprint."""


def _say(config_path: Path | None, fingerprint: str, word: str, **said: object) -> int:
    from agent.app.parts import store_url
    from agent.model.finding import Disposition, Said
    from agent.store.store import open_store

    now = datetime.now(UTC)
    store = open_store(store_url(_settings_of(config_path)), create=False)
    told = store.say(fingerprint, Said(Disposition(word), at=now, **said), now)  # type: ignore[arg-type]  # by keyword
    store.close()
    if told is None:
        click.echo(f"There is no finding {fingerprint}. Its page and `seamwatch scan` show fingerprints.", err=True)
        return 2
    click.echo(f"{told.rule} on {told.subject} is {word}.")
    return 0


_OWNER = click.option("--owner", required=True, help="Who answers for it.")
_REASON = click.option("--reason", required=True, help="Why.")


@finding.command()
@click.argument("fingerprint")
@click.option("--owner", default="", help="Who takes it.")
@config_option
def ack(fingerprint: str, owner: str, config_path: Path | None) -> int:
    """Somebody is on it."""
    return _say(config_path, fingerprint, "acknowledged", owner=owner)


@finding.command()
@click.argument("fingerprint")
@click.option("--for", "period", type=Duration(), required=True, help="How long, such as 4h.")
@_REASON
@click.option("--owner", default="", help="Who says so.")
@config_option
def silence(fingerprint: str, period: timedelta, reason: str, owner: str, config_path: Path | None) -> int:
    """Say nothing of it for a while."""
    until = datetime.now(UTC) + period
    return _say(config_path, fingerprint, "silenced", owner=owner, reason=reason, until=until)


@finding.command()
@click.argument("fingerprint")
@_REASON
@click.option("--owner", default="", help="Who says so.")
@config_option
def dispute(fingerprint: str, reason: str, owner: str, config_path: Path | None) -> int:
    """It is wrong: say why, so that the rule can learn."""
    return _say(config_path, fingerprint, "disputed", owner=owner, reason=reason)


@finding.command()
@click.argument("fingerprint")
@_OWNER
@_REASON
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="When the waiver ends.")
@config_option
def waive(fingerprint: str, owner: str, reason: str, until: datetime, config_path: Path | None) -> int:
    """Accept it, with an owner, a reason and an end. It stays visible and counted."""
    end = until.replace(tzinfo=UTC)
    if end <= datetime.now(UTC):
        raise click.UsageError(f"A waiver ends in the future; {end:%Y-%m-%d} is over.")
    return _say(config_path, fingerprint, "waived", owner=owner, reason=reason, until=end)


def _settings_of(config_path: Path | None) -> "Settings":
    from agent.app.wiring import settings_of

    return settings_of(config_path)

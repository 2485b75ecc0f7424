"""`seamwatch init`."""

import os
from typing import TYPE_CHECKING

import click

from agent.cli.common import Location, ended_at_once, needs_kafka

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option("--kafka", required=True, metavar="HOST:PORT", help="A broker of the cluster.")
@click.option("--name", default="main", show_default=True, help="What the cluster is called here.")
@click.option("--user", help="User to log in as, where it wants a login.")
@click.option(
    "--password",
    "reference",
    default="env:KAFKA_PASSWORD",
    show_default=True,
    metavar="REFERENCE",
    help="Its password: env:NAME or file:/path.",
)
@click.option("--mechanism", type=click.Choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]))
@click.option("--ca", type=Location(exists=True, dir_okay=False), help="File of the authority of its certificate.")
@click.option("--out", type=Location(dir_okay=False), help="File to write [default: seamwatch.yaml].")
def init(
    kafka: str,
    name: str,
    user: str | None,
    reference: str,
    mechanism: str | None,
    ca: "Path | None",
    out: "Path | None",
) -> int:
    """Find out what speaks at an address, and write the configuration that watches it.

    Nothing is changed at the broker. What it wants (TLS, a login) is found out; what we may see there is told right by
    right, with the line that gives what is missing.

    Exit 0 where the cluster was seen and the configuration written; 3 where it was not seen, with why and what to do;
    2 where the file is there already, which is left as it is, or for wrong use.

    \b
    Example:
      seamwatch init --kafka broker-1:9093 --ca ca.pem --user agent
    """
    from pathlib import Path

    needs_kafka()
    from agent.app.begin import Login, written
    from agent.app.begin import kafka as begin
    from agent.config.load import NAME
    from agent.config.words import Address, address_of
    from agent.model.plain import plain

    if not NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name for a cluster. Use letters, digits, dots, dashes.")
    at = address_of(kafka)
    if not isinstance(at, Address):
        raise click.UsageError(f"{kafka!r} is no address. Write host:port, such as 127.0.0.1:9092.")
    ended_at_once()
    done = begin(at, Login(name, user, _password(reference), reference, mechanism, str(ca) if ca else None))
    for line in done.says:
        click.echo(plain(line))
    if not done.config:
        return 3
    path = out or Path("seamwatch.yaml")
    if why := written(path, done.config):
        click.echo(f"\n{why}\n\n{done.config}", nl=False)
        return 2
    if done.seen:
        click.echo(f"Written to {path}. `seamwatch run` watches it.")
        return 0
    click.echo(
        f"Written to {path}, and not yet let in: mend there what is said above. `seamwatch doctor kafka` looks again."
    )
    return 3


def _password(reference: str) -> str | None:
    """What a reference leads to; None where that is nothing."""
    from pathlib import Path

    from agent.config.secret import SecretError, Sources

    try:
        found = Sources(os.environ, Path.cwd()).resolve(reference)
    except SecretError:
        return None
    if found is None:
        raise click.UsageError("--password takes a reference, never the password: env:NAME or file:/path.")
    return found.reveal()

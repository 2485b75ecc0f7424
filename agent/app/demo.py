"""Replays captures into a running agent's own memory, so that it goes on from there."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from agent.app.inputs import find
from agent.app.parts import Parts
from agent.app.replay import Replay
from agent.app.wiring import catalogue, declared_in, decoder, thresholds
from agent.engine.round import Rounds


def replay(parts: Parts, paths: Sequence[Path], every: timedelta) -> None:
    """Take captures in through an aggregator and rounds of their own, in virtual time, into the agent's store."""
    spans = decoder(parts.settings)
    inputs = find(paths)
    if inputs.workflows:
        parts.declared = declared_in(inputs.workflows)
    rounds = Rounds(parts.store, catalogue(), parts.declared, thresholds=thresholds(parts.settings))
    shown = sys.stderr.isatty()

    def progress(at: datetime, count: int) -> None:
        if shown:
            click.echo(f"\r\033[KReplaying {at:%a %H:%M} · {count:,}", nl=False, err=True)

    one = Replay(spans, parts.store, rounds, every=every, progress=progress)
    one.run(inputs.happened())
    one.flush()
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
    parts.rounds = Rounds(parts.store, catalogue(), parts.declared, thresholds=thresholds(parts.settings))
    if one.first is not None and one.now is not None:
        hours = (one.now - one.first).total_seconds() / 3600
        parts.replayed = f"{hours:.0f} hours replayed up to {one.now.astimezone(UTC):%H:%M} UTC"
        click.echo(f"Replayed {hours:.0f} hours: {one.count:,} requests and looks.", err=True)

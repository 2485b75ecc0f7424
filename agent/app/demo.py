"""Replays captures into a running agent's own memory, so that it goes on from there."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from agent.app.follow import Following
from agent.app.inputs import Inputs, find
from agent.app.parts import Parts
from agent.app.replay import Replay, amount
from agent.app.wiring import catalogue, declared_in, decoder, thresholds
from agent.engine.round import Rounds
from agent.model.counting import counted, noun
from agent.model.plain import plain


def replay(parts: Parts, paths: Sequence[Path], every: timedelta) -> None:
    """Take captures in through an aggregator and rounds of their own, in virtual time, into the agent's store."""
    _replayed(parts, find(paths), every)
    parts.rounds = Rounds(parts.store, catalogue(), parts.declared, thresholds=thresholds(parts.settings))


def replay_and_follow(parts: Parts, paths: Sequence[Path], every: timedelta) -> None:
    """The same, and whatever is appended to the recordings later is taken in before each round."""
    inputs = find(paths, ended=False)
    one = _replayed(parts, inputs, every)
    parts.rounds = Following(
        parts.store,
        catalogue(),
        parts.declared,
        thresholds=thresholds(parts.settings),
        recordings=inputs.recordings,
        counts=one.looks.counts,
    )
    if inputs.recordings:
        parts.replayed = f"{parts.replayed}, and the recordings are followed".removeprefix(", and ")


def _replayed(parts: Parts, inputs: Inputs, every: timedelta) -> Replay:
    if inputs.workflows:
        parts.declared = declared_in(inputs.workflows)
    rounds = Rounds(parts.store, catalogue(), parts.declared, thresholds=thresholds(parts.settings))
    shown = sys.stderr.isatty()

    def progress(at: datetime, count: int) -> None:
        if shown:
            click.echo(f"\r\033[KReplaying {at:%a %H:%M} · {amount(count)}", nl=False, err=True)

    one = Replay(decoder(parts.settings), parts.store, rounds, every=every, progress=progress)
    one.run(inputs.happened())
    one.close()
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
    for source in inputs.files:
        if source.rejected:
            reasons = ", ".join(f"{reason} ({count:,})" for reason, count in source.reasons.items())
            click.echo(plain(f"Not taken: {source.path}: {reasons}"), err=True)
    if one.first is not None and one.now is not None:
        hours = (one.now - one.first).total_seconds() / 3600
        parts.replayed = (
            f"{counted(hours, 'hour')} up to {one.now.astimezone(UTC):%H:%M} UTC {noun(hours, 'was', 'were')} replayed"
        )
        click.echo(f"Replayed {counted(hours, 'hour')}: {amount(one.count)}.", err=True)
    return one

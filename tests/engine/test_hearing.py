"""Silence of a source: what its length is counted from, and that it does not end by lasting."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app.hearing import Hearing
from agent.engine.estate import Estate
from agent.engine.inventory import sources
from agent.model.declared import Declarations
from agent.model.hearing import heard
from agent.model.seam import source_named
from agent.model.verdict import Outcome
from agent.store.store import Store, open_store
from rules.observability.silent_source.rule import Config, silent_source

START = datetime(2026, 11, 28, 6, tzinfo=UTC)
KAFKA = "kafka/prod"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield found
    found.close()


def hear(store: Store, every: timedelta, until: timedelta) -> None:
    at = START
    while at <= START + until:
        store.record([heard(source_named(KAFKA), at)])
        store.touch_source(KAFKA, at)
        at += every


def outcome(store: Store, at: datetime) -> Outcome:
    [one] = sources(Estate(store, Declarations(), at))
    return silent_source.judge(one, Config()).outcome


def test_what_was_silent_while_the_agent_was_away_counts_from_its_start(store: Store) -> None:
    hearing = Hearing(store)
    hearing.begin([KAFKA], START)
    hear(store, timedelta(minutes=10), timedelta(hours=3))
    last = START + timedelta(hours=3)
    assert outcome(store, last + timedelta(minutes=40)) is Outcome.MEETS
    assert outcome(store, last + timedelta(hours=8)) is Outcome.FAILS
    again = last + timedelta(hours=8)
    Hearing(store).begin([KAFKA], again)
    assert outcome(store, again + timedelta(minutes=9)) is Outcome.MEETS, "its next word is due in a minute"
    assert outcome(store, again + timedelta(minutes=51)) is Outcome.FAILS, "it is silent all the same"


def test_silence_of_days_is_silence_and_a_source_that_was_taken_out_is_none(store: Store) -> None:
    Hearing(store).begin([KAFKA], START)
    hear(store, timedelta(minutes=5), timedelta(hours=2))
    for hours in (3, 25, 27, 72):
        assert outcome(store, START + timedelta(hours=hours)) is Outcome.FAILS, hours
    Hearing(store).begin([], START + timedelta(hours=80))
    assert outcome(store, START + timedelta(hours=81)) is Outcome.NOT_APPLICABLE

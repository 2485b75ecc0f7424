"""What the rules of backlogs share: a pause as the engine tells it, names that end no command, a caught-up group."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

import rules
from agent.engine import catalogue, stories
from agent.engine.backlogs import paused
from agent.engine.stories import AS_OF
from agent.model.rule import Rule
from agent.model.seam import group, topic
from agent.model.series import Series
from agent.model.subjects import Backlog
from agent.model.verdict import Outcome

RULES = [rule for rule in catalogue.discover(rules) if rule.subject is Backlog]
FAILING = [
    story
    for rule in RULES
    for story in stories.read(rule, catalogue.cases(rule))
    if story.outcome is Outcome.FAILS and isinstance(story.subject, Backlog)
]


def series(*values: float) -> Series:
    """One a minute, the last one at 600 s."""
    return Series(tuple(600.0 - 60 * back for back in reversed(range(len(values)))), values)


def test_a_pause_knows_what_came_since_and_how_steady_it_was_before() -> None:
    committed, produced = series(0, 1, 2, 3, 4, 4, 4, 4), series(0, 1, 2, 3, 5, 5, 9, 9)
    told = paused(committed, produced, since=420.0, now=600.0)
    assert told == {"still": timedelta(minutes=3), "steady": timedelta(minutes=3), "arrived": 4, "arrivals": 1}


def test_commits_are_steady_up_to_a_pause_half_as_long() -> None:
    committed = series(0, 1, 1, 1, 2, 3, 3, 3, 3, 3)  # 3 min without, then two in a row, then 4 min without
    assert paused(committed, series(), since=360.0, now=600.0) == {
        "still": timedelta(minutes=4),
        "steady": timedelta(minutes=1),
    }


def test_of_commits_that_never_moved_nothing_is_known() -> None:
    told = paused(series(4, 4, 4), series(4, 5, 6), since=480.0, now=600.0)
    assert told == {"still": timedelta(minutes=2), "steady": None, "arrived": 2, "arrivals": 2}


@pytest.mark.parametrize("story", FAILING, ids=lambda story: f"{story.rule.id}-{story.name}")
def test_a_name_that_a_sender_makes_up_ends_no_command_that_is_pasted(story: stories.Story) -> None:
    name, cut = 'orders`; rm -rf "$HOME" #', re.compile("'orders\u02cb" r"; rm -rf \"\$HOME\" #'")
    assert isinstance(story.subject, Backlog)
    subject = replace(story.subject, group=group(name, "prod"), topic=topic(name, "prod"))
    steps = story.rule.judge(subject, story.config).do
    lines = [line for step in steps for line in re.findall(r"`([^`]+)`", step) if line.startswith("kafka-")]
    assert lines
    assert all(";" not in cut.sub("", line) for line in lines)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.id != "LAG-01"], ids=lambda rule: rule.id)
def test_a_group_that_is_caught_up_meets_every_rule(rule: Rule) -> None:
    now, looks = AS_OF.timestamp(), range(160)
    times = tuple(now - 30 * back for back in reversed(looks))
    flat, rising = Series(times, (0.0,) * 160), Series(times, tuple(float(look) for look in looks))
    subject = Backlog(
        as_of=AS_OF, group=group("billing", "prod"), topic=topic("orders", "prod"), partitions=6, state="Stable",
        settings={"cleanup.policy": "delete", "retention.ms": "1000"}, retention=timedelta(seconds=1),
        lag=flat, age=flat, retention_used=flat, committed=rising, produced=rising, looks=Series(times, (1.0,) * 160),
        members=Series(times, (3.0,) * 160), epochs=Series(times, (3.0,) * 160),
        peak_rate=1.0, proven_rate=10.0,
    )  # fmt: skip
    assert rule.judge(subject, rule.defaults).outcome is Outcome.MEETS


def test_stamps_that_are_younger_than_their_arrival_are_shown_beside_a_rising_lag() -> None:
    [rising] = [story for story in FAILING if (story.rule.id, story.name) == ("LAG-01", "dead_consumer")]
    assert isinstance(rising.subject, Backlog)
    assert "stamps younger than arrival, s" not in rising.judge().show
    ahead = replace(rising.subject, skew=Series((AS_OF.timestamp(),), (41.25,)))
    assert rising.rule.judge(ahead, rising.config).show["stamps younger than arrival, s"] == 41.2

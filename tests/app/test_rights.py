"""Whoever lacks a right is told which rules are blind without it."""

import re

import pytest

import rules
from agent.app.rights import NEEDED_BY
from agent.engine import catalogue
from agent.model.subjects import Backlog

OF_GROUPS = sorted(rule.id for rule in catalogue.discover(rules) if rule.subject is Backlog)


def named(words: str) -> set[str]:
    """The rules that a list names; `LAG-01 to LAG-03` names three."""
    found = set(re.findall(r"[A-Z]{3}-\d\d", words))
    for family, first, last in re.findall(r"([A-Z]{3})-(\d\d) to [A-Z]{3}-(\d\d)", words):
        found |= {f"{family}-{number:02}" for number in range(int(first), int(last) + 1)}
    return found


@pytest.mark.parametrize("right", ["Describe Topic", "Describe Group"])
def test_every_rule_about_a_group_on_a_topic_is_named_at_the_rights_that_show_both(right: str) -> None:
    assert OF_GROUPS, "there are such rules"
    assert set(OF_GROUPS) <= named(NEEDED_BY[right])
    assert "TRC-02" in named(NEEDED_BY[right]), "it holds what a group committed against its spans"

"""`seamwatch explain` of a failing verdict: why its severity is another than the rule's, and what to do."""

import re

import pytest

import rules
from agent.cli.rules import _told
from agent.engine import catalogue, stories
from agent.engine.round import Judgement

STORIES = {
    f"{rule.id} {story.name}": story
    for rule in catalogue.discover(rules)
    for story in stories.read(rule, catalogue.cases(rule))
}


@pytest.mark.parametrize(
    ("story", "severity"),
    [
        ("GOV-01 critical_without_runbook", "  severity: high (the rule is medium; the workflow is declared critical)"),
        ("GOV-01 no_on_call", "  severity: medium"),
    ],
)
def test_what_fails_is_explained_with_its_severity_and_what_to_do(story: str, severity: str) -> None:
    one = STORIES[story]
    lines = _told(Judgement(one.rule, one.subject.ref, one.judge())).splitlines()
    assert lines[1] == severity
    assert any(line.startswith("  to do: ") and "`order-to-cash`" in line for line in lines)
    assert not any("[runbook missing]" in line for line in lines), "no claim is labelled twice"


def test_what_does_not_fail_has_no_severity() -> None:
    one = STORIES["GOV-01 complete"]
    assert "severity" not in _told(Judgement(one.rule, one.subject.ref, one.judge()))


@pytest.mark.parametrize("story", sorted(STORIES))
def test_no_story_is_explained_in_python_s_words(story: str) -> None:
    one = STORIES[story]
    told = _told(Judgement(one.rule, one.subject.ref, one.judge()))
    found = "\n".join(line for line in told.splitlines() if not line.startswith("  to do: "))  # versions, commands
    assert not re.search(r"\b(None|True|False)\b|[=<>!]= ?\d|\d\.0\b(?![.%])", found), found

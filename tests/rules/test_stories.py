"""Every story of every rule, and what every rule's folder must hold."""

import re
from datetime import timedelta

import pytest

import rules
from agent.engine import catalogue, stories
from agent.model.facts import Tier
from agent.model.rule import Rule, Stability
from agent.model.seam import COMPONENT_KINDS
from agent.model.subjects import SUBJECT_TYPES, Backlog
from agent.model.verdict import Outcome

CATALOGUE = catalogue.discover(rules)
STORIES = [
    story for rule in CATALOGUE for story in stories.read(rule, catalogue.cases(rule), f"{rule.name}/cases.toml")
]

#: The catalogue's list of rules that may page; all else is a ticket or a line of the report.
PAGING = {
    "LAG-01", "LAG-02", "LAG-03", "LAG-04", "LAG-07", "DLQ-05", "IDM-01",
    "RCV-03", "RCV-05", "RCV-07", "RCV-09", "TRC-05", "TRC-06",
}  # fmt: skip
PITFALLS = {
    "IDM": "idempotency", "LAG": "backlog", "DLQ": "dead_letters", "SCH": "contracts", "TRC": "observability",
    "RCV": "recovery", "FIT": "paradigm_fit", "CST": "cost", "GRW": "growth", "GOV": "governance",
}  # fmt: skip
HEADINGS = ["What it does", "Why it hurts", "How to fix", "When to ignore", "Evidence it needs", "Sources"]

each_rule = pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.rule.id}-{story.name}")
def test_the_rule_says_what_the_story_says(story: stories.Story) -> None:
    assert story.differences() == ()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.rule.id}-{story.name}")
def test_what_is_said_reads_well_alone(story: stories.Story) -> None:
    verdict = story.judge()
    assert verdict.says.endswith(".")
    assert "  " not in verdict.says
    if verdict.outcome is Outcome.FAILS:
        assert len(verdict.says) <= 170
        assert any(character.isdigit() for character in verdict.says), "a number belongs into the sentence"
        assert verdict.why_not == ""
    if verdict.outcome is Outcome.MEETS:
        assert verdict.why_not
    if verdict.outcome is Outcome.BLIND:
        assert verdict.missing
        assert verdict.reason is not None
    assert not re.search(rf"\b({'|'.join(COMPONENT_KINDS)}):\S", verdict.says)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.rule.id}-{story.name}")
def test_a_severity_that_is_not_the_rule_s_says_why_and_no_other_does(story: stories.Story) -> None:
    verdict = story.judge()
    another = story.outcome is Outcome.FAILS and verdict.severity not in (None, story.rule.severity)
    assert bool(verdict.weighed) == another


@each_rule
def test_a_rule_has_a_failing_a_meeting_and_a_blind_story(rule: Rule) -> None:
    told = {story.outcome for story in STORIES if story.rule is rule}
    assert told >= {Outcome.FAILS, Outcome.MEETS, Outcome.BLIND}


@each_rule
def test_the_healthy_look_alike_is_told_before_the_failure(rule: Rule) -> None:
    first = next(story for story in STORIES if story.rule is rule)
    assert first.outcome in (Outcome.MEETS, Outcome.NOT_APPLICABLE)


@each_rule
def test_a_blind_rule_says_how_to_cure_it(rule: Rule) -> None:
    blind = [story.judge() for story in STORIES if story.rule is rule and story.outcome is Outcome.BLIND]
    assert any(verdict.learn for verdict in blind)


@each_rule
def test_a_readme_has_its_headings_in_order_and_names_its_rule(rule: Rule) -> None:
    text = catalogue.readme(rule)
    assert text.startswith(f"# {rule.id} {rule.name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@each_rule
def test_a_rule_is_where_its_name_and_id_say(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{3}-\d\d", rule.id)
    assert rule.pitfall == PITFALLS[rule.id[:3]]
    assert re.fullmatch(r"[a-z]+(-[a-z]+){0,2}", rule.name)
    assert rule.judge.__module__ == f"rules.{rule.pitfall}.{rule.name.replace('-', '_')}.rule"
    assert rule.judge.__name__ == rule.name.replace("-", "_")
    assert rule.subject in SUBJECT_TYPES


@each_rule
def test_a_title_is_one_sentence(rule: Rule) -> None:
    assert len(rule.title) <= 150
    assert rule.title.endswith(".")
    assert not re.match(r"(Check|Ensure|Verify)", rule.title)


@each_rule
def test_only_the_listed_rules_page(rule: Rule) -> None:
    assert rule.pages == (rule.id in PAGING)
    assert rule.pages <= (rule.stability is Stability.STABLE)


@each_rule
def test_a_rule_looks_back_no_further_than_what_it_reads_is_kept(rule: Rule) -> None:
    kept = timedelta(days=35) if rule.subject is Backlog else Tier.HOUR.kept
    assert rule.lookback <= kept


@each_rule
def test_thresholds_are_frozen_and_have_defaults(rule: Rule) -> None:
    assert vars(rule.config)["__dataclass_params__"].frozen
    assert rule.defaults == rule.config()

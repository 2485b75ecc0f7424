"""How stories are read: the notation, the defaults, and errors that name file, story and key."""

from datetime import UTC, date, datetime, timedelta

import pytest

import rules
from agent.engine import catalogue, stories
from agent.engine.stories import AS_OF, StoryError, read, series
from agent.model.rule import Rule
from agent.model.seam import Component, group, topic
from agent.model.subjects import Backlog, Deliveries, Seam, Table, Workflow
from agent.model.verdict import Outcome

RULES = {rule.id: rule for rule in catalogue.discover(rules)}
MINUTE = timedelta(minutes=1)


def one(rule_id: str, body: str) -> stories.Story:
    [story] = read(RULES[rule_id], f'[case]\nwhy = "a reason"\n{body}', "cases.toml")
    return story


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ("0+10x3", (0, 10, 20, 30)),
        ("5x2", (5, 5, 5)),
        ("3-1x2 7", (3, 2, 1, 7)),
        ([1, 2.5, "_", 4], (1, 2.5, 4)),
        ("0x2 5 _ 5", (0, 0, 0, 5, 5)),
        ("1 _x3 2", (1, 2)),
        ("-3 1.5", (-3, 1.5)),
        ("", ()),
    ],
)
def test_a_series_is_numbers_or_promtools_notation(points: str | list[float | str], values: tuple[float, ...]) -> None:
    assert series(points, MINUTE, AS_OF).values == values


def test_a_series_ends_at_the_instant_and_a_missing_sample_leaves_a_gap() -> None:
    end = AS_OF.timestamp()
    assert series("1 _ 3", MINUTE, AS_OF).times == (end - 120, end)
    assert series("1 2 _", timedelta(seconds=30), AS_OF).times == (end - 60, end - 30)


def test_a_sample_that_is_none_is_refused() -> None:
    with pytest.raises(StoryError, match=r"cases.toml, story case: 'many' is no sample; write a number, _, 5x3"):
        one("LAG-01", 'lag = "1 many"\nmeets = ""')


def test_absent_keys_take_a_usual_identity_and_are_otherwise_not_seen() -> None:
    subject = one("IDM-01", 'blind = ""').subject
    assert isinstance(subject, Deliveries)
    assert (subject.group, subject.topic, subject.as_of) == (group("billing", "prod"), topic("orders", "prod"), AS_OF)
    assert (subject.processed, subject.effects_visible, subject.dead_letters) == (0, None, None)


def test_values_are_read_by_the_type_of_their_field() -> None:
    body = """
as_of        = 2026-07-01T00:00:00Z
observed_for = "90m"
group        = "group:eu/audit"
retention    = 3600
exemplars    = [{kind = "error", note = "boom"}]
dead_letters = {topic = "topic:eu/x.dlq", known_by = "name"}
workflows    = [{name = "audit", runbook_reviewed = 2026-01-02, latency_seconds = 5}]
searched     = ["declared"]
blind        = ""
"""
    subject = one("DLQ-01", body).subject
    assert isinstance(subject, Deliveries)
    assert subject.as_of == datetime(2026, 7, 1, tzinfo=UTC)
    assert (subject.observed_for, subject.retention) == (timedelta(minutes=90), timedelta(hours=1))
    assert subject.group == Component("group", "eu/audit")
    assert subject.exemplars[0].note == "boom"
    assert subject.dead_letters is not None
    assert subject.dead_letters.topic == Component("topic", "eu/x.dlq")
    assert subject.workflows[0].runbook_reviewed == date(2026, 1, 2)
    assert subject.searched == ("declared",)


def test_nested_subjects_are_read_too() -> None:
    seam = one(
        "TRC-01", 'key = {kind = "calls", source = "service:a", target = "service:b"}\nduration = [5, 5]\nblind = ""'
    )
    assert isinstance(seam.subject, Seam)
    assert str(seam.subject.key) == "calls service:a -> service:b"
    assert seam.subject.duration.count == 2
    table = one("SCH-04", 'writers = [{component = "service:a", count = 4}]\nblind = ""')
    assert isinstance(table.subject, Table)
    assert table.subject.writers[0].owner is None
    workflow = one("GOV-01", 'declared = {pilot = {result = "adopted"}, loadtests = [{minutes = 3}]}\nfails = ""')
    assert isinstance(workflow.subject, Workflow)
    assert workflow.subject.declared.loadtests is not None
    lag = one("LAG-01", 'lag = "1 2"\nevery = "30s"\nbehind = {"0" = 5}\nblind = ""')
    assert isinstance(lag.subject, Backlog)
    assert lag.subject.lag.times[0] == AS_OF.timestamp() - 30
    assert lag.subject.behind == {"0": 5}


def test_config_overrides_thresholds() -> None:
    assert one("IDM-01", 'config = {least = 5}\nblind = ""').config == RULES["IDM-01"].config(least=5)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('meets = ""\nprocesed = 4', "story case: Deliveries has no procesed; it has as_of,"),
        ('meets = ""\nconfig = {leest = 4}', "Config has no leest; it has least, identified"),
        ('meets = ""\noperations = [{nam = "x"}]', "Operation has no nam; it has name, guarded, count"),
        ('meets = ""\nprocessed = "many"', "'many' is no int"),
        ('meets = ""\nprocessed = true', "True is no int"),
        ('meets = ""\neffects_visible = 1', "1 is no bool"),
        ('meets = ""\ngroup = "billing"', "'billing' is no component; write kind:name"),
        ('meets = ""\nobserved_for = "a week"', "'a week' is no duration; write 90s, 15m, 12h or 7d"),
        ('meets = ""\nas_of = 2026-06-01T12:00:00', "is no instant with a zone"),
        ('meets = ""\ndead_letters = "x"', "'x' is no table of DeadLetters"),
        ('meets = ""\nseverity = "awful"', "'awful' is not a valid Severity"),
        ("processed = 4", "name one outcome of fails, meets, blind, not_applicable, not 0"),
        ('meets = ""\nfails = ""', "not 2"),
        ("[", "cases.toml: not TOML"),
    ],
)
def test_what_cannot_be_read_is_named(body: str, error: str) -> None:
    with pytest.raises(StoryError) as raised:
        one("IDM-01", body)
    assert str(raised.value).startswith("cases.toml")
    assert error in str(raised.value)


def test_a_story_needs_a_reason_to_exist_and_is_a_table() -> None:
    with pytest.raises(StoryError, match="story case: add why"):
        read(RULES["IDM-01"], '[case]\nmeets = ""')
    with pytest.raises(StoryError, match="story case: write it as a table"):
        read(RULES["IDM-01"], "case = 4")


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ('rewritten = 2\nidentified = 9\nmeets = ""', "meets expected, fails given: prod/billing repeated"),
        ('rewritten = 2\nidentified = 9\nfails = "3 of 9"', "'3 of 9' is not in 'prod/billing repeated"),
        ('rewritten = 2\nidentified = 9\nfails = ""\nseverity = "high"', "severity high expected, critical given"),
        ('interrupted = 1\nfails = ""\nseverity = "high"', "evidence observed expected, inferred given"),
        (
            'identified = 9\nprocessed = 9\neffects_visible = true\nblind = ""\nreason = "no_right"',
            "reason no_right expected, learning given",
        ),
    ],
)
def test_what_a_story_does_not_say_must_not_happen(body: str, difference: str) -> None:
    found = one("IDM-01", body).differences()
    assert any(difference in text for text in found), found


def test_a_story_that_holds_has_no_differences() -> None:
    story = one(
        "IDM-01", 'identified = 9\nprocessed = 9\neffects_visible = true\nblind = ["deliveries with an identity: 9"]'
    )
    assert (story.differences(), story.judge().outcome) == ((), Outcome.BLIND)
    assert isinstance(story.rule, Rule)

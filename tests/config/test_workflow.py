"""Workflow files: the contract's own example, every mistake at once, and the published schema."""

import dataclasses
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest

from agent.config.contract import DIRECTIONS, ComponentShape, TeamShape, WorkflowShape
from agent.config.workflow import declare, find, load, schema
from agent.config.yamlfile import Document, parse
from agent.model.declared import ComponentFacts, LoadTest, Pilot, Team, Workflow
from agent.model.seam import SEAM_KINDS, Component, SeamKey

#: The example of the contract, word by word.
EXAMPLE = """\
workflows:
  - name: order-to-cash
    owner: payments-core            # a team; who gets the finding
    on_call: pagerduty-payments     # an alert channel of the configuration
    runbook: https://wiki/runbooks/order-to-cash
    runbook_reviewed: 2026-05-01
    covers: [LAG-01, DLQ-03]        # failure modes that the runbook treats
    paradigm: event                 # batch | event | api | hybrid: what it is meant to be
    cadence: continuous             # or a cron line, or a period: 1h
    latency_seconds: 120            # how late an outcome may be
    volume_per_day: 180000
    peak_per_second: 40
    consistency: strong             # strong | eventual
    failure_impact: critical        # critical | non-critical
    order: key                      # none | key | strict
    recovery: retry                 # retry | manual | rollback
    answer_needed: false            # does a caller wait for the result?
    slo: 99.9
    value_per_event_hour: null      # for the cost of delay; absent = not priced
    tier: production                # production | sandbox (a sandbox is exempt from GOV-01)
    last_review: 2026-05-01
    pilot: {date: 2026-02-01, result: adopted}
    loadtests: [{date: 2026-06-01, rate_per_second: 120, minutes: 30, result: held}]
    seams:
      - {kind: publishes, source: "service:checkout", target: "topic:prod/orders"}
      - {kind: consumes, source: "topic:prod/orders", target: "group:prod/billing"}
      - {kind: triggers, source: "topic:prod/orders", target: "job:airflow/ledger_close"}
components:                          # what is true of one component, whoever uses it
  - {component: "topic:prod/clicks", owner: web, loss_tolerant: true}
  - {component: "group:prod/ledger", on_error: stop, idempotency: "inbox table, same transaction"}
  - {component: "topic:prod/orders.dlq", terminal: false}
  - {component: "job:cron/ledger", schedule: "0 2 * * *", timezone: Europe/Berlin, grace_seconds: 1800, window_seconds: 14400}
  - {component: "service:legacy", trace: none, reason: "closed source", environment: prod}
teams:
  - {name: payments-core, on_call: pagerduty-payments, maturity_note: "Kafka in production since 2023"}
"""  # noqa: E501  # word by word

ORDERS, BILLING = Component("topic", "prod/orders"), Component("group", "prod/billing")


def wrong(text: str, name: str = "w.yaml") -> list[str]:
    return [str(problem) for problem in declare([(name, text)])[1]]


def test_the_example_of_the_contract_becomes_declarations() -> None:
    declared, problems = declare([("workflows/orders.yaml", EXAMPLE)])
    assert problems == ()
    assert declared.loaded
    assert declared.workflows == (
        Workflow(
            name="order-to-cash",
            owner="payments-core",
            on_call="pagerduty-payments",
            runbook="https://wiki/runbooks/order-to-cash",
            runbook_reviewed=date(2026, 5, 1),
            covers=("LAG-01", "DLQ-03"),
            paradigm="event",
            cadence="continuous",
            latency_seconds=120,
            volume_per_day=180_000,
            peak_per_second=40,
            consistency="strong",
            failure_impact="critical",
            order="key",
            recovery="retry",
            answer_needed=False,
            slo=99.9,
            tier="production",
            last_review=date(2026, 5, 1),
            pilot=Pilot(date(2026, 2, 1), "adopted"),
            loadtests=(LoadTest(date(2026, 6, 1), 120, 30, "held"),),
            seams=(
                SeamKey("publishes", Component("service", "checkout"), ORDERS),
                SeamKey("consumes", ORDERS, BILLING),
                SeamKey("triggers", ORDERS, Component("job", "airflow/ledger_close")),
            ),
            place="workflows/orders.yaml, line 2",
        ),
    )
    assert declared.components[3] == ComponentFacts(
        component="job:cron/ledger",
        schedule="0 2 * * *",
        timezone="Europe/Berlin",
        grace_seconds=1800,
        window_seconds=14400,
        place="workflows/orders.yaml, line 32",
    )
    assert declared.components[4].trace == "none"
    assert declared.teams == (
        Team(
            "payments-core",
            "pagerduty-payments",
            "Kafka in production since 2023",
            "workflows/orders.yaml, line 35",
        ),
    )


def test_the_further_component_keys_and_dead_letters_are_read() -> None:
    text = """\
components:
  - component: "group:prod/*"
    legal_hold: true
    paused: false
    safe_posts: [/search]
    idempotency_header: Idempotency-Key
    contract: openapi/orders.yaml
    sunset: 2027-01-31
    dead_letters: "topic:prod/orders.dlq"
"""
    declared, problems = declare([("w.yaml", text)])
    assert problems == ()
    [facts] = declared.components
    assert (facts.legal_hold, facts.paused, facts.safe_posts) == (True, False, ("/search",))
    assert (facts.idempotency_header, facts.contract, facts.sunset) == (
        "Idempotency-Key",
        "openapi/orders.yaml",
        date(2027, 1, 31),
    )
    assert declared.declared(BILLING, "dead_letters") == "topic:prod/orders.dlq"


def test_what_is_absent_or_null_is_not_declared() -> None:
    declared, problems = declare(
        [("w.yaml", "workflows:\n  - {name: a, owner: null, seams: }\ncomponents:\nteams: []")]
    )
    assert problems == ()
    assert declared.workflows == (Workflow("a", place="w.yaml, line 2"),)


def test_no_file_and_an_empty_file_differ() -> None:
    assert not declare([])[0].loaded
    assert declare([("w.yaml", "")])[0].loaded


def test_every_mistake_is_told_with_line_key_and_what_to_write() -> None:
    assert wrong("""\
workflows:
  - nam: x
    paradigm: evnt
    answer_needed: no
    latency_seconds: soon
    slo: 101
    cadence: sometimes
    covers: [LAG-1, 3]
    last_review: 2026-02-30
    pilot: {date: yesterday}
    volume_per_day: -1
    failure_impact: high
    seams:
      - {kind: consume, source: "topic:prod/orders", target: "grup:prod/billing"}
      - {kind: consumes, source: "topic:orders"}
      - {kind: calls, source: "service:*", target: "route:shop"}
components:
  - {component: "topic:prod/clicks", dead_letters: "group:a/b", timezone: Europe/Berln, schedule: "0 2 * *"}
  - {component: "topic:prod/clicks ", legal_hold: 1, safe_posts: x, sunset: 2026}
  - owner: x
team: []
""") == [
        'w.yaml, line 2, column 5: workflows[0] has no "name". Add name: order-to-cash.',
        'w.yaml, line 2, column 5: "nam" is no key of workflows[0]. Did you mean "name"?',
        'w.yaml, line 3, column 15: workflows[0].paradigm is "evnt"; it takes batch, event, api or hybrid. Did you '
        'mean "event"?',
        'w.yaml, line 4, column 20: workflows[0].answer_needed is "no"; it takes true or false. Write false.',
        'w.yaml, line 5, column 22: workflows[0].latency_seconds is "soon", not a number. Write a number.',
        "w.yaml, line 6, column 10: workflows[0].slo is 101; it takes at most 100. Write a number of at most 100.",
        'w.yaml, line 7, column 14: workflows[0].cadence is "sometimes". Write continuous, a cron line ("0 2 * * '
        '*") or a period (1h).',
        'w.yaml, line 8, column 14: workflows[0].covers[0] is "LAG-1", which is no rule ID. Write it like LAG-01.',
        "w.yaml, line 8, column 21: workflows[0].covers[1] is 3, which is no rule ID. Write it like LAG-01.",
        'w.yaml, line 9, column 18: workflows[0].last_review is "2026-02-30", a day that no calendar has. Write '
        "year-month-day, such as 2026-05-01.",
        'w.yaml, line 10, column 19: workflows[0].pilot.date is "yesterday", which is no date. Write '
        "year-month-day, such as 2026-05-01.",
        "w.yaml, line 11, column 21: workflows[0].volume_per_day is -1; it takes at least 0. Write a number of at "
        "least 0.",
        'w.yaml, line 12, column 21: workflows[0].failure_impact is "high"; it takes critical or non-critical.',
        'w.yaml, line 14, column 16: workflows[0].seams[0].kind is "consume", which is no kind of seam. Did you '
        'mean "consumes"?',
        'w.yaml, line 14, column 62: workflows[0].seams[0].target is "grup:prod/billing", which is no component. '
        'Did you mean "group"?',
        'w.yaml, line 15, column 9: workflows[0].seams[1] has no "target". Add target: group:prod/billing.',
        'w.yaml, line 15, column 34: workflows[0].seams[1].source is "topic:orders", only half a name. Write '
        "topic:<cluster>/<topic>.",
        'w.yaml, line 16, column 31: workflows[0].seams[2].source is "service:*", a pattern. Name one component; '
        "patterns belong below components.",
        'w.yaml, line 16, column 52: workflows[0].seams[2].target is "route:shop", only part of a route. Write '
        '"route:<service> <METHOD> <template>".',
        'w.yaml, line 18, column 52: components.topic:prod/clicks.dead_letters is "group:a/b", not a topic. Write '
        "topic:<cluster>/<topic>.",
        'w.yaml, line 18, column 75: components.topic:prod/clicks.timezone is "Europe/Berln", which is no time '
        'zone. Did you mean "Europe/Berlin"?',
        'w.yaml, line 18, column 99: components.topic:prod/clicks.schedule is "0 2 * *", which is no cron line: '
        'it has 4 fields. Write five fields: "0 2 * * *".',
        'w.yaml, line 19, column 17: components.topic:prod/clicks .component is "topic:prod/clicks ", with spaces '
        "around it, invisible characters or over 512. Write the plain name.",
        "w.yaml, line 19, column 51: components.topic:prod/clicks .legal_hold is 1; it takes true or false.",
        "w.yaml, line 19, column 66: components.topic:prod/clicks .safe_posts is a text, not a list. Write one "
        "item a line, each after a dash.",
        "w.yaml, line 19, column 77: components.topic:prod/clicks .sunset is 2026, which is no date. Write "
        "year-month-day, such as 2026-05-01.",
        'w.yaml, line 20, column 5: components[2] has no "component". Add component: "topic:prod/orders".',
        'w.yaml, line 21, column 1: "team" is no key of the file. Did you mean "teams"?',
    ]


def test_a_problem_has_its_column_and_key_as_well() -> None:
    [problem] = declare([("w.yaml", "workflows:\n  - name: a\n    tier: prod\n")])[1]
    assert (problem.file, problem.line, problem.column, problem.key) == ("w.yaml", 3, 11, "workflows[0].tier")


def test_a_text_that_drives_a_terminal_or_turns_is_refused_and_any_script_is_taken() -> None:
    assert wrong("""\
workflows:
  - {name: a, owner: "x\\e[2J", runbook: "\\x9b31m"}
  - {name: b, owner: "\u202e"}
  - {name: c, runbook: "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"}
""") == [
        'w.yaml, line 2, column 22: workflows.a.owner is "x [2J", with a control character (U+001B) as character 2. '
        "Write it without.",
        'w.yaml, line 2, column 41: workflows.a.runbook is " 31m", with a control character (U+009B) as character 1. '
        "Write it without.",
        'w.yaml, line 3, column 22: workflows.b.owner is " ", with a character that turns the order of the text '
        "(U+202E) as character 1. Write it without.",
    ]


def test_a_name_is_declared_once_in_all_files() -> None:
    first = "workflows: [{name: a}]\nteams: [{name: t}]\ncomponents: [{component: 'topic:p/x', owner: web}]"
    second = """\
workflows: [{name: a}, {name: b}, {name: b}]
teams: [{name: t}]
components: [{component: 'topic:p/x', owner: shop, terminal: true}]
"""
    declared, problems = declare([("1.yaml", first), ("2.yaml", second)])
    assert [str(problem) for problem in problems] == [
        '2.yaml, line 1, column 20: workflow "a" is declared already in 1.yaml, line 1. Keep one of them.',
        '2.yaml, line 1, column 42: workflow "b" is declared already in 2.yaml, line 1. Keep one of them.',
        '2.yaml, line 2, column 16: team "t" is declared already in 1.yaml, line 2. Keep one of them.',
        '2.yaml, line 3, column 46: owner of topic:p/x is "shop" here and "web" in 1.yaml, line 3. Keep one of them.',
    ]
    assert [flow.name for flow in declared.workflows] == ["a"], "a file with a problem is left out as a whole"


def test_two_files_may_each_say_something_of_one_component() -> None:
    files = [
        ("1", "components: [{component: 'topic:p/x', owner: a}]"),
        ("2", "components: [{component: 'topic:p/x', paused: true, owner: a}]"),
    ]
    declared, problems = declare(files)
    assert problems == ()
    assert declared.declared(Component("topic", "p/x"), "paused") is True


def test_a_seam_leads_where_its_kind_leads() -> None:
    text = 'workflows: [{name: a, seams: [{kind: consumes, source: "group:p/g", target: "topic:p/t"}]}]'
    assert [line.partition("consumes leads")[2] for line in wrong(text)] == [
        " from topic to group. Swap source and target."
    ] * 2
    text = 'workflows: [{name: a, seams: [{kind: reads, source: "topic:p/t", target: "job:c/j"}]}]'
    assert wrong(text) == [
        'w.yaml, line 1, column 53: workflows.a.seams[0].source is "topic:p/t", and reads leads from table or dataset '
        "to service or job. Name a table."
    ]
    assert set(DIRECTIONS) == set(SEAM_KINDS)


def test_a_schedule_may_trigger_a_job() -> None:
    text = 'workflows: [{name: a, seams: [{kind: triggers, source: schedule, target: "job:cron/j"}]}]'
    declared, problems = declare([("w", text)])
    assert problems == ()
    assert str(declared.workflows[0].seams[0]) == "triggers schedule:- -> job:cron/j"


@pytest.mark.parametrize("cadence", ["continuous", "1h", "90s", "0 2 * * *", "*/5 * * * 1-5", "0 2 * * MON", "@daily"])
def test_a_cadence_is_continuous_a_cron_line_or_a_period(cadence: str) -> None:
    assert wrong(f"workflows: [{{name: a, cadence: '{cadence}'}}]") == []


@pytest.mark.parametrize("cadence", ["hourly", "0s", "* * * *", "* * * * * *", "a b c d e f", "@never"])
def test_any_other_cadence_is_refused(cadence: str) -> None:
    assert len(wrong(f"workflows: [{{name: a, cadence: '{cadence}'}}]")) == 1


def test_a_long_list_of_problems_is_cut() -> None:
    problems = wrong("workflows:\n" + "- {name: a, nam: b}\n" * 300)
    assert len(problems) == 101
    assert problems[-1] == "w.yaml: 499 more problems are not shown. Mend the first ones."


def test_files_are_found_by_globs_relative_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "workflows" / "deep").mkdir(parents=True)
    for name, flow in {"b.yaml": "b", "a.yaml": "a", "deep/c.yaml": "c"}.items():
        (tmp_path / "workflows" / name).write_text(f"workflows: [{{name: {flow}}}]")
    declared, problems = load(["workflows/**/*.yaml", "workflows/a.yaml"], tmp_path)
    assert problems == ()
    assert sorted(flow.name for flow in declared.workflows) == ["a", "b", "c"]
    absolute, _ = find([str(tmp_path / "workflows" / "a.yaml")], Path("elsewhere"))
    assert absolute == (tmp_path / "workflows" / "a.yaml",)


def test_a_pattern_that_finds_nothing_is_a_problem(tmp_path: Path) -> None:
    files, problems = find(["none/*.yaml", "none.yaml", "a\0b"], tmp_path)
    assert files == ()
    assert [problem.what for problem in problems] == ["matches no file", "does not exist", "does not exist"]


def test_good_files_count_beside_bad_ones(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("workflows: [{name: a}]")
    (tmp_path / "bad.yaml").write_text("workflows: [")
    declared, problems = load(["*.yaml"], tmp_path)
    assert [flow.name for flow in declared.workflows] == ["a"]
    assert len(problems) == 1


def test_the_shapes_have_the_keys_of_the_model() -> None:
    for shape, model in ((WorkflowShape, Workflow), (ComponentShape, ComponentFacts), (TeamShape, Team)):
        assert {key.name for key in dataclasses.fields(shape)} == {  # type: ignore[arg-type]  # all are dataclasses
            key.name
            for key in dataclasses.fields(model)  # type: ignore[arg-type]  # all are dataclasses
        } - {"place"}


def test_the_published_schema_takes_the_example_and_refuses_mistakes() -> None:
    published = schema("workflow")
    assert jsonschema_rs.meta.is_valid(published)
    validator = jsonschema_rs.validator_for(published)
    document = parse(EXAMPLE, "x")
    assert isinstance(document, Document)
    assert validator.is_valid(document.value)
    for text in (
        "workflows: [{}]",
        "wat: 1",
        "components: [{component: 'tpic:a/b'}]",
        "workflows: [{name: a, tier: b}]",
    ):
        found = parse(text, "x")
        assert isinstance(found, Document)
        assert not validator.is_valid(found.value), text
        assert declare([("x", text)])[1], text
    with pytest.raises(KeyError):
        schema("nothing")


def test_every_key_of_the_published_schema_is_described() -> None:
    for shape in schema("workflow")["$defs"].values():
        assert all(key["description"].endswith(".") for key in shape["properties"].values())


def test_only_a_file_of_workflows_is_offered_for_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("log: {level: info}\nworkflows: [flows.yaml]\n")
    (tmp_path / "flowr.yaml").mkdir()
    _, [problem] = find(["flows.yaml"], tmp_path)
    assert "Did you mean" not in str(problem)
    (tmp_path / "flowz.yaml").write_text("workflows: [{nam: a}]")
    _, [problem] = find(["flows.yaml"], tmp_path)
    assert str(problem).endswith('Did you mean "flowz.yaml"?')

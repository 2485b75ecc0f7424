"""One run tells every mistake: no mistake hides another, whatever it is and wherever it stands."""

from pathlib import Path

from agent.config.load import load, look
from agent.config.settings import Settings
from agent.config.workflow import declare, load_configured


def told(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    (folder / "seamwatch.yaml").write_text(text)
    found = load(None, environ or {}, folder)
    assert not isinstance(found, Settings)
    return [str(problem).removeprefix("seamwatch.yaml, line ") for problem in found]


def flows(*texts: str) -> list[str]:
    files = [(f"{number}.yaml", text) for number, text in enumerate(texts, 1)]
    return [str(problem) for problem in declare(files)[1]]


def test_a_key_given_twice_hides_no_other_mistake(tmp_path: Path) -> None:
    assert told(tmp_path, "log: {level: inf}\nwat: 1\nlog: {format: xml, formt: json}\nflush_seconds: 0\n") == [
        '1, column 14: log.level is "inf"; it takes debug, info, warning or error. Did you mean "info"?',
        '2, column 1: "wat" is no key of the file. It takes data_dir, store, listen, journal, limits, rounds, '
        "flush_seconds, workflows, clusters, connect, registries, databases, rules or log.",
        '3, column 1: "log" is given twice, first in line 1. Keep one of them.',
        '3, column 15: log.format is "xml"; it takes text or json.',
        '3, column 20: "formt" is no key of log. Did you mean "format"?',
        "4, column 16: flush_seconds is 0; it takes at least 0.1. Write a number of at least 0.1.",
    ]
    assert told(tmp_path, "log: {level: info}\nlog: {level: info}\n") == [
        '2, column 1: "log" is given twice, first in line 1. Keep one of them.'
    ]


def test_a_key_given_thrice_has_each_of_its_values_looked_at(tmp_path: Path) -> None:
    text = "log: {level: a}\nlog: {level: b, level: c}\nlog: {level: d}\n"
    assert [line.partition(": ")[2][:14] for line in told(tmp_path, text)] == [
        'log.level is "',
        '"log" is given',
        'log.level is "',
        '"level" is giv',
        'log.level is "',
        '"log" is given',
        'log.level is "',
    ]


def test_an_alias_an_anchor_and_a_tag_hide_no_other_mistake(tmp_path: Path) -> None:
    text = "log: &log {level: inf}\njournal: *log\nstore: !!map {url: 5}\n<<: {a: 1}\nwat: 1\n"
    assert [line[:30] for line in told(tmp_path, text)] == [
        "1, column 6: an anchor (&log).",
        '1, column 19: log.level is "in',
        "2, column 10: an alias (*log).",
        "3, column 8: a tag (tag:yaml.o",
        "3, column 20: store.url is 5, ",
        "4, column 1: a merge key (<<).",
        '5, column 1: "wat" is no key o',
    ]


def test_a_file_that_is_no_yaml_does_not_hide_a_variable(tmp_path: Path) -> None:
    environ = {"SEAMWATCH_LOG__LEVEL": "inf", "SEAMWATCH_DB": "sqlite:///x", "SEAMWATCH_WAT": "1"}
    assert told(tmp_path, "store: {url: 'env:SEAMWATCH_DB'}\nlog: [\n", environ) == [
        "2, column 1: not valid YAML (did not find expected node content). Check indentation, quotes and brackets.",
        'SEAMWATCH_LOG__LEVEL: log.level is "inf"; it takes debug, info, warning or error. Did you mean "info"?',
        "SEAMWATCH_WAT: this variable sets nothing. Keys of seamwatch.yaml are written like SEAMWATCH_LISTEN__WEB.",
    ]


def test_a_value_that_is_wrong_alone_hides_none_that_are_wrong_together(tmp_path: Path) -> None:
    text = """\
log: {level: inf}
listen: {web: "127.0.0.1:4318"}
limits: {body_bytes: 1GiB, inflated_bytes: many}
clusters: {a: {id: X}, b: {id: X}, "c/d": {}, e: 5}
"""
    assert [line.partition(": ")[2] for line in told(tmp_path, text)] == [
        'log.level is "inf"; it takes debug, info, warning or error. Did you mean "info"?',
        "listen.web and listen.otlp are both 127.0.0.1:4318. Change one port.",
        'limits.inflated_bytes is "many", which is no size. Write 512KiB, 16MiB, 1GiB or a number of bytes.',
        'clusters.b.id is "X", which is clusters.a.id already. Keep one of them.',
        '"c/d" is no name for clusters. Use letters, digits, dots, dashes.',
        "clusters.e is a number, not a mapping. Write keys below e, indented.",
    ]


def test_what_is_right_holds_beside_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text("log: {level: inf, format: json}\nworkflows: [5, a.yaml]\nwat: 1\n")
    found = look(None, {}, tmp_path)
    assert (found.settings.log.level, found.settings.log.format, found.settings.workflows) == (
        "info",
        "json",
        ("a.yaml",),
    )
    assert len(found.problems) == 3
    assert load(None, {}, tmp_path) == found.problems


def test_a_workflow_path_that_leads_nowhere_is_told_where_it_stands_and_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "orders.yaml").write_text("workflows: [{nam: a}]")
    text = "workflows:\n  - 5\n  - flows/order.yaml\n  - none/*.yaml\n  - flows/*.yaml\n"
    (tmp_path / "seamwatch.yaml").write_text(text)
    found = look(None, {}, tmp_path)
    _, problems = load_configured(found.settings)
    assert [str(problem).replace(str(tmp_path), ".") for problem in problems] == [
        'seamwatch.yaml, line 3, column 5: workflows[0] is "flows/order.yaml", which does not exist. '
        'Did you mean "flows/orders.yaml"?',
        'seamwatch.yaml, line 4, column 5: workflows[1] is "none/*.yaml", which matches no file. '
        f"Paths start from {tmp_path.name}/.",
        './flows/orders.yaml, line 1, column 13: workflows[0] has no "name". Add name: order-to-cash.',
        './flows/orders.yaml, line 1, column 14: "nam" is no key of workflows[0]. Did you mean "name"?',
    ]


def test_a_swapped_seam_is_told_beside_every_other_mistake() -> None:
    seam = '{kind: consumes, source: "group:p/g", target: "topic:p/t"}'
    right = '{kind: consumes, source: "topic:p/t", target: "group:p/g"}'
    assert flows(
        f"workflows:\n  - name: a\n    ownr: x\n    tier: prod\n    seams:\n      - {seam}\n      - {right}\n"
    ) == [
        '1.yaml, line 3, column 5: "ownr" is no key of workflows.a. Did you mean "owner"?',
        '1.yaml, line 4, column 11: workflows.a.tier is "prod"; it takes production or sandbox. '
        'Did you mean "production"?',
        '1.yaml, line 6, column 34: workflows.a.seams[0].source is "group:p/g", and consumes leads from topic to '
        "group. Swap source and target.",
        '1.yaml, line 6, column 55: workflows.a.seams[0].target is "topic:p/t", and consumes leads from topic to '
        "group. Swap source and target.",
    ]
    assert flows(f"workflows: [{{name: a, seams: [{right}]}}]") == []


def test_a_name_of_a_file_with_mistakes_counts_as_declared() -> None:
    first = "workflows: [{name: a, ownr: x}]\ncomponents: [{component: 'topic:p/x', owner: web, wat: 1}]"
    second = "workflows: [{name: a}]\ncomponents: [{component: 'topic:p/x', owner: shop}]"
    assert [line.partition(": ")[2] for line in flows(first, second)][2:] == [
        'workflow "a" is declared already in 1.yaml, line 1. Keep one of them.',
        'owner of topic:p/x is "shop" here and "web" in 1.yaml, line 2. Keep one of them.',
    ]


def test_a_key_given_twice_in_a_workflow_file_hides_no_other_mistake() -> None:
    assert flows("workflows:\n  - name: a\n    tier: prod\n    tier: sandbx\nteams: [{nam: t}]\n") == [
        '1.yaml, line 3, column 11: workflows.a.tier is "prod"; it takes production or sandbox. '
        'Did you mean "production"?',
        '1.yaml, line 4, column 5: "tier" is given twice, first in line 3. Keep one of them.',
        '1.yaml, line 4, column 11: workflows.a.tier is "sandbx"; it takes production or sandbox. '
        'Did you mean "sandbox"?',
        '1.yaml, line 5, column 9: teams[0] has no "name". Add name: payments-core.',
        '1.yaml, line 5, column 10: "nam" is no key of teams[0]. Did you mean "name"?',
    ]

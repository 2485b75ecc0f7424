"""The command line: what it refuses, with which exit code, in one sentence and without a traceback."""

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app.agent import listen
from agent.app.wiring import catalogue, declared_in
from agent.cli.dispatch import run
from agent.config import load_settings
from agent.engine.round import Rounds
from agent.store.store import open_store
from tests.e2e.commands import told

FLOWS = "workflows: [{name: a, tier: production}]"
RECORDING = '{"recording": 1, "source": "kafka", "cluster": "c", "at": "2026-11-01T00:00:30Z", "topics": {}}\n'


@pytest.fixture
def finding(tmp_path: Path) -> str:
    """The fingerprint of a finding in the default store of a folder."""
    store = open_store(f"sqlite:///{tmp_path / 'seamwatch-data' / 'seamwatch.db'}")
    store.attach(datetime.now(UTC))
    Rounds(store, catalogue(), declared_in([("w.yaml", FLOWS)])).run(datetime.now(UTC), elapsed=True)
    [found] = store.findings()
    store.close()
    return found.fingerprint


def day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


@pytest.mark.parametrize(
    "words",
    [
        ("scan", ".", "--every", "99999999999d"),
        ("scan", ".", "--every", "0.001s"),
        ("scan", ".", "--every", "1e9"),
        ("scan", ".", "--every", "1 year"),
        ("scan", ".", "--every", "9" * 400),
        ("scan", ".", "--every", "-5m"),
        ("run", "--every", "401d"),
        ("finding", "silence", "X", "--reason", "r", "--for", "3000000d"),
        ("finding", "silence", "X", "--reason", "r", "--for", "367d"),
        ("scan", ".", "--as-of", "2026-13-01"),
        ("scan", ".", "--as-of", "0001-01-01T00:00:00+23:59"),
        ("scan", ".", "--as-of", "9999-12-31T23:59:59-23:59"),
        ("scan", ".", "--as-of", "now"),
    ],
)
def test_a_duration_or_time_out_of_bounds_is_wrong_use_told_in_a_sentence(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    done = told(*words, cwd=tmp_path)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "It takes 1s to" in done.err or "Write " in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("--every", "1s"),
        ("--every", "400d"),
        ("--as-of", "2026-11-24"),
        ("--as-of", "2026-11-24T20:00:00Z"),
        ("--as-of", "2026-11-24T20:00:00.123456+00:00"),
        ("--as-of", "2026-11-24t21:00:00.5+01:00"),
    ],
)
def test_a_duration_or_time_within_bounds_is_taken(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "r.ndjson").write_text(RECORDING)
    done = told("scan", "r.ndjson", *words, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("waive", "--owner", "", "--reason", "r", "--until", day(9)), "Name an owner"),
        (("waive", "--owner", "o", "--reason", " ", "--until", day(9)), "Say why"),
        (("waive", "--owner", "o", "--reason", "r", "--until", "9999-12-30"), "within a year"),
        (("waive", "--owner", "o", "--reason", "r", "--until", day(-1)), "in the future"),
        (("waive", "--owner", "o", "--reason", "r", "--until", "soon"), "Give the day it ends"),
        (("silence", "--reason", "\t", "--for", "4h"), "Say why"),
        (("silence", "--reason", "r", "--until", "soon"), "Give the day it ends"),
        (("silence", "--reason", "r", "--until", day(-1)), "in the future"),
        (("silence", "--reason", "r"), "Give --for (such as 4h) or --until (such as 2027-01-31)."),
        (("silence", "--reason", "r", "--for", "4h", "--until", day(9)), "Give one of --for and --until, not both."),
        (("waive", "--owner", "o", "--reason", "r"), "Give --for (such as 4h) or --until (such as 2027-01-31)."),
        (("dispute", "--reason", ""), "Say why"),
        (("ack", "--owner", "o" * 201), "Write at most 200"),
        (("dispute", "--reason", "r" * 2001), "Write at most 2,000"),
        (("dispute", "--reason", "\udcff"), "has half a character (U+DCFF) as character 1. Write it without."),
    ],
)
def test_the_command_line_refuses_what_the_form_refuses(
    words: tuple[str, ...], says: str, finding: str, tmp_path: Path
) -> None:
    done = told("finding", words[0], finding, *words[1:], cwd=tmp_path)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("waive", "--owner", "o", "--reason", "r", "--until", day(9)),
        ("silence", "--reason", "r", "--for", "4h"),
        ("silence", "--reason", "r", "--until", day(9)),
        ("waive", "--owner", "o", "--reason", "r", "--for", "30d"),
        ("dispute", "--reason", "r"),
        ("ack",),
    ],
)
def test_what_the_form_takes_the_command_line_takes(words: tuple[str, ...], finding: str, tmp_path: Path) -> None:
    done = told("finding", words[0], finding, *words[1:], cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("GOV-01 on ")


def test_a_finding_that_is_not_there_is_wrong_use(finding: str, tmp_path: Path) -> None:
    done = told("finding", "ack", "f" * len(finding), cwd=tmp_path)
    assert done.code == 2
    assert "There is no finding" in done.err


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "There is no store at "),
        ({"SEAMWATCH_STORE__URL": "postgresql://127.0.0.1:1/x"}, "Check that the server runs"),
        ({"SEAMWATCH_DATA_DIR": "file"}, "file"),
    ],
)
def test_a_store_that_is_missing_or_does_not_answer_could_not_be_looked_at(
    environ: dict[str, str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "file").touch()
    for words in (("finding", "ack", "x"), ("explain", "LAG-01", "group:a/b,topic=a/c")):
        done = told(*words, cwd=tmp_path)
        assert (done.code, done.err.count("\n")) == (3, 1)
        assert says in done.err


def test_a_store_that_is_not_there_is_told_with_where_it_was_looked_for_and_how_to_name_another(
    finding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for words in (("list",), ("ack", finding)):
        done = told("finding", *words, cwd=tmp_path / "elsewhere")
        assert done.code == 3
        assert f"There is no store at {tmp_path / 'elsewhere' / 'seamwatch-data' / 'seamwatch.db'}." in done.err
        assert "SEAMWATCH_DATA_DIR=FOLDER" in done.err
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "seamwatch-data"))
    assert told("finding", "ack", finding, cwd=tmp_path / "elsewhere").code == 0


def test_findings_are_listed_with_their_fingerprints_and_what_was_said(finding: str, tmp_path: Path) -> None:
    head, row = told("finding", "list", cwd=tmp_path).out.splitlines()
    assert head.split() == ["fingerprint", "rule", "severity", "subject", "state", "since", "disposition", "says"]
    assert row.split()[:5] == [finding, "GOV-01", "medium", "workflow:a", "open"]
    assert " UTC" in row
    [one] = json.loads(told("finding", "list", "--format", "json", cwd=tmp_path).out)
    assert list(one) == [
        *("fingerprint", "rule", "severity", "subject", "state", "since", "disposition", "until", "owner", "reason"),
        "says",
    ]
    assert (one["fingerprint"], one["subject"]) == (finding, {"kind": "workflow", "name": "a"})
    assert (one["disposition"], one["until"]) == (None, None)
    until = day(9)
    done = told("finding", "waive", finding, "--owner", "o", "--reason", "r", "--until", until, cwd=tmp_path)
    [one] = json.loads(told("finding", "list", "--format", "json", cwd=tmp_path).out)
    assert (one["disposition"], one["until"]) == ("waived", f"{until}T23:59:59Z")
    end = f"waived until {datetime.fromisoformat(until):%-d %b %Y}, 23:59 UTC"
    assert done.out == f"GOV-01 on workflow:a is {end}.\n"
    assert told("finding", "list", cwd=tmp_path).out.splitlines()[1].count(end) == 1


def test_a_time_of_a_day_ends_at_that_time_and_today_is_not_over(finding: str, tmp_path: Path) -> None:
    words = ("waive", finding, "--owner", "o", "--reason", "r", "--until")
    assert told("finding", *words, f"{day(3)}T10:00:00+02:00", cwd=tmp_path).out.endswith(", 08:00 UTC.\n")
    assert told("finding", *words, day(0), cwd=tmp_path).out.endswith(f"{datetime.now(UTC):%Y}, 23:59 UTC.\n")


def test_a_store_without_findings_lists_none_and_a_resolved_one_only_with_all(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'seamwatch-data' / 'seamwatch.db'}")
    assert told("finding", "list", cwd=tmp_path).out == "No findings.\n"
    now = datetime.now(UTC)
    store.attach(now)
    Rounds(store, catalogue(), declared_in([("w.yaml", FLOWS)])).run(now, elapsed=True)
    gone = declared_in([("w.yaml", "workflows: [{name: a, tier: sandbox}]")])
    for later in (1, 2, 3):
        Rounds(store, catalogue(), gone).run(now + timedelta(days=later), elapsed=True)
    store.close()
    assert told("finding", "list", cwd=tmp_path).out == "No findings.\n"
    assert " resolved " in told("finding", "list", "--all", cwd=tmp_path).out


def broken(_words: list[str]) -> object:
    message = "boom\nand more"
    raise RuntimeError(message)


def test_an_unexpected_error_never_looks_like_findings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for debug in ("", "1"):
        monkeypatch.setenv("SEAMWATCH_DEBUG", debug)
        with pytest.raises(SystemExit) as left:
            run(["scan"], lambda _name: broken)
        assert left.value.code == 3
        shown = capsys.readouterr().err
        says = "Seamwatch failed (RuntimeError: boom). Run it again with SEAMWATCH_DEBUG=1 and report what it says.\n"
        assert shown.endswith(says)
        assert ("Traceback" in shown) is bool(debug)


def test_the_debug_variable_is_no_mistake_in_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMWATCH_DEBUG", "1")
    assert told("config", "show", cwd=tmp_path).code == 0


def test_one_run_tells_every_mistake_of_configuration_thresholds_and_workflow_files(tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text(
        "log: {level: inf}\n"
        "log: {format: text}\n"
        "rules: {LAG-01: {dleta: 3, delta: much}, LAG-99: {}, LGA-01: {x: 1}}\n"
        "workflows: [flow.yaml, flows.yaml]\n"
    )
    (tmp_path / "flows.yaml").write_text(
        "workflows:\n  - name: a\n    cadence: continous\n    seams:\n"
        "      - {kind: consumes, source: 'group:p/g', target: 'topic:p/t'}\n"
    )
    done = told("config", "show", cwd=tmp_path)
    assert done.code == 2
    assert done.err.splitlines() == [
        'seamwatch.yaml, line 1, column 14: log.level is "inf"; it takes debug, info, warning or error. '
        'Did you mean "info"?',
        'seamwatch.yaml, line 2, column 1: "log" is given twice, first in line 1. Keep one of them.',
        'seamwatch.yaml, line 3, column 18: LAG-01 has no threshold "dleta". Did you mean "delta"?',
        'seamwatch.yaml, line 3, column 35: rules.LAG-01.delta is "much", not a number of seconds. Write a number of '
        "seconds, such as 300.",
        'seamwatch.yaml, line 3, column 42: there is no rule "LAG-99". Did you mean "LAG-09"?',
        'seamwatch.yaml, line 3, column 54: there is no rule "LGA-01". Did you mean "LAG-01"?',
        'seamwatch.yaml, line 4, column 13: workflows[0] is "flow.yaml", which does not exist. '
        'Did you mean "flows.yaml"?',
        'flows.yaml, line 3, column 14: workflows.a.cadence is "continous". Did you mean "continuous"?',
        'flows.yaml, line 5, column 34: workflows.a.seams[0].source is "group:p/g", and consumes leads from topic to '
        "group. Swap source and target.",
        'flows.yaml, line 5, column 55: workflows.a.seams[0].target is "topic:p/t", and consumes leads from topic to '
        "group. Swap source and target.",
    ]


@pytest.mark.parametrize(
    "words", [("config", "show"), ("config", "show", "--origin"), ("run",), ("explain", "LAG-01", "group:a/b")]
)
def test_an_unknown_rule_or_threshold_is_refused_by_all_that_use_it(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text("rules: {LAG-01: {windw: 3}}")
    done = told(*words, cwd=tmp_path)
    assert done.code == 2
    assert 'seamwatch.yaml, line 1, column 18: LAG-01 has no threshold "windw". It has ' in done.err


@pytest.mark.parametrize("value", ["1e300", ".nan", "true", "[1]", "5m", "9" * 300])
def test_a_threshold_of_another_kind_is_told_with_an_example(value: str, tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text(f"rules: {{LAG-01: {{fast: {value}}}}}")
    done = told("config", "show", cwd=tmp_path)
    assert done.code == 2
    assert done.err.endswith("not a number of seconds. Write a number of seconds, such as 900.\n")


@pytest.mark.parametrize(
    ("key", "value", "takes"),
    [
        ("LAG-01.age", "-3", "0 or more"),
        ("LAG-01.fast", "-0.5", "0 seconds or more"),
        ("LAG-01.fast_samples", "-1", "0 or more"),
        ("LAG-01.p", "7", "a share from 0 to 1"),
        ("LAG-01.p", ".nan", "a share from 0 to 1"),
        ("LAG-01.age", ".inf", "0 or more, up to 2^53"),
        ("IDM-01.identified", "1.01", "a share from 0 to 1"),
        ("IDM-02.bound", "-0.1", "a share from 0 to 1"),
        ("TRC-01.bound", "2", "a share from 0 to 1"),
        ("SCH-04.writers", "-2", "0 or more"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused_with_its_place_and_range(
    key: str, value: str, takes: str, tmp_path: Path
) -> None:
    rule, name = key.split(".")
    (tmp_path / "seamwatch.yaml").write_text(f"rules:\n  {rule}: {{{name}: {value}}}\n")
    done = told("config", "show", cwd=tmp_path)
    assert done.code == 2
    place = f"seamwatch.yaml, line 2, column {14 + len(name)}"
    assert done.err.startswith(f"{place}: rules.{key} is ")
    assert done.err.endswith(f"; it takes {takes}.\n")


@pytest.mark.parametrize("pair", ["age: 0", "p: 0", "p: 1", "fast: 0.5", "draining: 7", "age: 120.5", "tail: 0"])
def test_a_threshold_at_the_edge_of_its_range_is_taken(pair: str, tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text(f"rules: {{LAG-01: {{{pair}}}}}")
    assert told("config", "show", cwd=tmp_path).code == 0


def test_a_known_threshold_is_shown_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text("rules: {LAG-01: {fast: 1200}}")
    done = told("config", "show", "--origin", cwd=tmp_path)
    assert done.code == 0
    assert "rules.LAG-01.fast" in done.out
    assert "seamwatch.yaml:1" in done.out


@pytest.mark.parametrize("word", ["LAG-01", "lag-01", "rising-lag", "Rising-Lag", "rising lag", "rising_lag"])
def test_a_rule_is_explained_by_its_id_or_its_name(word: str, tmp_path: Path) -> None:
    done = told("explain", word, cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith("# LAG-01 rising-lag\n")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("LAG-1", 'Did you mean "LAG-01"?'),
        ("lag", 'Did you mean "LAG-09"?'),
        ("risinglag", 'Did you mean "rising-lag"?'),
        ("XYZ-99", "There are DLQ-01, DLQ-02, "),
    ],
)
def test_a_rule_that_is_not_there_is_told_with_the_nearest(word: str, says: str, tmp_path: Path) -> None:
    done = told("explain", word, cwd=tmp_path)
    assert done.code == 2
    assert f'There is no rule "{word}". {says}' in done.err


@pytest.mark.parametrize(
    ("number", "words", "code", "says"),
    [
        (errno.EADDRINUSE, (), 75, "Stop what uses it, set listen.otlp, or add --next-free-port."),
        (errno.EADDRINUSE, ("--next-free-port",), 75, "Stop what uses them, or set listen.otlp."),
        (errno.EACCES, (), 2, "Set listen.otlp to an address that this user may take."),
        (errno.EADDRNOTAVAIL, ("--next-free-port",), 2, "Set listen.otlp to an address that this user may take."),
    ],
)
def test_a_port_in_use_is_tried_again_and_one_that_cannot_be_had_is_a_mistake(
    number: int, words: tuple[str, ...], code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_host: str, _port: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("agent.app.agent.bind", refuse)
    done = told("run", *words, cwd=tmp_path)
    assert done.code == code
    assert done.err.startswith(f"Cannot listen on 127.0.0.1:4318 ({os.strerror(number)}). ")
    assert done.err.endswith(f"{says}\n")


def test_the_next_free_port_is_taken_where_one_is_in_use() -> None:
    settings = load_settings(None, {"SEAMWATCH_LISTEN__OTLP": "127.0.0.1:0"})
    first = listen(settings, next_free=True)
    taken = first["otlp"].getsockname()[1]
    again = load_settings(None, {"SEAMWATCH_LISTEN__OTLP": f"127.0.0.1:{taken}"})
    second = listen(again, next_free=True)
    assert second["otlp"].getsockname()[1] > taken
    for one in (*first.values(), *second.values()):
        one.close()


def test_a_mistake_in_a_workflow_file_keeps_nobody_from_acknowledging(finding: str, tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text("workflows: [none.yaml]")
    assert told("finding", "ack", finding, cwd=tmp_path).code == 0

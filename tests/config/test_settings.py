"""Settings: file, environment, origins, secrets, and every mistake at once."""

import copy
import dataclasses
import json
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config.load import load, variables
from agent.config.secret import Secret, Sources
from agent.config.settings import Settings
from agent.config.workflow import schema
from agent.config.yamlfile import Document, parse

PASSWORD = "hunter2canary"  # a canary
URL = f"postgresql://seamwatch:{PASSWORD}@db/seamwatch"


def good(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> Settings:
    (folder / "seamwatch.yaml").write_text(text)
    found = load(None, environ or {}, folder)
    assert isinstance(found, Settings), [str(problem) for problem in found]
    return found


def bad(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> list[str]:
    (folder / "seamwatch.yaml").write_text(text)
    found = load(None, environ or {}, folder)
    assert not isinstance(found, Settings)
    return [str(problem) for problem in found]


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = load(None, {}, tmp_path)
    assert isinstance(found, Settings)
    assert found.store.url.reveal() == "sqlite:///seamwatch-data/seamwatch.db"
    assert (str(found.listen.otlp), str(found.listen.web)) == ("127.0.0.1:4318", "127.0.0.1:8740")
    assert (found.journal.max_bytes, found.journal.reserve_bytes, found.journal.commit_ms) == (256 << 20, 16 << 20, 50)
    assert (found.limits.body_bytes, found.limits.inflated_bytes, found.limits.in_flight_bytes) == (
        16 << 20,
        64 << 20,
        64 << 20,
    )
    assert (found.rounds.every, found.rounds.settle) == (timedelta(seconds=60), timedelta(seconds=120))
    assert (found.flush_seconds, found.workflows, found.log.format) == (10, (), "text")
    assert {str(origin) for _, _, origin in found.listing()} == {"default"}


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    found = load(Path("other.yaml"), {}, tmp_path)
    assert not isinstance(found, Settings)
    assert [str(problem) for problem in found] == ["other.yaml: does not exist. Name a YAML file."]


def test_an_empty_file_is_a_file_of_defaults(tmp_path: Path) -> None:
    assert good(tmp_path, "# nothing yet\n").limits.seams == 20_000


def test_every_value_remembers_where_it_came_from(tmp_path: Path) -> None:
    text = "rounds:\n  every: 5m\n  settle: 2h\nlog:\n  level:\nrules:\n  LAG-01: {age: 120}\nclusters:\n  prod:\n"
    found = good(tmp_path, text, {"SEAMWATCH_ROUNDS__SETTLE": "7d", "SEAMWATCH_LOG__FORMAT": ""})
    assert found.rounds.settle == timedelta(days=7)
    origins = {key: str(origin) for key, _, origin in found.listing()}
    assert origins["rounds.every"] == "seamwatch.yaml:2"
    assert origins["rounds.settle"] == "SEAMWATCH_ROUNDS__SETTLE"
    assert origins["rules.LAG-01.age"] == "seamwatch.yaml:7"
    assert origins["log.level"] == origins["log.format"] == origins["clusters.prod.id"] == "default"
    problem = found.problem("rules.LAG-01.age", 'LAG-01 has no threshold "age"')
    assert str(problem) == 'seamwatch.yaml, line 7, column 17: LAG-01 has no threshold "age".'


def test_every_mistake_is_told_at_once_in_house_words(tmp_path: Path) -> None:
    text = """\
data_dir: [a]
store: postgresql
listen:
  otpl: 1
  web: 0.0.0.0:80
journal: {commit_ms: 0, max_bytes: lots}
log: {level: inf}
workflows: x
databases: {m: [h]}
rules: {LAG-01: 3}
flush_seconds: .nan
wat: 1
limits: {seams: 1.5, head_seconds: true, seams_per_service: "3"}
rounds: {every: 0, settle: 1y}
"""
    assert bad(tmp_path, text) == [
        "seamwatch.yaml, line 1, column 1: data_dir is a list, which is no folder. Write a path, such as "
        "./seamwatch-data.",
        "seamwatch.yaml, line 2, column 8: store is a text, not a mapping. Write keys below store, indented.",
        'seamwatch.yaml, line 4, column 3: "otpl" is no key of listen. Did you mean "otlp"?',
        'seamwatch.yaml, line 5, column 8: listen.web is "0.0.0.0:80", beyond loopback, and tokens do not exist '
        "yet, so anyone could read and write. Write 127.0.0.1:80.",
        "seamwatch.yaml, line 6, column 22: journal.commit_ms is 0; it takes at least 1. Write a number of at least 1.",
        'seamwatch.yaml, line 6, column 36: journal.max_bytes is "lots", which is no size. Write 512KiB, 16MiB, '
        "1GiB or a number of bytes.",
        'seamwatch.yaml, line 7, column 14: log.level is "inf"; it takes debug, info, warning or error. Did you '
        'mean "info"?',
        "seamwatch.yaml, line 8, column 12: workflows is a text, not a list. Write one item a line, each after a dash.",
        'seamwatch.yaml, line 9, column 17: databases.m[0] is "h", which is no address. Write host:port, such as '
        "127.0.0.1:4318.",
        "seamwatch.yaml, line 10, column 17: rules.LAG-01 is a number, not a mapping. Write keys below LAG-01, "
        "indented.",
        "seamwatch.yaml, line 11, column 16: flush_seconds is nan, not a finite number. Write a number.",
        'seamwatch.yaml, line 12, column 1: "wat" is no key of the file. It takes data_dir, store, listen, '
        "journal, limits, rounds, flush_seconds, workflows, clusters, connect, registries, databases, rules or log.",
        "seamwatch.yaml, line 13, column 17: limits.seams is 1.5, not a whole number. Write a whole number.",
        "seamwatch.yaml, line 13, column 36: limits.head_seconds is true, not a number. Write a number.",
        'seamwatch.yaml, line 13, column 61: limits.seams_per_service is "3", not a whole number. Write a whole '
        "number.",
        "seamwatch.yaml, line 14, column 17: rounds.every is 0. Write 60s, 5m, 2h or 7d.",
        'seamwatch.yaml, line 14, column 28: rounds.settle is "1y", which is no duration. Write 60s, 5m, 2h or 7d.',
    ]


def test_values_that_are_right_alone_may_be_wrong_together(tmp_path: Path) -> None:
    text = """\
listen: {web: "127.0.0.1:4318"}
journal: {max_bytes: 1MiB}
limits: {body_bytes: 1GiB}
clusters: {a: {id: X}, b: {id: X}, "c/d": }
databases: {m: ["h:1"], n: ["h:1"]}
"""
    assert bad(tmp_path, text) == [
        "seamwatch.yaml, line 1, column 15: listen.web and listen.otlp are both 127.0.0.1:4318. Change one port.",
        "seamwatch.yaml, line 2, column 22: journal.reserve_bytes is not less than journal.max_bytes, so spans "
        "have no room. Raise max_bytes.",
        "seamwatch.yaml, line 3, column 22: limits.body_bytes is over limits.inflated_bytes, so such a request "
        "could never be read. Raise inflated_bytes.",
        'seamwatch.yaml, line 4, column 32: clusters.b.id is "X", which is clusters.a.id already. Keep one of them.',
        'seamwatch.yaml, line 4, column 36: "c/d" is no name for clusters. Use letters, digits, dots, dashes.',
        'seamwatch.yaml, line 5, column 25: databases.n is "h:1", which is databases.m already. Keep one of them.',
    ]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.8.8:65535", "[::1]:0", "localhost:80"])
def test_loopback_may_be_listened_on(tmp_path: Path, address: str) -> None:
    assert str(good(tmp_path, f'listen: {{web: "{address}"}}').listen.web) == address


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "127.0.0.1.evil.org:1"])
def test_a_bind_beyond_loopback_is_refused(tmp_path: Path, address: str) -> None:
    [problem] = bad(tmp_path, f'listen: {{web: "{address}"}}')
    assert "beyond loopback, and tokens do not exist yet" in problem


@pytest.mark.parametrize("address", ["80", ":80", "h:", "h:99999", "h:-1", "h:1:2", "h 1", "http://h:1", "[::1]"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    [problem] = bad(tmp_path, f'listen: {{web: "{address}"}}')
    assert "which is no address" in problem


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("60s", 60), ("5m", 300), ("2h", 7200), ("7d", 604800), ("90", 90), ("1.5", 1.5), ("250ms", 0.25)],
)
def test_durations_are_written_with_a_unit_or_in_seconds(tmp_path: Path, written: str, seconds: float) -> None:
    assert good(tmp_path, f"rounds: {{every: {written}}}").rounds.every == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["-1", "1 day", "1e9", ".inf", "true", "[1]", "5M", "٣s", "99999999999d"])
def test_what_is_no_duration_is_refused(tmp_path: Path, written: str) -> None:
    assert "which is no duration" in bad(tmp_path, f"rounds: {{every: {written}}}")[0]


@pytest.mark.parametrize(
    ("written", "size"), [("20MiB", 20 << 20), ("1GiB", 1 << 30), ("30000kib", 30_000 << 10), ("99999999", 99_999_999)]
)
def test_sizes_are_written_with_a_unit_or_in_bytes(tmp_path: Path, written: str, size: int) -> None:
    assert good(tmp_path, f"journal: {{max_bytes: {written}}}").journal.max_bytes == size


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    environ = {
        "SEAMWATCH_LIMITS__SEAMS": "7",
        "SEAMWATCH_WORKFLOWS": "a/*.yaml, b.yaml",
        "SEAMWATCH_DATABASES": "{main: ['h:1']}",
        "SEAMWATCH_FLUSH_SECONDS": "2.5",
        "SEAMWATCH_DATA_DIR": "/var/lib/seamwatch",
        "SEAMWATCH_REQUIRE_ALL": "1",
        "HOME": "x",
    }
    found = good(tmp_path, "limits: {seams: 5}\ndata_dir: here\n", environ)
    assert (found.limits.seams, found.workflows, found.flush_seconds) == (7, ("a/*.yaml", "b.yaml"), 2.5)
    assert found.server_aliases() == {"h:1": "main"}
    assert found.store.url.reveal() == "sqlite:////var/lib/seamwatch/seamwatch.db"
    assert good(tmp_path, "", {"SEAMWATCH_WORKFLOWS": '["a,b.yaml"]'}).workflows == ("a,b.yaml",)


def test_a_folder_named_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "s.yaml").write_text("data_dir: ../data\nclusters: {prod: {id: abc}}")
    found = load(Path("etc/s.yaml"), {}, tmp_path)
    assert isinstance(found, Settings)
    assert found.data_dir.resolve() == (tmp_path / "data").resolve()
    assert found.base == tmp_path / "etc"
    assert found.cluster_names() == {"abc": "prod"}


def test_mistakes_in_the_environment_are_told_with_the_variable(tmp_path: Path) -> None:
    environ = {
        "SEAMWATCH_STORE_URL": "x",
        "SEAMWATCH_LIMITS__SEAMS": "many",
        "SEAMWATCH_CLUSTERS": "{a: ",
        "SEAMWATCH_LISTEN": "x",
        "SEAMWATCH_QQQQQQQQ": "x",
    }
    assert bad(tmp_path, "wat: 1", environ) == [
        'SEAMWATCH_LIMITS__SEAMS: limits.seams is "many", not a whole number. Write a whole number.',
        "SEAMWATCH_CLUSTERS: not valid YAML (did not find expected node content). Check indentation, quotes and "
        "brackets.",
        'SEAMWATCH_LISTEN: this variable sets nothing. Did you mean "SEAMWATCH_LISTEN__WEB"?',
        "SEAMWATCH_QQQQQQQQ: this variable sets nothing. Keys of seamwatch.yaml are written like "
        "SEAMWATCH_LISTEN__WEB.",
        'SEAMWATCH_STORE_URL: this variable sets nothing. Did you mean "SEAMWATCH_STORE__URL"?',
        'seamwatch.yaml, line 1, column 1: "wat" is no key of the file. It takes data_dir, store, listen, journal, '
        "limits, rounds, flush_seconds, workflows, clusters, connect, registries, databases, rules or log.",
    ]


def test_what_kubernetes_puts_into_the_environment_is_no_mistake(tmp_path: Path) -> None:
    environ = {
        "SEAMWATCH_SERVICE_HOST": "10.0.0.1",
        "SEAMWATCH_SERVICE_PORT": "4318",
        "SEAMWATCH_SERVICE_PORT_OTLP": "4318",
        "SEAMWATCH_PORT": "tcp://10.0.0.1:4318",
        "SEAMWATCH_PORT_4318_TCP": "tcp://10.0.0.1:4318",
        "SEAMWATCH_PORT_4318_TCP_ADDR": "10.0.0.1",
        "SEAMWATCH_CORE_SERVICE_HOST": "10.0.0.2",
    }
    assert good(tmp_path, "", environ).origin("listen.web").source == "default"
    assert "sets nothing" in bad(tmp_path, "", {"SEAMWATCH_PORT": "8740"})[0]


def test_a_password_is_given_by_reference_only(tmp_path: Path) -> None:
    [problem] = bad(tmp_path, f"store: {{url: '{URL}'}}")
    assert problem == (
        "seamwatch.yaml, line 1, column 14: store.url holds a password in plain text. Put the URL into a variable or "
        "file and write env:NAME or file:/path."
    )
    (tmp_path / "secret").write_text(URL + "\n")
    by_file = good(tmp_path, f"store: {{url: 'file:{tmp_path}/secret'}}")
    by_name = good(tmp_path, "store: {url: 'env:SEAMWATCH_DB'}", {"SEAMWATCH_DB": URL})
    by_variable = good(tmp_path, "", {"SEAMWATCH_STORE__URL": URL})
    for found in (by_file, by_name, by_variable):
        assert found.store.url.reveal() == URL
        shown = repr(found) + str(found) + str(dataclasses.asdict(found)) + str(list(found.listing()))
        assert PASSWORD not in shown


@pytest.mark.parametrize(
    "url", ["postgresql://db/x", "postgresql+psycopg://u@db/x", "sqlite:///x.db", "postgresql:///x?host=/run&user=u"]
)
def test_a_url_without_a_password_may_be_written_out(tmp_path: Path, url: str) -> None:
    found = good(tmp_path, f"store: {{url: '{url}'}}")
    assert found.store.url.shown() == url


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@h/d",
        f"postgresql://h/d?password={PASSWORD}",
        f"postgresql://[u:{PASSWORD}@h/d",
        f"mysql://u:{PASSWORD}@h/d",
        f"postgresql://u:{PASSWORD}@@h/d",
        PASSWORD,
        f"env:{PASSWORD}: x",
    ],
)
@pytest.mark.parametrize("door", ["file", "variable", "reference"])
def test_no_error_tells_a_password(tmp_path: Path, url: str, door: str) -> None:
    (tmp_path / "seamwatch.yaml").write_text(
        {"file": f"store: {{url: '{url}'}}", "variable": "", "reference": "store: {url: 'env:X'}"}[door]
    )
    environ = {"variable": {"SEAMWATCH_STORE__URL": url}, "reference": {"X": url}}.get(door, {})
    found = load(None, environ, tmp_path)
    if url.startswith("env:"):
        return  # a name that is none; what it leads to is what counts
    told = repr(found) if isinstance(found, Settings) else " ".join(f"{problem} {problem!r}" for problem in found)
    assert PASSWORD not in told


def test_a_reference_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    for reference, says in {
        "env:NOPE": "that variable is not set",
        "file:/nope/nope": "that file cannot be read (No such file or directory)",
        f"file:{tmp_path}": "that file cannot be read (Is a directory)",
        f"file:{tmp_path}/empty": "that file is empty",
        f"file:{tmp_path}/bytes": "that file is not UTF-8 text",
    }.items():
        [problem] = bad(tmp_path, f"store: {{url: '{reference}'}}")
        assert says in problem


def test_a_secret_is_never_printed_copied_open_or_pickled() -> None:
    secret = Secret(PASSWORD, "env:X")
    assert (repr(secret), str(secret), f"{secret}", secret.shown()) == ("***", "***", "***", "*** (env:X)")
    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    assert secret == Secret(PASSWORD, "env:X")
    assert len({secret, Secret(PASSWORD, "env:X")}) == 1
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert Sources({}, Path()).resolve("postgresql://h") is None


def test_settings_are_frozen(tmp_path: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        good(tmp_path).flush_seconds = 1  # type: ignore[misc]  # that is what is tested


def test_every_key_has_a_variable_a_description_and_a_place_in_the_schema() -> None:
    published = schema("config")
    assert jsonschema_rs.meta.is_valid(published)
    for name, (section, *rest) in variables().items():
        assert name == "SEAMWATCH_" + "__".join([section, *rest]).upper()
        described: dict[str, Any] = published["properties"][section]
        if rest:
            described = published["$defs"][described["$ref"].rpartition("/")[2]]["properties"][rest[0]]
        assert described["description"].endswith(".")
        assert "\n" not in described["description"]


def test_the_schema_takes_what_the_loader_takes(tmp_path: Path) -> None:
    text = """\
data_dir: ./d
store: {url: "env:X"}
listen: {otlp: "[::1]:4318"}
journal: {max_bytes: 1GiB, commit_ms: 5}
rounds: {every: 5m, settle: 0}
workflows: ["workflows/*.yaml"]
clusters: {prod: {id: null}, test: {}}
databases: {main: ["db-1:5432", "db-2:5432"]}
rules: {LAG-01: {age: 120}}
log: {level: debug, format: json}
"""
    assert good(tmp_path, text, {"X": "sqlite:///x"})
    validator = jsonschema_rs.validator_for(schema("config"))
    document = parse(text, "x")
    assert isinstance(document, Document)
    assert validator.is_valid(document.value)
    assert not validator.is_valid({"wat": 1})
    assert not validator.is_valid({"log": {"level": "inf"}})


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "data_dir",
    "store",
    "listen",
    "journal",
    "limits",
    "rounds",
    "workflows",
    "clusters",
    "connect",
    "registries",
    "databases",
    "rules",
    "log",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), ANY, max_size=5), st.data())
def test_no_configuration_crashes_the_loader(tmp_path: Path, value: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(variables())))
    text = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
    (tmp_path / "seamwatch.yaml").write_text(json.dumps(value))
    found = load(None, {name: text}, tmp_path)
    assert isinstance(found, Settings) or all("\n" not in str(problem) for problem in found)

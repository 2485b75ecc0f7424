"""Clusters, Connect clusters and registries: where they are and how to log in; mistakes with what to write."""

from datetime import timedelta
from pathlib import Path

import pytest

from agent.config.load import load
from agent.config.settings import Settings

WHOLE = """\
clusters:
  prod:
    id: abc
    bootstrap: ["k1:9092", "k2:9092"]
    tls: {ca: ca.pem}
    sasl: {mechanism: SCRAM-SHA-512, user: agent, password: env:PW}
    every: 15s
  dev: {bootstrap: ["127.0.0.1:9092"]}
connect:
  main: {urls: ["http://c1:8083", "http://c2:8083/"], cluster: prod, user: u, password: env:PW}
registries:
  main: {url: "https://r:8081/apis/ccompat/v7"}
"""


def read(tmp_path: Path, text: str) -> Settings | list[str]:
    (tmp_path / "seamwatch.yaml").write_text(text)
    found = load(None, {"PW": "hunter2"}, tmp_path)
    return found if isinstance(found, Settings) else [str(problem) for problem in found]


def test_what_is_asked_is_told_where_it_is_and_how_to_log_in(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert isinstance(found, Settings)
    prod, dev = found.clusters["prod"], found.clusters["dev"]
    assert [str(one) for one in prod.bootstrap] == ["k1:9092", "k2:9092"]
    assert prod.sasl is not None
    assert prod.sasl.password is not None
    assert prod.sasl.password.reveal() == "hunter2"
    assert (prod.every, dev.every) == (timedelta(seconds=15), timedelta(seconds=30))
    assert found.connect["main"].urls == ("http://c1:8083", "http://c2:8083")
    assert found.registries["main"].url == "https://r:8081/apis/ccompat/v7"
    assert "hunter2" not in repr(found) + str(list(found.listing()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "clusters: {a: {bootstrap: ['h:1'], sasl: {mechanism: PLAIN, user: u}}}",
            "clusters.a.sasl lacks password, which PLAIN needs.",
        ),
        (
            "clusters: {a: {bootstrap: ['h:1'], sasl: {mechanism: OAUTHBEARER, token_url: 'http://t'}}}",
            "clusters.a.sasl has neither a token nor all of token_url, client_id and client_secret. "
            "Write token: file:/path, or these three.",
        ),
        (
            "clusters: {a: {bootstrap: ['h:1'], sasl: {mechanism: PLAIN, user: u, password: hunter3}}}",
            "clusters.a.sasl.password is written in plain text. Put it into a variable or file. Write env:NAME or "
            "file:/path/to/it.",
        ),
        ("clusters: {a: {tls: {ca: x}}}", "clusters.a says how to log in and not where. Write bootstrap: [host:9092]."),
        ("registries: {r: {url: 'localhost:80'}}", 'registries.r.url is "localhost:80", which is no address.'),
        ("registries: {r: {url: 'http://a..b:80'}}", 'registries.r.url is "http://a..b:80", which is no address.'),
        (f"clusters: {{a: {{bootstrap: ['{'x' * 64}.example:9092']}}}}", "which is no address. Write host:port"),
        ("registries: {r: {url: 'http://u:hunter3@h'}}", "registries.r.url holds a user or password."),
        ("registries: {r: {}}", "registries.r"),
        ("connect: {c: {}}", "connect.c"),
        (
            "clusters: {a: {bootstrap: ['h:1']}, b: {bootstrap: ['h:2']}}\nconnect: {c: {urls: ['http://c:1']}}",
            "connect.c does not say on which cluster it works, and there are 2. Write cluster: a.",
        ),
        (
            "clusters: {prod: {bootstrap: ['h:1']}}\nconnect: {c: {urls: ['http://c:1'], cluster: prd}}",
            'connect.c.cluster is "prd", which is no name under clusters. Did you mean "prod"?',
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(tmp_path: Path, text: str, says: str) -> None:
    found = read(tmp_path, text)
    assert isinstance(found, list)
    [problem] = found
    assert says in problem
    assert problem.startswith("seamwatch.yaml, line ")
    assert "hunter3" not in problem


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("tls: {ca: TODO.pem}", "tls.ca", "TODO.pem"),
        ("sasl: {mechanism: PLAIN, user: TODO, password: env:PW}", "sasl.user", "TODO"),
        ("sasl: {mechanism: PLAIN, user: u, password: TODO}", "sasl.password", "TODO"),
        (
            "sasl: {mechanism: OAUTHBEARER, token_url: 'https://TODO', client_id: c, client_secret: env:PW}",
            "sasl.token_url",
            "https://TODO",
        ),
    ],
)
def test_what_is_left_to_be_filled_in_is_no_value(text: str, key: str, value: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"clusters:\n  a:\n    bootstrap: ['h:1']\n    {text}\n")
    assert isinstance(found, list)
    [said] = found
    assert said.startswith("seamwatch.yaml, line 4, column ")
    assert said.endswith(
        f': clusters.a.{key} is "{value}", which is still to be filled in. Write its value in place of TODO.'
    )


def test_a_topic_may_be_called_todo(tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, "clusters: {a: {bootstrap: ['h:1'], sample: [TODO, TODO-items]}}"), Settings)

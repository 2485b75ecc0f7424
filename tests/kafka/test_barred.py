"""Why a broker was not seen: `init` and `doctor` say it in the same plain words, with what to do."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import Told, told
from tests.kafka.estate import Estate, eventually
from tests.kafka.servers import Cluster, Secure

pytestmark = pytest.mark.real

LIBRARY = ("Error", "errno", "ECONN", "Traceback", "[SSL", "kafka-python")


def asked(folder: Path, bootstrap: str, **cluster: Any) -> Told:
    """What `doctor` says of one cluster; its password is in a file."""
    (folder / "pw").write_text("admin-secret\n")
    (folder / "wrong").write_text("not-it\n")
    config = {"clusters": {"prod": {"bootstrap": [bootstrap], "timeout": "3s", **cluster}}}
    (folder / "seamwatch.yaml").write_text(json.dumps(config))
    return told("doctor", "kafka", cwd=folder)


def login(mechanism: str = "SCRAM-SHA-512", password: str = "pw") -> Mapping[str, str]:
    return {"mechanism": mechanism, "user": "admin", "password": f"file:{password}"}


def plainly(done: Told, says: str) -> None:
    """It was told in plain words, and in one line."""
    assert done.code == 3, done
    assert says in done.out
    assert not [word for word in LIBRARY if word in done.out + done.err], done
    assert "not-it" not in done.out


@pytest.fixture
def other_ca(tmp_path: Path) -> str:
    words = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other")
    files = ("-keyout", "other.key", "-out", "other.pem")
    subprocess.run(["openssl", "req", *words, *files], cwd=tmp_path, check=True, capture_output=True)
    return "other.pem"


def test_doctor_says_what_a_secure_broker_does_not_get(secure: Secure, other_ca: str, tmp_path: Path) -> None:
    at, tls = secure.bootstrap, {"ca": secure.ca}
    (tmp_path / "junk.pem").write_text("junk")
    for cluster, says in (
        ({}, f"{at} speaks TLS, and is spoken to in plain text. Write into clusters.prod: tls: {{}}, or tls: {{ca: "),
        ({"tls": {}, "sasl": login()}, f"The certificate of {at} is not trusted (self-signed certificate"),
        ({"tls": {"ca": other_ca}, "sasl": login()}, "is not trusted by other.pem ("),
        ({"tls": {"ca": "gone.pem"}}, "gone.pem cannot be read (no such file or directory). Write the file of its "),
        ({"tls": {"ca": "junk.pem"}}, "junk.pem holds no certificate in PEM. Write the file of its authority"),
        ({"tls": tls}, f"{at} wants a login by OAUTHBEARER, PLAIN or SCRAM-SHA-512. Write into clusters.prod: sasl: "),
        (
            {"tls": tls, "sasl": login("SCRAM-SHA-256")},
            f"{at} takes a login by OAUTHBEARER, PLAIN or SCRAM-SHA-512, not by SCRAM-SHA-256. Write one of them",
        ),
        (
            {"tls": tls, "sasl": login(password="wrong")},
            f"{at} refused the login of user admin by SCRAM-SHA-512: it is not known, or the secret is wrong. "
            "Check clusters.prod.sasl: user, and the password in file:wrong.",
        ),
        ({"tls": tls, "sasl": login("PLAIN", "wrong")}, "refused the login of user admin by PLAIN"),
    ):
        plainly(asked(tmp_path, at, **cluster), says)
    assert asked(tmp_path, at, tls=tls, sasl=login()).code == 0


def test_doctor_says_what_a_plain_broker_does_not_want(broker: str, tmp_path: Path) -> None:
    plainly(asked(tmp_path, broker, tls={}), f"{broker} speaks plain text, and is spoken to in TLS. Take tls out of")
    plainly(asked(tmp_path, broker, sasl=login()), f"{broker} takes no login, and is given one. Take sasl out of")


class _Page(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def http() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_init_and_doctor_say_alike_what_no_kafka_is(http: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    for at, says in (
        (nobody, f"Nothing listens at {nobody} (connection refused). Check the address, and that the broker runs."),
        ("no-such-host.invalid:9092", "The name no-such-host.invalid is not known here. Check its spelling, and "),
        (http, f"{http} speaks HTTP, not Kafka. Give the port of a Kafka listener, often 9092 or 9093."),
    ):
        plainly(told("init", "--kafka", at, "--out", "new.yaml", cwd=tmp_path), says)
        assert not (tmp_path / "new.yaml").exists()
        plainly(asked(tmp_path, at), says)


def test_a_broker_that_is_frozen_is_told_as_one(cluster: Cluster, tmp_path: Path) -> None:
    cluster.pause(1)
    at = cluster.address(1)
    says = f"{at} takes connections and answers nothing: it is frozen or overloaded. See that the broker runs"
    plainly(told("init", "--kafka", at, "--out", "new.yaml", cwd=tmp_path), says)
    plainly(asked(tmp_path, at), says)


def test_init_that_is_not_let_in_says_so_and_never_that_it_watches(
    secure: Secure, other_ca: str, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("not-it\n")
    ca, wrong = ("--ca", secure.ca), ("--user", "admin", "--password", "file:wrong")
    for number, (words, says) in enumerate(
        (
            ((), f"The certificate of {secure.bootstrap} is not trusted (self-signed"),
            (("--ca", other_ca), "is not trusted by other.pem ("),
            (("--ca", "wrong"), "wrong holds no certificate in PEM. Give the file of its authority: --ca FILE."),
            (
                ca,
                "wants a login by OAUTHBEARER, PLAIN or SCRAM-SHA-512. Give --user NAME, and the password in env:KAFK",
            ),
            ((*ca, "--user", "admin"), "The password is not there: nothing can be read from env:KAFKA_PASSWORD."),
            (
                (*ca, *wrong),
                "refused the login of user admin by SCRAM-SHA-512: it is not known, or the secret is wrong",
            ),
            ((*ca, *wrong, "--mechanism", "SCRAM-SHA-256"), "not by SCRAM-SHA-256. Give --mechanism with one of them."),
        )
    ):
        done = told("init", "--kafka", secure.bootstrap, *words, "--out", f"{number}.yaml", cwd=tmp_path)
        plainly(done, says)
        assert "watches it" not in done.out
        assert ("and not yet let in: mend there what is said above" in done.out) == (words != ("--ca", "wrong"))


def test_what_init_left_to_be_filled_in_is_a_mistake_of_the_configuration(secure: Secure, tmp_path: Path) -> None:
    begun = told("init", "--kafka", secure.bootstrap, cwd=tmp_path)
    assert "What is missing is marked TODO in the configuration." in begun.out
    for words in (("doctor",), ("record", "x.ndjson"), ("run",), ("config", "show")):
        done = told(*words, cwd=tmp_path)
        assert done.code == 2
        [ca, user, *_] = done.err.splitlines()
        assert ca.startswith("seamwatch.yaml, line 5, ")
        assert 'clusters.main.tls.ca is "TODO.pem", which is still to be filled in. Write its value' in ca
        assert 'clusters.main.sasl.user is "TODO", which is still to be filled in.' in user


def test_doctor_says_how_many_topics_each_pattern_of_sample_meets(broker: str, estate: Estate, tmp_path: Path) -> None:
    one, two = estate.topic("paid"), estate.topic("paid")
    done = asked(tmp_path, broker, sample=[one])
    assert done.code == 0
    assert f"yes   sample {one}: 1 topic, Read is allowed" in done.out
    slip = f"{two}x"
    done = asked(tmp_path, broker, sample=[f"*{one[1:]}", slip])
    assert done.code == 3
    assert "kafka/prod: seen, and not all that is asked for" in done.out
    assert f'NO    sample {slip}: no topic that is shown to us is named so. Did you mean "{two}"?' in done.out
    assert "sample names no topic: no record is looked at, so IDM-03" in asked(tmp_path, broker).out


def test_doctor_says_where_the_right_to_sample_is_missing(secure: Secure, tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("agent-secret\n")
    sasl = {"mechanism": "SCRAM-SHA-512", "user": "agent", "password": "file:agent"}
    with Estate(secure.plain) as estate:
        mine, other = estate.topic("mine"), estate.topic("mine")
        rights = [("DESCRIBE", "TOPIC", mine), ("READ", "TOPIC", mine), ("DESCRIBE", "TOPIC", other)]
        try:
            for right in rights:
                estate.grant("User:agent", *right)

            def said() -> str:
                return asked(tmp_path, secure.bootstrap, tls={"ca": secure.ca}, sasl=sasl, sample=[mine, other]).out

            eventually(lambda: f"yes   sample {mine}: 1 topic, Read is allowed" in said(), "Read of one topic")
            out = said()
        finally:
            for right in rights:
                estate.revoke("User:agent", *right)
    assert f"NO    sample {other}: 1 topic, Read is missing for {other}" in out
    assert f"--allow-principal User:agent --operation Read --topic '{other}'" in out
    assert f"--operation Read --topic '{mine}'" not in out

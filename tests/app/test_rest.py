"""One REST interface: what it answers, every way in which it may not, and that no sentence holds a secret."""

import gzip
import logging
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from agent.app.rest import Door, Rest
from agent.model.pull import NotSeenError
from tests.answering import Answering, send, sends
from tests.conftest import missing

SECRET = "hunter2-sesame"


def door(*urls: str, **more: object) -> Door:
    given = {"timeout": 0.5, "deadline": 0.3, "max_body": 1 << 20, "user": "agent", "password": SECRET}
    return Door("Connect prod", "connect.prod", urls, **{**given, **more})  # type: ignore[arg-type]  # Door's fields


def refusal(rest: Rest, path: str = "/x") -> str:
    with pytest.raises(NotSeenError) as refused:
        rest.get(path)
    rest.close()
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(rest.__dict__)
    return str(refused.value)


def test_an_answer_is_status_and_json_and_counted() -> None:
    with Answering({"/x": (200, {"a": 1}), "/y": (404, b"<html>")}) as server:
        rest = Rest(door(server.url))
        assert rest.get("/x") == (200, {"a": 1})
        assert rest.get("/y") == (404, None)
        assert rest.requests == 2
        assert rest.sent > 100
        assert rest.received > len('{"a": 1}')
        assert server.headers[0]["Authorization"].startswith("Basic ")
        rest.close()


def test_the_worker_that_answered_is_asked_first_the_next_time() -> None:
    with Answering({"/x": (503, {})}) as starting, Answering({"/x": (200, 1)}) as ready:
        rest = Rest(door("http://127.0.0.1:1", starting.url, ready.url))
        assert [rest.get("/x"), rest.get("/x")] == [(200, 1), (200, 1)]
        assert (len(starting.asked), len(ready.asked)) == (1, 2)
        rest.close()


def test_every_worker_that_does_not_answer_is_named() -> None:
    with Answering({"/x": (503, {})}) as starting:
        said = refusal(Rest(door("http://127.0.0.1:1", starting.url)))
    assert "http://127.0.0.1:1 cannot be reached (connection refused)" in said
    assert f"{starting.url} is not ready (503)." in said


def _cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"a":')
    handler.close_connection = True


def _nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n")
    handler.close_connection = True


def _broken_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"zz\r\n{}")
    handler.close_connection = True


BOMB = gzip.compress(b"[" + b" " * (64 << 20) + b"]")


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ((401, {"message": SECRET}), "refused the login (401). Set user and password of connect.prod."),
        ((502, b"<html>"), "is not ready (502)."),
        ((200, b"<html>hello</html>"), "answers, and not in JSON. Is that the REST interface, in connect.prod?"),
        ((200, b"[" * 100_000), "answers, and not in JSON"),
        ((200, b'{"a": NaN}'), "answers, and not in JSON"),
        ((200, b'"' + b"x" * (2 << 20) + b'"'), "answers with more than 1 MiB."),
        (sends(200, BOMB, {"Content-Encoding": "gzip"}), "answers with more than 1 MiB."),
        (sends(200, b"no gzip", {"Content-Encoding": "gzip"}), "broke off, or speaks no HTTP there."),
        (_cut, "broke off"),
        (_nonsense, "broke off, or speaks no HTTP there."),
        (_broken_chunks, "broke off"),
        (sends(302, b"x" * (2 << 20), {"Location": "/x"}), "sends us from place to place, more than 3 times."),
        (sends(307, b"", {"Location": "http://u:p@evil.example/x"}), "sends us to http://evil.example:80. Write that"),
        (sends(302, b"", {"Location": "https://127.0.0.1:1/x"}), "sends us to https://127.0.0.1:1. Write that address"),
        (sends(302, b"", {"Location": "http://[x/"}), "sends us to no address"),
        (sends(302, b"", {"Location": "file:///etc/passwd"}), "sends us to no address"),
    ],
)
def test_what_a_server_does_wrong_is_a_sentence(route: object, says: str) -> None:
    with Answering({"/x": route}) as server:  # type: ignore[dict-item]  # of the table above
        said = refusal(Rest(door(server.url)))
        assert said.startswith(f"Connect prod at {server.url} {says}")
        assert len(said) < 300


def test_a_gzip_answer_is_unpacked_and_a_redirect_to_the_same_server_followed() -> None:
    routes = {
        "/x": sends(200, gzip.compress(b"[1]"), {"Content-Encoding": "gzip"}),
        "/y": sends(301, b"", {"Location": "/x"}),
    }
    with Answering(routes) as server:
        rest = Rest(door(server.url))
        assert rest.get("/y") == (200, [1])
        rest.close()


def test_a_server_that_says_nothing_or_a_byte_at_a_time_is_left_in_time() -> None:
    done = threading.Event()

    def silent(_: BaseHTTPRequestHandler) -> None:
        done.wait(10)

    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not done.wait(0.02):
            handler.wfile.write(b" ")

    with Answering({"/silent": silent, "/drip": dripping}) as server:
        assert "gave no answer within 0 s" in refusal(Rest(door(server.url, timeout=0.2)), "/silent")
        assert "takes more than 0 s for one answer" in refusal(Rest(door(server.url)), "/drip")
        done.set()


def test_no_cookie_is_kept_and_no_netrc_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Answering({"/x": sends(200, 1, {"Set-Cookie": "a=b"})}) as server:
        rest = Rest(door(server.url, user=None, password=None))
        rest.get("/x")
        rest.get("/x")
        assert not any(head["Cookie"] or head["Authorization"] for head in server.headers)
        rest.close()


def test_an_unknown_name_is_a_sentence() -> None:
    said = refusal(Rest(door("http://no-such-host.invalid")))
    assert said == (
        "Connect prod at http://no-such-host.invalid cannot be reached (its name is not known). Correct its address."
    )


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Answering({"/x": (401, {})}) as server:
        refusal(Rest(door(server.url)))
    assert SECRET not in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that signs itself, for localhost."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    words = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=x",
        "-addext",
        "subjectAltName=DNS:other",
    ]
    words += ["-keyout", str(path.with_name("key.pem")), "-out", str(path)]
    try:
        subprocess.run(["openssl", "req", *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("No certificate can be made. Install the package openssl.")
    return path


@pytest.fixture
def secured(certificate: Path) -> Iterator[str]:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = Answering({"/x": (200, 1)})
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    with server:
        yield server.url.replace("http:", "https:")


def test_a_certificate_counts_by_its_authority_and_its_name(secured: str, certificate: Path) -> None:
    assert "shows a certificate that is not trusted (self-signed certificate). Set tls.ca of connect.prod." in refusal(
        Rest(door(secured))
    )
    assert "that is not trusted (IP address mismatch" in refusal(Rest(door(secured, ca=str(certificate))))
    rest = Rest(door(secured, ca=str(certificate), check_name=False))
    assert rest.get("/x") == (200, 1)
    rest.close()
    assert "shows a certificate that is not trusted" in refusal(Rest(door(secured, check_name=False)))


def test_what_is_wrong_with_tls_or_its_files_is_a_sentence(tmp_path: Path) -> None:
    with Answering({}) as server:
        assert "does not agree on TLS" in refusal(Rest(door(server.url.replace("http:", "https:"))))
    assert "cannot be asked" in refusal(Rest(door("https://127.0.0.1:1", ca=str(tmp_path / "none.pem"))))
    assert "cannot be asked" in refusal(Rest(door("https://127.0.0.1:1", certificate=str(tmp_path / "none.pem"))))


def test_a_long_answer_in_pieces_is_read_whole() -> None:
    told = list(range(50_000))
    with Answering({"/x": lambda handler: send(handler, 200, told)}) as server:
        rest = Rest(door(server.url, deadline=30))
        assert rest.get("/x") == (200, told)
        rest.close()

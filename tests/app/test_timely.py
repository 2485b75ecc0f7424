"""A whole answer has a deadline, its status line and headers too, on whatever way it comes."""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.app.rest import Door, Rest
from agent.model.pull import NotSeenError
from tests.app.test_rest import certificate  # noqa: F401  # a fixture

OK = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "status line": (b"HTTP/1.1 200 O", b"K"),
    "a header": (OK + b"X-Slow: ", b"x"),
    "headers": (OK, b"A: b\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "size of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "body": (OK + b"Content-Length: 1000000\r\n\r\n", b" "),
}
EACH, DEADLINE, HELD = 5.0, 1.0, 10.0  #: s; of each wait, of an answer, and as long as a server goes on


@contextmanager
def speaking(parts: Iterable[bytes], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that takes one request, and answers a part every 20 ms; then it says no more, and hangs up at last."""
    done = threading.Event()

    def serve() -> None:
        until = time.monotonic() + HELD
        accepted, _ = listener.accept()
        with suppress(OSError), context.wrap_socket(accepted, server_side=True) if context else accepted as one:
            while not one.recv(65_536).endswith(b"\r\n\r\n"):
                pass
            for part in parts:
                one.sendall(part)
                if done.wait(0.02) or time.monotonic() > until:
                    return
            done.wait(until - time.monotonic())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        thread.join(5)
    assert not thread.is_alive()


def dripping(what: str) -> Iterable[bytes]:
    first, drop = DRIPS[what]
    return itertools.chain([first], itertools.repeat(drop))


def rest(url: str, *, each: float = EACH, deadline: float = DEADLINE, ca: Path | None = None) -> Rest:
    given = str(ca) if ca else None
    return Rest(Door("Connect prod", "connect.prod", (url,), given, check_name=False, timeout=each, deadline=deadline))


def refusal(one: Rest) -> str:
    """Why there was no answer; in time."""
    began = time.monotonic()
    with pytest.raises(NotSeenError) as refused:
        one.get("/x")
    one.close()
    assert time.monotonic() - began < HELD / 2
    return str(refused.value)


@pytest.mark.parametrize("what", DRIPS)
def test_a_server_that_drips_is_left_in_time(what: str) -> None:
    with speaking(dripping(what)) as url:
        assert refusal(rest(url)) == f"Connect prod at {url} takes more than 1 s for one answer."


def test_a_server_that_is_slow_and_done_in_time_is_read() -> None:
    whole = OK + b"X-Slow: and yet it comes\r\nContent-Length: 3\r\n\r\n[1]"
    with speaking(bytes([byte]) for byte in whole) as url:
        one, began = rest(url, deadline=60), time.monotonic()
        assert one.get("/x") == (200, [1])
        assert time.monotonic() - began > DEADLINE
        one.close()


@pytest.mark.parametrize("said", [b"", b"HTTP", OK, OK + b"Content-Length: 3\r\n\r\n[1"])
def test_a_server_that_falls_silent_is_waited_for_no_longer_than_at_any_time(said: bytes) -> None:
    with speaking([said]) as url:
        assert refusal(rest(url, each=0.3, deadline=60)) == f"Connect prod at {url} gave no answer within 0 s."


@pytest.mark.parametrize("what", ["a header", "body"])
def test_over_tls_too(what: str, certificate: Path) -> None:  # noqa: F811
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with speaking(dripping(what), context) as url:
        assert refusal(rest(url, ca=certificate)) == f"Connect prod at {url} takes more than 1 s for one answer."
    with speaking([OK, b"Content-Length: 3\r\n\r\n", b"[1]"], context) as url:
        one = rest(url, ca=certificate)
        assert one.get("/x") == (200, [1])
        one.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips_is_left_in_time(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with speaking(dripping("status line")) as url:
        monkeypatch.setenv(f"{scheme}_proxy", url)
        says = refusal(rest(f"{scheme}://upstream.invalid"))
        assert says == f"Connect prod at {scheme}://upstream.invalid takes more than 1 s for one answer."

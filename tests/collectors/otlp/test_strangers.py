"""Connections that speak something else, or too slowly: dropped, counted by reason, told once a minute at most."""

import logging
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from agent.serving import Strangers, kind_of
from tests.collectors.otlp.door import Door, opened
from tests.collectors.otlp.test_door import GOOD, HEAD

HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(range(256))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_flood_is_told_once_a_minute_with_its_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    strangers = Strangers(clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(500):
            strangers.add("malformed HTTP")
        assert [record.__dict__["fields"] for record in caplog.records] == [{"what": {"malformed HTTP": 1}}]
        clock.now += 60
        strangers.add("silent")
        strangers.add("silent")
    assert len(caplog.records) == 2
    assert caplog.records[1].__dict__["fields"] == {"what": {"malformed HTTP": 499, "silent": 1}}
    assert strangers.counts == {"malformed HTTP": 500, "silent": 2}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (HELLO, "TLS on a plain port"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 on a port of HTTP/1.1"),
        (b"GET /\x00 HTTP/1.1\r\n", "malformed HTTP"),
        (b"", "malformed HTTP"),
    ],
)
def test_the_first_bytes_tell_what_it_is(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@pytest.fixture
def door() -> Iterator[tuple[Door, Counter[str]]]:
    with opened(head_seconds=0.3, body_seconds=0.3) as door:
        yield door, door.strangers()


def test_who_speaks_something_else_is_counted_and_a_good_request_is_not(
    door: tuple[Door, Counter[str]], caplog: pytest.LogCaptureFixture
) -> None:
    there, strangers = door
    assert there.post(GOOD).status == 200
    assert strangers == {}
    sent = (HELLO, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n")
    with caplog.at_level(logging.WARNING):
        for data in (*sent, *sent):
            with there.connect() as wire:
                wire.sendall(data)
                wire.recv(1_000)
    assert strangers == {
        "TLS on a plain port": 2,
        "HTTP/2 on a port of HTTP/1.1": 2,
        "malformed HTTP": 2,
    }
    assert [record.message for record in caplog.records] == ["connections dropped"]
    assert there.post(GOOD).status == 200


def test_who_does_not_come_to_an_end_is_counted(door: tuple[Door, Counter[str]]) -> None:
    there, strangers = door
    with there.connect() as silent, there.connect() as head, there.connect() as body, there.connect() as long:
        head.sendall(HEAD)
        body.sendall(HEAD + b"content-length: 9\r\n\r\n1")
        long.sendall(HEAD + b"x: " + b"a" * 70_000)
        for wire in (silent, head, body, long):
            wire.settimeout(5)
            try:
                wire.recv(1)
            except ConnectionResetError:
                continue
    until = time.monotonic() + 5
    while len(strangers) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    assert strangers == {"silent": 1, "head too slow": 1, "body too slow": 1, "head too long": 1}

"""One record at a glance: what is an identity and what is not, what is the same content, what a header tells."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.kafka.batches import Record
from collectors.kafka.glance import Glance, glance

Headers = Mapping[str, str]


def at(value: object = None, headers: Headers | None = None, key: bytes | None = None) -> Glance:
    """A glance at a record; a body that is no bytes is JSON."""
    body = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    named = tuple((name, text.encode()) for name, text in (headers or {}).items())
    return glance(Record(1, 1_000, key, body, named))


@pytest.mark.parametrize(
    "headers",
    [
        {"ce_id": "7", "ce_source": "/shop"},
        {"ce-id": "7"},
        {"cloudEvents:id": "7"},
        {"message-id": "7"},
        {"messageId": "7"},
        {"x-event-id": "7"},
        {"Idempotency-Key": "7"},
        {"id": "7"},
        {"NServiceBus.MessageId": "7"},
    ],
)
def test_headers_that_name_an_event(headers: Headers) -> None:
    found = at({"total": 3}, headers)
    assert found.told is True
    assert found.identity is not None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "00-1-2-01"},
        {"correlation-id": "7"},
        {"message-id": ""},
        {"content-type": "application/json"},
        {"ce_source": "/shop", "ce_type": "order.created"},
        {"tenant-id": "7"},
        {"spring_json_header_types": "{}"},
    ],
)
def test_headers_that_do_not(headers: Headers) -> None:
    found = at({"total": 3}, headers)
    assert found.told is False
    assert found.identity is None


def test_an_id_of_two_sources_is_two() -> None:
    one, other = ({"ce_id": "7", "ce_source": source} for source in ("/shop", "/billing"))
    assert at({}, one).identity != at({}, other).identity
    assert at({}, one).identity == at({}, dict(one)).identity


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"eventId": "7"}, True),
        ({"id": 7, "total": 3}, True),
        ({"data": {"message_id": "7"}}, True),
        ({"specversion": "1.0", "id": "7", "source": "/shop", "data": {}}, True),
        ({"orderId": 7, "total": 3}, False),
        ({"paid": 1}, False),
        (b"12;5;2024", False),
        (b"<order><id>7</id></order>", None),
        ([{"id": 7}], None),
        (b"\0\0\0\0\x07avro", None),
        (b"\x08\x96\x01\xff\xfe", None),
        (b"{not json", None),
        (None, None),
    ],
)
def test_identities_in_bodies_and_bodies_of_which_nobody_can_tell(value: object, told: bool | None) -> None:
    assert at(value).told is told


def test_only_what_names_an_event_is_compared() -> None:
    assert at({"id": 7}).identity is None, "an id in a body may be that of a customer"
    assert at({"specversion": "1.0", "id": "7", "source": "/shop", "data": {}}).identity is not None


@pytest.mark.parametrize(
    ("value", "framed"),
    [
        (b"\0\0\0\0\x07avro", True),
        (b"\0\0\0\0\x07", False),
        (b"\0\0\0\0\0\0\0\x05", False),
        (b"\0" + (1 << 30).to_bytes(4, "big") + b"blob", False),
        (b'{"a": 1}', False),
        (None, False),
    ],
)
def test_a_registrys_frame(value: bytes | None, framed: bool) -> None:
    assert at(value).framed is framed


def test_the_address_of_a_schema_counts_as_a_frame() -> None:
    assert at({"a": 1}, {"ce_dataschema": "https://schemas/1"}).framed
    assert at({"a": 1}, {"apicurio.value.globalId": "5"}).framed
    assert at({"specversion": "1.0", "id": "1", "source": "s", "dataschema": "https://s"}).framed


def test_the_same_event_sent_again_has_the_same_content() -> None:
    first = at(b'{"total": 3, "time": "10:00", "lines": [1, 2]}')
    again = at(b'{"lines":[1,2],"time":"10:07","total":3}')
    assert first.content == again.content
    assert at({"total": 4, "time": "10:00", "lines": [1, 2]}).content != first.content
    assert at({"total": 3, "lines": [2, 1]}).content != first.content, "the order of a list says something"


def test_another_type_is_another_content() -> None:
    assert at({"a": 1}, {"ce_type": "created"}).content != at({"a": 1}, {"ce_type": "paid"}).content
    assert at({"a": 1}, {"ce_time": "1"}).content == at({"a": 1}, {"ce_time": "2"}).content


@pytest.mark.parametrize(
    ("headers", "origin", "error"),
    [
        (
            {
                "kafka_dlt-original-topic": "orders",
                "kafka_dlt-exception-fqcn": "org.springframework.kafka.listener.ListenerExecutionFailedException",
                "kafka_dlt-exception-cause-fqcn": "java.lang.IllegalStateException",
                "kafka_dlt-exception-message": "card 4111 of Ann is refused",
            },
            "orders",
            "IllegalStateException",
        ),
        (
            {
                "__connect.errors.topic": "orders",
                "__connect.errors.exception.class.name": "org.apache.kafka.connect.errors.DataException",
                "__connect.errors.exception.message": "Ann",
            },
            "orders",
            "DataException",
        ),
        ({"dead-letter-topic": "orders", "dead-letter-exception-class-name": "a.B"}, "orders", "B"),
        ({"x-original-topic": "orders", "x-exception-fqcn": "a.B$C"}, "orders", "B$C"),
        ({"x-exception-fqcn": "Ann, of 5 Elm Street"}, "", ""),
        ({}, "", ""),
    ],
)
def test_headers_of_dead_letters_name_where_they_come_from_and_never_a_message(
    headers: Headers, origin: str, error: str
) -> None:
    found = at({"a": 1}, headers)
    assert (found.origin, found.error) == (origin, error)


def test_who_sent_it_or_what_its_headers_are() -> None:
    assert at({}, {"ce_source": "/shop"}).producer == "/shop"
    assert at({}, {"x-producer": "shop 2.4"}).producer == "shop 2.4"
    assert at({}, {"traceparent": "1", "content-type": "2"}).producer == "headers content-type, traceparent"
    assert at({}).producer == "no headers"


def test_nothing_of_key_or_body_is_in_a_glance() -> None:
    found = at({"customer": "Ann Onymous"}, {"message-id": "id-of-ann"}, key=b"ann@example.com")
    assert not any(word in repr(found) for word in ("Ann", "ann@", "id-of-ann", "customer"))


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=10), st.none() | st.binary(max_size=20))))
def test_no_record_raises(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    for body in (value, b'{"a":' * 2_000 + value, b"{" + value + b"}", b'{"\\ud800": 1}'):
        assert glance(Record(0, -1, value, body, tuple(headers))).size >= len(body)


@pytest.mark.parametrize("depth", [10, 995, 1_000, 1_020, 1_023, 5_000])
def test_attributes_that_are_no_text_name_no_event_however_deep_they_are(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    found = at(f'{{"specversion": "1.0", "id": "7", "source": {nested}}}'.encode())
    assert found.identity is None
    assert at({"specversion": "1.0", "id": "7", "source": "/shop"}).identity is not None

"""A real schema registry and Protobuf: its verdicts beside ours, and what it tells of imports."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from agent.app.asked_rest import RegistryPull
from agent.config.estates import Registry
from agent.engine.builders import BUILDERS
from agent.engine.estate import Estate
from agent.measure.schemas.reading import reads
from agent.model.declared import Declarations
from agent.model.facts import Setting, Sighting
from agent.model.subjects import Contract
from agent.store.store import open_store
from tests.measure.schemas.changes import BREAKS, CHANGES, READS, Change

pytestmark = pytest.mark.real

#: Apicurio takes these and the wire does not carry them (tests/measure/schemas/test_protobuf.py shows it with records):
#: it does not look at which fields exclude each other, nor at how a group is carried.
PASSED_OVER = {"fields moved into a choice": ("BACKWARD",), "a group becomes a message": ("BACKWARD",)}
#: Apicurio refuses these and the wire carries them: it keeps a style, in which nothing is removed unreserved,
#: renamed, or given another label or type, and no reservation ends. A reader of records misses nothing.
STRICTER = (
    *("a field removed", "a field removed and reserved", "a reservation removed", "a reserved number used again"),
    *("a field added", "a field renamed", "a mark of presence", "one becomes a list", "an enum value added"),
    *(
        "an enum value renamed",
        "an alias added",
        "a choice added",
        "one field in a new choice",
        "a type of the same shape",
    ),
    *(
        "a helper added with its field",
        "moved with its number reserved",
        "a list of entries is a map",
        "a wider wrapper",
    ),
    *("int32 to int64", "uint32 to uint64", "uint32 to int64", "sint32 to sint64", "bool to int32", "string to bytes"),
    *("repeated int32 to int32", "repeated int32 to repeated int64", "required added", "required no longer"),
    *("required removed", "a default that stands for zero"),
)


def register(registry: str, subject: str, text: str, **more: object) -> None:
    body = {"schemaType": "PROTOBUF", "schema": text, **more}
    requests.post(f"{registry}/subjects/{subject}/versions", json=body, timeout=30).raise_for_status()


def taken(registry: str, change: Change, mode: str) -> bool:
    """The registry would take the new text after the old one."""
    subject = f"{secrets.token_hex(6)}-value"
    register(registry, subject, change.old)
    requests.put(f"{registry}/config/{subject}", json={"compatibility": mode}, timeout=30).raise_for_status()
    body = {"schemaType": "PROTOBUF", "schema": change.new}
    path = f"{registry}/compatibility/subjects/{subject}/versions/latest"
    answer = requests.post(path, json=body, timeout=30)
    answer.raise_for_status()
    requests.delete(f"{registry}/subjects/{subject}", timeout=30).raise_for_status()
    return bool(answer.json()["is_compatible"])


def test_what_we_call_broken_the_registry_refuses_and_where_it_is_stricter_is_known(registry: str) -> None:
    lenient, strict = set(), set()
    for change in CHANGES:
        for mode, right in (("BACKWARD", change.backward), ("FORWARD", change.forward)):
            ok = taken(registry, change, mode)
            if ok and right == BREAKS:
                lenient.add((change.name, mode))
            if not ok and right == READS:
                strict.add(change.name)
    assert lenient == {(name, mode) for name, modes in PASSED_OVER.items() for mode in modes}
    assert strict == set(STRICTER)


@pytest.fixture
def pull(registry: str) -> Iterator[RegistryPull]:
    found = RegistryPull("main", Registry(registry), Path(), lambda: datetime.now(UTC))
    yield found
    found.close()


def test_an_import_that_breaks_is_found_from_what_the_registry_tells(
    registry: str, pull: RegistryPull, tmp_path: Path
) -> None:
    word = secrets.token_hex(4)
    money, orders = f"money-{word}", f"orders-{word}-value"
    text = (
        'syntax = "proto3"; import "shop/money.proto"; import "google/protobuf/timestamp.proto"; message Order { %s }'
    )
    fields = "Money total = 1; google.protobuf.Timestamp at = 2;"
    for number, kind in enumerate(("int64", "double"), 1):
        requests.put(f"{registry}/config/{money}", json={"compatibility": "NONE"}, timeout=30)
        register(registry, money, f'syntax = "proto3"; message Money {{ {kind} units = 1; }}')
        reference = {"name": "shop/money.proto", "subject": money, "version": number}
        register(registry, orders, text % f"{fields} int32 n{number} = 3;", references=[reference])
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        now = datetime.now(UTC)
        store.attach(now)
        store.ensure_writer("w")
        facts = pull.look().facts
        store.record(
            settings=[one for one in facts if isinstance(one, Setting)],
            sightings=[one for one in facts if isinstance(one, Sighting)],
        )
        found = {one.ref.name: one for one in BUILDERS[Contract](Estate(store, Declarations(), datetime.now(UTC)))}
        old, new = found[f"main/{orders}"].schemas
    finally:
        store.close()
    assert [name for name, _ in new.imports] == ["shop/money.proto"]
    assert [one.path for one in reads(new, old).breaks] == ["/Order/total/units"]
    assert "`units` is written as int64 and read as double" in reads(new, old).breaks[0].what

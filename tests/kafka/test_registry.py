"""A real schema registry: what is registered, changed and deleted is told."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from agent.app.asked_rest import RegistryPull
from agent.config.estates import Registry
from agent.model.facts import Setting
from agent.model.pull import Seen

pytestmark = pytest.mark.real
V1 = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}
V2 = {**V1, "fields": [*V1["fields"], {"name": "currency", "type": "string", "default": "EUR"}]}
BASKET = {"type": "record", "name": "Basket", "fields": [{"name": "order", "type": "Order"}]}


@pytest.fixture
def pull(registry: str) -> Iterator[RegistryPull]:
    found = RegistryPull("main", Registry(registry), Path(), lambda: datetime.now(UTC))
    yield found
    found.close()


def register(registry: str, subject: str, schema: object, **more: object) -> None:
    body = {"schema": json.dumps(schema), **more}
    requests.post(f"{registry}/subjects/{subject}/versions", json=body, timeout=30).raise_for_status()


def told(seen: Seen, name: str) -> dict[str, str | None]:
    return {f.name: f.value for f in seen.facts if isinstance(f, Setting) and f.component.name == f"main/{name}"}


def test_versions_rules_and_references_are_told_as_they_change(registry: str, pull: RegistryPull) -> None:
    word = secrets.token_hex(4)
    orders, basket = f"orders-{word}-value", f"basket-{word}-value"
    register(registry, orders, V1)
    found = told(pull.look(), orders)
    assert (found["versions"], found["version.1.type"]) == ("1", "AVRO")
    assert json.loads(found["version.1.schema"] or "") == V1

    register(registry, orders, V2)
    requests.put(f"{registry}/config/{orders}", json={"compatibility": "BACKWARD"}, timeout=30).raise_for_status()
    reference = {"name": "Order", "subject": orders, "version": 1}
    register(registry, basket, BASKET, references=[reference])
    before = pull.cost.requests
    seen = pull.look()
    found = told(seen, orders)
    assert (found["versions"], found["compatibility"]) == ("1,2", "BACKWARD")
    assert json.loads(found["version.2.schema"] or "") == V2
    assert told(seen, basket)["version.1.references"] == f"{orders}@1"
    assert told(seen, basket)["version.1.reference_names"] == "Order"
    more = pull.cost.requests - before
    pull.look()
    assert pull.cost.requests - before - more < more, "texts are read once"


def test_a_subject_that_is_deleted_is_told_once(registry: str, pull: RegistryPull) -> None:
    subject = f"gone-{secrets.token_hex(4)}-value"
    register(registry, subject, V1)
    assert told(pull.look(), subject)["deleted"] is None
    requests.delete(f"{registry}/subjects/{subject}", timeout=30).raise_for_status()
    assert told(pull.look(), subject) == {"deleted": "true"}
    assert told(pull.look(), subject) == {}

"""Contracts of a real registry beside a real broker: who reads says how bad a change is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from agent.app.asked_rest import RegistryPull
from agent.config.estates import Registry
from tests.kafka.test_registry import V1, register
from tests.kafka.virtual import Virtual, said, shown

pytestmark = [pytest.mark.real, pytest.mark.slow]
ADDED = {"name": "amount", "type": "double"}


@pytest.fixture
def pull(registry: str, virtual: Virtual) -> Iterator[RegistryPull]:
    found = RegistryPull("main", Registry(registry), Path(), lambda: virtual.now)
    yield found
    found.close()


def described(v: Virtual, registry: str, word: str, compatibility: str, *, readers: int = 3) -> str:
    """A topic with a schema, a compatibility of its own, and groups that read it; its subject."""
    topic = v.estate.topic(word)
    v.estate.produce(topic, 3)
    for number in range(readers):
        v.estate.commit(v.estate.name(f"reader-{number}"), {(topic, 0): 3})
    subject = f"{topic}-value"
    register(registry, subject, V1)
    body = {"compatibility": compatibility}
    requests.put(f"{registry}/config/{subject}", json=body, timeout=30).raise_for_status()
    return subject


def test_contracts_that_nobody_checks_or_that_were_broken_are_found(
    virtual: Virtual, registry: str, pull: RegistryPull, capsys: pytest.CaptureFixture[str]
) -> None:
    v = virtual
    free, checked = described(v, registry, "free", "NONE"), described(v, registry, "checked", "FULL_TRANSITIVE")
    broken, grown = described(v, registry, "broken", "NONE"), described(v, registry, "grown", "NONE")
    unread = described(v, registry, "unread", "NONE", readers=0)
    v.run(2)
    v.keep(pull.look().facts)
    for subject, field in ((broken, ADDED), (unread, ADDED), (grown, ADDED | {"default": 0.0})):
        register(registry, subject, {**V1, "fields": [*V1["fields"], field]})
    v.run(2)
    v.keep(pull.look().facts)
    v.judge()
    names = {subject: f"main/{subject}" for subject in (free, checked, broken, grown, unread)}
    rows = [
        ("SCH-01", free, said(v, "SCH-01", names[free]), checked, said(v, "SCH-01", names[checked])),
        ("SCH-02", broken, said(v, "SCH-02", names[broken]), grown, said(v, "SCH-02", names[grown])),
    ]
    shown(rows, capsys)
    assert [(row[2], row[4]) for row in rows] == [("fails", "meets"), ("fails", "meets")]
    assert "`amount` is not written, and has no default" in v.verdicts["SCH-02", names[broken]].says
    assert said(v, "SCH-02", names[unread]) == "meets", "nobody reads it"

"""What a source no longer has is no longer judged."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.engine.estate import Estate
from agent.engine.inventory import connectors, contracts
from agent.model.declared import Declarations
from agent.model.facts import Setting, Sighting
from agent.model.seam import connector, schema_subject
from agent.store.store import open_store

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_a_connector_or_subject_that_was_deleted_is_no_subject_of_a_rule_until_it_is_back(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    sink, schema = connector("prod", "sink"), schema_subject("main", "orders-value")
    store.record(sightings=[Sighting(sink, NOW), Sighting(schema, NOW)])

    def judged(minutes: int) -> int:
        estate = Estate(store, Declarations(), NOW + timedelta(minutes=minutes))
        return len(list(connectors(estate))) + len(list(contracts(estate)))

    assert judged(1) == 2
    gone = NOW + timedelta(minutes=2)
    store.record(settings=[Setting(one, "deleted", "true", gone, "test") for one in (sink, schema)])
    assert (judged(1), judged(3)) == (2, 0)
    back = NOW + timedelta(minutes=4)
    store.record(settings=[Setting(sink, "deleted", None, back, "test")])
    assert judged(5) == 1
    store.close()

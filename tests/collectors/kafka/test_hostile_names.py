"""Names that others give (groups, clients, headers, rights) break no look, no line, no page, and take bounded room."""

import re
import struct
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

import rules
from agent.engine.catalogue import discover
from agent.model.facts import Fact, Run, Sample, Setting, Sighting
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Look
from agent.model.plain import HIDDEN
from agent.store.settings import MOST_VALUE
from agent.store.store import Store, open_store
from agent.telemetry import Figures, Telemetry
from agent.web import site
from agent.web.status import Status
from collectors.kafka.access import MOST_SAID, TroubleError, Why, short
from collectors.kafka.batches import Record
from collectors.kafka.codec import CodecError, assignment
from collectors.kafka.glance import glance
from collectors.kafka.tally import Tally
from tests.collectors.kafka.brokers import Node, assigned, nodes, watched

TIMEOUT = 5.0
NAMES = [
    "a\nINFO root: all is well",
    "a\r\0b",
    "\x1b[2Ja\x9b31m",
    "a\u202eb\u2066c\u200b",
    "<script>alert(1)</script>",
    '"} 1\nseamwatch_up 0\n#',
    "x" * 30_000,
    "\ufeff",
    " ",
    "\\",
    "|",
]
_HIDDEN = re.compile(f"[{HIDDEN}]")


def facts(look: Look) -> list[Fact]:
    return list(Fold().facts(look))


@pytest.fixture
def made() -> Iterator[list[Node]]:
    with nodes(1) as some:
        some[0].groups = NAMES
        yield some


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


def test_every_group_is_seen_and_no_text_hides_anything_or_is_without_bound(made: list[Node]) -> None:
    with watched(made, TIMEOUT) as watch:
        look = watch.look()
    assert look.groups is not None
    assert set(look.groups) == set(NAMES)
    assert all(group.members and group.members[0].assigned is None for group in look.groups.values())
    told = facts(look)
    settings = [fact for fact in told if isinstance(fact, Setting)]
    assert settings
    for one in settings:
        assert not _HIDDEN.search(one.name + str(one.component))
        assert not _HIDDEN.search(one.value or "")
        assert len(one.value or "") < 2_000


def test_what_could_not_be_seen_of_a_group_is_one_line(made: list[Node]) -> None:
    made[0].offsets_error = 30
    with watched(made, TIMEOUT) as watch:
        why = watch.look().refused["group offsets"]
    assert "the right Describe Group is missing" in why
    assert not _HIDDEN.search(why)


def test_pages_and_metrics_stay_whole(made: list[Node], store: Store) -> None:
    with watched(made, TIMEOUT) as watch:
        told = facts(watch.look())
    for _ in range(2):
        store.record(*([fact for fact in told if isinstance(fact, kind)] for kind in (Sample, Setting, Run, Sighting)))
    now = datetime.now(UTC)
    body, _ = Telemetry(store, lambda: datetime.now(UTC), now).render(Figures("1"))
    assert list(text_string_to_metric_families(body.decode()))
    assert not [line for line in body.decode().splitlines() if line.startswith("seamwatch_up")]
    pages = TestClient(
        site(store, discover(rules), clock=lambda: datetime.now(UTC), status=lambda: Status("1", now, now, 0.1, ())),
        base_url="http://127.0.0.1:8740",
    )
    seams = pages.get("/api/v1/seams").json()
    assert len(seams) >= len(NAMES) - 3  # those of which nothing can be seen are one
    for one in seams:
        page = pages.get(f"/seams/{one['id']}")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert not re.search("[\0\x1b\x9b\u202e\u2066]", page.text)


def test_words_of_others_are_cut_to_a_line() -> None:
    told = str(TroubleError(Why.BROKEN, "group \n\x1b[2J" + "x" * 200_000))
    assert told.startswith("group [2Jxxx")
    assert len(told) == MOST_SAID
    assert (short("abc", 3), short("abcd", 3), short("\0" * 100 + "a", 3)) == ("abc", "ab…", "…")


def test_a_value_has_bounded_room_in_the_store(store: Store) -> None:
    with nodes(1) as some, watched(some, TIMEOUT) as watch:
        told = next(fact for fact in facts(watch.look()) if isinstance(fact, Setting))
    store.record((), [Setting(told.component, "long", "a\0" * (1 << 21), told.at, "kafka")], (), ())
    value = store.setting(told.component, "long", told.at)
    assert value is not None
    assert len(value) == MOST_VALUE
    assert value.endswith("a…")


@pytest.mark.parametrize("name", [*NAMES, "", "a" * 250, "é"])
def test_an_assignment_names_topics_or_is_none(name: str) -> None:
    with pytest.raises(CodecError):
        assignment(assigned(name))
    assert assignment(assigned("a.b-c_D9")) == [("a.b-c_D9", 0)]


@pytest.mark.parametrize("name", NAMES)
def test_headers_of_any_name_and_value_are_glanced_at(name: str) -> None:
    raw = name.encode()
    headers = tuple((each, raw) for each in (name, "source", "ce_source", "x-original-topic", "message-id", "id"))
    seen = glance(Record(0, -1 << 62, raw, raw, headers * 100))
    assert len(seen.producer) <= 1_100
    assert len(seen.origin) <= 200
    told = Tally("orders").take([seen] * 3, 0, Counter())
    assert max(map(len, (*told.nameless, *told.origins, *told.errors, told.example)), default=0) <= 1_100


def test_a_header_that_is_no_utf8_is_glanced_at_or_its_batch_is_counted() -> None:
    seen = glance(Record(0, 0, None, b"\xff\xfe", (("id", b"\xed\xa0\x80\xff"), ("source", struct.pack(">q", -1)))))
    assert seen.identity is not None

"""The pages at more than they can list: counts are of all, and what all look at first is made once a reading."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from agent.app.wiring import catalogue
from agent.engine.round import Rounds
from agent.ingest.aggregator import Aggregator
from agent.model.declared import Declarations
from agent.store.store import Store, open_store
from agent.web import site
from agent.web.status import Status
from collectors.otlp.decode import Decoder
from tests.bench.payload import request

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
VARIANTS = 300  #: each read by a group of its own; the messages of one request are delivered twice


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('many') / 'store.db'}")
    opened.ensure_writer("w")
    spans = Decoder()
    aggregator = Aggregator(spans.shapes, per_service=1_000)
    began = NOW - timedelta(minutes=30)
    for seed, redelivered in ((0, False), (1, False), (0, True)):
        body = request(seed, start_ns=int(began.timestamp() * 1e9), seams=VARIANTS, redelivered=redelivered)
        aggregator.take(aggregator.fold(spans.decode(body), began + timedelta(minutes=1)))
    opened.flush(aggregator.drain("w", 0, 1))
    opened.attach(NOW - timedelta(days=3))
    rounds = Rounds(opened, catalogue(), Declarations())
    for minute in range(3):
        rounds.run(NOW + timedelta(minutes=minute))
    yield opened
    opened.close()


def client(store: Store) -> TestClient:
    app = site(
        store,
        catalogue(),
        clock=lambda: NOW + timedelta(minutes=3),
        status=lambda: Status("1", NOW, NOW),
    )
    return TestClient(app, base_url="http://127.0.0.1:8740")


def test_a_rule_counts_all_that_it_judged(store: Store) -> None:
    counts = {outcome.value: number for (rule, outcome), number in store.verdict_counts().items() if rule == "IDM-01"}
    failing, judged = counts["fails"], counts["fails"] + counts.get("meets", 0)
    assert failing > 100, "more than the page lists"
    page = client(store).get("/rules/IDM-01").text
    assert f"fails on {failing:,} of {judged:,}" in page
    assert f'<a class="note u" href="/findings?rule=IDM-01">All {failing}</a>' in page
    assert page.count('href="/findings/') == 50


def test_lists_go_on_to_the_end(store: Store) -> None:
    pages = client(store)
    seams = len(pages.get("/api/v1/seams").json())
    names: list[str] = []
    for number in range(seams // 100 + 1):
        text = pages.get(f"/seams?page={number}").text
        names += [part.split('"')[0] for part in text.split('<a href="/seams/')[1:]]
    assert len({name for name in names if name.isdigit()}) == seams
    findings = pages.get("/api/v1/findings").json()
    listed = "".join(pages.get(f"/findings?page={number}").text for number in range(len(findings) // 100 + 1))
    assert all(f"/findings/{one['fingerprint']}" in listed for one in findings)


def test_what_all_look_at_is_made_once_a_reading(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("_estate_map", "_trouble_map"):
        real = getattr(__import__("agent.web.atlas", fromlist=[name]), name)
        monkeypatch.setattr(
            f"agent.web.atlas.{name}", lambda *given, name=name, real=real: made.append(name) or real(*given)
        )
    pages = client(store)
    for _ in range(3):
        for path in ("/", "/seams", "/seams?page=1", "/seams?state=fix", "/seams?state=fix"):
            assert pages.get(path).status_code == 200
    assert sorted(made) == ["_estate_map", "_estate_map", "_trouble_map"], "all seams, those to fix, and the trouble"
    pages.get("/seams?q=orders")
    assert made.count("_estate_map") == 3, "a search of one's own is not kept"

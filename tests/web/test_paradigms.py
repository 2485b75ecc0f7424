"""The paradigm of a table's readers and writers: that of what made their service act, and never a guess."""

import pytest

from agent.model.seam import Component, SeamKey
from agent.store.store import SeamRow, Store
from agent.web.paradigms import paradigm, ways
from tests.web.test_site import NOW, estate
from tests.web.test_states import client


def row(kind: str, source: str, target: str, **attributes: str) -> SeamRow:
    return SeamRow(SeamKey(kind, Component.parse(source), Component.parse(target)), NOW, NOW, attributes, (1,))


CONSUMES = row("consumes", "topic:p/orders", "group:p/g", service="billing|refunds")
SERVED = row("calls", "service:web", "route:shop POST /orders")
CALLED = row("calls", "service:web", "service:billing")
SENT = row("publishes", "service:shop", "topic:p/orders")
WRITES = row("writes", "service:billing", "table:pg/b.invoices")


@pytest.mark.parametrize(
    ("told", "of", "says"),
    [
        ([CONSUMES], WRITES, "event"),
        ([CONSUMES], row("reads", "table:pg/b.invoices", "service:refunds"), "event"),
        ([CALLED], WRITES, "api"),
        ([CALLED, CONSUMES], WRITES, "event"),
        ([SERVED, SENT], row("writes", "service:shop", "table:pg/s.orders"), "api"),
        ([SENT], row("writes", "service:shop", "table:pg/s.orders"), "event"),
        ([SERVED], row("writes", "service:web", "table:pg/s.orders"), "api"),
        ([CONSUMES], row("writes", "job:airflow/nightly", "table:pg/b.totals"), "batch"),
        ([SERVED, WRITES], WRITES, "unknown"),
        ([], SENT, "event"),
    ],
)
def test_a_read_or_write_takes_the_paradigm_of_what_made_its_service_act(
    told: list[SeamRow], of: SeamRow, says: str
) -> None:
    assert isinstance(of.key, SeamKey)
    for rows in (told, told[::-1]):
        assert paradigm(of.key, ways(rows)) == says


@pytest.mark.slow
def test_a_page_draws_counts_and_lists_it(store: Store) -> None:
    estate(store, ["orders"])
    pages = client(store)
    told = {seam["kind"]: seam["paradigm"] for seam in pages.get("/api/v1/seams").json()}
    assert told["writes"] == "event"
    listed = pages.get("/seams").text
    assert "0 batch" in listed
    assert "not known" not in listed
    assert 'class="seam batch' not in listed
    assert "No seam matches" in pages.get("/seams?paradigm=unknown").text

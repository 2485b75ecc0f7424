"""Every capture against the truth of its README: each seam with its numbers, and each finding, and no other."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app.scan import scan

CAPTURES = Path(__file__).parent.parent.parent / "captures" / "otlp"
NUMBERS = ("count", "errors", "duplicates", "retries")
#: the cluster's id, which stands for its name
ID = "lDmuHfyoQAS5viP7qdxalQ"
#: count, errors, duplicates and retries of each seam; `?` where nobody knows the truth yet
SEAMS = {
    # one batch of twelve and twelve of one; the producers of the first twelve were lost; idle puts count nothing
    "java-connect-sink": """
          24   0  0  0  consumes topic:ID/traces.connect.in2 -> group:-/connect-file-sink
          12   0  0  0  publishes service:order-exporter -> topic:ID/traces.connect.in2
    """,
    # nine records came from producers whose spans were lost, one names none
    "java-console": """
          16   0  0  0  consumes topic:ID/traces.demo.orders -> group:ID/traces-billing
           6   0  0  0  publishes service:order-exporter -> topic:ID/traces.demo.orders
    """,
    "java-console-lost-producer": """
           6   0  0  0  consumes topic:ID/traces.demo.orders -> group:ID/traces-billing
    """,
    "java-kafka-client-metrics": """
          14   0  0  0  consumes topic:ID/traces.demo.orders -> group:ID/traces-billing-m
          30   0  0  0  publishes service:order-exporter -> topic:ID/traces.demo.orders
    """,
    "java-perf-gzip": """
        1500   0  0  0  consumes topic:ID/traces.perf -> group:ID/traces-perf
        1500   0  0  0  publishes service:perf-producer -> topic:ID/traces.perf
    """,
    "node-kafkajs": """
           7   0  0  0  consumes topic:ID/traces.node.a -> group:-/node-batch
           7   0  0  0  consumes topic:ID/traces.node.a -> group:-/node-each
           7   0  0  0  publishes service:node-producer -> topic:ID/traces.node.a
    """,
    # messages 2 and 5 are poison: an error each, and a dead letter each
    "py-dlq": """
           6   0  0  0  calls service:orders-api -> route:inventory-api POST /reserve
           6   2  0  0  consumes topic:-/traces.q.orders.created -> group:-/billing-worker
           4   0  0  0  publishes service:billing-worker -> topic:-/traces.q.invoices.issued
           2   0  0  0  publishes service:billing-worker -> topic:-/traces.q.orders.created.DLQ
           6   0  0  0  publishes service:orders-api -> topic:-/traces.q.orders.created
           4   0  0  0  writes service:billing-worker -> table:postgresql/billing.invoices
           6   0  0  0  writes service:inventory-api -> table:postgresql/ship.stock
           6   0  0  0  writes service:orders-api -> table:postgresql/shop.orders
    """,
    "py-dropped-context": """
           4   0  0  0  calls service:orders-api -> route:inventory-api POST /reserve
           4   0  0  0  consumes topic:-/traces.c.invoices.issued -> group:-/traces-c-ship
           4   0  0  0  consumes topic:-/traces.c.orders.created -> group:-/billing-worker
           4   0  0  0  publishes service:billing-worker -> topic:-/traces.c.invoices.issued
           4   0  0  0  publishes service:orders-api -> topic:-/traces.c.orders.created
           4   0  0  0  writes service:billing-worker -> table:postgresql/billing.invoices
           4   0  0  0  writes service:inventory-api -> table:postgresql/ship.stock
           4   0  0  0  writes service:orders-api -> table:postgresql/shop.orders
           4   0  0  0  writes service:shipping-worker -> table:postgresql/ship.shipments
    """,
    # d-3 was written, posted and produced twice; its first delivery never got out
    "py-duplicate": """
           6   0  0  0  calls service:billing-worker -> route:ledger-api POST /entries
           5   0  0  0  calls service:orders-api -> route:inventory-api POST /reserve
           5   0  0  0  consumes topic:-/traces.d2.orders.created -> group:-/billing-worker
           6   0  0  0  publishes service:billing-worker -> topic:-/traces.d2.invoices.issued
           5   0  0  0  publishes service:orders-api -> topic:-/traces.d2.orders.created
           6   0  0  0  writes service:billing-worker -> table:postgresql/billing.invoices
           5   0  0  0  writes service:inventory-api -> table:postgresql/ship.stock
           6   0  0  0  writes service:ledger-api -> table:postgresql/billing.ledger_entries
           5   0  0  0  writes service:orders-api -> table:postgresql/shop.orders
    """,
    # e3-1 to e3-4 were delivered twice, the fourth time unseen
    "py-duplicate-batch-commit": """
           9   0  0  0  calls service:billing-worker -> route:ledger-api POST /entries
           5   0  0  0  calls service:orders-api -> route:inventory-api POST /reserve
           8   0  3  0  consumes topic:-/traces.e3.orders.created -> group:-/billing-worker
           5   0  0  0  publishes service:orders-api -> topic:-/traces.e3.orders.created
           9   0  0  0  writes service:billing-worker -> table:postgresql/billing.invoices
           5   0  0  0  writes service:inventory-api -> table:postgresql/ship.stock
           9   0  0  0  writes service:ledger-api -> table:postgresql/billing.ledger_entries
           5   0  0  0  writes service:orders-api -> table:postgresql/shop.orders
    """,
    "py-healthy": """
           8   0  0  0  calls service:billing-worker -> route:ledger-api POST /entries
           8   0  0  0  calls service:orders-api -> route:inventory-api POST /reserve
           8   0  0  0  consumes topic:-/traces.h2.invoices.issued -> group:-/traces-h2-ship
           8   0  0  0  consumes topic:-/traces.h2.orders.created -> group:-/billing-worker
           8   0  0  0  publishes service:billing-worker -> topic:-/traces.h2.invoices.issued
           8   0  0  0  publishes service:orders-api -> topic:-/traces.h2.orders.created
           8   0  0  0  writes service:billing-worker -> table:postgresql/billing.invoices
           8   0  0  0  writes service:inventory-api -> table:postgresql/ship.stock
           8   0  0  0  writes service:ledger-api -> table:postgresql/billing.ledger_entries
           8   0  0  0  writes service:orders-api -> table:postgresql/shop.orders
           8   0  0  0  writes service:shipping-worker -> table:postgresql/ship.shipments
    """,
    # a call is three attempts on the wire; one call's servers were lost. Retries in code are not told apart
    # 16 requests of the 3 reach inventory-api: 13 of them are retries, hidden or by the application; each of the 16 is
    # tried up to 3 times towards supplier-api: 47 - 16 = 31
    "py-retry-storm": """
          47  47  0 31  calls service:inventory-api -> route:supplier-api POST /reserve
          15  15  0 12  calls service:orders-api -> route:inventory-api POST /reserve
           1   1  0  1  calls service:orders-api -> service:inventory-api
           3   0  0  0  writes service:orders-api -> table:postgresql/shop.orders
    """,
    "py-shared-table": """
           4   0  0  0  calls service:orders-api -> route:inventory-api POST /reserve
           4   0  0  0  consumes topic:-/traces.s.orders.created -> group:-/traces-s-ship
           4   0  0  0  publishes service:orders-api -> topic:-/traces.s.orders.created
           4   0  0  0  writes service:inventory-api -> table:postgresql/sharedshop.orders
           4   0  0  0  writes service:inventory-api -> table:postgresql/sharedshop.stock
           4   0  0  0  writes service:orders-api -> table:postgresql/sharedshop.orders
           4   0  0  0  writes service:shipping-worker -> table:postgresql/sharedshop.orders
           4   0  0  0  writes service:shipping-worker -> table:postgresql/sharedshop.shipments
    """,
    # its server spans are of the same service and name no route: the peer is all there is
    "telemetrygen": """
           3   3  0  0  calls service:gen-svc -> service:telemetrygen-server
    """,
    "third-party-otlp-json": "",
}
#: rule, severity and evidence
FINDINGS = {
    "py-duplicate": ["IDM-01 high inferred"],
    "py-duplicate-batch-commit": ["IDM-01 critical observed", "IDM-02 high exposure"],
    "py-shared-table": ["SCH-04 high exposure"],
}


def expected(name: str) -> dict[str, list[str]]:
    rows = (
        line.split(maxsplit=4)
        for line in SEAMS[name].replace(" topic:ID/", f" topic:{ID}/").splitlines()
        if line.strip()
    )
    return {row[4].replace(" group:ID/", f" group:{ID}/"): row[:4] for row in rows}


def shown(seam: dict[str, Any], wanted: list[str]) -> list[str]:
    """The numbers of a seam, as far as they are asked for."""
    return ["?" if want == "?" else str(seam[number]) for number, want in zip(NUMBERS, wanted, strict=True)]


@pytest.mark.parametrize("name", sorted(SEAMS))
def test_a_capture_has_its_seams_and_findings_and_no_other(name: str) -> None:
    result = scan([CAPTURES / name], every=timedelta(seconds=60)).as_dict()
    wanted = expected(name)
    found = {f"{one['kind']} {one['source']} -> {one['target']}": one for one in result["seams"]}
    assert {key: shown(one, wanted.get(key, ["0"] * 4)) for key, one in found.items()} == wanted
    findings = sorted(f"{one['rule']} {one['severity']} {one['evidence']}" for one in result["findings"])
    assert findings == FINDINGS.get(name, [])
    assert [one["path"] for one in result["inputs"] if one["format"] == "otlp-traces" and one["rejected"]] == []


def test_no_capture_is_left_out() -> None:
    assert {path.name for path in CAPTURES.iterdir() if path.is_dir()} == set(SEAMS)

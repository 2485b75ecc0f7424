"""A busy estate without a fault: seven days with everything that only looks like one."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import ClassVar

from deploy.demo.spans import CLIENT, CONSUMER, FASTAPI, HTTP, JAVA, PRODUCER, SERVER, SQL, Span, Tracer, request

START = datetime(2026, 10, 22, 0, 0, tzinfo=UTC)  # the clocks go back on the 25th, the month ends inside the week
DAYS = 7
STEP = 60.0
UPSERT = "INSERT INTO {0} (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET at = excluded.at"

WORKFLOWS = """
workflows:
  - name: orders
    owner: shop
    on_call: pager
    runbook: https://wiki.example.org/orders
    runbook_reviewed: 2026-09-01
    covers: [IDM-01, IDM-02, LAG-01, DLQ-01, SCH-04, TRC-01]
    failure_impact: critical
    tier: production
    seams:
      - {kind: consumes, source: "topic:prod/orders", target: "group:prod/billing"}
  - name: playground
    tier: sandbox
components:
  - {component: "topic:prod/clicks", owner: web, loss_tolerant: true}
  - {component: "group:prod/reports", owner: shop, on_error: stop}
  - {component: "group:prod/loader", owner: shop, on_error: stop}
  - {component: "group:prod/delayed", owner: shop, on_error: stop}
  - {component: "group:prod/idle", owner: shop, on_error: stop}
  - {component: "service:checkout", owner: shop}
  - {component: "service:orders-admin", owner: shop}
teams:
  - {name: shop, on_call: pager}
  - {name: web, on_call: pager}
"""


def busy(at: float) -> float:
    """Traffic: three times as much by day, twice as much at the month's end."""
    hour = (at % 86_400) / 3600
    month_end = 2.0 if datetime.fromtimestamp(at, tz=UTC).day == 31 or at > START.timestamp() + 5.5 * 86_400 else 1.0
    return month_end * (0.5 + max(0.0, math.sin((hour - 6) / 24 * 2 * math.pi)))


class Traffic:
    """Spans: idempotent consumers, redelivered at each deploy; errors that go to dead letters; two services of one
    owner on one table; a service whose clock is 90 seconds ahead for an hour."""

    def __init__(self, seed: int) -> None:
        self._dice, self._tracer = Random(seed), Tracer(seed)
        self._offset = 1_000
        self._recent: list[tuple[Span, int]] = []
        self.instance = "0"

    def requests(self) -> Iterator[tuple[datetime, bytes]]:
        """Each minute's request, at its arrival."""
        at, end = START.timestamp(), START.timestamp() + DAYS * 86_400
        while at < end:
            moment = at
            while moment < at + STEP:
                moment += self._dice.expovariate(1 / 50 * busy(at))
                if moment < at + STEP:
                    self._order(moment)
            if at % 43_200 < STEP:
                self._deploy(at)
            spans = self._tracer.take()
            if spans:
                yield datetime.fromtimestamp(at + STEP + 1, tz=UTC), request(spans, self.instance)
            at += STEP

    def _order(self, at: float) -> None:
        make = self._tracer.span
        skew = 90.0 if 3 * 86_400 <= at - START.timestamp() < 3 * 86_400 + 3600 else 0.0
        http = {"http__request__method": "POST", "http__route": "/orders", "http__response__status_code": 200}
        call = {
            "http__request__method": "POST",
            "url__full": "http://checkout:80/orders",
            "server__address": "checkout",
        }
        up = make("web", FASTAPI, SERVER, "POST /buy", at, 0.1, None, attributes={**http, "http__route": "/buy"})
        client = make("web", HTTP, CLIENT, "POST", at + 0.01, 0.08, up, attributes=call)
        order = make("checkout", FASTAPI, SERVER, "POST /orders", at + skew, 0.07, client, attributes=http)
        self._write("checkout", order, "INSERT INTO orders (id) VALUES (?)")
        if self._dice.random() < 0.1:
            admin = make("orders-admin", FASTAPI, SERVER, "PUT /orders", at + 1, 0.05, None, attributes=http)
            self._write("orders-admin", admin, "UPDATE orders SET state = ? WHERE id = ?")
        self._offset += 1
        sent = (self._publish("checkout", order, "orders"), self._offset)
        self._recent = [*self._recent[-20:], sent]
        self._bill(sent, 0.3)

    def _publish(self, service: str, up: Span, topic: str) -> Span:
        told = {"messaging__system": "kafka", "messaging__destination__name": topic, "messaging__operation": "publish"}
        told["messaging__kafka__cluster__id"] = "abc"
        return self._tracer.span(service, JAVA, PRODUCER, f"{topic} publish", up.start, 0.01, up, attributes=told)

    def _bill(self, sent: tuple[Span, int], after: float) -> None:
        producer, offset = sent
        told = {
            "messaging__system": "kafka",
            "messaging__destination__name": "orders",
            "messaging__operation": "process",
            "messaging__kafka__cluster__id": "abc",
            "messaging__kafka__consumer__group": "billing",
            "messaging__destination__partition__id": str(offset % 2),
            "messaging__kafka__message__offset": offset // 2,
        }
        start = producer.start + after
        span = self._tracer.span("billing", JAVA, CONSUMER, "orders process", start, 0.05, producer, attributes=told)
        if self._dice.random() < 0.005:
            span.error = True
            self._publish("billing", span, "orders.dlq")
        else:
            self._write("billing", span, UPSERT.format("invoices"))

    def _write(self, service: str, up: Span, text: str) -> None:
        told = {"db__system": "postgresql", "db__name": "shop", "db__statement": text}
        self._tracer.span(service, SQL, CLIENT, text[:6], up.start + 0.01, 0.005, up, attributes=told)

    def _deploy(self, at: float) -> None:
        """A new instance reads the last messages again; its upserts make that harmless."""
        self.instance = str(int(self.instance) + 1)
        for sent in self._recent:
            self._bill(sent, max(1.0, at - sent[0].start) + self._dice.uniform(0, 5))


class Broker:
    """Recordings: a ramp at constant delay, a nightly dump that is drained, a batch poller, an idle topic, pauses at
    deploys, rebalances, and a group that is behind on purpose."""

    GROUPS: ClassVar = {
        "billing": ("orders", 30.0),
        "reports": ("orders", 30.0),
        "poller": ("clicks", 200.0),
        "loader": ("dump", 0.5),
        "delayed": ("audit", 20.0),
        "idle": ("rare", 0.0),
    }

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self._end = {topic: 10_000.0 for topic, _ in self.GROUPS.values()} | {"orders.dlq": 10.0}
        self._read = dict.fromkeys(self.GROUPS, 10000.0)
        self._past: dict[str, list[tuple[float, float]]] = {}
        self._epoch = 1

    def lines(self) -> Iterator[bytes]:
        """A look a minute."""
        for minute in range(DAYS * 1440):
            yield json.dumps(self._look(START + timedelta(minutes=minute), minute)).encode()

    def _look(self, at: datetime, minute: int) -> dict[str, object]:
        now = at.timestamp()
        for topic, rate in dict(self.GROUPS.values()).items():
            dump = 60_000 if topic == "dump" and minute % 1440 == 120 else 0
            self._end[topic] += rate * STEP * busy(now) * self._dice.uniform(0.9, 1.1) + dump
            self._past.setdefault(topic, []).append((now, self._end[topic]))
        deploying = minute % 720 < 3
        self._epoch += minute % 720 in (1, 2) or self._dice.random() < 0.002
        for group, (topic, rate) in self.GROUPS.items():
            self._consume(group, topic, rate, minute, deploying=deploying)
        return self._line(at)

    def _consume(self, group: str, topic: str, rate: float, minute: int, *, deploying: bool) -> None:
        end, read = self._end[topic], self._read[group]
        if group == "poller":
            read = end if minute % 15 == 0 else read
        elif group == "loader":
            read = min(end, read + 1_000 * STEP / 60 + rate * STEP * 3)
        elif group == "delayed":
            read = next((e for _, e in reversed(self._past[topic][:-5])), read)
        elif not deploying:
            read = end - self._dice.randrange(0, 20)
        self._read[group] = min(end, max(read, self._read[group]))

    def _line(self, at: datetime) -> dict[str, object]:
        topics = {
            topic: {"partitions": {str(p): {"start": 0, "end": int(end / 2)} for p in range(2)}}
            for topic, end in self._end.items()
        }
        groups = {
            group: {
                "protocol": "classic",
                "state": "Stable",
                "epoch": self._epoch,
                "members": [{"id": f"{group}-{n}", "client": group, "assigned": [[topic, n]]} for n in range(2)],
                "committed": {topic: {str(p): int(self._read[group] / 2) for p in range(2)}},
            }
            for group, (topic, _) in self.GROUPS.items()
        }
        shown = at.isoformat().replace("+00:00", "Z")
        look = {"recording": 1, "source": "kafka", "cluster": "prod", "cluster_id": "abc", "at": shown}
        return {**look, "topics": topics, "groups": groups}

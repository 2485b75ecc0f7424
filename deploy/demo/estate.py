"""The demo's estate: a small shop. Some seams fail in ways worth knowing; beside each stands one that only looks so.

- orders -> billing: billing inserts without a guard, and was killed before a commit: 11 invoices stand twice.
  Healthy look-alike: orders -> search-index, redelivered as often, but it upserts.
- payments -> ledger: cannot keep up since an hour: one entry at a time, a minute for most of them (lag). Healthy
  look-alike: clicks -> analytics reads in batches of 15 minutes, so its lag is large and always comes back to zero.
- returns -> refunds: fails now and then, and there is nowhere to put what failed. Healthy look-alike: shipments ->
  courier fails as often, and has shipments.dlq.
- table shop.customers is written by checkout and by crm. Healthy look-alike: shop.orders, written by one service and
  read by two.
"""

from random import Random

from deploy.demo.broker import Broker
from deploy.demo.spans import CLIENT, CONSUMER, FASTAPI, HTTP, JAVA, PRODUCER, SERVER, SQL, Span, Tracer

TRAFFIC = 1 / 20  #: checkouts a second
KILLED_AT_HOURS = 3.0  #: before the end
BEHIND_SINCE_HOURS = 1.1
ENTRY_SECONDS = 50.0  #: of the ledger since then: less than the quietest hour brings
Sent = tuple[Span, int, int]  #: the producer's span, partition, offset


class Estate:
    """Makes the traffic of one stretch of time after another, and tells the broker of each message."""

    def __init__(self, seed: int, end: float, broker: Broker) -> None:
        self._dice = Random(seed)
        self._tracer = Tracer(seed)
        self._end, self._broker = end, broker
        self._due: float | None = None  #: when the next checkout is due
        self._free = 0.0  #: when the ledger has written what it was given
        self._killed = False
        self._recent: list[Sent] = []
        self._later: list[Span] = []  #: spans that have not ended yet
        self.instance = "a"

    def traffic(self, start: float, seconds: float) -> list[Span]:
        """Every span that ends in one stretch; those that end later are kept for theirs."""
        at = self._due or start
        while at < start + seconds:
            self._checkout(at)
            hour = (at % 86_400) / 3600
            busy = 1.6 if 9 <= hour < 20 else 0.7
            at += self._dice.uniform(0.5, 1.5) / (TRAFFIC * busy)
        self._due = at
        if not self._killed and start + seconds >= self._end - KILLED_AT_HOURS * 3600:
            self._kill(start + seconds)
        made = [*self._later, *self._tracer.take()]
        self._later = [span for span in made if span.start + span.seconds > start + seconds]
        return [span for span in made if span.start + span.seconds <= start + seconds]

    def _checkout(self, at: float) -> None:
        make = self._tracer.span
        gateway = make("shop-web", FASTAPI, SERVER, "POST /checkout", at, 0.22, None, attributes=_served("/checkout"))
        call = make(
            "shop-web", HTTP, CLIENT, "POST", at + 0.01, 0.16, gateway, attributes=_called("checkout", "/orders")
        )
        order = make("checkout", FASTAPI, SERVER, "POST /orders", at + 0.012, 0.14, call, attributes=_served("/orders"))
        self._query("checkout", order, "INSERT INTO orders (id, total) VALUES (?, ?)", "shop")
        self._query("checkout", order, "UPDATE customers SET orders = orders + 1 WHERE id = ?", "shop")
        published = self._publish("checkout", order, "orders")
        self._billing(published)
        self._search(published)
        if self._dice.random() < 0.9:
            self._ledger(self._publish("checkout", order, "payments"))
        if self._dice.random() < 0.5:
            self._courier(self._publish("checkout", order, "shipments"))
        if self._dice.random() < 0.25:
            self._refunds(self._publish("checkout", order, "returns"))
        if self._dice.random() < 0.3:
            self._crm(at + 2)
        if self._dice.random() < 0.4:
            self._reader(at + 1, self._dice.choice(("reports", "support-desk")))

    def _publish(self, service: str, up: Span, topic: str) -> Sent:
        attributes = {
            "messaging__system": "kafka",
            "messaging__destination__name": topic,
            "messaging__operation": "publish",
            "messaging__kafka__cluster__id": "shop-cluster-1",
        }
        span = self._tracer.span(
            service, JAVA, PRODUCER, f"{topic} publish", up.start + 0.05, 0.008, up, attributes=attributes
        )
        return span, *self._broker.publish(topic, span.start + span.seconds)

    def _deliver(self, service: str, group: str, topic: str, sent: Sent, after: float, seconds: float) -> Span:
        producer, partition, offset = sent
        attributes = {
            "messaging__system": "kafka",
            "messaging__destination__name": topic,
            "messaging__operation": "process",
            "messaging__kafka__cluster__id": "shop-cluster-1",
            "messaging__kafka__consumer__group": group,
            "messaging__destination__partition__id": str(partition),
            "messaging__kafka__message__offset": offset,
        }
        start = producer.start + producer.seconds + after
        span = self._tracer.span(
            service, JAVA, CONSUMER, f"{topic} process", start, seconds, producer, attributes=attributes
        )
        self._broker.commit(group, (partition, offset), span.start + span.seconds)
        return span

    def _query(self, service: str, up: Span, text: str, database: str) -> None:
        attributes = {
            "db__system": "postgresql",
            "db__name": database,
            "db__statement": text,
            "net__peer__name": "db-1",
            "net__peer__port": 5432,
        }
        name = f"{text.split(maxsplit=1)[0]} {database}"
        self._tracer.span(service, SQL, CLIENT, name, up.start + 0.01, 0.004, up, attributes=attributes)

    def _billing(self, sent: Sent, after: float = 0.4) -> None:
        span = self._deliver("billing", "billing", "orders", sent, after, 0.05)
        self._query("billing", span, "INSERT INTO invoices (order_id, amount) VALUES (?, ?)", "billing")
        self._recent = [*self._recent[-10:], sent]

    def _search(self, sent: Sent, after: float = 0.3) -> None:
        span = self._deliver("search-index", "search-index", "orders", sent, after, 0.02)
        text = "INSERT INTO documents (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        self._query("search-index", span, text, "search")

    def _ledger(self, sent: Sent) -> None:
        """One payment; once the ledger is slow each waits for the one before it."""
        written = sent[0].start + sent[0].seconds
        slow = written > self._end - BEHIND_SINCE_HOURS * 3600
        after = max(0.5, self._free - written)
        span = self._deliver("ledger", "ledger", "payments", sent, after, ENTRY_SECONDS if slow else 0.3)
        self._free = span.start + span.seconds
        self._query("ledger", span, "INSERT INTO entries (id) VALUES (?) ON CONFLICT (id) DO NOTHING", "ledger")

    def _courier(self, sent: Sent) -> None:
        span = self._deliver("courier", "courier", "shipments", sent, 0.2, 0.06)
        if self._dice.random() < 0.02:
            span.error = True
            self._publish("courier", span, "shipments.dlq")
        else:
            self._query("courier", span, "UPDATE parcels SET state = ? WHERE id = ?", "courier")

    def _refunds(self, sent: Sent) -> None:
        span = self._deliver("refunds", "refunds", "returns", sent, 0.2, 0.06)
        span.error = self._dice.random() < 0.03
        if not span.error:
            self._query("refunds", span, "UPDATE refunds SET state = ? WHERE id = ?", "refunds")

    def _crm(self, at: float) -> None:
        make = self._tracer.span
        up = make("crm", FASTAPI, SERVER, "PUT /customers/{id}", at, 0.05, None, attributes=_served("/customers/{id}"))
        self._query("crm", up, "UPDATE customers SET phone = ? WHERE id = ?", "shop")

    def _reader(self, at: float, service: str) -> None:
        up = self._tracer.span(
            service, FASTAPI, SERVER, "GET /orders", at, 0.05, None, attributes=_served("/orders", "GET")
        )
        self._query(service, up, "SELECT * FROM orders WHERE id = ?", "shop")

    def _kill(self, at: float) -> None:
        """Billing is killed before its commit: the next instance processes the last messages again, and writes again.

        Search reads again as well after its own restart; its upsert makes that harmless.
        """
        self._killed = True
        self.instance = "b"
        for group in ("billing", "search-index"):
            self._broker.uncommit(group, [(partition, offset) for _, partition, offset in self._recent])
        for sent in self._recent:
            late = at - sent[0].start - sent[0].seconds + self._dice.uniform(1, 3)
            span = self._deliver("billing", "billing", "orders", sent, late, 0.05)
            self._query("billing", span, "INSERT INTO invoices (order_id, amount) VALUES (?, ?)", "billing")
            self._search(sent, late)


def _served(route: str, method: str = "POST") -> dict[str, object]:
    return {"http__request__method": method, "http__route": route, "http__response__status_code": 200}


def _called(host: str, path: str) -> dict[str, object]:
    return {
        "http__request__method": "POST",
        "url__full": f"http://{host}:8080{path}",
        "server__address": host,
        "server__port": 8080,
        "http__response__status_code": 200,
    }

"""The pages: answered in every state, escaped, guarded, and looked at in a real Chromium."""

import gzip
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import uvicorn
from starlette.testclient import TestClient

import rules
from agent.engine.catalogue import discover
from agent.engine.round import Rounds
from agent.ingest.aggregator import Aggregator
from agent.model.declared import Declarations
from agent.store.store import Store, open_store
from agent.web import site
from agent.web.status import CollectorStatus, Status
from collectors.otlp.decode import Decoder
from deploy.demo.spans import CLIENT, CONSUMER, FASTAPI, JAVA, PRODUCER, SERVER, SQL, Tracer, request
from tests.conftest import free_port, missing

pytestmark = pytest.mark.slow

RULES = discover(rules)
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "' onmouseover='alert(1)",
    "</title><svg onload=alert(1)>",
    "&lt;b&gt;",
    "a\u202eb",
]


def estate(store: Store, names: list[str]) -> None:
    """Orders that are billed twice, by services of the given names."""
    tracer, spans = Tracer(3), Decoder()
    aggregator = Aggregator(spans.shapes)
    store.ensure_writer("w")
    start = (NOW - timedelta(minutes=30)).timestamp()
    for number in range(40):
        name = names[number % len(names)]
        at = start + number
        up = tracer.span(f"web {name}", FASTAPI, SERVER, "x", at, 0.1, None, attributes=served(f"/buy/{name}"))
        told = {"messaging__system": "kafka", "messaging__destination__name": f"t {name}"}
        gave = {**told, "messaging__operation": "publish"}
        sent = tracer.span(f"web {name}", JAVA, PRODUCER, "p", at, 0.01, up, attributes=gave)
        for _ in range(2):
            offset = {"messaging__kafka__offset": number, "messaging__destination__partition__id": "0"}
            took = {
                **told,
                **offset,
                "messaging__operation": "process",
                "messaging__consumer__group__name": f"g {name}",
            }
            read = tracer.span(f"bill {name}", JAVA, CONSUMER, "c", at + 0.2, 0.05, sent, attributes=took)
            query = {"db__system": "postgresql", "db__name": "d", "db__statement": f'INSERT INTO "{name}" VALUES (1)'}
            tracer.span(f"bill {name}", SQL, CLIENT, "INSERT", at + 0.21, 0.01, read, attributes=query)
    body = request(tracer.take(), "a")
    aggregator.take(aggregator.fold(spans.decode(body), NOW - timedelta(minutes=29)))
    store.flush(aggregator.drain("w", 0, 1))
    store.attach(NOW - timedelta(days=3))
    Rounds(store, RULES, Declarations()).run(NOW)


def served(route: str) -> dict[str, object]:
    return {"http__request__method": "POST", "http__route": route, "http__response__status_code": 200}


def status() -> Status:
    otlp = CollectorStatus(
        "otlp", "OTLP over HTTP", "fresh", NOW, 5, 1.0, {"busy": 2}, {"bad id": 1}, "", "X=http://h:1"
    )
    return Status("1", NOW, NOW, 0.1, (otlp,), addresses={"otlp": "127.0.0.1:4318"})


@pytest.fixture(scope="module", params=["empty", "trouble", "hostile"])
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('web') / 'store.db'}")
    if request.param != "empty":
        estate(store, ["orders"] if request.param == "trouble" else HOSTILE)
    yield request.param, store
    store.close()


def application(store: Any) -> Any:
    clock = lambda: datetime.now(UTC)  # noqa: E731
    return site(store, RULES, clock=clock, status=status, metrics=lambda _accept: (b"# up\n", "text/plain"))


@pytest.fixture
def client(state: tuple[str, Store]) -> Iterator[TestClient]:
    with TestClient(application(state[1]), base_url="http://127.0.0.1:8740") as opened:
        yield opened


def addresses(client: TestClient) -> list[str]:
    """Every page, by following links from the first."""
    found, queue = [], ["/", "/findings?state=all"]
    while queue:
        address = queue.pop()
        if address in found or len(found) > 80:
            continue
        found.append(address)
        text = client.get(address).text if not address.startswith("/api/") else ""
        queue += [link for link in re.findall(r'href="(/[^"#]*)"', text) if not link.startswith("/static/")]
    return found


class Unsafe(HTMLParser):
    """Collects what a strict page must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.found += [f"{tag} {name}" for name in names if name.startswith("on") or name == "style"]
        links = [value or "" for name, value in attrs if name == "href"]
        self.found += [link for link in links if link.startswith("javascript")]
        if tag == "script" and "src" not in names:
            self.found.append("inline script")
        if tag in ("img", "iframe", "object"):
            self.found.append(tag)


def test_every_page_that_is_linked_answers_and_is_strict(client: TestClient) -> None:
    for address in addresses(client):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        if answer.headers["content-type"].startswith("text/html"):
            look = Unsafe()
            look.feed(answer.text)
            assert look.found == [], address
            [title] = re.findall(r"<title>(.*?) · Seamwatch</title>", answer.text, re.DOTALL)
            heading = re.sub("<.*?>", "", re.findall(r"<h1.*?>(.*?)</h1>", answer.text, re.DOTALL)[0])
            assert title == heading
            assert len(gzip.compress(answer.content)) < 20_000


def test_each_page_has_its_json_twin(client: TestClient) -> None:
    assert isinstance(client.get("/api/v1/now").json()["headline"], str)
    for kind in ("findings", "seams", "rules"):
        rows = client.get(f"/api/v1/{kind}").json()
        for row in rows[:3]:
            number = row.get("fingerprint") or row["id"]
            assert client.get(f"/api/v1/{kind}/{number}").status_code == 200
    assert client.get("/api/v1/collectors").status_code == 200
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "Seamwatch"


def test_every_answer_of_the_api_is_what_its_openapi_document_says(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    numbers = {"fingerprint": "findings", "number": "seams", "rule_id": "rules"}
    checked = 0
    for path, asked in document["paths"].items():
        if "get" not in asked:
            continue
        schema = asked["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
        address = path
        for name, kind in numbers.items():
            if "{" + name + "}" in path:
                rows = client.get(f"/api/v1/{kind}").json()
                address = (
                    path.replace("{" + name + "}", str(rows[0].get("fingerprint") or rows[0]["id"])) if rows else ""
                )
        if address:
            answer = client.get(address).json()
            validator.validate(answer)
            checked += 1
            with pytest.raises(jsonschema_rs.ValidationError):
                validator.validate("something else")
    assert checked >= 6
    assert {"403", "404", "503"} <= set(document["paths"]["/api/v1/findings/{fingerprint}"]["get"]["responses"])


def test_what_is_not_there_is_said_as_a_page_and_as_json(client: TestClient) -> None:
    for address in ("/nowhere", "/findings/0000", "/seams/999999", "/rules/XXX-99"):
        assert client.get(address).status_code == 404
        assert "<h1" in client.get(address).text
    what = "There is no rule XXX. /api/v1/rules lists those that there are."
    assert client.get("/api/v1/rules/XXX").json()["what"] == what


def test_a_page_says_which_words_it_knows_as_the_api_does(client: TestClient) -> None:
    for address, words in (
        ("/findings?state=bogus", "state is &#34;bogus&#34;. It can be open, pending, quiet, all."),
        ("/seams?state=bogus", "It can be page, fix, tidy, quiet, blind, good, na."),
        ("/seams?paradigm=bogus", "It can be event, batch, api, unknown."),
    ):
        answer = client.get(address)
        assert (answer.status_code, words in answer.text) == (422, True), answer.text
    for address in ("/findings?state=", "/findings?state=all&owner=&rule=", "/seams?q=&paradigm=&state="):
        assert client.get(address).status_code == 200


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"
    assert client.get("/metrics").text == "# up\n"
    assert [client.head(address).status_code for address in ("/healthz", "/readyz", "/metrics")] == [200] * 3


def test_a_change_that_is_larger_than_any_is_refused_unread(client: TestClient) -> None:
    ours = {"Origin": "http://127.0.0.1:8740"}
    huge = client.post("/api/v1/findings/x/ack", content=b"{" + b" " * 200_000, headers=ours)
    assert (huge.status_code, "Content-Length" in huge.text) == (413, True)
    unknown = client.post("/api/v1/findings/x/ack", content=iter([b"{}"]), headers=ours)
    assert unknown.status_code == 413
    assert client.post("/api/v1/findings/x/ack", json={}, headers=ours).status_code == 404
    secure = client.post("/api/v1/findings/x/ack", json={}, headers={"Origin": "https://127.0.0.1:8740"})
    assert secure.status_code == 403


def test_only_loopback_and_the_same_origin_may_change_anything(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    address = "/api/v1/findings/0000/ack"
    assert client.post(address, json={}).status_code == 403
    assert client.post(address, json={}, headers={"origin": "http://evil.example"}).status_code == 403
    good = {"origin": "http://127.0.0.1:8740"}
    assert client.post(address, json={}, headers={**good, "sec-fetch-site": "cross-site"}).status_code == 403
    assert client.post(address, json={}, headers=good).status_code == 404


def test_a_finding_is_set_aside_with_owner_reason_and_end(client: TestClient, state: tuple[str, Store]) -> None:
    found = client.get("/api/v1/findings").json()
    if state[0] == "empty":
        assert found == []
        return
    address = f"/findings/{found[0]['fingerprint']}"
    headers = {"origin": "http://127.0.0.1:8740"}
    late, soon = "2020-01-01", (NOW + timedelta(days=9)).date().isoformat()
    for form, wrong in (
        ({"reason": "r", "until": soon}, "Name an owner"),
        ({"owner": "o", "until": soon}, "Say why"),
        ({"owner": "o", "reason": "r"}, "Give the day it ends"),
        ({"owner": "o", "reason": "r", "until": late}, "It ends in the future"),
    ):
        answer = client.post(f"{address}/waive", data=form, headers=headers)
        assert (answer.status_code, wrong in answer.text) == (422, True)
    good = {"owner": "o", "reason": "because", "until": soon}
    assert client.post(f"{address}/waive", data=good, headers=headers, follow_redirects=False).status_code == 303
    assert client.get(f"/api/v1{address}").json()["said"]["disposition"] == "waived"
    assert "because" in client.get(address).text
    assert client.post(f"/api/v1{address}/ack", json={}, headers=headers).json()["said"] == "ack"


FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Looked:
    """One browser window: what a person, a screen reader and a strict policy would object to."""

    def __init__(self, chromium: Any, port: int, theme: str, width: int) -> None:
        self.wrong: list[str] = []
        self._home, self._width = f"http://127.0.0.1:{port}", width
        self._context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        self._page = self._context.new_page()
        self._page.on("console", self._said)
        self._page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.wrong.append(message.text)

    def _asked(self, sent: Any) -> None:
        if not sent.url.startswith((self._home, "data:")):
            self.wrong.append(sent.url)

    def look(self, address: str) -> None:
        self._page.goto(self._home + address)
        self._page.evaluate(AXE.read_text())
        found = self._page.evaluate("async () => (await axe.run()).violations.map(v => v.id + ' ' + v.nodes[0].html)")
        self.wrong += [f"{address}: {one}" for one in found]
        if self._page.evaluate("document.documentElement.scrollWidth") > self._width:
            wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
            who = self._page.evaluate(f"{wide}.slice(0, 4).map(e => e.outerHTML.slice(0, 120))")
            self.wrong.append(f"{address} scrolls sideways at {self._width}: {who}")

    def close(self) -> list[str]:
        self._context.close()
        return self.wrong


@pytest.fixture
def served_site(state: tuple[str, Store]) -> Iterator[int]:
    with serving(state[1]) as port:
        yield port


@contextmanager
def serving(store: Store) -> Iterator[int]:
    """The site of a store on a port of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", free_port(24_000)))
    server = uvicorn.Server(uvicorn.Config(application(store), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.real
def test_every_screen_in_chromium_light_and_dark(served_site: int, client: TestClient) -> None:
    browser = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not browser.exists():
        missing("Chromium is not installed. Install the package chromium, or set CHROMIUM.")
    from playwright.sync_api import sync_playwright

    pages = [page for page in addresses(client) if not page.startswith(("/api", "/findings?", "/seams?", "?"))]
    chosen = {re.sub(r"[0-9a-f]{8,}|\d+|[A-Z]{3}-\d+", "*", page): page for page in sorted(pages)}
    wrong = []
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(browser), args=FLAGS)
        for theme, width in (("light", 1440), ("dark", 1440), ("light", 390)):
            looked = Looked(chromium, served_site, theme, width)
            for address in chosen.values():
                looked.look(address)
            wrong += looked.close()
        chromium.close()
    assert wrong == []

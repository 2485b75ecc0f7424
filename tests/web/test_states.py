"""The states every page must have: first facts, calm, blind, set aside, resolved, store unreachable; and the keys."""

import gzip
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from agent.engine.round import Rounds
from agent.ingest.aggregator import Aggregator
from agent.model.declared import Declarations
from agent.model.finding import Disposition, Said
from agent.store.patience import SilentError
from agent.store.store import Store
from agent.web import site
from agent.web.status import CollectorStatus, Loss, Status
from agent.web.words import when
from collectors.otlp.decode import Decoder
from deploy.demo.spans import CLIENT, FASTAPI, HTTP, SERVER, Tracer, request
from tests.conftest import free_port, missing
from tests.web.test_site import FLAGS, NOW, RULES, Looked, estate, served

pytestmark = pytest.mark.slow

STATIC = Path(site.__code__.co_filename).parent / "static"


class Outage:
    """A store that can be taken away."""

    def __init__(self, store: Store) -> None:
        self._store, self.down, self.silent, self.go = store, False, False, threading.Event()
        self.go.set()

    def __getattr__(self, name: str) -> Any:
        self.go.wait(5)
        if self.silent:
            raise SilentError("no answer")
        if self.down:
            raise OperationalError("SELECT 1", {}, OSError("the disk is gone"))
        return getattr(self._store, name)


class Clock:
    """The wall's clock, moved by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def told(*, silent: bool = False) -> Status:
    last = NOW - timedelta(minutes=9) if silent else datetime.now(UTC)
    otlp = CollectorStatus("otlp", "Traces", "fresh", last, 500, 1.0, {"busy": 2}, {"bad id": 1}, "", "X=http://h:1")
    tape = CollectorStatus("recording", "kafka/shop", "replayed", NOW, 9, 0.0, {}, {}, "replayed", "")
    return Status("1", NOW - timedelta(hours=1), NOW, 0.1, (otlp, tape), addresses={"otlp": "127.0.0.1:4318"})


def calls(store: Store, number: int) -> None:
    """A web shop that calls checkout: healthy where there are enough calls, not judged where there are few."""
    tracer, spans = Tracer(5), Decoder()
    aggregator = Aggregator(spans.shapes)
    store.ensure_writer("w")
    start = (NOW - timedelta(minutes=30)).timestamp()
    asked = {"http__request__method": "POST", "server__address": "checkout", "url__full": "http://checkout/orders"}
    for at in (start + n for n in range(number)):
        gate = tracer.span("web", FASTAPI, SERVER, "POST /buy", at, 0.2, None, attributes=served("/buy"))
        call = tracer.span("web", HTTP, CLIENT, "POST", at + 0.01, 0.1, gate, attributes=asked)
        tracer.span("checkout", FASTAPI, SERVER, "POST /orders", at + 0.02, 0.08, call, attributes=served("/orders"))
    body = request(tracer.take(), "a")
    aggregator.take(aggregator.fold(spans.decode(body), NOW - timedelta(minutes=29)))
    store.flush(aggregator.drain("w", 0, 1))
    store.attach(NOW - timedelta(days=3))
    Rounds(store, RULES, Declarations()).run(NOW)


def application(store: Any, clock: Any = lambda: datetime.now(UTC), *, silent: bool = False, **more: Any) -> Any:
    return site(store, RULES, clock=clock, status=lambda: told(silent=silent), **more)


def client(*asked: Any, **more: Any) -> TestClient:
    return TestClient(application(*asked, **more), base_url="http://127.0.0.1:8740", raise_server_exceptions=False)


def title(html: str) -> str:
    return re.findall(r"<title>(.*?) · Seamwatch</title>", html)[0]


def test_first_facts_show_what_came_and_what_can_be_judged_when(store: Store) -> None:
    calls(store, 3)
    page = client(store).get("/").text
    assert title(page) == "Facts are in; no seam can be judged yet"
    assert "First facts seen, " in page
    assert "Just arrived" in page
    assert 'aria-label="Ready"' in page
    assert page.count('aria-label="Not yet"') == 5


def test_a_calm_estate_says_so_with_what_is_nearest_and_what_cannot_be_judged(store: Store) -> None:
    calls(store, 200)
    page = client(store).get("/").text
    assert title(page) == "The one seam we can judge is healthy"
    assert "Closest to trouble" in page
    assert "No finding has opened yet" in page
    assert "Needs a person now" not in page


def test_a_silent_source_is_in_the_title_of_now_and_of_collectors_and_in_the_frame(store: Store) -> None:
    calls(store, 200)
    blind = client(store, silent=True)
    quiet = r"Traces has been silent for \d+ min"
    assert re.match(rf"{quiet}; the one seam we can judge is healthy", title(blind.get("/").text))
    collectors = blind.get("/collectors").text
    assert re.fullmatch(quiet, title(collectors))
    assert '<span class="tally">1 silent</span>' in collectors
    assert 'aria-label="Silent"' in collectors
    assert 'aria-label="Replayed"' in collectors


def test_what_is_lost_is_told_where_it_is_collected_and_not_called_kept(store: Store) -> None:
    calls(store, 20)
    whole = client(store).get("/collectors").text
    assert "What was acknowledged is kept." in whole
    gone = Loss("store lost", NOW, 1_200, "The store at <here> has no record of this agent.")
    status = replace(told(), losses=(gone,))
    app = site(store, RULES, clock=lambda: NOW, status=lambda: status)
    page = TestClient(app, base_url="http://127.0.0.1:8740").get("/collectors").text
    assert "1,200 records of the journal are lost, below</a>" in page
    assert f"<strong>Store lost, 1,200 records</strong>, found at the start on {when(NOW)} UTC." in page
    assert "The store at &lt;here&gt; has no record of this agent." in page
    assert "is kept." not in page


def test_what_is_set_aside_keeps_its_mark_with_owner_and_end_beside_it_and_counts_apart(store: Store) -> None:
    estate(store, ["orders"])
    pages = client(store)
    before = title(pages.get("/findings").text)
    for found in list(store.findings()):
        said = Said(Disposition.WAIVED, "ana", "known", NOW, NOW + timedelta(days=9))
        assert store.say(found.fingerprint, said, NOW) is not None
    pages = client(store)
    assert before != title(pages.get("/findings").text) == "No finding is open"
    listed = pages.get("/findings?state=quiet").text
    assert re.search(r'class="mark (page|fix)".*waived by ana until \d', listed, re.DOTALL)
    now = pages.get("/").text
    assert "Needs a person now" not in now
    assert "set aside" in now
    finding = pages.get(f"/findings/{next(iter(store.findings())).fingerprint}").text
    assert "Waived by ana until" in finding
    assert "data-ack" not in finding


def test_without_its_store_a_page_is_the_last_one_known_dimmed_with_its_age(store: Store) -> None:
    calls(store, 200)
    outage, clock = Outage(store), Clock()
    pages = client(outage, clock)
    assert pages.get("/").status_code == 200
    outage.down, clock.ahead = True, timedelta(minutes=7)
    answer = pages.get("/")
    assert answer.status_code == 503
    assert title(answer.text) == "The one seam we can judge is healthy, as of 7 min ago"
    assert '<body class="old">' in answer.text
    assert 'role="alert"' in answer.text
    assert "as of 7 min ago</h1>" in answer.text
    unknown = pages.get("/rules/LAG-01")
    assert (unknown.status_code, title(unknown.text)) == (503, "The store does not answer")
    assert pages.get("/api/v1/now").json()["error"] == "store unreachable"
    assert (lost := pages.get("/nowhere")).status_code == 404
    assert title(lost.text) == "There is nothing here"
    outage.down = False
    assert "as of" not in title(pages.get("/").text)


@pytest.mark.parametrize("path", ["/", "/findings"])
def test_a_page_has_the_time_of_its_reading_and_warns_where_the_store_does_not_answer(store: Store, path: str) -> None:
    estate(store, ["orders"])
    outage, clock = Outage(store), Clock()
    pages = client(outage, clock)
    fresh = pages.get(path).text
    read = pages.get("/api/v1/now").json()["as_of"]
    stamp = f"As of {datetime.fromisoformat(read):%H:%M:%S}."
    assert stamp in fresh
    outage.silent, clock.ahead = True, timedelta(seconds=50)
    pages.get(path)  # has it read anew, beside it
    wait_until(lambda: 'class="old"' in pages.get(path).text)
    answer = pages.get(path)
    assert answer.status_code == 200
    assert re.search(r", as of 5\d s ago$", title(answer.text))
    assert "The store at" in answer.text
    assert "does not answer" in answer.text
    assert stamp in answer.text
    assert pages.get("/api/v1/now").json()["as_of"] == read
    assert pages.get("/api/v1/seams").headers["as-of"] == read
    outage.silent = False
    wait_until(lambda: 'class="old"' not in pages.get(path).text)
    assert stamp not in pages.get(path).text


def test_an_agent_that_knows_of_a_silent_store_warns_at_the_first_look(store: Store) -> None:
    estate(store, ["orders"])
    outage, clock, status = Outage(store), Clock(), told()
    app = site(outage, RULES, clock=clock, status=lambda: replace(status, unanswered=clock.ahead > timedelta(0)))
    pages = TestClient(app, base_url="http://127.0.0.1:8740")
    assert 'class="old"' not in pages.get("/").text
    clock.ahead = timedelta(seconds=50)
    outage.go.clear()
    assert re.search(r", as of 5\d s ago$", title(pages.get("/").text))
    outage.go.set()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_error_page_is_never_kept_as_the_last_one_known(store: Store) -> None:
    outage, clock = Outage(store), Clock()
    pages = client(outage, clock)
    assert pages.get("/seams/9").status_code == 404
    outage.down, clock.ahead = True, timedelta(minutes=7)
    assert title(pages.get("/seams/9").text) == "The store does not answer"


def test_a_seam_says_what_the_broker_would_show(store: Store) -> None:
    estate(store, ["orders"])
    pages = client(store)
    [reads] = [seam for seam in pages.get("/api/v1/seams").json() if seam["kind"] == "consumes"]
    page = pages.get(f"/seams/{reads['id']}").text
    assert "What each witness says" in page
    assert page.count("not observable here") > 8
    assert "it takes the broker's offsets" in page


def test_stylesheet_and_script_stay_small() -> None:
    assert len(gzip.compress((STATIC / "house.css").read_bytes())) < 8_000
    assert len(gzip.compress((STATIC / "house.js").read_bytes())) < 2_000


@contextmanager
def serving(app: Any) -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", free_port(24_800)))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield listener.getsockname()[1]
    finally:  # a failing test must not leave a thread that keeps the run alive
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def chromium() -> Iterator[Any]:
    browser = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not browser.exists():
        missing("Chromium is not installed. Install the package chromium, or set CHROMIUM.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(browser), args=FLAGS)
        yield opened
        opened.close()


@pytest.mark.real
def test_calm_blind_and_outage_in_chromium(store: Store, chromium: Any) -> None:
    calls(store, 200)
    outage, wrong = Outage(store), []
    with serving(application(outage, silent=True)) as port:
        for theme, width in (("light", 1440), ("dark", 390)):
            looked = Looked(chromium, port, theme, width)
            looked.look("/")
            looked.look("/collectors")
            outage.down = True
            looked.look("/")
            looked.look("/rules")
            outage.down = False
            wrong += [one for one in looked.close() if "503" not in one]
    assert wrong == []


@pytest.mark.real
def test_a_live_page_is_fresh_without_a_reload_and_dims_when_nobody_answers(store: Store, chromium: Any) -> None:
    estate(store, ["orders"])
    page = chromium.new_page()
    page.clock.install()
    with serving(application(store)) as port:
        page.goto(f"http://127.0.0.1:{port}")
        page.keyboard.press("j")
        chosen = page.evaluate("document.activeElement.getAttribute('href')")
        page.evaluate("document.querySelector('h1').textContent = 'old news'")
        page.clock.fast_forward(16_000)
        page.locator("h1", has_text="1 seam needs a person now").wait_for()
        assert page.evaluate("document.activeElement.getAttribute('href')") == chosen
        page.keyboard.press("?")
        page.evaluate("document.querySelector('h1').textContent = 'being read'")
        page.clock.fast_forward(16_000)
        page.keyboard.press("Escape")
        assert page.text_content("h1") == "being read"
    page.clock.fast_forward(16_000)
    page.wait_for_selector("body.old")
    assert page.title().startswith("Last known · ")
    page.close()


@pytest.mark.real
def test_the_keys_walk_open_find_and_can_be_turned_off(store: Store, chromium: Any) -> None:
    estate(store, ["orders"])
    with serving(application(store)) as port:
        home = f"http://127.0.0.1:{port}"
        page = chromium.new_page()
        page.goto(home)
        for key in ("j", "j", "k"):
            page.keyboard.press(key)
        first = page.locator(".rows a").first.get_attribute("href")
        assert page.evaluate("document.activeElement.getAttribute('href')") == first
        page.keyboard.press("Enter")
        page.wait_for_url(f"{home}{first}")
        page.keyboard.press("m")
        page.locator("#silence[open]").wait_for()
        for keys, address in (("gf", "/findings"), ("gs", "/seams"), ("gn", "/")):
            for key in keys:
                page.keyboard.press(key)
            page.wait_for_url(home + address)
        page.keyboard.press("/")
        page.wait_for_url(f"{home}/seams#q")
        page.keyboard.type("gn")
        assert page.input_value("#q") == "gn"
        page.locator("#q").blur()
        page.keyboard.press("?")
        page.locator("#keys-on").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("n")
        page.keyboard.press("?")
        assert page.url.startswith(f"{home}/seams")
        assert not page.locator("#keys").is_visible()
        page.close()

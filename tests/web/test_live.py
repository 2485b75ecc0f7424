"""Whether what a page shows is true now: every page is renewed, is left alone while in use, and says when it is old."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.store.store import Store
from tests.web.test_site import estate
from tests.web.test_states import application, chromium, client, serving

__all__ = ["chromium"]
BEAT = 16_000


@pytest.fixture
def store(store: Store) -> Store:
    estate(store, ["orders"])
    return store


def kinds(store: Store) -> list[str]:
    """One page of each kind."""
    pages = client(store)
    finding = pages.get("/api/v1/findings").json()[0]["fingerprint"]
    seam = next(row["id"] for row in pages.get("/api/v1/seams").json() if row["kind"] == "consumes")
    lists = ["/", "/findings", "/seams", "/rules", "/collectors"]
    return [*lists, f"/findings/{finding}", f"/seams/{seam}", "/rules/IDM-01", "/changes"]


def test_without_script_no_page_claims_to_be_live_and_each_names_its_time_and_zone(store: Store) -> None:
    pages = client(store)
    for address in kinds(store):
        text = pages.get(address).text
        assert "Live ·" not in text
        assert re.search(r"<span>Span \d\d:\d\d:\d\d UTC</span>", text), address
        assert re.search(r"As of \d\d:\d\d:\d\d. All times are UTC.", text), address
        assert 'class="pulse"' not in text
    later = client(store, lambda: datetime.now(UTC) + timedelta(days=1)).get("/seams").text
    assert re.search(r"<span>Last span \d+ [A-Z][a-z]{2}, \d\d:\d\d:\d\d UTC</span>", later)
    assert "data-beats" not in later


@pytest.mark.real
def test_every_page_is_renewed_and_says_since_when_nobody_answers(store: Store, chromium: Any) -> None:
    opened = []
    with serving(application(store)) as port:
        for address in kinds(store):
            page = chromium.new_page()
            page.clock.install()
            page.goto(f"http://127.0.0.1:{port}{address}")
            assert page.locator(".rail .foot").inner_text().startswith("Live · Span ")
            page.evaluate("document.querySelector('h1').textContent = 'old news'")
            page.clock.fast_forward(BEAT)
            page.locator("h1").filter(has_not_text="old news").wait_for()
            assert page.locator(".rail .foot").inner_text().startswith("Live · Span ")
            opened.append(page)
    for page in opened:
        page.clock.fast_forward(BEAT)
        page.wait_for_selector("body.old")
        assert re.match(r"Last known · \d\d:\d\d:\d\d · ", page.title())
        assert re.match(r"Last known · \d\d:\d\d:\d\d$", page.locator(".rail .foot span").last.inner_text())
        assert page.locator(".banner").count() == 1
        page.clock.fast_forward(BEAT)
        assert page.title().count("Last known") == 1
        page.close()


@pytest.mark.real
def test_what_a_reader_does_is_kept_and_typed_text_is_never_lost(store: Store, chromium: Any) -> None:
    with serving(application(store)) as port:
        home, page = f"http://127.0.0.1:{port}", chromium.new_page(viewport={"width": 900, "height": 400})
        page.clock.install()
        renewed = "document.querySelector('h1').textContent !== 'old news'"
        stale = "document.querySelector('h1').textContent = 'old news'"
        page.goto(home + kinds(store)[5])
        page.locator("summary", has_text="Waive").click()
        page.locator("summary", has_text="Waive").blur()
        page.evaluate(stale)
        page.evaluate("scrollTo(0, 250)")
        page.clock.fast_forward(BEAT)
        page.locator("h1").filter(has_not_text="old news").wait_for()
        assert page.locator("details[open]").inner_text().startswith("Waive")
        assert page.evaluate("scrollY") == 250
        page.locator("#w-reason").fill("because")
        page.locator("#w-reason").blur()
        page.evaluate(stale)
        with page.expect_response(home + "/findings/**"):
            page.clock.fast_forward(BEAT)
        page.wait_for_timeout(200)
        assert page.input_value("#w-reason") == "because"
        assert not page.evaluate(renewed)
        page.goto(f"{home}/seams?paradigm=event&state=page")
        page.evaluate(stale)
        page.clock.fast_forward(BEAT)
        page.locator("h1").filter(has_not_text="old news").wait_for()
        assert page.input_value("#paradigm") == "event"
        page.locator("#q").focus()
        page.evaluate(stale)
        with page.expect_response(home + "/seams**"):
            page.clock.fast_forward(BEAT)
        page.wait_for_timeout(200)
        assert not page.evaluate(renewed)
        assert page.evaluate("document.activeElement.id") == "q"
    page.clock.fast_forward(BEAT)
    page.wait_for_selector("body.old")
    assert page.evaluate("document.activeElement.id") == "q", "a page that is in use says it too"
    page.close()

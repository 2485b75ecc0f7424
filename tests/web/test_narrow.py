"""No name, however long, makes a page scroll sideways or cuts a table, on a phone or on a desk."""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.store import Store, open_store
from tests.conftest import missing
from tests.web.test_site import FLAGS, estate, serving

LONG = [
    "a" * 147,
    "orders.with.a.name.that.goes.on.and.on.for.more.than.eighty.letters.and.then.some.more",
    "日本語" * 40,
]

#: Tables that do not fit their card, and whatever scrolls in it without a shade at its edge.
CUT = """[...document.querySelectorAll(".scroll")]
    .filter(box => box.scrollWidth > box.clientWidth)
    .filter(box => box.querySelector("table.lean") || !getComputedStyle(box).backgroundImage.includes("gradient"))
    .map(box => [box.getAttribute("aria-label"), box.scrollWidth, box.clientWidth])"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    store: Store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    estate(store, LONG)
    with serving(store) as found:
        yield found
    store.close()


@pytest.mark.real
def test_long_names_are_broken_and_no_page_scrolls_sideways(port: int) -> None:
    browser = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not browser.exists():
        missing("Chromium is not installed. Install the package chromium, or set CHROMIUM.")
    from playwright.sync_api import sync_playwright

    base = f"http://127.0.0.1:{port}"

    def told(kind: str) -> list[dict[str, str]]:
        with urllib.request.urlopen(f"{base}/api/v1/{kind}") as answer:
            found: list[dict[str, str]] = json.load(answer)
        return found

    pages = ["/", "/findings", "/seams", "/rules", "/rules/IDM-01", "/rules/SCH-04", "/collectors", "/changes"]
    pages += [f"/seams/{row['id']}" for row in told("seams")]
    pages += [f"/findings/{row['fingerprint']}" for row in told("findings")]
    assert len(pages) > 15
    wide = []
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(browser), args=FLAGS)
        for width in (390, 1440):
            page = chromium.new_page(viewport={"width": width, "height": 900})
            for address in pages:
                page.goto(base + address)
                found = page.evaluate("document.documentElement.scrollWidth")
                wide += [(width, address, found)] if found > width else []
                wide += [(width, address, *cut) for cut in page.evaluate(CUT)]
        chromium.close()
    assert wide == []

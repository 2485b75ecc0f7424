"""What is acknowledged: somebody works on it, and it is not gone; every page counts it alike."""

import re

import pytest
from fastapi.testclient import TestClient

from agent.store.store import Store
from tests.web.test_site import estate
from tests.web.test_states import client, title

pytestmark = pytest.mark.slow

OURS = {"origin": "http://127.0.0.1:8740"}


@pytest.fixture
def store(store: Store) -> Store:
    estate(store, ["orders", "books"])
    return store


def urgent(pages: TestClient) -> list[str]:
    """The addresses of what cannot wait."""
    found = pages.get("/api/v1/findings").json()
    return sorted(f"/findings/{one['fingerprint']}" for one in found if one["urgency"] == "act now")


def tally(html: str, page: str) -> str:
    """The number beside a page's name in the rail; empty where there is none."""
    link = re.search(rf'<a class="nav" href="{page}"[^>]*>(.*?)</a>', html.partition("<main")[0], re.DOTALL)
    assert link
    return "".join(re.findall(r'class="tally[^>]*>(\d+)<', link[1]))


def say(pages: TestClient, address: str, word: str) -> None:
    body = {"owner": "ana", "reason": "" if word == "ack" else "known"}
    assert pages.post(f"/api/v1{address}/{word}", json=body, headers=OURS).status_code == 200


def test_what_is_acknowledged_is_being_worked_on_and_not_gone(store: Store) -> None:
    pages = client(store)
    first, second = urgent(pages)
    number = len(pages.get("/api/v1/findings").json())
    assert title(pages.get("/").text) == "2 seams need a person now"
    assert title(pages.get("/findings").text) == f"{number} findings are open; 2 need a person now"

    say(pages, first, "ack")
    now, listed = pages.get("/").text, pages.get("/findings").text
    assert title(now) == "1 seam needs a person now; 1 more is being worked on"
    assert title(listed) == f"{number} findings are open; 1 needs a person now; 1 is being worked on"
    assert now.index("Needs a person now</h2>") < now.index(f'"{second}"') < now.index("Being worked on</h2>")
    assert now.index("Being worked on</h2>") < now.index("acknowledged by ana")
    assert listed.index(f'"{second}"') < listed.index(f'"{first}"') < listed.index("acknowledged by ana")
    assert (tally(now, "/"), tally(now, "/findings")) == ("1", str(number))
    assert "1 being worked on" in pages.get("/seams").text

    say(pages, second, "ack")
    now = pages.get("/").text
    assert title(now).startswith("2 seams are being worked on")
    assert "Nothing is burning" not in title(now)
    assert "Needs a person now</h2>" not in now
    assert now.count("acknowledged by ana") == 2
    assert (tally(now, "/"), tally(now, "/findings")) == ("", str(number))
    assert "set aside" not in now
    assert pages.get("/api/v1/now").json()["headline"] == title(now)
    assert pages.get("/api/v1/now").json()["states"]["page"] == 2
    assert pages.get("/findings?state=quiet").text.count('<ul class="rows">') == 0
    assert "data-ack" not in pages.get(first).text
    assert f'action="{first}/reopen"' in pages.get(first).text

    say(pages, second, "reopen")
    assert title(pages.get("/").text) == "1 seam needs a person now; 1 more is being worked on"


def test_what_is_set_aside_is_not_being_worked_on(store: Store) -> None:
    pages = client(store)
    first, second = urgent(pages)
    say(pages, first, "ack")
    say(pages, second, "dispute")
    assert title(pages.get("/").text).startswith("1 seam is being worked on")
    assert "1 finding set aside" in pages.get("/").text


def test_the_page_of_a_seam_says_who_works_on_it(store: Store) -> None:
    pages = client(store)
    first, _ = urgent(pages)
    say(pages, first, "ack")
    [seam] = [one for one in pages.get("/api/v1/seams").json() if first.rpartition("/")[2] in one["findings"]]
    assert seam["state"] == "act now"
    assert title(pages.get(f"/seams/{seam['id']}").text).startswith("Acknowledged by ana: ")
    assert "Acknowledged by ana: " in pages.get("/seams").text

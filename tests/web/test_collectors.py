"""The Collectors page: what each source brings over which time, and of what a share is."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from agent.store.store import Store
from agent.web import site
from agent.web.status import CollectorStatus, Status
from tests.web.test_site import NOW, RULES
from tests.web.test_states import calls, title

pytestmark = pytest.mark.slow

OTLP = CollectorStatus("otlp", "Traces", "fresh", NOW, 600, 0.0, {}, {"bad id": 3}, "", "")
TAPE = CollectorStatus("recording", "kafka/shop", "fresh", NOW, 299_767, 0.0, {}, {}, "followed", "")


def page(store: Store, *collectors: CollectorStatus, records: int = 1) -> str:
    status = Status("1", NOW - timedelta(minutes=2), NOW, 0.1, collectors, 1024, records)
    app = site(store, RULES, clock=lambda: NOW, status=lambda: status)
    return TestClient(app, base_url="http://127.0.0.1:8740").get("/collectors").text


def test_traces_that_come_now_and_then_are_not_told_as_none(store: Store) -> None:
    text = page(store, OTLP, TAPE)
    assert "5/s<small>since the start</small>" in text
    assert ">none<" not in text
    assert "not measured" in text, "a recording is not timed"
    assert "7/s<small>now</small>" in page(store, replace(OTLP, per_second=7.0))
    assert "none<small>since the start</small>" in page(store, replace(OTLP, facts=0))


def test_a_share_of_spans_is_of_spans_and_not_of_what_a_recording_holds(store: Store) -> None:
    text = page(store, OTLP, TAPE)
    assert "0.5% of 600 spans" in text
    assert "299,76" in text, "the recording's own row has its facts"
    assert "300,367" not in text


def test_after_a_start_a_source_is_told_as_waiting_since_then_and_what_came_before_is_known(store: Store) -> None:
    waiting = replace(OTLP, state="waiting", last_fact=None, facts=0, dropped={})
    text = page(store, waiting)
    assert title(text) == "The one source has not spoken since the start 2 min ago"
    assert "Before the start" not in text
    calls(store, 20)
    assert re.search(r"Before the start a seam was last seen \d+ min ago", page(store, waiting))
    assert "Before the start" not in page(store, OTLP)
    assert title(page(store, OTLP)) == "Every source speaks"
    assert title(page(store, waiting, replace(waiting, name="More"), OTLP)) == (
        "2 of 3 sources have not spoken since the start 2 min ago"
    )


def test_one_record_is_one(store: Store) -> None:
    assert "The journal holds 1 record, 1 KiB, not yet in the store." in page(store, OTLP)
    assert "The journal holds 2 records, 1 KiB" in page(store, OTLP, records=2)


def test_before_the_first_round_nothing_was_judged_and_nothing_is_told_to_be_judgeable(store: Store) -> None:
    words = "Nothing was judged yet; the first round tells what cannot be."
    assert words in page(store, OTLP)
    assert "Everything that applies can be judged." not in page(store, OTLP)
    calls(store, 200)
    assert words not in page(store, OTLP)

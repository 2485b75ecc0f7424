"""The mark of a seam: what was set aside is no health, nor is what no rule applies to, nor what none has looked at."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.engine.round import Rounds
from agent.model.declared import Declarations
from agent.model.facts import Column
from agent.model.finding import Signal
from agent.model.flush import Flush, WindowDelta
from agent.model.seam import Component, SeamKey
from agent.model.verdict import Severity
from agent.store.store import Store
from agent.web.words import plain, when
from tests.web.test_site import NOW, RULES, estate
from tests.web.test_states import Clock, client, title

pytestmark = pytest.mark.slow

OURS = {"origin": "http://127.0.0.1:8740"}


@pytest.mark.parametrize("word", ["silence", "dispute", "waive"])
def test_a_seam_whose_findings_are_set_aside_is_never_healthy(store: Store, word: str) -> None:
    estate(store, ["orders"])
    pages = client(store)
    before = {seam["id"]: seam["state"] for seam in pages.get("/api/v1/seams").json()}
    told = Counter(before.values())
    healthy = f">{told['healthy']} of {len(before) - told['nothing to judge']} seams healthy"
    assert healthy in re.sub("<svg.*?</svg>", "", pages.get("/seams").text)
    said = {"owner": "ana", "reason": "known", "until": (NOW + timedelta(days=9)).isoformat()}
    for found in pages.get("/api/v1/findings").json():
        answer = pages.post(f"/api/v1/findings/{found['fingerprint']}/{word}", json=said, headers=OURS)
        assert answer.status_code == 200
    after = {seam["id"]: seam["state"] for seam in pages.get("/api/v1/seams").json()}
    failing = {number for number, state in before.items() if state in ("act now", "fix", "tidy")}
    assert failing
    assert {number for number, state in after.items() if state == "set aside"} == failing
    assert all(after[number] == state for number, state in before.items() if number not in failing)
    assert healthy in re.sub("<svg.*?</svg>", "", pages.get("/seams").text)
    assert "all 1 seams" not in title(pages.get("/").text).lower()
    assert "set aside" in title(pages.get("/").text)
    [good, quiet] = [pages.get(f"/seams?state={state}").text for state in ("good", "quiet")]
    for number in failing:
        assert f'href="/seams/{number}"' not in good
        assert f'href="/seams/{number}"' in quiet
        page = pages.get(f"/seams/{number}").text
        end = f" until {when(NOW + timedelta(days=9))}" if word in ("silence", "waive") else ""
        assert re.match(rf"(Silenced|Disputed|Waived) by ana{end}: ", title(page))
        assert 'class="tag good"' not in page
        assert re.search(r'class="tag quiet"><svg class="mark (page|fix|tidy)".*?</svg>[A-Z].*?, set aside<', page)


def test_a_seam_with_one_finding_set_aside_and_one_open_is_as_loud_as_the_open_one(store: Store) -> None:
    estate(store, ["orders"])
    [loud, *_] = [found for found in store.findings() if found.subject.kind == "group"]
    low = replace(loud, fingerprint="f" * 20, rule="DLQ-01", severity=Severity.LOW, says="It's small.")
    store.save_findings([(low, None, NOW)])
    pages = client(store)
    [many] = [seam for seam in pages.get("/api/v1/seams").json() if len(seam["findings"]) > 1]
    first, last = loud.fingerprint, low.fingerprint
    pages.post(f"/api/v1/findings/{first}/dispute", json={"reason": "no"}, headers=OURS)
    left = pages.get(f"/api/v1/findings/{last}").json()
    [now] = [seam for seam in pages.get("/api/v1/seams").json() if seam["id"] == many["id"]]
    assert now["state"] == left["urgency"] == "tidy"
    assert title(pages.get(f"/seams/{many['id']}").text) == left["says"].removesuffix(".").replace("'", "&#39;")


def test_what_is_set_aside_counts_again_once_its_time_is_over(store: Store) -> None:
    estate(store, ["orders"])
    clock = Clock()
    pages = client(store, clock)
    before = [seam["state"] for seam in pages.get("/api/v1/seams").json()]
    said = {"reason": "known", "until": (NOW + timedelta(days=2)).isoformat()}
    for found in pages.get("/api/v1/findings").json():
        pages.post(f"/api/v1/findings/{found['fingerprint']}/silence", json=said, headers=OURS)
    assert "set aside" in [seam["state"] for seam in pages.get("/api/v1/seams").json()]
    assert {one["said"]["disposition"] for one in pages.get("/api/v1/findings").json()} == {"silenced"}
    clock.ahead = timedelta(days=2, minutes=5)
    assert [seam["state"] for seam in pages.get("/api/v1/seams").json()] == before
    nothing = {"disposition": "none", "owner": "", "reason": "", "until": None}
    for found in pages.get("/api/v1/findings").json():
        one = pages.get(f"/api/v1/findings/{found['fingerprint']}").json()
        assert found["said"] == one["said"] == nothing
        assert one["history"][0]["change"] == "silenced"


def test_a_seam_to_which_no_rule_applies_has_nothing_to_judge_and_is_neither_healthy_nor_blind(store: Store) -> None:
    estate(store, ["orders"])
    pages = client(store)
    [sent] = [seam for seam in pages.get("/api/v1/seams").json() if seam["state"] == "nothing to judge"]
    said = {row["outcome"] for row in pages.get(f"/api/v1/seams/{sent['id']}").json()["verdicts"]}
    assert said == {"not_applicable"}
    listed = {state: pages.get(f"/seams?state={state}").text for state in ("na", "good", "blind")}
    assert [state for state, page in listed.items() if f'<a href="/seams/{sent["id"]}">' in page] == ["na"]
    assert re.search(r'aria-label="Nothing to judge".*no rule applies to it', listed["na"], re.DOTALL)
    assert title(pages.get(f"/seams/{sent['id']}").text).endswith("has nothing to judge")
    states = pages.get("/api/v1/now").json()["states"]
    every = sum(states.values())
    assert title(pages.get("/seams").text).startswith(f"0 of {every - states['na']} seams are healthy")
    assert f"of {every - states['na']} seams healthy" in pages.get("/").text


def test_a_seam_that_no_round_has_looked_at_is_blind_and_so_is_one_that_a_rule_is_blind_on(store: Store) -> None:
    estate(store, ["orders"])
    table, late = "table:postgresql/late", Component.parse("service:late")
    window = WindowDelta(SeamKey("writes", late, Component.parse(table)), NOW, (1, *[0] * (len(Column) - 1)), {})
    store.ensure_writer("x")
    store.flush(Flush("x", 0, 1, (window,), drained=NOW))
    pages = client(store)
    states = {seam["target"]: seam["state"] for seam in pages.get("/api/v1/seams").json()}
    assert states[table] == "not judged"
    rows = pages.get("/seams?state=blind").text
    assert 'late</a><small class="only">no round has looked at it yet<' in rows
    [missing] = {row.verdict.missing[0] for row in store.verdicts(rule="SCH-04") if row.outcome.value == "blind"}
    assert rows.count(plain(missing)) == 2, "for wide and narrow"
    assert "has judged it yet" not in rows
    Rounds(store, RULES, Declarations()).run(NOW + timedelta(minutes=5))
    assert "no round has looked" not in client(store).get("/seams?state=blind").text


def test_a_rules_row_on_a_seams_page_has_the_mark_of_its_finding(store: Store) -> None:
    estate(store, ["orders"])
    pages = client(store)
    [seam] = [seam for seam in pages.get("/api/v1/seams").json() if seam["state"] == "act now"]
    rows = pages.get(f"/seams/{seam['id']}").text.partition("What the rules say")[2]
    for finding in store.findings():
        if finding.fingerprint in seam["findings"]:
            urgency = pages.get(f"/api/v1/findings/{finding.fingerprint}").json()["urgency"]
            mark = {"act now": "page", "fix": "fix"}[urgency]
            row = rf'<svg class="mark {mark}"[^>]*>(?:(?!<svg).)*<a href="/rules/{finding.rule}">'
            assert re.search(row, rows, re.DOTALL), finding.rule
    assert re.search(r'class="mark page"[^>]*>(?:(?!<svg).)*<a href="/rules/IDM-01">', rows, re.DOTALL)


def test_a_rule_that_fails_and_has_opened_nothing_yet_has_the_mark_of_none(store: Store) -> None:
    estate(store, ["orders"])
    pages = client(store)
    seam = next(row for row in pages.get("/api/v1/seams").json() if row["state"] == "act now")
    for finding in store.findings():
        store.save_findings([(replace(finding, signal=Signal.PENDING, opened=None), None, NOW)])
    text = client(store).get(f"/seams/{seam['id']}").text
    assert 'class="tag blind"' in text or 'class="tag good"' in text
    assert 'aria-label="Fails, not open yet"' in text

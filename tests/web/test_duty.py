"""Whom to ask at night: the workflow that a finding or a seam belongs to, who is on call for it, and its runbook."""

from datetime import timedelta

import pytest

from agent.engine.round import Rounds
from agent.model.declared import Declarations, Workflow
from agent.model.seam import Component, SeamKey, SubjectRef, group_on_topic
from agent.store.store import Store
from agent.web.duty import Duties, web_address
from tests.web.test_site import NOW, RULES, estate
from tests.web.test_states import client

RUNBOOK = "https://wiki.example/pay?a=1&b=2"
TOPIC, GROUP, OTHER = (Component.parse(text) for text in ("topic:-/t orders", "group:-/g orders", "group:-/other"))
BILLED = SeamKey("consumes", TOPIC, GROUP)
PAY = Workflow("pay", owner="payments", on_call="pay <oncall>", runbook=RUNBOOK, seams=(BILLED,), place="f, line 1")
BESIDE = Workflow("beside", on_call="elsewhere", seams=(SeamKey("consumes", TOPIC, OTHER),), place="f, line 9")


@pytest.fixture
def store(store: Store) -> Store:
    estate(store, ["orders"])
    return store


def test_the_pages_of_a_finding_and_its_seam_and_the_api_say_whom_to_ask(store: Store) -> None:
    pages = client(store, declared=Declarations(workflows=(BESIDE, PAY), loaded=True))
    [found] = [one for one in pages.get("/api/v1/findings").json() if one["rule"] == "IDM-01"]
    assert found["workflows"] == [{"name": "pay", "owner": "payments", "on_call": "pay <oncall>", "runbook": RUNBOOK}]
    assert pages.get(f"/api/v1/findings/{found['fingerprint']}").json()["workflows"] == found["workflows"]
    [seam] = [one for one in pages.get("/api/v1/seams").json() if one["kind"] == "consumes"]
    assert pages.get(f"/api/v1/seams/{seam['id']}").json()["workflows"] == found["workflows"]
    for address in (f"/findings/{found['fingerprint']}", f"/seams/{seam['id']}"):
        html = pages.get(address).text
        assert "<span>On call pay &lt;oncall&gt;</span>" in html
        assert '<a class="u" href="https://wiki.example/pay?a=1&amp;b=2" rel="noreferrer">Runbook</a>' in html
        assert '<dt>Workflow</dt><dd class="wrap">pay</dd>' in html
        assert "elsewhere" not in html


@pytest.mark.parametrize("runbook", ["javascript:alert(1)", "data:text/html,x", "wiki/pay", "https:", "http://[x"])
def test_a_runbook_that_is_no_web_address_is_text(store: Store, runbook: str) -> None:
    assert web_address(runbook) == ""
    flow = Workflow("order-to-cash", owner="ana", runbook=runbook, place="f, line 1")
    declared = Declarations(workflows=(flow,), loaded=True)
    for minute in range(2):
        Rounds(store, RULES, declared).run(NOW + timedelta(minutes=minute))
    [found] = store.findings(rule="GOV-01")
    html = client(store, declared=declared).get(f"/findings/{found.fingerprint}").text
    assert f'<dt>Runbook</dt><dd class="wrap">{runbook}</dd>' in html
    assert '<dt>On call</dt><dd class="wrap q">not declared</dd>' in html
    assert "noreferrer" not in html


def test_without_workflow_files_nothing_is_said_of_whom_to_ask(store: Store) -> None:
    pages = client(store)
    for found in pages.get("/api/v1/findings").json():
        assert found["workflows"] == []
        assert "Whom to ask" not in pages.get(f"/findings/{found['fingerprint']}").text


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        (BILLED.subject, ["pay"]),
        (group_on_topic(TOPIC, GROUP), ["pay"]),
        (SubjectRef("topic", TOPIC.name), ["beside", "pay"]),
        (SubjectRef("workflow", "pay"), ["pay"]),
        (SubjectRef("workflow", "gone"), []),
        (SubjectRef("table", "postgresql/d.t", (("host", "h"), ("port", "1"))), ["books"]),
        (SubjectRef("route", "shop POST /buy"), ["calls"]),
    ],
)
def test_a_subject_belongs_to_who_declares_it_else_to_who_declares_an_end_of_it(
    subject: SubjectRef, names: list[str]
) -> None:
    shop, table = Component("service", "shop"), Component("table", "postgresql/d.t")
    more = (
        Workflow("books", seams=(SeamKey("writes", Component("service", "ledger"), table),)),
        Workflow("calls", seams=(SeamKey("calls", Component("service", "web"), shop),)),
    )
    found = Duties(Declarations(workflows=(BESIDE, PAY, *more), loaded=True)).of(subject)
    assert [one.name for one in found] == names

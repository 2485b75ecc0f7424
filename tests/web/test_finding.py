"""The page of one finding: whose it is, what to do, and why it was flagged."""

import re
from datetime import timedelta

import pytest

from agent.engine.round import Rounds
from agent.model.declared import Declarations, Workflow
from agent.model.kafka.look import Group, Member
from agent.model.seam import SubjectRef
from agent.store.store import Store
from agent.web.brokers import behind
from agent.web.prose import told as steps_told
from tests.web.test_brokers import START, keep, look, parts
from tests.web.test_marks import OURS
from tests.web.test_site import NOW, RULES
from tests.web.test_states import client


@pytest.fixture
def store(store: Store) -> Store:
    store.attach(NOW - timedelta(days=3))
    return store


def page(store: Store, declared: Declarations) -> str:
    """The only finding's, two rounds after it was declared."""
    rounds = Rounds(store, RULES, declared)
    for minute in range(2):
        rounds.run(NOW + timedelta(minutes=minute))
    [found] = store.findings()
    return client(store).get(f"/findings/{found.fingerprint}").text


def rows(html: str) -> list[str]:
    """What was looked at, one text a row."""
    body = re.findall(r'<th scope="row">(.*?)(?:<small.*?)?</th>', html, re.DOTALL)
    return [" ".join(re.sub("<.*?>", " ", row).split()) for row in body]


@pytest.mark.parametrize(("owner", "says"), [("payments-core", "Owner payments-core"), (None, "Owner not declared")])
def test_a_workflow_s_finding_names_its_owner_or_that_there_is_none(store: Store, owner: str | None, says: str) -> None:
    flow = Workflow("order-to-cash", owner=owner, place="flows.yaml, line 1")
    html = page(store, Declarations(workflows=(flow,), loaded=True))
    assert f"<span>{says}</span>" in html
    assert rows(html)[:2] == ["Owner missing", "On-call missing"]


def test_what_to_do_is_of_this_finding_and_a_name_in_it_is_no_link(store: Store) -> None:
    flow = Workflow("[pay](https://evil.example)", place="flows.yaml, line 1")
    html = page(store, Declarations(workflows=(flow,), loaded=True))
    assert "Add <code>owner: TEAM</code> to the workflow <code>[pay](https://evil.example)</code>" in html
    assert 'href="https://evil' not in html
    [told] = client(store).get("/api/v1/findings").json()
    assert told["do"][0].startswith("Add `owner: TEAM` to the workflow")


@pytest.mark.parametrize(
    ("impact", "says"),
    [
        ("critical", 'high <span class="note">the rule is medium; the workflow is declared critical</span>'),
        (None, "medium"),
    ],
)
def test_a_severity_that_is_another_than_the_rule_s_is_told_with_its_reason(
    store: Store, impact: str | None, says: str
) -> None:
    flow = Workflow("order-to-cash", failure_impact=impact, place="flows.yaml, line 1")
    html = page(store, Declarations(workflows=(flow,), loaded=True))
    assert f"<dt>Severity</dt><dd>{says}</dd>" in html
    [told] = client(store).get("/api/v1/findings").json()
    assert told["severity_because"] == ("the workflow is declared critical" if impact else "")


@pytest.mark.parametrize(
    ("step", "sentence", "commands"),
    [
        ("Raise it (`a.sh --topic x`).", "Raise it.", ["a.sh --topic x"]),
        ("Add some (`a.sh --to 6`; keys move).", "Add some (keys move).", ["a.sh --to 6"]),
        ("If not, delete it: `a.sh --delete`.", "If not, delete it:", ["a.sh --delete"]),
        ("Ask (`a.sh --describe` shows it).", "Ask (the command below shows it).", ["a.sh --describe"]),
        ("See `orders`, then (`a.sh --x <b>`).", "See <code>orders</code>, then.", ["a.sh --x &lt;b&gt;"]),
        ("First `a --b`, then `c --d`.", "First the command below, then the command below.", ["a --b", "c --d"]),
        ("It is gone. `a --b` shows what is left.", "It is gone. The command below shows what is left.", ["a --b"]),
        ("A name `<b>'` alone.", "A name <code>&lt;b&gt;&#39;</code> alone.", []),
    ],
)
def test_a_command_of_a_step_stands_below_it_to_be_copied_whole(step: str, sentence: str, commands: list[str]) -> None:
    copies = "".join(f'<pre class="copy" tabindex="0">{one}</pre>' for one in commands)
    assert str(steps_told([step])) == f'<ol class="steps"><li><div>{sentence}{copies}</div></li></ol>'


@pytest.mark.parametrize(("lag", "shown"), [(900, True), (0, False)])
def test_a_backlog_is_shown_partition_by_partition_while_there_is_one(store: Store, lag: int, shown: bool) -> None:
    seen = Group("classic", "Stable", members=(Member("m-1", "billing-1", None, parts("orders", 0)),))
    keep(store, look(0, [900, 40], group=seen), look(2, [lag, 0], group=seen))
    where = SubjectRef("group", "prod/billing", (("topic", "prod/orders"),))
    found = behind(store, where, START + timedelta(minutes=3))
    assert (found is not None) is shown
    if found is not None:
        assert [(row.cell.number, row.cell.lag, row.reader.name, row.reader.nobody) for row in found.hottest] == [
            (0, 900, "billing-1", False),
            (1, 0, "", True),
        ]
    assert behind(store, SubjectRef("topic", "prod/orders"), START) is None
    assert behind(store, where, START + timedelta(hours=2)) is None, "what was seen long ago is not shown as now"


def test_what_is_set_aside_while_it_is_pending_is_listed_as_that(store: Store) -> None:
    declared = Declarations(workflows=(Workflow("order-to-cash", place="flows.yaml, line 1"),), loaded=True)
    Rounds(store, RULES, declared).run(NOW)
    pages = client(store)
    [found] = store.findings()
    said = {"owner": "ana", "reason": "known", "until": (NOW + timedelta(days=9)).isoformat()}
    assert "Nobody has silenced" in pages.get("/findings?state=quiet").text
    answer = pages.post(f"/api/v1/findings/{found.fingerprint}/silence", json=said, headers=OURS)
    assert answer.status_code == 200
    html = pages.get("/findings?state=quiet").text
    assert "Nobody has silenced" not in html
    tallies = dict(re.findall(r'href="\?state=(\w*)[^"]*"[^>]*>[^<]*<span[^>]*>(\d+)', html))
    assert (tallies["quiet"], tallies["pending"], tallies["all"]) == ("1", "1", "1")

"""What the API takes of a change."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.store.store import open_store
from tests.e2e.commands import told
from tests.web.test_site import application, estate

HEADERS = {"origin": "http://127.0.0.1:8740"}


def test_a_key_that_nobody_knows_is_refused_by_the_api(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 's.db'}")
    with TestClient(application(store), base_url="http://127.0.0.1:8740") as client:
        answer = client.post("/api/v1/findings/0000/ack", json={"ownr": "web"}, headers=HEADERS)
        assert answer.status_code == 422
        assert "ownr" in answer.text
        assert client.post("/api/v1/findings/0000/ack", json={"owner": "web"}, headers=HEADERS).status_code == 404
    store.close()


@pytest.fixture
def estate_with(tmp_path: Path) -> Iterator[tuple[TestClient, str, Path]]:
    """A client, the address of a finding, and the folder of its store."""
    (tmp_path / "seamwatch.yaml").write_text(f"data_dir: {tmp_path}\n")
    store = open_store(f"sqlite:///{tmp_path / 'seamwatch.db'}")
    estate(store, ["orders"])
    with TestClient(application(store), base_url="http://127.0.0.1:8740") as client:
        [*_, found] = client.get("/api/v1/findings").json()
        yield client, f"/findings/{found['fingerprint']}", tmp_path
    store.close()


@pytest.mark.parametrize(
    ("owner", "reason", "wrong"),
    [
        ("a\u202eb", "r", "The owner has a character that turns the order of the text (U+202E) as character 2."),
        ("\u202e", "r", "The owner has a character that turns the order of the text (U+202E) as character 1."),
        ("a\nb", "r", "The owner has a control character (U+000A) as character 2."),
        ("o", "a\x1b[2J", "The reason has a control character (U+001B) as character 2."),
        ("o", "line\none \x85", ""),  # at the end it is a blank
        ("o", "ab\x7f.", "The reason has a control character (U+007F) as character 3."),
        ("o" * 201, "r", "The owner has 201 characters. Write at most 200."),
        ("o", "r" * 2_001, "The reason has 2,001 characters. Write at most 2,000."),
        ("فريق 👩\u200d👧", "Zoe\u0308:\n- one\n- two", ""),
    ],
)
def test_form_api_and_command_take_and_refuse_the_same(
    owner: str, reason: str, wrong: str, estate_with: tuple[TestClient, str, Path]
) -> None:
    client, address, folder = estate_with
    api = client.post(f"/api/v1{address}/dispute", json={"owner": owner, "reason": reason}, headers=HEADERS)
    assert api.status_code == (422 if wrong else 200)
    assert api.json().get("what", "").startswith(wrong)
    said = client.get(f"/api/v1{address}").json()["said"]
    assert (said["owner"], said["reason"]) == (("", "") if wrong else (owner, reason.strip()))
    form = client.post(
        f"{address}/dispute", data={"owner": owner, "reason": reason}, headers=HEADERS, follow_redirects=False
    )
    assert form.status_code == (422 if wrong else 303)
    assert wrong in form.text
    done = told("finding", "dispute", address.rpartition("/")[2], "--owner", owner, "--reason", reason, cwd=folder)
    assert done.code == (2 if wrong else 0), done.err
    assert wrong in done.err


def test_half_a_character_is_refused_by_api_and_command(estate_with: tuple[TestClient, str, Path]) -> None:
    client, address, folder = estate_with
    head = {**HEADERS, "content-type": "application/json"}
    for key in ("owner", "reason"):
        body = json.dumps({key: "a\ud800"})
        answer = client.post(f"/api/v1{address}/ack", content=body, headers=head)
        assert (answer.status_code, key in answer.json()["what"]) == (422, True)
    done = told("finding", "ack", address.rpartition("/")[2], "--owner", "a\udcff", cwd=folder)
    assert (done.code, "The owner has half a character (U+DCFF) as character 2." in done.err) == (2, True)


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ({"data": {"ownr": "web"}}, "&#34;ownr&#34; means nothing here. Write owner, reason or until."),
        ({"data": {"owner": "web", "\x1b[2J": "x"}}, "\N{REPLACEMENT CHARACTER}[2J"),
        ({"files": {"owner": b"web"}}, "owner is a file. Write it as text, such as"),
        ({"json": {"owner": "web"}}, "The body came as application/json. Send a form, or JSON to /api/v1."),
    ],
)
def test_a_form_with_a_field_that_the_api_refuses_changes_nothing(
    estate_with: tuple[TestClient, str, Path], sent: dict[str, Any], what: str
) -> None:
    client, address, _ = estate_with
    before = client.get(f"/api/v1{address}").json()
    form = client.post(f"{address}/ack", headers=HEADERS, follow_redirects=False, **sent)
    assert (form.status_code, form.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert what in form.text
    assert client.get(f"/api/v1{address}").json() == before


@pytest.mark.parametrize("sent", [{}, {"data": {}}, {"data": {"owner": "web"}}, {"files": {"owner": (None, "web")}}])
def test_a_form_without_a_field_or_with_one_is_taken(
    estate_with: tuple[TestClient, str, Path], sent: dict[str, Any]
) -> None:
    client, address, _ = estate_with
    assert client.post(f"{address}/ack", headers=HEADERS, follow_redirects=False, **sent).status_code == 303
    assert client.get(f"/api/v1{address}").json()["said"]["owner"] == (
        "web" if sent.get("data") or "files" in sent else ""
    )


def _history(client: TestClient, address: str) -> list[tuple[str, str, str]]:
    return [(e["change"], e["by"], e["note"]) for e in client.get(f"/api/v1{address}").json()["history"]][:2]


def test_what_was_said_is_taken_back_by_page_api_and_command_and_the_history_keeps_both(
    estate_with: tuple[TestClient, str, Path],
) -> None:
    client, address, folder = estate_with
    told_of = {"owner": "ana", "reason": "a test"}
    for door in ("page", "api", "command"):
        assert f'action="{address}/reopen"' not in client.get(address).text
        client.post(f"/api/v1{address}/dispute", json={"owner": "web", "reason": "no"}, headers=HEADERS)
        assert f'action="{address}/reopen"' in client.get(address).text
        assert f'action="{address}/ack"' not in client.get(address).text
        if door == "page":
            form = client.post(f"{address}/reopen", data=told_of, headers=HEADERS, follow_redirects=False)
            assert form.status_code == 303
        elif door == "api":
            answer = client.post(f"/api/v1{address}/reopen", json=told_of, headers=HEADERS)
            assert answer.json() == {"fingerprint": address.rpartition("/")[2], "said": "reopen"}
        else:
            words = ("reopen", address.rpartition("/")[2], "--owner", "ana", "--reason", "a test")
            done = told("finding", *words, cwd=folder)
            assert (done.code, "what was said of it is taken back" in done.out) == (0, True), done.err
        assert client.get(f"/api/v1{address}").json()["said"]["disposition"] == "none"
        assert _history(client, address) == [("taken back", "ana", "a test"), ("disputed", "web", "no")]


def test_there_is_nothing_to_take_back_where_nothing_was_said(estate_with: tuple[TestClient, str, Path]) -> None:
    client, address, folder = estate_with
    before = client.get(f"/api/v1{address}").json()
    says = "Nothing that was said of this finding holds now: there is nothing to take back."
    form = client.post(f"{address}/reopen", headers=HEADERS, follow_redirects=False)
    assert (form.status_code, says in form.text) == (422, True)
    api = client.post(f"/api/v1{address}/reopen", json={}, headers=HEADERS)
    assert (api.status_code, says in api.json()["what"]) == (422, True)
    done = told("finding", "reopen", address.rpartition("/")[2], cwd=folder)
    assert (done.code, says in done.err) == (2, True)
    assert client.get(f"/api/v1{address}").json() == before
    for body, head, code in (({}, {}, 403), ({"ownr": "x"}, HEADERS, 422), ({"owner": "a\u202eb"}, HEADERS, 422)):
        assert client.post(f"/api/v1{address}/reopen", json=body, headers=head).status_code == code
    assert client.post("/api/v1/findings/0000/reopen", json={}, headers=HEADERS).status_code == 404

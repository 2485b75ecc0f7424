"""Every error of the API says what happened, to what and what to do, in one shape, whatever was sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.store.patience import SilentError, left
from agent.store.store import Store, open_store
from tests.web.test_site import application, estate

ORIGIN = {"origin": "http://127.0.0.1:8740"}
JSON = {"content-type": "application/json"}
LONG = "x" * 3_000
OBJECT = 'Send a JSON object, such as {"owner": "web"}.'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("errors")
    store = open_store(f"sqlite:///{folder / 's.db'}")
    estate(store, ["orders"])
    with TestClient(application(store), base_url="http://127.0.0.1:8740") as opened:
        yield opened
    store.close()


def asked(client: TestClient, method: str, path: str, **more: Any) -> tuple[int, str]:
    """The code and the sentence of an error; its shape is always the same."""
    headers = {**ORIGIN, **more.pop("headers", {})}
    answer = client.request(method, f"/api/v1{path}", headers=headers, **more)
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert set(told) == {"error", "what"}
    for words in ("Input should", "JSON decode", "Extra inputs", "String should", "Field required", "error parsing"):
        assert words not in told["what"]
    assert told["what"].endswith(".")
    assert len(told["what"]) < 700
    assert told["what"].isprintable()
    return answer.status_code, told["what"]


@pytest.mark.parametrize(
    ("path", "code", "what"),
    [
        ("/seams/abc", 422, 'number is "abc". Write a whole number, such as 1.'),
        ("/seams/1.5", 422, 'number is "1.5". Write a whole number, such as 1.'),
        ("/seams/" + "9" * 5_000, 422, f'number is "{"9" * 80}…". Write a whole number, such as 1.'),
        ("/seams/0", 404, "There is no seam 0. /api/v1/seams lists those that there are."),
        ("/seams/2?range=2h", 422, 'range is "2h". It can be 1h, 3h, 24h, 14d.'),
        ("/findings?state=opne", 422, 'state is "opne". It can be pending, open, recovering, resolved, stale.'),
        ("/findings/zz", 404, "There is no finding zz. /api/v1/findings lists those that there are."),
        (f"/findings/{LONG}", 404, f"There is no finding {LONG[:80]}…. /api/v1/findings lists those that there are."),
        ("/findings/%00%E2%80%AE", 404, "There is no finding ��. /api/v1/findings lists those that there are."),
        ("/rules/idm-01", 404, "There is no rule idm-01. /api/v1/rules lists those that there are."),
        ("/nothing", 404, "No address is /api/v1/nothing. /api/v1/openapi.json lists them."),
        ("/findings/a/b", 405, "/api/v1/findings/a/b takes POST, not GET."),
    ],
)
def test_an_address_that_is_wrong_is_told_with_what_is_there(
    path: str, code: int, what: str, client: TestClient
) -> None:
    assert asked(client, "GET", path) == (code, what)


@pytest.mark.parametrize("path", ["/now", "/findings", "/findings/x", "/seams", "/seams/1", "/collectors", "/rules"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_method_that_is_wrong_is_told_with_the_right_one(method: str, path: str, client: TestClient) -> None:
    assert asked(client, method, path) == (405, f"/api/v1{path} takes GET, not {method}.")
    assert client.request(method, f"/api/v1{path}", headers=ORIGIN).headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", f"The body is missing. {OBJECT}"),
        ('{"owner": ', f"The body is no JSON from character 11 on. {OBJECT}"),
        ("[]", f"The body is a list. {OBJECT}"),
        ('"x"', f"The body is text. {OBJECT}"),
        ("5", f"The body is a number. {OBJECT}"),
        ("null", f"The body is null. {OBJECT}"),
        ('{"owner": 5}', 'owner is a number. Write it as text, such as "web".'),
        ('{"owner": true}', 'owner is true or false. Write it as text, such as "web".'),
        ('{"until": {}}', 'until is an object. Write it as text, such as "web".'),
        ('{"ownr": "a"}', '"ownr" means nothing here. Write owner, reason or until.'),
        ('{"owner": "%s"}' % LONG, "The owner has 3,000 characters. Write at most 200."),  # noqa: UP031  # braces
        ('{"owner": "\\ud800"}', "The owner has half a character (U+D800) as character 1. Write it without."),
    ],
)
def test_a_body_that_is_wrong_is_told_with_what_to_send(body: str, what: str, client: TestClient) -> None:
    assert asked(client, "POST", "/findings/x/ack", content=body, headers=JSON) == (422, what)


@pytest.mark.parametrize("body", [b"\xff", b"[" * 3_000])
def test_a_body_that_cannot_be_read_at_all_is_told(body: bytes, client: TestClient) -> None:
    told = asked(client, "POST", "/findings/x/ack", content=body, headers=JSON)
    assert told == (400, f"The body is no JSON in UTF-8, or is nested too deep. {OBJECT}")


def test_of_many_mistakes_the_first_are_told_and_the_others_counted(client: TestClient) -> None:
    body = json.dumps({f"k{number}": 1 for number in range(1_000)})
    code, what = asked(client, "POST", "/findings/x/ack", content=body, headers=JSON)
    assert (code, what.count("means nothing here")) == (422, 5)
    assert what.endswith("There are 995 more.")


@pytest.mark.parametrize("sent", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_a_content_type_that_is_wrong_is_told_with_the_right_one(sent: str, client: TestClient) -> None:
    told = asked(client, "POST", "/findings/x/ack", content='{"owner": "a"}', headers={"content-type": sent})
    came = f"came as {sent}" if sent else "does not say what it is"
    assert told == (422, f"The body {came}. Send JSON with Content-Type: application/json.")


def test_what_the_guard_refuses_has_the_same_shape(client: TestClient) -> None:
    assert asked(client, "POST", "/findings/x/mute", json={})[1] == (
        "A finding can be ack, silence, dispute, waive, reopen; not mute."
    )
    large = asked(client, "POST", "/findings/x/ack", content="x" * 70_000, headers=JSON)
    assert large == (413, "A change takes at most 65,536 bytes, told by Content-Length. Send less.")
    unsized = asked(client, "POST", "/findings/x/ack", content=iter([b"{}"]), headers=JSON)
    assert unsized == large
    foreign = asked(client, "POST", "/findings/x/ack", json={}, headers={"origin": "http://evil.example"})
    assert foreign[0] == 403
    named = asked(client, "GET", "/now", headers={"host": "evil.example"})
    assert named == (403, "This agent answers on loopback only, not as evil.example. Open it by 127.0.0.1.")


def test_the_published_description_knows_no_other_shape_of_an_error(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for asked in (one for path in document["paths"].values() for one in path.values()):
        for code, told in asked["responses"].items():
            schema = told["content"]["application/json"]["schema"]
            assert (schema == {"$ref": "#/components/schemas/ErrorShape"}) == (code != "200")


def test_a_page_says_the_same_as_a_page(client: TestClient) -> None:
    answer = client.get("/seams/abc")
    assert answer.status_code == 422
    assert "Write a whole number, such as 1." in answer.text
    gone = client.get("/findings/zz")
    assert (gone.status_code, "There is no finding zz." in gone.text) == (404, True)
    assert "/api/v1" not in gone.text


class Asked:
    """A store that does not answer one question, and notes how long who asks it would wait."""

    def __init__(self, store: Store) -> None:
        self._store, self.time = store, list[float | None]()

    def __getattr__(self, name: str) -> Any:
        if name == "verdict_counts":
            self.time.append(left())
            raise SilentError("no answer")
        return getattr(self._store, name)


@pytest.fixture
def asked_store(tmp_path: Path) -> Iterator[Asked]:
    store = open_store(f"sqlite:///{tmp_path / 's.db'}")
    yield Asked(store)
    store.close()


def test_a_store_that_does_not_answer_is_told_with_its_place_what_to_do_and_when_to_come_again(
    asked_store: Asked,
) -> None:
    client = TestClient(application(asked_store), base_url="http://127.0.0.1:8740")
    answer = client.get("/api/v1/rules")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {
        "error": "store unreachable",
        "what": f"The store at {asked_store.place} does not answer. Traces are still taken while the journal has room. "
        "Check that its disk can be read; pages are back once it answers.",
    }
    page = client.get("/rules")
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "pages are back once it answers." in page.text


def test_what_a_request_asks_of_the_store_has_a_deadline_and_what_others_ask_has_none(asked_store: Asked) -> None:
    client = TestClient(application(asked_store), base_url="http://127.0.0.1:8740")
    for path in ("/api/v1/rules", "/rules"):
        client.get(path)
    assert [time is not None and 0 < time <= 6 for time in asked_store.time] == [True, True]
    assert left() is None

"""What the API takes of a change."""

from pathlib import Path

from fastapi.testclient import TestClient

from agent.store.store import open_store
from tests.web.test_site import application

HEADERS = {"origin": "http://127.0.0.1:8740"}


def test_a_key_that_nobody_knows_is_refused_by_the_api(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 's.db'}")
    with TestClient(application(store), base_url="http://127.0.0.1:8740") as client:
        answer = client.post("/api/v1/findings/0000/ack", json={"ownr": "web"}, headers=HEADERS)
        assert answer.status_code == 422
        assert "ownr" in answer.text
        assert client.post("/api/v1/findings/0000/ack", json={"owner": "web"}, headers=HEADERS).status_code == 404
    store.close()

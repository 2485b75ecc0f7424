"""A Connect cluster as a line of a recording: what a real worker told, what older ones lack, and what is hostile."""

import json
from typing import Any

import pytest

from agent.model.masking import MASK
from agent.model.pull import NotSeenError
from collectors.connect import told
from collectors.connect.watch import AGAIN, EVERYTHING, TURNS, Watch
from tests.answering import Answers, recorded

REAL = recorded("connect-4.3/answers.json")


def watch(routes: dict[str, Any]) -> tuple[Watch, Answers]:
    answers = Answers(dict(routes))
    return Watch(answers, "Connect prod", pause=lambda seconds: None), answers


def look(**routes: Any) -> dict[str, Any]:
    return watch({**REAL, **routes})[0].look()


def test_a_real_worker_tells_states_topics_offsets_and_masked_settings() -> None:
    line = look()
    assert (line["version"], line["kafka_cluster_id"]) == ("4.3.1", "testbedAAAAAAAAAAAAAAA")
    assert line["refused"] == {}
    every = line["connectors"]
    assert sorted(every) == ["by-pattern", "careful", "fails", "loses", "refused", "tail"]
    assert (every["loses"]["state"], every["loses"]["tasks"][0]["state"]) == ("RUNNING", "RUNNING")
    assert every["loses"]["offsets"] == {"orders": {"0": 4}}
    assert every["loses"]["tasks"][0]["worker_id"] == "127.0.0.1:24083"
    assert every["by-pattern"]["topics"] == ["orders", "orders-eu"]
    settings = every["by-pattern"]["config"]
    assert (settings["connection.password"], settings["connection.url"], settings["extra"]) == (MASK, MASK, MASK)
    assert settings["provided"] == "${file:/run/db.properties:password}"
    assert (every["tail"]["type"], every["tail"]["topics"]) == ("source", ["lines"])
    assert "offsets" not in every["tail"]


def test_of_a_trace_only_the_exceptions_stay() -> None:
    every = look()["connectors"]
    assert every["fails"]["tasks"][0]["trace"].splitlines() == [
        "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler",
        "Caused by: org.apache.kafka.connect.errors.DataException",
        "Caused by: org.apache.kafka.common.errors.SerializationException",
        "Caused by: com.fasterxml.jackson.core.JsonParseException",
    ]
    assert every["refused"]["tasks"][0]["trace"].splitlines() == [
        "org.apache.kafka.connect.errors.ConnectException",
        "Caused by: java.nio.file.NoSuchFileException",
    ]


def test_no_password_is_in_a_line() -> None:
    line = look()
    del line["connectors"]["refused"]["config"]["file"]  # a path that happens to have the word in it
    assert "hunter2" not in json.dumps(line)


def test_what_is_too_long_to_be_searched_for_secrets_is_masked() -> None:
    config = {"a": "x" * 16_384, "b": "x" * 16_385, "c": 5, "d": True, "e": None, "f": ["hunter2"]}
    [(_, about)] = told.connectors({"c": {"info": {"config": config}}})
    assert about["config"] == {"a": "x" * 16_384, "b": MASK, "c": "5", "d": "true", "e": None, "f": None}


def test_workers_that_share_out_their_tasks_are_asked_again() -> None:
    busy = (409, {"error_code": 409, "message": "rebalance"})
    assert look(**{EVERYTHING: [busy, busy, REAL[EVERYTHING]]})["connectors"].keys() == look()["connectors"].keys()
    with pytest.raises(NotSeenError, match=r"shares out its tasks and tells nothing meanwhile \(409\)"):
        look(**{EVERYTHING: busy})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, None), r"lets this user not look \(403\)\. Let it GET /connectors"),
        ((404, None), r"has no /connectors \(404\)\. Correct its address"),
        ((500, {"message": "hunter2"}), r"told nothing of its connectors \(HTTP 500\)"),
        ((200, "text"), r"told nothing of its connectors \(HTTP 200\)"),
        ((200, None), r"told nothing of its connectors \(HTTP 200\)"),
        ((200, dict.fromkeys(map(str, range(10_001)))), "has more than 10,000 connectors"),
        ("Connect prod at http://x cannot be reached.", "cannot be reached"),
    ],
)
def test_a_cluster_that_tells_nothing_is_a_sentence_with_what_to_do(answer: Any, says: str) -> None:
    with pytest.raises(NotSeenError, match=says) as refused:
        look(**{EVERYTHING: answer})
    assert "hunter2" not in str(refused.value)


def test_what_an_older_version_does_not_have_is_told_and_not_asked_again_for_a_while() -> None:
    routes = {path: answer for path, answer in REAL.items() if not path.endswith(("/offsets", "/topics"))}
    watched, answers = watch(routes)
    line = watched.look()
    assert line["refused"] == {
        "topics": "not told by this version; Kafka 2.5 and newer tell it",
        "offsets": "not told by this version; Kafka 3.5 and newer tell it",
    }
    assert not any("topics" in about or "offsets" in about for about in line["connectors"].values())
    asked = len(answers.asked)
    for _ in range(AGAIN - 1):
        watched.look()
    assert len(answers.asked) == asked + AGAIN - 1
    answers.routes |= REAL
    assert watched.look()["refused"] == {"topics": "", "offsets": ""}


def test_names_alone_are_told_of_a_very_old_version() -> None:
    line = look(**{EVERYTHING: (200, ["a", 5, ""])})
    assert line["connectors"] == {"a": {}}
    assert line["refused"]["connectors"] == "only their names are told; Kafka 2.3 and newer tell the rest"


def test_topics_that_are_switched_off_and_offsets_without_a_right_are_told() -> None:
    off = {path: (403, None) for path in REAL if path.endswith(("/offsets", "/topics"))}
    refused = look(**off)["refused"]
    assert refused["topics"].startswith("not told: the workers have topic.tracking.enable=false")
    assert refused["offsets"] == "no right: let this user GET /connectors/*/offsets"


def test_one_that_is_deleted_in_between_is_no_sign_of_an_old_version() -> None:
    gone = (404, {"error_code": 404, "message": "Connector careful not found"})
    assert look(**{"/connectors/careful/offsets": gone})["refused"] == {}


def test_a_part_that_fails_or_is_out_of_reach_hides_no_connector() -> None:
    failing = look(**{"/connectors/careful/offsets": (500, None)})
    assert failing["refused"] == {"offsets": "not told of every connector (HTTP 500)"}
    assert failing["connectors"]["careful"]["state"] == "RUNNING"
    unreachable = look(**{"/connectors/by-pattern/topics": "gone"})
    assert unreachable["refused"] == {"rest": "gone"}
    assert len(unreachable["connectors"]) == 6


def test_a_big_cluster_is_asked_by_turns_and_what_was_seen_is_told_meanwhile() -> None:
    names = [f"c{number:03}" for number in range(TURNS * 2 + 5)]
    every = {name: {"info": {"type": "sink", "config": {}}, "status": {}} for name in names}
    routes = {EVERYTHING: (200, every)} | {f"/connectors/{n}/topics": (200, {n: {"topics": [n]}}) for n in names}
    watched, answers = watch(routes | {f"/connectors/{n}/offsets": (200, {"offsets": []}) for n in names})
    counts = [sum("topics" in about for about in watched.look()["connectors"].values()) for _ in range(3)]
    assert counts == [TURNS, TURNS * 2, len(names)]
    assert len(answers.asked) <= 3 * (2 + 2 * TURNS)


def test_names_are_quoted_in_paths() -> None:
    watched, answers = watch({EVERYTHING: (200, {"a/b ?#": {}})})
    watched.look()
    assert "/connectors/a%2Fb%20%3F%23/topics" in answers.asked


def test_what_is_of_the_wrong_kind_is_left_out() -> None:
    strange: dict[str, Any] = {
        "a": 5,
        "b": {"info": [], "status": "x"},
        "c": {
            "info": {"type": "other", "config": []},
            "status": {"connector": {"state": 7}, "tasks": [5, {"id": True}]},
        },
        "d": {"status": {"connector": {"state": "FAILED", "trace": "a.B: hunter2"}, "tasks": {"id": 1}}},
    }
    assert dict(told.connectors(strange)) == {
        "b": {},
        "c": {"tasks": [{"trace": None}]},
        "d": {"state": "FAILED", "trace": "a.B"},
    }
    assert told.topics("c", {"c": {"topics": ["t", 5]}}) == ["t"]
    assert told.topics("c", [5]) is None
    partition = {"kafka_topic": "t", "kafka_partition": 0}
    offsets = [5, {"partition": partition, "offset": None}, {"partition": partition, "offset": {"kafka_offset": -1}}]
    assert told.offsets({"offsets": offsets}) == {}
    assert told.offsets({"offsets": 5}) is None


def test_settings_beyond_what_a_line_may_hold_are_left_out_and_told() -> None:
    long = {f"k{number}": "v" * 16_000 for number in range(200)}
    every = {f"c{number}": {"info": {"type": "sink", "config": long}} for number in range(6)}
    line = look(**{EVERYTHING: (200, every)})
    assert len(json.dumps(line)) < 16 << 20
    assert line["refused"]["settings"] == "those of 3 connectors are left out, over 12 MiB"

"""A schema registry as a line of a recording: what real ones told, Confluent's ways, big ones, and hostile ones."""

import json
from typing import Any

import pytest

from agent.model.pull import NotSeenError
from collectors.registry import told
from collectors.registry.texts import Texts
from collectors.registry.watch import MOST_OF_ONE, MOST_PROBLEMS, Watch
from tests.answering import Answers, recorded
from tests.registry import exchanges

NOT_OWN = (404, {"error_code": 40408, "message": "Subject does not have subject-level compatibility configured"})


def confluent(subjects: dict[str, int], **more: Any) -> dict[str, Any]:
    """A registry of Confluent's with subjects of so many versions, none with rules of its own."""
    routes: dict[str, Any] = {
        "/subjects": (200, list(subjects)),
        "/config": (200, {"compatibilityLevel": "BACKWARD"}),
        "/mode": (200, {"mode": "READWRITE"}),
    }
    for name, count in subjects.items():
        numbers = list(range(1, count + 1))
        routes[f"/config/{name}"] = NOT_OWN
        routes[f"/mode/{name}"] = (404, {"error_code": 40409, "message": "no subject-level mode"})
        routes[f"/subjects/{name}/versions"] = (200, numbers)
        routes |= {f"/subjects/{name}/versions/{n}": (200, {"id": n, "schema": f'"{name}{n}"'}) for n in numbers}
    return routes | more


def watch(routes: dict[str, Any], **more: Any) -> tuple[Watch, Answers]:
    answers = Answers(dict(routes))
    return Watch(answers, "Registry main", **more), answers


def look(routes: dict[str, Any]) -> dict[str, Any]:
    return watch(routes)[0].look()


@pytest.mark.parametrize("version", ["v6", "v7"])
def test_a_real_apicurio_tells_everything_but_modes_which_it_does_not_have(version: str) -> None:
    line = look(recorded(f"registry/apicurio-2.6.13-ccompat-{version}.json"))
    assert line["compatibility"] == "NONE"
    assert "mode" not in line
    assert line["refused"] == {"mode": "not told by this registry"}
    subjects = line["subjects"]
    assert line["subjects_read"] == len(subjects) == 6
    assert list(subjects["orders-value"]["versions"]) == ["1", "2"]
    assert subjects["orders-value"]["compatibility"] == "BACKWARD"
    assert "mode" not in subjects["orders-value"]
    assert subjects["basket-value"]["versions"]["1"]["references"] == [
        {"name": "shop.Line", "subject": "line-value", "version": 1}
    ]
    kinds = {name: about["versions"]["1"]["type"] for name, about in subjects.items()}
    assert (kinds["payments-value"], kinds["line-value"]) == ("JSON", "AVRO")
    assert kinds["shop/orders v#1-value"] == "PROTOBUF"


def test_the_rules_of_a_newer_apicurio_are_understood() -> None:
    answers = {one["path"]: one for one in exchanges() if one["method"] == "GET"}

    def rule(key: str, path: str) -> dict[str, str | None]:
        return told.rule(key, answers[path]["status"], answers[path]["response"])

    assert rule("compatibility", "/config/orders-value") == {"compatibility": "BACKWARD"}
    assert rule("compatibility", "/config/legacy-value") == {"compatibility": "NONE"}
    assert rule("compatibility", "/config/unknown") == {"compatibility": None}
    assert rule("mode", "/mode/orders-value") == {"mode": "READONLY"}
    assert told.version(answers["/subjects/basket-value/versions/1"]["response"]) is not None


def test_rules_that_a_subject_does_not_have_are_inherited_as_confluent_says_it() -> None:
    own = {"/config/b": (200, {"compatibilityLevel": "FULL_TRANSITIVE"}), "/mode/b": (200, {"mode": "READONLY"})}
    subjects = look(confluent({"a": 1, "b": 1}, **own))["subjects"]
    assert (subjects["a"]["compatibility"], subjects["a"]["mode"]) == (None, None)
    assert (subjects["b"]["compatibility"], subjects["b"]["mode"]) == ("FULL_TRANSITIVE", "READONLY")


@pytest.mark.parametrize(
    ("status", "answer", "rule"),
    [
        (200, {"compatibility": "full"}, {"compatibility": "FULL"}),
        (200, {"alias": "orders-value"}, {"compatibility": None, "alias": "orders-value"}),
        (200, {"normalize": True}, {"compatibility": None}),
        (200, {"compatibilityLevel": 5}, {}),
        (200, ["BACKWARD"], {}),
        (200, None, {}),
        (404, {"error_code": 40401}, {"compatibility": None}),
        (404, {"error_code": 404}, {}),
        (404, None, {}),
        (403, {"error_code": 40301}, {}),
        (500, {"compatibilityLevel": "NONE"}, {}),
    ],
)
def test_compatibility_is_told_inherited_or_not_seen(status: int, answer: Any, rule: dict[str, Any]) -> None:
    assert told.rule("compatibility", status, answer) == rule


def test_contexts_have_rules_of_their_own() -> None:
    name = ":.eu:orders-value"
    quoted = "%3A.eu%3Aorders-value"
    routes = confluent({quoted: 1}, **{"/subjects": (200, [name, ":.:a"])})
    routes |= {
        "/config/%3A.eu%3A": (200, {"compatibilityLevel": "NONE"}),
        "/mode/%3A.eu%3A": (404, {"error_code": 40409}),
    }
    line = look(routes)
    assert line["contexts"] == {".eu": {"compatibility": "NONE", "mode": None}}
    assert line["subjects"][name]["versions"]["1"]["id"] == 1


def test_a_text_is_read_once_and_told_again() -> None:
    watched, answers = watch(confluent({"a": 3}))
    first = watched.look()
    assert len(answers.asked) == 3 + 3 + 3
    assert watched.look() == first
    assert len(answers.asked) == 9 + 6
    watched.retell()
    assert watched.look() == first
    assert len(answers.asked) == 9 + 6 + 9


def test_a_version_that_is_gone_makes_its_subject_read_anew() -> None:
    watched, answers = watch(confluent({"a": 2}))
    watched.look()
    answers.routes |= confluent({"a": 1}) | {"/subjects/a/versions/1": (200, {"id": 9, "schema": '"new"'})}
    assert watched.look()["subjects"]["a"]["versions"] == {
        "1": {"type": "AVRO", "id": 9, "schema": '"new"', "references": []}
    }


def test_a_big_registry_is_read_over_several_looks_that_say_how_far_it_is() -> None:
    names = {f"s{number:03}": 1 for number in range(100)}
    watched, answers = watch(confluent(names), most=83)
    told_so_far: dict[str, Any] = {}
    for read in (20, 40, 60, 80, 100):
        before = len(answers.asked)
        line = watched.look()
        assert len(answers.asked) - before <= 83
        assert line["subjects"].keys() == names.keys()
        assert line["subjects_read"] == read
        told_so_far |= {name: about for name, about in line["subjects"].items() if about.get("versions")}
    assert line["refused"] == {"subjects": ""}
    assert len(told_so_far) == 100
    watched, _ = watch(confluent(names), most=83)
    assert watched.look()["refused"]["subjects"] == "20 of 100 are read so far; the others come with the next looks"


def test_a_subject_with_many_versions_keeps_none_waiting() -> None:
    watched, _ = watch(confluent({"a": MOST_OF_ONE + 10, "b": 1}), most=100)
    first = watched.look()
    assert "schema" in first["subjects"]["b"]["versions"]["1"]
    texts = first["subjects"]["a"]["versions"]
    assert len(texts) == MOST_OF_ONE + 10
    assert sum("schema" in version for version in texts.values()) == MOST_OF_ONE
    assert "schema" in texts[str(MOST_OF_ONE + 10)]
    assert first["subjects_read"] == 1
    second = watched.look()
    assert second["subjects_read"] == 2
    assert all("schema" in version for version in second["subjects"]["a"]["versions"].values())


def test_a_look_ends_in_time_and_where_the_registry_asks_for_it() -> None:
    clock = iter(range(0, 1_000, 7))
    watched, answers = watch(confluent({f"s{number}": 1 for number in range(50)}), seconds=lambda: next(clock))
    watched.look()
    assert len(answers.asked) < 12
    slower = look(confluent({"a": 1}, **{"/config/a": (429, None)}))
    assert slower["refused"]["rest"] == "it asks for fewer questions (HTTP 429)"
    assert slower["subjects"] == {"a": {}}


def test_subjects_without_an_answer_keep_the_others_waiting_no_longer_than_a_look() -> None:
    names = {f"s{number}": 1 for number in range(MOST_PROBLEMS + 2)}
    bad = {f"/subjects/s{number}/versions": "Registry main gave no answer." for number in range(MOST_PROBLEMS)}
    watched, _ = watch(confluent(names, **bad))
    first = watched.look()
    assert first["refused"]["answers"] == "Registry main gave no answer."
    assert first["subjects_read"] == 0
    assert watched.look()["subjects_read"] == 2


def test_a_right_that_is_missing_for_some_subjects_is_counted() -> None:
    forbidden = (403, {"error_code": 40301})
    refused = {
        "/config/a": forbidden,
        "/config/b": forbidden,
        "/subjects/b/versions/1": forbidden,
        "/mode": (500, None),
    }
    line = look(confluent({"a": 1, "b": 1}, **refused))
    assert line["refused"] == {
        "mode": "HTTP 500",
        "compatibility": "no right (2 times)",
        "texts": "no right",
        "subjects": "1 of 2 are read so far; the others come with the next looks",
    }
    assert "compatibility" not in line["subjects"]["a"]
    assert line["subjects"]["b"]["versions"] == {"1": {}}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, None), r"lets this user not look \(403\)\. Let it read all subjects"),
        ((404, None), r"has no /subjects \(404\)\. Correct its address"),
        ((429, None), r"told no subjects \(HTTP 429\)"),
        ((500, {"message": "hunter2"}), r"told no subjects \(HTTP 500\)"),
        ((200, {"subjects": []}), r"told no subjects \(HTTP 200\)"),
        ((200, [str(number) for number in range(50_001)]), r"has more than 50,000 subjects"),
        ("Registry main at http://x cannot be reached.", "cannot be reached"),
    ],
)
def test_a_registry_that_tells_nothing_is_a_sentence_with_what_to_do(answer: Any, says: str) -> None:
    with pytest.raises(NotSeenError, match=says) as refused:
        look({"/subjects": answer})
    assert "hunter2" not in str(refused.value)


def test_what_is_of_the_wrong_kind_is_left_out() -> None:
    assert told.names(["a", "a", 5, "", None]) == ["a"]
    assert told.numbers([3, 1, True, -1, "2", 10**9]) == [1, 3]
    assert told.version({"schema": 5}) is None
    assert told.version(None) is None
    strange = {"schema": "x" * 300_000, "id": True, "schemaType": 5, "references": [5, {"name": 1, "version": "1"}]}
    assert told.version(strange) == {"type": "AVRO", "references": [{}]}


def test_a_line_stays_short_enough_to_be_read() -> None:
    long = {"id": 1, "schema": "x" * 250_000}
    routes = confluent({"a": 45, "b": 45})
    routes |= {path: (200, long) for path in routes if "/versions/" in path}
    watched, _ = watch(routes)
    for _ in range(4):
        line = watched.look()
        assert len(json.dumps(line)) < 16 << 20
    assert line["subjects_read"] == 2


def test_texts_are_forgotten_where_there_is_no_room_and_not_read_again() -> None:
    texts = Texts(most=10)
    texts.keep("a", 1, {"schema": "x" * 8})
    texts.keep("a", 2, {"schema": "y" * 8})
    assert (texts.of("a", 1), texts.of("a", 2)) == ({"schema": "x" * 8}, {})
    assert texts.lacking("a", [1, 2, 3]) == [3]
    texts.only(["b"])
    assert texts.lacking("a", [1]) == [1]
    texts.keep("b", 1, {"schema": "z" * 8})
    assert texts.of("b", 1) == {"schema": "z" * 8}

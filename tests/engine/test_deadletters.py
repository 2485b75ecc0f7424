"""Dead letters are found by what names them, never by a name alone."""

import pytest

from agent.engine.deadletters import DeadLetterSearch
from agent.model.declared import ComponentFacts, Declarations
from agent.model.seam import Component, connector, group, topic

G, T = group("billing", "c"), topic("orders", "c")


def found(names: list[str], by: Component = G, of: Component = T, seen: str = "") -> str | None:
    search = DeadLetterSearch([of, *(topic(name, "c") for name in names)], Declarations(), {})
    letters = search.of(by, of, seen)
    return f"{letters.known_by} {letters.topic.name}" if letters else None


@pytest.mark.parametrize(
    "name",
    [
        "orders.dlq",
        "orders.DLT",
        "orders-dead-letter",
        "dlq.orders",
        "orders-errors",
        "orders_error",
        "dead-letter-topic-orders",
    ],
)
def test_a_name_that_is_the_topic_s_own(name: str) -> None:
    assert found([name]) == f"name c/{name}"


@pytest.mark.parametrize("name", ["orders.billing.dlq", "billing-orders-dlt", "error.orders.billing"])
def test_a_name_of_topic_and_group(name: str) -> None:
    assert found([name]) == f"name c/{name}"


@pytest.mark.parametrize("name", ["payments.dlq", "parking-spots", "terrors", "orders-retry", "error.payments.mail"])
def test_another_topic_s_dead_letters_and_decoys_are_none(name: str) -> None:
    assert found([name, "payments", "spots"]) is None


def test_one_shared_by_all_counts_by_its_name_only() -> None:
    assert found(["platform-dlq"]) == "name-only c/platform-dlq"


def test_the_surest_place_wins() -> None:
    declared = Declarations(components=(ComponentFacts("group:c/billing", dead_letters="topic:c/bin"),), loaded=True)
    letters = DeadLetterSearch([topic("orders.dlq", "c")], declared, {}).of(G, T, "topic:c/x.dlq")
    assert letters is not None
    assert (letters.known_by, letters.topic.name) == ("declared", "c/bin")
    assert found(["orders.dlq"], seen="topic:c/x") == "span c/x"


def test_a_connector_s_setting_is_read() -> None:
    settings = {connector("c", "sink"): {"errors.deadletterqueue.topic.name": "sink-dlq"}}
    letters = DeadLetterSearch([], Declarations(), settings).of(group("connect-sink", "c"), T, "")
    assert letters is not None
    assert (letters.known_by, letters.topic.name) == ("connect", "c/sink-dlq")


def test_a_share_group_s_setting_is_read_whatever_it_is_called() -> None:
    for name in ("config.errors.deadletterqueue.topic.name", "config.share.dlq.topic.name"):
        letters = DeadLetterSearch([T], Declarations(), {G: {name: "cell", "config.share.dlq.retries": "3"}}).of(
            G, T, ""
        )
        assert letters is not None
        assert (letters.known_by, letters.topic.name) == ("share", "c/cell")

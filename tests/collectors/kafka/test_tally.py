"""What glances add up to; and that what is remembered has a bound."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from agent.model.kafka.look import Sampled
from collectors.kafka import tally
from collectors.kafka.batches import Unread
from collectors.kafka.glance import Glance
from collectors.kafka.tally import Tally


def seen(
    identity: int | None = None, content: int = 0, *, told: bool | None = True, key: int = 0, fields: int = 0
) -> Glance:
    return Glance(
        offset=0, at=1_000, size=10, keyed=bool(key), framed=False, told=told,
        identity=None if identity is None else identity.to_bytes(8, "big"), content=content.to_bytes(8, "big"),
        key=key.to_bytes(8, "big") if key else None, fields=fields.to_bytes(8, "big"), producer="shop",
    )  # fmt: skip


def take(one: Tally, glances: Iterable[Glance]) -> Sampled:
    return one.take(glances, 0, Counter())


def test_a_second_sending_is_repeated_and_another_content_is_reused() -> None:
    one = Tally()
    first = take(one, [seen(1, 5), seen(2, 6), seen(1, 5)])
    assert (first.records, first.identified, first.repeated, first.reused) == (3, 2, 1, 0)
    later = take(one, [seen(1, 7), seen(1, 8), seen(2, 9)])
    assert (later.identified, later.reused, later.reused_ids) == (0, 3, 2)
    assert later.example.startswith("identity 00000000: contents 00000000 at 00:00:01.000")


def test_those_without_an_identity_are_told_by_who_sends_them() -> None:
    found = take(Tally(), [seen(told=False), seen(told=True), seen(told=None)])
    assert (found.judged, found.unidentified, found.nameless) == (2, 1, ("shop",))


def test_whole_states_are_told_from_changes() -> None:
    states = [seen(key=key, fields=1) for key in range(1, 30)] * 2
    assert take(Tally(), states).full_state is True
    changes = [seen(key=key, fields=turn) for turn in range(2) for key in range(1, 30)]
    assert take(Tally(), changes).full_state is False
    assert take(Tally(), states[:30]).full_state is None, "of each key but one there is one record"


def test_a_batch_that_was_not_read_is_counted_with_its_reason() -> None:
    found = Tally().take([], 7, Counter({Unread.LARGE: 2}))
    assert (found.unread, found.passed_over) == (2, 7)
    assert "16 MiB" in found.unread_why


def test_the_oldest_identities_and_keys_are_forgotten() -> None:
    one = Tally()
    take(one, (seen(number, key=number + 1) for number in range(tally.MOST_IDS + 5)))
    assert len(one._ids) == tally.MOST_IDS
    assert len(one._fields) == tally.MOST_KEYS
    assert take(one, [seen(0, 9)]).reused == 0, "forgotten"
    assert take(one, [seen(tally.MOST_IDS, 9)]).reused == 1


def test_names_have_a_bound_that_shuts_out_nobody_who_comes_often() -> None:
    one = Tally()
    flood = (replace(seen(told=False), producer=f"sender-{number}") for number in range(2_000))
    real = (replace(seen(told=False), producer="checkout") for _ in range(300))
    take(one, flood)
    found = take(one, real)
    assert len(one._nameless) == tally.MOST_NAMES
    assert found.nameless[0] == "checkout"
    assert found.nameless[-1] == "and over 45 others"
    assert len(found.nameless) == tally.TOLD + 1


def test_senders_that_are_not_told_are_counted() -> None:
    some = [replace(seen(told=False), producer=f"sender-{number}") for number in range(tally.TOLD + 2)]
    assert take(Tally(), some).nameless[-1] == "and 2 others"
    assert len(take(Tally(), some[: tally.TOLD]).nameless) == tally.TOLD


def test_one_header_makes_no_dead_letter_topic() -> None:
    letter = replace(seen(), origin="orders", error="TaxTableMissing")
    assert take(Tally("parked"), [letter] * 2).origins == ()
    assert take(Tally("parked"), [letter] * 3).origins == ("orders",)
    assert take(Tally("parked"), [letter] * 3 + [seen()] * 4).origins == ()
    assert take(Tally("parked"), [letter] * 3 + [seen()] * 4).errors == ()


def test_a_topic_ceases_to_take_dead_letters_and_may_begin_late() -> None:
    letter, one = replace(seen(), origin="orders", error="TaxTableMissing"), Tally("parked")
    assert take(one, [letter] * 10_000).origins == ("orders",)
    assert take(one, [seen()] * 2 * tally.RECENT).origins == ()
    assert take(one, [letter] * 2 * tally.RECENT).errors == ("TaxTableMissing",)


def test_what_is_remembered_of_all_topics_has_a_bound_of_its_own() -> None:
    one = Tally()
    take(one, (seen(number, key=number + 1) for number in range(tally.MOST_IDS)))
    one.room(50)
    assert (len(one._ids), len(one._fields)) == (tally.ALL_IDS // 50, tally.ALL_KEYS // 50)
    take(one, (seen(number, key=number + 1) for number in range(10**6, 10**6 + tally.MOST_IDS)))
    assert (len(one._ids), len(one._fields)) == (tally.ALL_IDS // 50, tally.ALL_KEYS // 50)


def test_what_was_sent_back_where_it_failed_is_no_dead_letter_and_what_came_from_elsewhere_is() -> None:
    back = [replace(seen(), origin="orders", error="TaxTableMissing")] * 30
    assert take(Tally("orders"), back).origins == ()
    assert take(Tally("orders"), back).errors == ()
    assert take(Tally("orders-parked"), back).origins == ("orders",)
    assert take(Tally("orders-parked"), back).errors == ("TaxTableMissing",)

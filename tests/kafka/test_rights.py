"""A real authorizer: each right by itself, what is seen with it, and that nothing unseen passes for nothing there."""

import pytest

from agent.app.doctor_kafka import kafka_seen
from agent.model.kafka.look import Look
from collectors.kafka.access import TroubleError, Why
from collectors.kafka.knock import knock
from collectors.kafka.ladder import LADDER, Climb, Has, Standing
from tests.kafka.estate import Estate, eventually
from tests.kafka.looking import lag, login, watching
from tests.kafka.servers import Secure, token

pytestmark = pytest.mark.real
#: Each rung as the ACL that gives it: operation, kind and name of the resource.
GIVEN = {
    "Describe Topic": ("DESCRIBE", "TOPIC", "*"),
    "Describe Group": ("DESCRIBE", "GROUP", "*"),
    "DescribeConfigs Topic": ("DESCRIBE_CONFIGS", "TOPIC", "*"),
    "DescribeConfigs Group": ("DESCRIBE_CONFIGS", "GROUP", "*"),
    "Describe TransactionalId": ("DESCRIBE", "TRANSACTIONAL_ID", "*"),
    "Describe Cluster": ("DESCRIBE", "CLUSTER", "kafka-cluster"),
    "DescribeConfigs Cluster": ("DESCRIBE_CONFIGS", "CLUSTER", "kafka-cluster"),
    "Read Topic": ("READ", "TOPIC", "*"),
}


def standing(secure: Secure) -> Standing:
    with watching(secure.bootstrap, **login(secure, "agent")) as watch:
        return Climb(watch.link, _known(watch)).standing()


def _known(watch: "object") -> "object":
    return watch.know()  # type: ignore[attr-defined]


def look(secure: Secure) -> Look:
    with watching(secure.bootstrap, **login(secure, "agent")) as watch:
        return watch.look()


def test_each_of_the_nine_steps_of_the_ladder_is_told_right_by_right(secure: Secure) -> None:
    with Estate(secure.plain) as estate:
        topic, group = estate.topic(), estate.name("reader")
        estate.produce(topic, 10)
        estate.commit(group, {(topic, 0): 4})
        seen = look(secure)
        assert seen.topics is None, "no topic is shown, which is not: there is none"
        assert seen.groups is None
        assert seen.committed is None
        assert seen.refused["topics"] == "none is shown: the right Describe Topic is missing for others, or for all"
        assert seen.refused["groups"] == "none is shown: the right Describe Group is missing for others, or for all"
        given: list[str] = []
        try:
            for rung in LADDER:
                told = {one.right: has for one, has in standing(secure).rungs}
                expected = {one.right: Has.YES if one.right in given else Has.NO for one in LADDER}
                assert told == expected, f"with {given}"
                estate.grant("User:agent", *GIVEN[rung.right])
                given.append(rung.right)
                eventually(lambda right=rung.right: dict(_words(secure))[right] is Has.YES, rung.right)  # type: ignore[misc]
            assert all(has is Has.YES for _, has in standing(secure).rungs)
            whole = look(secure)
            assert lag(whole, group, topic) == {0: 6}
            assert [why for why in whole.refused.values() if why] == []
        finally:
            for right in given:
                estate.revoke("User:agent", *GIVEN[right])


def _words(secure: Secure) -> list[tuple[str, Has]]:
    return [(rung.right, has) for rung, has in standing(secure).rungs]


def test_the_line_that_gives_a_right_names_who_and_where(secure: Secure) -> None:
    with watching(secure.bootstrap, **login(secure, "agent")) as watch:
        seen = kafka_seen(watch, secure.plain)
    text = "\n".join(seen.lines)
    assert not seen.enough
    assert (
        f"kafka-acls.sh --bootstrap-server {secure.plain} --add --allow-principal User:agent "
        "--operation Describe --group '*'"
    ) in text
    assert "blind without it: LAG-01" in text


def test_rights_for_some_names_are_no_rights_for_all(secure: Secure) -> None:
    with Estate(secure.plain) as estate:
        mine, other = estate.topic("mine"), estate.topic("other")
        estate.grant("User:agent", "DESCRIBE", "TOPIC", mine)
        try:
            eventually(lambda: dict(_words(secure))["Describe Topic"] is Has.SOME, "one topic is shown")
            seen = look(secure)
            assert seen.topics is not None
            assert mine in seen.topics.rows.names
            assert other not in seen.topics.rows.names
            assert seen.refused["topics"] == "only 1 shown: the right Describe Topic is missing for others, or for all"
        finally:
            estate.revoke("User:agent", "DESCRIBE", "TOPIC", mine)


def test_a_right_that_is_taken_while_we_look_is_no_empty_cluster_and_comes_back_at_once(secure: Secure) -> None:
    right = "User:agent", "DESCRIBE", "TOPIC", "*"
    with Estate(secure.plain) as estate, watching(secure.bootstrap, **login(secure, "agent")) as watch:
        mine = estate.topic("mine")
        estate.grant(*right)
        try:
            eventually(lambda: dict(_words(secure))["Describe Topic"] is Has.YES, "topics are shown")
            seen = watch.look().topics
            assert seen is not None
            assert mine in seen.rows.names
        finally:
            estate.revoke(*right)
        eventually(lambda: dict(_words(secure))["Describe Topic"] is Has.NO, "none is shown")
        watch._told_at = 0.0  # a minute has passed: the list is read anew
        look = watch.look()
        assert look.topics is None, "not: there is none"
        assert look.refused["topics"] == "none is shown: the right Describe Topic is missing for others, or for all"
        estate.grant(*right)
        try:
            eventually(lambda: dict(_words(secure))["Describe Topic"] is Has.YES, "topics are shown again")
            look = watch.look()
            assert look.topics is not None, "at the next look, without waiting a minute"
            assert not look.refused["topics"]
        finally:
            estate.revoke(*right)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_every_login_gets_in_and_a_wrong_password_is_told_as_one(secure: Secure, mechanism: str) -> None:
    with watching(secure.bootstrap, **login(secure, "admin", mechanism)) as watch:
        assert watch.look().topics is not None
    wrong = login(secure, "agent", mechanism, password="not-it")
    with watching(secure.bootstrap, **wrong) as watch, pytest.raises(TroubleError) as refused:
        watch.look()
    assert refused.value.why is Why.LOGIN
    assert "not-it" not in str(refused.value)


def test_a_token_gets_in_and_is_asked_for_anew(secure: Secure) -> None:
    asked = []

    def fresh() -> str:
        asked.append(1)
        return token("admin")

    access = {"tls": True, "ca": secure.ca, "mechanism": "OAUTHBEARER", "token": fresh}
    with watching(secure.bootstrap, **access) as watch:
        assert watch.look().topics is not None
    assert asked


def test_what_speaks_at_an_address_is_found_out(secure: Secure, broker: str) -> None:
    host, port = secure.bootstrap.rsplit(":", 1)
    found = knock(host, int(port), secure.ca)
    assert (found.kafka, found.tls, found.trusted) == (True, True, True)
    assert set(found.mechanisms) >= {"PLAIN", "SCRAM-SHA-512"}
    untrusted = knock(host, int(port))
    assert (untrusted.kafka, untrusted.trusted) == (True, False)
    assert "self-signed" in untrusted.why
    host, port = broker.rsplit(":", 1)
    assert (knock(host, int(port)).tls, knock(host, int(port)).mechanisms) == (False, ())


def test_a_wrong_certificate_is_told_as_one(secure: Secure) -> None:
    access = login(secure, "admin") | {"ca": None}
    with watching(secure.bootstrap, **access) as watch, pytest.raises(TroubleError, match="certificate verify failed"):
        watch.look()

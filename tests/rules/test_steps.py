"""What to do: each failing verdict says it in steps that name its subject, and nothing names a rule that is missing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

import rules
from agent.engine import catalogue, stories
from agent.engine.stories import AS_OF
from agent.model.rule import Rule
from agent.model.seam import Component, group, service, table, topic
from agent.model.series import Series
from agent.model.steps import code, few, own, rate
from agent.model.subjects import Backlog, Deliveries, Operation, Table, TableUser
from agent.model.verdict import Outcome, Verdict
from agent.web.told import told

CATALOGUE = {rule.id: rule for rule in catalogue.discover(rules)}
STORIES = [story for rule in CATALOGUE.values() for story in stories.read(rule, catalogue.cases(rule))]
FAILING = [story for story in STORIES if story.outcome is Outcome.FAILS]
GROUP, TOPIC = group("billing", "prod"), topic("orders", "prod")
END = AS_OF.timestamp()


def texts(rule: Rule) -> Iterator[str]:
    """Everything that a reader of the rule is told, in general and of each of its stories."""
    yield catalogue.readme(rule)
    yield rule.title
    for row in told(rule):
        yield from (row.why, row.says)
    for verdict in (story.judge() for story in STORIES if story.rule is rule):
        yield from (verdict.says, *verdict.missing, *verdict.learn, *verdict.do)
        yield from (claim.claim for claim in verdict.claims)


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda rule: rule.id)
def test_no_text_of_a_rule_names_a_rule_that_is_not_there(rule: Rule) -> None:
    assert set(re.findall(r"\b[A-Z]{3}-\d\d\b", "\n".join(texts(rule)))) <= set(CATALOGUE)


@pytest.mark.parametrize("story", FAILING, ids=lambda story: f"{story.rule.id}-{story.name}")
def test_what_to_do_names_its_subject_in_steps_that_are_sentences(story: stories.Story) -> None:
    verdict = story.judge()
    assert 1 <= len(verdict.do) <= 6
    for step in verdict.do:
        assert step.endswith((".", ")"))
        assert "  " not in step
        assert step.count("`") % 2 == 0
        assert len(step) <= 320
    names = re.findall(r"[\w.-]+", str(story.subject.ref))
    named = "\n".join(verdict.do)
    assert any(f"`{name}`" in named for name in names if len(name) > 2), named


@pytest.mark.parametrize("story", [s for s in STORIES if s.outcome is not Outcome.FAILS], ids=lambda s: s.name)
def test_where_nothing_fails_there_is_nothing_to_do(story: stories.Story) -> None:
    assert story.judge().do == ()


def judged(rule: str, subject: object) -> Verdict:
    verdict = CATALOGUE[rule].judge(subject, CATALOGUE[rule].defaults)
    assert verdict.outcome is Outcome.FAILS
    return verdict


def series(points: Sequence[float]) -> Series:
    return Series(tuple(END - 60 * (len(points) - 1 - number) for number in range(len(points))), tuple(points))


def backlog(*, committing: float = 60, **more: object) -> Backlog:
    """A group that has fallen back by 40 messages a minute for an hour and more, of 100."""
    minutes = range(71)
    lag = series([100 + (100 - committing) * minute for minute in minutes])
    return Backlog(
        as_of=AS_OF, group=GROUP, topic=TOPIC, lag=lag,
        age=series([100 + 40 * minute for minute in minutes]),
        committed=series([committing * minute for minute in minutes]),
        produced=series([100 + 100 * minute for minute in minutes]),
        **more,  # type: ignore[arg-type]  # Backlog's own fields
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"members": series([2]), "partitions": 12}, "Start up to 10 more of `billing`: 2 members read 12 partitions"),
        (
            {"members": series([3]), "partitions": 3},
            "`kafka-topics.sh --bootstrap-server <broker> --alter --partitions 6 --topic orders`",
        ),
        ({"members": series([0]), "partitions": 3}, "Start `billing`: it has no member, so nobody reads `orders`."),
        ({}, "`kafka-consumer-groups.sh --bootstrap-server <broker> --describe --members --group billing`"),
        ({"behind": {"0": 10, "7": 900}}, "Partition 7 of `orders` has 900 of the 910 messages behind"),
        ({}, "`billing` reads 1/s of what is written at 1.7/s: it has to get 67% faster only to keep up."),
        ({"committing": 0}, "`billing` has committed nothing in 15 min"),
        ({"retention": timedelta(days=7)}, "--add-config retention.ms=1209600000`"),
    ],
)
def test_a_backlog_is_drained_by_its_cause(more: dict[str, object], says: str) -> None:
    assert says in "\n".join(judged("LAG-01", backlog(**more)).do)  # type: ignore[arg-type]  # as above


def deliveries(**more: object) -> Deliveries:
    return Deliveries(as_of=AS_OF, group=GROUP, topic=TOPIC, **more)  # type: ignore[arg-type]  # Deliveries' own fields


def test_a_doubled_write_is_named_with_what_would_make_it_happen_once() -> None:
    posts = (Operation("POST mail:80/send", guarded=False), Operation("UPDATE table:pg/a.b", guarded=True))
    seen = judged("IDM-01", deliveries(rewritten=2, operations=posts, retention=timedelta(hours=36))).do
    assert "make `POST mail:80/send` conditional on that ID" in seen[1]
    assert "`Idempotency-Key`" in seen[1]
    assert "INSERT INTO inbox" not in seen[1]
    assert "for the retention of `orders` (36 h)" in seen[2]
    assert "for 2 deliveries of `orders`" in seen[3]


def test_a_sink_connector_gets_its_settings_and_a_handler_its_topic() -> None:
    sink = replace(deliveries(topics_listed=True), group=group("connect-sink", "prod"), connector=True)
    steps = "\n".join(judged("DLQ-01", sink).do)
    assert "on the connector `sink`: `errors.tolerance=all`, `errors.deadletterqueue.topic.name=orders.dlq`" in steps
    assert "Create the topic `orders.dlq`, and let `billing`" in judged("DLQ-01", deliveries(topics_listed=True)).do[0]


def test_a_shared_table_keeps_its_declared_owner_and_the_others_end_the_smallest_first() -> None:
    def user(name: str, count: int, owner: str | None = None) -> TableUser:
        return TableUser(service(name), owner, count)

    orders = table("postgresql", "shop", "orders")
    users = (user("shop", 5, "sales"), user("bi", 90), user("mail", 7))
    steps = judged("SCH-04", Table(as_of=AS_OF, table=orders, owner="sales", writers=users)).do
    assert steps[0].startswith("Let `shop` alone write `shop.orders`, and begin with `mail` (7 writes in 7 d)")
    assert steps[1] == "Then do the same for `bi`."
    assert "in the database `shop`: `REVOKE INSERT, UPDATE, DELETE ON orders FROM <role>`" in steps[2]
    assert '{component: "service:mail", owner: sales}' in steps[3]


def test_of_writers_that_write_equally_often_none_is_chosen() -> None:
    users = tuple(TableUser(service(name), None, 4) for name in ("api", "worker"))
    steps = judged("SCH-04", Table(as_of=AS_OF, table=table("postgresql", "shop", "orders"), writers=users)).do
    assert steps[0].startswith("Decide who owns `shop.orders`: `api`, `worker` write it equally often (4 writes each")
    assert "with the role of each other one in the database `shop`: `REVOKE" in steps[1]


def test_no_name_ends_its_code_and_of_many_the_first_are_told() -> None:
    assert code("a`b") == "`a\u02cbb`"
    assert few("abcde") == "`a`, `b`, `c`, 2 more"
    assert own(Component.parse("route:shop GET /a/b")) == "`shop GET /a/b`"


def test_a_name_that_a_sender_makes_up_ends_no_command_that_is_pasted() -> None:
    name = 'orders`; rm -rf "$HOME" #'
    sent, cut = topic(name, "prod"), re.compile("'orders\u02cb" r"; rm -rf \"\$HOME\" #'")
    lag = judged(
        "LAG-01", replace(backlog(partitions=2, members=series([2] * 71)), topic=sent, group=group(name, "prod"))
    )
    lines = [line for step in lag.do for line in re.findall(r"`([^`]+)`", step) if line.startswith("kafka-")]
    assert lines
    assert all(cut.search(line) and ";" not in cut.sub("", line) for line in lines)
    users = tuple(TableUser(service(one), None, 10 + number) for number, one in enumerate(("a", 'b", x: "')))
    shared = judged(
        "SCH-04",
        Table(
            table=table("postgresql", "db", "t; DROP TABLE u"),
            server="",
            writers=users,
            readers=(),
            as_of=AS_OF,
            observed_for=timedelta(days=8),
        ),
    )
    told = "\n".join(shared.do)
    assert 'ON "t; DROP TABLE u" FROM <role>' in told
    assert r'component: "service:b\", x: \""' in told


@pytest.mark.parametrize(
    ("per_second", "says"),
    [(2010, "2,010/s"), (1.5, "1.5/s"), (0.055, "3.3/min"), (0.0115, "41/h"), (2 / 86_400, "2 a day"), (0, "none")],
)
def test_a_rate_is_told_in_the_unit_that_has_a_figure(per_second: float, says: str) -> None:
    assert rate(per_second) == says

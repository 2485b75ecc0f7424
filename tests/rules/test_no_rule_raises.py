"""Whatever the store assembles, a rule answers: numbers that do not fit together are judged, not raised on."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

import rules
from agent.engine import catalogue
from agent.engine.stories import AS_OF
from agent.model.declared import Workflow
from agent.model.rule import Rule
from agent.model.schemas import SchemaVersion
from agent.model.seam import Component, SeamKey, group, schema_subject, service, table, topic
from agent.model.series import Series
from agent.model.subjects import (
    Backlog,
    Connector,
    Contract,
    DeadLetters,
    Deliveries,
    Letters,
    Retry,
    Seam,
    Sibling,
    Subject,
    Table,
    TableUser,
    Topic,
)
from agent.model.verdict import Outcome

COUNT = st.integers(0, 2_000)
MAYBE = st.sampled_from([None, True, False])
SHARE = st.sampled_from([None, 0.0, 0.1, 1.0])
GROUP, TOPIC = group("billing", "prod"), topic("orders", "prod")
COMPONENT = st.sampled_from([service("a"), service("b"), service("c"), Component("job", "x/y")])
USER = st.builds(
    TableUser, component=COMPONENT, owner=st.sampled_from([None, "x", "y"]), count=COUNT, relay=st.booleans()
)
END = AS_OF.timestamp()
SPAN = st.sampled_from([None, timedelta(0), timedelta(minutes=5), timedelta(hours=20), timedelta(days=9)])


GROUPS = st.lists(st.sampled_from([group(name, "prod") for name in "abc"]), max_size=4, unique=True).map(tuple)
SPAN = st.sampled_from([None, timedelta(0), timedelta(days=3), timedelta(days=30)])
FIELDS = ['{"name": "a", "type": "int"}', '{"name": "b", "type": ["null", "int"], "default": null}', "4", "{"]
TEXTS = st.none() | st.lists(st.sampled_from(FIELDS), max_size=2, unique=True).map(
    lambda fields: f'{{"type": "record", "name": "A", "fields": [{", ".join(fields)}]}}'
)
VERSION = st.builds(
    SchemaVersion, number=st.integers(1, 9), type=st.sampled_from(["AVRO", "JSON", "PROTOBUF", "x"]), text=TEXTS,
    references=st.none() | st.just(()), age=SPAN, at_least=SPAN.map(lambda span: span or timedelta(0)),
)  # fmt: skip
MODES = st.sampled_from([None, "NONE", "BACKWARD", "backward_transitive", "FORWARD", "FULL_TRANSITIVE", "MUTUAL", ""])


@st.composite
def series(draw: st.DrawFn) -> Series:
    offsets = sorted(draw(st.lists(st.integers(0, 5_000), max_size=60, unique=True)), reverse=True)
    values = draw(st.lists(st.integers(-50, 10_000), min_size=len(offsets), max_size=len(offsets)))
    return Series(tuple(END - offset for offset in offsets), tuple(float(value) for value in values))


FEW = st.none() | st.integers(0, 4)
CRITICAL = Workflow(name="pay", failure_impact="critical")
LETTERS = st.none() | st.builds(
    Letters, known_by=st.sampled_from(["connect", "name", "name-only"]), sources=st.just(()) | st.just((TOPIC,)),
    terminal=MAYBE, kept=st.none() | COUNT, waiting=st.none() | COUNT, oldest=SPAN, retention=SPAN,
    source_retention=SPAN, usual_share=SHARE, commits=st.just(()) | st.just((timedelta(hours=1),)),
)  # fmt: skip
RETRY = st.none() | st.builds(
    Retry, of=st.just(TOPIC), family=st.just(()) | st.just((TOPIC,)),
    dead_letters=st.none() | st.builds(DeadLetters, st.just(TOPIC), st.sampled_from(["name", "name-only"])),
)  # fmt: skip
SIBLING = st.none() | st.builds(
    Sibling, topic=st.just(TOPIC), written=COUNT, groups=COUNT, edits=FEW.map(lambda n: n or 0)
)
SETTINGS = st.sampled_from(
    [
        {},
        {"retention.ms": "-1", "cleanup.policy": "compact"},
        {"min.insync.replicas": "2"},
        {"min.insync.replicas": "x"},
    ]
)


SUBJECTS: dict[type, st.SearchStrategy[Subject]] = {
    Deliveries: st.builds(
        Deliveries, as_of=st.just(AS_OF), group=st.just(GROUP), topic=st.just(TOPIC), processed=COUNT, errors=COUNT,
        identified=COUNT, redelivered=COUNT, rewritten=COUNT, effectful=COUNT, guarded=COUNT, interrupted=COUNT,
        effects_visible=MAYBE, sampled=SHARE, topics_listed=st.booleans(), loss_tolerant=MAYBE,
    ),
    Seam: st.builds(
        Seam, as_of=st.just(AS_OF), key=st.sampled_from(["publishes", "consumes", "calls", "reads"]).map(
            lambda kind: SeamKey(kind, service("a"), TOPIC)
        ), count=COUNT, roots=COUNT, linked=COUNT, detached=st.none() | COUNT, peer_instrumented=MAYBE,
        keeps_context=MAYBE, carries_context=MAYBE, entry_point=MAYBE, sampled=SHARE,
    ),
    Table: st.builds(
        Table, as_of=st.just(AS_OF), table=st.just(table("pg", "shop", "orders")), owner=st.sampled_from([None, "x"]),
        observed_for=st.sampled_from([timedelta(0), timedelta(days=9)]),
        writers=st.lists(USER, max_size=4).map(tuple), readers=st.lists(USER, max_size=4).map(tuple),
    ),
    Backlog: st.builds(
        Backlog, as_of=st.just(AS_OF), group=st.just(GROUP), topic=st.just(TOPIC),
        lag=series(), age=series(), committed=series(), produced=series(), age_median=series(), skew=series(),
        lost=series(), hot_written=series(), window_written=series(), retention_left=series(), retention_used=series(),
        held=series(), held_messages=series(), members=series(), epochs=series(), rebalances=series(), joined=series(),
        unstable=series(), looks=series(), commit_gap=SPAN, still=SPAN, steady=SPAN, state_for=SPAN, offsets_kept=SPAN,
        retention=SPAN, transaction_timeout=SPAN, observed_for=SPAN.map(lambda span: span or timedelta(0)),
        arrived=st.none() | st.integers(-50, 2_000), arrivals=st.none() | COUNT, partitions=st.none() | COUNT,
        orphaned=st.none() | COUNT, static_members=st.none() | COUNT, loss_tolerant=MAYBE,
        protocol=st.sampled_from([None, "classic", "consumer", "share", "streams"]),
        state=st.sampled_from([None, "Empty", "Stable", "Dead", "Reconciling"]),
        settings=st.sampled_from([{}, {"retention.ms": "-1"}, {"retention.ms": "1000", "retention.bytes": "x"}]),
        behind=st.dictionaries(st.sampled_from(["0", "7"]), COUNT),
    ),
    Contract: st.builds(
        Contract, as_of=st.just(AS_OF), contract=st.just(schema_subject("main", "orders-value")), compatibility=MODES,
        inherited=MAYBE, versions=st.none() | st.lists(st.sampled_from("123"), max_size=3).map(tuple),
        readers=GROUPS, writers=GROUPS, readers_listed=st.booleans(), retention=SPAN, endless=MAYBE, replayed=MAYBE,
        owners=st.dictionaries(st.sampled_from(["group:prod/a", "group:prod/b", "group:prod/c"]), st.just("x")),
        schemas=st.lists(VERSION, max_size=5, unique_by=lambda one: one.number).map(tuple),
        upgraded_first=st.sampled_from([None, "readers", "writers"]),
        environment=st.sampled_from([None, "dev", "prod"]),
    ),
    Topic: st.builds(
        Topic, as_of=st.just(AS_OF), topic=st.just(TOPIC), groups=GROUPS, listed=st.booleans(),
        owners=st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])),
        subjects=st.none() | st.just(()) | st.just((schema_subject("main", "orders-value"),)),
        unplaced=st.just(()) | st.just((schema_subject("main", "shop.Order"),)), contract=st.sampled_from([None, "x"]),
        sampled=st.none() | COUNT, framed_share=SHARE, partitions=FEW, replication=FEW,
        in_sync=FEW, offline=FEW, brokers=FEW, produced=series(), written_partitions=series(), source_read=series(),
        plain_partitions=series(), source_written=series(), letters=LETTERS, retry=RETRY, sibling=SIBLING,
        read_lately=MAYBE, written_lately=MAYBE, legal_hold=MAYBE, loss_tolerant=MAYBE,
        observed_for=SPAN.map(lambda span: span or timedelta(0)), workflows=st.sampled_from([(), (CRITICAL,)]),
        settings=SETTINGS, broker=st.sampled_from([{}, {"auto.create.topics.enable": "true", "num.partitions": "1"}]),
        refused=st.sampled_from([{}, {"producers": "no right"}]),
        overrides=st.dictionaries(
            st.sampled_from(["prod/a: producer.override.acks", "x", "b: producer.override.retries"]),
            st.sampled_from(["0", "1", "all", ""]),
        ),
    ),
    Connector: st.builds(
        Connector, as_of=st.just(AS_OF), connector=st.just(Component("connector", "prod/sink")), loss_tolerant=MAYBE,
        type=st.sampled_from([None, "sink", "source"]), letters_listed=MAYBE,
        workflows=st.sampled_from([(), (CRITICAL,)]),
        settings=st.dictionaries(
            st.sampled_from(["errors.tolerance", "effective.errors.tolerance", "errors.deadletterqueue.topic.name"]),
            st.sampled_from(["all", "none", "", " ", "${file:x}"]),
        ),
    ),
}  # fmt: skip
JUDGED = [rule for rule in catalogue.discover(rules) if rule.subject in SUBJECTS]


@given(st.sampled_from(JUDGED).flatmap(lambda rule: st.tuples(st.just(rule), SUBJECTS[rule.subject])))
def test_a_rule_answers_whatever_it_is_given(pair: tuple[Rule, Subject]) -> None:
    rule, subject = pair
    verdict = rule.judge(subject, rule.defaults)
    assert verdict.says
    assert (verdict.outcome is Outcome.BLIND) == bool(verdict.missing)
    assert (verdict.outcome is Outcome.MEETS) <= bool(verdict.why_not)

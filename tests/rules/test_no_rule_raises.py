"""Whatever the store assembles, a rule answers: numbers that do not fit together are judged, not raised on."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

import rules
from agent.engine import catalogue
from agent.engine.stories import AS_OF
from agent.model.rule import Rule
from agent.model.seam import Component, SeamKey, group, service, table, topic
from agent.model.series import Series
from agent.model.subjects import Backlog, Deliveries, Seam, Subject, Table, TableUser
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


@st.composite
def series(draw: st.DrawFn) -> Series:
    offsets = sorted(draw(st.lists(st.integers(0, 5_000), max_size=60, unique=True)), reverse=True)
    values = draw(st.lists(st.integers(-50, 10_000), min_size=len(offsets), max_size=len(offsets)))
    return Series(tuple(END - offset for offset in offsets), tuple(float(value) for value in values))


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
        lag=series(), age=series(), committed=series(), produced=series(),
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

"""TRC-02 holds what it saw against the threshold that is set, also where the sampling share is not known."""

from agent.engine.stories import AS_OF
from agent.model.seam import consumes, group, topic
from agent.model.subjects import Seam
from agent.model.verdict import Outcome
from rules.observability.untraced_hop.rule import Config, untraced_hop

KEY = consumes(topic("orders", "prod"), group("billing", "prod"))


def outcome(seen: float, sampled: float | None) -> Outcome:
    hop = Seam(
        key=KEY,
        as_of=AS_OF,
        declared=True,
        traces_sent=True,
        counted=10_000,
        count=6_000,
        sampled=sampled,
    )
    return untraced_hop.judge(hop, Config(seen=seen)).outcome


def test_what_is_enough_by_the_default_is_not_by_a_stricter_threshold() -> None:
    assert outcome(0.5, None) is Outcome.MEETS
    assert outcome(0.7, None) is Outcome.BLIND, "six of ten may be all that a sampler let through"
    assert outcome(0.7, 1.0) is Outcome.FAILS
    assert outcome(0.7, 0.6) is Outcome.MEETS

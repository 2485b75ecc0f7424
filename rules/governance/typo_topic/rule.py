"""GOV-08: a topic that brokers made for a mistyped name: who writes there is not heard where the others listen."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import GOVERNANCE, rule
from agent.model.things import Sibling, Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.governance.typo_topic.steps import steps
from rules.topics import LISTED


@dataclass(frozen=True)
class Config:
    """Thresholds of GOV-08."""

    edits: int = 2  #: letters by which names differ; a third makes another word (ours)
    busier: float = 10.0  #: times what the topic got: of two in use neither is a slip (ours)


@rule(
    "GOV-08",
    severity=Severity.MEDIUM,
    evidence=Evidence.INFERRED,
    config=Config,
    hold=GOVERNANCE,
    lookback=timedelta(7),
)
def typo_topic(topic: Topic, cfg: Config) -> Verdict:
    """A topic has nearly the name of a busier one, and only one side uses it."""
    automatic = topic.broker.get("auto.create.topics.enable")
    parts = (
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf(
            "a cluster whose brokers create topics by themselves",
            None if automatic is None else automatic == "true",
            learn="grant DESCRIBE_CONFIGS on the cluster, or give a recording with the broker's settings",
            reason=Reason.NO_RIGHT,
        ),
        Need("list of topics and groups", topic.listed, "==", True, learn=LISTED, reason=Reason.NOT_SENT),
    )
    sibling = topic.sibling
    if sibling is None:
        return fails_when(*parts, Claim("busier topics of nearly its name", 0, ">=", 1), says="", meets=_meets(topic))
    written = int(topic.produced.last or 0)
    return fails_when(
        *parts,
        Claim("letters by which the names differ", sibling.edits, "<=", cfg.edits),
        Claim("records of the other, of its own", round(sibling.written / max(1, written), 1), ">=", cfg.busier),
        Claim("made with the broker's defaults", _defaults(topic), "==", True, learn=_DEFAULTS),
        Claim("only written, where the other is read, or only read", _one_side(topic, sibling), "==", True),
        says=_says(topic, sibling, written),
        meets=_meets(topic),
        show=_shown(topic, sibling, written),
        do=steps(topic, sibling),
    )


_DEFAULTS = "give a recording that has the topic's partitions, and `num.partitions` of the broker"


def _defaults(topic: Topic) -> bool | None:
    """Partitions and replicas as brokers give them: whoever makes a topic on purpose mostly chooses them."""
    pairs = (
        (topic.partitions, topic.broker.get("num.partitions")),
        (topic.replication, topic.broker.get("default.replication.factor")),
    )
    known = [str(own) == default for own, default in pairs if own is not None and default is not None]
    return all(known) if known else None


def _one_side(topic: Topic, sibling: Sibling) -> bool:
    written = bool(topic.produced.last)
    if written == bool(topic.groups):
        return False
    return sibling.groups > 0 if written else sibling.written > 0


def _meets(topic: Topic) -> str:
    return f"{topic.topic.name} is no slip of another's name."


def _says(topic: Topic, sibling: Sibling, written: int) -> str:
    name, other = topic.topic.name, sibling.topic.name
    if written:
        got = counted(written, "record")
        return (
            f"{name} looks like a mistyped {other}: it got {got} that nobody reads, and the other {sibling.written:,}."
        )
    readers = counted(len(topic.groups), "group reads", "groups read")
    return f"{name} looks like a mistyped {other}: {readers} it, and all {sibling.written:,} records are in the other."


def _shown(topic: Topic, sibling: Sibling, written: int) -> dict[str, Scalar]:
    return {
        "nearly its name": sibling.topic.name,
        "letters apart": sibling.edits,
        "records": written,
        "records of the other": sibling.written,
        "groups": ", ".join(one.name for one in topic.groups),
        "groups of the other": sibling.groups,
        "known writers": ", ".join(one.name for one in topic.producers),
    }

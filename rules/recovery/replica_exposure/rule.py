"""RCV-10: a topic has fewer live copies than it should, or settings under which the next fault stops or loses it."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.things import Topic
from agent.model.verdict import (
    AnyOf,
    Claim,
    Evidence,
    Need,
    OnlyIf,
    Path,
    Reason,
    Scalar,
    Severity,
    Verdict,
    fails_when,
)
from rules.recovery.replica_exposure.steps import steps
from rules.topics import counted_setting, weaker

OFFLINE, BEHIND, STOPS, ONE, UNCLEAN = "offline", "behind", "stops", "one place", "unclean"


@dataclass(frozen=True)
class Config:
    """Thresholds of RCV-10. K = Kafka 4.1."""

    offline: int = 1  #: partitions without a leader: nobody reads or writes them
    replicas: int = 3  #: from which on one place for an acknowledged record is too few (K: min.insync.replicas 1)
    in_sync: int = 2  #: places that an acknowledged record is then to be in


@rule("RCV-10", severity=Severity.MEDIUM, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(1))
def replica_exposure(topic: Topic, cfg: Config) -> Verdict:
    """Copies of a topic are missing, or the next fault of a broker stops or loses it."""
    paths = _paths(topic, cfg)
    failing = [path.name for path in paths if path.truth]
    severity, evidence, why = _weight(topic, failing)
    return fails_when(
        OnlyIf("a cluster of several brokers", topic.brokers != 1),
        OnlyIf("a topic outside of development (environment)", topic.environment != "dev"),
        *(() if failing else _seen(topic)),
        AnyOf(paths),
        says=_says(topic, failing) if failing else "",
        meets=f"{topic.topic.name} has all of its copies.",
        severity=severity,
        weighed=why,
        evidence=evidence,
        show=_shown(topic),
        do=steps(topic, failing) if failing else (),
    )


_LOOK = "give a recording of the broker that has the replicas of this topic"
_SETTINGS = "let the agent read the topic's settings (DESCRIBE_CONFIGS on the topic), or give a recording with them"


def _seen(topic: Topic) -> tuple[Need, ...]:
    """Who is called well has been seen wholly."""
    told = counted_setting(topic, "min.insync.replicas")
    several = topic.brokers if topic.replication == 1 else topic.replication
    return (
        Need("replicas of a partition", topic.replication, ">=", 1, _LOOK, Reason.NOT_SENT),
        Need("brokers of the cluster", several, ">=", 1, _LOOK, Reason.NOT_SENT),
        *(
            ()
            if topic.internal or not topic.replication
            else (Need("min.insync.replicas", told, ">=", 1, _SETTINGS, Reason.NO_RIGHT),)
        ),
    )


def _paths(topic: Topic, cfg: Config) -> tuple[Path, ...]:
    replicas = topic.replication
    missing = None if replicas is None or topic.in_sync is None else replicas - topic.in_sync
    observed = (
        Path(OFFLINE, (Claim("partitions without a leader", topic.offline, ">=", cfg.offline, learn=_LOOK),)),
        Path(BEHIND, (Claim("copies not in sync, of the worst partition", missing, ">", 0, learn=_LOOK),)),
    )
    if topic.internal:
        return observed  # their settings are the broker's own
    least = counted_setting(topic, "min.insync.replicas")
    spare = None if replicas is None or least is None else replicas - least
    enough = Claim("replicas", replicas, ">=", cfg.replicas, learn=_LOOK)
    said = topic.settings.get("unclean.leader.election.enable")
    several = Claim("brokers", topic.brokers, ">", 1, learn=_LOOK)
    return (
        *observed,
        Path(STOPS, (several, Claim("copies that may fail before writes stop", spare, "<=", 0, learn=_SETTINGS))),
        Path(ONE, (enough, Claim("min.insync.replicas", least, "<", cfg.in_sync, learn=_SETTINGS))),
        Path(UNCLEAN, (Claim("unclean.leader.election.enable", said, "==", "true", learn=_SETTINGS),)),
    )


def _weight(topic: Topic, failing: list[str]) -> tuple[Severity | None, Evidence | None, str]:
    """What has happened before what may."""
    if OFFLINE in failing:
        return Severity.CRITICAL, Evidence.OBSERVED, "partitions can neither be read nor written now"
    if BEHIND in failing:
        return weaker(topic, Severity.HIGH), Evidence.OBSERVED, "copies are missing now, and not only after a fault"
    if failing == [ONE]:
        lower = weaker(topic, Severity.LOW)
        return lower, None, "" if lower is Severity.MEDIUM else "Kafka's own default, which most topics have"
    return None, None, ""


def _says(topic: Topic, failing: list[str]) -> str:
    name, replicas = topic.topic.name, topic.replication or 0
    least = topic.settings.get("min.insync.replicas", "")
    if OFFLINE in failing:
        return f"{counted(topic.offline or 0, 'partition')} of {name} can neither be read nor written: no broker leads."
    if BEHIND in failing:
        return f"A partition of {name} has {topic.in_sync} of {counted(replicas, 'copy', 'copies')} in sync."
    if STOPS in failing:
        copies = counted(replicas, "copy", "copies")
        return f"Writes to {name} stop when 1 broker is away: {least} of {copies} must be in sync."
    if UNCLEAN in failing:
        return f"After a fault {name} may go on with 1 copy that lacks acknowledged records (unclean leader election)."
    return f"{name} has {counted(replicas, 'copy', 'copies')}, and acknowledges records that are in 1 of them."


def _shown(topic: Topic) -> dict[str, Scalar]:
    return {
        "partitions": topic.partitions,
        "replicas": topic.replication,
        "in sync, of the worst partition": topic.in_sync,
        "partitions without a leader": topic.offline,
        "min.insync.replicas": topic.settings.get("min.insync.replicas"),
        "unclean.leader.election.enable": topic.settings.get("unclean.leader.election.enable"),
        "brokers": topic.brokers,
    }

"""IDM-05: what writes to a topic, or how the topic is replicated, allows loss or doubles that nobody notices."""

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
    Unless,
    Verdict,
    fails_when,
)
from rules.idempotency.weak_delivery.steps import steps
from rules.topics import counted_setting

PLAIN, SET, REPLICAS, IN_SYNC = "plain writers", "weak settings", "too few replicas", "too few in sync"
_PREFIX = "producer.override."


@dataclass(frozen=True)
class Config:
    """Thresholds of IDM-05. R = the rule catalogue, K = Kafka 4.1."""

    looks: int = (
        2  #: at which somebody wrote without idempotence; the mark of a transaction may be taken for one (ours)
    )
    replicas: int = 3  #: R, where records matter: one may fail while another is away for maintenance
    in_sync: int = 2  #: R, where records matter: an acknowledged record is in two places
    in_flight: int = 5  #: K: with more, idempotence is switched off unless it was asked for


@rule("IDM-05", severity=Severity.HIGH, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(1))
def weak_delivery(topic: Topic, cfg: Config) -> Verdict:
    """Who writes to a topic, or how it is replicated, allows records to be lost or doubled unseen."""
    weak = _weak(topic, cfg)
    paths = (*_writing(topic, weak, cfg), *(_replicated(topic, cfg) if topic.strong else ()))
    failing = [path.name for path in paths if path.truth]
    severity, why = _weight(topic, failing)
    return fails_when(
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf("a topic whose records matter (loss_tolerant)", topic.loss_tolerant is not True),
        OnlyIf("a topic outside of development (environment)", topic.environment != "dev"),
        OnlyIf("a cluster of several brokers", topic.brokers != 1),
        *(() if failing else _producers(topic)),
        AnyOf(paths),
        Unless("its only writers are the ones that Kafka Streams or Connect has for itself", _own(topic, failing)),
        says=_says(topic, failing, weak) if failing else "",
        meets=f"{topic.topic.name} is written to as it should be.",
        severity=severity,
        weighed=why,
        show=_shown(topic, weak),
        do=steps(topic, failing, weak) if failing else (),
    )


_READ = "grant READ on the topic, so that its brokers tell who writes to it"
_ASK = "give a recording with the `producers` of this topic's partitions"


def _producers(topic: Topic) -> tuple[Need, ...]:
    """Who writes has to be seen before anybody is called well."""
    refused = bool(topic.refused.get("producers"))
    written = sum(topic.written_partitions.values)
    return (
        Need(
            "looks at its producers",
            len(topic.written_partitions) or None,
            ">=",
            1,
            learn=_READ if refused else _ASK,
            reason=Reason.NO_RIGHT if refused else Reason.NOT_SENT,
        ),
        Need("partitions written between looks", int(written), ">=", 1, learn="wait until something is written to it"),
    )


def _writing(topic: Topic, weak: list[str], cfg: Config) -> tuple[Path, ...]:
    looks = sum(value > 0 for value in topic.plain_partitions.values) if topic.plain_partitions.values else None
    plain = Claim("looks at which nobody idempotent had written", looks, ">=", cfg.looks, learn=_ASK)
    return (
        Path(PLAIN, (plain,)),
        Path(SET, (Claim("settings of connectors that weaken delivery", len(weak), ">=", 1),)),
    )


def _replicated(topic: Topic, cfg: Config) -> tuple[Path, ...]:
    in_sync = counted_setting(topic, "min.insync.replicas")
    learn = "let the agent read the topic's settings (DESCRIBE_CONFIGS on the topic)"
    return (
        Path(REPLICAS, (Claim("replicas", topic.replication, "<", cfg.replicas, learn=learn),)),
        Path(IN_SYNC, (Claim("min.insync.replicas", in_sync, "<", cfg.in_sync, learn=learn, reason=Reason.NO_RIGHT),)),
    )


def _weak(topic: Topic, cfg: Config) -> list[str]:
    """The overrides of connectors that allow loss or doubles."""
    by: dict[str, dict[str, str]] = {}
    for told, value in topic.overrides.items():
        connector, _, name = told.rpartition(": ")
        by.setdefault(connector, {})[name.removeprefix(_PREFIX)] = value.strip().lower()
    return [f"{one}: {name}={value}" for one, said in sorted(by.items()) for name, value in _bad(said, cfg)]


def _bad(said: dict[str, str], cfg: Config) -> list[tuple[str, str]]:
    found = [("acks", said["acks"])] if said.get("acks") in ("0", "1") else []
    if said.get("enable.idempotence") == "false":
        found.append(("enable.idempotence", "false"))
    if said.get("retries") == "0":
        found.append(("retries", "0"))
    flight = said.get("max.in.flight.requests.per.connection", "")
    if flight.isdigit() and int(flight) > cfg.in_flight and "enable.idempotence" not in said:
        found.append(("max.in.flight.requests.per.connection", flight))
    return found


def _own(topic: Topic, failing: list[str]) -> bool:
    """The dead letters of a sink: Connect writes them without idempotence, and nothing but it can change that."""
    return failing == [PLAIN] and topic.letters is not None and topic.letters.known_by == "connect"


def _weight(topic: Topic, failing: list[str]) -> tuple[Severity | None, str]:
    if topic.strong:
        return Severity.HIGH, ""
    if SET in failing:
        return Severity.MEDIUM, "no workflow that needs each record once is declared for it"
    return Severity.LOW, "a writer without idempotence is the default of many clients, and no workflow needs more"


def _says(topic: Topic, failing: list[str], weak: list[str]) -> str:
    name = topic.topic.name
    if SET in failing:
        more = f" and {len(weak) - 1} more" if len(weak) > 1 else ""
        let = counted(len(weak), "setting lets", "settings let")
        return f"{let} writers of {name} lose or double records: {weak[0]}{more}."
    if PLAIN in failing:
        plain, written = _most(topic)
        return f"Records of {name} may be doubled: {plain} of {counted(written, 'partition')} had no idempotent writer."
    if REPLICAS in failing:
        return f"{name} has {counted(topic.replication or 0, 'replica')}, and its records must not be lost."
    return f"{name} acknowledges records that are in 1 place only (min.insync.replicas), and they must not be lost."


def _most(topic: Topic) -> tuple[int, int]:
    plain = int(max(topic.plain_partitions.values, default=0))
    return plain, max(plain, int(max(topic.written_partitions.values, default=0)))


def _shown(topic: Topic, weak: list[str]) -> dict[str, Scalar]:
    plain, written = _most(topic)
    return {
        "partitions written between two looks, at most": written if topic.written_partitions.values else None,
        "of these by nobody idempotent, at most": plain if topic.plain_partitions.values else None,
        "settings of connectors": ", ".join(weak),
        "replicas": topic.replication,
        "min.insync.replicas": topic.settings.get("min.insync.replicas"),
        "known writers": ", ".join(one.name for one in topic.producers),
    }

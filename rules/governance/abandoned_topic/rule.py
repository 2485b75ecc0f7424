"""GOV-07: a topic that no group has read for a month, whether something still writes to it or not."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.rule import GOVERNANCE, rule
from agent.model.things import Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.governance.abandoned_topic.steps import steps
from rules.topics import LISTED


@dataclass(frozen=True)
class Config:
    """Thresholds of GOV-07."""

    quiet: timedelta = timedelta(days=30)  #: a monthly job has read it by then (ours)


@rule(
    "GOV-07", severity=Severity.LOW, evidence=Evidence.EXPOSURE, config=Config, hold=GOVERNANCE, lookback=timedelta(35)
)
def abandoned_topic(topic: Topic, cfg: Config) -> Verdict:
    """No group has read a topic for a month."""
    return fails_when(
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf("a topic that is read in the ordinary course (it has dead letters or retries)", not _aside(topic)),
        OnlyIf("a topic that is no table (compacted, it is read without a group)", not topic.compacted),
        OnlyIf("a topic that nobody has to keep (legal_hold)", topic.legal_hold is not True),
        Claim("read by a group in 30 days", topic.read_lately is True, "==", False),
        *(() if topic.read_lately else _watched(topic, cfg)),
        says=_says(topic),
        meets=f"{topic.topic.name} is read.",
        show=_shown(topic),
        do=() if topic.read_lately else steps(topic),
    )


_AGO = "let the agent look at the broker without a pause of hours: what was read is known from then and now"


def _watched(topic: Topic, cfg: Config) -> tuple[Need, ...]:
    """One group that reads is enough to be well; that none does takes a month to say."""
    wait = _when(topic, cfg)
    ago = wait if topic.observed_for < cfg.quiet else _AGO
    return (
        Need("list of topics and groups", topic.listed, "==", True, learn=LISTED, reason=Reason.NOT_SENT),
        Need("days for which it is known", _days(topic.observed_for), ">=", cfg.quiet.days, learn=wait),
        Need("what its groups had read a month ago", topic.read_lately is not None, "==", True, learn=ago),
    )


def _aside(topic: Topic) -> bool:
    return topic.letters is not None or topic.retry is not None


def _days(span: timedelta) -> float:
    return round(span / timedelta(days=1), 1)


def _when(topic: Topic, cfg: Config) -> str:
    day = (topic.as_of + max(timedelta(0), cfg.quiet - topic.observed_for)).date()
    return f"wait until {day.isoformat()}: then it has been watched for {cfg.quiet.days} days"


def _says(topic: Topic) -> str:
    name, total = topic.topic.name, int(topic.produced.last or 0)
    groups = "it has no group" if not topic.groups else f"{len(topic.groups)} once did"
    if topic.written_lately:
        return f"Nobody has read {name} for 30 days, {groups}, and records are still written to it ({total:,} so far)."
    written = "" if topic.written_lately is None else ", and nobody wrote to it"
    return f"Nobody has read {name} for 30 days{written}: it has {total:,} records so far; {groups}."


def _shown(topic: Topic) -> dict[str, Scalar]:
    return {
        "records so far": topic.produced.last,
        "written in 30 days": topic.written_lately,
        "groups": ", ".join(one.name for one in topic.groups),
        "known writers": ", ".join(one.name for one in topic.producers),
        "partitions": topic.partitions,
        "retention.ms": topic.settings.get("retention.ms"),
        "days known": _days(topic.observed_for),
    }

"""DLQ-06: what fails is tried again from retry topics, and nothing says where it ends."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.things import Retry, Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Severity, Verdict, fails_when
from rules.dead_letters.endless_retry.steps import steps
from rules.topics import weaker

NAME_ONLY = "name-only"


@dataclass(frozen=True)
class Config:
    """Thresholds of DLQ-06."""

    ends: int = 1  #: dead-letter topics of the family; one is enough (ours)


@rule("DLQ-06", severity=Severity.MEDIUM, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(1))
def endless_retry(topic: Topic, cfg: Config) -> Verdict:
    """What fails is tried again from retry topics, and there is no dead-letter topic behind them."""
    is_retry = OnlyIf("a retry topic (named after one that exists)", topic.retry is not None)
    if topic.retry is None:
        return fails_when(is_retry, says="")
    retry, found = topic.retry, topic.retry.dead_letters
    certain = found is not None and found.known_by != NAME_ONLY
    guess = found is not None and not certain
    return fails_when(
        is_retry,
        OnlyIf("the last of its retry topics", retry.family[-1:] in ((), (topic.topic,))),
        OnlyIf("a topic whose records matter (loss_tolerant)", topic.loss_tolerant is not True),
        Need("list of topics", topic.listed or certain, "==", True, learn=_LEARN, reason=Reason.NOT_SENT),
        Claim("dead-letter topics behind it", int(certain), "<", cfg.ends),
        says=_says(topic, retry),
        meets=f"{topic.topic.name} ends in {found.topic.name}." if found else "",
        severity=weaker(topic, Severity.LOW) if guess else None,
        weighed=_because(topic, guess=guess),
        evidence=Evidence.INFERRED if guess else None,
        show={
            "retries of": retry.of.name,
            "retry topics": ", ".join(one.name for one in retry.family),
            "alike in name": found.topic.name if guess and found else None,
            "known by": found.known_by if found else None,
        },
        do=steps(topic, retry),
    )


_LEARN = "give a recording of the broker, with topics and groups, or declare `dead_letters` on the group that reads it"


def _because(topic: Topic, *, guess: bool) -> str:
    """On a critical workflow it is as severe as the rule."""
    return "a topic named alike may take what is given up" if guess and not topic.critical else ""


def _says(topic: Topic, retry: Retry) -> str:
    count = max(1, len(retry.family))
    alike = f" (only {retry.dead_letters.topic.name} is named like one)" if retry.dead_letters else ""
    return f"{retry.of.name} has {counted(count, 'retry topic')} and no dead-letter topic behind {topic.bare}{alike}."

"""IDM-03: records have nothing by which a reader could tell a doubled one from a new one."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.rule import SLOW, rule
from agent.model.things import Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.idempotency.no_identity.steps import steps
from rules.topics import sample, sampled


@dataclass(frozen=True)
class Config:
    """Thresholds of IDM-03. R = the rule catalogue."""

    SHARES: ClassVar = ("share",)

    samples: int = 100  #: R: records looked at before their share says anything
    share: float = 0.05  #: R: of them, at least; fewer are old ones that were put back


@rule("IDM-03", severity=Severity.MEDIUM, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(7))
def no_identity(topic: Topic, cfg: Config) -> Verdict:
    """Records of a topic carry no identity by which a doubled one could be told."""
    judged, without = topic.judged, topic.unidentified
    least = round(wilson(min(without, judged), judged).low, 4) if judged and without is not None else None
    return fails_when(
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf("a topic whose records matter (loss_tolerant)", topic.loss_tolerant is not True),
        OnlyIf("a topic of events (compacted, with whole states by key)", not _table(topic)),
        sampled(topic),
        Need(
            "records looked at for an identity",
            None if without is None else judged,
            ">=",
            cfg.samples,
            learn=_learn(topic, cfg),
            reason=Reason.NOT_SENT if without is None or _sealed(topic, cfg) else Reason.LEARNING,
        ),
        Claim("share without an identity, at least (95 %)", least, ">=", cfg.share, learn=sample(topic)),
        says=_says(topic, judged or 0, without or 0),
        meets=f"Records of {topic.topic.name} have identities.",
        show=_shown(topic),
        do=steps(topic),
    )


def _table(topic: Topic) -> bool:
    """The last state of each key is all that counts: to get it twice changes nothing."""
    return topic.compacted and topic.full_state is not False


def _sealed(topic: Topic, cfg: Config) -> bool:
    """Records enough were looked at, and only their schema could tell of most."""
    return (topic.sampled or 0) >= cfg.samples > (topic.judged or 0)


def _learn(topic: Topic, cfg: Config) -> str:
    if not _sealed(topic, cfg):
        return sample(topic)
    return "let the agent ask the registry (`registries` in the configuration): only the schema of these records tells"


def _says(topic: Topic, judged: int, without: int) -> str:
    share = f" ({without / judged:.0%})" if judged else ""
    return f"{without:,} of {judged:,} records of {topic.topic.name}{share} carry no identity."


def _shown(topic: Topic) -> dict[str, Scalar]:
    return {
        "records looked at": topic.sampled,
        "of these, judged": topic.judged,
        "without an identity": topic.unidentified,
        "sent by": "; ".join(topic.nameless),
        "readers": ", ".join(one.name for one in topic.groups),
    }

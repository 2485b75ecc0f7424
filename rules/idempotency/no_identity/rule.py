"""IDM-03: records have nothing by which a reader could tell a doubled one from a new one."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.rule import SLOW, rule
from agent.model.things import Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.idempotency.no_identity.steps import steps
from rules.topics import sample


@dataclass(frozen=True)
class Config:
    """Thresholds of IDM-03. R = the rule catalogue."""

    SHARES: ClassVar = ("share",)

    samples: int = 100  #: R: records looked at before their share says anything
    share: float = 0.05  #: R: of them, at least; fewer are old ones that were put back


@rule("IDM-03", severity=Severity.MEDIUM, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(7))
def no_identity(topic: Topic, cfg: Config) -> Verdict:
    """Records of a topic carry no identity by which a doubled one could be told."""
    sampled, without = topic.sampled, topic.unidentified
    least = round(wilson(min(without, sampled), sampled).low, 4) if sampled and without is not None else None
    return fails_when(
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf("a topic whose records matter (loss_tolerant)", topic.loss_tolerant is not True),
        OnlyIf("a topic of events (compacted, with whole states by key)", not _table(topic)),
        Need(
            "records looked at for an identity",
            None if without is None else sampled,
            ">=",
            cfg.samples,
            learn=sample(topic),
            reason=Reason.NOT_SENT if without is None else Reason.LEARNING,
        ),
        Claim("share without an identity, at least (95 %)", least, ">=", cfg.share, learn=sample(topic)),
        says=_says(topic, sampled or 0, without or 0),
        meets=f"Records of {topic.topic.name} have identities.",
        show=_shown(topic),
        do=steps(topic),
    )


def _table(topic: Topic) -> bool:
    """The last state of each key is all that counts: to get it twice changes nothing."""
    return "compact" in topic.settings.get("cleanup.policy", "") and topic.full_state is not False


def _says(topic: Topic, sampled: int, without: int) -> str:
    share = f" ({without / sampled:.0%})" if sampled else ""
    return f"{without:,} of {sampled:,} records of {topic.topic.name}{share} carry no identity."


def _shown(topic: Topic) -> dict[str, Scalar]:
    by = sorted(topic.no_identity_by.items(), key=lambda one: (-one[1], one[0]))[:5]
    return {
        "records looked at": topic.sampled,
        "without an identity": topic.unidentified,
        "by producer": ", ".join(f"{name}: {count:,}" for name, count in by),
        "readers": ", ".join(one.name for one in topic.groups),
    }

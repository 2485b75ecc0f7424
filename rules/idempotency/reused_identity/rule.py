"""IDM-04: one identity is given to different events, so that a reader that looks for doubles drops real ones."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import HARM, rule
from agent.model.things import Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Severity, Verdict, fails_when
from rules.idempotency.reused_identity.steps import steps
from rules.topics import sample, sampled


@dataclass(frozen=True)
class Config:
    """Thresholds of IDM-04. R = the rule catalogue."""

    pairs: int = 3  #: R: of records with one identity and another content
    ids: int = 2  #: R: identities that they are of; one alone may be a constant that a test sends
    samples: int = 299  #: R: after so many without a pair, 1 % would have been seen (95 %)


@rule("IDM-04", severity=Severity.HIGH, evidence=Evidence.OBSERVED, config=Config, hold=HARM, lookback=timedelta(7))
def reused_identity(topic: Topic, cfg: Config) -> Verdict:
    """One identity is given to events of different content."""
    pairs, ids = topic.reused, topic.reused_ids
    return fails_when(
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf("a topic of events (compacted, an identity names what changes)", not topic.compacted),
        sampled(topic),
        Need(
            "identities compared with their contents",
            None if pairs is None else topic.identified,
            ">=",
            cfg.samples,
            learn=_learn(topic, cfg),
            reason=Reason.NOT_SENT if pairs is None or _unnamed(topic, cfg) else Reason.LEARNING,
        ),
        Claim("pairs of one identity and another content", pairs, ">=", cfg.pairs, learn=sample(topic)),
        Claim("identities that these are of", ids, ">=", cfg.ids, learn=sample(topic)),
        says=_says(topic, pairs or 0, ids or 0),
        meets=f"Identities in {topic.topic.name} are of one event each.",
        harm=True,
        show={
            "pairs": pairs,
            "identities reused": ids,
            "identities compared": topic.identified,
            "records looked at": topic.sampled,
            "such as": topic.reused_example,
        },
        do=steps(topic),
    )


def _unnamed(topic: Topic, cfg: Config) -> bool:
    """Records enough were looked at, and headers name no event."""
    return (topic.sampled or 0) >= cfg.samples and not topic.identified


def _learn(topic: Topic, cfg: Config) -> str:
    if _unnamed(topic, cfg):
        return (
            "give events an identity where it can be seen without their schema: CloudEvents, or a header `message-id`"
        )
    return sample(topic)


def _says(topic: Topic, pairs: int, ids: int) -> str:
    name, of = topic.topic.name, counted(ids, "identity", "identities")
    return f"{of} in {name} stand for different events ({counted(pairs, 'pair')}): who drops doubles drops real ones."

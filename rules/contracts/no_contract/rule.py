"""SCH-03: what several read has no schema that anybody could ask."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.subjects import Topic
from agent.model.verdict import AnyOf, Claim, Evidence, Need, OnlyIf, Path, Reason, Severity, Verdict, fails_when
from rules.contracts.no_contract.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of SCH-03."""

    SHARES: ClassVar = ("unframed",)

    #: declared owners of groups that read it; the second one cannot know what the first one's code takes for granted
    teams: int = 2
    #: groups that read it, whosever they are: two may be one service and its copy, three are an interface
    groups: int = 3
    #: payloads looked at before their share says anything
    samples: int = 100
    #: share of them without a registry's frame; the rest may be strays
    unframed: float = 0.95


@rule(
    "SCH-03",
    severity=Severity.MEDIUM,
    evidence=Evidence.EXPOSURE,
    config=Config,
    hold=SLOW,
    lookback=timedelta(days=7),
)
def no_contract(topic: Topic, cfg: Config) -> Verdict:
    """A topic that several read has no schema."""
    name = topic.topic.name.partition("/")[2]
    teams, groups = len(set(topic.owners.values())), len(topic.groups)
    sampled = topic.sampled is not None and topic.sampled >= cfg.samples and topic.framed_share is not None
    found = _found(topic, sampled=sampled)
    return fails_when(
        OnlyIf("a topic of somebody's own (it is internal by its name)", not topic.internal),
        OnlyIf(
            "a topic that several groups read",
            True if groups > 1 else False if topic.listed else None,
            learn="let the agent watch the cluster (`clusters` in the configuration), or give a recording of it",
        ),
        Need(
            "registry and list of topics, or samples",
            bool(found) or sampled or (topic.subjects is not None and topic.listed),
            "==",
            True,
            reason=Reason.NOT_SENT,
            learn=_learn(topic),
        ),
        Claim("schema subjects found", found, "<", 1, learn=_declared(topic), reason=Reason.NOT_SENT),
        *([_unframed(topic, cfg)] if sampled else []),
        AnyOf(
            (
                Path("teams", (Claim("teams that read it", teams, ">=", cfg.teams),)),
                Path("groups", (Claim("groups that read it", groups, ">=", cfg.groups),)),
            )
        ),
        says=_says(topic, teams, sampled=sampled),
        meets=f"{topic.topic.name} has a schema." if found else f"{topic.topic.name} is read by {groups} groups.",
        do=steps(topic),
        show={
            "readers": ", ".join(group.name for group in topic.groups),
            "teams": ", ".join(sorted(set(topic.owners.values()))),
            "looked for": _looked_for(name),
            "samples": topic.sampled,
            "framed share": topic.framed_share,
        },
    )


def _found(topic: Topic, *, sampled: bool) -> int | None:
    """Schema subjects and a declared contract; None where one that is named after a record may be of it."""
    count = len(topic.subjects or ()) + bool(topic.contract)
    if count or sampled:
        return count
    return None if topic.subjects is None or topic.unplaced else 0


def _looked_for(name: str) -> str:
    return f"{name}-value, {name}-key, {name}-<record>, {name}, <record>"


def _learn(topic: Topic) -> str:
    if topic.subjects is None:
        return "let the agent ask the registry (`registries` in the configuration), or declare `contract` on the topic"
    return "let the agent watch the cluster (`clusters` in the configuration), or give a recording of it"


def _declared(topic: Topic) -> str:
    if not topic.unplaced:
        return _learn(topic)
    one = topic.unplaced[0].name.partition("/")[2]
    return f"declare of which topic {counted(len(topic.unplaced), 'subject')} such as {one} is: `contract: {one}` on it"


def _unframed(topic: Topic, cfg: Config) -> Claim:
    framed = topic.framed_share or 0.0
    return Claim("share of samples without a registry's frame", round(1 - framed, 3), ">=", cfg.unframed)


def _says(topic: Topic, teams: int, *, sampled: bool) -> str:
    count = len(topic.groups)
    readers = f"{counted(count, 'group')} of {counted(teams, 'team')}" if teams else counted(count, "group")
    looked = f": {1 - (topic.framed_share or 0.0):.0%} of {topic.sampled:,} samples are unframed" if sampled else ""
    return f"{topic.topic.name} is read by {readers} and has no schema{looked}."

"""DLQ-03: dead letters wait, and nobody reads them or puts them back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.steps import length
from agent.model.things import Letters, Topic
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
from rules.dead_letters.unattended_letters.steps import steps
from rules.topics import LISTED, weaker

NAME_ONLY, ENDLESS = "name-only", "-1"
WAITS, SHORT, SHORTER = "letters wait", "kept for too short", "kept for shorter than what they are of"


@dataclass(frozen=True)
class Config:
    """Thresholds of DLQ-03. R = the rule catalogue."""

    SHARES: ClassVar = ("late",)

    wait: timedelta = timedelta(hours=24)  #: R: somebody looks once a day
    wait_critical: timedelta = timedelta(hours=4)  #: R: the same on a critical workflow, within a shift
    late: float = 0.5  #: of the retention of the dead letters (R): of 7 d a weekend and a day is left
    keep: timedelta = timedelta(days=7)  #: R: a week, so that a holiday does not delete them


@rule("DLQ-03", severity=Severity.HIGH, evidence=Evidence.OBSERVED, config=Config, hold=SLOW, lookback=timedelta(1))
def unattended_letters(topic: Topic, cfg: Config) -> Verdict:
    """Dead letters wait and nobody reads them, or they are deleted before anybody could."""
    is_queue = OnlyIf("a dead-letter topic", topic.letters is not None)
    if topic.letters is None:
        return fails_when(is_queue, says="")
    letters, wait = topic.letters, cfg.wait_critical if topic.critical else cfg.wait
    paths = _paths(topic, letters, wait, cfg)
    failing = [path.name for path in paths if path.truth]
    severity, evidence, why = _weight(topic, letters, failing, cfg)
    return fails_when(
        is_queue,
        OnlyIf("a topic whose letters are to be looked at (terminal)", letters.terminal is not True),
        OnlyIf("a topic that keeps each letter (compacted, it keeps the last of each key)", not topic.compacted),
        Need("letters that wait", letters.waiting, ">=", 0, learn=_OFFSETS, reason=Reason.NOT_SENT),
        *_aged(letters),
        AnyOf(paths),
        says=_says(topic, letters, failing),
        meets=f"{topic.topic.name} is looked after.",
        severity=severity,
        weighed=why,
        evidence=evidence,
        show=_shown(topic, letters),
        do=steps(topic, letters, waits=WAITS in failing, keep=cfg.keep),
    )


_OFFSETS = "give a recording of the broker that has this topic's offsets (start and end)"
_FIRST = "give a recording with the time of the first record, or of the group that reads it"


def _aged(letters: Letters) -> tuple[Need, ...]:
    """Without the age of what waits nothing is known of it; an empty topic has none."""
    if not letters.waiting:
        return ()
    return (Need("age of the first letter, h", _hours(letters.oldest), ">=", 0, learn=_FIRST, reason=Reason.NOT_SENT),)


def _paths(topic: Topic, letters: Letters, wait: timedelta, cfg: Config) -> tuple[Path, ...]:
    kept, source = _kept(topic, letters), letters.source_retention
    ever = Claim("letters that ever came", _ever(topic, letters), ">", 0, learn=_OFFSETS)
    read = sum(age < wait for age in letters.commits)
    watched = Need("h for which its groups were watched", _hours(topic.observed_for), ">=", _hours(wait), learn=LISTED)
    waits = (
        *((watched,) if topic.groups else ()),
        Claim("letters that nobody has read", letters.waiting, ">", 0, learn=_OFFSETS),
        Claim("h for which the first one has waited", _hours(letters.oldest) or 0.0, ">", _hours(wait)),
        Claim("groups that read it in that time", read, "<", 1),
    )
    paths = [Path(WAITS, waits), Path(SHORT, (ever, Claim("h for which it keeps them", kept, "<", _hours(cfg.keep))))]
    if source is not None:
        paths.append(Path(SHORTER, (ever, Claim("h for which it keeps them", kept, "<", _hours(source)))))
    return tuple(paths)


def _kept(topic: Topic, letters: Letters) -> float | None:
    if topic.settings.get("retention.ms") == ENDLESS:
        return float("inf")
    return _hours(letters.retention)


def _ever(topic: Topic, letters: Letters) -> int | None:
    """Those that were deleted count: the end of the topic tells them."""
    last = topic.produced.last
    return letters.kept if last is None else int(last)


def _hours(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds() / 3600, 2)


def _weight(
    topic: Topic, letters: Letters, failing: list[str], cfg: Config
) -> tuple[Severity | None, Evidence | None, str]:
    """Near its retention it is critical; short retention alone is an exposure; a name alone makes it a guess."""
    severity, evidence, whys = weaker(topic, Severity.HIGH), Evidence.OBSERVED, list[str]()
    if WAITS not in failing:
        severity, evidence = weaker(topic, Severity.MEDIUM), Evidence.EXPOSURE
        whys.append("nothing that waits there is old yet")
    elif (_late(letters) or 0.0) >= cfg.late:
        severity = Severity.CRITICAL
        whys.append(f"over {cfg.late:.0%} of the time for which they are kept is over")
    if letters.known_by == NAME_ONLY:
        severity, evidence = severity.step(1), Evidence.INFERRED
        whys.append("only its name says that it is a dead-letter topic")
    if topic.critical and severity is not Severity.HIGH:
        whys = whys or ["it belongs to a critical workflow"]
    return severity, evidence, ", and ".join(whys) if severity is not Severity.HIGH else ""


def _late(letters: Letters) -> float | None:
    if letters.oldest is None or not letters.retention:
        return None
    return letters.oldest / letters.retention


def _says(topic: Topic, letters: Letters, failing: list[str]) -> str:
    name = topic.topic.name
    if WAITS in failing:
        old = length(letters.oldest or timedelta(0))
        number = letters.waiting or 0
        wait = "waits" if number == 1 else "wait"
        return f"{counted(number, 'dead letter')} {wait} in {name}, the first for {old}, and nobody reads them."
    kept = length(letters.retention or timedelta(0))
    if SHORTER in failing and letters.source_retention is not None:
        return f"{name} keeps dead letters for {kept}, less than the {length(letters.source_retention)} of their topic."
    return f"{name} keeps dead letters for {kept} only: whoever is away for longer finds none."


def _shown(topic: Topic, letters: Letters) -> dict[str, Scalar]:
    return {
        "known by": letters.known_by,
        "failures that their headers name": ", ".join(letters.errors),
        "letters of": ", ".join(source.name for source in letters.sources),
        "records in it": letters.kept,
        "unread": letters.waiting,
        "age of the first": None if letters.oldest is None else length(letters.oldest),
        "kept for": None if letters.retention is None else length(letters.retention),
        "share of that time used": None if _late(letters) is None else round(_late(letters) or 0.0, 2),
        "groups": ", ".join(group.name for group in topic.groups),
        "last read": length(letters.commits[0]) if letters.commits else None,
    }

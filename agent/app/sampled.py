"""What `sample` of a cluster asks for, beside what is there: topics by pattern, and whether Read is allowed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from kafka.protocol.metadata import MetadataRequest

from agent.app.rights import NEEDED_BY
from agent.config.problem import nearest
from agent.model.counting import counted
from agent.model.things import made_for_itself
from collectors.kafka.access import TroubleError
from collectors.kafka.ladder import LADDER
from collectors.kafka.layout import Layout
from collectors.kafka.sampling import MOST_TOPICS
from collectors.kafka.watch import Watch

_READ = 3  #: AclOperation.READ
_NAMED = 3  #: topics that are told by name
[_RUNG] = [rung for rung in LADDER if rung.right == "Read Topic"]
_BLIND = NEEDED_BY["Read Topic"].partition("with sampling ")[2]


@dataclass(frozen=True, slots=True)
class Asked:
    """What `sample` comes to, in lines, and whether all of it can be had."""

    lines: tuple[str, ...]
    ok: bool = True


def asked(watch: Watch, seen: Layout, patterns: Sequence[str], bootstrap: str) -> Asked:
    """Each pattern with how many topics it meets, and whether Read is allowed there."""
    if not patterns:
        return Asked((f"sample names no topic: no record is looked at, so {_BLIND} judge nothing.",))
    known = [name for name in seen.rows.names if not made_for_itself(name)]
    met = {pattern: [one for one in known if one == pattern or fnmatchcase(one, pattern)] for pattern in patterns}
    every = sorted({name for names in met.values() for name in names})
    may, trouble = _may_read(watch, seen, every)
    lines = [line for pattern, names in met.items() for line in _lines(pattern, names, may, known)]
    if len(every) > MOST_TOPICS:
        lines.append(f"sample: {len(every):,} topics are asked for, and the first {MOST_TOPICS} are looked at.")
    closed = [name for name in every if may.get(name) is False]
    if closed:
        lines += _grant(watch, closed, bootstrap)
    return Asked((*lines, *trouble), ok=all(met.values()) and not closed)


def _lines(pattern: str, names: Sequence[str], may: Mapping[str, bool], known: Sequence[str]) -> Iterator[str]:
    if not names:
        hint = nearest(pattern, known) or "* stands for any characters."
        yield f"NO    sample {pattern}: no topic that is shown to us is named so. {hint}"
        return
    closed = [name for name in names if may.get(name) is False]
    unknown = [name for name in names if name not in may]
    head = f"sample {pattern}: {counted(len(names), 'topic')}"
    if closed:
        yield f"{'SOME ' if len(closed) < len(names) else 'NO   '} {head}, Read is missing for {_some(closed)}"
    elif unknown:
        yield f"?     {head}, this broker does not tell whether Read is allowed"
    else:
        yield f"yes   {head}, Read is allowed"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _grant(watch: Watch, closed: Sequence[str], bootstrap: str) -> Iterator[str]:
    yield f"      blind without it: {_BLIND}"
    for name in closed[:_NAMED]:
        rung = replace(_RUNG, option=f"--topic '{name}'")
        yield f"      {rung.grant(watch.access.principal, bootstrap)}"


def _may_read(watch: Watch, seen: Layout, names: Sequence[str]) -> tuple[dict[str, bool], tuple[str, ...]]:
    """Whether each topic may be read, as far as a broker tells, and what was not answered."""
    if not names:
        return {}, ()
    request = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=name) for name in names],
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=True,
    )
    [answer] = watch.link.ask([(seen.brokers[0], request)])
    if isinstance(answer, TroubleError):
        return {}, (f"not answered: {answer}",)
    told = {topic.name: topic.authorized_operations for topic in answer.topics if not topic.error_code}
    return {name: _READ in may for name, may in told.items() if may is not None}, ()

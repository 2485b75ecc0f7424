"""Says what may be seen of a Kafka cluster, right by right, with what changes that. Needs the extra `kafka`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.app.asked_kafka import access
from agent.app.barred import authority, by_keys, why
from agent.app.doctor import Checked
from agent.app.rights import NEEDED_BY
from agent.app.sampled import asked
from agent.config.estates import Cluster
from agent.config.settings import Settings
from agent.model.counting import counted
from agent.model.pull import NotSeenError
from collectors.kafka.ladder import LADDER, Climb, Has, Rung
from collectors.kafka.watch import Watch

ENOUGH = ("Describe Topic", "Describe Group")  #: without these nothing of a cluster can be judged


def checked(name: str, cluster: Cluster, settings: Settings) -> Checked:
    """Look at one cluster."""
    source, cure = f"kafka/{name}", by_keys(name, _reference(cluster))
    way = access(name, cluster, settings.base)
    if told := authority(way.ca, cure):
        return Checked(source, False, (told,))
    try:
        seen = kafka_seen(Watch(way), str(cluster.bootstrap[0]), cluster.sample)
    except (NotSeenError, OSError) as problem:
        return Checked(source, False, why(way, problem, cure))
    word = "seen, and not all that is asked for" if seen.enough else "seen, and too little of it"
    return Checked(source, seen.enough and seen.sampled, seen.lines, word)


def _reference(cluster: Cluster) -> str:
    sasl = cluster.sasl
    return sasl.password.reference if sasl and sasl.password else "its reference"


@dataclass(frozen=True, slots=True)
class KafkaSeen:
    """What we may see of a cluster, right by right."""

    lines: tuple[str, ...]
    enough: bool  #: to judge
    sampled: bool = True  #: all that `sample` asks for can be had


def kafka_seen(watch: Watch, bootstrap: str, sample: Sequence[str] | None = None) -> KafkaSeen:
    """What we may see of a cluster, right by right, and of what `sample` asks for. Raise NotSeenError."""
    try:
        seen = watch.know()
        standing = Climb(watch.link, seen).standing()
        topics = counted(len(seen.rows), "topic")
        lines = [f"Kafka {watch.link.product}, {counted(len(seen.brokers), 'broker')}, {topics} shown to us"]
        if standing.authorizer is False:
            lines.append("It has no authorizer: everything is allowed to everybody.")
        for rung, has in standing.rungs:
            lines += _rung(rung, has, watch.access.principal, bootstrap)
        lines += [f"not answered: {one}" for one in standing.troubles]
        may = {rung.right: has for rung, has in standing.rungs}
        enough = all(may[right] in (Has.YES, Has.SOME) for right in ENOUGH)
        if sample is None:
            return KafkaSeen(tuple(lines), enough)
        records = asked(watch, seen, sample, bootstrap)
        return KafkaSeen((*lines, *records.lines), enough, records.ok)
    finally:
        watch.close()


def _rung(rung: Rung, has: Has, who: str, bootstrap: str) -> Iterator[str]:
    width = max(len(one.right) for one in LADDER)
    word = {Has.YES: "yes", Has.NO: "NO", Has.SOME: "SOME", Has.UNKNOWN: "?"}[has]
    yield f"{word:<5} {rung.right:<{width}}  {rung.shows}"
    if has in (Has.NO, Has.SOME):
        yield f"      blind without it: {NEEDED_BY[rung.right]}"
        yield f"      {rung.grant(who, bootstrap)}"

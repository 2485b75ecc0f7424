"""Says of each source that is asked whether it can be seen, and what we may not see of it, with what changes that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.app.asked import access, pulls
from agent.app.rights import NEEDED_BY
from agent.config.estates import Cluster
from agent.config.settings import Settings
from agent.model.pull import NotSeenError
from collectors.kafka.ladder import LADDER, Climb, Has, Rung
from collectors.kafka.watch import Watch

ENOUGH = ("Describe Topic", "Describe Group")  #: without these nothing of a cluster can be judged


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one source."""

    source: str
    ok: bool
    lines: tuple[str, ...]


def check(settings: Settings, kinds: Sequence[str]) -> Iterator[Checked]:
    """Look at every source of some kinds that the configuration names."""
    if "kafka" in kinds:
        for name, cluster in settings.clusters.items():
            if cluster.bootstrap:
                yield _kafka(name, cluster, settings)
    for pull in pulls(settings, lambda: datetime.now(UTC)):
        if pull.kind in kinds and pull.kind != "kafka":
            try:
                seen = pull.look()
                told = (f"seen, {len(seen.facts):,} facts", *(f"not answered: {one}" for one in seen.refused))
                yield Checked(f"{pull.kind}/{pull.name}", True, told)
            except NotSeenError as problem:
                yield Checked(f"{pull.kind}/{pull.name}", False, (str(problem),))
            finally:
                pull.close()


def _kafka(name: str, cluster: Cluster, settings: Settings) -> Checked:
    source = f"kafka/{name}"
    try:
        way = access(name, cluster, settings.base)
        lines, ok = kafka_lines(Watch(way), str(cluster.bootstrap[0]))
    except (NotSeenError, OSError) as problem:
        return Checked(source, False, (str(problem), *_hint(cluster)))
    return Checked(source, ok, lines)


def _hint(cluster: Cluster) -> tuple[str, ...]:
    first = cluster.bootstrap[0]
    return (f"`seamwatch init --kafka {first}` says what speaks there, and what it wants.",)


def kafka_lines(watch: Watch, bootstrap: str) -> tuple[tuple[str, ...], bool]:
    """What we may see of a cluster, right by right, and whether that is enough to judge. Raise NotSeenError."""
    try:
        seen = watch.know()
        standing = Climb(watch.link, seen).standing()
        head = f"Kafka {watch.link.product}, {len(seen.brokers)} brokers, {len(seen.rows):,} topics shown to us"
        lines = [head]
        if standing.authorizer is False:
            lines.append("It has no authorizer: everything is allowed to everybody.")
        for rung, has in standing.rungs:
            lines += _rung(rung, has, watch.access.principal, bootstrap)
        lines += [f"not answered: {one}" for one in standing.troubles]
        may = {rung.right: has for rung, has in standing.rungs}
        return tuple(lines), all(may[right] in (Has.YES, Has.SOME) for right in ENOUGH)
    finally:
        watch.close()


def _rung(rung: Rung, has: Has, who: str, bootstrap: str) -> Iterator[str]:
    width = max(len(one.right) for one in LADDER)
    word = {Has.YES: "yes", Has.NO: "NO", Has.SOME: "SOME", Has.UNKNOWN: "?"}[has]
    yield f"{word:<5} {rung.right:<{width}}  {rung.shows}"
    if has in (Has.NO, Has.SOME):
        yield f"      blind without it: {NEEDED_BY[rung.right]}"
        yield f"      {rung.grant(who, bootstrap)}"

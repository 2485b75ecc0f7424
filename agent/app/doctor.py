"""Says of each source that is asked whether it can be seen, and what we may not see of it, with what changes that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.app.asked import pulls
from agent.config.settings import Settings
from agent.model.pull import NotSeenError


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one source."""

    source: str
    ok: bool
    lines: tuple[str, ...]
    word: str = "cannot be seen"  #: where it is not ok


def check(settings: Settings, kinds: Sequence[str]) -> Iterator[Checked]:
    """Look at every source of some kinds that the configuration names."""
    clusters = settings.asked_clusters() if "kafka" in kinds else {}
    if clusters:
        from agent.app.doctor_kafka import checked

        for name, cluster in clusters.items():
            yield checked(name, cluster, settings)
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

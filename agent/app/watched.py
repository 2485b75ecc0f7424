"""What is watched, where and how often, in the words that a command begins and ends with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.app.pulls import Pulling
from agent.config.settings import Settings
from agent.model.counting import counted

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Watched:
    """One source that is asked."""

    source: str
    at: str
    every: timedelta

    def says(self, every: timedelta | None = None) -> str:
        """`kafka/prod at 127.0.0.1:9092, every 30 s`; with another period, that."""
        return f"{self.source} at {self.at}, every {period(every or self.every)}"


def watched(settings: Settings) -> Iterator[Watched]:
    """Every source that the configuration names, in the order in which they are asked."""
    for name, cluster in settings.asked_clusters().items():
        yield Watched(f"kafka/{name}", ", ".join(map(str, cluster.bootstrap)), cluster.every)
    for name, worker in settings.connect.items():
        yield Watched(f"connect/{name}", ", ".join(worker.urls), worker.every)
    for name, registry in settings.registries.items():
        yield Watched(f"registry/{name}", registry.url, registry.every)


def period(length: timedelta) -> str:
    """`30 s`, `6 h`, `90 min`: in the largest unit of which it is a whole number."""
    seconds = length.total_seconds()
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:g} s"


def amount(size: int) -> str:
    """Bytes as a person reads them."""
    return f"{size / _KIB / _KIB:,.1f} MiB" if size >= _KIB * _KIB else f"{-(-size // _KIB):,} KiB"


def ended(pulling: Sequence[Pulling], spans: int) -> Iterator[str]:
    """What an agent took in, when it is over."""
    for one in pulling:
        cost = one.pull.cost
        failed = sum(one.told.failures.values())
        saw = f", {failed:,} of which saw nothing" if failed else ""
        yield f"{one.told.source}: {counted(cost.looks, 'look')}{saw}; {amount(cost.received)} received."
    if spans or not pulling:
        yield f"Traces: {counted(spans, 'span')} received."

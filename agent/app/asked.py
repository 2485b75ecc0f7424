"""Which sources are asked: made from the configuration. What a source needs is imported where there is one."""

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agent.config.settings import Settings
from agent.model.pull import Pull

if TYPE_CHECKING:
    from agent.app.asked_kafka import Memory

_OF_KAFKA = ("kafka", "cramjam")  #: packages of the extra


def lacks() -> str:
    """Why no Kafka cluster can be asked here, with what to do; empty where all is installed."""
    if all(find_spec(name) is not None for name in _OF_KAFKA):
        return ""
    return "Kafka clusters need the extra `kafka`, which is not installed: pip install 'seamwatch[kafka]'."


def pulls(settings: Settings, clock: Callable[[], datetime], memory: "Memory | None" = None) -> Iterator[Pull]:
    """Every source that the configuration names. Raise ImportError for a cluster where `lacks` says something."""
    if clusters := settings.asked_clusters():
        from agent.app.asked_kafka import KafkaPull

        for name, cluster in clusters.items():
            yield KafkaPull(name, cluster, settings.base, clock, memory)
    if settings.connect or settings.registries:
        from agent.app import asked_rest

        yield from asked_rest.pulls(settings, clock, memory)

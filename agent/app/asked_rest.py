"""Connect clusters and schema registries among the sources that are asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from agent.app.recall import Recall
from agent.app.rest import Door, Rest
from agent.config.estates import Cluster, Connect, Registry
from agent.config.settings import Settings
from agent.model.counting import counted
from agent.model.pull import Cost, NotSeenError, Pull, Seen
from agent.model.seam import UNKNOWN, Component
from collectors.connect.watch import Watch as ConnectWatch
from collectors.recording.known import Known
from collectors.recording.reader import Reader
from collectors.registry.watch import Watch as RegistryWatch


class Memory(Protocol):
    """What was told of connectors and subjects before this start."""

    def settings_as_of(self, as_of: datetime, names: Sequence[str] | None = None) -> dict[Component, dict[str, str]]:
        """Settings of some names that are in force."""


class Watch(Protocol):
    """What turns one source's answers into what a line of a recording tells."""

    def look(self) -> dict[str, Any]:
        """Look once. Raise NotSeenError."""


class _Lines:
    """One source whose looks are lines of a recording: what is told of them is what a recording tells."""

    kind: str

    def __init__(
        self,
        name: str,
        every: timedelta,
        rest: Rest,
        watch: Watch,
        clock: Callable[[], datetime],
        memory: Memory | None,
    ) -> None:
        self.name, self.every, self.cost = name, every, Cost()
        self._rest, self._watch, self._clock = rest, watch, clock
        self._recall = Recall(f"{self.kind}/{name}", memory, self._remember)
        self.known = Known()
        self._reader = Reader(known=self.known)
        self._last: dict[str, Any] | None = None

    def look(self) -> Seen:
        """Look once. Raise NotSeenError."""
        self._recall.try_now()
        try:
            told = self._watch.look()
        finally:
            rest, cost = self._rest, self.cost
            cost.requests, cost.sent, cost.received = rest.requests, rest.sent, rest.received
        at = self._clock()
        line: dict[str, Any] = {"recording": 1, "source": self.kind, "at": at.isoformat()}
        line |= told | self._head(told)
        reading = self._reader.take(line)
        if reading is None:
            raise NotSeenError(f"What {self.kind} {self.name} told could not be used.")
        self._last = line
        refused = [f"{what}: {why}" for what, why in line["refused"].items() if why]
        wrong = [f"{what} ({count:,} times)" for what, count in reading.rejected.items()]
        return Seen(at, reading.facts, (*refused, *wrong), self._about(told))

    def _remember(self, memory: Memory) -> None:
        """What was there before this start."""
        raise NotImplementedError

    def _about(self, told: Mapping[str, Any]) -> str:
        raise NotImplementedError

    def _head(self, told: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def line(self) -> dict[str, Any] | None:
        """The last look as a line of a recording."""
        return self._last

    def retell(self) -> None:
        """Tell everything at the next look, also what is gone."""
        self.known.retell()

    def close(self) -> None:
        """Hang up."""
        self._rest.close()


class ConnectPull(_Lines):
    """One Connect cluster."""

    kind = "connect"

    def __init__(
        self,
        name: str,
        worker: Connect,
        clusters: Mapping[str, Cluster],
        base: Path,
        clock: Callable[[], datetime],
        memory: Memory | None = None,
    ) -> None:
        rest = Rest(_door("Connect", f"connect.{name}", name, worker.urls, worker, base))
        super().__init__(name, worker.every, rest, ConnectWatch(rest, f"Connect {name}"), clock, memory)
        self._cluster = worker.cluster or (next(iter(clusters)) if len(clusters) == 1 else None)
        known = clusters.get(self._cluster or "")
        self._id = known.id if known else None

    def _head(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The Kafka cluster's name; where none is configured, the id by which spans name it."""
        found = told.get("kafka_cluster_id")
        differs = (
            f"connect.{self.name} works on the Kafka cluster {found}, and clusters.{self._cluster}.id is {self._id}"
        )
        refused = told["refused"] | ({"cluster": differs} if found and self._id and found != self._id else {})
        return {"cluster": self._cluster or found or UNKNOWN, "connect": self.name, "refused": refused}

    def _about(self, told: Mapping[str, Any]) -> str:
        tasks = sum(len(about.get("tasks", ())) for about in told["connectors"].values())
        return f"{counted(len(told['connectors']), 'connector')}, {counted(tasks, 'task')}"

    def _remember(self, memory: Memory) -> None:
        for connector, told in memory.settings_as_of(self._clock(), ["connect"]).items():
            if told.get("connect") == self.name:
                cluster = connector.name.partition("/")[0]
                self.known.seed(f"connect/{self.name} {cluster}", [connector.name])


class RegistryPull(_Lines):
    """One schema registry."""

    kind = "registry"

    def __init__(
        self, name: str, registry: Registry, base: Path, clock: Callable[[], datetime], memory: Memory | None = None
    ) -> None:
        rest = Rest(_door("Registry", f"registries.{name}", name, (registry.url,), registry, base))
        self._registry = RegistryWatch(rest, f"Registry {name}")
        super().__init__(name, registry.every, rest, self._registry, clock, memory)

    def _head(self, told: Mapping[str, Any]) -> dict[str, Any]:
        return {"registry": self.name}

    def retell(self) -> None:
        """Tell everything at the next look, also what is gone."""
        super().retell()
        self._registry.retell()

    def _about(self, told: Mapping[str, Any]) -> str:
        return counted(len(told["subjects"]), "subject")

    def _remember(self, memory: Memory) -> None:
        for subject in memory.settings_as_of(self._clock(), ["versions"]):
            if subject.kind == "subject" and subject.name.startswith(f"{self.name}/"):
                self.known.seed(f"registry/{self.name}", [subject.name])


def pulls(settings: Settings, clock: Callable[[], datetime], memory: Memory | None = None) -> Iterator[Pull]:
    """Every Connect cluster and registry that the configuration names."""
    for name, worker in settings.connect.items():
        yield ConnectPull(name, worker, settings.clusters, settings.base, clock, memory)
    for name, registry in settings.registries.items():
        yield RegistryPull(name, registry, settings.base, clock, memory)


def _door(what: str, key: str, name: str, urls: tuple[str, ...], given: Connect | Registry, base: Path) -> Door:
    tls = given.tls
    return Door(
        what=f"{what} {name}",
        key=key,
        urls=urls,
        ca=file_at(base, tls.ca if tls else None),
        certificate=file_at(base, tls.certificate if tls else None),
        certificate_key=file_at(base, tls.key if tls else None),
        check_name=tls.check_name if tls else True,
        user=given.user,
        password=given.password.reveal() if given.password else None,
    )


def file_at(base: Path, name: str | None) -> str | None:
    """A file that the configuration names, beside it."""
    return None if name is None else str(base / name)

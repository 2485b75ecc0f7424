"""Numbers for names: slots for what has windows, numbers for side effects and services, arrays by shape."""

import hashlib
from collections import Counter
from datetime import datetime

import numpy as np
import numpy.typing as npt

from agent.model.columns import I32, I64, Role, Shape, Shapes
from agent.model.facts import Sighting
from agent.model.flush import Key
from agent.model.seam import Component, SeamKey

OTHER = Component("service", "__other__")


class Slots:
    """Slot numbers of seams and components, bounded in total and by service; what is over shares one slot a kind.

    A number is never reused: journals, open pairs and delivered ranges all hold it.
    """

    def __init__(self, most: int = 20_000, per_service: int = 400) -> None:
        self._most, self._per_service = most, per_service
        self._numbers: dict[Key, int] = {}
        self.keys: list[Key] = []
        self.fresh: list[tuple[int, Key]] = []
        self.overflowed: Counter[str] = Counter()
        self._by_service: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self.keys)

    def restore(self, slot: int, key: Key) -> None:
        """Put a known name back at its number; it counts for its service as before."""
        while len(self.keys) <= slot:
            self.keys.append(OTHER)
        if self._numbers.get(key) != slot:
            self._by_service[owner(key)] += 1
        self.keys[slot] = key
        self._numbers[key] = slot

    def slot(self, key: Key, service: str) -> int:
        """The number of a seam or component; over a cap, the number of its kind's overflow seam.

        It counts for the service that sent it and for the one that its name tells, which is all that a restart knows.
        """
        known = self._numbers.get(key)
        if known is not None:
            return known
        charged = {service, owner(key)} - {""}
        if len(self.keys) >= self._most or any(self._by_service[name] >= self._per_service for name in charged):
            self.overflowed[service] += 1
            key = SeamKey(key.kind, OTHER, OTHER) if isinstance(key, SeamKey) else Component(key.kind, OTHER.name)
            if key in self._numbers:
                return self._numbers[key]
            charged = set()
        slot = len(self.keys)
        self._by_service.update(charged)
        self._numbers[key] = slot
        self.keys.append(key)
        self.fresh.append((slot, key))
        return slot

    def take_fresh(self) -> list[tuple[int, Key]]:
        """Names numbered since the last call."""
        fresh, self.fresh = self.fresh, []
        return fresh


def owner(key: Key) -> str:
    """The service that a name tells: who calls, writes, publishes or reads; for a consumed topic, the group."""
    if isinstance(key, Component):
        return key.name.rsplit(" ", 2)[0] if key.kind == "route" else key.name
    if key.kind == "consumes":
        return key.target.name.partition("/")[2]
    return (key.target if key.kind == "reads" else key.source).name


class Operations:
    """Numbers of side effects, from 1; 0 is none. `mix` gives each a random-looking 64-bit number to add up."""

    MOST = 50_000
    MOST_CHARACTERS = 8 << 20  #: of all names

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}
        self._mix: list[int] = [0]
        self._characters = 0
        self.refused = 0  #: that found no room

    def number(self, name: str) -> int:
        """The number of an operation; 0 once the bound is reached."""
        known = self._numbers.get(name)
        if known is None:
            characters = self._characters + len(name)
            if len(self.names) >= self.MOST or characters > self.MOST_CHARACTERS:
                self.refused += 1
                return 0
            self._characters = characters
            known = self._numbers[name] = len(self.names)
            self.names.append(name)
            self._mix.append(
                int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True)
            )
        return known

    def mix(self) -> I64:
        """The mixing numbers as an array."""
        return np.array(self._mix, dtype=np.int64)


GUARDED = " (guarded)"


def named(operation: str, *, guarded: bool) -> str:
    """The name of a side effect: the same write with a guard is another effect."""
    return operation + GUARDED if operation and guarded else operation


_ROLE, _SERVICE, _SLOT, _OPERATION, _WRITES, _SAMPLED, _WIDTH = range(7)


class ShapeIndex:
    """Columns by shape number. A shape is taken in with the first span that has it: what nothing used was not seen."""

    def __init__(self, shapes: Shapes, slots: Slots, operations: Operations) -> None:
        self._shapes, self._slots, self._operations = shapes, slots, operations
        self._services: dict[str, int] = {}
        self._data = np.zeros((_WIDTH, 0), np.int64)
        self._used = np.zeros(0, dtype=bool)
        self._consumers: list[bool] = []
        self.extra: dict[int, tuple[int, ...]] = {}
        self.sightings: list[tuple[Key, dict[str, str]]] = []
        self.sampling = False  #: a shape is head-sampled
        self._grow(64)
        self._refreshed()

    def _grow(self, size: int) -> None:
        more = size - self._data.shape[1]
        self._data = np.concatenate([self._data, np.zeros((_WIDTH, more), np.int64)], axis=1)
        self._data[_SLOT, -more:] = self._data[_WRITES, -more:] = -1
        self._used = np.concatenate([self._used, np.zeros(more, dtype=bool)])
        self.role, self.service, self.slot = self._data[_ROLE], self._data[_SERVICE], self._data[_SLOT]
        self.operation, self.writes, self.sampled = self._data[_OPERATION], self._data[_WRITES], self._data[_SAMPLED]

    def _refreshed(self) -> None:
        self.consumer: npt.NDArray[np.bool_] = np.array(self._consumers, dtype=bool)
        self.mix = self._operations.mix()

    def shape(self, number: int) -> Shape:
        """The shape of a number."""
        return self._shapes[number]

    def refresh(self, shapes: I32) -> None:
        """Take in the shapes that these spans are the first to have."""
        if len(self._shapes) > len(self._used):
            self._grow(2 * len(self._shapes))
        used = self._used[shapes]
        if used.all():
            return
        for number in np.unique(shapes[~used]).tolist():
            self._data[:, number] = self._row(number, self._shapes[number])
            self._used[number] = True
        self._refreshed()

    def _row(self, number: int, shape: Shape) -> tuple[int, ...]:
        service = self._services.setdefault(shape.service, len(self._services))
        if service == len(self._consumers):
            self._consumers.append(False)
        if shape.role in (Role.RECEIVE, Role.CONSUME):
            self._consumers[service] = True
        keys: list[Key] = [*shape.seams, *([shape.component] if shape.component else [])]
        slots = [self._slots.slot(key, shape.service) for key in keys]
        if len(slots) > 1:
            self.extra[number] = tuple(slots[1:])
        kept = self._slots.keys  # over a cap a slot is its kind's overflow: the name itself is counted, and left out
        self.sightings.extend(
            (key, _attributes(shape)) for key, slot in zip(keys, slots, strict=True) if kept[slot] == key
        )
        operation = self._operations.number(named(shape.operation, guarded=shape.guarded))
        written = (slot for key, slot in zip(keys, slots, strict=True) if _is_written(key, shape.operation))
        self.sampling |= shape.sampled < 1.0
        sampled = int(shape.sampled < 1.0)
        return shape.role, service, slots[0] if slots else -1, operation, next(written, -1), sampled

    def take_sightings(self, at: datetime) -> list[Sighting]:
        """What was seen of seams and components since the last call."""
        seen, self.sightings = self.sightings, []
        return [Sighting(key, at, attributes) for key, attributes in seen]


def _is_written(key: Key, operation: str) -> bool:
    """Whether a seam is the one that a side effect writes to."""
    return isinstance(key, SeamKey) and key.kind == "writes" and operation.endswith(f" {key.target}")


def _attributes(shape: Shape) -> dict[str, str]:
    facts = {
        "service": shape.service,
        "scope": shape.scope,
        "version": shape.version,
        "operation": shape.operation,
        "environment": shape.environment,
        "server": shape.server,
        "sampled": f"{shape.sampled:.4g}" if shape.sampled < 1.0 else "",
        "guarded": str(shape.guarded).lower() if shape.operation else "",
    }
    for name in ("carries_context", "attaches_handler", "keeps_context", "gives_identity"):
        value = getattr(shape.instrument, name)
        facts[name] = "" if value is None else str(value).lower()
    return {name: value for name, value in facts.items() if value}

"""By which paradigm a service works: what makes it act tells it, and its reads and writes of tables take that."""

from collections.abc import Iterable, Mapping

from agent.model.seam import Component, SeamKey, server_of
from agent.store.store import SeamRow

UNKNOWN = "unknown"  #: nothing tells it; never taken for one of the three
_READS, _SERVES, _SENDS, _CALLS = range(4)  #: what tells it best first: what it takes in, then what it gives out


def ways(rows: Iterable[SeamRow]) -> Mapping[Component, str]:
    """From a service or job to the paradigm of its other seams; what nothing tells of is left out."""
    told: dict[Component, tuple[int, str]] = {}
    for row in rows:
        if not isinstance(row.key, SeamKey) or row.key.paradigm is None:
            continue
        for end, strength in _told(row, row.key):
            if end not in told or strength < told[end][0]:
                told[end] = strength, row.key.paradigm
    return {end: paradigm for end, (_, paradigm) in told.items()}


def paradigm(key: SeamKey, known: Mapping[Component, str]) -> str:
    """`event`, `api`, `batch` or `unknown`, also of a seam that takes it of its service."""
    if key.paradigm is not None:
        return key.paradigm
    mine = key.source if key.kind == "writes" else key.target
    return "batch" if mine.kind == "job" else known.get(mine, UNKNOWN)


def _told(row: SeamRow, key: SeamKey) -> Iterable[tuple[Component, int]]:
    """Whose paradigm a seam tells, and how strongly; the least is the strongest."""
    if key.kind == "consumes":
        names = row.attributes.get("service", "").split("|")
        return [(Component("service", name), _READS) for name in names if name]
    if key.kind == "calls":
        called = server_of(key.target) if key.target.kind == "route" else key.target
        return [(called, _SERVES), (key.source, _CALLS)]
    return [(key.source, _SENDS)] if key.kind == "publishes" else []

"""Names that are one thing: found from what the witnesses say of each other, kept as aliases with their reasons."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from agent.model.facts import Alias
from agent.model.seam import UNKNOWN, Component, SeamKey
from agent.store.store import Store

_CLUSTERED = ("topic", "group")


def joins(store: Store, as_of: datetime) -> list[Alias]:
    """Aliases that the store does not have yet; each is certain, or it is not made."""
    keys = store.keys()
    parts = {end for key in keys if isinstance(key, SeamKey) for end in (key.source, key.target)}
    parts |= {key for key in keys if isinstance(key, Component)}
    named = {part for part in parts if part.kind in _CLUSTERED}
    settings = store.settings_as_of(as_of)
    known = {alias.old for alias in store.aliases()}
    found = [*_clusters(named, settings, as_of), *_topics(named, as_of)]
    found += _groups([key for key in keys if isinstance(key, SeamKey) and key.kind == "consumes"], as_of)
    return [alias for alias in found if alias.old not in known]


def _cluster(component: Component) -> str:
    return component.name.partition("/")[0]


def _bare(component: Component) -> str:
    return component.name.partition("/")[2]


def _clusters(
    named: Iterable[Component], settings: Mapping[Component, Mapping[str, str]], at: datetime
) -> Iterator[Alias]:
    """A broker says its cluster's id: what spans know by the id has the cluster's name."""
    names = {
        told["cluster_id"]: _bare(source)
        for source, told in settings.items()
        if source.kind == "source" and source.name.startswith("kafka/") and told.get("cluster_id")
    }
    for component in sorted(named):
        name = names.get(_cluster(component))
        if name and name != _cluster(component):
            new = Component(component.kind, f"{name}/{_bare(component)}")
            yield Alias(component, new, at, f"the broker of {name} says that this is its cluster id")


def _topics(named: Iterable[Component], at: datetime) -> Iterator[Alias]:
    """A topic whose cluster no span told, and of whose name only one cluster has a topic."""
    clusters: dict[str, set[str]] = defaultdict(set)
    blank = []
    for component in sorted(named):
        if component.kind == "topic":
            if _cluster(component) == UNKNOWN:
                blank.append(component)
            else:
                clusters[_bare(component)].add(_cluster(component))
    for component in blank:
        found = clusters.get(_bare(component), set())
        if len(found) == 1:
            new = Component("topic", f"{next(iter(found))}/{_bare(component)}")
            yield Alias(component, new, at, "only one cluster has a topic of this name")


def _groups(consumed: Iterable[SeamKey], at: datetime) -> Iterator[Alias]:
    """A consumer that names no group, on a topic that the broker knows exactly one group of."""
    nameless: dict[Component, list[Component]] = defaultdict(list)
    told: dict[Component, list[Component]] = defaultdict(list)
    for key in consumed:
        (nameless if _cluster(key.target) == UNKNOWN else told)[key.source].append(key.target)
    for topic, groups in sorted(nameless.items()):
        known = told.get(topic, [])
        if len(groups) == 1 and len(known) == 1 and _cluster(topic) != UNKNOWN:
            yield Alias(groups[0], known[0], at, "the only consumer without a group, on a topic with one group")

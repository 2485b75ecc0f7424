"""Topics that are named nearly alike, where brokers create topics by themselves: one may be a slip of a finger."""

import re
from collections import defaultdict
from collections.abc import Iterator

from agent.engine.estate import Estate
from agent.model.seam import Component, source
from agent.model.subjects import Sibling

LONG = 4  #: letters that a word needs before another letter in it is a slip and not another word (`eu`, `us`)
WORDS = frozenset(("dev", "test", "stage", "staging", "prod", "qa", "uat", "int", "perf", "demo", "new", "old", "copy"))
_MARKS = re.compile(r"[._\-]+")
_PARTS = re.compile(r"[._\-]+|(?<=[a-z])(?=[A-Z])")
_DIGITS = re.compile(r"\d+")


class Siblings:
    """Names of each cluster by what is left of them without one letter; made where a topic is asked for."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._near: dict[str, dict[str, set[Component]]] = {}

    def of(self, topic: Component) -> Sibling | None:
        """The busiest topic that is named nearly alike; None where brokers do not create topics by themselves."""
        cluster = topic.name.partition("/")[0]
        broker = self._estate.settings.get(source("kafka", cluster), {})
        if broker.get("broker.auto.create.topics.enable") != "true" or not self._one_sided(topic):
            return None
        near = self._index(cluster)
        found = {one for left in _lefts(_plain(topic)) for one in near.get(left, ())} - {topic}
        told = [one for one in found if alike(_bare(topic), _bare(one)) and self._written(one) > self._written(topic)]
        if not told:
            return None
        best = max(told, key=lambda one: (self._written(one), one))
        edits = 0 if _plain(topic) == _plain(best) else _distance(_plain(topic), _plain(best))
        return Sibling(topic=best, written=self._written(best), groups=self._groups(best), edits=edits)

    def _one_sided(self, topic: Component) -> bool:
        return bool(self._written(topic)) != bool(self._groups(topic))

    def _written(self, topic: Component) -> int:
        produced = self._estate.produced.get(topic)
        return int(produced.last or 0) if produced is not None else 0

    def _groups(self, topic: Component) -> int:
        ends = self._estate.ends.get(topic)
        return len(ends.readers) if ends else 0

    def _index(self, cluster: str) -> dict[str, set[Component]]:
        if cluster not in self._near:
            near: dict[str, set[Component]] = defaultdict(set)
            for topic in self._estate.topics:
                if topic.name.partition("/")[0] == cluster:
                    for left in _lefts(_plain(topic)):
                        near[left].add(topic)
            self._near[cluster] = near
        return self._near[cluster]


def alike(one: str, other: str) -> bool:
    """Names that one slip tells apart; not those of shards, versions, environments, regions, or of other words."""
    plain, beside = _flat(one), _flat(other)
    if _DIGITS.findall(one) != _DIGITS.findall(other) or WORDS & set(_words(one)) != WORDS & set(_words(other)):
        return False
    if plain == beside:
        return one != other
    apart = set(_words(one)) ^ set(_words(other))
    return all(len(word) >= LONG for word in apart) and 0 < _distance(plain, beside) <= (2 if len(plain) > 9 else 1)


def _bare(topic: Component) -> str:
    return topic.name.partition("/")[2]


def _words(name: str) -> list[str]:
    return [word.lower() for word in _PARTS.split(name) if word]


def _flat(name: str) -> str:
    """Without separators, case and a plural at the end."""
    return _MARKS.sub("", name).lower().removesuffix("s")


def _plain(topic: Component) -> str:
    return _flat(_bare(topic))


def _lefts(name: str) -> Iterator[str]:
    """The name, and all that is left of it without one letter: names two slips apart or fewer share most of them."""
    yield name
    for index in range(len(name)):
        yield name[:index] + name[index + 1 :]


def _distance(one: str, other: str) -> int:
    """Letters to put in, take out, change or swap with the next one; 3 for more than two."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before, row = list[int](), list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return min(3, row[-1])

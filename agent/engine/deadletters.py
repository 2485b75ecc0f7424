"""Where a group's failing messages go: looked for in every place that could tell, the surest first."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.model.declared import Declarations
from agent.model.seam import UNKNOWN, Component
from agent.model.subjects import DeadLetters

# RULES, DLQ-01: the name alone misfires on 5 of 12 decoys; with the relation to a source topic on none.
NAMED = re.compile(
    r"(?:^|[._-])(dlq|dlt|dead[-_.]?letters?|errors?|parking(?:[-_.]?lot)?)(?:$|[._-]|\d)", re.IGNORECASE
)
QUEUE = "errors.deadletterqueue.topic.name"  #: a connector's setting, and a share group's
_SPLIT = re.compile(r"[._\-/]+|(?<=[a-z])(?=[A-Z])")
SEARCHED = ("declarations", "connector settings", "published while failing", "topic names")


def _tokens(name: str) -> frozenset[str]:
    return frozenset(token.lower() for token in _SPLIT.split(name) if token)


def _bare(topic: Component) -> str:
    return topic.name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class _Named:
    topic: Component
    rest: frozenset[str]  #: tokens of its name without the word for dead letters
    theirs: bool  #: the rest is part of some other topic's name


class DeadLetterSearch:
    """Finds the dead letters of one group after another; built once a round from everything known."""

    def __init__(
        self, topics: Iterable[Component], declared: Declarations, settings: Mapping[Component, Mapping[str, str]]
    ) -> None:
        self._declared, self._settings = declared, settings
        known = list(topics)
        plain = [_tokens(_bare(topic)) for topic in known if not NAMED.search(_bare(topic))]
        self._named = [self._read(topic, plain) for topic in known if NAMED.search(_bare(topic))]

    @staticmethod
    def _read(topic: Component, plain: list[frozenset[str]]) -> _Named:
        rest = _tokens(NAMED.sub(".", _bare(topic)))
        return _Named(topic, rest, bool(rest) and any(rest <= tokens for tokens in plain))

    def of(self, group: Component, topic: Component, seen: str) -> DeadLetters | None:
        """The dead letters of a group on a topic; `seen` is a topic it published to while failing."""
        for component in (group, topic):
            name = self._declared.declared(component, "dead_letters")
            if isinstance(name, str):
                return DeadLetters(Component.parse(name), "declared")
        connect = self._connector(group)
        if connect is not None:
            return connect
        if seen:
            return DeadLetters(Component.parse(seen), "span")
        return self._by_name(group, topic)

    def _connector(self, group: Component) -> DeadLetters | None:
        cluster, _, name = group.name.partition("/")
        if not name.startswith("connect-"):
            return None
        settings = self._settings.get(Component("connector", f"{cluster}/{name.removeprefix('connect-')}"), {})
        queue = settings.get(QUEUE)
        return DeadLetters(Component("topic", f"{cluster}/{queue}"), "connect") if queue else None

    def _by_name(self, group: Component, topic: Component) -> DeadLetters | None:
        cluster = topic.name.partition("/")[0]
        mine = _tokens(_bare(topic))
        wider = mine | _tokens(_bare(group))
        near = [n for n in self._named if n.topic != topic and n.topic.name.partition("/")[0] in (cluster, UNKNOWN)]
        for named in near:
            if named.rest and (named.rest <= mine or (named.rest <= wider and named.rest & mine)):
                return DeadLetters(named.topic, "name")
        shared = next((named for named in near if not named.theirs), None)
        return DeadLetters(shared.topic, "name-only") if shared else None

"""Where a group's failing messages go, and what a dead-letter topic takes: the surest place that tells comes first."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from agent.engine.estate import Estate
from agent.model.declared import Declarations
from agent.model.kafka import samples
from agent.model.seam import UNKNOWN, Component
from agent.model.subjects import DeadLetters, Retry

# RULES, DLQ-01: the name alone misfires on 5 of 12 decoys; with the relation to a source topic on none.
NAMED = re.compile(
    r"(?:^|[._-])(dlq|dlt|dead[-_.]?letters?(?:[-_.]topic)?|errors?|parking(?:[-_.]?lot)?)(?:$|[._-]|\d)", re.IGNORECASE
)
#: words that mean nothing else: a topic so named is one even where its source is unknown
_SURE = re.compile(r"(?:^|[._-])(dlq|dlt|dead[-_.]?letters?(?:[-_.]topic)?)(?:$|[._-]|\d)", re.IGNORECASE)
#: of Spring and others: a delay or a number may follow; a word after it makes it something else (`retry-policies`)
_RETRY = re.compile(r"(?P<of>.+?)[._-]retry(?:[._-]?topic)?(?:[._-]?(?P<number>\d+)(?:ms|s|m|h)?)?", re.IGNORECASE)
QUEUE = "errors.deadletterqueue.topic.name"  #: a connector's setting, and a share group's
_SPLIT = re.compile(r"[._\-/]+|(?<=[a-z])(?=[A-Z])")
_DLQ_SETTING = re.compile(r"(dlq|deadletterqueue).*name$", re.IGNORECASE)
MOST_PARTS = 8  #: of a name, of which every selection is looked up
MOST = 20  #: sources of a dead-letter topic that are told
SEARCHED = (
    "declarations",
    "connector settings",
    "settings of the group",
    "headers of sampled records",
    "published while failing",
    "topic names",
)


def _tokens(name: str) -> frozenset[str]:
    return frozenset(token.lower() for token in _SPLIT.split(name) if token)


def _bare(topic: Component) -> str:
    return topic.name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class _Named:
    topic: Component
    rest: frozenset[str]  #: tokens of its name without the word for dead letters
    theirs: bool  #: the rest is part of some other topic's name
    beside: tuple[frozenset[str], ...]  #: topics whose names are in the rest: it is of one of them and a group


class Plain:
    """Topics that are no dead letters, by the parts of their names."""

    def __init__(self, topics: Iterable[Component]) -> None:
        self.tokens = {topic: _tokens(_bare(topic)) for topic in topics}
        self._by: dict[str, set[Component]] = defaultdict(set)
        self._exactly: dict[frozenset[str], list[Component]] = defaultdict(list)
        for topic, tokens in self.tokens.items():
            self._exactly[tokens].append(topic)
            for token in tokens:
                self._by[token].add(topic)

    def with_all(self, rest: frozenset[str]) -> set[Component]:
        """Those whose names have all of some parts; none of no parts."""
        found = sorted((self._by.get(token, set()) for token in rest), key=len)
        return set.intersection(*found) if found else set()

    def within(self, rest: frozenset[str]) -> list[Component]:
        """Those whose names are made of nothing but some parts, the longest first."""
        if len(rest) > MOST_PARTS:
            return []
        parts = sorted(rest)
        some = (frozenset(few) for size in range(len(parts), 0, -1) for few in combinations(parts, size))
        return [topic for tokens in some for topic in sorted(self._exactly.get(tokens, ()))]


class DeadLetterSearch:
    """Finds the dead letters of one group after another; built once a round from everything known."""

    def __init__(
        self, topics: Iterable[Component], declared: Declarations, settings: Mapping[Component, Mapping[str, str]]
    ) -> None:
        self._declared, self._settings = declared, settings
        known = list(topics)
        self.plain = Plain(topic for topic in known if not NAMED.search(_bare(topic)))
        self._named = [self._read(topic) for topic in known if NAMED.search(_bare(topic))]
        self._told = {source: queue for queue, source in of_headers(settings)}

    def _read(self, topic: Component) -> _Named:
        rest = _tokens(NAMED.sub(".", _bare(topic)))
        beside = tuple(self.plain.tokens[one] for one in self.plain.within(rest))
        return _Named(topic, rest, bool(self.plain.with_all(rest)), beside)

    def of(self, group: Component, topic: Component, seen: str) -> DeadLetters | None:
        """The dead letters of a group on a topic; `seen` is a topic it published to while failing."""
        for component in (group, topic):
            name = self._declared.declared(component, "dead_letters")
            if isinstance(name, str):
                return DeadLetters(Component.parse(name), "declared")
        told = self._connector(group) or self._share(group)
        if told is not None:
            return told
        if topic in self._told:
            return DeadLetters(self._told[topic], "headers")
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

    def _share(self, group: Component) -> DeadLetters | None:
        queue = _of_share_group(self._settings.get(group, {}))
        return DeadLetters(Component("topic", f"{group.name.partition('/')[0]}/{queue}"), "share") if queue else None

    def _by_name(self, group: Component, topic: Component) -> DeadLetters | None:
        cluster = topic.name.partition("/")[0]
        mine = _tokens(_bare(topic))
        wider = mine | _tokens(_bare(group))
        near = [n for n in self._named if n.topic != topic and n.topic.name.partition("/")[0] in (cluster, UNKNOWN)]
        for named in near:
            if named.rest and (named.rest <= mine or (named.rest <= wider and named.rest & mine)):
                return DeadLetters(named.topic, "name")
        others = (named for named in near if not named.theirs)
        shared = next((named for named in others if not named.beside or any(one <= mine for one in named.beside)), None)
        return DeadLetters(shared.topic, "name-only") if shared else None


def dead_letter_search(estate: Estate) -> DeadLetterSearch:
    """The search over everything that one instant knows."""
    return DeadLetterSearch(estate.topics, estate.declared, estate.settings)


class Taking:
    """What each dead-letter topic takes; built once a round."""

    def __init__(self, estate: Estate) -> None:
        self.search = estate.once(dead_letter_search)
        self._estate = estate
        self._told: dict[Component, tuple[str, set[Component]]] = {}
        surest = {
            "declared": self._declared(),
            "connect": self._connect(),
            "share": self._share(),
            "headers": of_headers(estate.settings),
        }
        for known_by, told in surest.items():
            for queue, topic in told:
                self._told.setdefault(queue, (known_by, set()))[1].add(topic)
        for seen in estate.seams["consumes"]:
            published = seen.attributes.get("dead_letters", "")
            if published and NAMED.search(published):  # what fails is also published to retry topics
                self._told.setdefault(Component.parse(published), ("span", set()))[1].add(seen.key.source)

    def of(self, topic: Component) -> tuple[str, tuple[Component, ...]] | None:
        """How it is known to take dead letters, and of which topics; None for any other topic."""
        told = self._told.get(topic)
        if told is not None:
            return told[0], tuple(sorted(told[1] - {topic}))[:MOST]
        name = _bare(topic)
        if not NAMED.search(name):
            return None
        found = self._related(topic, _tokens(NAMED.sub(".", name)), sure=_SURE.search(name) is not None)
        if found:
            return "name", tuple(sorted(found))[:MOST]
        return ("name-only", ()) if _SURE.search(name) else None

    def _related(self, topic: Component, rest: frozenset[str], *, sure: bool) -> list[Component]:
        """By the rest of its name: a topic's own, a topic's with its group's, or part of some topics'."""
        plain, cluster = self.search.plain, topic.name.partition("/")[0]
        wide = [one for one in plain.with_all(rest) if one.name.partition("/")[0] == cluster]
        exact = [one for one in wide if plain.tokens[one] == rest]
        if exact or (wide and sure):
            return exact or wide
        near = [one for one in plain.within(rest) if one.name.partition("/")[0] == cluster]
        return [one for one in near if sure or self._with_group(one, rest)][:1]

    def _with_group(self, topic: Component, rest: frozenset[str]) -> bool:
        own = self.search.plain.tokens[topic]
        return any(own | _tokens(_bare(seen.key.target)) == rest for seen in self._estate.reading.get(topic, ()))

    def _declared(self) -> Iterator[tuple[Component, Component]]:
        told = [facts for facts in self._estate.declared.components if facts.dead_letters]
        for seen in self._estate.seams["consumes"] if told else ():
            for facts in told:
                if facts.matches(seen.key.target) or facts.matches(seen.key.source):
                    yield Component.parse(facts.dead_letters or ""), seen.key.source

    def _connect(self) -> Iterator[tuple[Component, Component]]:
        for one, settings in self._estate.settings.items():
            named = settings.get(f"effective.{QUEUE}", settings.get(QUEUE)) if one.kind == "connector" else None
            if named:
                cluster = one.name.partition("/")[0]
                for name in filter(None, settings.get("topics_seen", settings.get("topics", "")).split(",")):
                    yield Component("topic", f"{cluster}/{named}"), Component("topic", f"{cluster}/{name.strip()}")

    def _share(self) -> Iterator[tuple[Component, Component]]:
        for seen in self._estate.seams["consumes"]:
            named = _of_share_group(self._estate.settings.get(seen.key.target, {}))
            if named:
                yield Component("topic", f"{seen.key.target.name.partition('/')[0]}/{named}"), seen.key.source


def of_headers(settings: Mapping[Component, Mapping[str, str]]) -> Iterator[tuple[Component, Component]]:
    """Topics whose sampled records say from where they came as dead letters, with where that was.

    What is tried again has such headers too: a retry topic takes no dead letters.
    """
    for queue, told in settings.items():
        if queue.kind != "topic" or samples.ORIGINS not in told or _RETRY.fullmatch(_bare(queue)):
            continue
        cluster = queue.name.partition("/")[0]
        for name in told[samples.ORIGINS].split(samples.SEPARATOR):
            yield queue, Component("topic", f"{cluster}/{name}")


def _of_share_group(settings: Mapping[str, str]) -> str:
    """The setting of a share group that names its dead letters (KIP-1191), whatever it is called in the end."""
    names = (name for name in settings if name.startswith("config.") and _DLQ_SETTING.search(name))
    return next((settings[name] for name in names if settings[name]), "")


def retries(estate: Estate, search: DeadLetterSearch) -> Mapping[Component, Retry]:
    """Each retry topic with what it belongs to: named after a topic that exists, which is no retry topic itself."""
    known, families = set(estate.topics), dict[Component, list[tuple[int, Component]]]()
    for topic in estate.topics:
        parsed = _RETRY.fullmatch(_bare(topic))
        of = _base(topic, parsed["of"], known) if parsed and not NAMED.search(_bare(topic)) else None
        if of is not None and parsed is not None:
            families.setdefault(of, []).append((int(parsed["number"] or 0), topic))
    found: dict[Component, Retry] = {}
    for of, numbered in families.items():
        family = tuple(topic for _, topic in sorted(numbered))
        one = Retry(of=of, family=family, dead_letters=_end(estate, search, of, family))
        found.update(dict.fromkeys(family, one))
    return found


def _base(topic: Component, name: str, known: set[Component]) -> Component | None:
    """The topic that a retry topic is named after: its name as a whole, or before the name of a group."""
    cluster = topic.name.partition("/")[0]
    while name:
        one = Component("topic", f"{cluster}/{name}")
        if one in known and _RETRY.fullmatch(name) is None:
            return one
        cut = max(name.rfind(mark) for mark in "._-")
        name = name[:cut] if cut > 0 else ""
    return None


def _end(estate: Estate, search: DeadLetterSearch, of: Component, family: tuple[Component, ...]) -> DeadLetters | None:
    """Where what is tried again ends, by any of the groups that read; surer ways come first."""
    nobody = Component("group", f"{of.name.partition('/')[0]}/")
    asked = [(nobody, one, "") for one in family]
    for one in (*family, of):
        asked += [
            (seen.key.target, one, seen.attributes.get("dead_letters", "")) for seen in estate.reading.get(one, ())
        ]
    found = [letters for group, topic, seen in asked if (letters := search.of(group, topic, seen)) is not None]
    ends = [letters for letters in found if letters.topic not in family]
    return min(ends, key=lambda letters: letters.known_by == "name-only", default=None)

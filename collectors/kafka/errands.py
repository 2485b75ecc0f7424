"""What a look asks only now and then: each errand when it is due, one a look, so that no look is a burst."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.model.kafka.look import Producer, Transaction, Whole
from collectors.kafka.access import Troubles, Why
from collectors.kafka.groups import CLASSIC, Listing
from collectors.kafka.ladder import Climb, Has
from collectors.kafka.layout import Layout
from collectors.kafka.link import Link
from collectors.kafka.offsets import Offsets
from collectors.kafka.settings import Found, Settings, Told

#: Errands by name, and how often each is run, in seconds.
PERIODS: Mapping[str, float] = {
    "what we may see": 600.0,
    "transactions": 60.0,
    "topic settings": 300.0,
    "producers": 300.0,
    "first records": 300.0,
    "broker settings": 600.0,
    "group settings": 600.0,
    "client metrics": 600.0,
    "rights": 600.0,
}
#: At the first look, for without them little can be judged; the others follow one by one, since stamps go first.
AT_FIRST = ("what we may see", "topic settings", "broker settings", "first records")
AGAIN = 30.0  #: s after which one is run again that a broker did not answer
_PASSING = {Why.UNREACHABLE, Why.TIMEOUT, Why.MOVED}
_BEGINNING = 1  #: ms: the first record stamped then or later is the first that is left


@dataclass(slots=True)
class Fresh:
    """What the errands of one look brought; None: not asked, or not answered."""

    topics: Mapping[str, Told] | None = None
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)
    origins: dict[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)  #: by errand, as `Found` has them
    producers: Mapping[str, Mapping[int, tuple[Producer, ...]]] | None = None
    first: Whole | None = None  #: ms, stamp of the first record of each row; -1 for none
    broker: Told | None = None
    groups: Mapping[str, Told] = field(default_factory=dict)
    client_metrics: Mapping[str, Told] | None = None
    acls: tuple[str, ...] | None = None
    transactions: tuple[Transaction, ...] | None = None
    refused: dict[str, str] = field(default_factory=dict)  #: errand -> why; empty where it was answered


class Errands:
    """Runs the errands of one cluster."""

    def __init__(self, link: Link, offsets: Offsets) -> None:
        self._link, self._settings, self._offsets = link, Settings(link), offsets
        self.topics_denied = self.groups_denied = False  #: there may be others than those that we see
        self._ran: dict[str, float] = {}

    def soon(self, *names: str) -> None:
        """Something changed: these are due."""
        for name in names:
            self._ran.pop(name, None)

    def run(self, layout: Layout, groups: Listing, now: float, *, first: bool) -> Fresh:
        """Run the errand that is due for the longest; at the first look those without which little can be judged."""
        due = [name for name, period in PERIODS.items() if not 0 <= now - self._ran.get(name, -period) < period]
        due = list(AT_FIRST) if first else sorted(due, key=lambda name: self._ran.get(name, 0.0))[:1]
        fresh = Fresh()
        for name in due:
            troubles = self._errand(name)(layout, groups, fresh)
            fresh.refused[name] = troubles.says
            sooner = PERIODS[name] - AGAIN if _PASSING & troubles.keys() else 0.0
            self._ran[name] = now - max(0.0, sooner)
        return fresh

    def _errand(self, name: str) -> Callable[[Layout, Listing, Fresh], Troubles]:
        return {
            "what we may see": self._ours,
            "transactions": self._transactions,
            "topic settings": self._topics,
            "producers": self._producers,
            "first records": self._first,
            "broker settings": self._brokers,
            "group settings": self._groups,
            "client metrics": self._client_metrics,
            "rights": self._rights,
        }[name]

    def _ours(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        climb = Climb(self._link, layout)
        self.topics_denied = climb.topic() in (Has.NO, Has.SOME)
        self.groups_denied = climb.group() is Has.NO
        return Troubles()

    def _topics(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        found = self._settings.topics(self._link.awake(layout.brokers), layout.rows.names)
        fresh.own = found.own
        return _kept(fresh, "topics", found)

    def _brokers(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        return _kept(fresh, "broker", self._settings.brokers(layout.brokers))

    def _groups(self, _layout: Layout, groups: Listing, fresh: Fresh) -> Troubles:
        modern = {
            node: [name for protocol, names in protocols.items() if protocol != CLASSIC for name in names]
            for node, protocols in groups.by_broker.items()
        }
        return _kept(fresh, "groups", self._settings.groups(modern))

    def _client_metrics(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        return _kept(fresh, "client_metrics", self._settings.client_metrics(self._link.awake(layout.brokers)))

    def _rights(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        return _kept(fresh, "acls", self._settings.acls(self._link.awake(layout.brokers)))

    def _producers(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        return _kept(fresh, "producers", self._settings.producers(layout))

    def _transactions(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        return _kept(fresh, "transactions", self._settings.transactions(layout.brokers))

    def _first(self, layout: Layout, _groups: Listing, fresh: Fresh) -> Troubles:
        answer = self._offsets.at(layout, dict.fromkeys(range(len(layout.rows.number)), _BEGINNING))
        fresh.first = answer.time
        return answer.troubles


def _kept(fresh: Fresh, name: str, found: Found) -> Troubles:
    setattr(fresh, name, found.value)
    fresh.origins[name] = found.origins
    return found.troubles

"""Virtual time: what happened is folded in the order of arrival, and judged every so often, as the live agent would."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from agent.app.inputs import Happened, Sent
from agent.app.looks import Looks
from agent.engine.round import Outcomes, Rounds
from agent.ingest.aggregator import Aggregator
from agent.model.counting import counted
from agent.store.store import Store
from collectors.otlp.decode import Decoder

STRETCH = timedelta(hours=48)
SETTLE = timedelta(minutes=2)
Progress = Callable[[datetime, int], None]  #: told the virtual time and how much was taken in


def amount(count: int) -> str:
    """How much was taken in, in words."""
    return counted(count, "request or look", "requests and looks")


class Replay:
    """Feeds one aggregator and one store in virtual time.

    Each has a decoder of its own: what another has decoded, later in time or in another stretch, it cannot know.
    """

    def __init__(
        self,
        decoder: Decoder,
        store: Store,
        rounds: Rounds,
        *,
        every: timedelta,
        writer: str = "replay",
        progress: Progress | None = None,
    ) -> None:
        self._decoder, self._store, self._rounds = decoder, store, rounds
        self._aggregator = Aggregator(decoder.shapes)
        self._every, self._writer = every, writer
        self._progress = progress or (lambda _at, _count: None)
        self._sequence = store.ensure_writer(writer)
        self.first: datetime | None = None
        self.now: datetime | None = None
        self.count = 0
        self._due: datetime | None = None
        self.looks = Looks(store)

    def run(self, happened: Iterable[Happened]) -> None:
        """Take everything in; rounds happen on the way."""
        for one in happened:
            if self.now is None:
                self._begin(one.at)
            self._advance(one.at)
            self._take(one)

    def _begin(self, at: datetime) -> None:
        self.first = self.now = at
        self._store.attach(at)
        self._due = at + self._every

    def _advance(self, at: datetime) -> None:
        """Judge at every step up to a time; long silences are judged too: absence is evidence."""
        while self._due is not None and self._due <= at:
            self.flush()
            self._rounds.run(self._due - SETTLE)
            self._progress(self._due, self.count)
            self._due += self._every
        self.now = max(at, self.now or at)

    def _take(self, one: Happened) -> None:
        self.count += 1
        if not isinstance(one.what, Sent):
            self.looks.keep(one.what, one.at)
        elif (columns := one.what.columns(self._decoder)) is not None:
            self._aggregator.take(self._aggregator.fold(columns, one.at))

    def wait(self, until: datetime) -> None:
        """Nothing more comes up to a time: what is there is judged on to it."""
        if self.now is not None:
            self._advance(until)

    def flush(self) -> None:
        """Hand what was folded to the store, and roll up what has closed."""
        self.looks.write()
        batch = self._aggregator.drain(self._writer, self._sequence, self._sequence + 1)
        self._store.flush(replace(batch, drained=self.now))
        self._sequence += 1
        for alias in self._aggregator.take_aliases():
            self._store.add_alias(alias)
        if self.now is not None:
            while self._store.roll_up(self.now - SETTLE):
                pass

    def finish(self) -> Outcomes | None:
        """The end of a capture: every wait counts as elapsed, and everything is judged once more."""
        if self.now is None:
            return None
        self.close()
        return self._rounds.run(_after(self.now), elapsed=True)

    def close(self) -> None:
        """Nothing more comes: what still waits for spans is decided, and the store gets it."""
        if self.now is not None:
            self._aggregator.take(self._aggregator.settle(self.now))
            self.flush()


def _after(at: datetime) -> datetime:
    """The first whole minute that has everything before it."""
    return (at + timedelta(minutes=1)).replace(second=0, microsecond=0)


def stretches(happened: Iterable[Happened]) -> "Iterable[tuple[bool, Happened]]":
    """Everything, and whether it begins a stretch of its own: more than 48 h after what came before."""
    latest: datetime | None = None
    for one in happened:
        fresh = latest is None or one.at - latest > STRETCH
        latest = one.at if latest is None else max(latest, one.at)
        yield fresh, one

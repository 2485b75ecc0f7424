"""When each source was heard, and which are watched: so that silence is told from what was taken out."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from agent.model.facts import Setting
from agent.model.hearing import WATCHED, heard
from agent.model.seam import source_named
from agent.store.store import Store

OTLP = "otlp/http"
EVERY = timedelta(minutes=1)  #: between two times that a source which is always talking is noted
NAME = "seamwatch"


class Hearing:
    """What the store knows of sources of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[str, datetime] = {}

    def begin(self, names: Iterable[str], at: datetime) -> None:
        """These are watched from now on, and no others are; since when is kept, for before that nobody listened."""
        watched = set(names)
        known = {row.source for row in self._store.sources()}
        told = [
            Setting(source_named(name), WATCHED, at.isoformat() if name in watched else None, at, NAME)
            for name in sorted(watched | known)
        ]
        self._store.record(settings=told)

    def note(self, name: str, at: datetime) -> None:
        """It told something; written once a minute."""
        last = self._noted.get(name)
        if last is None or not timedelta(0) <= at - last < EVERY:
            self._store.record([heard(source_named(name), at)])
            self._noted[name] = at

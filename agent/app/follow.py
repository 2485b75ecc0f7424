"""Recordings that go on after their replay: what is appended to them is taken in before each round."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.app.inputs import Recorded
from agent.app.looks import Looks
from agent.app.parts import Parts
from agent.engine.round import Outcomes, Rounds
from agent.model.declared import Declarations
from agent.model.rule import Rule
from agent.store.store import Store
from collectors.recording.growing import Change

log = logging.getLogger(__name__)

CUT = "cut off"
_LOST = "what was written after the last look, if anything"


class Following(Rounds):
    """Rounds that first read on in some recordings, with the readers that replayed them.

    A round judges as of some minutes ago, so that what was written since the one before is never late.
    """

    def __init__(
        self,
        store: Store,
        rules: Sequence[Rule],
        declared: Declarations,
        *,
        thresholds: Mapping[str, Mapping[str, Any]],
        recordings: Sequence[Recorded],
        counts: Mapping[str, int],
    ) -> None:
        super().__init__(store, rules, declared, thresholds=thresholds)
        self._recordings = recordings
        self._looks = Looks(store, counts)
        self._unread: set[str] = set()  #: recordings that could not be read the last time
        self._refused = {one.source.path: Counter(one.source.reasons) for one in recordings}
        self.dropped: Counter[tuple[str, str]] = Counter()  #: how often something was lost, by source and reason

    @property
    def sources(self) -> frozenset[str]:
        """The sources that are followed, as the store names them."""
        return frozenset(self._looks.counts)

    def run(self, as_of: datetime, *, elapsed: bool = False) -> Outcomes:
        """Take in what was appended, then judge."""
        self.take()
        return super().run(as_of, elapsed=elapsed)

    def take(self) -> None:
        """Take in what was appended; what the store does not take now it is given the next time."""
        self._looks.write()
        for recorded in self._recordings:
            path = recorded.source.path
            try:
                for reading in recorded.so_far():
                    self._looks.keep(reading, reading.at)
                self._unread.discard(path)
            except OSError as problem:  # of the file: the store's are of another kind
                self._tell(path, problem)
            self._refuse(recorded)
            self._changed(recorded)
        self._looks.write()

    def _refuse(self, recorded: Recorded) -> None:
        """Count what could not be taken since the last look; a line that says nothing is of the file's own source."""
        path, reasons = recorded.source.path, recorded.source.reasons
        fresh, before = reasons - self._refused[path], self._refused[path]
        if not fresh:
            return
        self._refused[path] = Counter(reasons)
        source = min(recorded.told, default=path)
        self.dropped.update({(f"recording/{source}", reason): count for reason, count in fresh.items()})
        if fresh.keys() - before.keys():  # each reason once: the numbers are on the Collectors page
            log.warning("recording not taken", extra={"fields": {"path": path, "why": dict(fresh)}})

    def _changed(self, recorded: Recorded) -> None:
        """Say what happened to a file, and count what it took: nobody knows how many looks, so it counts as one."""
        for change in recorded.changes():
            if change.what == "deleted":  # which is told as that it cannot be read
                continue
            tell = log.warning if change.lost else log.info
            tell(f"recording {change.what}", extra={"fields": {"path": recorded.source.path, **_told(change)}})
            if change.lost:
                self.dropped.update((f"recording/{source}", CUT) for source in recorded.told)

    def _tell(self, path: str, problem: OSError) -> None:
        if path not in self._unread:
            log.warning("recording cannot be read", extra={"fields": {"path": path, "why": problem.strerror}})
        self._unread.add(path)


def _told(change: Change) -> dict[str, str | int]:
    told: dict[str, str | int] = {}
    if change.known:
        told["known_lines"] = change.known
    if change.lost:
        told["lost"] = _LOST
    return told


def followed(parts: Parts) -> frozenset[str]:
    """The sources whose recordings are read on."""
    return parts.rounds.sources if isinstance(parts.rounds, Following) else frozenset()


def dropped(parts: Parts) -> Mapping[tuple[str, str], int]:
    """How often something of a recording that is followed was lost, by source and reason."""
    return parts.rounds.dropped if isinstance(parts.rounds, Following) else {}

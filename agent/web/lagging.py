"""Which backlogs cannot be judged yet, how much waits in them, and from when they can: so that none passes for well."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.model.counting import counted
from agent.model.seam import SubjectRef
from agent.model.verdict import Outcome, Verdict
from agent.store.findings import VerdictRow
from agent.store.store import Store
from agent.web.words import clock, subject_name

STOPPED = "LAG-02"  #: it knows whether anybody is there to read
NOBODY = " has no member"
RULE = "LAG-01"  #: a trend takes the longest to see: what it can judge, the other rules of backlogs can
FROM, UNREAD = "judged from", "unread messages"  #: numbers beside its verdict
_MOST = 1_000
_LATELY = timedelta(minutes=30)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Unsure:
    """One group on one topic whose lag cannot be judged."""

    subject: SubjectRef
    unread: int
    since: datetime | None  #: on the clock on the wall, from when it can be judged; None where no time tells
    why: str
    alone: str = ""  #: what to do where it has no member


@dataclass(frozen=True, slots=True)
class Lagging:
    """All of them, the furthest behind first; what waits for nothing and where nothing waits is left out."""

    rows: tuple[Unsure, ...] = ()
    at: datetime | None = None

    @property
    def until(self) -> datetime | None:
        """When the last of those that only wait can be judged."""
        return max((row.since for row in self.rows if row.since is not None), default=None)

    @property
    def says(self) -> str:
        """Until when lag cannot be judged, in words; empty where nothing waits for that."""
        if self.until is None or self.at is None:
            return ""
        return f"Lag cannot be judged before {clock(self.until, self.at).removesuffix(':00')}"

    @property
    def behind(self) -> str:
        """How many groups are behind meanwhile and by how much, in words; empty where none is."""
        late = [row for row in self.rows if row.unread]
        if not late:
            return ""
        name, most = subject_name(late[0].subject), counted(late[0].unread, "message waits", "messages wait")
        return f"{most} on {name}" if len(late) == 1 else f"{len(late)} backlogs wait, the largest on {name}"


def lagging(store: Store, judged: datetime | None, now: datetime) -> Lagging:
    """What the last round could not judge; `judged` is the instant that it looked at."""
    late = now - judged if judged is not None else timedelta(0)
    found = [_unsure(row, late, now) for row in store.verdicts(rule=RULE, outcome=Outcome.BLIND, most=_MOST)]
    if any(one.unread for one in found):
        found = _as_of_now(store, found, now)
    rows = sorted((one for one in found if one.unread or one.since), key=lambda one: (-one.unread, str(one.subject)))
    return Lagging(tuple(rows), now)


def _as_of_now(store: Store, found: Sequence[Unsure], now: datetime) -> list[Unsure]:
    """What waits at this moment, and whether nobody is there to read it: the round looked minutes ago."""
    lags = {subject: lag.last for (subject, _), lag in store.series_of(["lag"], now - _LATELY, now).items()}
    stopped = {row.subject: row.verdict for row in store.verdicts(rule=STOPPED, outcome=Outcome.BLIND, most=_MOST)}
    return [_now(one, lags.get(one.subject), stopped.get(one.subject)) if one.unread else one for one in found]


def _now(one: Unsure, lag: float | None, stopped: Verdict | None) -> Unsure:
    alone = stopped is not None and NOBODY in stopped.says
    do = stopped.learn[0].partition(";")[0] if stopped and alone and stopped.learn else ""
    return replace(one, unread=one.unread if lag is None else int(lag), alone=do)


def _unsure(row: VerdictRow, late: timedelta, now: datetime) -> Unsure:
    told, unread = row.verdict.show.get(FROM), row.verdict.show.get(UNREAD)
    since = datetime.fromisoformat(told) + late if isinstance(told, str) else None
    if since is not None:
        since = max(since, now).replace(second=0, microsecond=0) + _MINUTE
    count = int(unread) if isinstance(unread, int | float) else 0
    why = row.verdict.learn[0] if row.verdict.learn else "; ".join(row.verdict.missing)
    return Unsure(row.subject, count, since, why)

"""LAG-06's look at a group: how often it was rebalanced in an hour, who came and went, how much of it was unstable."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.series import Series
from agent.model.subjects import Backlog
from rules.backlog import recent


@dataclass(frozen=True, slots=True)
class Turns:
    """The last hour of a group."""

    looks: int
    apart: float | None  #: s between two looks, on average
    rebalances: int  #: in the hour
    lately: int  #: in the shorter window
    unstable: int  #: looks at which it was moving partitions about
    joined: int
    left: int
    members: int  #: the most there were
    away: float  #: share of looks at which there were none

    @property
    def share(self) -> float:
        """Of the looks, those at which it was not stable."""
        return round(self.unstable / self.looks, 3) if self.looks else 0.0


def turns(backlog: Backlog, span: timedelta, lately: timedelta) -> Turns:
    """Look at the last `span`, and at the end of it."""
    looks, members = recent(backlog.looks, backlog, span), recent(backlog.members, backlog, span)
    joined = _sum(recent(backlog.joined, backlog, span))
    gone = int(members.values[0] - members.values[-1]) if members.values else 0
    return Turns(
        looks=len(looks),
        apart=round((looks.times[-1] - looks.times[0]) / (len(looks) - 1), 1) if len(looks) > 1 else None,
        rebalances=_sum(recent(backlog.rebalances, backlog, span)),
        lately=_sum(recent(backlog.rebalances, backlog, lately)),
        unstable=sum(value > 0 for value in recent(backlog.unstable, backlog, span).values),
        joined=joined,
        left=max(0, joined + gone),
        members=int(max(members.values, default=0)),
        away=members.values.count(0.0) / len(members) if members.values else 0.0,
    )


def _sum(series: Series) -> int:
    return int(sum(series.values))

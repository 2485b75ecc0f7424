"""How far each group is on each topic: lag, age, loss, in columns over all partitions of a look."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.model.kafka.look import UNSEEN, Committed, Real, Topics, Whole
from agent.model.kafka.offsets import EndOffsets

STAMP_SLACK = 1.0  #: s; a record's stamp may be this much younger than its arrival, for clocks differ


@dataclass(frozen=True, slots=True)
class Joined:
    """Where the partitions of groups stand in the columns of topics; UNSEEN for one that is not listed."""

    topic: Whole  #: of each pair of group and topic its topic's index
    place: Whole  #: of each row its row in the topics

    def read(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A column of the topics as the groups' rows see it."""
        if not len(column):
            return np.full(len(self.place), UNSEEN, column.dtype)
        found: npt.NDArray[Any] = np.where(self.place == UNSEEN, UNSEEN, column[self.place])
        return found


def joined(topics: Topics, committed: Committed) -> Joined:
    """Find each partition of a group among the topics."""
    index = {name: number for number, name in enumerate(topics.rows.names)}
    topic = np.array([index.get(name, UNSEEN) for _, name in committed.rows.names], dtype=np.int64)
    place = np.full(len(committed.rows.number), UNSEEN, dtype=np.int64)
    for pair in np.flatnonzero(topic != UNSEEN).tolist():
        mine, theirs = committed.rows.rows(pair), topics.rows.rows(topic[pair])
        wanted, known = committed.rows.number[mine], topics.rows.number[theirs]
        if np.array_equal(wanted, known):
            place[mine] = np.arange(theirs.start, theirs.stop)
        elif len(known):
            near = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            place[mine] = np.where(known[near] == wanted, theirs.start + near, UNSEEN)
    return Joined(topic, place)


@dataclass(frozen=True, slots=True)
class Progress:
    """One row a partition of a group, as in `Committed`."""

    place: Whole  #: its row in the topics; UNSEEN where it is not listed
    lag: Whole  #: UNSEEN where it is not known
    end: Whole
    age: Real  #: s, of the oldest unread record; NaN where it is not known
    younger: Real  #: s by which stamps made the record younger than it can be
    lost: Whole  #: records that were deleted before they were read
    started: npt.NDArray[np.bool_]  #: the log start was seen


def unknown(committed: Committed) -> Progress:
    """What is known where no topics were read."""
    rows = len(committed.offset)
    nothing = np.full(rows, UNSEEN, dtype=np.int64)
    lost, started = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.bool_)
    return Progress(nothing, nothing, nothing, committed.age, np.zeros(rows), lost, started)


def progress(topics: Topics, committed: Committed, where: Joined, arrivals: "Arrivals") -> Progress:
    """Lag, age and loss of every partition of every group."""
    offset = committed.offset
    end, start = where.read(topics.end), where.read(topics.start)
    lag = np.where((end != UNSEEN) & (offset != UNSEEN), np.maximum(0, end - offset), UNSEEN)
    gone = (start != UNSEEN) & (offset != UNSEEN) & (offset < start)
    age = np.where(np.isnan(committed.age) & (lag == 0), 0.0, committed.age)
    younger = np.zeros(len(age))
    waiting = np.flatnonzero(lag > 0)
    of_topic = np.searchsorted(topics.rows.first, where.place[waiting], side="right") - 1
    for run in _runs(of_topic):
        rows, topic = waiting[run], int(of_topic[run[0]])
        column = where.place[rows] - topics.rows.first[topic]
        age[rows], younger[rows] = arrivals.older(topics.rows.names[topic], column, offset[rows], committed.age[rows])
    return Progress(where.place, lag, end, age, younger, np.where(gone, start - offset, 0), start != UNSEEN)


def _runs(of_topic: Whole) -> list[Whole]:
    """Where each topic stands: all its groups in one go."""
    if not len(of_topic):
        return []
    order = np.argsort(of_topic, kind="stable")
    cuts = np.flatnonzero(np.diff(of_topic[order])) + 1
    return list(np.split(order, cuts))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What we saw arrive on the topics of one cluster, at one instant."""

    offsets: EndOffsets
    cluster: str
    now: float  #: Unix seconds

    def older(self, topic: str, column: Whole, offset: Whole, told: Real) -> tuple[Real, Real]:
        """The age of the oldest unread records, and by how much their stamps say less than that.

        The older of what the broker tells and what we saw: a stamp of the future must not hide a backlog. Where nobody
        told, our own interpolation stands.
        """
        seen = self.offsets.age((self.cluster, topic), column, offset, self.now)
        late = seen.least - told > STAMP_SLACK
        ours = np.where(np.isnan(seen.likely), seen.least, seen.likely)
        return np.where(np.isnan(told), seen.likely, np.where(late, ours, told)), np.where(late, seen.least - told, 0.0)

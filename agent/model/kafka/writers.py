"""Who writes to a topic, as its brokers remember: an idempotent producer has a number, others leave no trace."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np

from agent.model.kafka.look import UNSEEN, Producer, Whole
from agent.model.seam import Component

SLACK = timedelta(seconds=60)  #: by which a record's stamp may lie before the last look at producers


class Writers:
    """Compares what was written between two looks with the producers that were seen at the later one."""

    def __init__(self) -> None:
        self._before: dict[Component, tuple[datetime, Whole, Whole]] = {}

    def told(
        self,
        place: Component,
        at: datetime,
        producers: Mapping[int, tuple[Producer, ...]],
        number: Whole,
        end: Whole,
    ) -> dict[str, float]:
        """How many producers there are; and from the second look on, of how many partitions something was written, and
        of how many of these by nobody who is idempotent.

        A partition that an idempotent producer wrote to as well counts as his: nobody can tell them apart from here.
        """
        known = {one.number for some in producers.values() for one in some}
        told = {"producers": float(len(known))}
        before = self._before.get(place)
        self._before[place] = (at, number, end)
        if before is None or not np.array_equal(before[1], number):
            return told
        since = before[0] - SLACK
        grown = (end > before[2]) & (before[2] != UNSEEN) & (end != UNSEEN)
        written = [int(one) for one in number[grown] if int(one) in producers]
        plain = [one for one in written if not any(p.at is None or p.at >= since for p in producers[one])]
        return told | {"written_partitions": float(len(written)), "plain_partitions": float(len(plain))}

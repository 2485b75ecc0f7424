"""Topics made anew: their offsets begin again, and are no redeliveries. Only a message's producer can tell.

A consumer that was set back gets the messages it had: they were produced before they were first delivered. A message
that was produced an hour or more after its offset, or a higher one, had been delivered is another message. Where no
producer was seen the two look the same, and count as redelivered.
"""

from collections.abc import Callable

import numpy as np

from agent.ingest.offsets import DAY, Offsets, day_of
from agent.ingest.partitions import Partitions, Place
from agent.model.columns import I64, Flags, SpanColumns

MARGIN = 3_600_000_000_000  #: ns; clocks of producers and consumers differ by less

Produced = Callable[[SpanColumns, I64], I64]  #: Unix ns at which each row's message was produced, 0 where not known


class Restarts:
    """Forgets what was delivered of a partition when its topic was made anew."""

    def __init__(self, offsets: Offsets, partitions: Partitions, produced: Produced) -> None:
        self._offsets, self._partitions, self._produced = offsets, partitions, produced
        self.count = 0

    def among(self, columns: SpanColumns, rows: I64, known: tuple[I64, I64, I64, I64], seen: Flags) -> Flags:
        """Which deliveries stay redelivered; `known` is their slot, partition, offset (-1: leave out) and minute."""
        slot, partition, offset, minute = known
        across, self._offsets.across = self._offsets.across, {}
        again = np.flatnonzero(seen & (offset >= 0))
        if not len(again):
            return seen
        produced = self._produced(columns, rows[again])
        anew: set[Place] = set()
        for at, born in zip(again.tolist(), produced.tolist(), strict=True):
            place = (int(slot[at]), int(partition[at]))
            day = across.get((*place, int(offset[at])))
            if born and place not in anew and self._is_new(place, int(offset[at]), born, day):
                anew.add(place)
        for place in anew:
            self._begin(place)
            here = np.flatnonzero((slot == place[0]) & (partition == place[1]) & (offset >= 0))
            places = np.tile([*place, 0], (len(here), 1))
            seen[here] = self._offsets.seen(places, offset[here], day_of(minute[here]))
        return seen

    def _is_new(self, place: Place, offset: int, born: int, day: int | None) -> bool:
        if day is not None and born > (day + 1) * DAY * 1_000_000_000 + MARGIN:
            return True  # produced after the last day on which its offset had been delivered
        highest, ended = self._partitions.latest(place)
        return offset <= highest and 0 < ended < born - MARGIN

    def _begin(self, place: Place) -> None:
        self.count += 1
        self._offsets.forget(place)
        self._partitions.begin(place)

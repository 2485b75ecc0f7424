"""How far each tier is rolled up, pruned, and due again; and how a span is covered by tiers. Never reads a window."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from agent.model.facts import Tier
from agent.store import schema

ORDER = (Tier.DAY, Tier.HOUR, Tier.TEN, Tier.MINUTE)
COARSE = (Tier.TEN, Tier.HOUR, Tier.DAY)  #: in the order in which they are rolled up

Piece = tuple[Tier, int, int]  #: tier, from, up to; Unix seconds


def finer(tier: Tier) -> Tier:
    """The tier that one is rolled up from."""
    return ORDER[ORDER.index(tier) + 1]


def floor(second: int, tier: Tier) -> int:
    """The start of the interval that a second lies in."""
    return second // tier.seconds * tier.seconds


@dataclass(frozen=True, slots=True)
class Tiers:
    """The state of the tiers at one instant; every bound is in Unix seconds, 0 for none."""

    rolled: Mapping[Tier, int]  #: complete up to here, but for what is dirty
    rolling: Mapping[Tier, int]  #: being completed up to here: facts that fall below it come late
    pruned: Mapping[Tier, int]  #: rows from before it are deleted, or about to be
    dirty: frozenset[tuple[Tier, int]]  #: intervals into which late facts fell

    def holds(self, start: int) -> Tier | None:
        """The finest tier that still has rows of an instant; None where all have forgotten it."""
        return next((tier for tier in reversed(ORDER) if start >= self.pruned[tier]), None)

    def pieces(self, start: int, end: int) -> list[Piece]:
        """Split [start, end) into the coarsest tiers that are complete there, the rest into finer ones."""
        return self._cover(start, end, 0)

    def pieces_of(self, start: int, end: int, tier: Tier) -> list[Piece]:
        """The same, in tiers no coarser than one."""
        return self._cover(start, end, ORDER.index(tier))

    def _cover(self, start: int, end: int, level: int) -> list[Piece]:
        if start >= end:
            return []
        tier = ORDER[level]
        if tier is Tier.MINUTE:
            return [(tier, start, end)]
        low, high = -(-start // tier.seconds) * tier.seconds, min(floor(end, tier), self.rolled[tier])
        # Where the finer rows are gone, both edges move back to this tier's: neighbouring spans still add up.
        gone = self.pruned[finer(tier)]
        start, low = (floor(start, tier),) * 2 if start < gone else (start, low)
        end = floor(end, tier) if end < gone else end
        if high <= low:
            return self._cover(start, end, level + 1)
        found = self._cover(start, low, level + 1)
        for clean, first, last in self._runs(tier, low, high):
            found += [(tier, first, last)] if clean else self._cover(first, last, level + 1)
        return found + self._cover(high, end, level + 1)

    def _runs(self, tier: Tier, low: int, high: int) -> list[tuple[bool, int, int]]:
        """[low, high) cut where dirty intervals begin and end."""
        spots = sorted(start for of, start in self.dirty if of is tier and low <= start < high)
        found, at = [], low
        for spot in spots:
            if spot > at:
                found.append((True, at, spot))
            found.append((False, spot, spot + tier.seconds))
            at = spot + tier.seconds
        return [*found, (True, at, high)] if at < high else found


def read(connection: Connection) -> Tiers:
    """The state of the tiers as this transaction sees it."""
    table = schema.meta
    names = [f"{what}:{tier.value}" for what in ("rolled", "rolling", "pruned") for tier in Tier]
    rows = connection.execute(select(table.c.key, table.c.value).where(table.c.key.in_(names)))
    found = {str(key): int(value) for key, value in rows}
    bounds = [{tier: found.get(f"{what}:{tier.value}", 0) for tier in Tier} for what in ("rolled", "rolling", "pruned")]
    marks = connection.execute(select(schema.dirty.c.tier, schema.dirty.c.start))
    dirty = frozenset((Tier(tier), int(start)) for tier, start in marks)
    return Tiers(bounds[0], bounds[1], bounds[2], dirty)


def move(connection: Connection, what: str, tier: Tier, bound: int) -> None:
    """Set one bound (`rolled`, `rolling` or `pruned`)."""
    table = schema.meta
    key = f"{what}:{tier.value}"
    if not connection.execute(table.update().where(table.c.key == key).values(value=str(bound))).rowcount:
        connection.execute(table.insert().values(key=key, value=str(bound)))


def aligned(start: datetime, end: datetime) -> tuple[int, int]:
    """Whole minutes; the far end of a long span is widened to a tier that is still kept there.

    By the span alone, not by what is deleted already: so live rounds, scans and back-tests agree.
    """
    low, high = floor(int(start.timestamp()), Tier.MINUTE), floor(int(end.timestamp()), Tier.MINUTE)
    reach = end - start
    if reach > Tier.HOUR.kept - timedelta(days=1):
        return floor(low, Tier.DAY), high
    if reach > Tier.TEN.kept - timedelta(days=1):
        return floor(low, Tier.HOUR), high
    if reach > Tier.MINUTE.kept - timedelta(hours=12):
        return floor(low, Tier.TEN), high
    return low, high

"""Which versions are compared with which, and in which direction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from agent.measure.schemas.comparison import Break, Comparison
from agent.measure.schemas.reading import reads
from agent.model.counting import counted
from agent.model.schemas import SchemaVersion
from agent.model.subjects import Contract

#: who must read what, by the compatibility in force. BACKWARD lets readers go first, FORWARD writers; NONE promises no
#: order, so either may be the one that is left behind, as with FULL
NEW_READS_OLD, OLD_READS_NEW = "new reads old", "old reads new"
BOTH = (OLD_READS_NEW, NEW_READS_OLD)
_BY_MODE = {
    "BACKWARD": (NEW_READS_OLD,),
    "FORWARD": (OLD_READS_NEW,),
    "FULL": BOTH,
    "NONE": BOTH,
}
_BY_ORDER = {"readers": (NEW_READS_OLD,), "writers": (OLD_READS_NEW,)}


@dataclass(frozen=True, slots=True)
class Broken:
    """One version that cannot be read with another."""

    reader: int
    writer: int
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of all comparisons."""

    broken: tuple[Broken, ...] = ()
    compared: int = 0
    unsure: str = ""  #: why there may be more

    @property
    def breaks(self) -> int | None:
        """How many were found; None where there may be some that nobody can tell."""
        found = sum(len(one.breaks) for one in self.broken)
        return None if not found and self.unsure else found


def mode_of(contract: Contract) -> str:
    """The compatibility in force, and whether it is about all versions; empty where it is not known."""
    return (contract.compatibility or "").upper()


def directions(contract: Contract) -> tuple[str, ...]:
    """The directions that count: by what was seen to go first, else by the mode; none where neither is known."""
    order = _BY_ORDER.get(contract.upgraded_first or "")
    return order or _BY_MODE.get(mode_of(contract).removesuffix("_TRANSITIVE"), ())


def judge(contract: Contract, recent: timedelta, most: int) -> Judged:
    """Compare the newest version with those before it that count."""
    chosen = directions(contract)
    if chosen:
        return _joined([_judged(contract, direction, recent, most) for direction in chosen])
    # In force is something unknown: only what is broken either way, or neither way, is certain.
    either = [_judged(contract, direction, recent, most) for direction in BOTH]
    if len({bool(one.broken) for one in either}) == 1:
        return _joined(either)
    return Judged((), max(one.compared for one in either), "the compatibility in force was not seen")


def _joined(parts: Sequence[Judged]) -> Judged:
    broken = tuple(one for part in parts for one in part.broken)
    return Judged(
        broken, max(part.compared for part in parts), next((part.unsure for part in parts if part.unsure), "")
    )


def _judged(contract: Contract, direction: str, recent: timedelta, most: int) -> Judged:
    newest, before = contract.schemas[-1], contract.schemas[:-1][-most:]
    left = len(contract.schemas) - 1 - len(before)
    if mode_of(contract).endswith("_TRANSITIVE"):
        chosen = list(before)
    else:
        chosen, left = [*_recent(before, direction, recent), *before[-1:]], 0
    found = [(old, _pair(newest, old, direction)) for old in reversed(chosen)]
    unsure = next((comparison.unsure for _, comparison in found if comparison.unsure), "")
    if left and not unsure:
        unsure = f"{counted(left, 'version is', 'versions are')} older than those that are compared"
    broken = tuple(
        Broken(*(pair if direction == OLD_READS_NEW else pair[::-1]), comparison.breaks)
        for old, comparison in found
        if comparison.breaks
        for pair in ((old.number, newest.number),)
    )
    return Judged(broken, len(found), unsure)


def _recent(before: Sequence[SchemaVersion], direction: str, recent: timedelta) -> Iterator[SchemaVersion]:
    """Versions that a recent one broke: a later one that only changes words does not heal that."""
    for old, next_one in pairwise(before):
        if next_one.age is not None and next_one.age <= recent and _pair(next_one, old, direction).breaks:
            yield old


def _pair(new: SchemaVersion, old: SchemaVersion, direction: str) -> Comparison:
    return reads(old, new) if direction == OLD_READS_NEW else reads(new, old)

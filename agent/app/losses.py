"""What a start found gone: said in the log once, noted in the store, and told for a week, whatever starts meanwhile."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson

from agent.app.journalling import Memory
from agent.model.counting import counted
from agent.store.codec import digest
from agent.store.store import Store
from agent.web.status import Loss

log = logging.getLogger(__name__)

KEPT = timedelta(days=7)  #: so that who looks on Monday reads of Friday
_MOST = 20  #: losses, the newest
_WORDS = 6  #: of what a journal lacks; the log has the first 20


def losses(memory: Memory, at: datetime, damage: str = "") -> tuple[Loss, ...]:
    """Those of this start, and of the week before it, newest first. The store's mark moves on: none is found twice.

    `damage` says what was wrong with a store that was set aside. Raise StoreError or StoreProblem where the store
    cannot be written.
    """
    new = (*_of_store(memory, at, damage), *_of_journal(memory, at))
    key = _key(memory.writer)
    found = (*new, *(one for one in _noted(memory.store, key) if at - one.at < KEPT))[:_MOST]
    if new:
        memory.store.set_meta(key, _text(found))
    memory.catch_up()
    return found


def _of_journal(memory: Memory, at: datetime) -> Iterator[Loss]:
    """What was acknowledged, and can be read from the journal no more."""
    found = memory.recovered
    if not found.lost:
        return
    told = "; ".join(found.lost[:_WORDS])
    more = f"; and {len(found.lost) - _WORDS:,} more" if len(found.lost) > _WORDS else ""
    aside = f" It was set aside as {found.set_aside}." if found.set_aside else ""
    now = f" A new one is in its place and begins with {counted(len(found.records), 'record')} that could be read."
    what = f"The journal at {memory.journal.path} was damaged: {told}{more}.{aside}{now}"
    yield Loss("journal damaged", at, found.missing, what)


def _of_store(memory: Memory, at: datetime, damage: str) -> Iterator[Loss]:
    """What the journal dropped because the store had it, and the store has no more."""
    stored, floor = memory.stored, memory.recovered.floor
    if floor <= stored:
        if damage:
            yield Loss("store damaged", at, 0, damage)
        return
    records, left = floor - stored, len(memory.recovered.records)
    when = _when(memory.recovered.flushes, stored)
    place = memory.store.database.place
    fields = {"records": records, "first": stored + 1, "last": floor, "flushed": when, "store": place, "replayed": left}
    log.warning("store lost", extra={"fields": fields})
    lacks = f"{counted(records, 'record')}, flushed {when}" if when else counted(records, "record")
    after = f" What the journal holds after them, {counted(left, 'record')}, goes into it now." if left else ""
    if damage:
        yield Loss("store damaged", at, records, f"{damage} It lacks what the journal had dropped, {lacks}.{after}")
        return
    has = f"records up to {stored:,}" if stored else "no record"
    what = (
        f"The store at {place} has {has} of this agent; the journal had given it records up to {floor:,} and dropped "
        f"them. It lacks {lacks}: it was emptied, cut off, put back from an older copy, or is another one.{after}"
    )
    yield Loss("store lost", at, records, what)


def _when(flushes: tuple[tuple[int, int], ...], stored: int) -> str:
    """Between which minutes the records after `stored` were flushed, as far as that is known."""
    last = max((minute for minute, sequence in flushes if sequence > stored), default=None)
    first = max((minute for minute, sequence in flushes if 0 < sequence <= stored), default=None)
    if last is None:
        return ""
    return f"up to {_minute(last)}" if first is None else f"between {_minute(first)} and {_minute(last)}"


def _minute(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, tz=UTC):%-d %b, %H:%M} UTC"


def _key(writer: str) -> str:
    """Where a writer's losses are noted: agents that share a store do not write over each other."""
    return f"losses {digest(writer)}"


def _noted(store: Store, key: str) -> list[Loss]:
    rows = orjson.loads(store.meta(key) or "[]")
    return [Loss(row["reason"], datetime.fromisoformat(row["at"]), row["records"], row["what"]) for row in rows]


def _text(found: tuple[Loss, ...]) -> str:
    return orjson.dumps(
        [{name: getattr(one, name) for name in ("reason", "at", "records", "what")} for one in found]
    ).decode()

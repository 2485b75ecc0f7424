"""What an agent tells of itself: to its pages, and to `/metrics`."""

from collections import Counter
from collections.abc import Mapping
from time import monotonic

from agent import __version__
from agent.app.follow import dropped, followed
from agent.app.parts import Parts
from agent.app.pulls import Pulling
from agent.model.pull import Cost
from agent.store.engine import StoreProblem
from agent.store.notes import SourceRow
from agent.store.store import Store
from agent.telemetry import Figures
from agent.web.status import CollectorStatus, Status

_REFUSING = {
    "busy": "too much is in flight",
    "disk full": "the disk is full",
    "journal full": "the store is too far behind",
    "journal busy": "another process holds the journal",
    "stopping": "it is stopping",
}


def why_not_ready(parts: Parts) -> str:
    """What does not work now, in words; empty when all does."""
    intake = parts.memory.intake
    refusing = intake.why_not(1)  # byte: the smallest request that has one
    told = [intake.broken, *dict(parts.troubles).values()]
    waited = _waited(parts)
    if waited > PATIENCE:
        told.append(f"the store has not answered for {waited:.0f} s")
    if refusing:
        told.append(f"spans are refused: {_REFUSING.get(refusing, refusing)}")
    elif intake.journal.held_elsewhere():
        told.append("spans wait: another process holds the journal")
    return "; ".join(filter(None, told))


def _waited(parts: Parts) -> float:
    busy = dict(parts.busy)  # tasks begin and end while a page is made
    return max((monotonic() - began for name, began in busy.items() if name in QUICK), default=0.0)


def _unanswered(parts: Parts) -> bool:
    failed = (parts.troubles.get(name, "") for name in QUICK)
    return _waited(parts) > PATIENCE or any(what.startswith("store did not answer") for what in failed)


QUICK = ("flush", "status")  #: tasks that ask the store for little
PATIENCE = 15.0  #: seconds; longer than SQLite waits for a lock
_TAKEN = ("late", "placed by arrival")  #: spans that are counted all the same: folded, but judged no more


def _taken_otherwise(parts: Parts) -> dict[str, int]:
    """Spans that were not taken as they said they were, by reason."""
    return {why: count for why, count in parts.memory.aggregator.lost().items() if why in _TAKEN}


def _dropped(parts: Parts) -> dict[str, int]:
    """What was dropped, by reason."""
    kept = (*_TAKEN, "partitions begun anew")
    return {why: count for why, count in parts.memory.aggregator.lost().items() if why not in kept}


def _refused(parts: Parts) -> dict[str, int]:
    """Requests that were refused, and what spoke no HTTP at all, by reason."""
    return dict(Counter(parts.receiver.counters.refused) + Counter(parts.strangers))


def recordings(store: Store) -> tuple[SourceRow, ...]:
    """What the store tells of recordings."""
    return tuple(row for row in store.sources() if row.source.startswith("recording/"))


def _recordings(parts: Parts) -> tuple[SourceRow, ...]:
    """What the store told last; nothing where it has not answered yet, so that the rest can still be told."""
    if parts.recordings is None:
        try:
            parts.recordings = recordings(parts.store)
        except StoreProblem:
            return ()
    return parts.recordings


def status(parts: Parts) -> Status:
    """What the pages show of the agent itself."""
    counters = parts.receiver.counters
    address = parts.addresses.get("otlp", "127.0.0.1:4318")
    otlp = CollectorStatus(
        kind="otlp",
        name="OTLP over HTTP",
        state="fresh" if parts.last_spans is not None else "unused" if parts.pulls else "waiting",
        last_fact=parts.last_spans,
        facts=counters.spans,
        per_second=parts.rate,
        refused=_refused(parts),
        dropped=_dropped(parts),
        note="; ".join(f"{count:,} {why}" for why, count in _taken_otherwise(parts).items()),
        hint=f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{address}",
    )
    on, cut = followed(parts), dropped(parts)
    replayed = [_recording(row, cut, follows=row.source in on) for row in _recordings(parts)]
    last = parts.last_round
    why_not = why_not_ready(parts)
    return Status(
        version=__version__,
        started=parts.started,
        last_round=last.as_of if last else None,
        round_seconds=last.seconds if last else 0.0,
        collectors=(otlp, *map(_pulled, parts.pulls.each), *replayed),
        journal_bytes=parts.memory.journal.bytes_held,
        journal_records=parts.memory.journal.records_held,
        ready=not why_not,
        why_not_ready=why_not,
        addresses=dict(parts.addresses),
        replayed=parts.replayed,
        clock=parts.clock.doubt(),
        losses=parts.losses,
        unanswered=_unanswered(parts),
    )


def _pulled(one: Pulling) -> CollectorStatus:
    """A source that is asked: what it told, what it refused, what asking costs."""
    told, cost = one.told, one.pull.cost
    return CollectorStatus(
        kind=told.kind,
        name=told.name,
        state="stale" if told.failed else "waiting" if told.last_success is None else "fresh",
        last_fact=told.last_success,
        facts=told.facts,
        per_second=0.0,
        refused={},
        dropped=dict(told.dropped),
        note="; ".join(filter(None, (told.trouble, *told.refused))),
        hint="",
        every=told.every,
        about=told.about,
        brings=_cost(cost),
        lacks=told.lacks,
        partly=told.partly,
    )


def _cost(cost: Cost) -> str:
    """What one look costs, on the average since the start."""
    if not cost.looks:
        return ""
    requests, received = cost.requests / cost.looks, cost.received / cost.looks
    cpu = 1000 * cost.cpu_seconds / cost.looks
    return f"{requests:,.0f} requests a look; {received / 1024:,.0f} KiB, {cpu:,.0f} ms of CPU"


def _recording(row: SourceRow, cut: Mapping[tuple[str, str], int], *, follows: bool) -> CollectorStatus:
    return CollectorStatus(
        kind="recording",
        name=row.source.removeprefix("recording/"),
        state="fresh" if follows else "replayed",
        last_fact=row.last_fact,
        facts=sum(row.counters.values()),
        per_second=0.0,
        refused={},
        dropped={why: count for (source, why), count in cut.items() if source == row.source},
        note="followed" if follows else "replayed",
        hint="",
    )


def figures(parts: Parts) -> Figures:
    """What `/metrics` tells of the agent itself; the estate it reads from the store."""
    counters, other = parts.receiver.counters, _taken_otherwise(parts)
    other_spans = {("otlp", why): count for why, count in other.items()}
    rows = _recordings(parts)
    recorded = {(row.source, reason(verb)): count for row in rows for verb, count in row.counters.items()}
    return Figures(
        version=__version__,
        received={("otlp", ""): counters.spans - sum(other.values()), **other_spans, **recorded, **_asked(parts)},
        refused={("otlp", why): count for why, count in _refused(parts).items()},
        dropped={
            **{("otlp", why): count for why, count in _dropped(parts).items()},
            **_lost(parts),
            **dropped(parts),
            **{(told.source, why): count for told in parts.pulls.told for why, count in told.dropped.items()},
        },
        commit_seconds=parts.memory.intake.counters.commit_seconds,
        round_seconds=parts.round_seconds,
        sources={
            ("otlp", "http"): parts.last_spans,
            **{_place(row): row.last_success for row in rows},
            **{(told.kind, told.name): told.last_success for told in parts.pulls.told},
        },
    )


def _asked(parts: Parts) -> dict[tuple[str, str], int]:
    """Facts of sources that are asked, since the start."""
    return {(told.source, ""): told.facts for told in parts.pulls.told}


def _lost(parts: Parts) -> dict[tuple[str, str], int]:
    """Records of the journal that starts of the last week found gone, by source and reason."""
    found: Counter[tuple[str, str]] = Counter()
    for loss in parts.losses:
        found["journal", loss.reason] += loss.records
    return dict(found)


def reason(verb: str) -> str:
    """The reason in a counter's name, `received` being none."""
    return verb.removeprefix("received").strip()


def _place(row: SourceRow) -> tuple[str, str]:
    kind, _, name = row.source.removeprefix("recording/").partition("/")
    return kind, name

"""What each witness says of one seam: broker and traces side by side. What one cannot see is said, never left empty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import noun
from agent.model.facts import Column
from agent.model.series import Series
from agent.model.steps import rate
from agent.web.views import SeamPage
from agent.web.words import count, milliseconds, share, span

UNSEEN = "not observable here"


@dataclass(frozen=True, slots=True)
class Figure:
    """One large figure with what stands beside it."""

    name: str
    value: str
    beside: str = ""
    down: bool = False  #: what stands beside is bad news


@dataclass(frozen=True, slots=True)
class Said:
    """One fact as each witness has it."""

    fact: str
    broker: str
    traces: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The sums over one range, by witness."""

    length: timedelta
    crossed: int
    failed: int
    retried: int
    twice: int
    rewritten: int
    identified: int
    written: float | None  #: by the broker; None where its offsets were not seen
    read: float | None
    lag: float | None
    age: float | None
    known: float  #: seconds that the broker's samples cover


def seen(page: SeamPage, length: timedelta) -> Seen:
    """Add up what one seam's page holds."""
    total = {column: sum(window[column] for window in page.windows) for column in Column}
    produced = page.measures.get("produced")
    covered = float(produced.times[-1] - produced.times[0]) if produced is not None and len(produced) > 1 else 0.0
    return Seen(
        length,
        total[Column.COUNT],
        total[Column.ERRORS],
        total[Column.RETRIES],
        total[Column.DUPLICATES],
        total[Column.REWRITTEN],
        total[Column.IDENTIFIED],
        _moved(produced),
        _moved(page.measures.get("committed"), still=covered > 0),
        _last(page.measures.get("lag")),
        _last(page.measures.get("age_seconds")),
        covered,
    )


def _moved(series: Series | None, *, still: bool = False) -> float | None:
    """The change over a range. What is told once, while others were told again, has not changed: `still`."""
    if series is None or len(series) < (1 if still else 2):
        return None
    return series.grown


def _last(series: Series | None) -> float | None:
    return float(series.values[-1]) if series is not None and len(series) else None


def figures(page: SeamPage, all_of: Seen, words: str) -> Sequence[Figure]:
    """The four figures above the curves."""
    event = page.view.key.kind == "consumes"
    twice = (
        Figure("Read twice", count(all_of.twice), f"{count(all_of.rewritten)} written twice", all_of.rewritten > 0)
        if all_of.identified
        else Figure("Read twice" if event else "Seen twice", UNSEEN)
    )
    part = f"{share(all_of.failed, all_of.crossed)} " if all_of.failed else ""
    whole = f"{part}of {count(all_of.crossed)}" if all_of.crossed else ""
    name = f"Failed, {words}"
    failed = Figure(name, count(all_of.failed), whole, all_of.failed > 0) if page.windows else Figure(name, UNSEEN)
    if all_of.written is not None and all_of.read is not None and all_of.known:
        unread = f"{count(all_of.lag)} unread" if all_of.lag else ""
        return (
            Figure(f"Written, {words}", count(all_of.written), rate(all_of.written / all_of.known)),
            Figure(f"Read, {words}", count(all_of.read), unread, all_of.lag is not None and _behind(all_of)),
            twice,
            failed,
        )
    verb = {"consumes": "Read", "publishes": "Written", "writes": "Statements", "reads": "Statements"}
    pace = rate(all_of.crossed / all_of.length.total_seconds()) if all_of.crossed else ""
    took = page.duration.quantile_ms(0.95)
    name = f"{verb.get(page.view.key.kind, 'Calls')}, {words}"
    first = Figure(name, count(all_of.crossed), pace) if _told(page) else Figure(name, UNSEEN)
    last = Figure("Time each took, p95", milliseconds(took) if took is not None else UNSEEN)
    return (first, failed, *((twice,) if event else (_retried(all_of),)), last)


def _told(page: SeamPage) -> bool:
    """Spans tell how often it is crossed: some did in this range, or did before, and then none is none."""
    return bool(page.windows or page.view.values or page.duration.count)


def _retried(all_of: Seen) -> Figure:
    return Figure("Retries", count(all_of.retried), share(all_of.retried, all_of.crossed) if all_of.retried else "")


def _behind(all_of: Seen) -> bool:
    """What is unread is more than a minute of what is written."""
    per_minute = 60 * (all_of.written or 0.0) / max(60.0, all_of.known)
    return (all_of.lag or 0.0) > max(1.0, per_minute)


def witnesses(page: SeamPage, all_of: Seen) -> Sequence[Said]:
    """One seam through a topic, as the broker and as traces have it."""
    seconds, known = all_of.length.total_seconds(), max(1.0, all_of.known)
    queue, took = page.queue.quantile_ms(0.95), page.duration.quantile_ms(0.95)
    traced = bool(page.windows)
    identity = count(all_of.twice) if all_of.identified else UNSEEN
    return (
        Said("Written", _or(all_of.written, lambda n: rate(n / known)), UNSEEN),
        Said("Read", _or(all_of.read, lambda n: rate(n / known)), rate(all_of.crossed / seconds) if traced else UNSEEN),
        Said("Unread", _or(all_of.lag, lambda n: f"{count(n)} {noun(n, 'message')}"), UNSEEN),
        Said("Age of the oldest", _or(all_of.age, lambda n: span(n) if n >= 1 else "under 1 s"), UNSEEN),
        Said("Queue time, p95", UNSEEN, _or(queue, milliseconds)),
        Said("Time each took, p95", UNSEEN, _or(took, milliseconds)),
        Said("Read twice", UNSEEN, identity if traced else UNSEEN),
        Said("Failed", UNSEEN, count(all_of.failed) if traced else UNSEEN),
    )


def differ(all_of: Seen) -> str:
    """How far the two are apart on what was read; empty where only one of them saw it."""
    if not all_of.read or not all_of.crossed:
        return ""
    part = all_of.crossed / all_of.read
    if part > 1.05:
        return f"Traces count {part:.1f} times what the broker does: some messages were read more than once."
    if part >= 0.98:
        return "Broker and traces agree on what was read."
    return (
        f"Traces show {share(all_of.crossed, all_of.read)} of what the broker counts as read; the rest came without a "
        "span that reached us. Counts of traces are of those only."
    )


def _or(value: float | None, words: Callable[[float], str]) -> str:
    return UNSEEN if value is None else words(value)

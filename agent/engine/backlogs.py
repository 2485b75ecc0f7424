"""Backlogs: each group on each topic that a broker told the lag of, with what stands around it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from agent.engine.estate import Estate, retention, text, whole
from agent.engine.held import held
from agent.engine.measured import OF_PAIR, OF_TOPIC, ORPHANED, SPARSE
from agent.engine.stuck import stuck
from agent.engine.utilisation import utilisation
from agent.model import subjects as s
from agent.model.seam import Component, SubjectRef, group_on_topic, source, subject_of
from agent.model.series import NO_SERIES, Series

LONG = 20 * 60.0  #: s; the pause and the hour before it are all in what was read for each backlog
SKEWED, SKEW_AGE = 3, 60.0  #: times the middle partition's age, and s over it: partitions are worth a query


def backlogs(estate: Estate) -> Iterable[s.Backlog]:
    """Each group on each topic that a broker told the lag of."""
    firsts = {group_on_topic(seen.key.source, seen.key.target): seen.first for seen in estate.seams["consumes"]}
    by_subject: dict[SubjectRef, dict[str, Series]] = defaultdict(dict)
    for (subject, name), one in estate.series.items():
        by_subject[subject][name] = one
    gaps = estate.commit_gaps
    for ref, series in by_subject.items():
        if ref.kind == "group" and "lag" in series:
            topic = subject_of(Component("topic", dict(ref.labels)["topic"]))
            yield _backlog(estate, ref, series, by_subject.get(topic, {}), gaps.get(ref), firsts.get(ref))


def _backlog(
    estate: Estate,
    ref: SubjectRef,
    series: Mapping[str, Series],
    of_topic: Mapping[str, Series],
    gap: float | None,
    first: datetime | None,
) -> s.Backlog:
    group, topic = Component("group", ref.name), Component("topic", dict(ref.labels)["topic"])
    settings, about = estate.settings.get(topic, {}), estate.settings.get(group, {})
    broker = estate.settings.get(source("kafka", group.name.partition("/")[0]), {})
    looks = estate.looks_at(ref.name)
    told: dict[str, Any] = {field: held(series.get(name, NO_SERIES), looks) for field, name in OF_PAIR.items()}
    told |= {field: series.get(name, NO_SERIES) for field, name in SPARSE.items()}
    told |= {field: held(of_topic.get(name, NO_SERIES), looks) for field, name in OF_TOPIC.items()}
    changed = estate.state_since.get(group)
    orphaned = held(series.get(ORPHANED, NO_SERIES), looks).last
    return s.Backlog(
        group=group,
        topic=topic,
        looks=looks,
        commit_gap=None if gap is None else timedelta(seconds=gap),
        partitions=whole(settings.get("partitions")),
        orphaned=None if orphaned is None else int(orphaned),
        protocol=about.get("protocol"),
        state=about.get("state"),
        state_for=None if changed is None else estate.as_of - changed,
        static_members=whole(about.get("static_members")),
        retention=retention(settings),
        settings=settings,
        offsets_kept=_span(broker.get("broker.offsets.retention.minutes"), 60.0),
        transaction_timeout=_span(broker.get("broker.transaction.max.timeout.ms"), 0.001),
        behind=estate.behind(ref) if (told["lag"].last or 0) > 0 and (_rises(told["lag"]) or _skewed(told)) else {},
        **told,
        on_error=text(estate.declared.declared(group, "on_error")),
        **stuck(estate, group, topic, series, looks),
        **utilisation(estate, group, topic),
        **_paused(estate, ref, told),
        **estate.context(group, topic, first=first),  # type: ignore[arg-type]  # Context's own fields
    )


def _span(text: str | None, seconds: float) -> timedelta | None:
    number = whole(text)
    return None if number is None or number * seconds > 1e10 else timedelta(seconds=number * seconds)


def _rises(lag: Series) -> bool:
    """Partitions are told only of a backlog that may be failing: reading them costs a query each."""
    return len(lag) > 1 and lag.values[-1] > lag.values[0]


def _skewed(told: Mapping[str, Series]) -> bool:
    """One partition is far behind the others."""
    return (told["age"].last or 0) > SKEWED * (told["age_median"].last or 0) + SKEW_AGE


def _paused(estate: Estate, ref: SubjectRef, told: Mapping[str, Series]) -> Mapping[str, Any]:
    """The pause that a group with a backlog makes; a long one is looked up in a day, which costs a query or two."""
    committed, produced, now = told["committed"], told["produced"], estate.as_of.timestamp()
    since = _flat(committed)
    if since is None or not told["lag"].last:
        return {}
    if now - since > LONG:
        committed = estate.day_of(ref, "committed") or committed
        since = _flat(committed) or since
    if produced.times and produced.times[0] > since:
        produced = estate.day_of(ref, "produced") or produced
    return paused(committed, produced, since, now)


def paused(committed: Series, produced: Series, since: float, now: float) -> Mapping[str, Any]:
    """The fields of a backlog that tell of a pause in its commits; `since` is when the last one was seen."""
    still = max(0.0, now - since)
    told: dict[str, Any] = {"still": timedelta(seconds=still), "steady": _steady(committed, since, still / 2)}
    if produced.values:
        before = produced.at_or_before(since)
        values = (produced.values[0] if before is None else before, *produced.since(since).values)
        told["arrived"] = int(values[-1] - values[0])
        told["arrivals"] = sum(after > earlier for earlier, after in pairwise(values))
    return told


def _steady(committed: Series, since: float, pause: float) -> timedelta | None:
    """For how long commits had come, up to an instant, without a pause so long; None where none was seen."""
    first = since
    for at, (before, after) in zip(
        reversed(committed.times[1:]), reversed(list(pairwise(committed.values))), strict=True
    ):
        if at > since or before == after:
            continue
        if first - at >= pause:
            break
        first = at
    return None if not committed.times or since == committed.times[0] else timedelta(seconds=since - first)


def _flat(series: Series) -> float | None:
    """Since when a series has its last value; None for one that only just got it."""
    since = None
    for at, value in zip(reversed(series.times), reversed(series.values), strict=True):
        if value != series.values[-1]:
            break
        since = at
    return None if since is None or since == series.times[-1] else since

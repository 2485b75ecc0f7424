"""Backlogs: each group on each topic that a broker told the lag of, with what stands around it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agent.engine.estate import Estate, retention, whole
from agent.engine.held import held
from agent.engine.measured import OF_PAIR, OF_TOPIC, ORPHANED, SPARSE
from agent.model import subjects as s
from agent.model.seam import Component, SubjectRef, group_on_topic, source, subject_of
from agent.model.series import NO_SERIES, Series


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
        still=_still(estate, ref, told["committed"], told["lag"], gap),
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
        behind=estate.behind(ref) if (told["lag"].last or 0) > 0 and _rises(told["lag"]) else {},
        **told,
        **estate.context(group, topic, first=first),  # type: ignore[arg-type]  # Context's own fields
    )


def _span(text: str | None, seconds: float) -> timedelta | None:
    number = whole(text)
    return None if number is None or number * seconds > 1e10 else timedelta(seconds=number * seconds)


def _rises(lag: Series) -> bool:
    """Partitions are told only of a backlog that may be failing: reading them costs a query each."""
    return len(lag) > 1 and lag.values[-1] > lag.values[0]


_LONG = 30 * 60.0  #: s; a group that pauses for longer may stand still for longer than a round reads


def _still(estate: Estate, ref: SubjectRef, committed: Series, lag: Series, gap: float | None) -> timedelta | None:
    """For how long, at least, the commits of a group with a backlog have stood still."""
    if not committed.values or not lag.last:
        return None
    since = _flat(committed)
    if since is not None and since == committed.times[0] and (gap or 0.0) > _LONG:  # how much longer costs a query
        since = _flat(estate.day_of(ref, "committed")) or since
    return None if since is None else timedelta(seconds=max(0.0, estate.as_of.timestamp() - since))


def _flat(series: Series) -> float | None:
    """Since when a series has its last value; None for one that only just got it."""
    since = None
    for at, value in zip(reversed(series.times), reversed(series.values), strict=True):
        if value != series.values[-1]:
            break
        since = at
    return None if since == series.times[-1] else since

"""Our own `/metrics` (contract version 1): at most 10,000 series, 100 ms a scrape, names that never change meaning.

What the store tells is read beside the scrapes and kept; a scrape waits for it only where nothing recent is kept.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from agent.engine.beside import Beside
from agent.engine.estate import retention
from agent.measure.timings import Timings
from agent.model.facts import Column
from agent.model.finding import Signal
from agent.model.flush import Key
from agent.model.histogram import EMPTY, Histogram, upper_ms
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.model.series import Series
from agent.model.verdict import Outcome
from agent.store.engine import StoreProblem
from agent.store.revisions import newest
from agent.store.store import Store

# At most 2 x 1,000 crossings, 2 x 1,000 repeats, 9 x 250 of histograms and 3 x 1,000 of groups: under 10,000 with ours.
MOST_SEAMS, MOST_HISTOGRAMS, MOST_GROUPS = 1_000, 250, 1_000
_OTHER = "__other__"
_EDGES_MS = (10.0, 50.0, 250.0, 1_000.0, 10_000.0)
_SEAM = ["kind", "source", "target"]

Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the composition root knows and the store does not."""

    version: str
    received: Mapping[tuple[str, str], int] = field(default_factory=dict)
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    commit_seconds: Timings = field(default_factory=Timings)
    round_seconds: Timings = field(default_factory=Timings)
    sources: Mapping[tuple[str, str], datetime | None] = field(default_factory=dict)


class _Once:
    """A collector that yields what it was given."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        return iter(self._metrics)


class Telemetry:
    """The page of metrics. Counters of crossings count since `since`, the start of this process."""

    def __init__(self, store: Store, clock: Callable[[], datetime], since: datetime) -> None:
        self._store, self._clock = store, clock
        self._since = since.replace(second=0, microsecond=0)
        beside = Beside(self._read, clock, "metrics")
        self._estate, self.refresh = beside.look, beside.refresh

    def render(self, figures: Figures, accept: str = "") -> tuple[bytes, str]:
        """The whole page and its content type: OpenMetrics where it is asked for, else Prometheus text."""
        registry = CollectorRegistry(auto_describe=False)
        try:
            estate = self._estate()
        except StoreProblem:  # what is in memory is told all the same, and readiness says the rest
            estate = []
        registry.register(_Once([*estate, *_own(figures)]))
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def _read(self) -> list[Metric]:
        at = self._clock()
        return [*_seams(self._store, self._since, at), *_groups(self._store, at), *_judged(self._store)]


def _seams(store: Store, since: datetime, at: datetime) -> Iterator[Metric]:
    until = at.replace(second=0, microsecond=0) + timedelta(minutes=3)
    found = store.sums(since, until)
    seams = {key: values for key, values in found.items() if isinstance(key, SeamKey)}
    busiest = sorted(seams, key=lambda key: (-seams[key][Column.COUNT], key))
    names: dict[SeamKey, Place] = {key: (key.kind, str(key.source), str(key.target)) for key in busiest[:MOST_SEAMS]}
    crossings = CounterMetricFamily("seamwatch_seam_crossings", "Counted crossings.", labels=[*_SEAM, "outcome"])
    duplicates = CounterMetricFamily("seamwatch_seam_duplicates", "Identities delivered again.", labels=_SEAM)
    retries = CounterMetricFamily("seamwatch_seam_retries", "Crossings that repeat another.", labels=_SEAM)
    sums: dict[Place, Counter[str]] = {}
    for key, values in seams.items():
        one = sums.setdefault(names.get(key, (key.kind, _OTHER, _OTHER)), Counter())
        one["error"] += values[Column.ERRORS]
        one["ok"] += values[Column.COUNT] - values[Column.ERRORS]
        one["duplicates"] += values[Column.DUPLICATES]
        one["retries"] += values[Column.RETRIES]
    for place, counts in sorted(sums.items()):
        for outcome in ("error", "ok"):
            crossings.add_metric([*place, outcome], max(0, counts[outcome]))
        if counts["duplicates"]:
            duplicates.add_metric(list(place), counts["duplicates"])
        if counts["retries"]:
            retries.add_metric(list(place), counts["retries"])
    yield from (crossings, duplicates, retries)
    yield _durations(store, seams, busiest, (since, until))


def _durations(
    store: Store,
    seams: Mapping[SeamKey, tuple[int, ...]],
    busiest: Sequence[SeamKey],
    span: tuple[datetime, datetime],
) -> Metric:
    """Histograms of the busiest seams; those of the rest are summed by kind."""
    family = HistogramMetricFamily("seamwatch_seam_duration_seconds", "Durations of crossings.", labels=_SEAM)
    places: dict[Key, Place] = {}
    seconds: Counter[Place] = Counter()
    for number, key in enumerate(busiest):
        ends = (str(key.source), str(key.target)) if number < MOST_HISTOGRAMS else (_OTHER, _OTHER)
        place = places[key] = (key.kind, *ends)
        seconds[place] += max(0, seams[key][Column.DURATION_US])
    found = store.histograms_by(places, *span)
    for place in sorted(seconds):
        duration = found.get(place, EMPTY)
        buckets = [(repr(edge / 1000), float(_under(duration, edge))) for edge in _EDGES_MS]
        family.add_metric(list(place), [*buckets, ("+Inf", float(duration.count))], seconds[place] / 1e6)
    return family


def _under(histogram: Histogram, edge_ms: float) -> int:
    return sum(count for bucket, count in histogram.counts if upper_ms(bucket) <= edge_ms * 1.0221)


def _groups(store: Store, at: datetime) -> Iterator[Metric]:
    labels = ["cluster", "group", "topic"]
    messages = GaugeMetricFamily("seamwatch_group_lag_messages", "Unread records.", labels=labels)
    seconds = GaugeMetricFamily("seamwatch_group_lag_seconds", "Age of the oldest unread record.", labels=labels)
    left = GaugeMetricFamily(
        "seamwatch_group_retention_left_seconds", "Until the oldest unread record is deleted.", labels=labels
    )
    kept = store.settings_as_of(at, ["retention.ms"])
    lags = _last(store.series_of(["lag"], at - timedelta(minutes=10), at))
    ages = _last(store.series_of(["age_seconds"], at - timedelta(minutes=10), at))
    lefts = _last(store.series_of(["retention_left_seconds"], at - timedelta(minutes=10), at))
    most = sorted(lags, key=lambda subject: (-lags[subject], subject))
    for subject in most[:MOST_GROUPS]:
        topic = dict(subject.labels).get("topic", "")
        place = [*subject.name.split("/", 1), topic.partition("/")[2]]
        messages.add_metric(place, lags[subject])
        if subject in ages:
            seconds.add_metric(place, ages[subject])
        held = retention(kept.get(Component("topic", topic), {}))
        if lags[subject] > 0 and subject in lefts:
            left.add_metric(place, lefts[subject])  # of the partition nearest to it, and by size where that deletes
        elif held is not None and lags[subject] > 0 and subject in ages:
            left.add_metric(place, max(0.0, held.total_seconds() - ages[subject]))
    rest = most[MOST_GROUPS:]
    if rest:
        messages.add_metric([_OTHER] * 3, sum(lags[subject] for subject in rest))
        seconds.add_metric([_OTHER] * 3, max((ages.get(subject, 0.0) for subject in rest), default=0.0))
    yield from (family for family in (messages, seconds, left) if family.samples)


def _last(found: Mapping[tuple[SubjectRef, str], Series]) -> dict[SubjectRef, float]:
    return {of: one.last for (of, _), one in found.items() if one.last is not None and of.kind == "group"}


def _judged(store: Store) -> Iterator[Metric]:
    findings = GaugeMetricFamily("seamwatch_findings", "Findings now.", labels=["rule", "severity", "state"])
    counts = Counter(
        (finding.rule, finding.severity.value, finding.signal.value)
        for finding in store.findings(signals=[Signal.PENDING, Signal.OPEN, Signal.RECOVERING, Signal.STALE])
    )
    for place, count in sorted(counts.items()):
        findings.add_metric(list(place), count)
    verdicts = GaugeMetricFamily("seamwatch_verdicts", "Verdicts of the last round.", labels=["rule", "outcome"])
    found = store.verdict_counts()
    for rule in sorted({rule for rule, _ in found}):
        for outcome in Outcome:
            verdicts.add_metric([rule, outcome.value], found.get((rule, outcome), 0))
    blind = GaugeMetricFamily("seamwatch_blind", "Blind verdicts of the last round.", labels=["rule", "reason"])
    causes: Counter[tuple[str, str]] = Counter()
    for cause in store.blind_causes():
        causes[cause.rule, cause.reason.value] += cause.subjects
    for (rule, reason), count in sorted(causes.items()):
        blind.add_metric([rule, reason], count)
    yield from (findings, verdicts, blind)


def _own(figures: Figures) -> Iterator[Metric]:
    labels = ["source", "reason"]
    received = CounterMetricFamily("seamwatch_received", "Facts taken.", labels=labels)
    for place, count in sorted(figures.received.items()):
        received.add_metric(list(place), count)
    refused = CounterMetricFamily("seamwatch_refused", "Requests refused, by reason.", labels=labels)
    for place, count in sorted(figures.refused.items()):
        refused.add_metric(list(place), count)
    dropped = CounterMetricFamily("seamwatch_dropped", "Facts dropped, by reason.", labels=labels)
    for place, count in sorted(figures.dropped.items()):
        dropped.add_metric(list(place), count)
    heard = GaugeMetricFamily(
        "seamwatch_collector_last_success_timestamp_seconds", "When a source was last heard.", labels=["source", "name"]
    )
    for place, at in sorted(figures.sources.items(), key=lambda item: item[0]):
        if at is not None:
            heard.add_metric(list(place), at.timestamp())
    info = GaugeMetricFamily("seamwatch_build_info", "This build.", labels=["version", "schema"])
    info.add_metric([figures.version, newest()], 1)
    yield from (received, refused, dropped, heard, info)
    yield _timings("seamwatch_journal_commit_seconds", "Durable commits of the journal.", figures.commit_seconds)
    yield _timings("seamwatch_round_seconds", "CPU time of rounds.", figures.round_seconds)


def _timings(name: str, text: str, timings: Timings) -> Metric:
    family = HistogramMetricFamily(name, text)
    buckets = [(repr(edge), float(count)) for edge, count in zip(timings.edges, timings.under, strict=True)]
    family.add_metric([], [*buckets, ("+Inf", float(timings.count))], timings.total)
    return family

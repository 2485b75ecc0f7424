"""Our own `/metrics` (contract version 1): Prometheus text, at most 10,000 series, names that never change meaning."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from agent.engine.round import Outcomes
from agent.measure.timings import Timings
from agent.model.facts import Column
from agent.model.finding import Signal
from agent.model.flush import Key
from agent.model.histogram import Histogram, upper_ms
from agent.model.seam import SeamKey
from agent.model.verdict import Outcome
from agent.store.revisions import newest
from agent.store.store import Store

MOST_SEAMS = 1_500  #: busiest seams that keep series of their own; with their histograms under 10,000 in all
_OTHER = "__other__"
_EDGES_MS = (10.0, 50.0, 250.0, 1_000.0, 10_000.0)
_FAR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the composition root knows and the store does not."""

    store: Store
    version: str
    received: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    commit_seconds: Timings = field(default_factory=Timings)
    round_seconds: Timings = field(default_factory=Timings)
    last_round: Outcomes | None = None
    sources: Mapping[tuple[str, str], datetime | None] = field(default_factory=dict)


class _Once:
    """A collector that yields what it was given."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        return iter(self._metrics)


def render(figures: Figures) -> bytes:
    """The whole page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_seams(figures), *_groups(figures), *_judged(figures), *_own(figures)]))
    return generate_latest(registry)


def _seams(figures: Figures) -> Iterator[Metric]:
    until = datetime.now(UTC).replace(second=0, microsecond=0)
    totals = figures.store.sums(until - _FAR, until + timedelta(minutes=3))
    seams = {key: values for key, values in totals.items() if isinstance(key, SeamKey)}
    busiest = sorted(seams, key=lambda key: -seams[key][Column.COUNT])[:MOST_SEAMS]
    shown = set(busiest[: MOST_SEAMS // 5])
    names: dict[Key, tuple[str, str, str]] = {key: (key.kind, str(key.source), str(key.target)) for key in busiest}
    labels = ["kind", "source", "target"]
    crossings = CounterMetricFamily("seamwatch_seam_crossings", "Counted crossings.", labels=[*labels, "outcome"])
    duplicates = CounterMetricFamily("seamwatch_seam_duplicates", "Identities delivered again.", labels=labels)
    retries = CounterMetricFamily("seamwatch_seam_retries", "Crossings that repeat another.", labels=labels)
    sums: dict[tuple[str, str, str], Counter[str]] = {}
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
    yield _durations(figures, seams, shown, until)


def _durations(
    figures: Figures, seams: Mapping[SeamKey, tuple[int, ...]], shown: set[SeamKey], until: datetime
) -> Metric:
    labels = ["kind", "source", "target"]
    family = HistogramMetricFamily("seamwatch_seam_duration_seconds", "Durations of crossings.", labels=labels)
    found = figures.store.histograms_between(list(shown), until - _FAR, until + timedelta(minutes=3))
    for key in sorted(shown):
        duration = found.get(key, (Histogram(), Histogram()))[0]
        buckets = [(_edge(edge), float(_under(duration, edge))) for edge in _EDGES_MS]
        buckets.append(("+Inf", float(duration.count)))
        total = seams[key][Column.DURATION_US] / 1e6
        family.add_metric([key.kind, str(key.source), str(key.target)], buckets, max(0.0, total))
    return family


def _edge(milliseconds: float) -> str:
    return repr(milliseconds / 1000)


def _under(histogram: Histogram, edge_ms: float) -> int:
    return sum(count for bucket, count in histogram.counts if upper_ms(bucket) <= edge_ms * 1.0221)


def _groups(figures: Figures) -> Iterator[Metric]:
    labels = ["cluster", "group", "topic"]
    messages = GaugeMetricFamily("seamwatch_group_lag_messages", "Unread records.", labels=labels)
    seconds = GaugeMetricFamily("seamwatch_group_lag_seconds", "Age of the oldest unread record.", labels=labels)
    now = datetime.now(UTC)
    for (subject, name), series in figures.store.series_of(
        ["lag", "age_seconds"], now - timedelta(minutes=10), now
    ).items():
        cluster, _, group = subject.name.partition("/")
        topic = dict(subject.labels).get("topic", "").partition("/")[2]
        if series.last is not None and subject.kind == "group":
            (messages if name == "lag" else seconds).add_metric([cluster, group, topic], series.last)
    yield from (family for family in (messages, seconds) if family.samples)


def _judged(figures: Figures) -> Iterator[Metric]:
    findings = GaugeMetricFamily("seamwatch_findings", "Findings now.", labels=["rule", "severity", "state"])
    counts = Counter(
        (finding.rule, finding.severity.value, finding.signal.value)
        for finding in figures.store.findings(signals=[Signal.PENDING, Signal.OPEN, Signal.RECOVERING, Signal.STALE])
    )
    for place, count in sorted(counts.items()):
        findings.add_metric(list(place), count)
    verdicts = GaugeMetricFamily("seamwatch_verdicts", "Verdicts of the last round.", labels=["rule", "outcome"])
    found = figures.store.verdict_counts()
    for rule in sorted({rule for rule, _ in found}):
        for outcome in Outcome:
            verdicts.add_metric([rule, outcome.value], found.get((rule, outcome), 0))
    blind = GaugeMetricFamily("seamwatch_blind", "Blind verdicts of the last round.", labels=["rule", "reason"])
    if figures.last_round is not None:
        for (rule, reason), count in sorted(figures.last_round.blind.items()):
            blind.add_metric([rule, reason.value], count)
    yield from (findings, verdicts, blind)


def _own(figures: Figures) -> Iterator[Metric]:
    labels = ["source", "reason"]
    received = CounterMetricFamily("seamwatch_received", "Facts taken.", labels=labels)
    for source, count in sorted(figures.received.items()):
        received.add_metric([source, ""], count)
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

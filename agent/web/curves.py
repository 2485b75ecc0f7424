"""From views to pictures: which curves tell a seam, a finding, the estate."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from agent.model.facts import Column, Window
from agent.model.histogram import Histogram
from agent.model.seam import Component
from agent.model.subjects import Series
from agent.web.draw.chart import Curve, Strip, chart, spark
from agent.web.draw.map import MOST, Edge, picture
from agent.web.overview import Overview
from agent.web.views import FindingPage, SeamPage, Views
from agent.web.words import bare, count, milliseconds


def map_of(o: Overview, *, trouble: bool) -> tuple[Markup, str]:
    """The map of the estate, or of trouble and its neighbours; with its title."""
    seams = [view for view in o.seams if view.key.kind != "reads" or view.mark not in ("good", "blind")]
    ends = {end for view in seams for end in (view.key.source, view.key.target)}
    title = "The whole estate"
    if trouble and (o.findings or len(ends) > MOST):
        hot = {end for v in seams if v.mark in ("page", "fix", "tidy") for end in (v.key.source, v.key.target)}
        seams = [view for view in seams if view.key.source in hot or view.key.target in hot][:MOST]
        title = "Where it hurts"
    edges = [
        Edge(
            view.key.source,
            view.key.target,
            view.paradigm,
            view.mark if view.mark in ("page", "fix", "tidy") else "",
            f"/seams/{view.row.id}",
        )
        for view in seams
    ]
    names: dict[Component, str] = {end: bare(end) for edge in edges for end in (edge.source, edge.target)}
    marks = Counter(edge.mark for edge in edges)
    says = f"Map of {len(edges)} seams: {marks['page']} need action now, {marks['fix']} to fix, {marks['tidy']} to tidy"
    return picture(edges, names, says), title


def sparks(views: Views, o: Overview) -> Mapping[str, Markup]:
    """A small curve for each finding that needs a person now, and for the first few to fix."""
    drawn = {}
    for view in (*o.of("page"), *o.of("fix"))[:6]:
        found = views.finding(view.finding.fingerprint)
        if found is None:
            continue
        lag = found.measures.get("lag")
        if lag is not None and len(lag) > 3:
            values: Sequence[float] = lag.values
        else:
            values = [float(window[Column.REWRITTEN] or window[Column.COUNT]) for window in found.windows]
        drawn[view.finding.fingerprint] = spark(values, view.mark, f"{len(values)} looks at {view.name}")
    return drawn


def _rate(windows: Sequence[Window], column: Column) -> tuple[list[float], list[float]]:
    times = [window.start.timestamp() for window in windows]
    return times, [window[column] / window.tier.seconds for window in windows]


def _flow(windows: Sequence[Window]) -> Strip:
    times, rate = _rate(windows, Column.COUNT)
    _, errors = _rate(windows, Column.ERRORS)
    curves = [Curve("crossed", times, rate, "w", f"{rate[-1]:,.2f}/s" if rate else "")]
    if any(errors):
        curves.append(Curve("failed", times, errors, "h", f"{errors[-1]:,.2f}/s"))
    return Strip("Crossings a second", tuple(curves))


def _quantiles(title: str, windows: Sequence[Window], histograms: Sequence[Histogram]) -> Strip:
    curves = []
    for share, kind in ((0.5, "t"), (0.95, "w")):
        points = [
            (window.start.timestamp(), value)
            for window, histogram in zip(windows, histograms, strict=True)
            if (value := histogram.quantile_ms(share)) is not None
        ]
        times, values = [at for at, _ in points], [value for _, value in points]
        curves.append(Curve(f"p{share * 100:.0f}", times, values, kind, milliseconds(values[-1]) if values else ""))
    return Strip(title, tuple(curves))


def _backlog(measures: Mapping[str, Series]) -> list[Strip]:
    strips = []
    produced, committed = measures.get("produced"), measures.get("committed")
    if produced is not None and committed is not None and len(produced) and len(committed):
        gap = produced.values[-1] - committed.values[-1]
        kind = "h" if gap > 0.02 * max(1.0, produced.values[-1] - produced.values[0]) else "t"
        written = Curve("written", produced.times, produced.values, "w")
        read = Curve("read", committed.times, committed.values, kind, f"{count(gap)} less")
        strips.append(Strip("Offsets, all partitions", (written, read)))
    for name, title in (("lag", "Unread messages"), ("age_seconds", "Age of the oldest unread, seconds")):
        series = measures.get(name)
        if series is not None and len(series) > 1:
            strips.append(Strip(title, (Curve("", series.times, series.values, "w", count(series.values[-1])),)))
    return strips


def seam_picture(page: SeamPage, now: datetime, span: timedelta) -> Markup:
    """One seam's strips over one time axis."""
    windows = page.windows
    strips = [_flow(windows)] if windows else []
    if windows:
        strips.append(_quantiles("Duration, ms", windows, [window.duration for window in windows]))
        if any(window.queue.count for window in windows):
            strips.append(_quantiles("Time in the queue, ms", windows, [window.queue for window in windows]))
    strips += _backlog(page.measures)
    return chart(strips, (now - span).timestamp(), now.timestamp(), f"Curves of {page.view.name}")


def finding_picture(page: FindingPage, now: datetime) -> Markup:
    """What a finding is about, over the hours before it was last judged."""
    if page.measures:
        times = [series.times for series in page.measures.values() if len(series)]
        if times:
            first, last = min(t[0] for t in times), max(t[-1] for t in times)
            return chart(_backlog(page.measures), first, last, f"Curves of {page.view.name}")
    if not page.windows:
        return Markup("")
    strips = [_flow(page.windows)]
    times_, rewritten = _rate(page.windows, Column.REWRITTEN)
    if any(rewritten):
        counted = [float(window[Column.REWRITTEN]) for window in page.windows]
        shown = f"{sum(counted):,.0f} in all;"
        strips.append(Strip("Written twice", (Curve("written twice", times_, counted, "h", shown),)))
    first, last = page.windows[0].start.timestamp(), page.windows[-1].start.timestamp() + 60
    return chart(strips, first, max(last, first + 3600, min(now.timestamp(), last)), f"Curves of {page.view.name}")

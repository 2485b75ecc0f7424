"""From views to pictures of time: which curves tell a seam, a finding, a row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from markupsafe import Markup

from agent.model.facts import Column, Window
from agent.model.histogram import Histogram
from agent.model.series import Series
from agent.model.steps import rate
from agent.web.draw.chart import WIDTH, Curve, Moment, Strip, chart, spark
from agent.web.overview import FindingView, Overview
from agent.web.views import FindingPage, SeamPage, Views
from agent.web.words import count, milliseconds, span

NARROW = 812
#: what to draw of a finding, by its pitfall: the first of these that was seen
_ABOUT = {
    "idempotency": ((Column.REWRITTEN, "Written twice"), (Column.DUPLICATES, "Read twice")),
    "dead_letters": ((Column.ERRORS, "Failed"),),
    "observability": ((Column.DETACHED, "Cut off"), (Column.ROOTS, "Without a parent")),
}
_PERCENTILES = ((0.5, "w", False), (0.95, "t", False), (0.99, "t", True))


def sparks(views: Views, o: Overview) -> Mapping[str, Markup]:
    """A small curve for each finding that needs a person now, and for the first few to fix."""
    return o.once("sparks", lambda: _sparks(views, o))


def _sparks(views: Views, o: Overview) -> Mapping[str, Markup]:
    return {view.finding.fingerprint: _spark(views, view, o) for view in (*o.of("page"), *o.of("fix"))[:6]}


def _spark(views: Views, view: FindingView, o: Overview) -> Markup:
    """What a finding is about, small: unread messages only where it is about a backlog."""
    lag, windows = views.curves(view, o)
    pitfall = view.rule.pitfall if view.rule else ""
    if pitfall == "backlog" and lag is not None and len(lag) > 3:
        values: Sequence[float] = lag.values
        return spark(values, view.mark, f"Unread messages, from {count(values[0])} to {count(values[-1])}")
    over = closed(windows, views.until(view.finding))
    known = ((column, words) for column, words in _ABOUT.get(pitfall, ()) if any(one[column] for one in over))
    column, words = next(known, (Column.COUNT, "Crossings"))
    values = _thirds([float(window[column]) for window in over])
    return spark(values, view.mark, f"{words} over 24 h, {count(sum(values))} in all")


def closed(windows: Sequence[Window], now: datetime) -> list[Window]:
    """Those that are over: one that is still open, of whatever length, would always be a fall at the end."""
    return [one for one in windows if one.start + timedelta(seconds=one.tier.seconds) <= now]


def _thirds(values: Sequence[float], most: int = 32) -> list[float]:
    """Sums over at most so many equal stretches: single minutes are noise at this size."""
    step = max(1, -(-len(values) // most))
    return [sum(values[at : at + step]) for at in range(0, len(values), step)]


def _rate(windows: Sequence[Window], column: Column) -> tuple[list[float], list[float]]:
    times = [window.start.timestamp() for window in windows]
    return times, [window[column] / window.tier.seconds for window in windows]


def _flow(windows: Sequence[Window], title: str) -> Strip:
    times, crossed = _rate(windows, Column.COUNT)
    _, errors = _rate(windows, Column.ERRORS)
    curves = [Curve("", times, crossed, "w", rate(crossed[-1]) if crossed else "")]
    if any(errors):
        curves.append(Curve("failed", times, errors, "h", rate(errors[-1]) if errors[-1] else "0"))
    return Strip(title, tuple(curves), words=lambda level: rate(level) if level else "0")


def _quantiles(title: str, windows: Sequence[Window], histograms: Sequence[Histogram]) -> Strip:
    curves = []
    for share, kind, dashed in _PERCENTILES:
        points = [
            (window.start.timestamp(), value)
            for window, histogram in zip(windows, histograms, strict=True)
            if (value := histogram.quantile_ms(share)) is not None
        ]
        times, values = [at for at, _ in points], [value for _, value in points]
        shown = milliseconds(values[-1]) if values else ""
        curves.append(Curve(f"p{share * 100:.0f}", times, values, kind, shown, dashed=dashed))
    return Strip(title, tuple(curves[::-1]), words=milliseconds, log=True)


def _pace(series: Series) -> tuple[list[float], list[float]]:
    """Messages a second between looks a minute or more apart; an offset that went back says nothing."""
    times: list[float] = []
    values: list[float] = []
    last = 0
    for at in range(1, len(series)):
        gone = series.times[at] - series.times[last]
        if gone < 60:
            continue
        moved = series.values[at] - series.values[last]
        if moved >= 0:
            times.append(float(series.times[at]))
            values.append(float(moved / gone))
        last = at
    return times, values


def _paces(measures: Mapping[str, Series], wrong: float | None) -> list[Strip]:
    produced, committed = measures.get("produced"), measures.get("committed")
    if produced is None or committed is None or len(produced) < 3 or len(committed) < 3:
        return []
    curves = []
    for series, label, since in ((produced, "written", None), (committed, "read", wrong)):
        times, values = _pace(series)
        curves.append(Curve(label, times, values, "w", rate(values[-1]) if values else "", wrong=since))
    title, area = "Messages, from the broker's offsets", "between" if wrong else ""
    return [Strip(title, tuple(curves), words=lambda level: rate(level) if level else "0", area=area)]


def _backlog(measures: Mapping[str, Series], wrong: float | None) -> list[Strip]:
    strips = []
    told = (
        ("lag", "Unread messages", count, count),
        ("age_seconds", "Age of the oldest unread message", span, lambda level: span(level) if level else "0"),
    )
    for name, title, shown, words in told:
        series = measures.get(name)
        if series is not None and len(series) > 1:
            last = float(series.values[-1])
            curve = Curve("", series.times, series.values, "w", shown(last) if last >= 1 else "0", wrong=wrong)
            strips.append(Strip(title, (curve,), words=words, clock=name == "age_seconds", area="under"))
    return strips


def _began(findings: Sequence[FindingView]) -> tuple[float | None, Moment | None]:
    """When the backlog of a seam went wrong, by its open findings."""
    late = [view for view in findings if view.rule is not None and view.rule.pitfall == "backlog"]
    starts = [(view.finding.since or view.finding.opened, view) for view in late if view.finding.resolved is None]
    known = [(at, view) for at, view in starts if at is not None]
    if not known:
        return None, None
    at, view = min(known, key=lambda pair: pair[0])
    name = view.rule.name if view.rule else view.finding.rule
    return at.timestamp(), Moment(at.timestamp(), f"{at:%H:%M} {name} began to fail")


def seam_picture(page: SeamPage, now: datetime, length: timedelta) -> Markup:
    """One seam's strips over one time axis: cause, event and effect stand above each other."""
    windows = closed(page.windows, now)
    wrong, moment = _began(page.view.findings)
    paces = _paces(page.measures, wrong)
    strips = paces or ([_flow(windows, "Crossings")] if windows else [])
    strips += _backlog(page.measures, wrong)
    if any(window.queue.count for window in windows):
        waited = "Queue time of what was read" if page.view.key.kind == "consumes" else "Time on the way"
        strips.append(_quantiles(waited, windows, [window.queue for window in windows]))
    if windows:
        strips.append(_quantiles("Time each took", windows, [window.duration for window in windows]))
    if paces and any(window[Column.ERRORS] for window in windows):
        strips.append(replace(_flow(windows, "Crossings seen in traces"), area=""))
    says = f"Curves of {page.view.name}: {', '.join(strip.title.lower() for strip in strips)}"
    return chart(strips, (now - length).timestamp(), now.timestamp(), says, width=WIDTH, moment=moment)


def finding_picture(page: FindingPage, now: datetime) -> Markup:
    """What a finding is about, over the hours before it was last judged."""
    says = f"Curves of {page.view.name}"
    wrong, moment = _began([page.view])
    if page.measures and wrong is not None:
        times = [series.times for series in page.measures.values() if len(series)]
        if times:
            strips = [*_paces(page.measures, wrong), *_backlog(page.measures, wrong)]
            first, last = min(t[0] for t in times), max(t[-1] for t in times)
            return chart(strips, first, last, says, width=NARROW, moment=moment)
    windows = closed(page.windows, page.until)
    if not windows:
        return Markup("")
    strips = [_flow(windows, "Crossings")]
    if any(window[Column.REWRITTEN] for window in windows):
        strips.append(_twice(windows))
    first, last = windows[0].start.timestamp(), windows[-1].start.timestamp() + 60
    return chart(strips, first, max(last, first + 3600, min(now.timestamp(), last)), says, width=NARROW)


def _twice(windows: Sequence[Window]) -> Strip:
    """Repeated writes add up: a running sum shows when they came and how many there are."""
    total, values = 0.0, []
    for window in windows:
        total += window[Column.REWRITTEN]
        values.append(total)
    times = [window.start.timestamp() for window in windows]
    first = next(at for at, value in zip(times, values, strict=True) if value)
    curve = Curve("in all", times, values, "w", f"{total:,.0f}", wrong=first)
    return Strip("Written twice, added up", (curve,), words=count, area="under")

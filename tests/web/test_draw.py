"""Pictures: round scales, curves that turn red where they went wrong, maps on which one thing is one box."""

import re
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

import rules
from agent.engine.catalogue import discover
from agent.model.facts import Column, Tier, Window
from agent.model.finding import Finding, Signal
from agent.model.seam import Component, SeamKey
from agent.model.series import Series
from agent.model.verdict import Evidence, Severity
from agent.store.store import SeamRow
from agent.web.atlas import estate_map
from agent.web.curves import sparks
from agent.web.draw.axis import linear, logarithmic, times
from agent.web.draw.chart import Curve, Moment, Strip, chart, thin
from agent.web.draw.flag import Area
from agent.web.draw.map import Box, Edge, picture
from agent.web.overview import FindingView, Overview, SeamView
from agent.web.views import Views

RULES = {rule.id: rule for rule in discover(rules)}
KEY = SeamKey("consumes", Component("topic", "p/orders"), Component("group", "p/billing"))
MARKS = ("page", "fix", "tidy", "fix", "tidy", "page")
NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)


def test_a_scale_is_round_and_holds_every_value() -> None:
    assert linear([0, 1798]).levels == (0.0, 1000.0, 2000.0)
    assert linear([0, 744], clock=True).levels == (0.0, 600.0, 1200.0)
    assert linear([]).at(0) == 0
    wide = logarithmic([11, 370_000])
    assert (wide.low, wide.high) == (10, 1_000_000)
    assert 0 < wide.at(11) < wide.at(370_000) < 1


@pytest.mark.parametrize("hours", [1, 3, 24, 336])
def test_a_time_axis_has_a_few_round_times(hours: int) -> None:
    end = NOW.timestamp() + 61
    found = times(end - hours * 3600, end)
    assert 3 <= len(found) <= 8
    assert all(end - hours * 3600 <= at <= end for at, _ in found)
    assert not any(says.endswith(("1", "3", "7")) for _, says in found if ":" in says)


def path(svg: str, kind: str) -> list[str]:
    return re.findall(rf'<path class="{kind}" d="([^"]*)"', svg)


def test_a_curve_is_grey_until_it_went_wrong_and_red_from_there() -> None:
    at = [60.0 * n for n in range(10)]
    strip = Strip("Lag", (Curve("", at, at, wrong=300.0),))
    drawn = str(chart([strip], 0, 540, "Lag", moment=Moment(300.0, "05:00 began")))
    [grey], [red] = path(drawn, "w"), path(drawn, "h")
    assert grey.split(" L")[-1] == red.removeprefix("M").split(" L")[0]
    assert (len(grey.split(" L")), len(red.split(" L"))) == (5, 6)
    assert 'class="val hot"' in drawn
    assert "05:00 began" in drawn
    healthy = str(chart([Strip("Lag", (Curve("", at, at),))], 0, 540, "Lag"))
    assert path(healthy, "h") == []


@pytest.mark.parametrize("minute", [1, 30, 89, 91, 150, 179])
def test_what_happened_has_a_line_of_its_own_and_covers_no_title(minute: int) -> None:
    times = [60.0 * n for n in range(180)]
    strip = Strip("Messages, from the broker's offsets", (Curve("read", times, times),))
    svg = str(chart([strip, strip], 0, 10_800, "says", width=812, moment=Moment(60.0 * minute, "02:41 began to fail")))
    [said] = re.findall(r'class="lbl" x="[\d.]+" y="([\d.]+)" text-anchor="(?:end|start)">02:41', svg)
    titles = [float(y) for y in re.findall(r'class="ttl" x="64" y="([\d.]+)"', svg)]
    assert len(titles) == 2
    assert all(abs(float(said) - y) >= 20 for y in titles)
    height = float(re.findall(r'viewBox="0 0 812 ([\d.]+)"', svg)[0])
    assert float(said) < titles[0] < titles[1] < height


def test_a_hole_in_what_was_seen_is_not_drawn_over() -> None:
    at = [0.0, 60.0, 120.0, 4000.0, 4060.0]
    drawn = str(chart([Strip("Lag", (Curve("", at, at),))], 0, 4060, "Lag"))
    assert len(path(drawn, "w")) == 2


def test_a_curve_is_thinned_and_keeps_its_end() -> None:
    points = [(float(n), 0.0) for n in range(359)]
    kept = thin(points)
    assert len(kept) <= 181
    assert kept[-1] == points[-1]


def view(number: int, kind: str, source: str, target: str, mark: str = "good", **attributes: str) -> SeamView:
    key = SeamKey(kind, Component.parse(source), Component.parse(target))
    return SeamView(
        SeamRow(key, NOW, NOW, attributes, (number,)), key, "s", (), key.paradigm or "unknown", mark, (), 1, 0, ()
    )


def test_a_service_its_group_and_its_route_are_one_box() -> None:
    seams = (
        view(1, "calls", "service:web", "route:shop POST /orders"),
        view(2, "publishes", "service:shop", "topic:p/orders"),
        view(3, "consumes", "topic:p/orders", "group:p/billing-group", "fix", service="billing"),
        view(4, "writes", "service:billing", "table:pg/b.invoices", "blind"),
    )
    svg, title, note = estate_map(Overview(NOW, seams, (), {}, None), seams)
    assert len(re.findall('class="box"', svg)) == 5
    assert (title, note.split(" ")[0]) == ("The whole estate", "5")
    assert len(set(re.findall(r'class="box" x="([\d.]+)"', svg))) == 5, "one column a step of the flow"
    assert svg.count('use href="#m-fix"') == svg.count('use href="#m-blind"') == 1
    assert estate_map(Overview(NOW, seams, (), {}, None), seams[:1])[1] == "These seams"


def test_a_mark_hides_no_component_and_no_other_mark() -> None:
    web, bill, ship = (Component("service", name) for name in ("web", "bill", "ship"))
    topic, other, table = Component("topic", "p/o"), Component("topic", "p/x"), Component("table", "pg/o")
    chain = [(web, topic), (topic, bill), (bill, table), (web, other), (other, ship), (web, table)]
    edges = [Edge(a, b, "event", mark, "/", "no duplicate check") for (a, b), mark in zip(chain, MARKS, strict=True)]
    svg = str(picture(edges, {end: Box(end.name, end.kind, "/") for pair in chain for end in pair}, "says"))
    shape = r'x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" rx'
    areas = [Area(*map(float, found)) for found in re.findall(f"<rect (?:class=.box. )?{shape}", svg)]
    assert len(areas) == 6 + len(edges)
    for at, one in enumerate(areas):
        for other in areas[at + 1 :]:
            assert one.x + one.wide <= other.x or other.x + other.wide <= one.x or _above(one, other)


def _above(one: Area, other: Area) -> bool:
    return one.y + one.high <= other.y or other.y + other.high <= one.y


class Curves:
    """Views of one finding: a reader that lags, of a seam that was crossed."""

    def __init__(self, columns: dict[Column, int]) -> None:
        values = tuple(columns.get(column, 0) for column in Column)
        start = NOW - timedelta(minutes=35)
        self._windows = [Window(KEY, start + timedelta(minutes=10 * n), Tier.TEN, values) for n in range(4)]

    def until(self, _finding: Finding) -> datetime:
        return NOW

    def curves(self, _view: FindingView, _o: Overview) -> tuple[Series, list[Window]]:
        return Series((0, 60, 120, 180), (4, 3, 2, 1)), self._windows


@pytest.mark.parametrize(
    ("rule", "columns", "says"),
    [
        ("LAG-01", {}, "Unread messages, from 4 to 1"),
        ("IDM-01", {Column.REWRITTEN: 2, Column.DUPLICATES: 5}, "Written twice over 24 h, 6 in all"),
        ("IDM-02", {Column.DUPLICATES: 5}, "Read twice over 24 h, 15 in all"),
        ("DLQ-01", {Column.ERRORS: 40, Column.REWRITTEN: 9}, "Failed over 24 h, 120 in all"),
        ("DLQ-01", {}, "Crossings over 24 h, 300 in all"),
        ("SCH-04", {Column.REWRITTEN: 9}, "Crossings over 24 h, 300 in all"),
    ],
)
def test_a_small_curve_is_of_what_its_finding_is_about(rule: str, columns: dict[Column, int], says: str) -> None:
    found = Finding("f", rule, KEY.subject, Severity.HIGH, Evidence.OBSERVED, Signal.OPEN, "So.")
    shown = FindingView(found, RULES[rule], "fix", "s", quiet=False)
    o = Overview(NOW, (), (shown,), {}, None)
    [drawn] = sparks(cast("Views", Curves({Column.COUNT: 100, **columns})), o).values()
    assert f'aria-label="{says}"' in drawn

"""Pictures: round scales, curves that turn red where they went wrong, maps on which one thing is one box."""

import re
from datetime import UTC, datetime

import pytest

from agent.model.seam import Component, SeamKey
from agent.store.store import SeamRow
from agent.web.atlas import estate_map
from agent.web.draw.axis import linear, logarithmic, times
from agent.web.draw.chart import Curve, Moment, Strip, chart, thin
from agent.web.overview import Overview, SeamView

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
        SeamRow(key, NOW, NOW, attributes, (number,)), key, "s", (), key.paradigm or "batch", mark, (), 1, 0, ()
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

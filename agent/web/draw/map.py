"""The map: components in layers by their longest path, seams as curves, findings as marks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from agent.model.seam import Component

_BOX, _HIGH, _GAP_X, _GAP_Y = 150, 40, 74, 16
_SWEEPS = 8
_NARROWEST = 1100  #: a small estate is not blown up to fill the page
MOST = 60  #: components; beyond it only trouble and its neighbours are drawn


@dataclass(frozen=True, slots=True)
class Edge:
    """One seam to draw."""

    source: Component
    target: Component
    paradigm: str
    mark: str = ""  #: page | fix | tidy, or none
    address: str = ""


def layers(edges: Sequence[Edge]) -> list[list[Component]]:
    """Components by longest path from a source, cycles cut; the same for any order of input."""
    after: dict[Component, list[Component]] = defaultdict(list)
    everything = sorted({end for edge in edges for end in (edge.source, edge.target)})
    for edge in sorted(edges, key=lambda edge: (edge.source, edge.target)):
        if edge.source != edge.target:
            after[edge.source].append(edge.target)
    depth = dict.fromkeys(everything, 0)
    order = _order(everything, after)
    for component in order:
        for following in after[component]:
            if order.index(following) > order.index(component):
                depth[following] = max(depth[following], depth[component] + 1)
    columns: list[list[Component]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for component in everything:
        columns[depth[component]].append(component)
    return _sorted(columns, edges)


def _order(everything: list[Component], after: Mapping[Component, list[Component]]) -> list[Component]:
    seen: set[Component] = set()
    found: list[Component] = []
    for first in everything:
        stack = [(first, iter(after.get(first, ())))] if first not in seen else []
        seen.add(first)
        while stack:
            component, following = stack[-1]
            step = next((one for one in following if one not in seen), None)
            if step is None:
                found.append(component)
                stack.pop()
            else:
                seen.add(step)
                stack.append((step, iter(after.get(step, ()))))
    return found[::-1]


def _sorted(columns: list[list[Component]], edges: Sequence[Edge]) -> list[list[Component]]:
    near: dict[Component, list[Component]] = defaultdict(list)
    for edge in edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    for _ in range(_SWEEPS):
        row = {component: number for column in columns for number, component in enumerate(column)}
        for column in columns:
            column.sort(key=lambda c: (sum(row[n] for n in near[c]) / max(1, len(near[c])), c))
    return columns


def picture(edges: Sequence[Edge], names: Mapping[Component, str], says: str) -> Markup:
    """The map as SVG; nothing for no seams."""
    if not edges:
        return Markup("")
    columns = layers(edges)
    tall = max(len(column) for column in columns)
    width = max(_NARROWEST, len(columns) * (_BOX + _GAP_X) - _GAP_X + 36)
    left = (width - (len(columns) * (_BOX + _GAP_X) - _GAP_X)) / 2
    height = tall * (_HIGH + _GAP_Y) + 20
    place = {}
    for x, column in enumerate(columns):
        offset = (tall - len(column)) * (_HIGH + _GAP_Y) / 2
        for y, component in enumerate(column):
            place[component] = (left + x * (_BOX + _GAP_X), 10 + offset + y * (_HIGH + _GAP_Y))
    lines = [_line(edge, place) for edge in sorted(edges, key=lambda e: (e.mark, e.source, e.target))]
    boxes = [_box(component, place[component], names.get(component, component.name)) for component in sorted(place)]
    marks = [_mark(edge, place) for edge in edges if edge.mark]
    return Markup('<svg class="map" viewBox="0 0 {} {:.0f}" role="group" aria-label="{}">{}</svg>').format(
        width, height, says, Markup("").join([*lines, *boxes, *marks])
    )


Places = Mapping[Component, tuple[float, float]]


def _ends(edge: Edge, place: Places) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = place[edge.source], place[edge.target]
    return x1 + _BOX, y1 + _HIGH / 2, x2, y2 + _HIGH / 2


def _line(edge: Edge, place: Places) -> Markup:
    x1, y1, x2, y2 = _ends(edge, place)
    bend = max(24.0, abs(x2 - x1) / 2)
    return Markup('<path class="seam {} {}" d="M{:.1f} {:.1f} C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}"/>').format(
        edge.paradigm, edge.mark, x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2
    )


def _box(component: Component, at: tuple[float, float], name: str) -> Markup:
    x, y = at
    short = name if len(name) <= 20 else name[:19] + "…"
    return Markup(
        '<g><title>{}</title><rect class="box" x="{:.1f}" y="{:.1f}" width="{}" height="{}" rx="{}"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text><text class="kind" x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(
        str(component),
        x,
        y,
        _BOX,
        _HIGH,
        20 if component.kind == "topic" else 7,
        x + 14,
        y + 17.5,
        short,
        x + 14,
        y + 31,
        component.kind,
    )


def _mark(edge: Edge, place: Places) -> Markup:
    x1, y1, x2, y2 = _ends(edge, place)
    x, y = (x1 + x2) / 2 - 8, (y1 + y2) / 2 - 8
    words = {"page": "Act now", "fix": "Fix", "tidy": "Tidy"}[edge.mark]
    inner = Markup(
        '<svg class="mark {}" x="{:.1f}" y="{:.1f}" width="16" height="16"><use href="#m-{}"/></svg>'
    ).format(edge.mark, x, y, edge.mark)
    if not edge.address:
        return inner
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(edge.address, words, inner)

"""The map: components in layers by their longest path, seams as curves, findings as marks."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from agent.model.seam import Component
from agent.web.draw.flag import Area, bend, placed, width

_BOX, _HIGH, _GAP_X, _GAP_Y, _EDGE = 132, 40, 74, 14, 18
_FLAG_GAP = 148  #: between columns, where a mark has words
_SWEEPS = 8
_NARROWEST = 1164  #: a small estate is spread over the page, not blown up
MOST = 60  #: components; beyond it only trouble and its neighbours are drawn
_ORDER = ("page", "fix", "tidy", "blind", "", "na")
_PLAIN = {"blind": "", "na": "hid"}  #: what a line looks like where its mark is no finding


@dataclass(frozen=True, slots=True)
class Edge:
    """One seam to draw."""

    source: Component
    target: Component
    paradigm: str
    mark: str = ""  #: page | fix | tidy | blind, or none; na has nothing to judge and only a faint line
    address: str = ""
    words: str = ""  #: beside its mark: the trouble in two or three words
    quiet: bool = False  #: what its mark says was set aside


@dataclass(frozen=True, slots=True)
class Box:
    """One component as people know it."""

    name: str
    kind: str
    address: str


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
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 else columns[::-1]:
            place = {one: (row + 0.5) / len(some) for some in columns for row, one in enumerate(some)}
            column.sort(key=lambda c: (round(sum(place[n] for n in near[c]) / max(1, len(near[c])), 6), c))
    return columns


def picture(edges: Sequence[Edge], boxes: Mapping[Component, Box], says: str, *, heads: bool = False) -> Markup:
    """The map as SVG; nothing for no seams. `heads` writes above each column what stands in it."""
    if not edges:
        return Markup("")
    columns = layers(edges)
    tall = max(len(column) for column in columns)
    gap = max([_GAP_X, *(max(_FLAG_GAP, width(edge.words) + 16) for edge in edges if edge.words)])
    wide = max(_NARROWEST, len(columns) * (_BOX + gap) - gap + 2 * _EDGE)
    step = (wide - 2 * _EDGE - _BOX) / max(1, len(columns) - 1)
    top = 34 if heads else 14
    height = tall * (_HIGH + _GAP_Y) - _GAP_Y + top + 16
    place: dict[Component, tuple[float, float]] = {}
    titles = []
    for x, column in enumerate(columns):
        # A column with few components spreads over the height: neighbours come nearer, lines cross less.
        room = (height - top - 16) / len(column)
        for y, component in enumerate(column):
            place[component] = (_EDGE + x * step, top + y * room + (room - _HIGH) / 2)
        title = Markup('<text class="col" x="{:.1f}" y="18">{}</text>')
        titles.append(title.format(_EDGE + x * step, _head([boxes[one].kind for one in column])))
    inside = [
        *(_line(edge, place) for edge in sorted(edges, key=lambda e: (-_ORDER.index(e.mark), e.source, e.target))),
        *(_box(component, place[component], boxes[component]) for component in sorted(place)),
        *_marks(edges, place, height),
        *(titles if heads else ()),
    ]
    return Markup('<svg class="map" viewBox="0 0 {:.0f} {:.0f}" role="group" aria-label="{}">{}</svg>').format(
        wide, height, says, Markup("").join(inside)
    )


Places = Mapping[Component, tuple[float, float]]


def _head(kinds: Sequence[str]) -> str:
    """`Topics and tables`: the two most frequent kinds of a column."""
    counted = Counter("reader" if kind == "group" else kind for kind in kinds)
    names = [f"{kind}s" for kind, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:2]]
    return " and ".join(names).capitalize()


def _ends(edge: Edge, place: Places) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = place[edge.source], place[edge.target]
    return x1 + _BOX, y1 + _HIGH / 2, x2, y2 + _HIGH / 2


def _line(edge: Edge, place: Places) -> Markup:
    x1, y1, x2, y2 = _ends(edge, place)
    out = bend(x1, x2)
    mark = "" if edge.quiet else _PLAIN.get(edge.mark, edge.mark)
    return Markup('<path class="seam {} {}" d="M{:.1f} {:.1f} C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}"/>').format(
        edge.paradigm, mark, x1, y1, x1 + out, y1, x2 - out, y2, x2, y2
    )


def _box(component: Component, at: tuple[float, float], box: Box) -> Markup:
    x, y = at
    round_ = 20 if component.kind == "topic" else 7
    inset = x + (18 if component.kind == "topic" else 12)
    short = box.name if len(box.name) <= 17 else box.name[:16] + "…"
    return Markup(
        '<a href="{}"><title>{}</title><rect class="box" x="{:.1f}" y="{:.1f}" width="{}" height="{}" rx="{}"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text><text class="kind" x="{:.1f}" y="{:.1f}">{}</text></a>'
    ).format(box.address, str(component), x, y, _BOX, _HIGH, round_, inset, y + 17.5, short, inset, y + 31, box.kind)


def _marks(edges: Sequence[Edge], place: Places, low: float) -> list[Markup]:
    """Each mark on its line, where it hides neither a name nor another mark; the loudest find their place first."""
    taken = [Area(x, y, _BOX, _HIGH) for x, y in place.values()]
    marks = []
    for edge in sorted(edges, key=lambda edge: _ORDER.index(edge.mark)):
        if edge.mark not in ("", "na"):
            taken.append(placed(_ends(edge, place), edge.words, taken, low))
            marks.append(_mark(edge, taken[-1]))
    return marks


def _mark(edge: Edge, at: Area) -> Markup:
    x, y = at.x + at.wide / 2, at.y + at.high / 2
    words = {"page": "Act now", "fix": "Fix", "tidy": "Tidy", "blind": "Cannot judge"}[edge.mark]
    label = f"{words}, set aside" if edge.quiet else f"{words}: {edge.words or 'open the seam'}"
    if not edge.words:
        return Markup(
            '<a href="{}" class="badge {}" aria-label="{}"><circle cx="{:.1f}" cy="{:.1f}" r="11"/>'
            '<use href="#m-{}" x="{:.1f}" y="{:.1f}" width="14" height="14"/></a>'
        ).format(edge.address, "quiet" if edge.quiet else edge.mark, label, x, y, edge.mark, x - 7, y - 7)
    return Markup(
        '<a href="{}" class="flag {}" aria-label="{}">'
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="23" rx="6.5"/>'
        '<use href="#m-{}" x="{:.1f}" y="{:.1f}" width="13" height="13"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text></a>'
    ).format(
        edge.address,
        edge.mark,
        label,
        at.x,
        at.y,
        at.wide,
        edge.mark,
        at.x + 8,
        y - 6.5,
        at.x + 26,
        y + 4.2,
        edge.words,
    )

"""The map of an estate: which components are one thing to people, which seams to draw, and what stands on them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from markupsafe import Markup

from agent.model.counting import counted
from agent.model.seam import Component, server_of
from agent.model.steps import bare
from agent.web.draw.map import MOST, Box, Edge, picture
from agent.web.overview import URGENT, Overview, SeamView

_WORST = ("page", "fix", "tidy", "quiet", "blind", "", "na")
_LOUD = ("page", "fix", "tidy")


def estate_map(o: Overview, seams: Sequence[SeamView], named: str = "") -> tuple[Markup, str, str]:
    """These seams with a mark on each finding, grey where it was set aside, and on each that cannot be judged.

    With title and note.

    A choice that others will make too has a name: its map is drawn once a reading.
    """
    return o.once(f"map {named}", lambda: _estate_map(o, seams)) if named else _estate_map(o, seams)


def _estate_map(o: Overview, seams: Sequence[SeamView]) -> tuple[Markup, str, str]:
    many = _many(seams)
    picked = _trouble(seams) if many else list(seams)
    title = "Where it hurts" if many else "The whole estate" if len(seams) == len(o.seams) else "These seams"
    drawn, boxes = _draw(picked, words=False)
    shown = counted(len(boxes), "component")
    note = f"{shown}; the line is the paradigm, a mark is a finding, and faint has nothing to judge"
    return picture(drawn, boxes, _says(picked), heads=True), title, note


def trouble_map(o: Overview) -> Markup:
    """The seams with findings and their neighbours, each finding in words."""
    return o.once("trouble map", lambda: _trouble_map(o))


def _trouble_map(o: Overview) -> Markup:
    picked = _trouble(o.seams)
    drawn, boxes = _draw(picked, words=True)
    return picture(drawn, boxes, _says(picked))


def _many(seams: Sequence[SeamView]) -> bool:
    """Whether there are more components than a map can show; stops counting there."""
    ends: set[Component] = set()
    for view in seams:
        ends.update(_ends(view))
        if len(ends) > MOST:
            return True
    return False


def _ends(view: SeamView) -> tuple[Component, Component]:
    """A group and a route are their service to people: what it reads, serves and writes meets in one box."""
    source, target = view.key.source, view.key.target
    if target.kind == "group" and (name := view.row.attributes.get("service")):
        return source, Component("service", name)
    if target.kind == "route":
        return source, server_of(target)
    return source, target


def _trouble(seams: Sequence[SeamView]) -> list[SeamView]:
    hot = {end for view in seams if view.state in _LOUD for end in _ends(view)}
    near = [view for view in seams if not hot.isdisjoint(_ends(view))]
    near.sort(key=lambda view: (URGENT[view.state], view.row.id))
    return near[:MOST]


def _says(seams: Sequence[SeamView]) -> str:
    states = Counter(view.state for view in seams)
    words = f"{counted(states['page'], 'needs', 'need')} action now, {states['fix']} to fix, {states['tidy']} to tidy"
    aside = f", {states['quiet']} set aside" if states["quiet"] else ""
    return f"Map of {counted(len(seams), 'seam')}: {words}{aside}"


def _draw(seams: Sequence[SeamView], *, words: bool) -> tuple[list[Edge], Mapping[Component, Box]]:
    lines: dict[tuple[Component, Component], Edge] = {}
    parts: dict[Component, set[str]] = defaultdict(set)
    for view in seams:
        edge = _edge(view, words=words)
        parts[edge.source].add(view.key.source.kind)
        parts[edge.target].add(view.key.target.kind)
        other = lines.get((edge.source, edge.target))
        if other is None or _weight(edge) < _weight(other):
            lines[edge.source, edge.target] = edge
    boxes = {end: Box(bare(end), _kind(end, kinds), f"/seams?{_asked(end)}") for end, kinds in parts.items()}
    return list(lines.values()), boxes


def _kind(end: Component, parts: set[str]) -> str:
    """A service that reads is called by its part in the flow."""
    return "group" if "group" in parts and "route" not in parts else end.kind


def _edge(view: SeamView, *, words: bool) -> Edge:
    source, target = _ends(view)
    shown = view.state in _LOUD or (view.mark != "good" and not words)
    edge = Edge(source, target, view.paradigm, view.mark if shown else "", f"/seams/{view.row.id}", quiet=view.aside)
    found = view.loudest if shown else None
    if found is None:
        return edge
    name = found.rule.name if found.rule else found.finding.rule
    address = f"/findings/{found.finding.fingerprint}"
    return replace(edge, address=address, words=name.replace("-", " ") if words else "")


def _weight(edge: Edge) -> int:
    return _WORST.index("quiet" if edge.quiet and edge.mark else edge.mark)


def _asked(end: Component) -> str:
    """What finds this box's seams: a service also by its groups and routes."""
    return urlencode({"q": bare(end) if end.kind == "service" else str(end)})

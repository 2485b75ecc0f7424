"""The map of an estate: which components are one thing to people, which seams to draw, and what stands on them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from markupsafe import Markup

from agent.model.seam import Component
from agent.web.draw.map import MOST, Box, Edge, picture
from agent.web.views import Overview, SeamView
from agent.web.words import bare

_WORST = ("page", "fix", "tidy", "blind", "")
_LOUD = ("page", "fix", "tidy")


def estate_map(o: Overview, seams: Sequence[SeamView]) -> tuple[Markup, str, str]:
    """These seams with a mark on each finding and each that cannot be judged; with title and note."""
    many = len(_ends(seams)) > MOST
    picked = _trouble(seams, _same(o.seams)) if many else list(seams)
    title = "Where it hurts" if many else "The whole estate" if len(seams) == len(o.seams) else "These seams"
    drawn, boxes = _draw(picked, o.seams, words=False)
    note = f"{len(boxes)} components; the line is the paradigm, a mark is a finding"
    return picture(drawn, boxes, _says(picked), heads=True), title, note


def trouble_map(o: Overview) -> Markup:
    """The seams with findings and their neighbours, each finding in words."""
    picked = _trouble(o.seams, _same(o.seams))
    drawn, boxes = _draw(picked, o.seams, words=True)
    return picture(drawn, boxes, _says(picked))


def _ends(seams: Sequence[SeamView]) -> set[Component]:
    return {end for view in seams for end in (view.key.source, view.key.target)}


def _trouble(seams: Sequence[SeamView], fold: Mapping[Component, Component]) -> list[SeamView]:
    def ends(view: SeamView) -> set[Component]:
        return {fold.get(end, end) for end in (view.key.source, view.key.target)}

    hot = {end for view in seams if view.mark in _LOUD for end in ends(view)}
    near = [view for view in seams if ends(view) & hot]
    near.sort(key=lambda view: (_WORST.index(view.mark if view.mark != "good" else ""), view.row.id))
    return near[:MOST]


def _says(seams: Sequence[SeamView]) -> str:
    marks = Counter(view.mark for view in seams)
    return f"Map of {len(seams)} seams: {marks['page']} need action now, {marks['fix']} to fix, {marks['tidy']} to tidy"


def _draw(
    seams: Sequence[SeamView], everything: Sequence[SeamView], *, words: bool
) -> tuple[list[Edge], Mapping[Component, Box]]:
    fold = _same(everything)
    kinds = _kinds(everything, fold)
    lines: dict[tuple[Component, Component], Edge] = {}
    for view in seams:
        edge = _edge(view, fold, words=words)
        other = lines.get((edge.source, edge.target))
        if other is None or _WORST.index(edge.mark) < _WORST.index(other.mark):
            lines[edge.source, edge.target] = edge
    ends = {end for edge in lines.values() for end in (edge.source, edge.target)}
    boxes = {end: Box(bare(end), kinds.get(end, end.kind), f"/seams?{urlencode({'q': _asked(end)})}") for end in ends}
    return list(lines.values()), boxes


def _edge(view: SeamView, fold: Mapping[Component, Component], *, words: bool) -> Edge:
    source, target = (fold.get(end, end) for end in (view.key.source, view.key.target))
    mark = view.mark if view.mark in _LOUD or (view.mark == "blind" and not words) else ""
    loud = [found for found in view.findings if not found.quiet and found.mark == mark]
    edge = Edge(source, target, view.paradigm, mark, f"/seams/{view.row.id}")
    if not loud:
        return edge
    name = loud[0].rule.name if loud[0].rule else loud[0].finding.rule
    address = f"/findings/{loud[0].finding.fingerprint}"
    return replace(edge, address=address, words=name.replace("-", " ") if words else "")


def _same(seams: Sequence[SeamView]) -> Mapping[Component, Component]:
    """A group and a route are their service to people: what it reads, serves and writes meets in one box."""
    services = {end for end in _ends(seams) if end.kind == "service"}
    found: dict[Component, Component] = {}
    for view in seams:
        if view.key.target.kind == "group" and (name := view.row.attributes.get("service")):
            found[view.key.target] = Component("service", name)
        if view.key.target.kind == "route":
            owner = Component("service", view.key.target.name.partition(" ")[0])
            if owner in services:
                found[view.key.target] = owner
    return found


def _kinds(seams: Sequence[SeamView], fold: Mapping[Component, Component]) -> Mapping[Component, str]:
    """A service that reads is called by its part in the flow."""
    parts: dict[Component, set[str]] = defaultdict(set)
    for view in seams:
        end = view.key.target
        if end in fold:
            parts[fold[end]].add(end.kind)
    return {service: "group" for service, kinds in parts.items() if kinds == {"group"}}


def _asked(end: Component) -> str:
    """What finds this box's seams: a service also by its groups and routes."""
    return bare(end) if end.kind == "service" else str(end)

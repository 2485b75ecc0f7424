"""Numbers, times and names as people read them."""

from datetime import UTC, datetime

from agent.model.facts import Column
from agent.model.seam import Component, SeamKey, SubjectRef

_KINDS = {"publishes": "writes to", "consumes": "reads", "calls": "calls", "reads": "reads", "writes": "writes"}


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: `34 min`; `never` for None."""
    if then is None:
        return "never"
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def count(number: float) -> str:
    """`4,100`, `4.1 M`."""
    if abs(number) >= 10_000_000:
        return f"{number / 1e6:,.0f} M"
    if abs(number) >= 1_000_000:
        return f"{number / 1e6:,.1f} M"
    return f"{number:,.0f}"


def scalar(value: object) -> str:
    """A number as a claim shows it: thousands apart, four digits at most behind the point; `not seen` for None."""
    if value is None:
        return "not seen"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return str(value)


def milliseconds(value: float | None) -> str:
    """`12 ms`, `3.4 s`, `2 min`; `not seen` for None."""
    if value is None:
        return "not seen"
    if value < 1000:
        return f"{value:,.0f} ms"
    if value < 120_000:
        return f"{value / 1000:,.1f} s"
    return f"{value / 60_000:,.0f} min"


def when(at: datetime | None) -> str:
    """`24 Nov, 13:05` in UTC."""
    return f"{at.astimezone(UTC):%-d %b, %H:%M}" if at else ""


def iso(at: datetime | None) -> str:
    """For `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


def bare(component: Component) -> str:
    """A component's name without an unknown or single cluster: what people call it."""
    name = component.name
    if component.kind in ("topic", "group"):
        return name.partition("/")[2] or name
    if component.kind == "route":
        return name
    return name.rpartition("/")[2] or name


def seam_name(key: SeamKey) -> str:
    """`orders → billing`."""
    return f"{bare(key.source)} → {bare(key.target)}"


def subject_name(ref: SubjectRef) -> str:
    """A subject as people call it."""
    labels = dict(ref.labels)
    if ref.kind == "seam":
        return f"{bare(Component.parse(labels['source']))} → {bare(Component.parse(labels['target']))}"
    own = bare(Component(ref.kind, ref.name))
    return f"{bare(Component('topic', labels['topic']))} → {own}" if "topic" in labels else own


def column(values: tuple[int, ...] | None, name: str) -> int:
    """One column of summed windows, 0 for none."""
    return values[Column[name]] if values else 0

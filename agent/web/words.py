"""Numbers, times and names as people read them."""

import re
from datetime import UTC, datetime, timedelta

from agent.model.facts import Column, Exemplar, ExemplarKind
from agent.model.finding import Said
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.model.steps import bare
from agent.model.verdict import Claim

_OPERATORS = {">=": "at least", ">": "over", "<=": "at most", "<": "under", "==": "is", "!=": "is not"}
_LONG = re.compile(r"\d[\d,]*\.\d{4,}")
_WHOLE = re.compile(r"((?:: |[=<>] )-?\d[\d,]*)\.0+(?!\d|\.\d)")  #: counted as a fraction, and a whole number
_PLAINLY = {"None": "not seen", "True": "yes", "False": "no"}
_PYTHON = re.compile(r"(?<=: )(None|True|False)\b|== (True|False)\b")
_TOOK = re.compile(r"([\d,.]+) ms")
_COMPARED = re.compile(r"(>=|<=|==|!=|>|<) (?=\S)")


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


def span(length: timedelta | float) -> str:
    """A length of time (a number is seconds) in at most two units: `15 min`, `1 h 10 min`, `at once` for none."""
    seconds = round(length.total_seconds() if isinstance(length, timedelta) else length)
    if seconds <= 0:
        return "at once"
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts[:2])


def share(part: float, whole: float) -> str:
    """`0.04%`, `under 0.01%`; empty for a share of nothing."""
    if whole <= 0:
        return ""
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return "under 0.01%"
    return f"{percent:.0f}%" if percent >= 10 or percent == 0 else f"{percent:.2g}%"


def threshold(value: object) -> str:
    """A threshold as people write it: `15 min`, `0.9`, `CST, FIT`."""
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return scalar(value)


def condition(operator: str, limit: object) -> str:
    """When a claim counts towards failing: `over 90`, `at least 1,000`, `yes`."""
    if isinstance(limit, bool):
        return scalar(limit if operator == "==" else not limit)
    return f"{_OPERATORS[operator]} {scalar(limit)}"


def plain(text: str) -> str:
    """A rule's text with its operators as words and its numbers cut: `samples: 4, needs at least 20`."""
    text = _LONG.sub(lambda found: scalar(float(found[0].replace(",", ""))), _WHOLE.sub(r"\1", text))
    text = _PYTHON.sub(lambda found: _PLAINLY[found[1] or found[2]], text)
    return _COMPARED.sub(lambda found: f"{_OPERATORS[found[1]]} ", text)


_UNITS = {"s": "Seconds", "min": "Minutes", "h": "Hours"}


def sentence(text: str) -> str:
    """Its first letter large, the rest as it is: names and months keep theirs. A unit that begins it is written out."""
    unit, space, rest = text.partition(" ")
    if space and unit in _UNITS:
        return f"{_UNITS[unit]} {rest}"
    return text[:1].upper() + text[1:]


def slowness(one: Exemplar) -> float | None:
    """The milliseconds that a span kept for its slowness took."""
    told = _TOOK.fullmatch(one.note) if one.kind is ExemplarKind.SLOWEST else None
    return float(told[1].replace(",", "")) if told else None


def kept(one: Exemplar) -> str:
    """What is known of a span that was kept."""
    took = slowness(one)
    return milliseconds(took) if took is not None else one.note or "no detail is kept"


def holds(claim: Claim) -> str:
    """Whether what was looked at is so."""
    return {True: "holds", False: "does not hold", None: "not seen"}[claim.truth]


def aside(said: Said) -> str:
    """What was said of a finding: `waived by ana until 3 Dec, 00:00`, `acknowledged by ana`."""
    by = f" by {said.owner}" if said.owner else ""
    return f"{said.disposition.value}{by}{f' until {when(said.until)}' if said.until else ''}"


def line(text: str) -> str:
    """A sentence as a title: without its full stop."""
    return text.removesuffix(".")


def helps(reason: str) -> str:
    """What to do about facts that were dropped for a reason."""
    told = (
        ("bad id", "the sender breaks the specification: upgrade its exporter"),
        (
            "cut off",
            "times a recording was cut off before all of it was read: rotate it by renaming, not by copytruncate",
        ),
        ("empty poll", "by design: nothing was read"),
        ("failed poll", "by design: an error of the client, no message"),
        ("no room to pair", "too many open traces at once: send whole traces to one agent, or fewer of them"),
        ("no room for deliveries", "too many partitions, or gaps in their offsets: a redelivery there may go untold"),
        ("statement limit", "kept, but some of their tables are not known: too many new statements, or over 64 tables"),
        ("a batch ", "records that are not looked at: their producer packs them in a way that readers may not bear"),
        ("seam limit", "too many names: look for an identifier in a topic, table or route"),
    )
    return next((help_ for start, help_ in told if reason.startswith(start)), "the log says more")


def milliseconds(value: float | None) -> str:
    """`12 ms`, `3.4 s`, `2 min`; `not seen` for None."""
    if value is None:
        return "not seen"
    if value < 1000:
        return f"{value:,.0f} ms"
    if value < 120_000:
        return f"{value / 1000:,.1f} s".replace(".0 s", " s")
    return f"{value / 60_000:,.0f} min"


def when(at: datetime | None) -> str:
    """`24 Nov, 13:05` in UTC."""
    return f"{at.astimezone(UTC):%-d %b, %H:%M}" if at else ""


def clock(at: datetime, now: datetime) -> str:
    """`13:05:09` in UTC, with its day where that is another than now's."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%-d %b, %H:%M:%S}"


def iso(at: datetime | None) -> str:
    """For `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


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

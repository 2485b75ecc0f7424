"""Partitions as cells, from calm to hot by the age of what waits in them: a thousand at one look."""

from collections import defaultdict
from collections.abc import Sequence

from markupsafe import Markup

from agent.model.kafka.snapshots import Cell
from agent.web.words import count, span

WIDTH = 760
NAMED = 120  #: cells that say themselves what they are
STEPS = (10.0, 60.0, 600.0, 3600.0)  #: s; a cell is one shade darker beyond each
LEGEND = ("nothing unread", "under 10 s old", "to 1 min", "to 10 min", "to 1 h", "over 1 h")
_SIZES = ((6, 6, 40, 30), (12, 12, 27, 27), (120, 30, 25, 25), (10_000, 50, 15, 15))  #: up to; a row; width, height


def level(cell: Cell, most: int) -> int | None:
    """The shade of a cell, 0 to 5: by age, or where that is not known by its part of the most; None: not known."""
    if cell.lag is None:
        return None
    if not cell.lag:
        return 0
    if cell.age is None:
        return 1 + min(4, 4 * cell.lag // max(1, most))
    return 1 + sum(cell.age >= step for step in STEPS)


def heat(cells: Sequence[Cell], says: str, *, wrong: bool) -> Markup:
    """The cells as a picture, red where a backlog is wrong, the one with most unread framed.

    `says` is told to whoever does not see it.
    """
    columns, wide, high = next(size[1:] for size in _SIZES if len(cells) <= size[0])
    most = max((cell.lag or 0 for cell in cells), default=0)
    gap, low = 2, 13 if len(cells) <= columns else 0
    rows = -(-len(cells) // columns)
    drawn: list[Markup] = []
    paths: dict[int | None, list[str]] = defaultdict(list)
    for place, cell in enumerate(cells):
        x, y, shade = place % columns * wide, place // columns * high, level(cell, most)
        if len(cells) <= NAMED:
            drawn.append(_cell(cell, shade, (x, y, wide - gap, high - gap)))
            if low:
                drawn.append(_number(cell, x + (wide - gap) / 2, high + low - 3))
        else:
            paths[shade].append(f"M{x} {y}h{wide - gap}v{high - gap}h-{wide - gap}z")
    drawn += [Markup('<path class="{}" d="{}"/>').format(_class(shade), "".join(d)) for shade, d in paths.items()]
    if most:
        place = max(range(len(cells)), key=lambda at: cells[at].lag or 0)
        x, y = place % columns * wide, place // columns * high
        drawn.append(
            Markup('<rect class="top" x="{}" y="{}" {}/>').format(x + 1, y + 1, _sized(wide - gap - 2, high - gap - 2))
        )
    size = (min(columns, len(cells)) * wide, rows * high + low)
    kind = "heat bad" if wrong else "heat"
    head = Markup('<svg class="{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">')
    return head.format(kind, *size, *size, says) + Markup("").join(drawn) + Markup("</svg>")


def _sized(wide: int, high: int) -> Markup:
    return Markup('width="{}" height="{}" rx="1.5"').format(wide, high)


def _class(shade: int | None) -> str:
    return "un" if shade is None else f"l{shade}"


def _cell(cell: Cell, shade: int | None, box: tuple[int, int, int, int]) -> Markup:
    told = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>')
    return told.format(_class(shade), *box, f"Partition {cell.number}: {waits(cell)}")


def _number(cell: Cell, x: float, y: float) -> Markup:
    return Markup('<text x="{:g}" y="{:g}" text-anchor="middle">{}</text>').format(x, y, cell.number)


def waits(cell: Cell) -> str:
    """What waits in a partition, in words."""
    if cell.lag is None:
        return "not known"
    if not cell.lag:
        return "nothing unread"
    return f"{count(cell.lag)} unread" + ("" if cell.age is None else f", {old(cell.age)} old")


def old(age: float) -> str:
    """An age in words."""
    return span(age) if age >= 1 else "under 1 s"


def shades(*, wrong: bool) -> Markup:
    """What the shades mean."""
    box = Markup('<span><svg class="{}" width="12" height="12" aria-hidden="true"><rect class="l{}" ')
    box += Markup('width="12" height="12" rx="2"/></svg>{}</span>')
    return Markup("").join(
        box.format("heat bad" if wrong else "heat", shade, words) for shade, words in enumerate(LEGEND)
    )

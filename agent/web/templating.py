"""Jinja with autoescape for every template, and the words that templates use."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agent.model.counting import noun
from agent.model.steps import bare, rate
from agent.web import prose, words
from agent.web.draw.heat import old
from agent.web.draw.icons import ICONS
from agent.web.duty import web_address
from agent.web.overview import SeamView

HERE = Path(__file__).parent
STATES = {"fails": "fix", "meets": "good", "blind": "blind", "not_applicable": "na"}
DAY = 86_400.0


def environment(clock: Callable[[], datetime]) -> Environment:
    """The templates, escaped whatever their suffix."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., Any]] = {
        "aside": words.aside,
        "kept": words.kept,
        "holds": words.holds,
        "ago": lambda at: words.ago(at, clock()),
        "clock": lambda at: words.clock(at, at),
        "hour": lambda at: words.clock(at, at)[:-3],
        "when": words.when,
        "iso": words.iso,
        "count": words.count,
        "counted": lambda number, *nouns: f"{words.count(number)} {noun(number, *nouns)}",
        "noun": noun,
        "ms": words.milliseconds,
        "old": old,
        "breakable": lambda name: Markup(".<wbr>").join(name.split(".")),
        "column": words.column,
        "web_address": web_address,
        "subject": words.subject_name,
        "prose": prose.render,
        "inline": prose.inline,
        "coded": prose.coded,
        "steps": prose.steps,
        "told": prose.told,
        "helps": words.helps,
        "mean": mean,
        "flow": lambda view: flow(view, clock()),
        "saw": words.scalar,
        "span": words.span,
        "rate": rate,
        "share": words.share,
        "threshold": words.threshold,
        "fails": lambda claim: words.condition(claim.op, claim.limit),
        "plain": words.plain,
        "line": words.line,
        "sentence": words.sentence,
        "bare": bare,
        "bold": bold,
        "safe_icon": lambda name: ICONS[name],
        "markup": lambda _text: Markup('<span class="spark"></span>'),
        "state": lambda outcome: STATES[str(outcome)],
    }
    env.filters.update(filters)
    return env


def bold(headline: str) -> Markup:
    """What needs a person stands out: the number and its noun, before `need`."""
    head, needs, rest = headline.partition(" need")
    start, silent, number = head.rpartition("; ")
    loud = Markup("{}<b>{}</b>{}").format(start + silent, number, needs + rest)
    return loud if needs else Markup("{}").format(headline)


def flow(view: SeamView, now: datetime) -> str:
    """How often a seam was crossed in the last day, or since it was first seen."""
    if not view.values:
        return "not seen"
    known = (now - view.row.first_seen).total_seconds()
    return rate(words.column(view.values, "COUNT") / min(DAY, max(60.0, known)))


def mean(view: SeamView) -> str:
    """The mean duration of a seam's crossings."""
    count = words.column(view.values, "COUNT")
    return words.milliseconds(words.column(view.values, "DURATION_US") / count / 1000) if count > 0 else "not seen"

"""Jinja with autoescape for every template, and the words that templates use."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agent.web import prose, words
from agent.web.draw.icons import ICONS
from agent.web.overview import SeamView

HERE = Path(__file__).parent


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
        "ago": lambda at: words.ago(at, clock()),
        "when": words.when,
        "iso": words.iso,
        "count": words.count,
        "ms": words.milliseconds,
        "column": words.column,
        "subject": words.subject_name,
        "prose": prose.render,
        "mean": mean,
        "saw": words.scalar,
        "safe_icon": lambda name: ICONS[name],
        "markup": lambda _text: Markup("<span></span>"),
    }
    env.filters.update(filters)
    return env


def mean(view: SeamView) -> str:
    """The mean duration of a seam's crossings."""
    count = words.column(view.values, "COUNT")
    return words.milliseconds(words.column(view.values, "DURATION_US") / count / 1000) if count > 0 else ""

"""How it is told that a source was heard, and that it is watched: by whom it is noted, and by whom it is judged."""

from datetime import datetime

from agent.model.facts import Sample
from agent.model.seam import Component, subject_of

LOOKS = "looks"  #: measure of a source: when it told something
WATCHED = "watched"  #: setting of a source: since when the running agent listens to it
_SPANS = "otlp/"


def heard(source: Component, at: datetime) -> Sample:
    """A source told something."""
    return Sample(subject_of(source), LOOKS, at, 1.0)


def sends_spans(source: Component) -> bool:
    """It speaks when something happens, not when it is asked: its silence may be idleness."""
    return source.name.startswith(_SPANS)

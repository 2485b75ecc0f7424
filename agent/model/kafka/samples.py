"""What sampled records of a topic tell: counts that add up over time, and names that headers gave."""

import re
from collections.abc import Iterator
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Merge, Sample, Setting
from agent.model.kafka.look import Look, Sampled
from agent.model.plain import plain
from agent.model.seam import Component, subject_of

NAME = "kafka"
#: Measures of a topic that add up; zero is not told, and `sampled` is told with each of them.
ADDED = {
    "sampled": "records",
    "sampled_bytes": "bytes",
    "sampled_keyless": "keyless",
    "sampled_framed": "framed",
    "sampled_judged": "judged",
    "sampled_unidentified": "unidentified",
    "sampled_sealed": "sealed",
    "sampled_identified": "identified",
    "sampled_repeated": "repeated",
    "sampled_reused": "reused",
    "sampled_reused_ids": "reused_ids",
    "sampled_passed_over": "passed_over",
    "sampled_unread": "unread",
}
LARGEST = "sampled_largest"
NAMELESS, EXAMPLE, FULL_STATE = "sampled.nameless", "sampled.example", "sampled.full_state"
ORIGINS, ERRORS, UNREAD = "sampled.origins", "sampled.errors", "sampled.unread"
SEPARATOR = "\n"
#: Fields of a body, or of its schema, that name one event; `id` alone may be that of a thing: it is never compared.
ID_FIELD = re.compile(r"(?:_?id|uuid|guid|(?:message|event|record)_?id|idempotency_?key)", re.IGNORECASE)


def facts(look: Look) -> Iterator[Fact]:
    """Every fact about the records of one look."""
    for name, found in sorted(look.sampled.items()):
        topic = seam.topic(name, look.cluster)
        yield from _counts(topic, look.at, found)
        yield from _names(topic, look.at, found)


def _counts(topic: Component, at: datetime, found: Sampled) -> Iterator[Fact]:
    subject = subject_of(topic)
    for measure, field in ADDED.items():
        value = getattr(found, field)
        if value:
            yield Sample(subject, measure, at, float(value), Merge.SUM)
    if found.largest:
        yield Sample(subject, LARGEST, at, float(found.largest), Merge.MAX)


def _names(topic: Component, at: datetime, found: Sampled) -> Iterator[Fact]:
    told = {
        NAMELESS: SEPARATOR.join(map(plain, found.nameless)),
        EXAMPLE: found.example,
        FULL_STATE: "" if found.full_state is None else str(found.full_state).lower(),
        ORIGINS: SEPARATOR.join(seam.clean(one) for one in found.origins),
        ERRORS: SEPARATOR.join(map(plain, found.errors)),
        UNREAD: found.unread_why,
    }
    yield from (Setting(topic, name, value, at, NAME) for name, value in told.items() if value)

"""Stories: what a rule says of one small, written-down case. Read from TOML, judged without I/O.

A story's keys are the fields of the rule's subject; an absent key takes the field's default, which is *not seen*.
Beside them stand `why`, one of `fails`, `meets`, `blind`, `not_applicable` (a text or a list of texts that the verdict
must contain) and, where they differ from the rule's own, `severity`, `evidence`, `reason`; `config` overrides
thresholds, `every` is the step of its series.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from agent.model.histogram import Histogram, bucket_of
from agent.model.rule import Rule
from agent.model.seam import Component, SeamKey
from agent.model.series import Series
from agent.model.subjects import Subject
from agent.model.verdict import Evidence, Outcome, Reason, Severity, Verdict

AS_OF = datetime(2026, 6, 1, 12, tzinfo=UTC)  #: a Monday; nothing hangs on it

#: The identity that a story need not spell out, by field name.
IDENTITY: Mapping[str, object] = {
    "as_of": AS_OF,
    "group": "group:prod/billing",
    "topic": "topic:prod/orders",
    "table": "table:postgresql/shop.orders",
    "route": "route:shop POST /orders",
    "job": "job:cron/ledger",
    "connector": "connector:prod/sink",
    "contract": "subject:prod/orders-value",
    "source": "source:otlp/main",
    "key": {"kind": "consumes", "source": "topic:prod/orders", "target": "group:prod/billing"},
    "kind": "write",
    "trace": "0af7651916cd43dd8448eb211c80319c",
    "span": "b7ad6b7169203331",
    "at": AS_OF,
    "name": "order-to-cash",
    "place": "workflows/orders.yaml, line 2",
    "component": "service:billing",
}

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STEP = re.compile(r"(?P<start>-?[\d.]+|_)(?:(?P<by>[+-][\d.]+))?(?:x(?P<times>\d+))?")


class StoryError(ValueError):
    """A story that cannot be read: file, story, key, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Story:
    """One case of one rule, and what the rule must say of it."""

    rule: Rule
    name: str
    why: str
    subject: Subject
    config: object
    outcome: Outcome
    expects: tuple[str, ...]  #: texts that the verdict must contain
    severity: Severity
    evidence: Evidence
    reason: Reason

    def judge(self) -> Verdict:
        """What the rule says of it now."""
        return self.rule.judge(self.subject, self.config)

    def differences(self) -> tuple[str, ...]:
        """How the verdict differs from the story, in words; empty when it holds."""
        verdict = self.judge()
        if verdict.outcome is not self.outcome:
            return (f"{self.outcome} expected, {verdict.outcome} given: {verdict.says} ({verdict.why_not})",)
        text = _spoken(verdict)
        wrong = [f"{wanted!r} is not in {text!r}" for wanted in self.expects if wanted not in text]
        if verdict.outcome is Outcome.FAILS:
            wrong += _unlike("severity", self.severity, verdict.severity or self.rule.severity)
            wrong += _unlike("evidence", self.evidence, verdict.evidence or self.rule.evidence)
        if verdict.outcome is Outcome.BLIND:
            wrong += _unlike("reason", self.reason, verdict.reason or Reason.ERROR)
        return tuple(wrong)


def read(rule: Rule, text: str, file: str = "cases.toml") -> tuple[Story, ...]:
    """The stories of a rule, from the text of its cases.toml; raise StoryError where it cannot be read."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        msg = f"{file}: not TOML: {wrong}"
        raise StoryError(msg) from wrong
    return tuple(_story(rule, name, table, f"{file}, story {name}") for name, table in tables.items())


def series(points: str | list[float | str], every: timedelta, end: datetime) -> Series:
    """A series that ends at an instant, from numbers or promtool's notation.

    `a+bxn` is a, a+b, ... n steps on (n + 1 samples); `axn` is a and n more of it; `_` is a missing sample, `_xn` n.
    """
    values = list(_expanded(points.split() if isinstance(points, str) else [str(point) for point in points]))
    last, step = end.timestamp(), every.total_seconds()
    seen = [(last - step * back, value) for back, value in enumerate(reversed(values)) if value is not None]
    seen.reverse()
    return Series(tuple(time for time, _ in seen), tuple(value for _, value in seen))


def _expanded(words: list[str]) -> Iterator[float | None]:
    for word in words:
        parsed = _STEP.fullmatch(word)
        if parsed is None:
            msg = f"{word!r} is no sample; write a number, _, 5x3, or 0+10x15"
            raise ValueError(msg)
        times = int(parsed["times"] or 0)
        if parsed["start"] == "_":
            yield from [None] * (times or 1)
        else:
            yield from (float(parsed["start"]) + float(parsed["by"] or 0) * step for step in range(times + 1))


def _spoken(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.MEETS:
        return verdict.why_not
    return "; ".join(verdict.missing) if verdict.outcome is Outcome.BLIND else verdict.says


def _unlike(what: str, wanted: StrEnum, given: StrEnum) -> list[str]:
    return [] if wanted is given else [f"{what} {wanted} expected, {given} given"]


def _story(rule: Rule, name: str, table: object, where: str) -> Story:
    if not isinstance(table, dict):
        msg = f"{where}: write it as a table, [{name}]"
        raise StoryError(msg)
    rest = dict(table)
    outcome, expects = _expected(rest, where)
    why = rest.pop("why", "")
    if not why:
        msg = f'{where}: add why = "...", the reason it exists'
        raise StoryError(msg)
    try:
        every = _build(timedelta, rest.pop("every", "1m"))
        severity = Severity(rest.pop("severity", rule.severity))
        evidence = Evidence(rest.pop("evidence", rule.evidence))
        reason = Reason(rest.pop("reason", Reason.LEARNING))
        config = _build(rule.config, rest.pop("config", {}))
        subject = _subject(rule.subject, rest, every)
    except (ValueError, TypeError, KeyError) as wrong:
        msg = f"{where}: {wrong}"
        raise StoryError(msg) from wrong
    return Story(rule, name, why, subject, config, outcome, expects, severity, evidence, reason)


def _expected(rest: dict[str, Any], where: str) -> tuple[Outcome, tuple[str, ...]]:
    named = [outcome for outcome in Outcome if outcome.value in rest]
    if len(named) != 1:
        msg = f"{where}: name one outcome of {', '.join(Outcome)}, not {len(named)}"
        raise StoryError(msg)
    texts = rest.pop(named[0].value)
    return named[0], (texts,) if isinstance(texts, str) else tuple(texts)


def _subject(kind: type, given: Mapping[str, Any], every: timedelta) -> Subject:
    end = given.get("as_of", AS_OF)
    hints = get_type_hints(kind)
    ready = {
        key: series(value, every, end) if hints.get(key) is Series and not isinstance(value, Series) else value
        for key, value in given.items()
    }
    subject: Subject = _build(kind, ready)
    return subject


def _build(kind: Any, value: Any) -> Any:
    """A value of a type from what TOML gave for it; raise ValueError or TypeError in words."""
    if get_origin(kind) in (Union, UnionType):
        inner = [part for part in get_args(kind) if part is not type(None)]
        return None if value is None else _build(inner[0], value)
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], item) for item in value)
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(value)
    if isinstance(kind, type) and is_dataclass(kind):
        return value if isinstance(value, kind) else _filled(kind, value)
    return _plain(kind, value)


def _plain(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if get_origin(kind) is not None:  # a mapping, as TOML wrote it
        return value
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        msg = f"{value!r} is no {kind.__name__}"
        raise TypeError(msg)
    return value


def _filled(kind: Any, given: Any) -> Any:
    if not isinstance(given, Mapping):
        msg = f"{given!r} is no table of {kind.__name__}"
        raise TypeError(msg)
    known = {field.name: field for field in fields(kind) if not field.name.startswith("_")}
    unknown = sorted(set(given) - set(known))
    if unknown:
        msg = f"{kind.__name__} has no {', '.join(unknown)}; it has {', '.join(known)}"
        raise ValueError(msg)
    hints = get_type_hints(kind)
    values = {name: _default(field, hints[name]) for name, field in known.items() if name not in given}
    chosen = {name: value for name, value in values.items() if value is not MISSING} | dict(given)
    return kind(**{name: _build(hints[name], value) for name, value in chosen.items()})


def _default(field: "Field[Any]", hint: Any) -> Any:
    """What an absent key stands for: nothing to give (the field's own default), None, or a usual identity."""
    if field.name == "place" or (field.default is MISSING and field.default_factory is MISSING):
        if field.name in IDENTITY:
            return IDENTITY[field.name]
        if type(None) in get_args(hint):
            return None
        if is_dataclass(hint):
            return {}
    return MISSING


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    if not (isinstance(value, str) and re.fullmatch(r"[\d.]+[smhd]", value)):
        msg = f"{value!r} is no duration; write 90s, 15m, 12h or 7d"
        raise ValueError(msg)
    return timedelta(seconds=float(value[:-1]) * _UNITS[value[-1]])


def _component(value: Any) -> Component:
    return value if isinstance(value, Component) else Component.parse(str(value))


def _seam_key(value: Any) -> SeamKey:
    return SeamKey(str(value["kind"]), _component(value["source"]), _component(value["target"]))


def _histogram(value: Any) -> Histogram:
    """From a list of durations in milliseconds."""
    counts: dict[int, int] = {}
    for bucket in bucket_of(np.asarray(value, dtype=np.int64) * 1_000_000):
        counts[int(bucket)] = counts.get(int(bucket), 0) + 1
    return Histogram.of(counts)


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    msg = f"{value!r} is no instant with a zone; write 2026-06-01T12:00:00Z"
    raise ValueError(msg)


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    msg = f"{value!r} is no day; write 2026-06-01"
    raise ValueError(msg)


def _series(value: Any) -> Series:
    if isinstance(value, Series):
        return value
    msg = f"{value!r} is no series of a subject"
    raise TypeError(msg)


_SPECIAL: Mapping[Any, Any] = {
    timedelta: _duration,
    Component: _component,
    SeamKey: _seam_key,
    Histogram: _histogram,
    datetime: _instant,
    date: _day,
    Series: _series,
}

"""Workflow files, version 1: the shape of every key (published as JSON Schema), and the words each may hold."""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, with_config

from agent.config.problem import either, nearest, quoted
from agent.config.shape import FORBID, json_schema
from agent.config.words import Amount, Cadence, Cron, Day, Flag, Text, text, wrong
from agent.model.seam import COMPONENT_KINDS, MAX_NAME, SEAM_KINDS, UNKNOWN, Component, clean

SCHEDULE = Component("schedule", UNKNOWN)  #: what triggers a job that nothing but the clock starts
_RULE = re.compile(r"[A-Z]{2,5}-\d{2}")
_NESTED = {
    "topic": "topic:<cluster>/<topic>",
    "group": "group:<cluster>/<group>",
    "connector": "connector:<cluster>/<name>",
    "subject": "subject:<registry>/<name>",
    "job": "job:<namespace>/<name>",
    "dataset": "dataset:<namespace>/<name>",
    "table": "table:<system>/<database>.<table>",
    "source": "source:<kind>/<name>",
}
#: What each kind of seam leads from and to.
DIRECTIONS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "publishes": (("service", "connector"), ("topic",)),
    "consumes": (("topic",), ("group",)),
    "calls": (("service",), ("route", "service")),
    "reads": (("table", "dataset"), ("service", "job")),
    "writes": (("service", "job"), ("table", "dataset")),
    "triggers": (("topic", "service", "job", "schedule"), ("job",)),
}
_COMPONENT_SCHEMA = {"type": "string", "pattern": f"^({'|'.join(COMPONENT_KINDS)}):.+$"}


def component(value: object) -> Component:
    """`kind:name`, whole and clean."""
    name = text(value)
    try:
        found = Component.parse(name)
    except ValueError:
        kind, colon, _ = name.partition(":")
        hint = nearest(kind, COMPONENT_KINDS) if colon else ""
        wrong(f"is {quoted(name)}, which is no component", hint or f"Write kind:name with {either(COMPONENT_KINDS)}.")
    wanted = _NESTED.get(found.kind)
    if wanted and not all(found.name.partition("/")[::2]):
        wrong(f"is {quoted(name)}, only half a name", f"Write {wanted}.")
    if found.kind == "route" and len(found.name.split(" ")) < 3:  # owner, method, template
        wrong(f"is {quoted(name)}, only part of a route", 'Write "route:<service> <METHOD> <template>".')
    _plain(name, found.name, "Write the plain name.")
    return found


def _plain(written: str, name: str, hint: str) -> None:
    """Refuse a name that would not be kept as it is written."""
    if clean(name) != name:
        wrong(f"is {quoted(written)}, with spaces around it, invisible characters or over {MAX_NAME:,}", hint)


def exact(value: object) -> Component:
    """A component without a pattern."""
    found = component(value)
    if "*" in found.name and found.kind != "route":
        wrong(f"is {quoted(str(found))}, a pattern", "Name one component; patterns belong below components.")
    return found


def _start(value: object) -> Component:
    if isinstance(value, str) and value in ("schedule", "schedule:-"):
        return SCHEDULE
    return exact(value)


def _topic(value: object) -> Component:
    found = exact(value)
    if found.kind != "topic":
        wrong(f"is {quoted(str(found))}, not a topic", f"Write {_NESTED['topic']}.")
    return found


def _rule(value: object) -> str:
    if not isinstance(value, str) or not _RULE.fullmatch(value):
        wrong(f"is {quoted(value)}, which is no rule ID", "Write it like LAG-01.")
    return value


def _zone(value: object) -> str:
    name = text(value)
    known = _zones()
    if known and name not in known:
        wrong(f"is {quoted(name)}, which is no time zone", nearest(name, known) or "Write it like Europe/Berlin.")
    return name


@cache
def _zones() -> frozenset[str]:
    # A slim image may have no time zones at all; then every name is taken as it is.
    return frozenset(zoneinfo.available_timezones())


def _name(value: object) -> str:
    name = text(value)
    _plain(name, name, "Write a plain name.")
    return name


def _kind(value: object) -> str:
    if value not in SEAM_KINDS:
        listed = either(SEAM_KINDS)
        wrong(f"is {quoted(value)}, which is no kind of seam", nearest(value, SEAM_KINDS) or f"Write {listed}.")
    return str(value)


def _says(description: str, example: str = "") -> Any:
    return Field(description=description, examples=[example] if example else None)


Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 512})]
Part = Annotated[Component, PlainValidator(exact), WithJsonSchema(_COMPONENT_SCHEMA)]
Pattern = Annotated[Component, PlainValidator(component), WithJsonSchema(_COMPONENT_SCHEMA)]
Start = Annotated[
    Component,
    PlainValidator(_start),
    WithJsonSchema({"type": "string", "pattern": f"^(({'|'.join(COMPONENT_KINDS)}):.+|schedule)$"}),
]
TopicName = Annotated[Component, PlainValidator(_topic), WithJsonSchema({"type": "string", "pattern": "^topic:.+/.+$"})]
RuleId = Annotated[str, PlainValidator(_rule), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2,5}-[0-9]{2}$"})]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string"})]
SeamKind = Annotated[str, PlainValidator(_kind), WithJsonSchema({"type": "string", "enum": list(SEAM_KINDS)})]


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class PilotShape:
    """The pilot that a workflow went through."""

    date: Annotated[Day | None, _says("Day on which it ended.")] = None
    result: Annotated[Text | None, _says("What came of it, such as adopted.")] = None


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class LoadTestShape:
    """One load test of a workflow."""

    date: Annotated[Day | None, _says("Day of the test.")] = None
    rate_per_second: Annotated[Amount | None, _says("Events a second that were sent.")] = None
    minutes: Annotated[Amount | None, _says("How long they were sent.")] = None
    result: Annotated[Text | None, _says("What came of it, such as held.")] = None


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class SeamShape:
    """One seam that belongs to a workflow."""

    kind: Annotated[SeamKind, _says("What happens at the seam.", "consumes")]
    source: Annotated[Start, _says("Where it comes from.", "topic:prod/orders")]
    target: Annotated[Part, _says("Where it goes.", "group:prod/billing")]


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class WorkflowShape:
    """One business process; every key but its name is optional, and what is absent is not declared."""

    name: Annotated[Name, _says("Name of the workflow, unique in all files.", "order-to-cash")]
    owner: Annotated[Name | None, _says("The team that gets the findings.")] = None
    on_call: Annotated[Name | None, _says("Channel on which its owner is called, by name.")] = None
    runbook: Annotated[Text | None, _says("Link to the runbook.")] = None
    runbook_reviewed: Annotated[Day | None, _says("Day of its last review.")] = None
    covers: Annotated[tuple[RuleId, ...] | None, _says("Rule IDs of the failures that the runbook treats.")] = None
    paradigm: Annotated[Literal["batch", "event", "api", "hybrid"] | None, _says("What it is meant to be.")] = None
    cadence: Annotated[Cadence | None, _says("continuous, a cron line, or a period such as 1h.")] = None
    latency_seconds: Annotated[Amount | None, _says("How late an outcome may be, in seconds.")] = None
    volume_per_day: Annotated[Amount | None, _says("Events a day.")] = None
    peak_per_second: Annotated[Amount | None, _says("Events a second at the peak.")] = None
    consistency: Annotated[Literal["strong", "eventual"] | None, _says("What the outcome must be.")] = None
    failure_impact: Annotated[Literal["critical", "non-critical"] | None, _says("What a failure means.")] = None
    order: Annotated[Literal["none", "key", "strict"] | None, _says("The order that must be kept.")] = None
    recovery: Annotated[Literal["retry", "manual", "rollback"] | None, _says("How a failure is mended.")] = None
    answer_needed: Annotated[Flag | None, _says("Whether a caller waits for the result.")] = None
    slo: Annotated[Amount | None, _says("Objective in percent, such as 99.9."), Field(le=100)] = None
    value_per_event_hour: Annotated[Amount | None, _says("What one event late by one hour costs.")] = None
    tier: Annotated[Literal["production", "sandbox"] | None, _says("A sandbox needs no owner.")] = None
    last_review: Annotated[Day | None, _says("Day of the last review of these lines.")] = None
    pilot: Annotated[PilotShape | None, _says("The pilot it went through.")] = None
    loadtests: Annotated[tuple[LoadTestShape, ...] | None, _says("Its load tests.")] = None
    seams: Annotated[tuple[SeamShape, ...] | None, _says("The seams that belong to it.")] = None


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class ComponentShape:
    """What is true of one component, whoever uses it, or of all that a pattern covers."""

    component: Annotated[Pattern, _says("kind:name; * matches within one segment.", '"topic:prod/orders"')]
    owner: Annotated[Name | None, _says("The team that owns it.")] = None
    loss_tolerant: Annotated[Flag | None, _says("Losing single messages is accepted.")] = None
    on_error: Annotated[Text | None, _says("What its handler does on an error; stop halts by design.")] = None
    idempotency: Annotated[Text | None, _says("How it makes a second delivery harmless.")] = None
    terminal: Annotated[Flag | None, _says("Nothing is meant to read it.")] = None
    schedule: Annotated[Cron | None, _says("Cron line of a job.")] = None
    timezone: Annotated[Zone | None, _says("Time zone of the schedule.")] = None
    grace_seconds: Annotated[Amount | None, _says("How late a run may start, in seconds.")] = None
    window_seconds: Annotated[Amount | None, _says("How long a run may take, in seconds.")] = None
    trace: Annotated[Text | None, _says("none: it cannot be traced; say why in reason.")] = None
    reason: Annotated[Text | None, _says("Why.")] = None
    environment: Annotated[Name | None, _says("Environment, such as prod.")] = None
    legal_hold: Annotated[Flag | None, _says("Nothing of it may be deleted.")] = None
    paused: Annotated[Flag | None, _says("It stands still on purpose.")] = None
    safe_posts: Annotated[tuple[Text, ...] | None, _says("POST routes that may be repeated.")] = None
    idempotency_header: Annotated[Text | None, _says("Header that makes a repeated request harmless.")] = None
    contract: Annotated[Text | None, _says("Path or URL of an OpenAPI or AsyncAPI file.")] = None
    sunset: Annotated[Day | None, _says("Day on which it goes.")] = None
    dead_letters: Annotated[TopicName | None, _says("Topic that takes a group's dead letters.")] = None


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class TeamShape:
    """One team."""

    name: Annotated[Name, _says("Name of the team.", "payments-core")]
    on_call: Annotated[Name | None, _says("Channel on which it is called, by name.")] = None
    maturity_note: Annotated[Text | None, _says("What it knows already, in a sentence.")] = None


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class FileShape:
    """One workflow file."""

    workflows: Annotated[tuple[WorkflowShape, ...] | None, _says("Business processes.")] = None
    components: Annotated[tuple[ComponentShape, ...] | None, _says("What is true of single components.")] = None
    teams: Annotated[tuple[TeamShape, ...] | None, _says("Teams.")] = None


def schema() -> dict[str, Any]:
    """The published JSON Schema of a workflow file."""
    return json_schema(FileShape, "workflow", "Seamwatch workflow file, version 1")

"""Connect's part of a recording: settings masked, states, and the seams of each connector. Traces are never kept."""

from collections.abc import Iterator
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from agent.model.masking import masked
from agent.model.seam import Component
from collectors.recording.section import Section

NAME = "connect"
MAX_TOPICS = 1_000
TYPES = ("sink", "source")


def facts(line: Section, cluster: str, at: datetime) -> Iterator[Fact]:
    """Every fact of one line."""
    for name, section in (line.sections("connectors") or {}).items():
        yield from _connector(cluster, name, section, at)


def _connector(cluster: str, name: str, section: Section, at: datetime) -> Iterator[Fact]:
    connector = seam.connector(cluster, name)
    kind, state, topics = section.text("type"), section.text("state"), section.texts("topics")
    config, tasks = section.pairs("config"), section.list_of("tasks")
    section.skip("offsets")
    section.close()
    if kind is not None and kind not in TYPES:
        section.tally.reject("connectors.*.type is neither sink nor source")
        kind = None
    own: dict[str, str | None] = {"type": kind, "state": state}
    own |= _tasks(tasks) if tasks is not None else {}
    if topics is not None:
        own["topics_seen"] = ",".join(sorted({seam.clean(topic) for topic in topics})[:MAX_TOPICS])
    own = {key: value for key, value in own.items() if value is not None}
    yield Sighting(connector, at, {"type": kind} if kind else {})
    for key, value in own.items():
        yield Setting(connector, key, value, at, NAME)
    for key, value in masked(config or {}).items():
        # A connector may have a setting of its own named `type`.
        yield Setting(connector, f"config.{key}" if key in own else key, value, at, NAME)
    yield from _seams(cluster, name, connector, kind, config or {}, topics, at)


def _tasks(tasks: list[Section]) -> dict[str, str | None]:
    states: dict[int, str] = {}
    for task in tasks:
        number, state = task.whole("id"), task.text("state")
        task.skip("trace")  # may hold a record
        task.close()
        if number is not None and state is not None:
            states[number] = state
    found: dict[str, str | None] = {f"task.{number}.state": state for number, state in sorted(states.items())}
    failed = sum(state == "FAILED" for state in states.values())
    return found | {"tasks": str(len(tasks)), "tasks_failed": str(failed)}


def _seams(
    cluster: str,
    name: str,
    connector: Component,
    kind: str | None,
    config: dict[str, str | None],
    topics: list[str] | None,
    at: datetime,
) -> Iterator[Fact]:
    """A sink reads as the group `connect-<name>`, or the one its settings name; a source publishes itself."""
    if topics is None:
        topics = [topic.strip() for topic in (config.get("topics") or "").split(",")] if kind == "sink" else []
    group = seam.group(config.get("consumer.override.group.id") or f"connect-{name}", cluster)
    for topic in [name for name in dict.fromkeys(topics) if name][:MAX_TOPICS]:
        where = seam.topic(topic, cluster)
        if kind == "sink":
            yield Sighting(seam.consumes(where, group), at, {"connector": connector.name})
        elif kind == "source":
            yield Sighting(seam.publishes(connector, where), at)

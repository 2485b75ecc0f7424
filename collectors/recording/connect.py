"""Connect's part of a recording: settings masked, states, and the seams of each connector. Traces are never kept."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from agent.model.masking import masked
from agent.model.seam import Component
from agent.model.traces import exceptions
from collectors.recording.known import Known
from collectors.recording.section import Section

NAME = "connect"
MAX_TOPICS = 1_000
TYPES = ("sink", "source")
_OURS = ("connect", "deleted", "error")
Settings = Mapping[str, str | None]
_Task = tuple[int | None, str | None, str | None]  #: number, state, trace

#: What an absent key means: defaults of ConnectorConfig, SinkConnectorConfig and SourceConnectorConfig of Kafka 4.
_DEFAULTS = {
    "errors.tolerance": "none",
    "errors.retry.timeout": "0",
    "errors.log.enable": "false",
    "errors.log.include.messages": "false",
}
#: Dead letters are of sinks only: a source that tolerates errors has none.
_DEFAULTS_OF = {
    "sink": {
        "errors.deadletterqueue.topic.name": "",
        "errors.deadletterqueue.topic.replication.factor": "3",
        "errors.deadletterqueue.context.headers.enable": "false",
    },
    "source": {"exactly.once.support": "requested"},
}


def facts(line: Section, cluster: str, at: datetime, known: Known) -> Iterator[Fact]:
    """Every fact of one line."""
    workers = line.text("connect")
    source = seam.source(NAME, workers or cluster)
    wrong = line.tally.rejected.total()
    connectors, refused = line.sections("connectors"), line.pairs("refused") or {}
    whole = line.tally.rejected.total() == wrong
    own = {key: line.text(key) for key in ("version", "kafka_cluster_id")}
    own |= {"connectors_listed": None if connectors is None else "true"}
    for key, value in own.items():
        if value is not None:
            yield Setting(source, key, value, at, NAME)
    for key, why in refused.items():
        yield Setting(source, f"refused.{key}", why or None, at, NAME)
    for name, section in (connectors or {}).items():
        yield from _connector(cluster, name, section, at)
        connector = seam.connector(cluster, name)
        yield Setting(connector, "deleted", None, at, NAME)
        if workers is not None:
            yield Setting(connector, "connect", workers, at, NAME)
    if connectors is not None and whole:
        for name in known.gone(f"{source.name} {cluster}", (seam.connector(cluster, name).name for name in connectors)):
            yield Setting(Component("connector", name), "deleted", "true", at, NAME)


def _connector(cluster: str, name: str, section: Section, at: datetime) -> Iterator[Fact]:
    connector = seam.connector(cluster, name)
    kind, state, topics = section.text("type"), section.text("state"), section.texts("topics")
    config, tasks = section.pairs("config"), _tasks(section.list_of("tasks"))
    trace = section.text("trace")
    section.skip("offsets", "worker_id")
    section.close()
    if kind is not None and kind not in TYPES:
        section.tally.reject("connectors.*.type is neither sink nor source")
        kind = None
    own: dict[str, str | None] = {"type": kind, "state": state}
    own |= _states(tasks) if tasks is not None else {}
    if topics is not None:
        own["topics_seen"] = ",".join(sorted({seam.clean(topic) for topic in topics})[:MAX_TOPICS])
    if config is not None and kind is not None:
        own |= _effective(kind, config)
    own = {key: value for key, value in own.items() if value is not None}
    yield Sighting(connector, at, {"type": kind} if kind else {})
    for key, value in own.items():
        yield Setting(connector, key, value, at, NAME)
    for key, error in _errors(trace, state, tasks or []).items():
        yield Setting(connector, key, error, at, NAME)
    for key, value in masked(config or {}).items():
        # A connector may have a setting of its own named `type`.
        yield Setting(connector, f"config.{key}" if key in own or key in _OURS else key, value, at, NAME)
    yield from _seams(cluster, name, connector, kind, config or {}, topics, at)


def _tasks(sections: list[Section] | None) -> list[_Task] | None:
    if sections is None:
        return None
    found = []
    for task in sections:
        found.append((task.whole("id"), task.text("state"), task.text("trace")))
        task.skip("worker_id")
        task.close()
    return found


def _states(tasks: list[_Task]) -> dict[str, str | None]:
    states = {number: state for number, state, _ in tasks if number is not None and state is not None}
    found: dict[str, str | None] = {f"task.{number}.state": state for number, state in sorted(states.items())}
    failed = sum(state == "FAILED" for state in states.values())
    return found | {"tasks": str(len(tasks)), "tasks_failed": str(failed)}


def _errors(trace: str | None, state: str | None, tasks: list[_Task]) -> dict[str, str | None]:
    """Which exceptions ended the connector or a task, the cause last; None where none did."""
    found = {} if state is None else {"error": _error(trace)}
    return found | {
        f"task.{number}.error": _error(said)
        for number, state, said in tasks
        if number is not None and state is not None
    }


def _error(trace: str | None) -> str | None:
    """Classes only: what an exception says may hold a record."""
    return " < ".join(exceptions(trace or "")) or None


def _effective(kind: str, config: Settings) -> dict[str, str | None]:
    """What happens on an error, with what absent keys mean; one that a provider fills in is not known."""
    found: dict[str, str | None] = {}
    for key, default in (_DEFAULTS | _DEFAULTS_OF[kind]).items():
        told = config.get(key)
        value = default if told is None else told.strip()
        if not value.startswith("${"):
            found[f"effective.{key}"] = value if key.endswith(".name") else value.lower()
    return found


def _seams(
    cluster: str,
    name: str,
    connector: Component,
    kind: str | None,
    config: Settings,
    topics: list[str] | None,
    at: datetime,
) -> Iterator[Fact]:
    """A sink reads as the group `connect-<name>`, or the one its settings name; a source publishes itself."""
    group = seam.group(config.get("consumer.override.group.id") or f"connect-{name}", cluster)
    for topic in _topics(kind, config, topics or []):
        where = seam.topic(topic, cluster)
        if kind == "sink":
            yield Sighting(seam.consumes(where, group), at, {"connector": connector.name})
        elif kind == "source":
            yield Sighting(seam.publishes(connector, where), at)


def _topics(kind: str | None, config: Settings, seen: list[str]) -> list[str]:
    """Those that a sink subscribes to by name; else those that were seen, which a pattern may not match any more."""
    named = [topic.strip() for topic in (config.get("topics") or "").split(",")] if kind == "sink" else []
    return [name for name in dict.fromkeys([name for name in named if name] or seen) if name][:MAX_TOPICS]

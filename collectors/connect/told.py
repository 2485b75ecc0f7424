"""What Connect answers as a recording tells it. What is of the wrong kind is left out; no secret, no record stays."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from agent.model.masking import MASK, masked
from agent.model.traces import short

MAX_VALUE = 16_384  #: characters of a setting; what is longer is masked unread: half a secret has no shape
MAX_TASKS = 1_000
MAX_TOPICS = 1_000
MAX_PARTITIONS = 10_000  #: of which a connector's offsets are told
MAX_NAME = 249  #: characters of a topic, as Kafka has it
MAX_TRACE = 1 << 20  #: characters that are searched for exceptions
Told = dict[str, Any]


def connectors(answer: Mapping[str, Any]) -> Iterator[tuple[str, Told]]:
    """Each connector of `/connectors?expand=info&expand=status`."""
    for name, about in answer.items():
        if isinstance(about, dict):
            info, status = _object(about.get("info")), _object(about.get("status"))
            yield name, _connector(info, status)


def named(answer: list[Any]) -> Iterator[tuple[str, Told]]:
    """Each connector where a worker tells names only."""
    for name in answer:
        if isinstance(name, str) and name:
            yield name, {}


def topics(name: str, answer: object) -> list[str] | None:
    """Of `/connectors/{name}/topics`."""
    found = _object(_object(answer).get(name)).get("topics")
    if not isinstance(found, list):
        return None
    return sorted({topic for topic in found if isinstance(topic, str) and 0 < len(topic) <= MAX_NAME})[:MAX_TOPICS]


def offsets(answer: object) -> dict[str, dict[str, int]] | None:
    """Of `/connectors/{name}/offsets`: how far a sink has read; those of a source may hold anything."""
    listed = _object(answer).get("offsets")
    if not isinstance(listed, list):
        return None
    found: dict[str, dict[str, int]] = {}
    for item in map(_object, listed[:MAX_PARTITIONS]):
        place, at = _object(item.get("partition")), _object(item.get("offset")).get("kafka_offset")
        topic, partition = place.get("kafka_topic"), place.get("kafka_partition")
        if isinstance(topic, str) and len(topic) <= MAX_NAME and _is_whole(partition) and _is_whole(at):
            found.setdefault(topic, {})[str(partition)] = at
    return found


def _connector(info: Mapping[str, Any], status: Mapping[str, Any]) -> Told:
    """An absent part was not told."""
    kind = info.get("type", status.get("type"))
    own = _object(status.get("connector"))
    told: Told = {"type": kind if kind in ("sink", "source") else None}
    told |= {"state": _text(own.get("state")), "worker_id": _text(own.get("worker_id"))}
    config, tasks = info.get("config"), status.get("tasks")
    if isinstance(own.get("trace"), str):
        told["trace"] = short(own["trace"][:MAX_TRACE])
    if isinstance(config, dict):
        told["config"] = _settings(config)
    if isinstance(tasks, list):
        told["tasks"] = [_task(task) for task in tasks[:MAX_TASKS] if isinstance(task, dict)]
    return {key: value for key, value in told.items() if value is not None}


def _settings(config: Mapping[str, Any]) -> dict[str, str | None]:
    plain = {name: _written(value) for name, value in config.items()}
    return masked({name: MASK if value and len(value) > MAX_VALUE else value for name, value in plain.items()})


def _written(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _task(task: Mapping[str, Any]) -> Told:
    number, trace = task.get("id"), task.get("trace")
    told: Told = {"id": number} if _is_whole(number) else {}
    told |= {key: text for key in ("state", "worker_id") if (text := _text(task.get(key))) is not None}
    return told | {"trace": short(trace[:MAX_TRACE]) if isinstance(trace, str) and trace else None}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value[:512] if isinstance(value, str) else None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

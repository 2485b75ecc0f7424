"""The one place that builds the identity of a component, a seam and a subject.

Collectors never write a key by hand: two witnesses that name the same thing differently would never meet.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.model.plain import plain

UNKNOWN = "-"  #: stands for a cluster or group that no fact has named yet

COMPONENT_KINDS = (
    "service",
    "topic",
    "group",
    "route",
    "table",
    "job",
    "dataset",
    "connector",
    "subject",
    "workflow",
    "team",
    "source",
    "estate",
    "schedule",  # only as the source of a trigger
)
SEAM_KINDS = ("publishes", "consumes", "calls", "reads", "writes", "triggers")

_PARADIGM = {"publishes": "event", "consumes": "event", "calls": "api", "triggers": "batch"}
MAX_NAME = 512  #: characters; what is longer is cut
_SERVED = re.compile(r"(.+?) [A-Z_-]+ ")


@dataclass(frozen=True, order=True, slots=True)
class Component:
    """A service, topic, consumer group, job, route, table, ...; written `kind:name`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @staticmethod
    def parse(text: str) -> "Component":
        """Read `kind:name`; raise ValueError when the kind is none of ours or the name is empty."""
        kind, colon, name = text.partition(":")
        if not colon or kind not in COMPONENT_KINDS or not name:
            msg = f"{text!r} is no component; write kind:name with one of {', '.join(COMPONENT_KINDS)}"
            raise ValueError(msg)
        return Component(sys.intern(kind), name)  # one of a few words, in thousands of names


@dataclass(frozen=True, order=True, slots=True)
class SeamKey:
    """A directed flow between two components; the identity only, never its numbers."""

    kind: str
    source: Component
    target: Component

    def __str__(self) -> str:
        return f"{self.kind} {self.source} -> {self.target}"

    @property
    def paradigm(self) -> str | None:
        """`event`, `api` or `batch`; None for reads and writes, which take that of the service's other seams."""
        return _PARADIGM.get(self.kind)

    @property
    def subject(self) -> "SubjectRef":
        """The seam as the subject of a rule."""
        return SubjectRef("seam", self.kind, (("source", str(self.source)), ("target", str(self.target))))


@dataclass(frozen=True, order=True, slots=True)
class SubjectRef:
    """What a verdict is about: `kind:name` and the labels that belong to its identity, sorted."""

    kind: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return ",".join([f"{self.kind}:{self.name}", *(f"{key}={value}" for key, value in self.labels)])

    def as_dict(self) -> dict[str, str]:
        """The JSON form of the published contract: `{kind, name, ...labels}`."""
        return {"kind": self.kind, "name": self.name, **dict(self.labels)}

    @staticmethod
    def from_dict(fields: Mapping[str, str]) -> "SubjectRef":
        """Read the JSON form back."""
        rest = {key: value for key, value in fields.items() if key not in ("kind", "name")}
        return SubjectRef(fields["kind"], fields["name"], tuple(sorted(rest.items())))

    @staticmethod
    def parse(text: str) -> "SubjectRef":
        """Read `KIND:NAME[,label=value...]`, as the command line writes it; raise ValueError when it is not that."""
        head, *rest = re.split(r",(?=[a-z_]+=)", text)
        kind, colon, name = head.partition(":")
        if not colon or not kind or not name:
            msg = f"{text!r} is no subject; write KIND:NAME[,label=value...], such as group:prod/a,topic=prod/b"
            raise ValueError(msg)
        labels = (part.partition("=") for part in rest)
        return SubjectRef(kind, name, tuple(sorted((key, value) for key, _, value in labels)))


def fingerprint(rule_id: str, subject: SubjectRef) -> str:
    """SHA-256, 20 hex digits, of the rule's ID, `kind:name` and the sorted `label=value` lines."""
    lines = [rule_id, f"{subject.kind}:{subject.name}", *sorted(f"{key}={value}" for key, value in subject.labels)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:20]


def clean(name: str) -> str:
    """A name fit for a key: hidden characters out, at most 512 characters."""
    return plain(name).strip()[:MAX_NAME] or UNKNOWN


def service(name: str) -> Component:
    """A service by its `service.name`."""
    return Component("service", clean(name))


def address(host: str, port: int | str | None) -> Component:
    """A callee that no server span has named yet: `service:<host>:<port>`."""
    return Component("service", clean(f"{host}:{port}" if port not in (None, "") else host))


def topic(name: str, cluster: str | None = None) -> Component:
    """A topic or queue of a cluster; without a cluster `-` stands for it."""
    return Component("topic", f"{clean(cluster or UNKNOWN)}/{clean(name)}")


def group(name: str, cluster: str | None = None) -> Component:
    """A consumer group of a cluster."""
    return Component("group", f"{clean(cluster or UNKNOWN)}/{clean(name)}")


def group_of(service_name: str) -> Component:
    """The group of a consumer whose spans name none: `group:-/<service>`."""
    return Component("group", f"{UNKNOWN}/{clean(service_name)}")


def route(owner: str, method: str, template: str) -> Component:
    """A route of a service or gateway: `route:<owner> <METHOD> <template>`."""
    return Component("route", f"{clean(owner)} {clean(method).upper()} {clean(template)}")


def server_of(route: Component) -> Component:
    """The service or gateway that serves a route; its name may hold spaces, a method is in capitals."""
    found = _SERVED.match(route.name)
    return Component("service", found[1] if found else route.name.partition(" ")[0])


def table(system: str, database: str, name: str, server: str | None = None) -> Component:
    """A table: `table:<system>/[<server alias>/]<database>.[<schema>.]<table>`; `public` is dropped.

    `database` may be `database|schema`, as some instrumentations write it; `name` may be `schema.table`.
    """
    base, _, schema = database.partition("|")
    parts = [part.strip('"`[] ') for part in name.split(".") if part.strip('"`[] ')]
    if len(parts) == 1 and schema:
        parts = [schema, parts[0]]
    if len(parts) > 2:
        base, parts = parts[-3], parts[-2:]
    if len(parts) == 2 and parts[0].lower() in ("public", base.lower()):
        parts = parts[1:]
    path = ".".join([clean(base or UNKNOWN), *(clean(part) for part in parts)])
    return Component("table", "/".join([clean(system), *([clean(server)] if server else []), path]))


def job(namespace: str, name: str) -> Component:
    """A batch job: `job:<namespace>/<name>`."""
    return Component("job", f"{clean(namespace)}/{clean(name)}")


def dataset(namespace: str, name: str) -> Component:
    """A dataset of lineage events."""
    return Component("dataset", f"{clean(namespace)}/{clean(name)}")


def connector(cluster: str, name: str) -> Component:
    """A connector of a Connect cluster."""
    return Component("connector", f"{clean(cluster)}/{clean(name)}")


def schema_subject(registry: str, name: str) -> Component:
    """A subject of a schema registry."""
    return Component("subject", f"{clean(registry)}/{clean(name)}")


def workflow(name: str) -> Component:
    """A declared workflow."""
    return Component("workflow", clean(name))


def team(name: str) -> Component:
    """A team that owns things."""
    return Component("team", clean(name))


def source(kind: str, name: str) -> Component:
    """A source of facts: `source:<kind>/<name>`."""
    return Component("source", f"{clean(kind)}/{clean(name)}")


def source_named(name: str) -> Component:
    """A source by the name that the store's row of it has: `kafka/prod`."""
    kind, _, rest = name.partition("/")
    return source(kind, rest or UNKNOWN)


ESTATE = Component("estate", UNKNOWN)


def publishes(producer: Component, to: Component) -> SeamKey:
    """Service or connector -> topic."""
    return SeamKey("publishes", producer, to)


def consumes(read: Component, by: Component) -> SeamKey:
    """Topic -> group; never to the service: who runs a group is an attribute of the group."""
    return SeamKey("consumes", read, by)


def calls(caller: Component, callee: Component) -> SeamKey:
    """Service -> route, or -> service where no server span names the route."""
    return SeamKey("calls", caller, callee)


def reads(read: Component, by: Component) -> SeamKey:
    """Table or dataset -> service or job."""
    return SeamKey("reads", read, by)


def writes(writer: Component, to: Component) -> SeamKey:
    """Service or job -> table or dataset."""
    return SeamKey("writes", writer, to)


def triggers(cause: Component, started: Component) -> SeamKey:
    """Topic, service, job or schedule -> job."""
    return SeamKey("triggers", cause, started)


def subject_of(component: Component, labels: Iterable[tuple[str, str]] = ()) -> SubjectRef:
    """A component as the subject of a rule, with the labels of its identity."""
    return SubjectRef(component.kind, component.name, tuple(sorted(labels)))


def table_on(table: Component, server: str = "") -> SubjectRef:
    """A table; host and port (`server` is `host:port`) are labels until the configuration gives them an alias."""
    host, _, port = server.rpartition(":")
    labels = [("host", clean(host or port)), *([("port", clean(port))] if host else [])] if server else []
    return subject_of(table, labels)


def group_on_topic(read: Component, by: Component) -> SubjectRef:
    """The subject of the lag, idempotency and dead-letter rules: a group with its topic."""
    return SubjectRef("group", by.name, (("topic", read.name),))

"""Which subject is made by which builder: every type that a rule may ask for has one."""

from collections.abc import Callable, Iterable, Mapping

from agent.engine import backlogs, inventory, subjects
from agent.engine.estate import Estate
from agent.model import subjects as s

BUILDERS: Mapping[type, Callable[[Estate], Iterable[s.Subject]]] = {
    s.Seam: subjects.seams,
    s.Backlog: backlogs.backlogs,
    s.Deliveries: subjects.deliveries,
    s.Table: subjects.tables,
    s.Workflow: subjects.workflows,
    s.Route: inventory.routes,
    s.Job: inventory.jobs,
    s.Connector: inventory.connectors,
    s.Contract: inventory.contracts,
    s.Topic: inventory.topics,
    s.Team: inventory.teams,
    s.Source: inventory.sources,
    s.Estate: inventory.estates,
}

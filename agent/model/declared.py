"""What cannot be measured and is declared instead: workflows, components, teams. Absent is None, never a default."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from agent.model.seam import Component, SeamKey


@dataclass(frozen=True, slots=True)
class Pilot:
    """The pilot that a workflow went through."""

    day: date | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class LoadTest:
    """One load test of a workflow."""

    day: date | None = None
    rate_per_second: float | None = None
    minutes: float | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """One declared workflow (WORKFLOW, version 1)."""

    name: str
    owner: str | None = None
    on_call: str | None = None
    runbook: str | None = None
    runbook_reviewed: date | None = None
    covers: tuple[str, ...] | None = None
    paradigm: str | None = None
    cadence: str | None = None
    latency_seconds: float | None = None
    volume_per_day: float | None = None
    peak_per_second: float | None = None
    consistency: str | None = None
    failure_impact: str | None = None
    order: str | None = None
    recovery: str | None = None
    answer_needed: bool | None = None
    slo: float | None = None
    value_per_event_hour: float | None = None
    tier: str | None = None
    last_review: date | None = None
    pilot: Pilot | None = None
    loadtests: tuple[LoadTest, ...] | None = None
    seams: tuple[SeamKey, ...] = ()
    place: str = ""  #: file and line where it is declared

    @property
    def critical(self) -> bool:
        """Declared `failure_impact: critical`."""
        return self.failure_impact == "critical"


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """What is declared of one component, or of all that its pattern matches (`*` within one segment)."""

    component: str
    owner: str | None = None
    loss_tolerant: bool | None = None
    on_error: str | None = None
    idempotency: str | None = None
    terminal: bool | None = None
    schedule: str | None = None
    timezone: str | None = None
    grace_seconds: float | None = None
    window_seconds: float | None = None
    trace: str | None = None
    reason: str | None = None
    environment: str | None = None
    legal_hold: bool | None = None
    paused: bool | None = None
    safe_posts: tuple[str, ...] | None = None
    idempotency_header: str | None = None
    contract: str | None = None
    sunset: date | None = None
    dead_letters: str | None = None  #: the topic that takes this group's dead letters
    place: str = ""

    def matches(self, component: Component) -> bool:
        """True where the pattern covers the component."""
        return _pattern(self.component).fullmatch(str(component)) is not None


@lru_cache(maxsize=4096)
def _pattern(text: str) -> "re.Pattern[str]":
    return re.compile("[^/:. ]*".join(re.escape(piece) for piece in text.split("*")))


@dataclass(frozen=True, slots=True)
class Team:
    """A declared team."""

    name: str
    on_call: str | None = None
    maturity_note: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything declared, from all files. `loaded` is False where no workflow file was given at all."""

    workflows: tuple[Workflow, ...] = ()
    components: tuple[ComponentFacts, ...] = ()
    teams: tuple[Team, ...] = ()
    loaded: bool = False
    _owners: dict[Component, str | None] = field(default_factory=dict, compare=False, repr=False)

    def about(self, component: Component) -> tuple[ComponentFacts, ...]:
        """Every declaration whose pattern covers the component, most exact (fewest stars, longest) first."""
        found = [facts for facts in self.components if facts.matches(component)]
        return tuple(sorted(found, key=lambda facts: (facts.component.count("*"), -len(facts.component))))

    def declared(self, component: Component, key: str) -> object | None:
        """The most exact declared value of one key of a component, or None."""
        return next((value for facts in self.about(component) if (value := getattr(facts, key)) is not None), None)

    def workflows_of(self, *components: Component) -> tuple[Workflow, ...]:
        """The workflows one of whose declared seams touches one of the components."""
        wanted = set(components)
        return tuple(w for w in self.workflows if any(s.source in wanted or s.target in wanted for s in w.seams))

    def workflows_with(self, seam: SeamKey) -> tuple[Workflow, ...]:
        """The workflows that declare this very seam."""
        return tuple(workflow for workflow in self.workflows if seam in workflow.seams)

    def owner_of(self, *components: Component) -> str | None:
        """The declared owner of the first component that has one, else of a workflow that they belong to."""
        for component in components:
            owner = self.declared(component, "owner")
            if isinstance(owner, str):
                return owner
        return next((w.owner for w in self.workflows_of(*components) if w.owner), None)


UNDECLARED = Declarations()


def horizon(workflows: Iterable[Workflow]) -> timedelta | None:
    """The tightest declared latency of some workflows, or None."""
    seconds = [w.latency_seconds for w in workflows if w.latency_seconds is not None]
    return timedelta(seconds=min(seconds)) if seconds else None

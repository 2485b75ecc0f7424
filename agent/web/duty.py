"""Whom to ask about a finding or a seam: the declared workflows that it belongs to. Nothing is guessed."""

from collections import defaultdict
from urllib.parse import urlsplit

from agent.model.declared import Declarations, Workflow
from agent.model.seam import Component, SeamKey, SubjectRef, group_on_topic, server_of, workflow


class Duties:
    """The workflows of each subject, by what their files declare; read once."""

    def __init__(self, declared: Declarations) -> None:
        self._named: dict[str, list[Workflow]] = defaultdict(list)
        self._with: dict[SubjectRef, list[Workflow]] = defaultdict(list)
        self._touching: dict[Component, list[Workflow]] = defaultdict(list)
        for one in declared.workflows:
            self._named[workflow(one.name).name].append(one)
            for subject in {subject for key in one.seams for subject in _exactly(key)}:
                self._with[subject].append(one)
            for end in {end for key in one.seams for end in (key.source, key.target)}:
                self._touching[end].append(one)

    def of(self, subject: SubjectRef) -> tuple[Workflow, ...]:
        """A workflow itself; of a seam those that declare it, else those that one of its ends belongs to."""
        if subject.kind == "workflow":
            return tuple(self._named.get(subject.name, ()))
        exact = self._with.get(subject)
        if exact:
            return tuple(exact)
        found: dict[str, Workflow] = {}
        for end in _ends(subject):
            found.update((one.name, one) for one in self._touching.get(end, ()))
        return tuple(found.values())


def _exactly(key: SeamKey) -> tuple[SubjectRef, ...]:
    """The subjects that are this very seam."""
    return (key.subject, group_on_topic(key.source, key.target)) if key.kind == "consumes" else (key.subject,)


def _ends(subject: SubjectRef) -> list[Component]:
    """The components that a subject is made of."""
    labels = dict(subject.labels)
    if subject.kind == "seam":
        return [Component.parse(labels[end]) for end in ("source", "target")]
    own = Component(subject.kind, subject.name)
    if subject.kind == "route":
        return [own, server_of(own)]
    return [own, Component("topic", labels["topic"])] if "topic" in labels else [own]


def web_address(text: str | None) -> str:
    """What may stand as a link: an address of the web; empty for all else."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return ""
    return text or "" if parts.scheme in ("http", "https") and parts.netloc else ""

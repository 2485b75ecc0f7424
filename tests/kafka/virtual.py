"""A real cluster in virtual time: what happens on it, look after look, and what every rule says in the end."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app.wiring import catalogue
from agent.engine.round import Rounds
from agent.model.declared import Declarations
from agent.model.facts import Fact, Sample, Setting, Sighting
from agent.model.kafka.facts import Fold
from agent.model.seam import SubjectRef
from agent.model.verdict import Verdict
from agent.store.store import Store, open_store
from collectors.kafka.access import Access
from collectors.kafka.watch import Watch
from tests.kafka.estate import Estate

EVERY = timedelta(seconds=30)

Step = Callable[[int], None]


@dataclass
class Virtual:
    """A real cluster in virtual time."""

    estate: Estate
    watch: Watch
    store: Store
    now: datetime
    steps: list[Step] = field(default_factory=list)
    number: int = 0  #: of the next look
    fold: Fold = field(default_factory=Fold)
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    declared: Declarations = field(default_factory=Declarations)

    def __post_init__(self) -> None:
        self.watch._clock = lambda: self.now
        self.producer = self.estate.producer(linger_ms=5)
        self.sent: list[Any] = []  #: of the step under way
        self.done: dict[tuple[str, str], dict[int, int]] = {}

    def run(self, looks: int, every: timedelta = EVERY) -> None:
        """So many looks, and before each what happens on the cluster."""
        for _ in range(looks):
            self.now += every
            for step in self.steps:
                step(self.number)
            self.number += 1
            self.producer.flush()
            assert not [one.exception for one in self.sent if one.failed()], "records were refused"
            self.sent.clear()
            self.look()

    def look(self) -> None:
        """One look, and its facts in the store."""
        self.keep(list(self.fold.facts(self.watch.look())))

    def keep(self, facts: Iterable[Fact]) -> None:
        """Facts into the store."""
        facts = list(facts)
        by_type = [[fact for fact in facts if isinstance(fact, kind)] for kind in (Sample, Setting, Sighting)]
        self.store.record(by_type[0], by_type[1], sightings=by_type[2])

    def write(self, topic: str, count: int, partition: int = 0, old: timedelta = timedelta()) -> None:
        """Records stamped now, or so much earlier."""
        stamp = int((self.now - old).timestamp() * 1000)
        for _ in range(count):
            self.sent.append(self.producer.send(topic, b"x", partition=partition, timestamp_ms=stamp))

    def read(self, group: str, topic: str, count: int, partition: int = 0) -> None:
        """The group commits so much further."""
        offsets = self.done.setdefault((group, topic), {})
        offsets[partition] = offsets.get(partition, 0) + count
        self.estate.commit(group, {(topic, partition): offsets[partition]})

    def judge(self) -> None:
        """Have every rule judge every subject; by the rule's ID and the subject's name without its cluster."""
        rounds = Rounds(self.store, catalogue(), self.declared)
        self.verdicts = {(one.rule.id, _name(one.subject)): one.verdict for one in rounds.judge(self.now)}


def _name(subject: SubjectRef) -> str:
    """Without its cluster; of a seam its target's."""
    name = dict(subject.labels)["target"].partition(":")[2] if subject.kind == "seam" else subject.name
    return name.removeprefix("test/")


def said(v: Virtual, rule: str, name: str) -> str:
    """A rule's outcome for a subject."""
    verdict = v.verdicts.get((rule, name))
    return "no such" if verdict is None else verdict.outcome.value


@contextmanager
def virtually(
    brokers: Sequence[str],
    estate: Estate,
    folder: Path,
    sample: Sequence[str] = (),
    *,
    ago: timedelta = timedelta(hours=3),
) -> Iterator[Virtual]:
    """A cluster that begins so long ago, with a store of its own; brokers refuse stamps of the future."""
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    watch = Watch(Access("test", tuple(brokers)), sample)
    found = Virtual(estate, watch, store, datetime.now(UTC) - ago)
    store.attach(found.now)
    try:
        yield found
    finally:
        found.producer.close()
        watch.close()
        store.close()


def shown(rows: Iterable[Sequence[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """The matrix, also where a test passes: rule, what is in trouble, its outcome, its healthy twin, its outcome."""
    lines = (f"{rule:<8} {bad:<32} {outcome:<6} {' '.join(twin)}\n" for rule, bad, outcome, *twin in rows)
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(lines))

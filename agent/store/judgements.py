"""The part of the store that holds what was judged: aliases, findings, verdicts."""

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

from agent.model.facts import Alias
from agent.model.finding import Change, Finding, Said
from agent.model.seam import Component, SubjectRef
from agent.model.verdict import Outcome, Verdict
from agent.store import findings, names, verdicts
from agent.store.engine import Database
from agent.store.findings import Event, VerdictRow
from agent.store.history import History
from agent.store.notes import Notes
from agent.store.verdicts import BlindCause


class Judgements(History, Notes):
    """Findings are written by compare-and-set, verdicts round by round, aliases can be undone."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._aliases = names.KnownAliases()
        self._subjects = names.KnownSubjects(self._aliases)
        self._places = verdicts.Places()
        self._verdicts = verdicts.Verdicts(self._places)
        self._judging = threading.Lock()

    def aliases(self) -> list[Alias]:
        """Every alias in force, oldest first."""
        with self.database.read() as connection:
            return list(self._aliases.now(connection)[0])

    def add_alias(self, alias: Alias) -> None:
        """Join two names (to itself: part them again); findings move along and keep the oldest fingerprint."""
        with self.database.write() as connection:
            if names.add_alias(connection, alias):
                findings.rename(connection, names.canonical(connection), alias.at)

    def undo_alias(self, old: Component, at: datetime) -> bool:
        """Part two names again, and their findings; False where they were not joined."""
        with self.database.write() as connection:
            undone = names.undo_alias(connection, old, at)
            if undone:
                findings.rename(connection, names.canonical(connection), at)
            return undone

    def finding(self, fingerprint: str) -> Finding | None:
        """One finding."""
        with self.database.read() as connection:
            return findings.get(connection, fingerprint)

    def finding_of(self, rule: str, subject: SubjectRef) -> Finding | None:
        """The finding of one rule on one subject, whatever its fingerprint."""
        with self.database.read() as connection:
            return findings.of(connection, rule, self._aliases.now(connection)[1].subject(subject))

    def findings(
        self,
        signals: Sequence[str] | None = None,
        rule: str | None = None,
        owner: str | None = None,
        subject: SubjectRef | None = None,
    ) -> list[Finding]:
        """Findings, the newest opened first; without those that another one stands for since an alias."""
        with self.database.read() as connection:
            return findings.find(connection, signals=signals, rule=rule, owner=owner, subject=subject)

    def finding_events(self, fingerprint: str) -> list[Event]:
        """What happened to a finding, newest first."""
        with self.database.read() as connection:
            return findings.history(connection, fingerprint)

    def save_findings(self, steps: Iterable[tuple[Finding, Change | None, datetime]]) -> list[Finding]:
        """Write next states in one transaction; return those that another writer was quicker with."""
        told = list(steps)
        if not told:
            return []
        with self.database.write() as connection:
            return findings.save(connection, told)

    def say(self, fingerprint: str, said: Said, at: datetime) -> Finding | None:
        """Set what a person says of a finding; None where there is none. Raise as `findings.say`."""
        with self.database.write() as connection:
            return findings.say(connection, fingerprint, said, at)

    def save_verdicts(self, at: datetime, rows: Iterable[tuple[str, SubjectRef, Verdict]]) -> None:
        """Keep one round's verdicts (rule, subject, verdict) as they are judged; only what changed is written."""
        with self._judging:
            self._verdicts.save(self.database, at, rows)

    def verdicts(
        self,
        rule: str | None = None,
        subject: SubjectRef | None = None,
        outcome: Outcome | None = None,
        most: int | None = None,
    ) -> list[VerdictRow]:
        """Verdicts of the last round, failing ones first; at most `most` of them."""
        with self.database.read() as connection:
            return verdicts.verdicts(connection, most=most, rule=rule, subject=subject, outcome=outcome)

    def blind_causes(self) -> list[BlindCause]:
        """Why rules were blind in the last round, by what would cure it."""
        with self.database.read() as connection:
            return verdicts.blind_causes(connection)

    def outcomes(self) -> list[tuple[str, SubjectRef, Outcome]]:
        """Rule, subject and outcome of every verdict of the last round that applies, without its claims."""
        with self.database.read() as connection:
            return verdicts.outcomes(connection, self._places)

    def verdict_counts(self) -> dict[tuple[str, Outcome], int]:
        """Verdicts of the last round by rule and outcome."""
        with self.database.read() as connection:
            return verdicts.counts(connection)

    def judged_at(self) -> datetime | None:
        """When the last round was saved."""
        with self.database.read() as connection:
            return verdicts.judged_at(connection)

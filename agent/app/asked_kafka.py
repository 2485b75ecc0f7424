"""Kafka clusters among the sources that are asked. Needs the extra `kafka`."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from agent.app import asked_rest
from agent.app.asked_rest import file_at
from agent.app.recall import Recall
from agent.app.rights import lacking, missing
from agent.config.estates import Cluster, Sasl
from agent.model.counting import counted
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Look
from agent.model.pull import Cost, Seen
from agent.store.engine import StoreError, StoreProblem
from agent.store.stamps import Marks
from collectors.kafka.access import Access
from collectors.kafka.oauth import from_endpoint
from collectors.kafka.watch import Watch
from collectors.recording import kafka as recorded

log = logging.getLogger(__name__)

KEPT_EVERY = timedelta(seconds=60)  #: how often what was learnt of stamps is written


class Memory(asked_rest.Memory, Protocol):
    """Where what was learnt is kept over a restart."""

    def stamps(self, cluster: str) -> list[Marks]:
        """What is kept of a cluster."""

    def save_stamps(self, cluster: str, marks: Iterable[Marks], now: datetime) -> None:
        """Keep more."""


class KafkaPull:
    """One Kafka cluster."""

    kind = "kafka"

    def __init__(
        self, name: str, cluster: Cluster, base: Path, clock: Callable[[], datetime], memory: "Memory | None" = None
    ) -> None:
        self.name, self.every = name, cluster.every
        self.watch = Watch(access(name, cluster, base), cluster.sample, clock=clock)
        self.cost = Cost()
        self._fold = Fold()
        self._last: Look | None = None
        self._memory, self._recall = memory, Recall(f"kafka/{name}", memory, self._remember)
        self._saved: datetime | None = None  #: when stamps were kept last
        self._refused: dict[str, str] = {}

    def look(self) -> Seen:
        """Look once. Raise NotSeenError."""
        self._recall.try_now()
        try:
            self._last = look = self.watch.look()
        finally:
            link = self.watch.link
            self.cost.requests, self.cost.sent, self.cost.received = link.requests.total(), link.sent, link.received
        self._keep(look.at)
        self._refused |= look.refused  # errands come by turns: what one was refused holds until it is run again
        refused = {what: why for what, why in self._refused.items() if why}
        return Seen(
            look.at,
            tuple(self._fold.facts(look)),
            tuple(f"{what}: {why}" for what, why in refused.items() if not missing(why)),
            _about(look),
            tuple(lacking(refused.values(), self.watch.access)),
            _unread(look),
        )

    def _remember(self, memory: Memory) -> None:
        """What was known of stamps before the start."""
        for topic, partition, marks in memory.stamps(self.name):
            self.watch.ages.remember(topic, partition, marks)

    def _keep(self, at: datetime) -> None:
        """Keep what was learnt of stamps; where the store does not take it now, it is given the next time.

        It would stand in place of what the store has: that is taken back first.
        """
        if self._memory is None or not self._recall.done or (self._saved is not None and at - self._saved < KEPT_EVERY):
            return
        news = self.watch.ages.news()
        try:
            if news:
                self._memory.save_stamps(self.name, news, at)
            self.watch.ages.told()
            self._saved = at
        except (StoreError, StoreProblem, OSError) as problem:
            log.debug("stamps not kept", extra={"fields": {"cluster": self.name, "why": str(problem)}})

    def line(self) -> dict[str, Any] | None:
        """The last look as a line of a recording."""
        return None if self._last is None else recorded.line(self._last)

    def retell(self) -> None:
        """Tell everything at the next look."""
        self._fold.retell()

    def close(self) -> None:
        """Hang up."""
        self.watch.close()


def _unread(look: Look) -> Mapping[str, int]:
    """Batches of records that could not be looked at, by reason."""
    found: Counter[str] = Counter()
    for one in look.sampled.values():
        if one.unread:
            found[one.unread_why] += one.unread
    return found


def _about(look: Look) -> str:
    topics = "topics not shown" if look.topics is None else counted(len(look.topics.rows), "topic")
    groups = "groups not shown" if look.groups is None else counted(len(look.groups), "group")
    return f"{topics}, {groups}"


def access(name: str, cluster: Cluster, base: Path) -> Access:
    """How a cluster is reached, as its configuration says; files are relative to `base`."""
    tls, sasl = cluster.tls, cluster.sasl
    return Access(
        cluster=name,
        bootstrap=tuple(str(one) for one in cluster.bootstrap),
        tls=tls is not None,
        ca=file_at(base, tls.ca if tls else None),
        certificate=file_at(base, tls.certificate if tls else None),
        key=file_at(base, tls.key if tls else None),
        check_name=tls.check_name if tls else True,
        mechanism=sasl.mechanism if sasl else None,
        user=sasl.user if sasl else None,
        password=sasl.password.reveal() if sasl and sasl.password else None,
        token=_token(sasl, base) if sasl else None,
        timeout=cluster.timeout.total_seconds(),
    )


def _token(sasl: Sasl, base: Path) -> Callable[[], str] | None:
    """A fresh token for OAUTHBEARER; a file is read each time, for others renew it."""
    if sasl.mechanism != "OAUTHBEARER":
        return None
    if sasl.token is not None:
        given = sasl.token
        scheme, _, path = given.reference.partition(":")
        return (lambda: (base / path).read_text().strip()) if scheme == "file" else given.reveal
    if sasl.token_url is None or sasl.client_id is None or sasl.client_secret is None:
        return None
    return from_endpoint(sasl.token_url, sasl.client_id, sasl.client_secret.reveal(), sasl.scope)

"""Which sources are asked: made from the configuration."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.config.estates import Cluster, Sasl
from agent.config.settings import Settings
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Look
from agent.model.pull import Cost, Pull, Seen
from collectors.kafka.access import Access
from collectors.kafka.oauth import from_endpoint
from collectors.kafka.watch import Watch
from collectors.recording import kafka as recorded


class KafkaPull:
    """One Kafka cluster."""

    kind = "kafka"

    def __init__(self, name: str, cluster: Cluster, base: Path, clock: Callable[[], datetime]) -> None:
        self.name, self.every = name, cluster.every
        self.watch = Watch(access(name, cluster, base), clock=clock)
        self.cost = Cost()
        self._fold = Fold()
        self._last: Look | None = None

    def look(self) -> Seen:
        """Look once. Raise NotSeenError."""
        try:
            self._last = look = self.watch.look()
        finally:
            link = self.watch.link
            self.cost.requests, self.cost.sent, self.cost.received = link.requests.total(), link.sent, link.received
        refused = tuple(f"{what}: {why}" for what, why in look.refused.items() if why)
        return Seen(look.at, tuple(self._fold.facts(look)), refused)

    def line(self) -> dict[str, Any] | None:
        """The last look as a line of a recording."""
        return None if self._last is None else recorded.line(self._last)

    def retell(self) -> None:
        """Tell everything at the next look."""
        self._fold.retell()

    def close(self) -> None:
        """Hang up."""
        self.watch.close()


def access(name: str, cluster: Cluster, base: Path) -> Access:
    """How a cluster is reached, as its configuration says; files are relative to `base`."""
    tls, sasl = cluster.tls, cluster.sasl
    return Access(
        cluster=name,
        bootstrap=tuple(str(one) for one in cluster.bootstrap),
        tls=tls is not None,
        ca=_file(base, tls.ca if tls else None),
        certificate=_file(base, tls.certificate if tls else None),
        key=_file(base, tls.key if tls else None),
        check_name=tls.check_name if tls else True,
        mechanism=sasl.mechanism if sasl else None,
        user=sasl.user if sasl else None,
        password=sasl.password.reveal() if sasl and sasl.password else None,
        token=_token(sasl, base) if sasl else None,
        timeout=cluster.timeout.total_seconds(),
    )


def _file(base: Path, name: str | None) -> str | None:
    return None if name is None else str(base / name)


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


def pulls(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Pull]:
    """Every source that the configuration names."""
    for name, cluster in settings.clusters.items():
        if cluster.bootstrap:
            yield KafkaPull(name, cluster, settings.base, clock)

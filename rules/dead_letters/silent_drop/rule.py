"""DLQ-02: a connector goes on after an error, and what it could not process is kept nowhere."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.rule import SLOW, rule
from agent.model.things import Connector
from agent.model.verdict import AnyOf, Claim, Evidence, Need, Path, Reason, Scalar, Severity, Verdict, fails_when
from rules.dead_letters.silent_drop.steps import steps
from rules.topics import weaker

TOLERANCE, QUEUE = "errors.tolerance", "errors.deadletterqueue.topic.name"
HEADERS, LOG = "errors.deadletterqueue.context.headers.enable", "errors.log.enable"
SINK, SOURCE = "sink", "source"
DROPS = ("a sink without a dead-letter topic", "a source that does not log")


@dataclass(frozen=True)
class Config:
    """DLQ-02 has no threshold of its own but Connect's defaults (Kafka 4.1), which an absent setting means."""

    tolerance: str = "none"
    headers: str = "false"  #: without them nobody knows which record failed, and why
    log: str = "false"


@rule("DLQ-02", severity=Severity.CRITICAL, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(1))
def silent_drop(connector: Connector, cfg: Config) -> Verdict:
    """A connector goes on after an error, and nothing is left of what it could not process."""
    said = {
        TOLERANCE: _said(connector, TOLERANCE, cfg.tolerance),
        QUEUE: _said(connector, QUEUE, ""),
        HEADERS: _said(connector, HEADERS, cfg.headers),
        LOG: _said(connector, LOG, cfg.log),
    }
    paths = _paths(connector, said)
    failing = [path.name for path in paths if path.truth]
    severity, why = _weight(connector, drops=any(name in DROPS for name in failing))
    return fails_when(
        Need(
            "settings of the connector",
            len(connector.settings),
            ">=",
            1,
            learn="give a recording of Kafka Connect with the connector's `config`",
            reason=Reason.NOT_SENT,
        ),
        Claim("errors.tolerance", _lower(said[TOLERANCE]), "==", "all", learn=_PLAIN),
        Claim("sink or source", connector.type in (SINK, SOURCE) or None, "==", True, learn=_KIND),
        AnyOf(paths),
        says=_says(connector, said[QUEUE] or "", failing),
        meets=f"{connector.connector.name} drops nothing unseen.",
        severity=severity,
        weighed=why,
        show=_shown(connector, said),
        do=steps(connector, said[QUEUE] or "", failing),
    )


_PLAIN = "let a recording have the value itself, not a reference to a config provider"
_KIND = "give a recording that says whether the connector is a sink or a source"


def _said(connector: Connector, name: str, default: str) -> str | None:
    """What is in force: as Connect tells it, else as it is written, else the default; None for a reference."""
    found = connector.settings.get(f"effective.{name}", connector.settings.get(name))
    value = default if found is None else found.strip()
    return None if "${" in value or not connector.settings else value


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _paths(connector: Connector, said: dict[str, str | None]) -> tuple[Path, ...]:
    """Of a sink whether letters are kept, and can be read; of a source, which has no dead letters, whether it logs."""
    queue = said[QUEUE]
    named = None if queue is None else int(bool(queue))
    kept = Claim("dead-letter topics named", named, ">=", 1, learn=_PLAIN)
    drop = Claim("dead-letter topics named", named, "<", 1, learn=_PLAIN)
    log = Claim("errors.log.enable", _lower(said[LOG]), "!=", "true", learn=_PLAIN)
    headers = Claim("context headers", _lower(said[HEADERS]), "!=", "true", learn=_PLAIN)
    if connector.type == SOURCE:
        return (Path(DROPS[1], (log,)),)
    paths = [Path(DROPS[0], (drop,)), Path("without context headers", (kept, headers))]
    if connector.letters_listed is not None:
        there = Claim("its dead-letter topic is on the broker", connector.letters_listed, "==", False)
        paths.append(Path("a dead-letter topic that is missing", (kept, there)))
    return tuple(paths)


def _weight(connector: Connector, *, drops: bool) -> tuple[Severity | None, str]:
    if connector.loss_tolerant:
        return Severity.LOW, "its records may be lost (loss_tolerant)"
    if drops:
        return None, ""
    return weaker(connector, Severity.MEDIUM), "its records are kept as far as is known, only not as they should be"


def _says(connector: Connector, queue: str, failing: list[str]) -> str:
    name = connector.connector.name
    if DROPS[0] in failing:
        return f"{name} drops each record that it cannot process: it tolerates all errors, with 0 dead-letter topics."
    if DROPS[1] in failing:
        return f"{name} skips what it cannot read and logs 0 of it: it tolerates all errors."
    if "a dead-letter topic that is missing" in failing:
        return f"{name} tolerates all errors, and of its 1 dead-letter topic {queue} the broker knows nothing."
    return f"{name} puts what it cannot process into {queue} with 0 headers that say why."


def _shown(connector: Connector, said: dict[str, str | None]) -> dict[str, Scalar]:
    shown: dict[str, Scalar] = {name: value for name, value in said.items() if value is not None}
    return {**shown, "kind": connector.type, "state": connector.state, "failed tasks": connector.failed_tasks}

"""LAG-08: a transaction hangs, and a group waits behind it."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog
from agent.model.verdict import Claim, Evidence, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, abandoned, lasting, looked, offsets_of_its_own, recent, unread
from rules.backlog.hanging_transaction.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-08. K = Kafka 4.1."""

    longest: timedelta = timedelta(
        minutes=15
    )  #: K: transaction.max.timeout.ms by default, where the broker's is not seen
    slack: timedelta = timedelta(minutes=1)  #: K: the broker ends what is over every 10 s; and a look is late (ours)
    waited: timedelta = timedelta(minutes=5)  #: in which the group never had less unread than is held (ours)
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@rule(
    "LAG-08",
    severity=Severity.HIGH,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=LAG,
    lookback=timedelta(minutes=70),
    stability=Stability.PREVIEW,
)
def hanging_transaction(backlog: Backlog, cfg: Config) -> Verdict:
    """A transaction hangs, and whoever reads committed messages waits behind it."""
    held, limit = backlog.held.last or 0.0, (backlog.transaction_timeout or cfg.longest) + cfg.slack
    parts = (
        offsets_of_its_own(backlog),
        looked(backlog, cfg.stale),
        Claim("s for which the last stable offset stands", held, ">", limit.total_seconds()),
        unread(backlog),
    )
    if held <= limit.total_seconds():
        return fails_when(*parts, says="", meets=f"No transaction on {backlog.topic.name} is open for too long.")
    messages = int(backlog.held_messages.last or 0)
    return fails_when(
        *parts,
        Claim("messages held", messages, ">", 0, learn=LOOK),
        Claim("fewest unread in 5 min, of those held", _behind(backlog, cfg, messages), ">=", 1),
        says=_says(backlog, held, messages),
        meets=_meets(backlog, held),
        show=_shown(backlog, cfg),
        do=steps(backlog, limit - cfg.slack),
    )


def _behind(backlog: Backlog, cfg: Config, messages: int) -> float | None:
    """1 and more where it never got into what is held: one that reads uncommitted messages does."""
    lag = recent(backlog.lag, backlog, cfg.waited).values
    held = recent(backlog.held_messages, backlog, cfg.waited).values
    if not lag or messages < 1:
        return None
    return round(min(lag) / max(1.0, min(held, default=float(messages))), 2)


def _says(backlog: Backlog, held: float, messages: int) -> str:
    where = f"behind a transaction on {backlog.topic.name} that is open for {lasting(held)}"
    return f"{backlog.group.name} waits {where}; {counted(messages, 'message is', 'messages are')} held."


def _meets(backlog: Backlog, held: float) -> str:
    open_for = f"A transaction on {backlog.topic.name} is open for {lasting(held)}"
    on = "" if abandoned(backlog) else f"{backlog.group.name} reads on. "
    return f"{on}{open_for}: it would hold whoever reads committed messages."


def _shown(backlog: Backlog, cfg: Config) -> dict[str, Scalar]:
    seen = backlog.transaction_timeout
    held = recent(backlog.held_messages, backlog, timedelta(minutes=15)).values
    return {
        "last stable offset stands for": lasting(backlog.held.last or 0.0),
        "longest transaction the broker allows": length(seen or cfg.longest),
        "known by": "the broker's setting" if seen else "Kafka's default: the broker's setting was not seen",
        "messages held": backlog.held_messages.last,
        "more of them in 15 min": held[-1] - held[0] if held else None,
        "unread messages": backlog.lag.last,
        "age of the oldest, s": backlog.age.last,
        "members": backlog.members.last,
    }

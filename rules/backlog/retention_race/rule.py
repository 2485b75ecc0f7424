"""LAG-04: messages will be deleted before the group reads them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.rule import LAG, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog
from agent.model.verdict import AnyOf, Claim, Evidence, Need, OnlyIf, Path, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, deserted, kept_for_good, lasting, looked, more_looks, unread, yet
from rules.backlog.retention_race.race import MINIMA, Race, race
from rules.backlog.retention_race.steps import steps
from rules.topics import weaker

ENDLESS = "-1"


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-04. R = the rule catalogue."""

    SHARES: ClassVar = ("warn", "critical", "forecast_used", "aging", "falls")

    warn: float = 0.5  #: of the retention used by the oldest unread message (R)
    critical: float = 0.8  #: likewise (R): of 7 d a day and a half is left, which is a weekend
    horizon: timedelta = timedelta(hours=24)  #: a forecast reaches so far (R): somebody is at work within it
    forecast_used: float = 0.33  #: of the retention; less is a pause, not a race (ours)
    pause: float = 1.1  #: times its longest pause; within it no trend foretells when it goes on (ours)
    falls: float = 0.1  #: s of retention a second: 6 min an hour; a slower fall is noise of stamps (ours)
    minima: int = 6  #: of the hour's twelve, so that a trend has an interval (ours)
    span: timedelta = timedelta(hours=1)  #: over which it drains or falls
    drained: timedelta = timedelta(minutes=1)  #: what is left must have risen by more, or it drains nothing (ours)
    #: growth a second of the age at which messages are deleted; near 1 none is, and the first only gets older (ours)
    aging: float = 0.5
    waited: timedelta = timedelta(minutes=10)  #: over which that growth is seen (ours)
    given_up: timedelta = timedelta(days=3)  #: without members: a weekend and a day, after which it was given up (ours)
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@rule(
    "LAG-04",
    severity=Severity.CRITICAL,
    evidence=Evidence.EXPOSURE,
    config=Config,
    hold=LAG,
    lookback=timedelta(minutes=70),
    stability=Stability.STABLE,
    pages=True,
)
def retention_race(backlog: Backlog, cfg: Config) -> Verdict:
    """Messages will be deleted before they are read."""
    parts = (
        OnlyIf("a topic that deletes old messages (cleanup.policy)", _deletes(backlog), learn=_SETTINGS),
        kept_for_good(backlog),
        OnlyIf("a group that still reads (no member for days)", not _given_up(backlog, cfg)),
        looked(backlog, cfg.stale),
        unread(backlog),
    )
    used = backlog.retention_used.last
    if not backlog.lag.last or (used is not None and used < min(cfg.warn, cfg.forecast_used)):
        return fails_when(*parts, _share(used, cfg), says="", meets=_in_time(backlog))
    seen = race(backlog, cfg.span)
    severity, why, evidence = _weight(backlog, seen, cfg)
    return fails_when(
        *parts,
        AnyOf((_used(backlog, seen, cfg), _forecast(backlog, seen, cfg))),
        says=_says(backlog, seen),
        meets=_in_time(backlog),
        severity=severity,
        weighed=why,
        evidence=evidence,
        show=_shown(backlog, seen),
        do=steps(backlog, seen),
    )


_SETTINGS = "let the agent read the topic's settings (DESCRIBE_CONFIGS on the topic), or give a recording with them"


def _deletes(backlog: Backlog) -> bool | None:
    """None where the settings were not seen; a topic that only compacts, or keeps all, has no race."""
    settings = backlog.settings
    if "retention.ms" not in settings and "cleanup.policy" not in settings:
        return True if backlog.retention is not None or backlog.retention_used.values else None
    if "delete" not in settings.get("cleanup.policy", "delete"):
        return False
    return settings.get("retention.ms") != ENDLESS or settings.get("retention.bytes", ENDLESS) != ENDLESS


def _given_up(backlog: Backlog, cfg: Config) -> bool:
    return (
        backlog.members.last == 0
        and backlog.state_for is not None
        and backlog.state_for > cfg.given_up
        and backlog.commit_gap is None
    )


def _used(backlog: Backlog, seen: Race, cfg: Config) -> Path:
    gained = () if seen.gained is None else (_gained(seen.gained, cfg),)
    return Path("used", (_share(seen.used, cfg), *gained, *_limited(backlog, seen, cfg)))


def _share(used: float | None, cfg: Config) -> Claim:
    learn = "let the agent watch its cluster for a while, or give a recording with the age of what is unread"
    return Claim("share of the retention used", used, ">=", cfg.warn, learn=learn)


def _in_time(backlog: Backlog) -> str:
    group, topic, used = backlog.group.name, backlog.topic.name, backlog.retention_used.last
    if not backlog.lag.last:
        return f"Nothing of {topic} waits for {group}."
    part = "" if used is None else f": {used:.0%} of the time for which it is kept is used"
    return f"What waits on {topic} for {group} is not about to be deleted{part}{yet(backlog)}."


def _gained(seconds: float, cfg: Config) -> Claim:
    return Claim(
        "s by which more of the retention is left than an hour ago", seconds, "<=", cfg.drained.total_seconds()
    )


def _limited(backlog: Backlog, seen: Race, cfg: Config) -> tuple[Claim, ...]:
    """Deleted by size, as it seems; but where that age grows, nothing is deleted and the first message only ages."""
    kept = backlog.retention
    if kept is None or seen.kept is None or seen.kept >= 0.95 * kept.total_seconds():
        return ()
    aging = None if seen.aging is None else round(seen.aging, 2)
    return (
        Claim("min for which messages have waited", round(seen.waited / 60, 1), ">=", cfg.waited.total_seconds() / 60),
        Claim("s a second by which the age at which messages go grows", aging, "<", cfg.aging, learn=LOOK),
    )


def _forecast(backlog: Backlog, seen: Race, cfg: Config) -> Path:
    apart = None if seen.soonest is None or seen.latest is None else round(seen.latest - seen.soonest)
    horizon = cfg.horizon.total_seconds()
    return Path(
        "forecast",
        (
            Need("5-min lows of what is left in 60 min", seen.minima, ">=", cfg.minima, learn=_lows(backlog, cfg)),
            Claim("share of the retention used, with a forecast", seen.used, ">=", cfg.forecast_used, learn=LOOK),
            Claim("s of retention lost a second", _round(seen.falls), ">=", cfg.falls, learn=LOOK),
            Claim("s until nothing is left", _within(seen), "<=", horizon, learn=LOOK),
            Claim("s between the soonest and the latest", horizon + 1 if apart is None else apart, "<=", horizon),
            *_paused(backlog, cfg),
            *_limited(backlog, seen, cfg),
        ),
    )


def _lows(backlog: Backlog, cfg: Config) -> str:
    return more_looks(backlog, cfg.span * cfg.minima / MINIMA)


def _paused(backlog: Backlog, cfg: Config) -> tuple[Claim, ...]:
    """A group that stands still and often does: what is left falls until it goes on."""
    if backlog.still is None or backlog.commit_gap is None:
        return ()
    over = (backlog.still - cfg.pause * backlog.commit_gap).total_seconds()
    return (Claim("s without a commit, over its longest pause", round(over, 1), ">", 0),)


def _within(seen: Race) -> float | None:
    if seen.left is None or seen.falls is None:
        return None
    return round(seen.left / seen.falls) if seen.falls > 0 else float("inf")


def _weight(backlog: Backlog, seen: Race, cfg: Config) -> tuple[Severity | None, str, Evidence | None]:
    """Critical near the end; a forecast is milder, a warning milder still, and a group that nobody runs mildest."""
    used = seen.used or 0.0
    if deserted(backlog):
        why = "no member and no commit of this group was seen so far: it may be given up"
        return weaker(backlog, Severity.MEDIUM), why, Evidence.INFERRED
    if used >= cfg.critical:
        return None, "", None
    if _forecast(backlog, seen, cfg).truth:
        severity, why = (
            weaker(backlog, Severity.HIGH),
            f"the trend of the last hour crosses within {_hours(cfg.horizon)}",
        )
    else:
        severity, why = weaker(backlog, Severity.MEDIUM), f"under {cfg.critical:.0%} of the retention is used"
    return (None, "", None) if severity is Severity.CRITICAL else (severity, why, None)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"


def _says(backlog: Backlog, seen: Race) -> str:
    age, left = backlog.age.last or 0.0, seen.left or 0.0
    kept = backlog.retention.total_seconds() if backlog.retention is not None else seen.kept or 0.0
    if seen.kept is not None:
        kept = min(kept or seen.kept, seen.kept)
    end = f"the next are deleted unread in {lasting(left)}" if left > 0 else "they are being deleted unread"
    where = f"{lasting(age)} behind {backlog.topic.name}, which keeps messages for {lasting(kept)}"
    return f"{backlog.group.name} is {where}: {end}."


def _shown(backlog: Backlog, seen: Race) -> dict[str, Scalar]:
    within = _within(seen)
    return {
        "share of the retention used": seen.used,
        "left": None if seen.left is None else lasting(seen.left),
        "at this pace used up in": None if within is None or within == float("inf") else lasting(within),
        "retention set": None if backlog.retention is None else length(backlog.retention),
        "retention in effect": None if seen.kept is None else lasting(seen.kept),
        "retention.bytes": backlog.settings.get("retention.bytes"),
        "unread messages": backlog.lag.last,
        "members": backlog.members.last,
    }


def _round(number: float | None) -> float | None:
    return None if number is None else round(number, 3)

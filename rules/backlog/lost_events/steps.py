"""What to do about LAG-07: get back what can be had, and see to it that the next loss is loud."""

from datetime import UTC, datetime, timedelta

from agent.model.counting import counted
from agent.model.steps import own, typed
from agent.model.subjects import Backlog
from rules.backlog import groups_sh
from rules.backlog.lost_events.leaps import Leap
from rules.topics import set_on


def steps(backlog: Backlog, deleted: int | None, jump: Leap | None) -> tuple[str, ...]:
    """What was deleted is gone from the topic; what was skipped is still there."""
    if deleted:
        return (_replay(backlog, deleted), *_longer(backlog), _loud(backlog))
    return (_back(backlog, jump), _loud(backlog)) if jump is not None else _again(backlog)


def _replay(backlog: Backlog, deleted: int) -> str:
    return (
        f"Get the {counted(deleted, 'message')} from the source of {own(backlog.topic)}, or from a backup: the topic "
        f"has them no more. {groups_sh(backlog, '--describe')} shows where {own(backlog.group)} stands."
    )


def _longer(backlog: Backlog) -> tuple[str, ...]:
    if backlog.retention is None:
        return (f"Let {own(backlog.topic)} keep messages longer than its slowest reader takes.",)
    more = set_on(backlog, f"retention.ms={int(2 * backlog.retention.total_seconds() * 1000)}")
    return (f"Let {own(backlog.topic)} keep messages longer than its slowest reader takes ({more}).",)


def _loud(backlog: Backlog) -> str:
    return (
        f"Set `auto.offset.reset=none` on {own(backlog.group)} if each message counts: it stops then, where it would "
        f"go on in silence."
    )


def _back(backlog: Backlog, jump: Leap) -> str:
    before = datetime.fromtimestamp(jump.at, tz=UTC) - timedelta(minutes=5)
    when = f"{before:%Y-%m-%dT%H:%M:%S}.000"
    put = groups_sh(backlog, f"--reset-offsets --to-datetime {when} --topic {typed(backlog.topic)} --dry-run")
    return (
        f"If nobody meant to skip them, stop {own(backlog.group)} and set it back to before the oldest that it "
        f"skipped: {put}, with an earlier time if need be; then `--execute`."
    )


def _again(backlog: Backlog) -> tuple[str, ...]:
    group = own(backlog.group)
    return (
        f"If somebody replays {own(backlog.topic)} into {group}, let it run, and waive this for the day.",
        f"If nobody does, look for a commit of an old offset: an instance that hung and came back, or a job that was "
        f"restored from an old checkpoint. {groups_sh(backlog, '--describe')} shows where {group} stands.",
        f"Make sure that what {group} does twice is harmless, before it gets there.",
    )

"""What to do about LAG-09: run it, or keep its offsets elsewhere."""

from agent.model.steps import code, own, typed
from agent.model.subjects import Backlog
from rules.backlog import groups_sh


def steps(backlog: Backlog) -> tuple[str, ...]:
    """A run starts the clock anew; a file outlives it."""
    group, file = own(backlog.group), "offsets.csv"
    save = groups_sh(backlog, f"--reset-offsets --to-current --export --topic {typed(backlog.topic)} --dry-run")
    back = groups_sh(backlog, f"--reset-offsets --from-file {file} --execute")
    return (
        f"Run {group} once: while it has a member its offsets stay, and once it has left the time starts anew.",
        f"If it cannot run now, keep its offsets in a file: {save}, into {code(file)}.",
        f"Put them back before {group} starts, if it was too late: {back}.",
        f"If {group} always pauses so long, keep offsets longer on the brokers: `offsets.retention.minutes`, more than "
        f"twice its pause; they have to be restarted for it.",
        f"If nobody needs {group}, delete it: {groups_sh(backlog, '--delete')}.",
    )

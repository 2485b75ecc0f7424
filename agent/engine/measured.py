"""Which measures a backlog is made of, by the field that a rule reads."""

from agent.model.hearing import LOOKS

#: Held at each look until they are told again.
OF_PAIR = {
    "lag": "lag",
    "age": "age_seconds",
    "age_median": "age_median_seconds",
    "skew": "stamp_skew_seconds",
    "committed": "committed",
    "produced": "produced",
    "lost": "lost",
    "hot_written": "hot_written",
    "window_written": "window_written",
    "retention_left": "retention_left_seconds",
    "retention_used": "retention_used",
    "members": "members",
    "epochs": "epoch",
    "unstable": "unstable",
}
SPARSE = {"rebalances": "rebalances", "joined": "joined"}  #: told where something happens, and not held
OF_TOPIC = {"held_messages": "held_messages", "held": "held_seconds"}
STUCK = ("stuck_seconds", "stuck_partition", "stuck_offset", "moving_partitions")  #: told in trouble only
ORPHANED = "orphaned"
BACKLOG_SERIES = (*OF_PAIR.values(), *SPARSE.values(), *OF_TOPIC.values(), *STUCK, ORPHANED, LOOKS)
WRITERS = ("written_partitions", "plain_partitions")

"""LAG-01: a backlog grows and is not being drained."""

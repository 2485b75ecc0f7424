"""LAG-05: few partitions hold the backlog."""

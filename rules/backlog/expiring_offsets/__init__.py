"""LAG-09: the broker will forget where a group was."""

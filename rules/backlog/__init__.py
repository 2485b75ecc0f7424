"""Backlog: what waits to be read."""

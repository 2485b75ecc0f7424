"""Rounds of rules and the life of findings."""

"""Idempotency: what happens when a message comes twice."""

"""Observability: what cannot be followed."""
